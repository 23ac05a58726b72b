/**
 * Brings events from the log to their receivers, each in its own pace and in order. The cursor is written after the delivery:
 * a killed sender's successor tells the last events again, under the same ids. Nothing waits for a receiver.
 */
import { mkdir, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PortFault, type Delivery, type EventLog, type StoredEvent } from '../../ports.js';
import { unlessGone } from '../git/error-code.js';
import { createFolderLocks } from '../git/folder-lock.js';
import { readDelivery, writeDelivery } from './deliveries.js';
import { eventsFolder } from './event-log.js';

/** A receiver. It answers in its own time, or when the signal aborts; it never rejects. */
export interface Sink {
  readonly kind: Delivery['sink'];
  /** As it is shown: without what may be secret. */
  readonly target: string;
  /** Tells it from others; its progress is kept under a hash of this. */
  readonly identity: string;
  /** The most that it is given at once. */
  readonly batch: number;
  deliver(events: readonly StoredEvent[], signal: AbortSignal): Promise<Receipt>;
}

export type Receipt =
  | { readonly kind: 'taken' }
  /** These events, for their content: other events may be taken. */
  | { readonly kind: 'refused'; readonly says: string }
  | { readonly kind: 'unavailable'; readonly says: string; readonly retryAfterMs?: number };

export interface SenderOptions {
  readonly home: string;
  /** Each receiver reads at its own place. */
  readonly openLog: () => EventLog;
  readonly sinks: readonly Sink[];
  readonly onWarning: (says: string) => void;
  /** Pause after the first failure; doubles up to the most. */
  readonly pauseMs?: number;
  readonly pauseMaxMs?: number;
}

export interface Sender {
  /** Gives receivers that work this long to take what is there, then leaves. What is left is told by the next one. */
  stop(graceMs: number): Promise<void>;
}

const DEFAULTS = {
  pauseMs: 1_000,
  /** A receiver that comes back hears of it within this. */
  pauseMaxMs: 60_000,
} as const;
/** Read at once; a receiver is given them in its own portions. */
const PAGE = 500;
/** A refusal may be a slip of the receiver; then the event is left out, so that the others get through. */
const REFUSALS_MAX = 5;
/** Another worker of this home sends; if it dies, this one takes over. */
const LEAD_POLL_MS = 2_000;
/** A sender on another host that shares the home shows that it lives. */
const SIGN_OF_LIFE_MS = 60_000;

/** Resolves when every receiver's place is known: a new one hears what happens from now on. */
export async function startSender(options: SenderOptions): Promise<Sender> {
  const { sinks } = options;
  if (sinks.length === 0) return { stop: async () => {} };
  try {
    await takePlaces(options);
  } catch (thrown) {
    // A worker works also where nothing can be told; it is tried again when it leads.
    options.onWarning(`Events cannot be sent: ${String(thrown)}`);
  }
  const leaving = new AbortController();
  const over = new AbortController();
  const signals = { leaving: leaving.signal, over: over.signal };
  const leading = lead(options, leaving.signal, () => Promise.all(sinks.map((sink) => serve(options, sink, signals))));
  return {
    async stop(graceMs) {
      leaving.abort();
      const clock = setTimeout(() => over.abort(), graceMs);
      await leading;
      clearTimeout(clock);
    },
  };
}

async function takePlaces({ home, openLog, sinks }: SenderOptions): Promise<void> {
  await mkdir(eventsFolder(home), { recursive: true, mode: 0o700 });
  for (const sink of sinks) {
    if ((await readDelivery(home, sink)) === null) await writeDelivery(home, sink, begin(sink, await openLog().last()));
  }
}

/** `leaving`: only what is there already is still told. `over`: nothing more, also not what is on its way. */
interface Signals {
  readonly leaving: AbortSignal;
  readonly over: AbortSignal;
}

const begin = ({ kind, target }: Sink, number: number): Delivery => ({
  sink: kind,
  target,
  number,
  deliveredAt: null,
  failing: null,
  refused: 0,
  lost: 0,
});

