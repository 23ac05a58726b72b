/** What people say to tasks, stop of them and take up again: through the command line, with a worker of another process. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import { WeaverClient, type Stopped, type Waiting } from '../../src/client/index';
import type { TaskStatus } from '../../src/workflows/messages';
import {
  answerValue,
  branchesOf,
  CHECK,
  commitsOn,
  git,
  until,
  valueFiles,
  World,
  type CliResult,
  type RunResult,
} from './world';

const says = (value: string): ScriptedAnswer => ({ kind: 'json', value: answerValue(value) });
const asks = (question: string): ScriptedAnswer => ({
  kind: 'json',
  value: { edits: [], commitMessage: '', notes: '', question },
});
const plan = (...titles: readonly string[]): ScriptedAnswer => ({
  kind: 'json',
  value: { children: titles.map(childOf), join: false, notes: '', question: null },
});
const childOf = (title: string) => ({
  title,
  description: `${title}, please.`,
  acceptanceCriteria: [],
  relatedFiles: [],
  checks: [],
  dependsOn: [],
});
/** A call is tried so often before its outage is the decider's business. */
const TRIES = [1, 2, 3, 4];
const DOWN: ScriptedAnswer = { kind: 'status', status: 503, body: { error: { message: 'overloaded' } } };
const rule = (title: string, ...answers: readonly ScriptedAnswer[]) => ({ when: { contains: title }, answers });

let world: World;
let client: Client;
let weaver: WeaverClient;

beforeAll(async () => {
  world = await World.start({
    script: [
      rule('Needs an answer', asks('Which value is meant?'), says('right')),
      rule('Needs one answer only', asks('Which one?'), says('right')),
      rule('Slow to be answered', asks('Which value?'), ...TRIES.map((): ScriptedAnswer => DOWN), says('right')),
      rule('Needs approval', says('right')),
      rule('Rejected once', says('right')),
      rule('Nobody comes', says('right')),
      rule('Held before it begins', { ...says('wrong 1'), delayMs: 2_000 }, says('right')),
      rule('Short of its own tokens', says('wrong again'), says('right')),
      rule('Short of tokens', says('wrong again'), says('right')),
      rule('Checks fail for a while', says('right')),
      rule('Push fails for a while', says('right')),
      rule('Wrong at first', says('wrong still'), says('right')),
      rule('Two turns', { kind: 'json', value: { nonsense: true } }, says('not right'), says('right')),
      rule('Hangs', { kind: 'hang' }),
      rule('# Split if agreed', plan('Agreed part 1', 'Agreed part 2')),
      rule('# Split if denied', plan('Denied part 1', 'Denied part 2')),
      { answers: [says('right')] },
    ],
    config: 'sandbox: none\n',
  });
  client = await world.connect();
  weaver = new WeaverClient(client, { requester: 'ben@test' });
}, 120_000);

afterAll(async () => {
  await world?.stop();
}, 60_000);

const task = (title: string, more: object = {}) => ({
  title,
  description: 'The value is wrong.',
  repo: { url: world.repository(title.replaceAll(' ', '-'), valueFiles()) },
  checks: [CHECK],
  ...more,
});

const json = <T>({ stdout, stderr }: CliResult): T => {
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (last === '') throw new Error(`nothing on stdout; stderr: ${stderr}`);
  return JSON.parse(last) as T;
};

/** Submits; does not wait. */
async function begin(key: string, title: string, more: object = {}): Promise<string> {
  const result = await world.run(task(title, more), ['--detach', '--key', key]);
  return result.taskId;
}

const waitingOf = async (taskId: string): Promise<Waiting | null> =>
  (await weaver.waiting()).find((each) => each.taskId === taskId) ?? null;

async function untilWaits(taskId: string): Promise<Waiting> {
  let found: Waiting | null = null;
  await until(async () => (found = await waitingOf(taskId)) !== null, `${taskId} waits`);
  if (found === null) throw new Error(`${taskId} does not wait`);
  return found;
}

