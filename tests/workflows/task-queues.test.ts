/** What weaver leaves to the server: work that is put on a queue is handed to one who polls it. Asked of the server itself. */
import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestServer } from '../e2e/world';

let folder = '';
let server: Awaited<ReturnType<typeof startTestServer>>;
let connection: Connection;
let client: Client;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-queues-'));
  server = await startTestServer(folder);
  connection = await Connection.connect({ address: server.address });
  client = new Client({ connection });
}, 60_000);

afterAll(async () => {
  await connection?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const put = (taskQueue: string, workflowId: string) =>
  client.workflow.start('job', { taskQueue, workflowId, args: [] });

/** The server answers with nothing this long before the deadline, and takes no question of under two seconds in all. */
const ANSWER_MS = 1_000;

/** The id of the workflow whose work comes; null when nothing has come for so long. */
async function take(queue: string, withinMs: number): Promise<string | null> {
  try {
    const task = await connection.withDeadline(Date.now() + withinMs + ANSWER_MS, () =>
      connection.workflowService.pollWorkflowTaskQueue({
        namespace: 'default',
        taskQueue: { name: queue },
        identity: 'test',
      }),
    );
    return task.workflowExecution?.workflowId || null;
  } catch (thrown) {
    if (isGrpcServiceError(thrown) && /DEADLINE_EXCEEDED/.test(thrown.message)) return null;
    throw thrown;
  }
}

it('WT-45 hands out what was put on the queue', async () => {
  await put('first', 'job/one');
  expect(await take('first', 10_000)).toBe('job/one');
});

it('WT-46 has nothing on an empty queue, and says so after the time of asking', async () => {
  const askedAt = Date.now();
  expect(await take('empty', 1_500)).toBeNull();
  expect(Date.now() - askedAt).toBeGreaterThanOrEqual(500);
});

it('WT-47 keeps queues apart', async () => {
  await put('left', 'job/left');
  expect(await take('right', 1_500)).toBeNull();
  expect(await take('left', 10_000)).toBe('job/left');
});

it('WT-48 wakes who waits as soon as there is something', async () => {
  const taken = take('awaited', 20_000);
  // It waits in earnest before there is anything.
  expect(await Promise.race([taken, new Promise((wake) => setTimeout(() => wake('still waiting'), 300))])).toBe(
    'still waiting',
  );
  const putAt = Date.now();
  await put('awaited', 'job/awaited');
  expect(await taken).toBe('job/awaited');
  expect(Date.now() - putAt).toBeLessThan(10_000);
});
