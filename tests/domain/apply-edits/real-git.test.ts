/** The cases that apply, each in a folder of its own, as one answer to one tree of a real repository. */
import { applyEdits } from '../../../src/domain/apply-edits.js';
import type { SourceFile } from '../../../src/domain/edited-tree.js';
import type { Edit } from '../../../src/domain/edits.js';
import type { ProtectSpec } from '../../../src/domain/task.js';
import type { Git, TreeChange } from '../../../src/ports.js';
import { newAdapter, newRemote, removeFolders } from '../../adapters/git/repositories.js';
import { casesOf, topics, type Case } from './fixtures.js';
import { editOf, rulesOf, shownFiles, snapshotOf, sourceFile, type Snapshot } from './snapshot.js';

afterAll(removeFolders);

const changeTo = (path: string, file: SourceFile | null): TreeChange => [
  path,
  file === null ? null : { mode: file.mode, bytes: Buffer.from(file.bytes) },
];

const below = <T>({ name }: Case, files: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  Object.entries(files).map(([path, file]) => [`${name}/${path}`, file]);

const editsBelow = ({ name, edits }: Case): readonly Edit[] =>
  edits.map(editOf).map((edit) => ({
    ...edit,
    path: `${name}/${edit.path.replace(/^\.\//, '')}`,
    to: edit.to === null ? null : `${name}/${edit.to}`,
  }));

async function apply(git: Git, url: string, tree: string, edits: readonly Edit[], protect: readonly ProtectSpec[]) {
  const entries = new Map((await git.list(url, tree)).map((entry) => [entry.path, entry]));
  const files = new Map<string, SourceFile>();
  const rules = rulesOf(protect);
  for (;;) {
    const result = applyEdits(edits, { entries, files }, rules);
    if (result.kind === 'applied')
      return git.write(
        url,
        tree,
        result.changes.map(({ path, file }) => changeTo(path, file)),
      );
    if (result.kind === 'rejected')
      throw new Error(result.faults.map(({ path, says }) => `${path}: ${says}`).join('\n'));
    for (const [path, file] of await git.read(url, tree, result.paths)) files.set(path, file);
  }
}

async function filesOf(git: Git, url: string, tree: string): Promise<Snapshot> {
  return git.read(
    url,
    tree,
    (await git.list(url, tree)).map(({ path }) => path),
  );
}

describe('edits on a real tree', () => {
  it.each(topics)('leave the files that the cases name: %s', async (topic) => {
    const cases = casesOf(topic).filter(({ changes }) => changes !== undefined);
    if (cases.length === 0) throw new Error(`no case of ${topic} applies`);
    const { url } = newRemote({ 'keep.txt': 'kept\n' });
    const { git } = newAdapter();
    const { baseTree } = await git.open({ url, branch: 'weaver/x' });
    const inputs = cases.flatMap((each) => below(each, each.input));
    const tree = await git.write(
      url,
      baseTree,
      inputs.map(([path, file]) => changeTo(path, sourceFile(file))),
    );
    const protect = cases.flatMap(({ name, protect: rules }) =>
      (rules ?? []).map(({ glob, policy }) => ({ glob: `${name}/${glob}`, policy })),
    );
    const edited = await apply(git, url, tree, cases.flatMap(editsBelow), protect);
    const expected = new Map([...snapshotOf({ 'keep.txt': 'kept\n' }), ...snapshotOf(Object.fromEntries(inputs))]);
    for (const [path, file] of cases.flatMap((each) => below(each, each.changes ?? {}))) {
      if (file === null) expected.delete(path);
      else expected.set(path, sourceFile(file));
    }
    expect(shownFiles(await filesOf(git, url, edited))).toEqual(shownFiles(expected));
  });
});
