/**
 * The embedded Temporal server: `temporal server start-dev` on a database file. One server a database: whoever comes
 * second uses the first one's, and the last to leave ends it. A server whose users were all killed is found by the next.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PortFault } from '../../ports.js';
import { serves } from './frontend.js';
import { identify, isRunning, type ProcessIdentity } from './process-identity.js';
import {
  isServerOf,
  liveUsers,
  readLiveRecord,
  removeRecord,
  writeRecord,
  type ServerRecord,
  type ServerUser,
} from './server-record.js';
import { withStartLock } from './start-lock.js';

export type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

export interface TemporalServerOptions {
  /** The `temporal` command. */
  readonly binary: string;
  /** Made if absent. Its folder also gets `server.json` and `server.lock`. */
  readonly databaseFile: string;
  /** Free ones are chosen where none is given. They matter only if no server runs on the database yet. */
  readonly port?: number;
  readonly uiPort?: number;
  /** Whoever asks stays and works until somebody ends it. */
  readonly stays?: boolean;
  /** What the server says, from its last start. */
  readonly logFile: string;
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  readonly namespace: string;
  /** All that the server's process gets to see: no keys, and no TEMPORAL_* settings, which are for clients. */
  readonly environment: Readonly<Record<string, string>>;
  /** `key=value` with a JSON value each. */
  readonly dynamicConfig?: readonly string[];
}

export interface TemporalServer {
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  /** True if it was running already, started by another process or by one that is gone. */
  readonly reused: boolean;
  /** Leaves the server, and ends it if nobody else uses it. Harmless twice. */
  stop(): Promise<void>;
  /** The server's exit code when it has ended; null if a signal ended it, or if it is not our child. */
  readonly exited: Promise<number | null>;
}

export interface RunningServer {
  readonly pid: number;
  readonly address: string;
  readonly uiUrl: string;
  readonly startedAt: string;
}

/** Usually 0.6 s; a cold disk and busy cores take their time. */
const START_TIMEOUT_MS = 20_000;

/** Refused connections cost nothing, and half of this is what a start takes too long. */
const READY_POLL_MS = 15;

/** One question to a server that listens. */
const ANSWER_TIMEOUT_MS = 2_000;

/** A killed process is gone at once, unless it hangs in the kernel on a sick disk. */
const STOP_TIMEOUT_MS = 10_000;
const STOP_POLL_MS = 20;

/** How soon the end of a server that is not our child is noticed. */
const WATCH_POLL_MS = 500;

/**
 * A port found free may be taken before the server has it, and so may one of those that it finds for its own services: it says
 * so in one line, or panics. Thrice in a row is no accident; a server that cannot start ends within a second.
 */
const PORT_TRIES = 3;

/**
 * Resolves when the server answers for the namespace and its search attributes. Harmless twice: a second call, here or in
 * another process, gives the same server. Faults: temporalUnreachable, with the end of the server's log.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const settings = { ...options, databaseFile: path.resolve(options.databaseFile) };
  const folder = path.dirname(settings.databaseFile);
  await mkdir(folder, { recursive: true });
  return await withStartLock(lockFile(folder), async () => {
    const user: ServerUser = {
      ...identify(process.pid),
      id: randomUUID(),
      ...(settings.stays === true ? { stays: true } : {}),
    };
    const running = await readLiveRecord(folder);
    if (running !== null) {
      if (await becomesReady(settings, running, new AbortController().signal)) return await join(folder, running, user);
      await end(running); // an orphan that hangs would keep the database from every later start
    }
    return await launchOnFreePorts(settings, folder, user);
  });
}

/** The server on the database of this folder, if one runs and answers. */
export async function findRunningServer(folder: string): Promise<RunningServer | null> {
  const record = await readLiveRecord(folder);
  if (
    record === null ||
    !(await serves(record.address, { namespace: record.namespace, searchAttributes: [] }, ANSWER_TIMEOUT_MS))
  )
    return null;
  const { pid, address, uiUrl, startedAt } = record;
  return { pid, address, uiUrl, startedAt };
}

/** Ends the server of this folder whoever uses it. Resolves to false if none ran. */
export async function stopRunningServer(folder: string): Promise<boolean> {
  return await withStartLock(lockFile(folder), async () => {
    const record = await readLiveRecord(folder);
    if (record !== null) await end(record);
    await removeRecord(folder);
    return record !== null;
  });
}

const lockFile = (folder: string): string => path.join(folder, 'server.lock');

async function join(folder: string, record: ServerRecord, user: ServerUser): Promise<TemporalServer> {
  await writeRecord(folder, { ...record, users: [...liveUsers(record), user] });
  return handle(folder, record, user, { reused: true, exited: untilGone(record) });
}

/** Resolves when a process that is no child of ours has ended. Its timer keeps no program alive. */
async function untilGone(identity: ProcessIdentity): Promise<null> {
  while (isRunning(identity)) await pause(WATCH_POLL_MS, undefined, { ref: false });
  return null;
}

async function launchOnFreePorts(
  settings: TemporalServerOptions,
  folder: string,
  user: ServerUser,
): Promise<TemporalServer> {
  for (let tries = 1; ; tries += 1) {
    const [free, freeForUi] = await freePorts();
    const ports = { port: settings.port ?? free, uiPort: settings.uiPort ?? freeForUi };
    const result = await launch(settings, folder, user, ports);
    if ('stop' in result) return result;
    const chosen = settings.port === undefined || settings.uiPort === undefined;
    if (result.ended && chosen && tries < PORT_TRIES) continue;
    throw new PortFault(
      'temporalUnreachable',
      `The Temporal server did not start (${settings.binary}). ${result.says}`,
      false,
    );
  }
}

