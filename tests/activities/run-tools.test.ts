import { join } from 'node:path';
import { readConversation } from '../../src/activities/conversations';
import type { ToolsDone } from '../../src/activities/contract';
import { createRunTools } from '../../src/activities/run-tools';
import { createSay } from '../../src/activities/say';
import type { FailureCode } from '../../src/domain/failures';
import type { TaskSpec } from '../../src/domain/task';
import { parsePlan } from '../../src/schemas';
import type { ArtifactRef } from '../../src/domain/outcome';
import { git, makeRepository } from '../e2e/world';
import { openActivityWorld, type ActivityWorld } from './activity-world';

const LINEAGE = 'job~one~t~0';

let world: ActivityWorld;
let url: string;
let baseTree: string;
let prompt: ArtifactRef;
beforeEach(() => {
  world = openActivityWorld();
});
afterEach(() => world.clear());

type Files = Readonly<Record<string, string>>;

async function open(files: Files): Promise<void> {
  url = makeRepository(join(world.folder, 'value.git'), files);
  await world.ports.git.open({ url, branch: 'weaver/x' });
  baseTree = git(url, 'rev-parse', 'main^{tree}');
  prompt = await world.ports.artifacts.put('prompt', JSON.stringify([{ role: 'user', content: 'Do it.' }]));
}

interface Asked {
  readonly tree?: string;
  readonly conversation?: ArtifactRef;
  readonly finishReason?: string;
  readonly spec?: Partial<TaskSpec>;
}

type Call = readonly [name: string, given: unknown];

async function turn(
  calls: readonly Call[],
  { tree = baseTree, conversation = prompt, finishReason = 'stop', spec = {} }: Asked = {},
): Promise<ToolsDone & { readonly said: readonly string[] }> {
  const toolCalls = calls.map(([name, given], index) => ({
    id: `c${index}`,
    name,
    arguments: typeof given === 'string' ? given : JSON.stringify(given),
  }));
  const answer = await world.ports.artifacts.put('answer', JSON.stringify({ text: '', toolCalls, finishReason }));
  const input = {
    taskId: 'job/one/t/0',
    lineage: LINEAGE,
    spec: await world.spec({ repo: { url }, ...spec }),
    baseCommit: git(url, 'rev-parse', 'main'),
    baseTree,
    tree,
    conversation,
    answer,
  };
  const done = await world.run(() => createRunTools(world.ports)(input));
  const messages = await readConversation(world.ports.artifacts, done.conversation);
  return { ...done, said: messages.filter(({ role }) => role === 'tool').map(({ content }) => content) };
}

const read = (path: string): Call => ['read_file', { path }];
const write = (path: string, content: string): Call => ['write_file', { path, content }];
const edit = (path: string, search: string, replace: string, all = false): Call => [
  'edit_file',
  { path, edits: [{ search, replace, all }] },
];
const finish = (more: Readonly<Record<string, unknown>> = {}): Call => [
  'finish',
  { summary: 's', commitMessage: 'Do it', criteria: [], question: null, ...more },
];
const contentOf = async (tree: string, path: string): Promise<string | undefined> =>
  (await world.ports.git.read(url, tree, [path])).get(path)?.bytes.toString('utf8');

it('gives the same snapshot and conversation when it runs twice', async () => {
  await open({ 'a.txt': 'a\n' });
  const calls = [read('a.txt'), edit('a.txt', 'a', 'b'), ['run', { what: 'date +%N' }]] as const;
  const [first, second] = [await turn(calls), await turn(calls)];
  expect(second.tree).toBe(first.tree);
  expect(second.conversation).toEqual(first.conversation);
  expect(second.trace).toEqual(first.trace);
});

const link = (target: string) => ({ mode: '120000', bytes: Buffer.from(target) });

