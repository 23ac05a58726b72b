/** Bounded concurrency by provider, first come first served. */
import type { ProviderSettings } from '../../ports.js';
import { Line, type Away } from './line.js';

export interface Slots {
  /**
   * Resolves with the function that gives the slot back; with the time after which to come again, if none is free soon; with
   * null if the signal aborts before that is known.
   * @param key of the call
   */
  take(provider: ProviderSettings, key: string, signal: AbortSignal): Promise<Release | Away | null>;
}

type Release = () => void;

interface Lane {
  limit: number;
  /** When those at work have begun. */
  readonly running: Set<{ readonly since: number }>;
  /** What calls have taken of late. */
  usualMs: number;
  readonly line: Line<Release>;
}

/** Before the first end: what a short answer of a large model takes. */
const FIRST_GUESS_MS = 5_000;
/** Weight of the latest call in what calls take. */
const RECENT = 0.2;
/** A call that takes longer than others did takes longer still, by this share of what it has taken. */
const OVERDUE_SHARE = 1 / 8;

/** The limit of a provider is the one it was named with last. */
export function createSlots(): Slots {
  const lanes = new Map<string, Lane>();
  return {
    take(provider, key, signal) {
      const name = `${provider.name} ${provider.baseUrl}`;
      const lane = lanes.get(name) ?? newLane();
      lanes.set(name, lane);
      lane.limit = Math.max(1, provider.concurrency);
      const tryNow = (claimed: number): Release | null =>
        lane.running.size + claimed < lane.limit ? occupy(lane) : null;
      return lane.line.wait({ key, weight: 1, tryNow }, signal);
    },
  };
}

function newLane(): Lane {
  const running: Lane['running'] = new Set();
  const line = new Line<Release>({ guessMs: (ahead) => expectedMs(lane, ahead) });
  const lane: Lane = { limit: 1, running, usualMs: FIRST_GUESS_MS, line };
  return lane;
}

function occupy(lane: Lane): Release {
  const call = { since: Date.now() };
  lane.running.add(call);
  return () => {
    if (!lane.running.delete(call)) return;
    lane.usualMs += RECENT * (Date.now() - call.since - lane.usualMs);
    lane.line.advance();
  };
}

/** If those at work take as long as others did, and those before it too. */
function expectedMs({ running, usualMs, limit }: Lane, ahead: number): number {
  const now = Date.now();
  const left = [...running]
    .map(({ since }) => Math.max(since + usualMs - now, OVERDUE_SHARE * (now - since)))
    .toSorted((a, b) => a - b);
  return Math.round((left[ahead % Math.max(1, left.length)] ?? 0) + Math.floor(ahead / limit) * usualMs);
}
