/** The Temporal server killed with SIGKILL and started again on its database while a task runs: the worker stays, nothing is lost. */
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { WeaverClient } from '../../src/client/weaver-client';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import type { JobResult } from '../../src/workflows/messages';
import { answerValue, branchesOf, commitsOn, git, startTestServer, until, World } from '../e2e/world';
import { seededRandom } from './points';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_122;
const KILLS = SOAK ? 20 : 3;
/** A task lasts about so long: two calls, four checks, a retry. */
const TASK_MS = 4_000;
const SETTLE_MS = 120_000;
const TIMEOUT_MS = KILLS * SETTLE_MS;

const titles = Array.from({ length: KILLS + 1 }, (_, n) => `Restarted ${String(n).padStart(3, '0')}.`);
const answers: readonly ScriptedAnswer[] = ['wrong again', 'right'].map((value) => ({
  kind: 'json',
  value: answerValue(value),
  delayMs: 300,
}));
const FILES = {
  'value.txt': 'wrong\n',
  'check.sh': 'sleep 0.2; grep -qx right value.txt || { echo "value is $(cat value.txt)"; exit 1; }\n',
};

let world: World;
let connection: Connection;
let client: WeaverClient;
let server: Awaited<ReturnType<typeof startTestServer>>;

beforeAll(async () => {
  world = await World.start({ script: titles.map((title) => ({ when: { contains: title }, answers })) });
  server = world.server;
  connection = await Connection.connect({ address: world.server.address });
  client = new WeaverClient(new Client({ connection }), { requester: 'chaos' });
}, 120_000);

afterAll(async () => {
  await connection.close();
  await server.stop();
  await world.stop();
}, 60_000);

it(
  'and never: the calm run',
  async () => {
    expect(await account(titles[0] ?? '', async () => undefined)).toEqual(CALM);
  },
  SETTLE_MS,
);

it.each(momentsMs())(
  'restart $slot, after $afterMs ms',
  async ({ slot, afterMs }) => {
    const restart = async (): Promise<void> => {
      await pause(afterMs);
      await restartServer();
    };
    expect(await account(titles[slot] ?? '', restart)).toEqual(CALM);
  },
  TIMEOUT_MS,
);

const CALM = {
  state: 'succeeded',
  attempts: 2,
  requests: 2,
  inDoubt: 0,
  commits: 1,
  value: 'right',
  branches: ['chaos', 'main'],
};

async function account(title: string, meanwhile: () => Promise<void>) {
  const url = world.repository(title.slice(0, -1).replace(' ', '-'), FILES);
  const task = {
    title,
    description: 'Make the value right.',
    repo: { url, branch: 'chaos' },
    checks: [{ name: 'value', run: 'sh check.sh', timeoutSeconds: 20 }],
  };
  const job = await client.submit(JSON.stringify(task));
  await meanwhile();
  const { task: result } = await resultOf(job.jobId);
  return {
    state: result.state,
    attempts: result.attempts,
    requests: world.requestsFor(title),
    inDoubt: result.spending.callsInDoubt,
    commits: commitsOn(url, 'chaos'),
    value: git(url, 'show', 'chaos:value.txt'),
    branches: branchesOf(url),
  };
}

/** The same port, the same database. */
async function restartServer(): Promise<void> {
  const port = Number(server.address.split(':').at(-1));
  process.kill(server.pid, 'SIGKILL');
  await server.exited;
  server = await startTestServer(world.folder, port);
}

/** A long poll that breaks with its server is asked again. */
async function resultOf(jobId: string): Promise<JobResult> {
  let result: JobResult | null = null;
  await until(
    async () => {
      try {
        result = await client.result(jobId, { signal: AbortSignal.timeout(SETTLE_MS) });
        return true;
      } catch {
        return false;
      }
    },
    `${jobId} ends`,
    SETTLE_MS,
  );
  if (result === null) throw new Error('no result');
  return result;
}

function momentsMs(): readonly { readonly slot: number; readonly afterMs: number }[] {
  const random = seededRandom(SEED);
  return Array.from({ length: KILLS }, (_, n) => ({ slot: n + 1, afterMs: Math.round(random() * TASK_MS) }));
}