describe('reading', () => {
  it('follows a folder that is a link, and no link that leads out', async () => {
    await open({ 'src/value.txt': 'here\n' });
    const tree = await world.ports.git.write(url, baseTree, [
      ['loop', link('.')],
      ['lib', link('loop/src')],
      ['out', link('../..')],
      ['round', link('round')],
    ]);
    const paths = ['lib/value.txt', 'loop/loop/src/value.txt', 'lib', 'lib/other.txt', 'out/value.txt', 'round/a'];
    const { said } = await turn(paths.map(read), { tree });
    expect(said).toEqual([
      '1| here',
      '1| here',
      '(symbolic link to loop/src)',
      expect.stringMatching(/^error: src\/other\.txt does not exist\. Similar paths: src\/value\.txt/),
      expect.stringMatching(/^error: The path cannot be used: the symbolic link out leads out of the repository/),
      expect.stringMatching(/^error: round\/a does not exist/),
    ]);
  });

  it('names files of odd names as they can be named again, to read and to edit them', async () => {
    const names = ['tab\there.txt', 'new\nline.txt', 'back\\slash.txt', 'a "quote".txt'];
    await open(Object.fromEntries(names.map((name) => [name, 'x\n'])));
    const { said } = await turn([['list_files', { glob: '**', page: null }]]);
    const told = (said[0] ?? '').split('\n').map((line) => line.replace(/ 2$/, ''));
    const again = told.map((name) => (name.startsWith('"') ? String(JSON.parse(name)) : name));
    expect(again.toSorted()).toEqual(names.toSorted());
    const { tree, said: done } = await turn(names.flatMap((name) => [read(name), edit(name, 'x', 'y')]));
    expect(done).toEqual(names.flatMap(() => ['1| x', 'done']));
    expect(await Promise.all(names.map((name) => contentOf(tree, name)))).toEqual(names.map(() => 'y\n'));
    const { said: refused } = await turn([write('other\tone.txt', 'x')]);
    expect(refused[0]).toContain('it contains a control character');
  });

  it('lists by glob, with sizes, in every folder where none is named', async () => {
    await open({ 'a.ts': 'a', 'src/b.ts': 'bb', 'src/.c': '', 'd.md': 'd' });
    const { said } = await turn([
      ['list_files', { glob: '**' }],
      ['list_files', { glob: '*.ts' }],
      ['list_files', { glob: 'src/' }],
      ['list_files', { glob: 'none/**' }],
    ]);
    expect(said).toEqual([
      'a.ts 1\nd.md 1\nsrc/.c 0\nsrc/b.ts 2',
      'a.ts 1\nsrc/b.ts 2',
      'src/.c 0\nsrc/b.ts 2',
      'no files',
    ]);
  });

  it('searches in the files as they are now, by regular expression and glob', async () => {
    await open({ 'a.ts': 'let x1;\r\n', 'src/b.js': 'x2\n', bin: 'x3\0' });
    const { said } = await turn([
      write('new.ts', 'x4\n'),
      ['search', { regex: '\\bx\\d' }],
      ['search', { regex: 'x\\d', glob: '*.{ts,mjs}' }],
      ['search', { regex: 'x(' }],
      ['search', { regex: 'nowhere' }],
    ]);
    expect(said.slice(1)).toEqual([
      'a.ts:1: let x1;\nnew.ts:1: x4\nsrc/b.js:1: x2',
      'a.ts:1: let x1;\nnew.ts:1: x4',
      expect.stringMatching(/^error: This is no regular expression: /),
      'no matches',
    ]);
  });

  it('shows the part of a long line that matches', async () => {
    const long = `${'é'.repeat(5_000)}parent[key]=value${'x'.repeat(5_000)}`;
    await open({ 'min.js': `short\n${long}\n` });
    const { said } = await turn([['search', { regex: 'parent\\[key\\]' }]]);
    expect(said[0]).toMatch(/^min\.js:2: …é{100}parent\[key\]=valuex+…$/);
    expect(said[0]?.length).toBeLessThan(320);
  });

  it('ends a search that would never end', async () => {
    await open({ 'a.txt': `${'a'.repeat(40_000)}!\n` });
    const { said } = await turn([['search', { regex: '(a+)+(a+)+$' }]]);
    expect(said[0]).toMatch(/no matches|The search was stopped/);
  }, 40_000);

  it.each([
    ['../etc/passwd', /cannot be used: it contains `\.\.`/],
    ['/etc/passwd', /it is absolute/],
    ['.git/config', /it leads into \.git/],
    ['src', /src is a folder/],
    ['src/valeu.txt', /does not exist\. Similar paths: src\/value\.txt/],
    ['bin', /cannot be read as text/],
    [`output:${'0'.repeat(64)}`, /no such output/],
  ])('says why it cannot read %s', async (path, says) => {
    await open({ 'src/value.txt': 'v\n', bin: '\0' });
    expect((await turn([read(path)])).said[0]).toMatch(says);
  });
});

