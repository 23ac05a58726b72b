/**
 * What a job may use, given out in slices. A task that has used its slice asks for another one; what a task leaves over comes
 * back with its end. All slices together never pass the limit, so the spending passes it by no more than the calls in flight.
 */
import type { JobBudget } from './job.js';

/** Of each kind; null = no limit. Money in micro-dollars. */
export interface Amounts {
  readonly costUsdMicros: number | null;
  readonly tokens: number | null;
  readonly attempts: number | null;
}
export interface Used {
  readonly costUsdMicros: number;
  readonly tokens: number;
  readonly attempts: number;
}

const KINDS = ['costUsdMicros', 'tokens', 'attempts'] as const;

/** Small enough that nobody hoards, large enough that a task asks seldom: an eighth of an even share of what is left. */
const SLICES_PER_SHARE = 8;
/** A slice below these is not worth the asking: a cent, a short call, one attempt. */
const SLICE_MIN: Used = { costUsdMicros: 10_000, tokens: 4_000, attempts: 1 };

/** Share of the budget from which a notice is given. */
export const NOTICE_SHARE = 0.8;

export class JobLedger {
  /** What each task that has not ended may use in all. */
  private readonly given = new Map<string, Used>();
  /** What each of them had used when it last asked. */
  private readonly known = new Map<string, Used>();
  /** Who is to ask before it uses more, since a limit is lower than it was. */
  private readonly recalled = new Set<string>();
  private settled: Used = { costUsdMicros: 0, tokens: 0, attempts: 0 };

  constructor(
    private budget: JobBudget,
    private readonly concurrency: number,
  ) {}

  get isLimited(): boolean {
    return KINDS.some((kind) => this.budget[kind] !== undefined);
  }

  get limits(): JobBudget {
    return this.budget;
  }

  /** True if a limit is lower than before, or is the first one. */
  change(budget: Partial<JobBudget>): boolean {
    const before = this.budget;
    this.budget = { ...before, ...budget };
    return KINDS.some((kind) => (this.budget[kind] ?? Infinity) < (before[kind] ?? Infinity));
  }

  /** What these tasks have not used is no longer theirs from their next question on; until then it counts as used. */
  recall(paths: readonly string[]): void {
    for (const path of paths) this.recalled.add(path);
  }

  /** A first or a further slice: what the task may use in all from now on. Null if nothing is left of some kind. */
  grant(path: string, used: Used): Amounts | null {
    const given = this.given.get(path) ?? NOTHING;
    const before = this.recalled.delete(path) ? keptOf(given, used) : given;
    this.given.set(path, before);
    const slices = KINDS.map((kind) => [kind, this.slice(kind, before[kind], used[kind])] as const);
    const isRefused = slices.some(([, slice]) => slice === 'none');
    this.known.set(path, used);
    // Also without a limit, or a slice, what is used counts: a limit may be set later, and others ask for the rest.
    const after = slices.map(([kind, slice]) => [
      kind,
      isRefused || typeof slice !== 'number' ? Math.max(before[kind], used[kind]) : slice,
    ]);
    this.given.set(path, Object.fromEntries(after) as unknown as Used);
    return isRefused ? null : (Object.fromEntries(slices) as unknown as Amounts);
  }

  /** Null without a limit; otherwise what the task may use in all. */
  private slice(kind: keyof Used, before: number, used: number): number | null | 'none' {
    const limit = this.budget[kind];
    if (limit === undefined) return null;
    // What was given and not used is still the task's.
    if (before > used) return before;
    const left = limit - this.settled[kind] - this.outstanding(kind, before, used);
    if (left <= 0) return 'none';
    const share = Math.floor(left / (this.concurrency * SLICES_PER_SHARE));
    const size = Math.min(left, Math.max(SLICE_MIN[kind], share));
    return Math.max(before, used) + size;
  }

  /** What is given to all tasks; of the one that asks what it has used counts, if that is more. */
  private outstanding(kind: keyof Used, before: number, used: number): number {
    let sum = Math.max(0, used - before);
    for (const each of this.given.values()) sum += each[kind];
    return sum;
  }

  /** The task has ended: what it has used counts, the rest is free again. Once for each task: the caller knows who has ended. */
  settle(path: string, used: Used): void {
    this.release(path);
    this.settled = {
      costUsdMicros: this.settled.costUsdMicros + used.costUsdMicros,
      tokens: this.settled.tokens + used.tokens,
      attempts: this.settled.attempts + used.attempts,
    };
  }

  /** A task that was given a slice has never begun. Harmless twice. */
  release(path: string): void {
    this.given.delete(path);
    this.known.delete(path);
    this.recalled.delete(path);
  }

  /** What has been used as far as is known, as a part of the limit. */
  usedShare(kind: keyof Used): number {
    const limit = this.budget[kind];
    if (limit === undefined) return 0;
    let used = this.settled[kind];
    for (const each of this.known.values()) used += each[kind];
    return used / limit;
  }

  /** Kinds that have reached the share. */
  past(share: number): readonly (keyof Used)[] {
    return KINDS.filter((kind) => this.usedShare(kind) >= share);
  }

  /** The kind of which nothing is left to give. */
  spentKind(): keyof Used | null {
    const left = this.left();
    return KINDS.find((kind) => (left[kind] ?? 1) <= 0) ?? null;
  }

  /** What of each limit has neither been used nor given to anybody. */
  left(): Partial<Used> {
    const limited = KINDS.flatMap((kind) => {
      const limit = this.budget[kind];
      return limit === undefined ? [] : [[kind, limit - this.settled[kind] - this.outstanding(kind, 0, 0)] as const];
    });
    return Object.fromEntries(limited);
  }

  carry(): unknown {
    const { settled, budget, recalled } = this;
    const kept = recalled.size === 0 ? {} : { recalled: [...recalled] };
    return { given: [...this.given], known: [...this.known], settled, budget, ...kept };
  }

  static restore(carried: unknown, concurrency: number): JobLedger {
    const {
      given,
      known,
      settled,
      budget,
      recalled = [],
    } = carried as {
      readonly given: readonly (readonly [string, Used])[];
      readonly known: readonly (readonly [string, Used])[];
      readonly settled: Used;
      readonly budget: JobBudget;
      readonly recalled?: readonly string[];
    };
    const ledger = new JobLedger(budget, concurrency);
    for (const [path, used] of given) ledger.given.set(path, used);
    for (const [path, used] of known) ledger.known.set(path, used);
    ledger.recall(recalled);
    ledger.settled = settled;
    return ledger;
  }
}

/** An attempt that is under way is seen to its end, as far as attempts go. */
const keptOf = (given: Used, used: Used): Used => ({
  costUsdMicros: Math.min(given.costUsdMicros, used.costUsdMicros),
  tokens: Math.min(given.tokens, used.tokens),
  attempts: Math.min(given.attempts, used.attempts + 1),
});

const NOTHING: Used = { costUsdMicros: 0, tokens: 0, attempts: 0 };
