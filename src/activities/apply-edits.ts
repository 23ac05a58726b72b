/**
 * Turns an answer into a new tree, or into the reasons why not.
 * Harmless twice: a pure function of the base tree and the answer; one tree is written, or none.
 */
import picomatch from 'picomatch';
import { lossIn } from '../domain/additions-only.js';
import { applyEdits, type EditFault } from '../domain/apply-edits.js';
import type { SourceFile } from '../domain/edited-tree.js';
import { commitSubject, commitText, withoutSignatures } from '../domain/commit-message.js';
import { besideConflicts, hasConflictMark } from '../domain/conflict-hunks.js';
import type { Edit } from '../domain/edits.js';
import { failure, type Failure, type FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import type { ProtectPolicy, ProtectSpec, TaskSpec } from '../domain/task.js';
import { parseAnswer } from '../schemas.js';
import { PortFault, type TreeChange } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { EditInput, Edited } from './contract.js';
import { guardWork, type GuardedWork } from './guard-work.js';
import { paidAnswer } from './paid-answer.js';
import { readSpec } from './stored-spec.js';

/** A diff beyond this is refused: nobody reads 4 MB, and the guards would not see all of it. */
export const DIFF_BYTES_MAX = 4_000_000;
const COMPLAINT_BYTES_MAX = 3_000;
const SIGNATURE_BYTES_MAX = 500;
/** Ten tell a careless answer from one slip, and with the rest of the result they fit into a payload. */
const NOTES_MAX = 10;
const NOTE_CHARACTERS_MAX = 200;

export const createApplyEdits =
  (ports: ActivityPorts) =>
  async (input: EditInput): Promise<Edited> => {
    const { git, artifacts, model } = ports;
    const spec = await readSpec(artifacts, input.spec);
    const answer = parseAnswer(await paidAnswer(model, input.lineage, input.callId));
    if (answer.kind === 'malformed')
      throw new PortFault('infrastructure', 'The ledger lost the answer of this call.', false);
    const { url } = spec.repo;
    const result = await compute(ports, spec, input.baseTree, answer.answer.edits, rulesFor(ports, spec));
    if (result.kind === 'rejected') return reject(ports, result.faults);
    if (result.changes.length === 0) return nothing(ports, answer.answer.notes);
    const changes: readonly TreeChange[] = result.changes.map(({ path, file }) => [
      path,
      file === null ? null : { mode: file.mode, bytes: Buffer.from(file.bytes) },
    ]);
    const tree = await git.write(url, input.baseTree, changes);
    if (tree === input.baseTree) return nothing(ports, answer.answer.notes);
    const { stat, patch, cut } = await git.diff(url, input.baseTree, tree, DIFF_BYTES_MAX);
    // What cannot be looked at whole is not let out.
    if (cut) return await tooLarge(ports);
    const commitMessage = withoutSignatures(answer.answer.commitMessage);
    const added = addedLines(patch.toString('utf8'));
    const secrets = secretsIn(ports, [...added, commitText(spec, commitMessage)].join('\n'));
    if (secrets !== null) return secretOutcome(ports, secrets);
    const guarded = await guardWork(ports, spec, { baseTree: input.baseTree, tree }, patch);
    if (guarded.kind === 'refused') return await guardOutcome(ports, guarded);
    const marked = input.resolves === true ? await markedFiles(ports, spec, tree) : [];
    if (marked.length > 0) return await stillMarked(ports, marked);
    const lost = input.resolves === true ? await lostBeside(ports, spec, input.baseTree, tree) : [];
    if (lost.length > 0) return await lostOutcome(ports, lost);
    const whole = input.wholeBase === undefined ? null : await git.diff(url, input.wholeBase, tree, DIFF_BYTES_MAX);
    const diff = await artifacts.put('diff', whole?.patch ?? patch);
    const subject = commitSubject(spec, commitMessage);
    const account = accountOf([...guarded.warnings, ...result.notes]);
    return { kind: 'edited', tree, diff, stat: whole?.stat ?? stat, subject, ...account };
  };

/** Taking a mark out is a change of lines, which the rules for tests would refuse. */
function rulesFor({ settings }: ActivityPorts, spec: TaskSpec): (path: string) => ProtectPolicy {
  const policy = protectionOf(settings, spec);
  const { conflicts } = spec;
  if (conflicts === undefined) return policy;
  return (path) => (conflicts.includes(path) ? 'allow' : policy(path));
}

/** What guards warn of, and which texts were found by a looser reading than the literal one; nothing if there is nothing. */
function accountOf(notes: readonly string[]): { readonly notes?: readonly string[] } {
  if (notes.length === 0) return {};
  if (notes.length <= NOTES_MAX) return { notes: notes.map(shortened) };
  const more = `${notes.length - NOTES_MAX + 1} more edits were found by a looser reading`;
  return { notes: [...notes.slice(0, NOTES_MAX - 1).map(shortened), more] };
}

/** Cut in the middle: the edit's number stands first, what was overlooked last. */
function shortened(note: string): string {
  if (note.length <= NOTE_CHARACTERS_MAX) return note;
  const [head, tail] = [60, NOTE_CHARACTERS_MAX - 61];
  return `${note.slice(0, head).toWellFormed()}…${note.slice(-tail).toWellFormed()}`;
}

/** Two rounds are usual: without content, and with it. Each link of a chain takes one more, and a chain has at most 40. */
const READ_ROUNDS_MAX = 50;

/** @param protect what may be done to a file */
export async function compute(
  { git }: ActivityPorts,
  spec: TaskSpec,
  baseTree: string,
  edits: readonly Edit[],
  protect: (path: string) => ProtectPolicy,
) {
  const { url } = spec.repo;
  const entries = new Map((await git.list(url, baseTree)).map((entry) => [entry.path, entry]));
  const files = new Map<string, SourceFile>();
  const rules = { protect };
  for (let round = 0; round < READ_ROUNDS_MAX; round += 1) {
    const result = applyEdits(edits, { entries, files }, rules);
    if (result.kind !== 'needsContent') return result;
    for (const [path, file] of await git.read(url, baseTree, result.paths)) files.set(path, file);
  }
  throw new PortFault('infrastructure', `The edits ask for more files after ${READ_ROUNDS_MAX} rounds.`, false);
}

/** The last rule that names a path counts, so that a task can loosen or tighten the configuration. */
export const protectionOf = (
  settings: Pick<ActivityPorts['settings'], 'protect'>,
  spec: Pick<TaskSpec, 'protect'>,
): ((path: string) => ProtectPolicy) => policyOf([...settings.protect, ...spec.protect]);

function policyOf(rules: readonly ProtectSpec[]): (path: string) => ProtectPolicy {
  const matchers = rules.map(({ glob, policy }) => ({ matches: picomatch(glob, { dot: true }), policy }));
  return (path) => matchers.findLast(({ matches }) => matches(path))?.policy ?? 'allow';
}

async function reject({ artifacts }: ActivityPorts, faults: readonly EditFault[]): Promise<Edited> {
  const worst =
    (['refusedPath', 'protectedFile', 'editsRejected'] as const).find((code) =>
      faults.some((fault) => fault.code === code),
    ) ?? 'editsRejected';
  const text = faults.map(({ index, path, says }) => `edit ${index + 1} (${path}): ${says}`).join('\n');
  const named = faults
    .filter(({ code }) => code === worst)
    .map(({ path, says }) => `${path}: ${says}`)
    .join('; ');
  return {
    kind: 'rejected',
    failure: failure(worst, named),
    signature: cutToBytes(`${worst}\n${faults.map(({ path }) => path).join('\n')}`, SIGNATURE_BYTES_MAX),
    evidence: await artifacts.put('log', text),
    // What reaches outside the repository gets no second chance in the same attempt.
    complaint: worst === 'refusedPath' ? null : cutToBytes(text, COMPLAINT_BYTES_MAX),
  };
}

/** Of files that judge the work: lines beside the marks are of all branches, and no conflict is a reason to lose one. */
async function lostBeside(
  { git, settings }: ActivityPorts,
  spec: TaskSpec,
  marked: string,
  tree: string,
): Promise<readonly string[]> {
  const { repo, conflicts = [] } = spec;
  const policy = protectionOf(settings, spec);
  const paths = conflicts.filter((path) => policy(path) !== 'allow');
  const [before, after] = await Promise.all([git.read(repo.url, marked, paths), git.read(repo.url, tree, paths)]);
  return paths.flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    // One that a branch has removed may go: the other has only changed it.
    if (was === undefined || is === undefined) return [];
    return lossIn(path, Buffer.from(besideConflicts(was.bytes.toString('utf8'))), is.bytes) ?? [];
  });
}

