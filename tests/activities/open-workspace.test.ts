import { join } from 'node:path';
import type { OpenContext, OpenInput, Opened } from '../../src/activities/contract.js';
import { createOpenWorkspace } from '../../src/activities/open-workspace.js';
import type { Prerequisite } from '../../src/domain/job.js';
import { PLAN_PROMPT_VERSION } from '../../src/domain/plan-prompt.js';
import { PROMPT_VERSION } from '../../src/domain/prompt.js';
import { SPLIT_PROMPT_VERSION } from '../../src/domain/split-prompt.js';
import type { ModelChoice, TaskSpec } from '../../src/domain/task.js';
import { textParts } from '../../src/domain/text-parts.js';
import { aSpec } from '../client/specs.js';
import { git, makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { portsWithProvider, PROVIDER } from './provider-settings.js';

let world: ActivityWorld;
let url: string;
beforeEach(() => {
  world = openActivityWorld();
  url = makeRepository(join(world.folder, 'value.git'), { 'a.txt': 'a\n' });
});
afterEach(() => world.clear());

const INPUT: OpenInput = { taskId: 'job/one/t/a.2', attempt: 1, suffix: 'abcdefgh', last: null };

const openWith = (value: unknown, input: Partial<OpenInput> = {}): Promise<Opened> =>
  world.run(() => createOpenWorkspace(portsWithProvider(world))({ ...INPUT, ...input }, ...textParts(value)));

const open = (
  spec: Partial<TaskSpec> = {},
  context: Partial<OpenContext> = {},
  input: Partial<OpenInput> = {},
): Promise<Opened> =>
  openWith({ spec: aSpec({ repo: { url }, ...spec }), prerequisites: [], instructions: [], ...context }, input);

const promptOf = async ({ prompt }: Opened): Promise<string> => {
  const messages = JSON.parse((await world.ports.artifacts.get(prompt)).toString('utf8')) as { content: string }[];
  return messages.map(({ content }) => content).join('\n\n');
};
const specOf = async ({ spec }: Opened): Promise<TaskSpec> =>
  JSON.parse((await world.ports.artifacts.get(spec)).toString('utf8')) as TaskSpec;

/** A branch on top of main, with the files; gives its tip. */
async function branch(name: string, files: Readonly<Record<string, string>>, from = 'main'): Promise<string> {
  const state = await world.ports.git.open({ url, baseBranch: from, branch: name });
  const changes = Object.entries(files).map(
    ([path, text]) => [path, { mode: '100644', bytes: Buffer.from(text) }] as const,
  );
  const tree = await world.ports.git.write(url, state.baseTree, changes);
  const about = { message: name, author: 'Ada <ada@example.org>', dateSeconds: 1 };
  const commit = await world.ports.git.commit(url, { tree, parent: state.baseCommit, ...about });
  await world.ports.git.push({ url, commit, branch: name, expected: null });
  return commit;
}

describe('the context of a task', () => {
  it('may be the specification alone, as histories from before have it', async () => {
    const opened = await openWith(aSpec({ repo: { url } }));
    expect(opened).toMatchObject({ title: 'Make the value right', handler: 'one-shot', promptVersion: PROMPT_VERSION });
  });

  it('is the same with nothing in it', async () => {
    const { startedAt: _, endedAt: __, ...bare } = await openWith(aSpec({ repo: { url } }));
    expect(await open()).toMatchObject(bare);
  });

  it('names a stored specification, which takes the place of the one in it', async () => {
    const specRef = await world.spec({ repo: { url }, title: 'Stored' });
    expect(await open({ title: 'Shown' }, { specRef })).toMatchObject({ title: 'Stored' });
  });

  it('brings results of prerequisites and words of people into the prompt', async () => {
    const done: Prerequisite = {
      id: 'first',
      title: 'The first',
      state: 'succeeded',
      branch: 'weaver/first',
      commit: 'c'.repeat(40),
      summary: 'Added parse().',
    };
    const prompt = await promptOf(await open({}, { prerequisites: [done], instructions: ['Use tabs.'] }));
    expect(prompt).toMatch(/- first: The first \(succeeded\)\n {2}branch weaver\/first at c+\n {2}Added parse\(\)\./);
    expect(prompt).toContain('1. Use tabs.');
  });

  it('gives the same prompt again when the step runs twice', async () => {
    expect((await open()).prompt).toEqual((await open()).prompt);
  });
});

describe('the handler', () => {
  it('is the one of the specification, with its own prompt', async () => {
    const opened = await open({}, { specRef: await world.spec({ repo: { url }, handler: 'plan' }) });
    expect(opened).toMatchObject({ handler: 'plan', promptVersion: PLAN_PROMPT_VERSION });
    expect(await promptOf(opened)).toContain('This task is at depth 1 of its job');
  });

  it('is the alternative that the decider took, also for the steps after it', async () => {
    const opened = await open({}, {}, { handler: 'plan' });
    expect(opened).toMatchObject({ handler: 'plan', promptVersion: PLAN_PROMPT_VERSION });
    expect((await specOf(opened)).handler).toBe('plan');
  });

  it('and what people and deciders have to do with the task are told to the workflow', async () => {
    const people = { approve: ['push'], waitSeconds: 60, unanswered: 'stuck' } as const;
    const choices = { people, alternatives: ['plan'], decider: 'mine@1', shadowDecider: 'default@1' } as const;
    expect(await open({}, { specRef: await world.spec({ repo: { url }, ...choices }) })).toMatchObject(choices);
    expect(await open()).not.toHaveProperty('people');
  });
});

const providerOf = ({ provider, model = 'm' }: ModelChoice) => ({ ...PROVIDER, name: provider, model });

describe('steps in modes of their own', () => {
  it('are told to the workflow with every model by its name; a plan is what its handler asks for', async () => {
    const ports = portsWithProvider(world);
    const named = { ...ports, settings: { ...ports.settings, provider: providerOf } };
    const spec = aSpec({
      repo: { url },
      models: [{ provider: 'a' }, { provider: 'b' }],
      judge: true,
      acceptanceCriteria: ['x'],
      handler: 'plan',
      alternatives: ['agent'],
      modes: {
        turn: { mode: 'fallback' },
        judge: { mode: 'any', models: [{ provider: 'c', model: 'x' }, { provider: 'd' }] },
        plan: { mode: 'all' },
      },
    });
    const parts = textParts({ spec, prerequisites: [], instructions: [] });
    const { ask, steps, judge } = await world.run(() => createOpenWorkspace(named)(INPUT, ...parts));
    const models = [
      { provider: 'a', model: 'm' },
      { provider: 'b', model: 'm' },
    ];
    expect({ ask, judge }).toEqual({
      ask: { mode: 'all', models },
      judge: { provider: 'c', model: 'x', criteria: [1] },
    });
    expect(steps).toEqual({
      turn: { mode: 'fallback', models },
      judge: {
        mode: 'any',
        models: [
          { provider: 'c', model: 'x' },
          { provider: 'd', model: 'm' },
        ],
      },
    });
    expect((await open()).steps).toBeUndefined();
  });
});

const isTrusted = async (...opened: Parameters<typeof open>): Promise<boolean> =>
  (await specOf(await open(...opened))).ownSetup === undefined;

describe('where a task starts', () => {
  it('is the commit that it names, though the base has moved on', async () => {
    const old = git(url, 'rev-parse', 'main');
    const newer = await branch('newer', { 'a.txt': 'newer\n' });
    git(url, 'update-ref', 'refs/heads/main', newer);
    const specRef = await world.spec({ repo: { url }, baseCommit: old });
    expect(await open({}, { specRef })).toMatchObject({
      baseCommit: old,
      baseTree: git(url, 'rev-parse', `${old}^{tree}`),
    });
    expect(await open()).toMatchObject({ baseCommit: newer });
  });

  it('is the branch of the one prerequisite that it builds on', async () => {
    const tip = await branch('weaver/first', { 'b.txt': 'b\n' });
    const opened = await open({}, { stackOn: ['weaver/first'] });
    expect(opened).toMatchObject({ baseBranch: 'weaver/first', baseCommit: tip });
    expect(await promptOf(opened)).toContain('# File b.txt');
  });

  it('is the base with all of them merged into it, if it builds on several; their tips are parents of what lands', async () => {
    const tips = [await branch('weaver/b', { 'b.txt': 'b\n' }), await branch('weaver/c', { 'c.txt': 'c\n' })];
    const opened = await open({}, { stackOn: ['weaver/b', 'weaver/c'] });
    expect(opened).toMatchObject({ baseBranch: 'main', baseCommit: git(url, 'rev-parse', 'main'), parents: tips });
    const files = await world.ports.git.list(url, opened.baseTree);
    expect(files.map(({ path }) => path)).toEqual(['a.txt', 'b.txt', 'c.txt']);
  });

  it('says what will not be judged, and that the price is not known', async () => {
    const acceptanceCriteria = ['is right', 'is quick', 'is short'];
    const criterionChecks = [{ criterion: 2, run: 'sh quick.sh', timeoutSeconds: 20 }];
    const { warnings } = await open({ acceptanceCriteria, criterionChecks, checks: [] });
    expect(warnings).toEqual([
      'no checks were found: the gate can only see that the edits apply',
      expect.stringMatching(/^no price is configured for /),
      'nobody looks at acceptance criteria 1, 3: give each a check, or set judge: true',
    ]);
    expect((await open({ acceptanceCriteria, criterionChecks, checks: [], judge: true })).warnings).toHaveLength(2);
  });

  it('is the plain base with a warning where those conflict', async () => {
    await branch('weaver/b', { 'a.txt': 'b\n' });
    await branch('weaver/c', { 'a.txt': 'c\n' });
    const opened = await open({}, { stackOn: ['weaver/b', 'weaver/c'] });
    expect(opened).toMatchObject({ baseTree: git(url, 'rev-parse', 'main^{tree}') });
    expect(opened.warnings[0]).toBe(
      'the branches of the prerequisites conflict (weaver/c): the task starts without them',
    );
    expect(opened).not.toHaveProperty('parents');
  });

  it('is trusted with what all tasks share only as the plain base branch', async () => {
    await branch('weaver/b', { 'b.txt': 'b\n' });
    await branch('weaver/c', { 'c.txt': 'c\n' });
    expect(await isTrusted({})).toBe(true);
    expect(await isTrusted({}, { stackOn: ['weaver/b'] })).toBe(false);
    expect(await isTrusted({}, { stackOn: ['weaver/b', 'weaver/c'] })).toBe(false);
    expect(await isTrusted({ repo: { url, branch: 'weaver/b' } })).toBe(false);
    expect(await isTrusted({ baseCommit: git(url, 'rev-parse', 'weaver/b') })).toBe(false);
    // A child's specification comes from its parent's.
    const specRef = await world.spec({ repo: { url }, ownSetup: true });
    expect(await isTrusted({}, { specRef })).toBe(true);
  });

  it('is for a join the base; its checks are looked for in the whole', async () => {
    await branch('weaver/b', { Makefile: 'test:\n' });
    const ports = portsWithProvider(world);
    const found = { name: 'make', run: 'make test', timeoutSeconds: 1 };
    const detecting = {
      ...ports,
      detectChecks: (files: ReadonlySet<string>) => (files.has('Makefile') ? [found] : []),
    };
    const { checks: _, ...spec } = aSpec({ repo: { url }, handler: 'join' });
    const specRef = await world.ports.artifacts.put('spec', JSON.stringify(spec));
    const done: Prerequisite = {
      id: 'b',
      title: 'B',
      state: 'succeeded',
      branch: 'weaver/b',
      commit: null,
      summary: '',
    };
    const context: OpenContext = { spec, specRef, prerequisites: [done], instructions: [] };
    const opened = await world.run(() => createOpenWorkspace(detecting)(INPUT, ...textParts(context)));
    expect(opened).toMatchObject({ handler: 'join', checks: ['make'], baseTree: git(url, 'rev-parse', 'main^{tree}') });
  });
});

describe('a repository of many files', () => {
  const many = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`lib/part${n}.py`, `value = ${n}\n`]));
  const files = {
    ...many,
    'jars/cookie.py': 'jar = 1\n',
    'jars/AGENTS.md': 'Use tabs.\n',
    'data.txt': 'x'.repeat(50_000),
  };

  it('is shown as a map, with the instructions beside the likeliest file', async () => {
    url = makeRepository(join(world.folder, 'many.git'), files);
    const prompt = await promptOf(await open({ title: 'Cookies are lost' }));
    expect(prompt).toMatch(/# Map of the repository\n.*\n<<<\w+ map\njars\/cookie\.py\n/);
    expect(prompt).toContain('# Instructions of the project (jars/AGENTS.md)');
    expect(prompt).toContain('# Structure of the repository');
  });

  it('has no map where the configuration wants none', async () => {
    url = makeRepository(join(world.folder, 'many.git'), files);
    const ports = portsWithProvider(world);
    const without = { ...ports, settings: { ...ports.settings, mapTokens: 0 } };
    const value = { spec: aSpec({ repo: { url } }), prerequisites: [], instructions: [] };
    const opened = await world.run(() => createOpenWorkspace(without)(INPUT, ...textParts(value)));
    expect(await promptOf(opened)).not.toContain('# Map of the repository');
  });
});