/** Runs a command line as it was printed. */
const typed = (command: string): Promise<CliResult> => {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  return world.cli([...words.slice(1), '--json']);
};

const eventsOf = async (taskId: string, attribute: string): Promise<number> => {
  const { events } = await client.workflow.getHandle(taskId).fetchHistory();
  return (events ?? []).filter((event) => (event as Record<string, unknown>)[attribute] != null).length;
};

describe('a question', () => {
  it('is listed with the command that answers it, and the task goes on with the answer', async () => {
    const taskId = await begin('asked', 'Needs an answer');
    const waits = await untilWaits(taskId);
    expect(waits).toMatchObject({
      waitingOn: 'human',
      question: { id: 'a1.t1', kind: 'text', text: 'Which value is meant?' },
      commands: [`weaver answer ${taskId} 'your answer' --question a1.t1`],
      answered: true,
    });
    expect((await world.cli(['waiting'])).stdout).toContain(`$ weaver answer ${taskId}`);
    const status = (await world.cli(['status', 'asked'])).stdout;
    expect(status).toContain('Which value is meant?');
    expect(json<TaskStatus>(await world.cli(['answer', 'asked', 'The one that is right', '--json']))).toMatchObject({
      answered: [{ questionId: 'a1.t1', answer: 'The one that is right', by: expect.any(String) }],
    });
    expect((await world.cli(['watch', 'asked'])).exitCode).toBe(0);
    expect(JSON.stringify(world.endpoint.requests().at(-1)?.body)).toContain('The one that is right');
  });

  it('is no part of the outage that the task meets when it goes on', async () => {
    const outageSeconds = 1;
    const { jobId, taskId } = await weaver.submit(task('Slow to be answered', { limits: { outageSeconds } }));
    await untilWaits(taskId);
    const seenAt = Date.now();
    await until(() => Date.now() - seenAt > outageSeconds * 1_000, 'the question is older than an outage may be');
    await weaver.answer(taskId, 'The right one');
    expect(await weaver.result(jobId)).toMatchObject({ state: 'completed', task: { attempts: 1 } });
    expect(world.requestsFor('Slow to be answered')).toBe(2 + TRIES.length);
  });

  it('takes one answer: the same id gives the first result again, others are refused and leave no event', async () => {
    const taskId = await begin('once', 'Needs one answer only');
    await untilWaits(taskId);
    const wrong = await world.cli(['answer', taskId, 'x', '--question', 'a9.t9', '--json']);
    expect({ ...json<object>(wrong), code: wrong.exitCode }).toMatchObject({
      code: 2,
      failure: { code: 'refused', message: expect.stringContaining('a1.t1') },
    });
    expect(await eventsOf(taskId, 'workflowExecutionUpdateAcceptedEventAttributes')).toBe(0);
    // Held, so that the task is still there for the second answer.
    expect((await world.cli(['pause', taskId, '--why', 'to look at it'])).exitCode).toBe(0);
    const first = await world.cli(['answer', taskId, 'the right one', '--id', 'mine', '--json']);
    const again = await world.cli(['answer', taskId, 'another one', '--id', 'mine', '--json']);
    expect({ ...json<object>(first), exitCode: first.exitCode }).toMatchObject({ updateId: 'mine', exitCode: 0 });
    expect(json<object>(again)).toEqual(json<object>(first));
    const late = await world.cli(['answer', taskId, 'too late', '--question', 'a1.t1', '--json']);
    expect({ ...json<object>(late), code: late.exitCode }).toMatchObject({
      code: 2,
      failure: { code: 'refused', message: expect.stringMatching(/was answered by .*the right one/) },
    });
    expect(await eventsOf(taskId, 'workflowExecutionUpdateAcceptedEventAttributes')).toBe(2);
    expect((await world.cli(['resume', taskId])).exitCode).toBe(0);
    expect((await world.cli(['watch', taskId])).exitCode).toBe(0);
    const ended = await world.cli(['answer', taskId, 'much too late', '--json']);
    expect({ ...json<object>(ended), code: ended.exitCode }).toMatchObject({
      code: 2,
      failure: { code: 'ended', message: expect.stringContaining('succeeded') },
    });
  });
});

