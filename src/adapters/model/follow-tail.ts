/** Watching what models say: the other end of live-tail.ts, in the process of who watches. */
import { on } from 'node:events';
import { readdir, realpath } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { FollowTail, TailEvent, TailWanted } from '../../ports.js';
import { courierPlaces, onMessages, PROTOCOL, sendMessage, type FromCourier } from './courier-protocol.js';

/** The request process comes with the first call, and a new one after it has gone: nobody notices so short a time. */
const RETRY_MS = 250;

/** @param home of the weaver whose calls are watched; nothing is started for it */
export const createFollowTail = (home: string): FollowTail =>
  async function* follow(wanted, signal) {
    const told = new Told();
    while (!signal.aborted) {
      for await (const event of heard(home, wanted, signal)) {
        const fresh = told.fresh(event);
        if (fresh !== null) yield fresh;
      }
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
    }
  };

/** The events of one connection; none if there is nobody to connect to. */
async function* heard(home: string, wanted: TailWanted, signal: AbortSignal): AsyncGenerator<TailEvent, void> {
  const socket = await open(home);
  if (socket === null) return;
  const over = new AbortController();
  const leave = (): void => over.abort();
  socket.on('close', leave);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    const messages = on(socket, 'message', { signal: over.signal });
    onMessages<FromCourier>(socket, (message) => socket.emit('message', message));
    sendMessage(socket, { kind: 'watch', protocol: PROTOCOL, wanted });
    for await (const [message] of messages as AsyncIterable<readonly [FromCourier]>) {
      // Another version of weaver holds the requests: it has no words that we know.
      if (message.kind === 'ready' && message.protocol !== PROTOCOL) return;
      if (message.kind === 'tail') yield message.event;
    }
  } catch {
    // The connection broke, or is not wanted any more: `follow` knows which, and connects again.
  } finally {
    signal.removeEventListener('abort', leave);
    socket.destroy();
  }
}

async function open(home: string): Promise<Socket | null> {
  const real = await realpath(home).catch(() => null); // no home yet, so nobody in it
  if (real === null) return null;
  const own = await courierPlaces(real);
  const names = (await readdir(own.shared)).filter((name) => name !== own.place.name);
  // The workers may be in containers beside this process, which share the home.
  for (const path of [own.socket, ...names.map((name) => join(own.shared, name, 'requests.sock'))]) {
    const socket = await connectTo(path);
    if (socket !== null) return socket;
  }
  return null;
}

async function connectTo(path: string): Promise<Socket | null> {
  const socket = connect(path);
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(null));
    socket.on('error', () => socket.destroy()); // 'close' follows
  });
}

/** Calls that are remembered after their end: a reconnection tells of those under way only. */
const CALLS_MAX = 1_000;

/** What was told before a connection broke is told again by the next one, and left out here. */
class Told {
  private readonly calls = new Map<string, { characters: number; tools: number; thoughts: number }>();

  fresh(event: TailEvent): TailEvent | null {
    const known = this.calls.get(event.call);
    switch (event.kind) {
      case 'began':
        if (known !== undefined) return null;
        this.remember(event.call);
        return event;
      case 'thinking':
        if (known === undefined || event.characters <= known.thoughts) return null;
        known.thoughts = event.characters;
        return event;
      case 'text':
        return known === undefined ? null : freshText(event, known);
      case 'tool':
        if (known === undefined || event.index < known.tools) return null;
        known.tools = event.index + 1;
        return event;
      case 'ended':
        return known === undefined ? null : event;
      default:
        throw new TypeError(`unknown event ${JSON.stringify(event satisfies never)}`);
    }
  }

  private remember(call: string): void {
    this.calls.set(call, { characters: 0, tools: 0, thoughts: 0 });
    const [oldest] = this.calls.keys();
    if (this.calls.size > CALLS_MAX && oldest !== undefined) this.calls.delete(oldest);
  }
}

function freshText(
  event: Extract<TailEvent, { kind: 'text' }>,
  known: { characters: number },
): Extract<TailEvent, { kind: 'text' }> | null {
  const { from, text } = event;
  const end = from + text.length;
  if (end <= known.characters) return null;
  const start = Math.max(from, known.characters);
  known.characters = end;
  return { ...event, from: start, text: text.slice(start - from) };
}
