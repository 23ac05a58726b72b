/** Answers that try to look right: what they meet on the way, and what the account says of them. */
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import { branchesOf, commitsOn, git, World, type RunResult } from './world';

const edit = (op: string, path: string, more: Readonly<Record<string, unknown>> = {}) => ({
  op,
  path,
  content: null,
  search: null,
  replace: null,
  to: null,
  ...more,
});
const answer = (commitMessage: string, ...edits: readonly unknown[]): ScriptedAnswer => ({
  kind: 'json',
  value: { edits, commitMessage, notes: '' },
});
const write = (path: string, content: string) => edit('write', path, { content });
const judges = (...criteria: readonly (readonly [id: number, met: boolean, evidence: string])[]): ScriptedAnswer => ({
  kind: 'json',
  value: { criteria: criteria.map(([id, met, evidence]) => ({ id, met, evidence })) },
});
const tools = (...calls: readonly { readonly name: string; readonly arguments: unknown }[]): ScriptedAnswer => ({
  kind: 'tools',
  calls,
});
const finish = {
  name: 'finish',
  arguments: { summary: 'Done.', commitMessage: 'Make one right', criteria: [], question: null },
};

/** Prints TAP: a test for each file that `tests/list` names, which must say `right`. */
const FILES = {
  'tests/run.sh': `code=0; n=0
for name in $(cat tests/list); do
  n=$((n + 1))
  if grep -qx right "$name.txt"; then echo "ok $n - $name"; else echo "not ok $n - $name"; code=1; fi
done
echo "1..$n"
exit $code
`,
  'tests/list': 'one\ntwo\n',
  'package.json': '{"scripts": {"test": "sh tests/run.sh"}}\n',
  'one.txt': 'wrong\n',
  'two.txt': 'right\n',
};
const right = answer('Make one right', write('one.txt', 'right\n'));

let world: World;
let cheated: Story;
let judged: Story;
let mended: Story;

interface Story {
  readonly url: string;
  readonly result: RunResult;
  readonly decisions: string;
  readonly prompts: readonly string[];
}

beforeAll(async () => {
  world = await World.start({
    script: [
      {
        when: { contains: ['You judge whether', '# Judged by a model'] },
        answers: [
          judges([1, false, 'Nothing says why.']),
          judges([1, true, 'line 999 of nonexistent.py']),
          judges([1, true, 'why.txt, line 1']),
        ],
      },
      {
        when: { contains: '# Cheats at first' },
        answers: [answer('Mend the tests', write('package.json', '{"scripts": {"test": "true"}}\n')), right],
      },
      {
        when: { contains: '# Judged by a model' },
        answers: [right, answer('Make one right', write('one.txt', 'right\n'), write('why.txt', 'It was wrong.\n'))],
      },
      {
        when: { contains: '# Leaves something out' },
        answers: [
          tools({ name: 'write_file', arguments: { path: 'one.txt', content: 'right\n' } }),
          tools({ name: 'write_file', arguments: { path: 'sum.js', content: '// TODO: implement the sum\n' } }),
          tools(finish),
          tools({ name: 'move_or_delete', arguments: { path: 'sum.js', to: null } }),
          tools(finish),
        ],
      },
    ],
  });
  [cheated, judged, mended] = await Promise.all([
    story('Cheats at first', {
      checks: [{ name: 'test', run: 'npm test', timeoutSeconds: 60 }],
      acceptanceCriteria: ['in words', { text: 'one is right', check: 'grep -qx right one.txt' }],
    }),
    story('Judged by a model', { acceptanceCriteria: ['It says why'], judge: true }),
    story('Leaves something out', { handler: 'agent' }),
  ]);
}, 180_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

async function story(title: string, more: Readonly<Record<string, unknown>>): Promise<Story> {
  const url = world.repository(title.toLowerCase().replaceAll(' ', '-'), FILES);
  const checks = [{ name: 'test', run: 'sh tests/run.sh', timeoutSeconds: 60 }];
  const task = { title, description: 'Make one right.', repo: { url }, checks, limits: { attempts: 2 }, ...more };
  const result = await world.run(task);
  const { stdout } = await world.cli(['decisions', result.taskId]);
  const bodies = world.endpoint.requests().map(({ body }) => JSON.stringify(body));
  return { url, result, decisions: stdout, prompts: bodies.filter((body) => body.includes(`# ${title}`)) };
}

const messageOn = ({ url, result }: Story): string => git(url, 'log', '-1', '--format=%B', result.branch ?? '');

describe('an answer that makes the checks green by taking the tests away', () => {
  it('does not land; the one that does the work does', () => {
    const { result, url } = cheated;
    expect([result.state, result.attempts]).toEqual(['succeeded', 2]);
    expect(git(url, 'diff', '--name-only', 'main', result.branch ?? '')).toBe('one.txt');
    expect(commitsOn(url, result.branch ?? '')).toBe(1);
    expect(branchesOf(url)).toHaveLength(2);
  });

  it('is told in the next prompt which tests are missing', () => {
    expect(cheated.prompts).toHaveLength(2);
    expect(cheated.prompts[1]).toContain('not run any more (gone, renamed or skipped) (2):\\n- one\\n- two');
  });

  it('stands in the account with what became of each test, in status and decisions', async () => {
    expect(cheated.decisions).toContain('testsVanished');
    expect(cheated.decisions).toContain('tests: 1 fixed, 0 new, 0 old, 0 vanished');
    const status = await world.cli(['status', cheated.result.taskId]);
    expect(status.stdout).toMatch(/^tests +1 fixed, 0 new, 0 old, 0 vanished$/m);
  });

  it('leaves the criteria that a command tells in the commit', () => {
    expect(messageOn(cheated)).toContain('Weaver-Criteria: 2 met (check)');
  });
});

describe('a criterion that a model judges', () => {
  it('refuses green work that does not meet it, with its words for the next attempt', () => {
    expect([judged.result.state, judged.result.attempts, judged.result.calls.sent]).toEqual(['succeeded', 2, 5]);
    expect(judged.decisions).toContain('criteriaUnmet');
    expect(judged.prompts.find((body) => body.includes('Attempt 1 failed'))).toContain('Nothing says why.');
  });

  it('is asked with the change and the results, and its verdict is in the commit', () => {
    const asked = judged.prompts.filter((body) => body.includes('You judge whether'));
    expect(asked).toHaveLength(3);
    expect(asked[1]).toContain('+It was wrong.');
    expect(asked[1]).toContain('1 fixed, 0 new, 0 old, 0 vanished');
    expect(asked[2]).toContain('criterion 1: the evidence names no file of the repository.');
    expect(messageOn(judged)).toContain('Weaver-Criteria: 1 met (judge)');
  });
});

it('a placeholder is refused where the model says that it is done, and mended in the same attempt', () => {
  expect([mended.result.state, mended.result.attempts, mended.result.calls.sent]).toEqual(['succeeded', 1, 5]);
  expect(mended.prompts.at(-1)).toContain('sum.js:1: “// TODO: implement the sum” stands in place of code.');
  expect(git(mended.url, 'diff', '--name-only', 'main', mended.result.branch ?? '')).toBe('one.txt');
});
