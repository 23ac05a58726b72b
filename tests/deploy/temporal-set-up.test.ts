/** deploy/temporal/namespace.sh and deploy/worker-health.mjs, run against a real server that has neither namespace nor worker. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { startTemporalServer, type TemporalServer } from '../../src/adapters/server/temporal-server.js';
import { searchAttributeTypes } from '../../src/workflows/messages.js';
import { ended, type Ended } from '../scripts/checkout.js';

const root = path.resolve(__dirname, '../..');
const NAMESPACE = 'weaver-deploy';

/** temporal.api.enums.v1.IndexedValueType */
const TYPES = ['', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];

const folder = mkdtempSync(path.join(tmpdir(), 'weaver-deploy-'));
let server: TemporalServer;
let connection: Connection;

beforeAll(async () => {
  const binary = process.env['WEAVER_TEMPORAL_BINARY'];
  if (binary === undefined) throw new Error('WEAVER_TEMPORAL_BINARY is not set: run the tests with `npm test`');
  server = await startTemporalServer({
    binary,
    databaseFile: path.join(folder, 'temporal.db'),
    logFile: path.join(folder, 'server.log'),
    namespace: 'default',
    searchAttributes: {},
    environment: { HOME: folder },
  });
  connection = await Connection.connect({ address: server.address });
});
afterAll(async () => {
  await connection?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('the namespace is there with the search attributes that weaver sets, and a second run changes nothing', async () => {
  const first = await run('sh', ['deploy/temporal/namespace.sh']);
  expect(first).toMatchObject({ code: 0 });
  const attributes = await registered();
  expect(attributes).toEqual(searchAttributeTypes());
  expect(await run('sh', ['deploy/temporal/namespace.sh'])).toMatchObject({ code: 0 });
  expect(await registered()).toEqual(attributes);
  const { config } = await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 60 * 60);
});

describe('a worker is healthy', () => {
  it('not before it polls, and then as soon as it does', async () => {
    expect(await health()).toMatchObject({ code: 1, stderr: expect.stringMatching(/no worker of .* polls weaver/) });
    const polling = new AbortController();
    const poll = connection.withAbortSignal(polling.signal, () =>
      connection.withDeadline(Date.now() + 60_000, () =>
        connection.workflowService.pollWorkflowTaskQueue({
          namespace: NAMESPACE,
          taskQueue: { name: 'weaver' },
          identity: `1@${hostname()}`,
        }),
      ),
    );
    poll.catch(() => {}); // ended below, by us
    let last = await health();
    for (let tries = 0; tries < 20 && last.code !== 0; tries += 1) last = await health();
    expect(last).toEqual({ code: 0, stdout: '', stderr: '' });
    polling.abort();
  });

  it('not when another queue is asked for, as it is without a model', async () => {
    expect((await health({ WEAVER_TASK_QUEUE: 'another' })).stderr).toMatch(/no worker of .* polls another\n/);
    expect((await health({ OPENAI_API_KEY: '' })).stderr).toMatch(/no worker of .* polls weaver-scripted\n/);
  });

  it('not when the server is gone', async () => {
    expect((await health({ TEMPORAL_ADDRESS: '127.0.0.1:1' })).code).toBe(1);
  });
});

it('the set-up of the databases is a shell script that parses', async () => {
  expect(await run('sh', ['-n', 'deploy/temporal/schema.sh'])).toEqual({ code: 0, stdout: '', stderr: '' });
});

async function registered(): Promise<Readonly<Record<string, string | undefined>>> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: NAMESPACE });
  const ours = Object.entries(customAttributes).filter(([name]) => name.startsWith('Weaver'));
  return Object.fromEntries(ours.map(([name, type]) => [name, TYPES[type]]));
}

const health = (more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  run(process.execPath, ['deploy/worker-health.mjs'], more);

function run(command: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const binaries = path.dirname(process.env['WEAVER_TEMPORAL_BINARY'] ?? '');
  const env = {
    PATH: `${binaries}:${process.env['PATH']}`,
    HOME: folder,
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_NAMESPACE: NAMESPACE,
    OPENAI_API_KEY: 'sk-none-is-asked',
    ...more,
  };
  return ended(spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] }));
}
