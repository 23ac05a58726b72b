/** The worker's one connection to the request process: made on demand, made anew when it breaks. */
import { spawn } from 'node:child_process';
import { mkdir, open as openFile, rename, stat, type FileHandle } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  PortFault,
  type CallRequest,
  type CallResult,
  type Departing,
  type RecordingSettings,
  type SendGate,
} from '../../ports.js';
import {
  courierPlaces,
  onMessages,
  PROTOCOL,
  sendMessage,
  type CourierPlaces,
  type FromCourier,
} from './courier-protocol.js';

/** The connection broke before the end of the call: the request process died, or made room for its successor. */
export class CourierLost extends Error {}

export interface Question {
  readonly request: CallRequest;
  readonly apiKey: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly recordings?: RecordingSettings;
}

export interface Asking {
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number, tokens: number) => void;
  /** After an abort the end is waited for so long, then null is given. */
  readonly abortWaitMs: number;
  /** Absent = the request leaves unasked. */
  readonly gate?: SendGate;
}

export interface CourierLink {
  connect(): Promise<void>;
  /** Rejects with CourierLost if the connection breaks, with a PortFault if there is none to be had. */
  ask(
    question: Question,
    asking: Asking,
  ): Promise<{ readonly result: CallResult; readonly warnings: readonly string[] } | null>;
  close(): void;
}

export interface LinkOptions {
  readonly home: string;
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly idleSeconds: number;
  /** In place of the one where this process runs. */
  readonly place?: string;
}

/** A start takes a quarter of a second; an older process may have to finish a request first. */
const CONNECT_MS_MAX = 20_000;
const CONNECT_POLL_MS = 5;
/** A process that accepts and says nothing (stopped, or swapped out) must not hold a call for ever. */
const HELLO_MS_MAX = 5_000;
/** Starts while waiting for a connection: more would be a program that cannot run. */
const STARTS_MAX = 5;
const LOG_BYTES_MAX = 1024 * 1024;

type Handler = (message: FromCourier | 'lost') => void;

interface Connection {
  readonly socket: Socket;
  readonly handlers: Map<number, Handler>;
}

export function createCourierLink(options: LinkOptions): CourierLink {
  let connection: Promise<Connection> | null = null;
  let open: Connection | null = null;
  let closed = false;
  let lastId = 0;

  const connected = (): Promise<Connection> => {
    if (closed) return Promise.reject(closing());
    connection ??= openConnection(options, () => {
      connection = null;
      open = null;
    }).then(
      (made) => {
        open = made;
        if (closed) made.socket.destroy();
        return made;
      },
      (error: unknown) => {
        connection = null;
        throw error;
      },
    );
    return connection;
  };

  return {
    connect: async () => void (await connected()),
    ask: async (question, asking) => {
      const made = await unlessAborted(connected(), asking.signal);
      if (made === null) return null;
      lastId += 1;
      return askOn(made, lastId, question, asking, () => (closed ? closing() : new CourierLost('connection lost')));
    },
    close() {
      closed = true;
      open?.socket.destroy();
    },
  };
}

/** Null as soon as the signal aborts; what was waited for goes on for others. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(null);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

const closing = (): PortFault =>
  new PortFault('infrastructure', 'The worker is closing; the request goes on without it.', true);

function askOn(
  { socket, handlers }: Connection,
  id: number,
  question: Question,
  { signal, onProgress, abortWaitMs, gate }: Asking,
  lost: () => Error,
): ReturnType<CourierLink['ask']> {
  return new Promise((resolve, reject) => {
    let waiting: NodeJS.Timeout | undefined;
    const settle = (use: () => void): void => {
      handlers.delete(id);
      signal.removeEventListener('abort', onAbort);
      clearTimeout(waiting);
      use();
    };
    const onAbort = (): void => {
      sendMessage(socket, { kind: 'abort', id });
      waiting = setTimeout(() => settle(() => resolve(null)), abortWaitMs);
    };
    handlers.set(id, (message) => {
      if (message === 'lost') return settle(() => reject(lost()));
      if (message.kind === 'progress') return onProgress(message.bytes, message.tokens);
      if (message.kind === 'mayLeave') return answerGate(socket, id, message.departing, gate);
      if (message.kind === 'left') return gate?.left(message.atMs);
      if (message.kind === 'result') return settle(() => resolve(message));
      if (message.kind === 'fault')
        settle(() => reject(new PortFault(message.code, message.message, message.retryable)));
    });
    if (socket.destroyed) return settle(() => reject(lost()));
    sendMessage(socket, { kind: 'call', id, ...question, ...(gate === undefined ? {} : { gated: true }) });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** A gate never rejects; what went wrong with it, its owner says. */