async function lostOutcome({ artifacts }: ActivityPorts, lost: readonly string[]): Promise<Edited> {
  const text = `Only what stands between the marks may be rewritten there: ${lost.join('; ')}`;
  const evidence = await artifacts.put('log', text);
  return { ...rejected('protectedFile', lost.join('; '), evidence), complaint: cutToBytes(text, COMPLAINT_BYTES_MAX) };
}

/** The specification of a `resolve` names the files that conflict. A mark inside a comment would pass every check. */
async function markedFiles({ git }: ActivityPorts, { repo, relatedFiles }: TaskSpec, tree: string) {
  const contents = await git.read(repo.url, tree, relatedFiles);
  return [...contents].filter(([, { bytes }]) => hasConflictMark(bytes.toString('utf8'))).map(([path]) => path);
}

async function stillMarked({ artifacts }: ActivityPorts, paths: readonly string[]): Promise<Edited> {
  const text = paths.map((path) => `${path}: a conflict mark (<<<<<<< or >>>>>>>) is still in it`).join('\n');
  return {
    kind: 'rejected',
    failure: failure('mergeConflict', paths.join(', ')),
    signature: cutToBytes(`mergeConflict\n${paths.join('\n')}`, SIGNATURE_BYTES_MAX),
    evidence: await artifacts.put('log', text),
    complaint: cutToBytes(text, COMPLAINT_BYTES_MAX),
  };
}

