/**
 * Puts the edits of an answer on a snapshot: in order, in memory, each on the result of those before it; all of them or none.
 * Bytes that no edit names stay as they are. Pure and total: the same input gives the same result, and no input throws.
 */
import { firstLostLine } from './additions-only.js';
import { decode, printable, type DecodedText } from './charset.js';
import { checkPath, resolvePath, shown, type PathFault } from './edit-paths.js';
import { replaceAllTexts, replaceText, rewriteText, type EditedText } from './edit-text.js';
import { editedTree, type BaseTree, type EditedTree, type TreeEdit } from './edited-tree.js';
import type { Edit } from './edits.js';
import { isFencedFile } from './fenced-file.js';
import { ignoringRule } from './ignore-rules.js';
import { lfsRule } from './lfs-rules.js';
import type { ProtectPolicy } from './task.js';

export interface EditRules {
  /** What the task allows for a path. */
  readonly protect: (path: string) => ProtectPolicy;
}

/** Why one edit cannot be applied, in words for the model. */
export interface EditFault {
  /** Place of the edit in the answer, from 0. */
  readonly index: number;
  readonly path: string;
  readonly code: 'refusedPath' | 'protectedFile' | 'editsRejected';
  /** Without the path; starts in lower case; at most `FAULT_CHARACTERS_MAX` characters. */
  readonly says: string;
}

export type EditResult =
  /** `changes` is empty if the answer changes nothing. `notes` say what was overlooked to make a search match. */
  | { readonly kind: 'applied'; readonly changes: readonly TreeEdit[]; readonly notes: readonly string[] }
  /** Every fault there is; nothing was applied. */
  | { readonly kind: 'rejected'; readonly faults: readonly EditFault[] }
  /** Read these files of the base too and call again; every round names files that the last one did not have. */
  | { readonly kind: 'needsContent'; readonly paths: readonly string[] };

/** Bounds of one answer; none of them is near what a reviewable change needs. */
const LIMITS = {
  /** More are a rewrite by script: that is a job for a command, not for a model's answer. */
  edits: 200,
  /** More than any model writes in one answer; keeps the search within a moment. */
  textBytes: 1_000_000,
  /** What an answer may put into memory and into one commit. */
  totalBytes: 4_000_000,
} as const;

/** A dozen faults fit into a repair prompt. */
const FAULT_CHARACTERS_MAX = 1_500;

/** Applies the edits to the snapshot; asks for file contents that it needs and has not got. */
export function applyEdits(edits: readonly Edit[], base: BaseTree, rules: EditRules): EditResult {
  const excess = excessOf(edits);
  if (excess.length > 0) return { kind: 'rejected', faults: excess };
  const run: Run = { base, tree: editedTree(base), rules, lastEditOf: new Map() };
  const unread = new Set<string>();
  const faults: EditFault[] = [];
  const notes: string[] = [];
  for (const [index, edit] of edits.entries()) {
    const step = applyOne(run, edit, index);
    if (step.kind === 'unread') unread.add(step.path);
    else if (step.kind === 'fault') faults.push(faultOf(index, edit, step, faults));
    else notes.push(...step.notes.map((note) => `edit ${index + 1}, ${shown(edit.path)}: ${note}`));
  }
  faults.push(...brokenAdditions(run, edits));
  const outcome = run.tree.changes();
  if (outcome.kind === 'unread') for (const path of outcome.paths) unread.add(path);
  if (unread.size > 0) return { kind: 'needsContent', paths: [...unread] };
  if (faults.length > 0) return { kind: 'rejected', faults: faults.toSorted((a, b) => a.index - b.index) };
  return { kind: 'applied', changes: outcome.kind === 'changes' ? outcome.changes : [], notes };
}

interface Run {
  readonly base: BaseTree;
  readonly tree: EditedTree;
  readonly rules: EditRules;
  /** For each path that an edit changed, the index of the last one. */
  readonly lastEditOf: Map<string, number>;
}

