/** A real server with workflows of a test's own in place of weaver's, for tests of one part among them. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { startTestServer } from '../e2e/world';

const ROOT = resolve(__dirname, '../..');
/** Beside the locks of the set-up. */
const KEPT = join(ROOT, '.tmp');
const PREFIX = 'own-workflows-';
/** Of which the bundle consists: workflows import nothing else of weaver but types. */
const SOURCES = [
  'package-lock.json',
  'src/domain',
  'src/workflows',
  'tests/workflows',
  'tests/chaos/limits-workflows.ts',
];

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

export async function startOwnWorkflows(): Promise<OwnWorkflows> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const folder = mkdtempSync(join(tmpdir(), 'weaver-own-workflows-'));
  const server = await startTestServer(folder);
  const workflowBundle = { code: await bundleOfTests() };
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

/** Webpack takes seconds of all processors: made once for each state of the sources, and kept for the other tests. */
export async function bundleOfTests(): Promise<string> {
  const name = `${PREFIX}${hashOf(SOURCES)}.js`;
  const file = join(KEPT, name);
  mkdirSync(KEPT, { recursive: true });
  const kept = readdirSync(KEPT).filter((other) => other.startsWith(PREFIX));
  if (kept.includes(name)) return readFileSync(file, 'utf8');
  const workflowsPath = require.resolve('./bundled');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  // Another test may be making the same one.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, file);
  // Those of earlier sources: whoever still needs one has read it.
  for (const other of kept) rmSync(join(KEPT, other), { force: true });
  return code;
}

function hashOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesAt))
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

function filesAt(path: string): readonly string[] {
  if (path.includes('.')) return [path];
  return readdirSync(join(ROOT, path), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesAt(`${path}/${entry.name}`) : [`${path}/${entry.name}`]));
}
