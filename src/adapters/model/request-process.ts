/**
 * The request process: one small process a weaver home and host (or container), apart from every worker, that holds the HTTP requests to the
 * models. A worker may be killed while a request is under way; the answer still reaches the ledger, and the next worker
 * finds it there or attaches to the request. Started by `createModel`; ends by itself.
 */
import { chmod, rm, stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { defined } from '../../domain/plain-object.js';
import { answers, openCallClaims, type CallClaims } from './call-claims.js';
import { createCourier, type Attachment, type Courier, type CourierParts } from './courier.js';
import {
  courierPlaces,
  onMessages,
  PROTOCOL,
  sendMessage,
  type CourierPlaces,
  type ToCourier,
} from './courier-protocol.js';
import { createLedger } from './ledger.js';
import { createLiveTail, type LiveTail } from './live-tail.js';
import { createPatientFetch } from './patient-fetch.js';
import { createSecrets, type Secrets } from './secrets.js';
import { holderOf, takeHold, type Hold } from './single-instance.js';
import type { SendGate, SendWindow } from '../../ports.js';

/** How long to wait for a holder that is about to end; the worker asks again by itself. */
const HOLD_WAIT_MS = 10_000;
const HOLD_POLL_MS = 25;
/** How soon a removed home or the end of the idle time is noticed. */
const LOOK_EVERY_MS = 1_000;
/** Who watches and does not read is let go; it comes back when it can. */
const WATCHER_BACKLOG_BYTES_MAX = 1024 * 1024;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      home: { type: 'string' },
      'idle-seconds': { type: 'string', default: '60' },
      place: { type: 'string' },
    },
  });
  const home = values.home;
  if (home === undefined) throw new Error('--home is missing');
  process.umask(0o077);
  process.stderr.on('error', () => undefined); // a full disk takes the log, not the requests under way
  process.chdir('/'); // must not keep a file system of the worker's busy
  const places = await courierPlaces(home, values.place);
  const hold = await waitForHold(places);
  if (hold === null) return; // another one serves this home here
  const claims = await openCallClaims({ run: places.shared, place: places.place });
  void claims.tidy().catch((error: unknown) => log(`claims of before: ${String(error)}`));
  await removeLeftovers(home, places).catch((error: unknown) => log(`files of before: ${String(error)}`));
  serve({ home, places, hold, claims, idleMs: Number(values['idle-seconds']) * 1_000 });
}

/** Versions before kept budgets and health of providers here; their keepers have both now (decision 0035). */
async function removeLeftovers(home: string, { shared }: CourierPlaces): Promise<void> {
  await rm(join(home, 'budgets'), { recursive: true, force: true });
  await rm(join(shared, 'providers.json'), { force: true });
}

/** The hold, or null if another process answers at the socket or does not go away. */
async function waitForHold(places: CourierPlaces): Promise<Hold | null> {
  const until = Date.now() + HOLD_WAIT_MS;
  while (Date.now() < until) {
    const hold = (await olderHasGone(places.shared)) ? await takeHold(places.run) : null;
    if (hold !== null) return hold;
    if (await answers(places.socket)) return null;
    await pause(HOLD_POLL_MS);
  }
  return null;
}

/** Versions before had one process for the whole home, and know nothing of claims. It is asked to end when its calls have. */
async function olderHasGone(shared: string): Promise<boolean> {
  const older = await holderOf(shared);
  if (older === null) return true;
  process.kill(older, 'SIGTERM');
  return false;
}

interface Service {
  readonly home: string;
  readonly places: CourierPlaces;
  readonly hold: Hold;
  readonly claims: CallClaims;
  readonly idleMs: number;
}

function serve({ home, places, hold, claims, idleMs }: Service): void {
  const secrets = createSecrets();
  const ledger = createLedger(home, secrets.redact);
  const fetcher = createPatientFetch(process.env);
  // Loading the client library takes longer than all else, so the socket is open before.
  const ask: CourierParts['ask'] = async (request) =>
    (await import('./openai-endpoint.js')).askEndpoint(request, fetcher);
  const tail = createLiveTail(secrets);
  const courier = createCourier({ home, ledger, ask, redact: secrets.redact, tail, claims });
  const connections = new Set<Socket>();
  let draining = false;
  const drain = (): void => {
    draining = true;
    server.close();
  };
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    const onlyWatches = (): boolean => connections.delete(socket);
    talk(socket, { courier, secrets, tail, drain, isDraining: () => draining, onlyWatches });
  });
  void listen(server, places.socket).then(warmUp);
  // A terminal's signals are for the worker; the order to end is obeyed when nothing paid for can be lost.
  process
    .on('SIGINT', () => undefined)
    .on('SIGHUP', () => undefined)
    .on('SIGTERM', drain);
  let idleSince = Date.now();
  setInterval(() => {
    // A home that is gone has nobody to tell; that is looked at below.
    if (courier.isBusy()) void claims.touch().catch(() => undefined);
    if (courier.isBusy() || (connections.size > 0 && !draining)) idleSince = Date.now();
    const idleLimitMs = draining ? 0 : idleMs;
    if (Date.now() - idleSince >= idleLimitMs && !courier.isBusy()) end(server);
    void look(home, hold).then((seen) =>
      seen === 'homeGone' ? end(server) : seen === 'holdGone' ? drain() : undefined,
    );
  }, LOOK_EVERY_MS);
}