/** One process of the home sends at a time; two would only tell everything twice. */
async function lead(options: SenderOptions, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  const file = join(eventsFolder(options.home), 'sender.lock');
  const locks = createFolderLocks(0);
  let said = '';
  while (!signal.aborted) {
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      return await locks.hold(file, signal, async () => {
        const alive = setInterval(() => void utimes(file, new Date(), new Date()).catch(unlessGone), SIGN_OF_LIFE_MS);
        alive.unref();
        await work().finally(() => clearInterval(alive));
      });
    } catch (thrown) {
      if (signal.aborted) return;
      const says = `Events are not sent for now: ${String(thrown)}`;
      if (!(thrown instanceof PortFault) && says !== said) options.onWarning((said = says));
    }
    await rest(LEAD_POLL_MS, signal);
  }
}

async function serve(options: SenderOptions, sink: Sink, signals: Signals): Promise<void> {
  const { home, onWarning, pauseMaxMs = DEFAULTS.pauseMaxMs } = options;
  const log = options.openLog();
  let state = await placeOf(home, sink, log);
  let page: readonly StoredEvent[] = [];
  while (!signals.over.aborted) {
    try {
      if (page.length === 0) page = await log.read(state.number, PAGE);
      if (page.length === 0) {
        if (signals.leaving.aborted) return;
        await log.changed(signals.leaving);
        continue;
      }
      // One alone while something is wrong: a receiver that is down is not flooded, and the one that it refuses is found.
      const events = page.slice(0, state.failing === null ? sink.batch : 1);
      const receipt = await sink.deliver(events, signals.over);
      if (signals.over.aborted && receipt.kind !== 'taken') return;
      const next = stateAfter(state, events, receipt);
      if ((next.failing === null) !== (state.failing === null)) onWarning(warningOf(next));
      state = next;
      page = page.filter(({ number }) => number > next.number);
      await writeDelivery(home, sink, state);
      if (receipt.kind === 'taken') continue;
      // A receiver that does not work now is no reason to stay.
      if (signals.leaving.aborted) return;
      await rest(pauseOf(receipt, state, options), signals.leaving);
    } catch (thrown) {
      // The disk: the log or the cursor.
      onWarning(`Events for ${sink.target} wait: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      if (signals.leaving.aborted) return;
      await rest(pauseMaxMs, signals.leaving);
    }
  }
}

/** A log that was taken away and begun again has smaller numbers. */
async function placeOf(home: string, sink: Sink, log: EventLog): Promise<Delivery> {
  const last = await log.last();
  const known = await readDelivery(home, sink);
  const state = known ?? begin(sink, last);
  if (known === null) await writeDelivery(home, sink, state);
  return state.number > last ? { ...state, number: 0 } : state;
}

function stateAfter(state: Delivery, events: readonly StoredEvent[], receipt: Receipt): Delivery {
  const last = events.at(-1)?.number ?? state.number;
  const lost = state.lost + Math.max(0, (events[0]?.number ?? 0) - state.number - 1);
  if (receipt.kind === 'taken') return { ...state, number: last, deliveredAt: Date.now(), failing: null, lost };
  const tries = (state.failing?.tries ?? 0) + 1;
  if (receipt.kind === 'refused' && tries >= REFUSALS_MAX) {
    return { ...state, number: last, failing: null, refused: state.refused + events.length, lost };
  }
  return { ...state, failing: { since: state.failing?.since ?? Date.now(), tries, says: receipt.says } };
}

const warningOf = ({ target, failing, refused }: Delivery): string =>
  failing === null
    ? `${target} takes events again${refused === 0 ? '' : `; it has refused ${refused} in all`}.`
    : `${target} takes no events: ${failing.says}. They wait.`;

function pauseOf(
  receipt: Receipt,
  { failing }: Delivery,
  { pauseMs = DEFAULTS.pauseMs, pauseMaxMs = DEFAULTS.pauseMaxMs }: SenderOptions,
): number {
  if (receipt.kind === 'unavailable' && receipt.retryAfterMs !== undefined) return receipt.retryAfterMs;
  // Half of it by chance, so that many hosts do not come back in step.
  const most = Math.min(pauseMs * 2 ** Math.min(20, (failing?.tries ?? 1) - 1), pauseMaxMs);
  return most * (0.5 + Math.random() / 2);
}

const rest = async (ms: number, signal: AbortSignal): Promise<void> =>
  await pause(ms, undefined, { signal, ref: false }).catch(() => undefined);
