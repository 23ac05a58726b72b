/** What the tests of the model adapter stand on: a home, a scripted endpoint, workers in processes of their own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createModel, type ModelOptions, type RunningModel } from '../../../src/adapters/model/model';
import { startScriptedEndpoint, type ScriptedEndpoint, type ScriptRule } from '../../../src/adapters/model/scripted';
import type { CallRequest, CallResult, Departing, ProviderSettings, SendGate, SendWindow } from '../../../src/ports';

/** Looks like a key, so that a leak of it is recognised anywhere. */
export const API_KEY = 'sk-test-0a1b2c3d4e5f60718293a4b5c6d7e8f9';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'weaver-model-'));

export const removeFolder = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });

/** The request process is a program: it runs as `npm test` has built it. */
const DIST = resolve(__dirname, '../../../dist');
export const REQUEST_PROCESS = join(DIST, 'adapters/model/request-process.js');

export interface ModelBench {
  readonly home: string;
  readonly endpoint: ScriptedEndpoint;
  readonly model: RunningModel;
  close(): Promise<void>;
}

/** A model with a home and a request process of its own, beside a scripted endpoint. */
export async function openModelBench(
  script: readonly ScriptRule[] = [],
  more: Partial<ModelOptions> = {},
): Promise<ModelBench> {
  const home = temporaryFolder();
  const endpoint = await startScriptedEndpoint({ script });
  const model = createModel({
    home,
    redact: (text) => text,
    apiKeyOf: () => API_KEY,
    onWarning: () => undefined,
    requestProcessPath: REQUEST_PROCESS,
    idleSeconds: 5,
    ...more,
  });
  const close = async (): Promise<void> => {
    model.close();
    for (const pid of requestProcessesOf(home)) process.kill(pid, 'SIGKILL');
    await endpoint.stop();
    removeFolder(home);
  };
  return { home, endpoint, model, close };
}

const providerAt = (baseUrl: string, more: Partial<ProviderSettings> = {}): ProviderSettings => ({
  name: 'test',
  baseUrl,
  keyVariable: 'TEST_KEY',
  model: 'scripted-1',
  level: 'json-schema',
  price: { promptUsdMicros: 1_000_000, cachedUsdMicros: 100_000, completionUsdMicros: 2_000_000, date: '2026-11-01' },
  concurrency: 8,
  callTimeoutSeconds: 20,
  idleTimeoutSeconds: 10,
  maxOutputTokens: 1_000,
  ...more,
});

export const requestTo = (
  baseUrl: string,
  callId: string,
  more: Partial<ProviderSettings> = {},
  text = 'Say it.',
): CallRequest => ({
  callId,
  lineage: 'task-1',
  provider: providerAt(baseUrl, more),
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: text },
  ],
  schema: { name: 'answer', schema: { type: 'object', properties: {}, additionalProperties: false } },
});

/** Lets every request leave, and remembers what it was told. */
export class OpenGate implements SendGate {
  readonly told: (Departing | 'lost')[] = [];

  mayLeave(departing: Departing): Promise<SendWindow> {
    this.told.push(departing);
    return Promise.resolve({ fromMs: Date.now(), untilMs: Date.now() + 10_000 });
  }

  left(): void {}

  lost(): void {
    this.told.push('lost');
  }
}

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Resolves when the worker has said this word. */
  said(word: 'connected' | 'asked' | 'progress' | 'result'): Promise<void>;
  /** Rejects if the worker ended without a result. */
  result(): Promise<CallResult>;
  /** Resolves when the process is gone. */
  kill(): Promise<void>;
}

/** A worker in a process of its own that makes one call, or with `holds` waits for a line before it asks. */
export function startWorkerProcess(options: {
  readonly home: string;
  readonly request: CallRequest;
  readonly holds?: boolean;
}): WorkerProcess {
  const child = spawn(process.execPath, [require.resolve('./worker-process.cjs'), DIST], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', TEST_KEY: API_KEY },
  });
  child.stdin.on('error', () => undefined); // killed before it read: its exit says so
  child.stdin.write(`${JSON.stringify(options)}\n`);
  const lines: { word: string; result?: CallResult }[] = [];
  const watchers = new Set<() => void>();
  let rest = '';
  let ended = false;
  const tell = (): void => watchers.forEach((watcher) => watcher());
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line) as { word: string; result?: CallResult }));
    tell();
  });
  const gone = new Promise<void>((settle) => {
    child.once('close', () => {
      ended = true;
      tell();
      settle();
    });
  });
  const line = (word: string): Promise<{ result?: CallResult }> =>
    new Promise((settle, fail) => {
      const look = (): void => {
        const found = lines.find((one) => one.word === word);
        if (found === undefined && !ended) return;
        watchers.delete(look);
        if (found === undefined) fail(new Error(`the worker ended before it said ${word}`));
        else settle(found);
      };
      watchers.add(look);
      look();
    });
  return {
    child,
    said: async (word) => void (await line(word)),
    result: async () => {
      const { result } = await line('result');
      if (result === undefined) throw new Error('a result without a result');
      return result;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 15_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

/** Ids of the request processes that serve this home. */
export function requestProcessesOf(home: string): readonly number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args=', '-ww'], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes('request-process.js') && line.includes(`--home ${home} `))
    .map((line) => Number.parseInt(line, 10));
}

/** Everything below the folder that is a file, as one text. */
export function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
}
