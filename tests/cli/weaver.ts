/** Runs the compiled command with nothing of the developer's environment. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startScriptedEndpoint, type ScriptedEndpoint, type ScriptRule } from '../../src/adapters/model/scripted.js';
import { stopRunningServer } from '../../src/adapters/server/temporal-server.js';
import { openCommands } from '../e2e/commands.js';
import { API_KEY, CLI, endProcess, makeRepository, runProcess, valueFiles, type CliResult } from '../e2e/world.js';

export interface Desk {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** In a process of its own where a test is about the process, or where the process ends before its worker has. */
  weaver(
    args: readonly string[],
    options?: {
      readonly env?: Readonly<Record<string, string>>;
      readonly input?: string;
      readonly ownProcess?: boolean;
    },
  ): Promise<CliResult>;
  /** A process that stays; ended with the desk at the latest. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): ChildProcess;
  /** Ends what still runs here. */
  end(): Promise<void>;
  clear(): Promise<void>;
}

/** A folder with a weaver home in it. The Temporal server that it starts is the one that the tests use. */
export function openDesk(more: Readonly<Record<string, string>> = {}): Desk {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-desk-'));
  mkdirSync(join(folder, 'work'));
  const binary = process.env['WEAVER_TEMPORAL_BINARY'] ?? '';
  const env = {
    PATH: [...(binary === '' ? [] : [dirname(binary)]), process.env['PATH'] ?? ''].join(':'),
    HOME: folder,
    WEAVER_HOME: join(folder, 'home'),
    WEAVER_REQUESTER: 'ana@desk',
    ...more,
  };
  const cwd = join(folder, 'work');
  const started: ChildProcess[] = [];
  const commands = openCommands({ cli: CLI, env, cwd });
  const end = async () => void (await Promise.all([commands.stop(), ...started.map(endProcess)]));
  return {
    folder,
    env,
    weaver(args, { ownProcess = false, ...options } = {}) {
      if (!ownProcess) return commands.run(args, options);
      return runProcess(process.execPath, [CLI, ...args], { ...options, env: { ...env, ...options.env }, cwd });
    },
    start(args, extra = {}) {
      const child = spawn(process.execPath, [CLI, ...args], {
        env: { ...env, ...extra },
        cwd,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      started.push(child);
      return child;
    },
    end,
    async clear() {
      await end();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

export interface ScriptedDesk extends Desk {
  readonly endpoint: ScriptedEndpoint;
  /** A repository whose check fails until `value.txt` says `right`. */
  readonly repo: string;
}

/** A desk whose model is played, with its own server; `clear` ends both. */
export async function openScriptedDesk(script: readonly ScriptRule[]): Promise<ScriptedDesk> {
  const endpoint = await startScriptedEndpoint({ script });
  const desk = openDesk({ OPENAI_BASE_URL: endpoint.baseUrl, OPENAI_API_KEY: API_KEY, WEAVER_MODEL: 'scripted-1' });
  const repo = makeRepository(join(desk.folder, 'value.git'), valueFiles());
  return {
    ...desk,
    endpoint,
    repo,
    async clear() {
      // Whoever runs there starts a server again that has ended.
      await desk.end();
      await stopRunningServer(join(desk.folder, 'home', 'temporal'));
      await desk.clear();
      await endpoint.stop();
    },
  };
}

/** The object that a `--json` command printed last. */
export const lastJson = ({ stdout }: CliResult): unknown => JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
