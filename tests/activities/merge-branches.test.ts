import { join } from 'node:path';
import { createApplyEdits } from '../../src/activities/apply-edits.js';
import type { Merged } from '../../src/activities/contract.js';
import { createLand } from '../../src/activities/land.js';
import { createMergeBranches } from '../../src/activities/merge-branches.js';
import { createOpenWorkspace } from '../../src/activities/open-workspace.js';
import { PAYLOAD_BYTES_MAX, utf8Bytes } from '../../src/domain/payload-limit.js';
import type { ArtifactRef } from '../../src/domain/outcome.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { textParts } from '../../src/domain/text-parts.js';
import { parseSpec } from '../../src/schemas.js';
import { aSpec } from '../client/specs.js';
import { git, makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { CALL, LINEAGE, paidAnswer } from './paid-answer.js';
import { portsWithProvider } from './provider-settings.js';

const FILES = { 'a.txt': 'one\ntwo\nthree\n', 'tests/b.test.js': 'b\n', 'c.txt': 'c\n' };

let world: ActivityWorld;
let url: string;
let base: { readonly baseCommit: string; readonly baseTree: string };
beforeEach(async () => {
  world = openActivityWorld();
  url = makeRepository(join(world.folder, 'value.git'), FILES);
  base = { baseCommit: git(url, 'rev-parse', 'main'), baseTree: git(url, 'rev-parse', 'main^{tree}') };
  await world.ports.git.open({ url, branch: 'weaver/join' });
});
afterEach(() => world.clear());

/** What a task has landed: the base with some files changed. */
async function landed(branch: string, files: Readonly<Record<string, string>>): Promise<string> {
  const changes = Object.entries(files).map(
    ([path, text]) => [path, { mode: '100644', bytes: Buffer.from(text) }] as const,
  );
  const tree = await world.ports.git.write(url, base.baseTree, changes);
  const author = 'Ada <ada@example.org>';
  const commit = await world.ports.git.commit(url, {
    tree,
    parent: base.baseCommit,
    message: branch,
    author,
    dateSeconds: 1,
  });
  await world.ports.git.push({ url, commit, branch, expected: null });
  return commit;
}

const JOIN: Partial<TaskSpec> = {
  title: 'Join: Everything',
  description: 'The whole of it.',
  acceptanceCriteria: ['All is well'],
  handler: 'join',
  key: 'once',
  commit: { trailers: ['Team: red'] },
};

async function merge(branches: readonly string[], more: Partial<TaskSpec> = {}): Promise<Merged> {
  const spec = await world.spec({ ...JOIN, repo: { url, branch: 'everything' }, ...more });
  const input = { taskId: 'job/one/t/a.2', spec, ...base, branches };
  return await world.run(() => createMergeBranches(world.ports)(input));
}

const textOf = async (ref: ArtifactRef): Promise<string> => (await world.ports.artifacts.get(ref)).toString('utf8');
const conflictOf = (merged: Merged) => {
  if (merged.kind !== 'conflict') throw new Error(merged.kind);
  return merged;
};
const resolverOf = async (merged: Merged): Promise<TaskSpec> => {
  const { child } = conflictOf(merged);
  if (child === null) throw new Error('no child');
  return JSON.parse(await textOf(child.spec)) as TaskSpec;
};
/** Two branches that disagree about a line and about a test, one that goes with both. */
async function disagreement(): Promise<readonly string[]> {
  await landed('weaver/l', { 'a.txt': 'one\nLEFT\nthree\n', 'tests/b.test.js': 'left\n' });
  await landed('weaver/r', { 'a.txt': 'one\nRIGHT\nthree\n', 'tests/b.test.js': 'right\n' });
  await landed('weaver/c', { 'c.txt': 'C\n' });
  return ['weaver/l', 'weaver/r', 'weaver/c'];
}

describe('branches that fit', () => {
  it('give one tree, its patch, and the tips for the parents of the commit', async () => {
    const tips = [
      await landed('weaver/l', { 'a.txt': 'ONE\ntwo\nthree\n' }),
      await landed('weaver/c', { 'c.txt': 'C\n' }),
    ];
    const merged = await merge(['weaver/l', 'weaver/c']);
    expect(merged).toMatchObject({ kind: 'merged', merged: tips, subject: 'Merge 2 branches: Join: Everything' });
    if (merged.kind !== 'merged') return;
    expect(await textOf(merged.diff)).toMatch(/\+ONE[^]*\+C\n/);
    const { by: _, startedAt: __, endedAt: ___, ...first } = merged;
    expect(await merge(['weaver/l', 'weaver/c'])).toMatchObject(first);
  });

  it('land as one commit above all of them, with a message that no model wrote', async () => {
    const tips = [
      await landed('weaver/l', { 'a.txt': 'ONE\ntwo\nthree\n' }),
      await landed('weaver/c', { 'c.txt': 'C\n' }),
    ];
    const merged = await merge(['weaver/l', 'weaver/c']);
    if (merged.kind !== 'merged') throw new Error(merged.kind);
    const spec = await world.spec({ ...JOIN, repo: { url } });
    const input = {
      taskId: 'job/one/t/a.2',
      lineage: LINEAGE,
      callId: null,
      subject: merged.subject,
      parents: merged.merged,
      spec,
      baseBranch: 'main',
      branch: 'everything',
      branchTip: null,
      tree: merged.tree,
      dateSeconds: 1_700_000_000,
      ...base,
    };
    const land = () => world.run(() => createLand(world.ports)(input));
    const first = await land();
    expect(first).toMatchObject({ kind: 'landed', landing: { branch: 'everything', filesChanged: 2 } });
    expect(await land()).toMatchObject({ kind: 'landed', landing: { commit: git(url, 'rev-parse', 'everything') } });
    expect(git(url, 'log', '-1', '--format=%P', 'everything')).toBe([base.baseCommit, ...tips].join(' '));
    expect(git(url, 'log', '-1', '--format=%B', 'everything').trim()).toBe(
      `Merge 2 branches: Join: Everything\n\nTeam: red\nWeaver-Merged: ${tips[0]}\nWeaver-Merged: ${tips[1]}\nWeaver-Task: job/one/t/a.2`,
    );
  });
});

describe('branches that do not fit', () => {
  it('are a failure of the gate with the places for evidence, and a tree with the marks in it', async () => {
    const merged = conflictOf(await merge(await disagreement()));
    expect(merged.failure).toEqual({ code: 'mergeConflict', detail: 'weaver/r: a.txt, tests/b.test.js' });
    expect(merged.files).toEqual(['a.txt', 'tests/b.test.js']);
    const evidence = await textOf(merged.evidence);
    expect(evidence).toMatch(/^Branches: weaver\/l \([0-9a-f]{40}\), weaver\/r \([0-9a-f]{40}\), weaver\/c/);
    expect(evidence).toMatch(/--- a\.txt\nline 1:\none\n<<<<<<< [0-9a-f]{40}\nLEFT\n=======\nRIGHT\n>>>>>>> /);
    const shown = await world.ports.git.read(url, merged.treeWithMarkers, ['a.txt', 'c.txt']);
    expect(shown.get('a.txt')?.bytes.toString()).toContain('<<<<<<<');
    expect(shown.get('c.txt')?.bytes.toString()).toBe('C\n');
    expect(merged.merged).toHaveLength(3);
  });

  it('make a task that resolves them: the join once more, with what conflicts laid open', async () => {
    const merged = conflictOf(await merge(await disagreement()));
    const spec = await resolverOf(merged);
    expect(merged.child).toMatchObject({ id: '1', dependsOn: [], title: spec.title.slice(0, 100) });
    expect(spec).toMatchObject({
      title: 'Resolve the merge conflict of weaver/l, weaver/r, weaver/c',
      acceptanceCriteria: ['All is well'],
      repo: { url, branch: 'everything' },
      handler: 'resolve',
      checks: aSpec().checks,
      relatedFiles: ['a.txt', 'tests/b.test.js'],
      merge: ['weaver/l', 'weaver/r', 'weaver/c'],
      baseCommit: base.baseCommit,
      commit: { trailers: ['Team: red'] },
    });
    expect(spec).not.toHaveProperty('key');
    expect(spec.description).toContain('The branches together were to do this: Everything\nThe whole of it.');
    expect(spec.description).toContain('LEFT\n=======\nRIGHT');
    // Its files may be written to be rid of the marks; to the gate they are as free as those of the join.
    expect([spec.conflicts, spec.protect]).toEqual([['a.txt', 'tests/b.test.js'], []]);
    expect(parseSpec(spec)).toMatchObject({ conflicts: spec.conflicts });
  });

  it('are shown in bounds, however much conflicts', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `${'long/'.repeat(30)}${n} [x].txt`);
    const all = (text: string) => Object.fromEntries(names.map((name) => [name, `${text}\n`.repeat(500)]));
    await landed('weaver/l', all('left'));
    await landed('weaver/r', all('right'));
    const merged = conflictOf(await merge(['weaver/l', 'weaver/r']));
    expect(utf8Bytes(JSON.stringify(merged))).toBeLessThan(PAYLOAD_BYTES_MAX);
    expect(merged.files).toHaveLength(20);
    const spec = await resolverOf(merged);
    expect(utf8Bytes(spec.description)).toBeLessThanOrEqual(20_000);
    expect(spec.relatedFiles).toHaveLength(40);
  });

  it('are not a task of a task: the one that resolves goes on with the marks itself', async () => {
    const branches = await disagreement();
    const first = conflictOf(await merge(branches));
    const again = conflictOf(await merge([], await resolverOf(first)));
    expect(again).toMatchObject({ child: null, treeWithMarkers: first.treeWithMarkers, merged: first.merged });
  });
});

