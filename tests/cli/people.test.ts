/** Having a say on a machine of one: embedded server, the worker of `weaver up`, a scripted endpoint. */
import type { ScriptedEndpoint } from '../../src/adapters/model/scripted.js';
import type { TaskRow, Waiting } from '../../src/client/index.js';
import { answerValue, CHECK, endProcess, saysIn, until } from '../e2e/world.js';
import { lastJson, openScriptedDesk, type ScriptedDesk } from './weaver.js';

let endpoint: ScriptedEndpoint;
let desk: ScriptedDesk;
let repo = '';

beforeAll(async () => {
  const asks = { edits: [], commitMessage: '', notes: '', question: 'Left or right?' };
  desk = await openScriptedDesk([
    {
      when: { contains: 'Asks once' },
      answers: [
        { kind: 'json', value: asks },
        { kind: 'json', value: answerValue('right') },
      ],
    },
    { answers: [{ kind: 'json', value: answerValue('right') }] },
  ]);
  ({ endpoint, repo } = desk);
});

afterAll(async () => {
  await desk.clear();
});

const task = (title: string) =>
  JSON.stringify({ title, description: 'The value is wrong.', repo: { url: repo }, checks: [CHECK] });

const json = async <T>(...args: readonly string[]): Promise<T> => lastJson(await desk.weaver([...args, '--json'])) as T;

it('without a server nothing waits, and an answer reaches nobody', async () => {
  const waiting = await desk.weaver(['waiting'], { ownProcess: true });
  expect({ exitCode: waiting.exitCode, stderr: waiting.stderr }).toEqual({ exitCode: 0, stderr: 'Nothing waits.\n' });
  const answer = await desk.weaver(['answer', 'nobody', 'yes', '--json']);
  expect({ ...(lastJson(answer) as object), code: answer.exitCode }).toMatchObject({
    code: 4,
    failure: { code: 'temporalUnreachable' },
  });
}, 60_000);

it('a run shows the question and the command that answers it, and ends when it is answered', async () => {
  const running = desk.weaver(['run', '-', '--key', 'asks'], { input: task('Asks once'), ownProcess: true });
  await until(async () => (await json<readonly Waiting[]>('waiting')).length === 1, 'the question', 60_000);
  const [waiting] = await json<readonly Waiting[]>('waiting');
  const rows = await json<readonly TaskRow[]>('list', '--waiting', 'human');
  expect(rows.map(({ taskId }) => taskId)).toEqual(['job/asks/t/0']);
  const command = waiting?.commands[0] ?? '';
  const answered = await desk.weaver(['answer', 'asks', 'right, of course', '--why', 'it is on the right']);
  expect(answered).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^answered: job\/asks\/t\/0, /) });
  expect(answered.stdout).not.toMatch(/blocked|Left or right/);
  const { exitCode, stderr } = await running;
  expect({ exitCode, asked: stderr.split('\n').filter((line) => line.includes('Left or right?')).length > 0 }).toEqual({
    exitCode: 0,
    asked: true,
  });
  expect(stderr).toContain(`The task asks:\n  a1.t1: Left or right?\nAnswer from another terminal:\n  $ ${command}\n`);
}, 120_000);

it('what has ended can be found, drawn and done differently', async () => {
  const up = desk.start(['up']);
  await saysIn(up, /poll/i);
  const rows = await json<readonly TaskRow[]>('list', '--job', 'asks');
  expect(rows).toMatchObject([{ taskId: 'job/asks/t/0', state: 'succeeded' }]);
  expect(await json('list', '--job', 'asks', '--min-cost', '100')).toEqual([]);
  expect(await json('list', '--job', 'asks', '--model', 'scripted-1')).toHaveLength(1);
  expect(await json('list', '--job', 'asks', '--handler', 'plan')).toEqual([]);
  const asked = endpoint.count;
  const rerun = await desk.weaver(['rerun', 'asks', '--set', 'repo.branch=weaver/once-more', '--detach', '--json']);
  expect(lastJson(rerun)).toMatchObject({ taskId: 'job/asks~1/t/0', state: 'running', exitCode: 0 });
  const refused = await desk.weaver(['rerun', 'asks', '--set', 'limits.attempts=none', '--json']);
  expect({ ...(lastJson(refused) as object), code: refused.exitCode }).toMatchObject({ code: 2 });
  // Asks what was asked before: the same question comes from the ledger.
  await until(async () => (await json<readonly Waiting[]>('waiting')).length === 1, 'the question', 60_000);
  expect(endpoint.count).toBe(asked);
  expect((await desk.weaver(['cancel', 'asks~1', '--reason', 'seen enough', '--wait'])).stdout).toBe(
    'job/asks~1 is asked to stop, and has stopped.\n  stopping:       its task\n',
  );
  await endProcess(up);
}, 120_000);

it('the tree of a job is known after its server has gone', async () => {
  const tree = await desk.weaver(['tree', 'asks']);
  expect(tree).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(
      /^job\/asks · Asks once · completed .*records of this host\n└─ 0 · Asks once · succeeded/,
    ),
  });
  expect((await desk.weaver(['tree', 'nobody'])).exitCode).toBe(2);
}, 60_000);
