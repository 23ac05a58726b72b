/** Whose step comes first at a worker that is busy: what the server's settings give (docs/decisions/0013-sharing.md). */
import { EventEmitter, once } from 'node:events';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import { fairnessKeyOf } from '../../../src/domain/permits';
import { until } from '../../e2e/world';
import { startOwnWorkflows, type OwnWorkflows } from '../own-workflows';

let workflows: OwnWorkflows;
let client: Client;

beforeAll(async () => {
  workflows = await startOwnWorkflows();
  ({ client } = workflows);
});

afterAll(() => workflows?.stop());

interface Queued {
  readonly name: string;
  readonly priority: Priority;
}

/** The order in which one slot does the steps, which all wait before the first is let through. */
async function orderOf(queue: string, waves: readonly (readonly Queued[])[]): Promise<readonly string[]> {
  const done: string[] = [];
  const gate = new EventEmitter();
  const opened = once(gate, 'open');
  const worker = await workflows.work({
    taskQueue: queue,
    maxConcurrentActivityTaskExecutions: 1,
    maxConcurrentActivityTaskPolls: 1,
    activities: {
      step: async (name: string) => {
        if (name === 'first') await opened;
        done.push(name);
      },
    },
  });
  const started: WorkflowHandle[] = [await start(queue, { name: 'first', priority: {} })];
  await scheduled(started);
  for (const wave of waves) {
    for (const one of wave) started.push(await start(queue, one));
    await scheduled(started);
  }
  gate.emit('open');
  await Promise.all(started.map((job) => job.result()));
  await worker.shutDown();
  return done.slice(1);
}

const start = (queue: string, { name, priority }: Queued): Promise<WorkflowHandle> =>
  client.workflow.start('smallJob', { workflowId: `${queue}-${name}`, taskQueue: queue, args: [name], priority });

const scheduled = (jobs: readonly WorkflowHandle[]): Promise<void> =>
  until(async () => {
    const tasks = jobs.map(({ workflowId }) => client.workflow.getHandle(`${workflowId}/t/0`).describe());
    const described = await Promise.all(tasks.map((one) => one.catch(() => null)));
    return described.every((one) => (one?.raw.pendingActivities?.length ?? 0) > 0);
  }, 'all steps wait');

const many = (count: number, prefix: string, priority: Priority): readonly Queued[] =>
  Array.from({ length: count }, (_, n) => ({ name: `${prefix}${n}`, priority }));

/** The slot's next task has been handed out before the others came. */
const PREFETCHED = 1;

it('lets an urgent job overtake those that wait', async () => {
  const order = await orderOf('urgent', [
    many(10, 'usual', { priorityKey: 3 }),
    many(2, 'urgent', { priorityKey: 1 }),
    many(2, 'idle', { priorityKey: 5 }),
  ]);
  expect(order.slice(0, 2 + PREFETCHED)).toEqual(expect.arrayContaining(['urgent0', 'urgent1']));
  expect(order.slice(-2).toSorted()).toEqual(['idle0', 'idle1']);
});

it('does not let a repository with twenty tasks starve one with two', async () => {
  const [large, small] = ['/srv/large.git', '/srv/small.git'].map((url) => ({ fairnessKey: fairnessKeyOf(url) }));
  const order = await orderOf('repositories', [many(20, 'large', large ?? {}), many(2, 'small', small ?? {})]);
  // Alternating: one of each, whichever begins.
  expect(order.slice(0, 4 + PREFETCHED)).toEqual(expect.arrayContaining(['small0', 'small1']));
});

it('would starve it if all had the same key', async () => {
  const order = await orderOf('same', [many(20, 'large', {}), many(2, 'small', {})]);
  expect(order.slice(0, 10).filter((name) => name.startsWith('small'))).toEqual([]);
});