const PLAN_COMMANDS = (taskId: string) => expect.arrayContaining([`weaver approve ${taskId}`]) as readonly string[];

describe('an approval', () => {
  it('holds the push until it is given by the printed command', async () => {
    const taskId = await begin('approved', 'Needs approval', { people: { approve: ['push'] } });
    const waits = await untilWaits(taskId);
    expect(waits.commands[0]).toBe(`weaver approve ${taskId}`);
    const remote = join(world.folder, 'remotes', 'Needs-approval.git');
    expect(git(remote, 'for-each-ref', '--format=%(refname:short)', 'refs/heads')).toBe('main');
    expect((await typed(waits.commands[0] ?? '')).exitCode).toBe(0);
    expect((await world.cli(['watch', taskId])).exitCode).toBe(0);
    expect(git(remote, 'for-each-ref', '--format=%(refname:short)', 'refs/heads').split('\n')).toHaveLength(2);
  });

  it('that is refused tells the model why', async () => {
    const taskId = await begin('rejected', 'Rejected once', { people: { approve: ['push'] } });
    await untilWaits(taskId);
    await world.cli(['approve', taskId, '--reject', '--why', 'The name of the branch is ugly']);
    await until(async () => world.requestsFor('Rejected once') === 2, 'the second attempt');
    expect(JSON.stringify(world.endpoint.requests().at(-1)?.body)).toContain('The name of the branch is ugly');
    await untilWaits(taskId);
    await weaver.approve(taskId, true, { why: 'fine' });
    expect((await weaver.result('rejected')).state).toBe('completed');
  });

  it('of a plan comes before any child: they begin when it is given', async () => {
    const taskId = await begin('agreed', 'Split if agreed', { handler: 'plan', people: { approve: ['plan'] } });
    const waits = await untilWaits(taskId);
    expect(waits).toMatchObject({ question: { id: 'a1.plan', kind: 'approval' }, commands: PLAN_COMMANDS(taskId) });
    expect((await weaver.jobTasks('agreed'))?.map(({ path }) => path)).toEqual(['0']);
    expect(world.requestsFor('# Agreed part')).toBe(0);
    expect((await typed(waits.commands[0] ?? '')).exitCode).toBe(0);
    expect((await weaver.result('agreed')).summary?.counts).toEqual({ decomposed: 1, succeeded: 2 });
    const { answered } = await client.workflow.getHandle(taskId).query<TaskStatus>('status');
    const children = (await weaver.jobTasks('agreed'))?.slice(1) ?? [];
    expect(children.map(({ path }) => path)).toEqual(['0.1', '0.2']);
    for (const { startedAt } of children) expect(startedAt).toBeGreaterThanOrEqual(answered?.[0]?.at ?? Infinity);
  });

  it('of a plan that is refused begins no child, and says who has refused it and why', async () => {
    const more = { handler: 'plan', people: { approve: ['plan'] }, limits: { attempts: 1 } };
    const taskId = await begin('denied', 'Split if denied', more);
    await untilWaits(taskId);
    await world.cli(['approve', taskId, '--reject', '--why', 'one task is enough']);
    const { state, task: ended } = await weaver.result('denied');
    expect([state, ended.state, ended.failure?.code]).toEqual(['failed', 'dead', 'rejectedByPerson']);
    expect(ended.failure?.detail).toContain('one task is enough');
    expect((await weaver.jobTasks('denied'))?.map(({ path }) => path)).toEqual(['0']);
    expect(world.requestsFor('# Denied part')).toBe(0);
  });

  it('is decided by its default when nobody comes', async () => {
    const people = { approve: ['push'], waitSeconds: 1, unanswered: 'reject' };
    const result = await world.run(task('Nobody comes', { people, limits: { attempts: 1 } }));
    expect(result).toMatchObject({ state: 'dead', exitCode: 8, failure: { code: 'rejectedByPerson' } });
  });
});

