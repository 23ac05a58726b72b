/**
 * A queue for what is short: first come, first served. Nobody stands in it for long, for an activity stands behind each: who
 * has waited for a moment is sent away with a time to come again, and keeps its place.
 */

/**
 * How long somebody stands in it, round by round. The first is shorter than a turn of a workflow with its timer costs; what is
 * free by then needs none. Each round is a dozen events of a history, and an activity of the worker meanwhile: so it grows, and
 * not beyond a minute.
 */
const STANDS_MS = [2_000, 20_000, 60_000] as const;
/** Who is sent away comes back when its turn is likely, and looks again after five minutes at the latest. */
const AWAY = { minMs: 1_000, doublings: 2, maxMs: 300_000 } as const;
/** A place in the order is kept so long for one who does not come. */
const LATE_MS = 10_000;
/** What is free is kept for one who is about to come, or a little late: no longer, for it could be of use. */
const DUE = { earlyMs: 500, lateMs: 1_500 } as const;
/** So often is looked whether something is still kept for somebody. */
const LOOK_MS = 250;
/** Beyond it places are lost, and whoever comes again stands at the end. */
const PLACES_MAX = 1_000;

/** Comes again after this time. */
export interface Away {
  readonly kind: 'away';
  readonly forMs: number;
}

interface Wish<T> {
  /** Of the call: who comes again finds its place under it. */
  readonly key: string;
  /** How much of it is wanted. */
  readonly weight: number;
  /** What there is for it now; null = nothing yet. `claimed` is kept for those before it that are away. */
  readonly tryNow: (claimed: number) => T | null;
}

export interface LineRules {
  /** How long somebody stands in it each time; from two seconds to a minute if absent. */
  readonly waitMs?: number;
  /** When it may be the turn of one with so many before it, in milliseconds from now; 0 = nobody knows. */
  readonly guessMs?: (ahead: number) => number;
}

interface Place<T> {
  readonly wish: Wish<T>;
  readonly rounds: number;
  /** Null while it is away. */
  readonly end: ((served: T | Away | null) => void) | null;
  readonly backAt: number;
}

export class Line<T> {
  private places: readonly Place<T>[] = [];
  private looking: NodeJS.Timeout | null = null;

  constructor(private readonly rules: LineRules) {}

  /** What it has got, or when to come again; null if the signal aborts before. */
  wait(wish: Wish<T>, signal: AbortSignal): Promise<T | Away | null> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(null);
      const before = this.places.find((one) => one.wish.key === wish.key);
      const rounds = before?.rounds ?? 0;
      const timer = setTimeout(() => this.sendAway(wish), this.rules.waitMs ?? standsMs(rounds));
      const giveUp = (): void => {
        this.leave(wish, null);
        this.advance();
      };
      const end = (served: T | Away | null): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(served);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      const place = { wish, rounds, end, backAt: 0 };
      this.places =
        before === undefined ? [...this.places, place] : this.places.map((one) => (one === before ? place : one));
      this.advance();
    });
  }

  /** Something may have become free. */
  advance(): void {
    const now = Date.now();
    this.places = this.places.filter(({ end, backAt }) => end !== null || now <= backAt + LATE_MS);
    let claimed = 0;
    for (const { wish, end, backAt } of this.places) {
      if (end === null) {
        if (now >= backAt - DUE.earlyMs && now <= backAt + DUE.lateMs) claimed += wish.weight;
        continue;
      }
      const value = wish.tryNow(claimed);
      // Nobody passes by who stands before it.
      if (value === null) return claimed > 0 ? this.lookAgain() : undefined;
      this.leave(wish, value);
    }
  }

  /** Whom it is kept for may never come. */
  private lookAgain(): void {
    if (this.looking !== null) return;
    this.looking = setTimeout(() => {
      this.looking = null;
      this.advance();
    }, LOOK_MS);
    this.looking.unref();
  }

  private leave(wish: Wish<T>, served: T | null): void {
    const place = this.places.find((one) => one.wish === wish);
    this.places = this.places.filter((one) => one !== place);
    place?.end?.(served);
  }

  private sendAway(wish: Wish<T>): void {
    const at = this.places.findIndex((one) => one.wish === wish);
    const place = this.places[at];
    if (place === undefined) return;
    const { rounds } = place;
    const leastMs = AWAY.minMs * 2 ** Math.min(rounds, AWAY.doublings);
    const forMs = Math.min(Math.max(leastMs, this.rules.guessMs?.(at) ?? 0), AWAY.maxMs);
    const away = { wish, rounds: rounds + 1, end: null, backAt: Date.now() + forMs };
    this.places =
      this.places.length > PLACES_MAX
        ? this.places.filter((one) => one !== place)
        : this.places.map((one) => (one === place ? away : one));
    place.end?.({ kind: 'away', forMs });
    // Those behind it may find what was too little for it.
    this.advance();
  }
}

const standsMs = (rounds: number): number => STANDS_MS[Math.min(rounds, STANDS_MS.length - 1)] ?? 0;
