/**
 * What workers and the request process say to each other: one JSON object a line over a unix socket.
 * Keys and secrets travel here, in memory from process to process, and are written nowhere.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { placeHere, type Place } from './place.js';
import { isFailureCode, type FailureCode } from '../../domain/failures.js';
import {
  PortFault,
  type CallRequest,
  type CallResult,
  type Departing,
  type RecordingSettings,
  type SendWindow,
  type TailEvent,
  type TailWanted,
} from '../../ports.js';

/** Raised when the messages change: a worker that meets an older process lets it finish and starts its own. */
export const PROTOCOL = 4;

export type ToCourier =
  | { readonly kind: 'hello'; readonly protocol: number }
  | {
      readonly kind: 'call';
      /** Names the question on this connection. */
      readonly id: number;
      readonly request: CallRequest;
      readonly apiKey: string | null;
      /** Beside those that every request has; their values are secrets. */
      readonly headers?: Readonly<Record<string, string>>;
      /** Values that must not reach the ledger, the key aside. */
      readonly secrets: readonly string[];
      readonly recordings?: RecordingSettings;
      /** Whether to ask before the request leaves. */
      readonly gated?: true;
    }
  /** The answer to `mayLeave`; null = not now. */
  | { readonly kind: 'leave'; readonly id: number; readonly window: SendWindow | null }
  | { readonly kind: 'abort'; readonly id: number }
  /** In place of `hello`: who only looks neither drains an older process nor keeps one alive. */
  | { readonly kind: 'watch'; readonly protocol: number; readonly wanted: TailWanted };

export type FromCourier =
  | { readonly kind: 'ready'; readonly protocol: number; readonly pid: number }
  | { readonly kind: 'progress'; readonly id: number; readonly bytes: number; readonly tokens: number }
  | { readonly kind: 'mayLeave'; readonly id: number; readonly departing: Departing }
  | { readonly kind: 'left'; readonly id: number; readonly atMs: number }
  | { readonly kind: 'tail'; readonly event: TailEvent }
  | { readonly kind: 'result'; readonly id: number; readonly result: CallResult; readonly warnings: readonly string[] }
  | {
      readonly kind: 'fault';
      readonly id: number;
      readonly code: FailureCode;
      readonly message: string;
      readonly retryable: boolean;
    };

/** Prompts of a large context window with room to spare; more is a mistake. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

/** Calls `onMessage` for every whole line; a line that is no JSON or too long ends the connection. */
export function onMessages<T extends ToCourier | FromCourier>(socket: Socket, onMessage: (message: T) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8');
      parts = [];
      size = 0;
      from = end + 1;
      const message = parseMessage<T>(line);
      if (message === null) return void socket.destroy();
      onMessage(message);
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > LINE_BYTES_MAX) socket.destroy();
  });
}

/** Sends one message; silently nothing if the other side has gone, since its `close` event says so. */
export function sendMessage(socket: Socket, message: ToCourier | FromCourier): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

export interface CourierPlaces {
  readonly place: Place;
  /** Folder of what all request processes of the home have together. */
  readonly shared: string;
  /** Folder of lock, log and (if its path is short enough) socket. */
  readonly run: string;
  readonly socket: string;
  readonly log: string;
}

/** Unix socket paths end at 104 bytes on macOS and 108 on Linux. */
const SOCKET_PATH_BYTES_MAX = 100;

/**
 * @param home absolute, without links in it: two names of one home would be two processes
 * @param place in place of the one where this process runs
 */
export async function courierPlaces(home: string, place?: string): Promise<CourierPlaces> {
  const shared = join(home, 'run');
  const here = await placeHere(place);
  const run = join(shared, here.name);
  await mkdir(run, { recursive: true, mode: 0o700 });
  const places = { place: here, shared, run, log: join(run, 'requests.log') };
  const socket = join(run, 'requests.sock');
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX) return { ...places, socket };
  return {
    ...places,
    socket: join(await shortFolder(), `${createHash('sha256').update(run).digest('hex').slice(0, 32)}.sock`),
  };
}

/** Not the TMPDIR of the environment: workers with different ones must meet at one socket. */
async function shortFolder(): Promise<string> {
  const user = process.getuid?.() ?? 0;
  const folder = `/tmp/weaver-${user}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0) return folder;
  throw new PortFault('infrastructure', `${folder} must be a folder that only the user of weaver can enter.`, false);
}

/** Both sides are ours, so a message is checked for being one, and a fault's code since it is looked up. */
function parseMessage<T extends ToCourier | FromCourier>(line: string): T | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('kind' in value)) return null;
  if (value.kind === 'fault' && !('code' in value && typeof value.code === 'string' && isFailureCode(value.code)))
    return null;
  return value as T;
}