describe('holding and hurrying', () => {
  it('a paused task begins nothing; an instruction reaches the next attempt, which need not be waited for', async () => {
    const taskId = await begin('held', 'Held before it begins', { limits: { attempts: 3 } });
    await until(async () => world.requestsFor('Held before it begins') === 1, 'the first attempt');
    const paused = await weaver.pause(taskId, { why: 'lunch' });
    expect(paused.answer).toMatchObject({ paused: { by: 'ben@test', why: 'lunch' } });
    expect((await untilWaits(taskId)).commands).toEqual([`weaver resume ${taskId}`]);
    await weaver.addInstruction(taskId, 'Think of the children');
    expect(world.requestsFor('Held before it begins')).toBe(1);
    expect((await world.cli(['resume', taskId, '--why', 'fed'])).exitCode).toBe(0);
    await weaver.retryNow(taskId).catch(() => null); // the pause may be over
    expect((await weaver.result('held')).state).toBe('completed');
    expect(JSON.stringify(world.endpoint.requests().at(-1)?.body)).toContain('Think of the children');
  });

  it('a task that has spent its own tokens waits too, where its file says so', async () => {
    const limits = { tokens: 10, whenSpent: 'wait', attempts: 3 };
    const taskId = await begin('frugal', 'Short of its own tokens', { limits });
    const waits = await untilWaits(taskId);
    expect(waits).toMatchObject({
      waitingOn: 'budget',
      commands: [expect.stringMatching(/set-budget .* --tokens \d+$/)],
    });
    const listed = await weaver.list({ state: 'open', model: 'scripted-1', waiting: 'budget' });
    expect(listed.find(({ taskId: each }) => each === taskId)?.tokens).toBeGreaterThan(10);
    expect((await typed(`weaver set-budget ${taskId} --tokens 10000000 --why 'worth it'`)).exitCode).toBe(0);
    expect((await weaver.result('frugal')).state).toBe('completed');
    expect((await world.cli(['decisions', taskId])).stdout).toMatch(/ \d+ % of tokens used/);
  });

  it('what has spent the tokens of its job waits for more, and goes on by the printed command', async () => {
    const { title, description, repo, checks } = task('Short of tokens');
    const one = { id: 'one', title, description, limits: { attempts: 3 } };
    const job = { title: 'Poor', repo, checks, budget: { tokens: 10 }, tasks: [one] };
    await world.cli(['run', '-', '--detach', '--key', 'poor'], { input: JSON.stringify(job) });
    const waits = await untilWaits('job/poor/t/one');
    // Twice what it has used, which is more than twice its limit.
    const command = expect.stringMatching(/^weaver set-budget job\/poor --tokens [1-9]\d{3}$/);
    expect(waits).toMatchObject({ waitingOn: 'budget', commands: [command] });
    const refused = await world.cli(['set-budget', 'poor', '--seconds', '5', '--json']);
    expect({ ...json<object>(refused), code: refused.exitCode }).toMatchObject({ code: 2, failure: { code: 'usage' } });
    const raised = await typed(`weaver set-budget job/poor --tokens 10000000 --why 'worth it'`);
    expect(json<object>(raised)).toMatchObject({ jobId: 'job/poor', budget: { tokens: 10_000_000 } });
    expect((await weaver.result('poor')).state).toBe('completed');
  });
});

const afterEnd = async (key: string, title: string, more: object = {}): Promise<RunResult> =>
  await world.run(task(title, more), ['--key', key]);