describe('to split the task', () => {
  it('is offered where the file says so, with the depth that the task has in its job', async () => {
    const opened = await open({ maySplit: true });
    expect(opened).toMatchObject({ maySplit: true, promptVersion: `${PROMPT_VERSION}+${SPLIT_PROMPT_VERSION}` });
    expect(await promptOf(opened)).toContain('at depth 1 of its job');
  });

  it('is not offered where it was split as deep as may be, or is to be planned by now', async () => {
    for (const input of [{ taskId: 'job/one/t/a.1.2.3.4' }, { handler: 'plan' }] as const) {
      const opened = await open({ maySplit: true }, {}, input);
      expect([opened.maySplit, opened.promptVersion]).toEqual([undefined, expect.not.stringContaining('+')]);
      expect(await promptOf(opened)).not.toContain('may be split into smaller tasks');
    }
  });
});

/** The files, and a submodule at lib/b. */
function withSubmodule(files: Readonly<Record<string, string>>): string {
  const made = makeRepository(join(world.folder, 'unlike.git'), files);
  const tip = git(made, 'rev-parse', 'main');
  git(made, 'read-tree', 'main');
  git(made, 'update-index', '--add', '--cacheinfo', `160000,${tip},lib/b`);
  const tree = git(made, 'write-tree');
  const commit = git(made, 'commit-tree', tree, '-p', tip, '-m', 'sub');
  git(made, 'update-ref', 'refs/heads/main', commit);
  return made;
}