async function warmUp(): Promise<void> {
  const { rehearse } = await import('./rehearsal.js');
  await rehearse().catch((error: unknown) => log(`rehearsal: ${String(error)}`)); // the first call is slower, no more
}

async function listen(server: Server, path: string): Promise<void> {
  await rm(path, { force: true }); // left by a killed holder; only the holder comes here
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(path, resolve);
  });
  await chmod(path, 0o600);
}

interface Talk {
  readonly courier: Courier;
  readonly secrets: Secrets;
  readonly tail: LiveTail;
  readonly drain: () => void;
  readonly isDraining: () => boolean;
  /** The connection is none that this process stays for. */
  readonly onlyWatches: () => void;
}

function talk(socket: Socket, { courier, secrets, tail, drain, isDraining, onlyWatches }: Talk): void {
  const attached = new Map<number, Attachment>();
  const asked: Asked = new Map();
  const onMessage = (message: ToCourier): void => {
    switch (message.kind) {
      case 'hello':
        sendMessage(socket, { kind: 'ready', protocol: PROTOCOL, pid: process.pid });
        if (message.protocol !== PROTOCOL) drain();
        return;
      case 'watch':
        onlyWatches();
        return showTail(socket, tail, message);
      case 'abort':
        answerGate(asked, message.id, null);
        return attached.get(message.id)?.abort();
      case 'leave':
        return answerGate(asked, message.id, message.window);
      case 'call':
        if (isDraining()) return void socket.destroy(); // the worker connects again, to the process that follows
        secrets.learn([message.apiKey ?? '', ...message.secrets]);
        attached.set(
          message.id,
          answerCall(socket, courier, message, asked, () => attached.delete(message.id)),
        );
        return;
      default:
        return void socket.destroy();
    }
  };
  onMessages<ToCourier>(socket, onMessage);
  socket.on('error', (error) => log(`connection: ${error.message}`));
  socket.on('close', () => {
    for (const attachment of attached.values()) attachment.leave();
    for (const id of asked.keys()) answerGate(asked, id, null);
  });
}

/** Calls whose worker has been asked whether they may leave. */
type Asked = Map<number, (window: SendWindow | null) => void>;

function answerGate(asked: Asked, id: number, window: SendWindow | null): void {
  asked.get(id)?.(window);
  asked.delete(id);
}

/** The worker's gate, from here. */
const gateOver = (socket: Socket, id: number, asked: Asked): SendGate => ({
  mayLeave: (departing) =>
    new Promise((settle) => {
      if (!socket.writable) return settle(null);
      asked.set(id, settle);
      sendMessage(socket, { kind: 'mayLeave', id, departing });
    }),
  left: (atMs) => sendMessage(socket, { kind: 'left', id, atMs }),
  lost: () => undefined, // that is for the worker to find out
});

function showTail(socket: Socket, tail: LiveTail, { protocol, wanted }: Extract<ToCourier, { kind: 'watch' }>): void {
  sendMessage(socket, { kind: 'ready', protocol: PROTOCOL, pid: process.pid });
  if (protocol !== PROTOCOL) return; // it leaves by itself
  const leave = tail.watch(wanted, (event) => {
    if (socket.writableLength > WATCHER_BACKLOG_BYTES_MAX) return void socket.destroy();
    sendMessage(socket, { kind: 'tail', event });
  });
  socket.on('close', leave);
}

function answerCall(
  socket: Socket,
  courier: Courier,
  call: Extract<ToCourier, { kind: 'call' }>,
  asked: Asked,
  onEnd: () => void,
): Attachment {
  const { id, request, apiKey, headers, recordings } = call;
  return courier.join(
    { request, apiKey: apiKey ?? undefined, ...defined({ headers, recordings }) },
    {
      ...(call.gated === true ? { gate: gateOver(socket, id, asked) } : {}),
      onProgress: (bytes, tokens) => sendMessage(socket, { kind: 'progress', id, bytes, tokens }),
      onEnd: (ended) => {
        onEnd();
        if (ended.kind === 'result')
          return sendMessage(socket, { kind: 'result', id, result: ended.result, warnings: ended.warnings });
        const { code, message, retryable } = ended.fault;
        sendMessage(socket, { kind: 'fault', id, code, message, retryable });
      },
    },
  );
}

async function look(home: string, hold: Hold): Promise<'fine' | 'homeGone' | 'holdGone'> {
  if (await hold.isHeld()) return 'fine';
  return stat(home).then(
    () => 'holdGone' as const,
    () => 'homeGone' as const,
  );
}

/** Closing takes the socket's file away, at once. */
function end(server: Server): void {
  server.close();
  process.exit(0);
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${process.pid} ${line.slice(0, 500)}\n`);
}

main().catch((error: unknown) => {
  log(`could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