describe('taking up again', () => {
  it('a retry from the checks pays for nothing', async () => {
    const flag = join(world.folder, 'tool-is-there');
    const checks = [{ name: 'tool', run: `test -e '${flag}'`, timeoutSeconds: 20 }, CHECK];
    const first = await afterEnd('tool', 'Checks fail for a while', { checks, limits: { attempts: 1 } });
    expect(first.state).toBe('dead');
    const asked = world.endpoint.count;
    writeFileSync(flag, '');
    const again = json<RunResult>(await world.cli(['retry', 'tool', '--from', 'checks', '--json']));
    expect(again).toMatchObject({ taskId: 'job/tool~1/t/0', state: 'succeeded', calls: { sent: 0 } });
    expect(world.endpoint.count).toBe(asked);
  });

  it('a retry from the landing runs no check and pays for nothing', async () => {
    const title = 'Push fails for a while';
    const content = task(title, { limits: { attempts: 1 } });
    const hook = join(content.repo.url, 'hooks', 'pre-receive');
    writeFileSync(hook, '#!/bin/sh\necho no >&2\nexit 1\n', { mode: 0o755 });
    const first = await world.run(content, ['--key', 'pushed']);
    expect(first.state).toBe('dead');
    const asked = world.endpoint.count;
    rmSync(hook);
    const again = json<RunResult>(await world.cli(['retry', 'pushed', '--from', 'land', '--json']));
    expect(again).toMatchObject({ state: 'succeeded', calls: { sent: 0 } });
    expect(world.endpoint.count).toBe(asked);
    expect(commitsOn(content.repo.url, again.branch ?? '')).toBe(1);
  });

  it('a retry is a new attempt under the next free number, and a rerun is another', async () => {
    const content = task('Wrong at first', { limits: { attempts: 1 } });
    const first = await world.run(content, ['--key', 'wrong']);
    expect(first).toMatchObject({ state: 'dead', attempts: 1 });
    const base = git(content.repo.url, 'rev-parse', 'main');
    const asked = world.endpoint.count;
    git(content.repo.url, 'update-ref', 'refs/heads/main', emptyCommit(content.repo.url));
    // Its first attempt asks what was asked before, and the ledger answers.
    const rerun = json<RunResult>(await world.cli(['rerun', 'wrong', '--set', 'limits.attempts=2', '--json']));
    expect(rerun).toMatchObject({ taskId: 'job/wrong~1/t/0', state: 'succeeded', attempts: 2, base });
    expect(world.endpoint.count).toBe(asked + 1);
    const retry = json<RunResult>(await world.cli(['retry', 'wrong', '--json']));
    expect(retry).toMatchObject({ taskId: 'job/wrong~2/t/0', state: 'succeeded' });
  });

  it('a reset keeps the turns up to the one that is named', async () => {
    const first = await afterEnd('turns', 'Two turns', { limits: { attempts: 1 } });
    expect(first).toMatchObject({ state: 'dead', calls: { sent: 2 } });
    const none = await world.cli(['reset', 'turns', '--to', 'a1.t7', '--json']);
    expect(none.exitCode).toBe(2);
    const asked = world.endpoint.count;
    const again = json<RunResult>(await world.cli(['reset', 'turns', '--to', 'a1.t1', '--json']));
    // The second turn asks the same as before: the ledger answers, and the checks fail as before.
    expect(again).toMatchObject({ taskId: 'job/turns~1/t/0', state: 'dead' });
    expect(world.endpoint.count).toBe(asked);
  });

  it('what runs, and what has nothing to go on with, is refused', async () => {
    const taskId = await begin('runs', 'Hangs and runs');
    await until(async () => world.requestsFor('Hangs and runs') === 1, 'the call');
    const early = await world.cli(['retry', taskId, '--json']);
    expect({ ...json<object>(early), code: early.exitCode }).toMatchObject({ code: 2, failure: { code: 'stillRuns' } });
    await weaver.stop(taskId, { reason: 'enough' });
    await weaver.result('runs');
    const empty = await world.cli(['retry', taskId, '--from', 'checks', '--json']);
    expect({ ...json<object>(empty), code: empty.exitCode }).toMatchObject({ code: 2, failure: { code: 'usage' } });
    expect((await world.cli(['list', '--job', 'runs', '--json'])).exitCode).toBe(0);
  });
});