/** The repair turn may mend it at once: what is wrong is named line by line. */
async function guardOutcome(
  { artifacts }: ActivityPorts,
  { failure: failed, signature, says }: Extract<GuardedWork, { kind: 'refused' }>,
): Promise<Edited> {
  return {
    kind: 'rejected',
    failure: failed,
    signature: cutToBytes(signature, SIGNATURE_BYTES_MAX),
    evidence: await artifacts.put('log', says),
    complaint: cutToBytes(says, COMPLAINT_BYTES_MAX),
  };
}

const nothing = async ({ artifacts }: ActivityPorts, notes: string): Promise<Edited> =>
  rejected(
    'nothingToCommit',
    'The edits leave every file as it was.',
    await artifacts.put('log', notes === '' ? 'The answer changed nothing.' : notes),
  );

async function tooLarge({ artifacts }: ActivityPorts): Promise<Edited> {
  const says = `The change is larger than ${DIFF_BYTES_MAX} bytes as a patch.`;
  return { ...rejected('workRefused', says, await artifacts.put('log', says)), complaint: says };
}

async function secretOutcome({ artifacts }: ActivityPorts, found: readonly string[]): Promise<Edited> {
  return rejected(
    'secretInDiff',
    found.join(', '),
    await artifacts.put('log', `Refused before the push: ${found.join('\n')}`),
  );
}

const rejected = (
  code: FailureCode,
  detail: string,
  evidence: Extract<Edited, { kind: 'rejected' }>['evidence'],
): Extract<Edited, { kind: 'rejected' }> => {
  const failed: Failure = failure(code, detail);
  return { kind: 'rejected', failure: failed, signature: code, evidence, complaint: null };
};

/** Lines that the patch adds; what was there before is not this task's doing. A header ends where its first hunk begins. */
export function addedLines(patch: string): readonly string[] {
  const added: string[] = [];
  let inHunk = false;
  for (const line of patch.split('\n')) {
    if (line.startsWith('diff --git ')) inHunk = false;
    else if (line.startsWith('@@')) inHunk = true;
    else if (inHunk && line.startsWith('+')) added.push(line.slice(1));
  }
  return added;
}

export function secretsIn({ findSecrets }: Pick<ActivityPorts, 'findSecrets'>, text: string): readonly string[] | null {
  const found = findSecrets(text);
  return found.length === 0 ? null : [...new Set(found.map(({ rule }) => rule))].slice(0, 10);
}