describe('editing', () => {
  it('sees what the calls before it have done, each all or nothing', async () => {
    await open({ 'a.txt': 'one\r\ntwo\r\n' });
    const { tree, said } = await turn([
      edit('a.txt', 'one', 'ONE'),
      [
        'edit_file',
        {
          path: 'a.txt',
          edits: [
            { search: 'ONE', replace: '1' },
            { search: 'three', replace: '3' },
          ],
        },
      ],
      edit('a.txt', 'ONE', 'eins\nuno'),
      ['move_or_delete', { path: 'a.txt', to: 'b.txt' }],
    ]);
    expect(said.map((text) => text.split('\n')[0])).toEqual(['done', 'error: Nothing was changed.', 'done', 'done']);
    expect(await contentOf(tree, 'b.txt')).toBe('eins\r\nuno\r\ntwo\r\n');
    expect(await contentOf(tree, 'a.txt')).toBeUndefined();
  });

  it('replaces every place with all, and one place only without', async () => {
    await open({ 'a.txt': 'x $& x\r\nx\r\n' });
    const { tree, said } = await turn([edit('a.txt', 'x', 'y'), edit('a.txt', 'x', '$&\n', true)]);
    expect(said[0]).toContain('occurs 3 times');
    expect(await contentOf(tree, 'a.txt')).toBe('$&\r\n $& $&\r\n\r\n$&\r\n\r\n');
  });

  it('lets it change its own additions to a file that may only grow, and no line of the base', async () => {
    await open({ 'a.test.ts': 'old\n' });
    const spec = { protect: [{ glob: '*.test.ts', policy: 'add-only' }] } as const;
    const first = await turn([edit('a.test.ts', 'old', 'old\nnew')], { spec });
    const second = await turn(
      [
        edit('a.test.ts', 'new', 'newer'),
        edit('a.test.ts', 'old', 'bold'),
        ['move_or_delete', { path: 'a.test.ts', to: null }],
      ],
      { spec, tree: first.tree },
    );
    expect(await contentOf(second.tree, 'a.test.ts')).toBe('old\nnewer\n');
    expect(second.said.slice(-2)).toEqual([
      expect.stringContaining('line 1 of its base would be gone'),
      expect.stringContaining('neither moved nor deleted'),
    ]);
  });

  it('changes no file that may only grow and is no text at the base', async () => {
    await open({ 'a.snap': '\0\u0001' });
    const spec = { protect: [{ glob: '*.snap', policy: 'add-only' }] } as const;
    const tree = await world.ports.git.write(url, baseTree, [
      ['a.snap', { mode: '100644', bytes: Buffer.from('old\n') }],
    ]);
    const { said, tree: after } = await turn(
      [write('a.snap', 'new\n'), ['move_or_delete', { path: 'a.snap', to: null }]],
      { spec, tree },
    );
    expect(said).toEqual([
      expect.stringContaining('additions only to a.snap, which is no text'),
      expect.stringContaining('neither moved nor deleted'),
    ]);
    expect(after ?? tree).toBe(tree);
  });

  it('refuses what leads out of the repository, and goes on', async () => {
    await open({ 'a.txt': 'a\n' });
    const { tree, said } = await turn([write('../x', 'x'), write('.git/hooks/pre-commit', 'x'), write('b.txt', 'b\n')]);
    expect(said[0]).toMatch(/^error: /);
    expect(said[1]).toMatch(/it leads into \.git/);
    expect(await contentOf(tree, 'b.txt')).toBe('b\n');
  });
});

