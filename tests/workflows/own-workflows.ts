/** A real server with workflows of a test's own in place of weaver's, for tests of one part among them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { startTestServer } from '../e2e/world';

type Options = Omit<Parameters<typeof Worker.create>[0], 'connection' | 'workflowBundle'>;

export interface OwnWorkflows {
  readonly client: Client;
  /** Ends when it is shut down, at the latest with the server. */
  work(options: Options): Promise<RunningWorker>;
  stop(): Promise<void>;
}

export interface RunningWorker {
  shutDown(): Promise<void>;
}

/** @param workflowsPath of the module that exports them */
export async function startOwnWorkflows(workflowsPath: string): Promise<OwnWorkflows> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const folder = mkdtempSync(join(tmpdir(), 'weaver-own-workflows-'));
  const server = await startTestServer(folder);
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const native = await NativeConnection.connect({ address: server.address });
  const connection = await Connection.connect({ address: server.address });
  const running = new Set<RunningWorker>();
  return {
    client: new Client({ connection }),
    async work(options) {
      const worker = await Worker.create({ ...options, connection: native, workflowBundle });
      const ended = worker.run();
      const one: RunningWorker = {
        async shutDown() {
          if (!running.delete(one)) return;
          worker.shutdown();
          await ended;
        },
      };
      running.add(one);
      return one;
    },
    async stop() {
      await Promise.all([...running].map((one) => one.shutDown()));
      await connection.close();
      await native.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