interface Fault {
  readonly kind: 'fault';
  readonly code: EditFault['code'];
  readonly says: string;
}

type Step =
  | { readonly kind: 'done'; readonly notes: readonly string[] }
  | { readonly kind: 'unread'; readonly path: string }
  | Fault;

const rejected = (says: string): Fault => ({ kind: 'fault', code: 'editsRejected', says });
const done = (...notes: readonly string[]): Step => ({ kind: 'done', notes });

function excessOf(edits: readonly Edit[]): readonly EditFault[] {
  const beyond = edits[LIMITS.edits];
  if (beyond !== undefined) {
    const says = `the answer has ${edits.length} edits; ${LIMITS.edits} are the most.`;
    return [faultOf(LIMITS.edits, beyond, rejected(says), [])];
  }
  let total = 0;
  return edits.flatMap((edit, index) => {
    const sizes = [edit.content, edit.search, edit.replace].map(sizeOf);
    total += sizes.reduce((sum, size) => sum + size, 0);
    if (Math.max(...sizes) > LIMITS.textBytes)
      return [faultOf(index, edit, rejected(`a text of it is longer than ${LIMITS.textBytes} bytes.`), [])];
    if (total <= LIMITS.totalBytes) return [];
    return [faultOf(index, edit, rejected(`up to here the edits have more than ${LIMITS.totalBytes} bytes.`), [])];
  });
}

/** Bytes in UTF-8; a text far beyond the limit is not even encoded. */
const sizeOf = (text: string | null): number =>
  text === null ? 0 : text.length > LIMITS.textBytes ? text.length : new TextEncoder().encode(text).length;

function faultOf(index: number, { path }: Edit, { code, says }: Fault, before: readonly EditFault[]): EditFault {
  const earlier = before.find((fault) => fault.path === shown(path));
  const follows =
    earlier === undefined ? '' : ` (Edit ${earlier.index + 1} of this file failed too; this may follow from it.)`;
  const whole = printable(says + follows);
  return { index, path: shown(path), code, says: cut(whole, FAULT_CHARACTERS_MAX) };
}

const cut = (text: string, max: number): string => (text.length > max ? `${printable(text.slice(0, max - 1))}…` : text);

function applyOne(run: Run, edit: Edit, index: number): Step {
  const place = resolve(run, edit.path, edit.op === 'write' || edit.op === 'replace');
  if (place.kind !== 'place') return place;
  const policy = policyFault(run, edit, place);
  if (policy !== null) return policy;
  const step = carryOut(run, edit, place.path);
  if (step.kind === 'done') run.lastEditOf.set(place.path, index);
  return step;
}

function carryOut(run: Run, edit: Edit, path: string): Step {
  switch (edit.op) {
    case 'write':
      return write(run, path, edit);
    case 'replace':
      return replace(run, path, edit);
    case 'delete':
      return remove(run, path);
    case 'move':
      return move(run, edit, path);
    default:
      return rejected(`there is no operation ${String(edit.op satisfies never)}`);
  }
}

// ---------------------------------------------------------------- places

interface Place {
  readonly kind: 'place';
  /** The file itself, links resolved. */
  readonly path: string;
  /** As named, which a policy may name too. */
  readonly named: string;
}

function resolve({ tree, base }: Run, given: string, followLast: boolean): Place | Exclude<Step, { kind: 'done' }> {
  const checked = checkPath(given, (path) => base.entries.has(path));
  if (checked.kind === 'fault') return pathFault(checked);
  const resolved = resolvePath(tree, checked.path, followLast);
  if (resolved.kind === 'fault') return pathFault(resolved);
  return resolved.kind === 'unread' ? resolved : { kind: 'place', path: resolved.path, named: checked.path };
}

const pathFault = ({ code, says }: PathFault): Fault => ({
  kind: 'fault',
  code,
  says: `the path cannot be used: ${says}.`,
});

