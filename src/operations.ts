/** What a worker that stays shows of itself: metrics, and whether it is ready to work. */
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Metrics } from './adapters/telemetry/metrics.js';
import { startOperationsServer, type Finding, type OperationsServer } from './adapters/telemetry/operations-server.js';
import type { Config } from './config.js';

export interface Operated {
  readonly worker: Pick<Worker, 'getState'>;
  readonly connection: NativeConnection;
  readonly metrics: Metrics;
  /** Name of the sandbox that checks run in. */
  readonly sandbox: string;
}

export interface Operations {
  readonly url: string | null;
  readonly warnings: readonly string[];
  stop(): Promise<void>;
}

/** A server that is slower is none to work with. */
const TEMPORAL_TIMEOUT_MS = 2_000;

export const NO_OPERATIONS: Operations = { url: null, warnings: [], stop: async () => undefined };

/** An address that is taken costs the metrics, not the work: it is said. */
export async function startOperations({ home, telemetry }: Config, operated: Operated): Promise<Operations> {
  const { listen } = telemetry;
  if (listen === null) return NO_OPERATIONS;
  const { metrics } = operated;
  try {
    const server: OperationsServer = await startOperationsServer({
      listen,
      metrics,
      readiness: () =>
        Promise.all([workerIs(operated), temporalAnswers(operated), diskTakes(home), sandboxIs(operated)]),
    });
    return { url: server.url, warnings: [], stop: () => server.stop() };
  } catch (thrown) {
    const why = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
    const address = `${listen.host}:${listen.port}`;
    return {
      ...NO_OPERATIONS,
      warnings: [`Metrics and health are not shown: ${address} cannot be listened on (${why}).`],
    };
  }
}

async function workerIs({ worker }: Operated): Promise<Finding> {
  const state = worker.getState();
  return { name: 'worker', ok: state === 'RUNNING', says: state };
}

async function temporalAnswers({ connection }: Operated): Promise<Finding> {
  return await found('temporal', 'answers', () =>
    connection.withDeadline(Date.now() + TEMPORAL_TIMEOUT_MS, () => connection.workflowService.getSystemInfo({})),
  );
}

/** A read-only file system takes nothing, and a full one does not take the bytes. */
async function diskTakes(home: string): Promise<Finding> {
  const file = join(home, `.ready-${process.pid}-${randomUUID().slice(0, 8)}`);
  return await found('disk', 'takes files', async () => {
    try {
      await writeFile(file, 'ready\n', { flag: 'wx', mode: 0o600 });
    } finally {
      await rm(file, { force: true });
    }
  });
}

/** Chosen when the worker started; without the one that is required it would not have. */
const sandboxIs = async ({ sandbox }: Operated): Promise<Finding> => ({ name: 'sandbox', ok: true, says: sandbox });

/** Only the kind of fault: messages may hold addresses and paths, and the port asks nobody for a password. */
async function found(name: string, says: string, look: () => Promise<unknown>): Promise<Finding> {
  try {
    await look();
    return { name, ok: true, says };
  } catch (thrown) {
    const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? ` (${String(thrown.code)})` : '';
    return { name, ok: false, says: `fails${code}` };
  }
}
