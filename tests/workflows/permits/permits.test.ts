/** The keeper of permits on a real server, with tasks that only hold what they are given. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { createAskPermit, createOpenTasks } from '../../../src/activities/ask-permit';
import type { PermitBook, PermitWish } from '../../../src/domain/permits';
import { until } from '../../e2e/world';
import { writeHistory } from '../../replay/recorded-histories';
import { startOwnWorkflows, type OwnWorkflows, type RunningWorker } from '../own-workflows';

const QUEUE = 'sharing';
const wish = (name: string, capacity = 1): PermitWish => ({ name, capacity, words: `the ${name}` });

let workflows: OwnWorkflows;
let client: Client;
let worker: RunningWorker;

beforeAll(async () => {
  workflows = await startOwnWorkflows();
  ({ client } = workflows);
  await startWorker();
});

afterAll(async () => {
  if (process.env['WEAVER_RECORD_HISTORIES'] === '1')
    for (const name of ['branch/order', 'branch/passed', 'branch/terminated', 'repo/three', 'branch/carried'])
      await expectKeeperToEnd(name).then(() =>
        writeHistory(client, keeper(name).workflowId, `permits.${name.replace('/', '-')}`),
      );
  await workflows?.stop();
});

async function startWorker(): Promise<void> {
  worker = await workflows.work({
    taskQueue: QUEUE,
    activities: { askPermit: createAskPermit(), openTasks: createOpenTasks() },
    stickyQueueScheduleToStartTimeout: '1s',
  });
}

interface State {
  readonly working: boolean;
  readonly says: readonly (string | null)[];
}

type Holder = WorkflowHandle;

const start = (id: string, wishes: readonly PermitWish[], priority = 3): Promise<Holder> =>
  client.workflow.start('holder', { workflowId: id, taskQueue: QUEUE, args: [wishes, priority] });
const stateOf = (task: Holder): Promise<State> => task.query<State>('state');
const expectWorking = (task: Holder): Promise<void> =>
  until(async () => (await stateOf(task)).working, `${task.workflowId} works`);
const waits = (task: Holder): Promise<void> =>
  until(async () => (await stateOf(task)).says.length > 0, `${task.workflowId} waits`);
const keeper = (name: string): WorkflowHandle => client.workflow.getHandle(`permits/${QUEUE}/${name}`);
const expectKeeperToEnd = (name: string): Promise<void> =>
  until(async () => (await keeper(name).describe()).status.name === 'COMPLETED', `keeper of ${name} ends`);

async function startInLine(id: string, wishes: readonly PermitWish[], priority = 3): Promise<Holder> {
  const task = await start(id, wishes, priority);
  await waits(task);
  return task;
}

async function finish(...tasks: readonly Holder[]): Promise<void> {
  for (const task of tasks) await task.signal('letGo');
  await Promise.all(tasks.map((task) => task.result()));
}

it('gives a permit to one task, and tells the second who has it', async () => {
  const wishes = [wish('branch/one')];
  const first = await start('one-a', wishes);
  await expectWorking(first);
  const second = await startInLine('one-b', wishes);
  expect(await stateOf(second)).toEqual({ working: false, says: ['waiting for the branch/one: one-a has it'] });
  await first.signal('letGo');
  await expectWorking(second);
  expect((await stateOf(second)).says).toEqual(['waiting for the branch/one: one-a has it', null]);
  await finish(second);
});

it('costs a task without wishes no event, and one that need not wait a dozen', async () => {
  const plain = await start('events-a', []);
  await expectWorking(plain);
  await plain.signal('letGo');
  const bare = (await plain.result()) as number;
  const wanting = await start('events-b', [wish('branch/events')]);
  await expectWorking(wanting);
  await wanting.signal('letGo');
  const asked = (await wanting.result()) as number;
  expect(bare).toBeLessThanOrEqual(8);
  expect(asked - bare).toBeLessThanOrEqual(12);
});

it('serves the urgent first, and those of one priority in the order in which they came', async () => {
  const wishes = [wish('branch/order')];
  const first = await start('order-1', wishes);
  await expectWorking(first);
  const late = await startInLine('order-2', wishes, 5);
  const usual = await startInLine('order-3', wishes, 3);
  const next = await startInLine('order-4', wishes, 3);
  const urgent = await startInLine('order-5', wishes, 1);
  const order: string[] = [];
  let holder = first;
  const left = new Set([late, usual, next, urgent]);
  while (left.size > 0) {
    await finish(holder);
    await until(async () => {
      for (const task of left) if ((await stateOf(task)).working) holder = task;
      return left.has(holder);
    }, 'the next one works');
    left.delete(holder);
    order.push(holder.workflowId);
    const together = await Promise.all([...left].map(stateOf));
    expect(together.filter(({ working }) => working)).toEqual([]);
  }
  await finish(holder);
  expect(order).toEqual(['order-5', 'order-3', 'order-4', 'order-2']);
});

it('lets as many work as there are permits', async () => {
  const wishes = [wish('repo/three', 2)];
  const tasks = [await start('three-a', wishes), await start('three-b', wishes)];
  await Promise.all(tasks.map(expectWorking));
  const third = await startInLine('three-c', wishes);
  await finish(...tasks.slice(0, 1));
  await expectWorking(third);
  await finish(...tasks.slice(1), third);
});

it('frees what a terminated task holds', async () => {
  const wishes = [wish('branch/terminated')];
  const first = await start('terminated-a', wishes);
  await expectWorking(first);
  await first.terminate('lost');
  const second = await start('terminated-b', wishes);
  await expectWorking(second);
  await finish(second);
});

it('passes over a task that was terminated while it waited, or cancelled', async () => {
  const wishes = [wish('branch/passed')];
  const first = await start('passed-a', wishes);
  await expectWorking(first);
  const lost = await startInLine('passed-b', wishes);
  const cancelled = await startInLine('passed-c', wishes);
  const last = await startInLine('passed-d', wishes);
  await lost.terminate('lost');
  await cancelled.cancel();
  await expect(cancelled.result()).rejects.toThrow(/cancel/i);
  await finish(first);
  await expectWorking(last);
  await finish(last);
});

it('ends by itself when nobody wants it, and begins again with the next request', async () => {
  const wishes = [wish('branch/again')];
  const first = await start('again-a', wishes);
  await expectWorking(first);
  await finish(first);
  await expectKeeperToEnd('branch/again');
  const second = await start('again-b', wishes);
  await expectWorking(second);
  await finish(second);
});

it('loses no request that comes while it is about to end', async () => {
  const wishes = [wish('branch/edge')];
  for (let n = 0; n < 6; n += 1) {
    const task = await start(`edge-${n}`, wishes);
    await expectWorking(task);
    await finish(task);
    // The keeper lingers for two seconds: requests around its end.
    await new Promise((wake) => setTimeout(wake, 1_900 + n * 40));
  }
  await expectKeeperToEnd('branch/edge');
});

it('goes on with its book where another worker takes it up', async () => {
  const wishes = [wish('branch/worker')];
  const first = await start('worker-a', wishes);
  await expectWorking(first);
  const second = await startInLine('worker-b', wishes);
  await worker.shutDown();
  await first.signal('letGo');
  await startWorker();
  await expectWorking(second);
  expect(await first.result()).toBeGreaterThan(0);
  await finish(second);
});

it('carries holders and queue over when it continues as new', async () => {
  const book: PermitBook = {
    capacity: 1,
    holders: [{ taskId: 'carried-a', requestId: 'unknown', told: true }],
    waiting: [],
    refused: [],
  };
  const blocker = await start('carried-a', []);
  await expectWorking(blocker);
  await client.workflow.start('permits', {
    workflowId: `permits/${QUEUE}/branch/carried`,
    taskQueue: QUEUE,
    args: [book],
  });
  const second = await startInLine('carried-b', [wish('branch/carried')]);
  expect((await stateOf(second)).says).toEqual(['waiting for the branch/carried: carried-a has it']);
  await finish(blocker);
  // It ended without giving back what it never knew it had: the keeper looks.
  await expectWorking(second);
  await finish(second);
});