/** A commit beside main, with the same files. */
const emptyCommit = (bare: string): string =>
  git(bare, 'commit-tree', 'main^{tree}', '-p', 'main', '-m', 'another one');

const manyHanging = () => ({
  title: 'Hangs in many',
  repo: { url: world.repository('many', valueFiles()) },
  checks: [CHECK],
  tasks: [
    { id: 'a', title: 'Hangs in many a', description: 'd' },
    { id: 'b', title: 'Hangs in many b', description: 'd' },
    { id: 'c', title: 'Hangs in many c', description: 'd', dependsOn: ['a'] },
    { id: 'd', title: 'Quick d', description: 'd' },
  ],
});

describe('stopping', () => {
  it('says what it stops, what had ended and what had never begun, and says the same again', async () => {
    const { exitCode } = await world.cli(['run', '-', '--detach', '--key', 'many', '--json'], {
      input: JSON.stringify(manyHanging()),
    });
    expect(exitCode).toBe(0);
    await until(async () => world.requestsFor('Hangs in many') >= 2, 'both calls');
    await until(async () => (await weaver.status('job/many/t/d')).state === 'succeeded', 'd');
    const tree = await world.cli(['tree', 'many']);
    expect(tree.stdout).toMatch(/├─ a · [^\n]*running[^]*c · [^\n]*pending · waits for[^]*d · [^\n]*succeeded/);
    expect(branchesOf(join(world.folder, 'remotes', 'many.git'))).toHaveLength(2);
    const one = json<Stopped>(await world.cli(['cancel', 'job/many/t/b', '--reason', 'not b', '--wait', '--json']));
    expect(one).toMatchObject({ path: 'b', stopping: ['b'], ended: [], neverBegun: [], stillStopping: [] });
    const all = json<Stopped>(
      await world.cli(['cancel', 'many', '--reason', 'enough', '--wait', '--delete-branch', '--json']),
    );
    expect(all).toMatchObject({ path: null, cancelRequested: true, by: 'job', stillStopping: [] });
    expect({ stopping: all.stopping, ended: all.ended.toSorted(), never: all.neverBegun }).toEqual({
      stopping: ['a'],
      ended: ['b', 'd'],
      never: ['c'],
    });
    await until(async () => (await weaver.jobStatus('many')).state === 'cancelled', 'the job to end');
    const remote = join(world.folder, 'remotes', 'many.git');
    await until(() => branchesOf(remote).join() === 'main', 'the branch of d to go');
    const again = await world.cli(['cancel', 'many', '--reason', 'enough', '--json']);
    expect({ ...json<object>(again), exitCode: again.exitCode }).toMatchObject({
      exitCode: 0,
      cancelRequested: false,
      state: 'cancelled',
    });
    const rows = json<readonly { state: string }[]>(await world.cli(['list', '--job', 'many', '--json']));
    expect(rows.map(({ state }) => state).toSorted()).toEqual(['cancelled', 'cancelled', 'succeeded']);
  });

  it('reaches the tasks of a job that was terminated', async () => {
    const taskId = await begin('torn', 'Hangs alone');
    await until(async () => world.requestsFor('Hangs alone') === 1, 'the call');
    await client.workflow.getHandle('job/torn').terminate('by hand');
    const stopped = await weaver.stop('torn', { reason: 'its job is gone' });
    expect(stopped).toMatchObject({ asked: true, by: 'server', stopping: ['0'] });
    await until(async () => (await weaver.status(taskId)).state === 'cancelled', 'the task to end');
    await until(async () => (await weaver.stillRunning(stopped)).length === 0, 'nothing to run any more');
  });
});