function answerGate(socket: Socket, id: number, departing: Departing, gate: SendGate | undefined): void {
  const asked = gate === undefined ? Promise.resolve(null) : gate.mayLeave(departing);
  void asked.then((window) => sendMessage(socket, { kind: 'leave', id, window }));
}

async function openConnection(options: LinkOptions, onLost: () => void): Promise<Connection> {
  try {
    const places = await courierPlaces(options.home, options.place);
    return await untilConnected(options, places, onLost);
  } catch (error) {
    if (error instanceof PortFault) throw error;
    throw new PortFault('infrastructure', 'The request process cannot be reached.', true, { cause: error });
  }
}

/** Tries the socket; while nobody answers there, sees to it that a process is on its way. */
async function untilConnected(options: LinkOptions, places: CourierPlaces, onLost: () => void): Promise<Connection> {
  const until = Date.now() + CONNECT_MS_MAX;
  let starting: Started | null = null;
  for (let starts = 0; Date.now() < until;) {
    const connection = await tryConnect(places.socket, onLost);
    if (connection !== null) return connection;
    if (starting === null || starting.ended()) {
      if (starts >= STARTS_MAX) break;
      starting = await start(options, places);
      starts += 1;
    }
    await pause(CONNECT_POLL_MS);
  }
  const why = starting?.failure() ?? `see ${places.log}`;
  throw new PortFault('infrastructure', `The request process does not answer (${why}).`, true);
}

/** A connection on which the right protocol was agreed, or null. */
function tryConnect(path: string, onLost: () => void): Promise<Connection | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const silent = setTimeout(() => socket.destroy(), HELLO_MS_MAX);
    const handlers = new Map<number, Handler>();
    let ready = false;
    socket.once('connect', () => sendMessage(socket, { kind: 'hello', protocol: PROTOCOL }));
    socket.on('error', () => socket.destroy()); // 'close' follows and tells everyone
    socket.on('close', () => {
      clearTimeout(silent);
      resolve(null);
      if (ready) onLost();
      for (const handler of handlers.values()) handler('lost');
    });
    onMessages<FromCourier>(socket, (message) => {
      if (message.kind === 'tail') return; // for those who watch; a worker does not
      if (message.kind !== 'ready') return handlers.get(message.id)?.(message);
      if (message.protocol !== PROTOCOL) return void socket.destroy(); // it ends by itself now, see request-process.ts
      ready = true;
      clearTimeout(silent);
      resolve({ socket, handlers });
    });
  });
}

interface Started {
  ended(): boolean;
  failure(): string | null;
}

/** Starts the process in a session of its own, out of reach of the signals that end a worker. */
async function start(
  { home, program, environment, idleSeconds }: LinkOptions,
  { run, log, place }: CourierPlaces,
): Promise<Started> {
  await mkdir(run, { recursive: true, mode: 0o700 });
  const output = await openLog(log);
  try {
    const order = ['--home', home, '--idle-seconds', String(idleSeconds), '--place', place.name];
    const child = spawn(process.execPath, [program, ...order], {
      detached: true,
      cwd: '/',
      env: { ...environment },
      stdio: ['ignore', output.fd, output.fd],
    });
    let ended = false;
    let failure: string | null = null;
    child.once('exit', () => (ended = true));
    child.once('error', (error) => {
      ended = true;
      failure = error.message;
    });
    child.unref();
    return { ended: () => ended, failure: () => failure };
  } finally {
    await output.close();
  }
}

/** The log keeps the last megabyte or two: the file and the one before it. */
async function openLog(file: string): Promise<FileHandle> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(file, `${file}.1`);
  return openFile(file, 'a', 0o600);
}