/** `add-only` allows new files here; what an edit does to the lines of an old one is judged when all are applied. */
function policyFault({ rules, base }: Run, { op }: Edit, { path, named }: Place): Fault | null {
  const policies = [rules.protect(path), rules.protect(named)];
  if (policies.includes('deny')) return protectedFile('the task does not allow changes to this file.');
  if (!policies.includes('add-only') || (op !== 'delete' && op !== 'move') || !base.entries.has(path)) return null;
  return protectedFile(`the task allows additions only to this file; ${op} is not allowed.`);
}

const protectedFile = (says: string): Fault => ({ kind: 'fault', code: 'protectedFile', says });

/** Why no new file can be made here, if it cannot. */
function newFileFault({ tree, base }: Run, path: string): Exclude<Step, { kind: 'done' }> | null {
  const twin = tree.twinOf(path);
  if (twin !== undefined)
    return rejected(
      `${shown(twin)} exists already and differs only by letter case or Unicode form, which some file systems cannot tell apart.`,
    );
  // Git goes on with files that it tracks already, ignored or not.
  return base.entries.has(path) ? null : ignoredFault(tree, path);
}

/** The tree would take an ignored file, but whoever checks it out would not see that it belongs there. */
function ignoredFault(tree: EditedTree, path: string): Exclude<Step, { kind: 'done' }> | null {
  const rule = ruleFor(tree, path, ignoringRule);
  if (typeof rule === 'object') return rule;
  return rejected(`git ignores this path (${shown(rule)}): what it ignores does not belong in a commit.`);
}

/** Git wants a pointer there, and the content in a store that no edit reaches. */
function lfsFault({ tree }: Run, path: string): Exclude<Step, { kind: 'done' }> | null {
  const rule = ruleFor(tree, path, lfsRule);
  if (typeof rule === 'object') return rule;
  return rejected(`the content of this path belongs to Git LFS (${shown(rule)}), which an edit cannot write.`);
}

/** What the files with rules beside and above a path say of it, as the edits so far have left them. */
function ruleFor(
  tree: EditedTree,
  path: string,
  ruleOf: typeof ignoringRule,
): string | Extract<Step, { kind: 'unread' }> | null {
  const unread: string[] = [];
  const rule = ruleOf(path, (file) => {
    const mode = tree.modeOf(file);
    // Git follows no link to such a file.
    if (mode === undefined || mode === '120000') return null;
    const found = tree.textAt(file);
    if (found.kind === 'unread') unread.push(found.path);
    return found.kind === 'text' ? found.text.text : null;
  });
  const [first] = unread;
  return first === undefined ? rule : { kind: 'unread', path: first };
}

function missing({ tree }: Run, path: string): Fault {
  if (tree.isFolder(path)) return rejected('it is a folder; name its files one by one.');
  const similar = tree.similarTo(path);
  const hint = similar.length === 0 ? '' : ` Similar paths: ${similar.map(shown).join(', ')}.`;
  return rejected(`the file does not exist.${hint}`);
}

// ---------------------------------------------------------------- operations

function write(run: Run, path: string, { content, onlyNew }: Edit): Step {
  const { tree } = run;
  if (content === null) return rejected('content is missing.');
  const mode = tree.modeOf(path);
  if (mode !== undefined && onlyNew === true) return rejected(NOT_NEW);
  if (mode !== undefined) return editText(run, path, mode, (old) => wholeText(path, old, content));
  if (tree.isFolder(path)) return rejected('it is a folder; name a file.');
  return (
    newFileFault(run, path) ?? lfsFault(run, path) ?? put(run, path, newMode(run, path), wholeText(path, null, content))
  );
}

const NOT_NEW =
  'an empty search makes a new file, and this one exists already. Search for the lines to replace, or send the whole file.';

const wholeText = (path: string, old: DecodedText | null, content: string): EditedText =>
  isFencedFile(path, content, old?.text ?? null) ? { kind: 'unfit', says: FENCED } : rewriteText(old, content);