describe('what the work tree of the checks lacks beside a clone', () => {
  it('is said: submodules, and files of Git LFS, where there are some', async () => {
    url = withSubmodule({
      '.gitattributes': '# big\n*.bin filter=lfs diff=lfs merge=lfs -text\n*.txt text\n',
      'art/.gitattributes': '/raw/** filter=lfs\n',
      'deep/logo.bin': 'version https://git-lfs.github.com/spec/v1\n',
      'art/raw/a.psd': 'version https://git-lfs.github.com/spec/v1\n',
      'raw/a.psd': 'none of them',
      'whole.bin': 'x'.repeat(2_000),
      'a.txt': 'a\n',
    });
    const { warnings } = await open({ checks: [] });
    expect(warnings).toContainEqual(expect.stringMatching(/^submodules are empty folders .*\(lib\/b\)/));
    expect(warnings).toContainEqual(
      expect.stringMatching(/^files of Git LFS are .*\(art\/raw\/a\.psd, deep\/logo\.bin\)/),
    );
  });

  it('is nothing where there are none', async () => {
    url = makeRepository(join(world.folder, 'like.git'), { '.gitattributes': '*.bin filter=lfs\n', 'a.txt': 'a\n' });
    const { warnings } = await open({ checks: [] });
    expect(warnings.filter((warning) => /submodule|LFS/.test(warning))).toEqual([]);
  });
});