const edit = (path: string, content: string) => ({
  op: 'write',
  path,
  content,
  search: null,
  replace: null,
  to: null,
});

async function resolve(edits: readonly unknown[], between: () => Promise<readonly string[]> = disagreement) {
  const merged = conflictOf(await merge(await between()));
  const spec = await world.spec(await resolverOf(merged));
  await paidAnswer(world, { edits, commitMessage: 'Both', notes: '' });
  const ports = {
    ...world.ports,
    settings: { ...world.ports.settings, protect: [{ glob: 'tests/**', policy: 'add-only' as const }] },
  };
  const input = {
    lineage: LINEAGE,
    callId: CALL,
    spec,
    baseTree: merged.treeWithMarkers,
    resolves: true,
    wholeBase: base.baseTree,
  };
  return await world.run(() => createApplyEdits(ports)(input));
}

const besideMarks = (line: string) => ({ 'tests/b.test.js': `before\n${line}\nbehind\n` });

/** Two branches that disagree about the middle of a test. */
async function disagreementInside(): Promise<readonly string[]> {
  await landed('weaver/l', besideMarks('left'));
  await landed('weaver/r', besideMarks('right'));
  return ['weaver/l', 'weaver/r'];
}

describe('a task that resolves a conflict', () => {
  const RESOLVED = [edit('a.txt', 'one\nBOTH\nthree\n'), edit('tests/b.test.js', 'left\nright\n')];

  it('may take the marks out of tests too, and shows the whole against the base', async () => {
    const edited = await resolve(RESOLVED);
    expect(edited).toMatchObject({ kind: 'edited', subject: 'Both', stat: { filesChanged: 3 } });
    expect(edited.kind === 'edited' ? await textOf(edited.diff) : '').not.toContain('<<<<<<<');
  });

  it('may rewrite what stands between the marks of a test', async () => {
    const edits = [edit('tests/b.test.js', 'before\nboth\nbehind\n')];
    expect(await resolve(edits, disagreementInside)).toMatchObject({ kind: 'edited' });
  });

  it('loses no line of a test that stands beside them', async () => {
    expect(await resolve([edit('tests/b.test.js', 'before\nboth\n')], disagreementInside)).toMatchObject({
      kind: 'rejected',
      failure: { code: 'protectedFile' },
      complaint: expect.stringContaining('tests/b.test.js'),
    });
  });

  it('is not done while a mark is left', async () => {
    expect(await resolve(RESOLVED.slice(0, 1))).toMatchObject({
      kind: 'rejected',
      failure: { code: 'mergeConflict', detail: 'tests/b.test.js' },
      complaint: expect.stringContaining('tests/b.test.js: a conflict mark'),
    });
  });

  it('sees the files as they are merged, and starts from the base', async () => {
    const { child } = conflictOf(await merge(await disagreement()));
    const context = { spec: {}, specRef: child?.spec, prerequisites: [], instructions: [] };
    const request = { taskId: 'job/one/t/a.2.1', attempt: 1, suffix: 'abcdefgh', last: null };
    const opened = await world.run(() => createOpenWorkspace(portsWithProvider(world))(request, ...textParts(context)));
    expect(opened).toMatchObject({ handler: 'resolve', branch: 'everything', ...base });
    const prompt = await textOf(opened.prompt);
    expect(prompt).toMatch(/# File a\.txt[^]*<<<<<<< [0-9a-f]{40}/);
  });
});