describe('running', () => {
  it('runs a check by its name, throws away what a command changes, and says so', async () => {
    await open({ 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': 'ignored\n' });
    const spec = { checks: [{ name: 'test', run: 'cat a.txt; exit 3', timeoutSeconds: 20 }] };
    const { tree, said } = await turn(
      [
        ['run', { what: 'echo b > a.txt; rm b.txt; mkdir d dist; touch c d/e dist/f ignored' }],
        ['run', { what: 'test' }],
        ['run', { what: 'ls' }],
      ],
      { spec },
    );
    expect(said).toEqual([
      'exit code 0\n(no output)\n(What a command does to files is not kept. This one has changed a.txt, b.txt, c, d/; make such changes with edit_file, write_file or move_or_delete.)',
      'exit code 3\na',
      'exit code 0\na.txt\nb.txt',
    ]);
    expect(tree).toBe(baseTree);
  });

  it('shows both ends of a long output, and the whole by its name', async () => {
    await open({ 'a.txt': 'a\n' });
    const { said } = await turn([['run', { what: 'seq 1 100000' }]]);
    expect(Buffer.byteLength(said[0] ?? '')).toBeLessThan(17_000);
    const [, path = ''] = /path "(output:[0-9a-f]{64})"/.exec(said[0] ?? '') ?? [];
    const { said: more } = await turn([['read_file', { path, from: 50_000, to: 50_001 }]]);
    expect(more[0]).toMatch(/^50000\| 50000\n50001\| 50001/);
  });

  it('is stopped at its time', async () => {
    await open({ 'a.txt': 'a\n' });
    const { said } = await turn([['run', { what: 'echo begun; sleep 60', timeoutSeconds: 1 }]]);
    expect(said[0]).toBe('stopped at its time limit\nbegun');
  });
});

describe('finishing', () => {
  it('is the last of its answer, whatever its place, and leaves its own result open', async () => {
    await open({ 'a.txt': 'a\n' });
    const { finish: done, said } = await turn([finish(), edit('a.txt', 'a', 'b')]);
    expect(done).toMatchObject({ kind: 'work', callId: 'c0', subject: 'Do it', stat: { filesChanged: 1 } });
    expect(said).toEqual(['done']);
  });

  it.each<[string, readonly Call[], Partial<TaskSpec>, RegExp, FailureCode]>([
    ['nothing was changed', [finish()], {}, /no file has been changed/, 'nothingToCommit'],
    [
      'another call failed',
      [write('b', 'b'), read('none'), finish()],
      {},
      /another call of the same answer failed/,
      'loopDetected',
    ],
    [
      'a criterion is passed over',
      [write('b', 'b'), finish()],
      { acceptanceCriteria: ['x'] },
      /missing: 1/,
      'loopDetected',
    ],
    [
      'a criterion is not met',
      [write('b', 'b'), finish({ criteria: [{ id: 1, met: false, evidence: '' }] })],
      { acceptanceCriteria: ['x'] },
      /criterion 1 is not met by your own word/,
      'criteriaUnmet',
    ],
    [
      'there is a secret in the change',
      [write('b', `k = "ghp_${'a1B2c3D4e5F6'.repeat(3)}"\n`), finish()],
      {},
      /looks like a secret/,
      'secretInDiff',
    ],
    [
      'a test is weakened',
      [edit('a.test.js', "it('", "it.skip('"), finish()],
      {},
      /refused before the checks/,
      'weakenedTests',
    ],
  ])('is refused where %s, and says what the task ends of if it stays so', async (_what, calls, spec, says, code) => {
    await open({ 'a.txt': 'a\n', 'a.test.js': "it('is a', () => expect(1).toBe(1));\n" });
    const { finish: done, said, failure } = await turn(calls, { spec });
    expect(done).toBeUndefined();
    expect(said.at(-1)).toMatch(says);
    expect(failure?.code).toBe(code);
  });

  it('may split the task where that is offered: nothing of what it has changed is kept', async () => {
    await open({ 'a.txt': 'a\n' });
    const children = [{ title: 'One', description: 'Do it.' }];
    const split = finish({ children, join: true, commitMessage: '' });
    const { finish: done } = await turn([write('b', 'b'), split], {
      spec: { maySplit: true, acceptanceCriteria: ['x'] },
    });
    if (done?.kind !== 'plan') throw new Error(`it is ${done?.kind}`);
    expect(done.callId).toBe('c1');
    const plan = parsePlan((await world.ports.artifacts.get(done.answer)).toString('utf8'));
    expect(plan).toMatchObject({ plan: { children, join: true, notes: 's' } });
    const { malformed, said } = await turn([split]);
    expect([malformed, said[0]]).toEqual([true, expect.stringContaining('there is no "children"')]);
  });

  it('with a question needs no change', async () => {
    await open({ 'a.txt': 'a\n' });
    const { finish: done } = await turn([finish({ question: 'Which?' })]);
    expect(done).toEqual({ kind: 'question', callId: 'c0', question: 'Which?' });
  });
});

describe('an answer that is none', () => {
  it.each<[string, readonly Call[], Asked, FailureCode]>([
    ['cut off', [write('b', 'b')], { finishReason: 'length' }, 'truncatedAnswer'],
    ['without a call', [], {}, 'malformedAnswer'],
    ['with one malformed call of two', [write('b', 'b'), ['write_file', '{']], {}, 'malformedAnswer'],
    ['that finishes twice', [finish(), finish()], {}, 'malformedAnswer'],
  ])('%s changes nothing', async (_what, calls, asked, code) => {
    await open({ 'a.txt': 'a\n' });
    const done = await turn(calls, asked);
    expect(done).toMatchObject({ malformed: true, tree: baseTree, failure: { code } });
    const messages = await readConversation(world.ports.artifacts, done.conversation);
    const asking = messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id));
    const answered = messages.flatMap(({ toolCallId }) => toolCallId ?? []);
    expect(answered).toEqual(asking);
  });
});

it('says something to the model as the result of a call, with evidence, once', async () => {
  await open({ 'a.txt': 'a\n' });
  const { conversation } = await turn([finish(), edit('a.txt', 'a', 'b')]);
  const evidence = await world.ports.artifacts.put('log', 'it is red');
  const say = createSay(world.ports);
  const said = await say({ conversation, toolCallId: 'c0', text: 'Not done.', evidence });
  expect(await say({ conversation, toolCallId: 'c0', text: 'Not done.', evidence })).toEqual(said);
  expect((await readConversation(world.ports.artifacts, said.conversation)).at(-1)).toEqual({
    role: 'tool',
    toolCallId: 'c0',
    content: 'Not done.\n\nit is red',
  });
});
