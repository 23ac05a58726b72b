/** Snapshots written in a test, and edits put on them the way the activity does it: contents are read when asked for. */
import picomatch from 'picomatch';
import { applyEdits, type EditFault, type EditResult, type EditRules } from '../../../src/domain/apply-edits.js';
import type { SourceFile } from '../../../src/domain/edited-tree.js';
import type { Edit } from '../../../src/domain/edits.js';
import type { ProtectSpec } from '../../../src/domain/task.js';

/** Text, or bytes with one character each (`\u00e9` is the byte E9), or many lines of one kind, or a link, or a submodule. */
export type WrittenFile =
  | string
  | NumberedLines
  | { readonly text: string; readonly mode?: string }
  | { readonly bytes: string; readonly mode?: string }
  | { readonly link: string }
  | { readonly submodule: true };

/** Lines that differ by their number, which stands for each `#`. */
interface NumberedLines {
  readonly numbered: string;
  readonly lines: number;
  /** A line feed, if nothing is said. */
  readonly ending?: string;
  /** Lines that are not like the others, by number. */
  readonly except?: Readonly<Record<string, string>>;
}

export type WrittenFiles = Readonly<Record<string, WrittenFile>>;
export type Snapshot = ReadonlyMap<string, SourceFile>;

export function snapshotOf(files: WrittenFiles): Snapshot {
  return new Map(Object.entries(files).map(([path, file]) => [path, sourceFile(file)]));
}

export function sourceFile(file: WrittenFile): SourceFile {
  if (typeof file === 'string') return { mode: '100644', bytes: Buffer.from(file) };
  if ('numbered' in file) return { mode: '100644', bytes: Buffer.from(textOfLines(file)) };
  if ('submodule' in file) return { mode: '160000', bytes: Buffer.alloc(0) };
  if ('link' in file) return { mode: '120000', bytes: Buffer.from(file.link) };
  const bytes = 'text' in file ? Buffer.from(file.text) : Buffer.from(file.bytes, 'latin1');
  return { mode: file.mode ?? '100644', bytes };
}

const textOfLines = ({ numbered, lines, ending = '\n', except = {} }: NumberedLines): string =>
  Array.from({ length: lines }, (_, index) => {
    const number = String(index + 1);
    return (except[number] ?? numbered.replaceAll('#', () => number)) + ending;
  }).join('');

/** Fields that an operation does not use may be left out. */
export const editOf = (edit: Pick<Edit, 'op' | 'path'> & Partial<Edit>): Edit => ({
  content: null,
  search: null,
  replace: null,
  to: null,
  ...edit,
});

export const replaceIn = (path: string, search: string, replace: string): Edit =>
  editOf({ op: 'replace', path, search, replace });

export const writeTo = (path: string, content: string): Edit => editOf({ op: 'write', path, content });

/** The last rule that names a path counts. */
export function rulesOf(protect: readonly ProtectSpec[]): EditRules {
  const matchers = protect.map(({ glob, policy }) => ({ matches: picomatch(glob, { dot: true }), policy }));
  return { protect: (path) => matchers.findLast(({ matches }) => matches(path))?.policy ?? 'allow' };
}

export function applyTo(
  snapshot: Snapshot,
  edits: readonly Edit[],
  protect: readonly ProtectSpec[] = [],
): Exclude<EditResult, { kind: 'needsContent' }> {
  const rules = rulesOf(protect);
  const entries = new Map(
    [...snapshot].map(([path, { mode, bytes }]) => [
      path,
      { mode, sizeBytes: mode === '160000' ? null : bytes.length },
    ]),
  );
  const files = new Map<string, SourceFile>();
  for (;;) {
    const result = applyEdits(edits, { entries, files }, rules);
    if (result.kind !== 'needsContent') return result;
    const news = result.paths.filter((path) => !files.has(path) && snapshot.get(path) !== undefined);
    if (news.length < result.paths.length) throw new Error(`asked in vain for ${result.paths.join(', ')}`);
    for (const path of news) files.set(path, snapshot.get(path) ?? { mode: '', bytes: Buffer.alloc(0) });
  }
}

/** Why the edits cannot be applied; empty if they can. */
export function faultsOf(...given: Parameters<typeof applyTo>): readonly EditFault[] {
  const result = applyTo(...given);
  return result.kind === 'rejected' ? result.faults : [];
}

/** A snapshot as plain values that compare and print well. */
export function shownFiles(snapshot: Snapshot): Readonly<Record<string, string>> {
  const paths = [...snapshot.keys()].toSorted();
  return Object.fromEntries(paths.map((path) => [path, shownFile(snapshot.get(path))]));
}

export const shownFile = (file: SourceFile | null | undefined): string =>
  file === null || file === undefined
    ? 'removed'
    : `${file.mode} ${JSON.stringify(Buffer.from(file.bytes).toString('latin1'))}`;

/** The text of one file after edits that must fit. */
export function textAfter(path: string, text: string, ...edits: readonly Edit[]): string {
  const result = applyTo(snapshotOf({ [path]: text }), edits);
  if (result.kind === 'rejected') throw new Error(result.faults.map(({ says }) => says).join('\n'));
  const change = result.changes.find((each) => each.path === path);
  return change === undefined ? text : Buffer.from(change.file?.bytes ?? []).toString();
}
