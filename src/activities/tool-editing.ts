/** The tools that change files: in memory, all of a call or nothing, one new snapshot at its end. */
import type { EditFault } from '../domain/apply-edits.js';
import { lossIn } from '../domain/additions-only.js';
import type { Edit } from '../domain/edits.js';
import { shown } from '../domain/edit-paths.js';
import type { TreeEdit } from '../domain/edited-tree.js';
import { cutToBytes } from '../domain/payload-limit.js';
import { TOOL_LIMITS, type ToolUse } from '../domain/tools.js';
import type { TreeChange } from '../ports.js';
import { compute, protectionOf } from './apply-edits.js';
import { refusal, type Bench, type ToolResult } from './tool-bench.js';

export type Mutation = Extract<ToolUse, { readonly tool: 'edit_file' | 'write_file' | 'move_or_delete' }>;

export async function mutate(bench: Bench, use: Mutation): Promise<ToolResult> {
  const { ports, spec, tree } = bench;
  const policy = protectionOf(ports.settings, spec);
  // Against the base of the task, not of this call: what it has added itself it may change again.
  const rules = (path: string) => (policy(path) === 'deny' ? 'deny' : 'allow');
  const computed = await compute(ports, spec, tree, editsOf(use), rules);
  if (computed.kind === 'rejected') return refusal(faultText(computed.faults));
  if (computed.changes.length === 0) return refusal('Nothing was changed: the file is like that already.');
  const added = computed.changes.filter(({ path }) => [path, use.path].some((each) => policy(each) === 'add-only'));
  const lost = await lostLines(bench, added);
  if (lost.length > 0) return refusal(`Nothing was changed: ${lost.join('; ')}.`);
  const changes: readonly TreeChange[] = computed.changes.map(({ path, file }) => [
    path,
    file === null ? null : { mode: file.mode, bytes: Buffer.from(file.bytes) },
  ]);
  const after = await ports.git.write(spec.repo.url, tree, changes);
  const notes = computed.notes.length === 0 ? '' : `\n${cutToBytes(computed.notes.join('\n'), NOTES_BYTES_MAX)}`;
  return { text: `done${notes}`, isError: false, tree: after };
}

const NOTES_BYTES_MAX = 2_000;

const NOTHING = { content: null, search: null, replace: null, to: null } as const;

function editsOf(use: Mutation): readonly Edit[] {
  const { path } = use;
  switch (use.tool) {
    case 'edit_file':
      return use.edits.map(({ search, replace, all }) => ({ ...NOTHING, op: 'replace', path, search, replace, all }));
    case 'write_file':
      return [{ ...NOTHING, op: 'write', path, content: use.content }];
    case 'move_or_delete':
      return [use.to === null ? { ...NOTHING, op: 'delete', path } : { ...NOTHING, op: 'move', path, to: use.to }];
    default:
      throw new TypeError(`unknown tool ${JSON.stringify(use satisfies never)}`);
  }
}

function faultText(faults: readonly EditFault[]): string {
  const lines = faults.map(({ index, path, says }) => `edit ${index + 1} (${path}): ${says}`);
  return cutToBytes(`Nothing was changed.\n${lines.join('\n')}`, TOOL_LIMITS.outputBytes);
}

/** What a rule of additions only forbids, in words: lines of the base that would not be there any more. */
async function lostLines({ ports, spec, input }: Bench, changes: readonly TreeEdit[]): Promise<readonly string[]> {
  if (changes.length === 0) return [];
  const paths = changes.map(({ path }) => path);
  const base = await ports.git.read(spec.repo.url, input.baseTree, paths);
  return changes.flatMap(({ path, file }) => {
    const before = base.get(path);
    if (before === undefined) return [];
    if (file === null) return [`the task allows additions only to ${shown(path)}; it is neither moved nor deleted`];
    return lossIn(path, before.bytes, file.bytes) ?? [];
  });
}