async function launch(
  settings: TemporalServerOptions,
  folder: string,
  user: ServerUser,
  ports: { readonly port: number; readonly uiPort: number },
): Promise<TemporalServer | { readonly says: string; readonly ended: boolean }> {
  const child = await spawnServer(settings, ports);
  const { pid } = child;
  if (pid === undefined) return { says: 'The program cannot be run.', ended: false };
  const ended = new AbortController();
  const exited = once(child, 'exit').then(([code]: readonly unknown[]) => {
    ended.abort();
    return typeof code === 'number' ? code : null;
  });
  const record: ServerRecord = {
    ...identify(pid),
    address: `127.0.0.1:${ports.port}`,
    uiUrl: `http://127.0.0.1:${ports.uiPort}`,
    databaseFile: settings.databaseFile,
    namespace: settings.namespace,
    startedAt: new Date().toISOString(),
    users: [user],
  };
  // Before it is ready: if we are killed now, the next start must find this server.
  await writeRecord(folder, record);
  if (await becomesReady(settings, record, ended.signal))
    return handle(folder, record, user, { reused: false, exited });
  // The process may be gone before we are told so.
  const early = ended.signal.aborted || !isRunning(record);
  await end(record);
  await removeRecord(folder);
  const reason = early ? 'It ended at once' : `It did not answer within ${START_TIMEOUT_MS / 1_000} s`;
  return { says: `${reason}. Its log ends: ${await logTail(settings.logFile)}`, ended: early };
}

/** In a group of its own, so that an interrupt at the terminal lets the worker finish first. */
async function spawnServer(
  {
    binary,
    databaseFile,
    logFile,
    namespace,
    searchAttributes,
    environment,
    dynamicConfig = [],
  }: TemporalServerOptions,
  { port, uiPort }: { readonly port: number; readonly uiPort: number },
): Promise<ChildProcess> {
  await mkdir(path.dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', `${port}`, '--ui-port', `${uiPort}`];
  args.push('--db-filename', databaseFile, '--namespace', namespace, '--log-level', 'error');
  // Measured: twice as fast as SQLite's defaults, and a killed server loses nothing that was acknowledged.
  args.push('--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL');
  for (const [name, type] of Object.entries(searchAttributes)) args.push('--search-attribute', `${name}=${type}`);
  for (const value of dynamicConfig) args.push('--dynamic-config-value', value);
  const child = spawn(binary, args, { detached: true, stdio: ['ignore', log, log], env: environment });
  closeSync(log);
  child.on('error', () => {}); // a program that cannot be run has no pid, which the caller reports
  child.unref();
  return child;
}

async function becomesReady(
  { namespace, searchAttributes }: TemporalServerOptions,
  server: ServerRecord,
  ended: AbortSignal,
): Promise<boolean> {
  const wanted = { namespace, searchAttributes: Object.keys(searchAttributes) };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!ended.aborted && isRunning(server) && performance.now() < deadline) {
    if (await serves(server.address, wanted, ANSWER_TIMEOUT_MS)) return true;
    await pause(READY_POLL_MS);
  }
  return false;
}

function handle(
  folder: string,
  { address, uiUrl, pid }: ServerRecord,
  user: ServerUser,
  { reused, exited }: Pick<TemporalServer, 'reused' | 'exited'>,
): TemporalServer {
  return {
    address,
    uiUrl,
    pid,
    reused,
    exited,
    stop: () => withStartLock(lockFile(folder), () => leave(folder, pid, user)),
  };
}

async function leave(folder: string, pid: number, user: ServerUser): Promise<void> {
  const record = await readLiveRecord(folder);
  if (record === null || record.pid !== pid) return; // ended already; perhaps another serves by now
  const others = liveUsers(record).filter(({ id }) => id !== user.id);
  if (others.length > 0) {
    await writeRecord(folder, { ...record, users: others });
    return;
  }
  await end(record);
  await removeRecord(folder);
}

/**
 * Kills it: a polite end drains for more than a second, which every short command would wait for, and SQLite's log keeps what
 * was acknowledged either way. Never signals another process that got its number.
 */
async function end(record: ServerRecord): Promise<void> {
  if (!isServerOf(record)) return;
  try {
    process.kill(record.pid, 'SIGKILL');
  } catch {
    return; // it ended by itself between the look and the signal
  }
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isRunning(record) && performance.now() < deadline) await pause(STOP_POLL_MS);
}

/** Two ports that are free now, held together so that they differ. */
async function freePorts(): Promise<readonly [number, number]> {
  const [first, second] = [createServer(), createServer()] as const;
  const ports = [await listenAnywhere(first), await listenAnywhere(second)] as const;
  for (const server of [first, second]) await new Promise((resolve) => server.close(resolve));
  return ports;
}

async function listenAnywhere(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}

/** A program that panics says why before its stack. */
async function logTail(logFile: string): Promise<string> {
  const [said = ''] = (await readFile(logFile, 'utf8')).split(/^goroutine \d+ /m);
  return said.trim().split('\n').slice(-5).join(' | ').slice(-800);
}