const FENCED = 'content stands between fences; send the bare text of the file.';

/** A script that is deleted and written anew in one answer stays a script. */
const newMode = ({ base }: Run, path: string): string =>
  base.entries.get(path)?.mode === '100755' ? '100755' : '100644';

function replace(run: Run, path: string, { search, replace: replacement, all }: Edit): Step {
  if (search === null || replacement === null) return rejected('search or replace is missing.');
  const mode = run.tree.modeOf(path);
  if (mode === undefined) return missing(run, path);
  return editText(run, path, mode, (old) =>
    all === true
      ? replaceAllTexts(old, search, replacement)
      : replaceText(old, () => baseText(run.base, path), search, replacement),
  );
}

function editText(run: Run, path: string, mode: string, edit: (old: DecodedText) => EditedText): Step {
  const old = run.tree.textAt(path);
  if (old.kind === 'unread') return old;
  if (old.kind === 'refused') return rejected(`the file cannot be edited as text: ${old.says}.`);
  return put(run, path, mode, edit(old.text));
}

function put({ tree }: Run, path: string, mode: string, made: EditedText): Step {
  if (made.kind === 'unfit') return rejected(made.says);
  tree.putText(path, mode, made.text);
  return made.note === '' ? done() : done(made.note);
}

function remove(run: Run, path: string): Step {
  if (run.tree.modeOf(path) === undefined) return missing(run, path);
  run.tree.remove(path);
  return done();
}

function move(run: Run, edit: Edit, from: string): Step {
  const { tree } = run;
  if (edit.to === null) return rejected('`to` is missing.');
  const target = resolve(run, edit.to, false);
  if (target.kind === 'unread') return target;
  if (target.kind === 'fault') return { ...target, says: `${shown(edit.to)}: ${target.says}` };
  const policy = policyFault(run, edit, target);
  if (policy !== null) return { ...policy, says: `${shown(edit.to)}: ${policy.says}` };
  if (tree.modeOf(from) === undefined) return missing(run, from);
  if (tree.isLarge(from)) return rejected('the file is too large to be moved by an edit.');
  const to = target.path;
  if (tree.isFolder(to)) return rejected(`${shown(to)} is a folder; name the whole new path.`);
  if (tree.modeOf(to) !== undefined)
    return rejected(`${shown(to)} exists already; delete it first if it shall be replaced.`);
  tree.move(from, to);
  const fault = newFileFault(run, to);
  if (fault === null) return done();
  tree.move(to, from);
  return fault;
}

// ---------------------------------------------------------------- additions

/** Files under `add-only` whose old lines are not all there any more. */
function brokenAdditions({ tree, base, rules, lastEditOf }: Run, edits: readonly Edit[]): readonly EditFault[] {
  return [...lastEditOf].flatMap(([path, index]) => {
    const edit = edits[index];
    if (edit === undefined || ![path, edit.path].some((each) => rules.protect(each) === 'add-only')) return [];
    const old = baseText(base, path);
    const now = tree.modeOf(path) === undefined ? null : tree.textAt(path);
    if (!base.entries.has(path) || now?.kind === 'unread') return [];
    if (old === null || now?.kind !== 'text') {
      const says = 'the task allows additions only to this file, which is no text or would be gone.';
      return [faultOf(index, edit, protectedFile(says), [])];
    }
    const lost = firstLostLine(old.text, now.text.text);
    if (lost === null) return [];
    const says = `the task allows additions only to this file, but line ${lost} would be changed or removed.`;
    return [faultOf(index, edit, protectedFile(says), [])];
  });
}

/** Text of a file before any edit; null if it has none at hand. */
function baseText(base: BaseTree, path: string): DecodedText | null {
  const file = base.files.get(path);
  const decoded = file === undefined ? null : decode(file.bytes);
  return decoded?.kind === 'text' ? decoded.text : null;
}
