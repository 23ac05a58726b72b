/**
 * A circuit breaker: an endpoint that has failed again and again is left alone for a while, then tried with one request.
 * Pure; it stands in the book of the provider, for all workers.
 */
import type { FailureCode } from './failures.js';

export interface BreakerRule {
  /** Failures in a row that open it. */
  readonly failures: number;
  readonly pauseMs: number;
}

/** One call of four tries cannot open it alone; half a minute is what most endpoints need for a restart. */
export const BREAKER_DEFAULTS = { failures: 5, pauseSeconds: 30 } as const;

export interface Breaker {
  /** In a row. */
  readonly failures: number;
  /** Nobody may pass before; null while it is closed. */
  readonly openUntil: number | null;
  /** Since when its one request is under way. */
  readonly probingSince: number | null;
  /** `says`: the endpoint's own words, or what was wrong with its answer; absent where nobody has told them. */
  readonly lastFailure: { readonly code: FailureCode; readonly at: number; readonly says?: string } | null;
  readonly lastSuccessAt: number | null;
  /** Whose failures these are; absent from workers that do not say it. */
  readonly endpoint?: string;
}

export const CLOSED: Breaker = {
  failures: 0,
  openUntil: null,
  probingSince: null,
  lastFailure: null,
  lastSuccessAt: null,
};

/**
 * A provider whose address has been corrected is another endpoint, of which nothing is known yet. Workers that call two by one
 * name take it from each other, and neither is left alone.
 */
export function ofEndpoint(breaker: Breaker, endpoint: string | undefined): Breaker {
  if (endpoint === undefined || breaker.endpoint === endpoint) return breaker;
  return breaker.endpoint === undefined ? { ...breaker, endpoint } : { ...CLOSED, endpoint };
}

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/** What a request has shown of its endpoint; `nothing` if it was cancelled, or told to come later. */
export type Shown = 'alive' | 'failing' | 'nothing';

const FAILING: ReadonlySet<string> = new Set<FailureCode>(['modelUnreachable', 'modelTimeout', 'modelServer']);
const TELLS_NOTHING: ReadonlySet<string> = new Set<FailureCode>([
  'cancelled',
  'rateLimited',
  'infrastructure',
  'diskFull',
]);

/** An endpoint that refuses a request, for whatever reason of its own, is alive. `null` is an answer. */
export function shownBy(code: FailureCode | null): Shown {
  if (code === null) return 'alive';
  if (FAILING.has(code)) return 'failing';
  return TELLS_NOTHING.has(code) ? 'nothing' : 'alive';
}

export function stateOf({ openUntil, probingSince }: Breaker, nowMs: number): BreakerState {
  if (openUntil === null) return 'closed';
  return nowMs < openUntil && probingSince === null ? 'open' : 'halfOpen';
}

/** When to ask again; null if a request may pass now. */
export function refusedUntil({ openUntil, probingSince }: Breaker, rule: BreakerRule, nowMs: number): number | null {
  if (openUntil === null) return null;
  if (probingSince === null) return nowMs < openUntil ? openUntil : null;
  // A probe whose end nobody has told, because its worker died: another one may follow.
  if (nowMs - probingSince >= PROBE_PAUSES * rule.pauseMs) return null;
  return nowMs + Math.ceil(rule.pauseMs / PROBE_PARTS);
}

/**
 * Until when its failures say anything: an endpoint that nobody has asked for so long may be another one by now. Zero if there
 * are none.
 */
export function troubledUntil(
  { failures, lastFailure, openUntil, probingSince }: Breaker,
  { pauseMs }: BreakerRule,
): number {
  if (failures === 0 && openUntil === null) return 0;
  return (
    Math.max(lastFailure?.at ?? 0, openUntil ?? 0, probingSince ?? 0) + Math.max(REMEMBERED_MS, PROBE_PAUSES * pauseMs)
  );
}

/** Longer than the longest pause between two tries of a task. */
const REMEMBERED_MS = 600_000;
const PROBE_PAUSES = 2;
/** Who waits for the probe of another looks again after this part of the pause. */
const PROBE_PARTS = 3;

/** A request passes: of an open breaker it is the probe. */
export const letPass = (breaker: Breaker, nowMs: number): Breaker =>
  breaker.openUntil === null ? breaker : { ...breaker, probingSince: nowMs };

/** The end of a request. `code` is that of its failure, `says` are its words. */
export function afterEnd(
  breaker: Breaker,
  rule: BreakerRule,
  code: FailureCode | null,
  nowMs: number,
  says?: string,
): Breaker {
  switch (shownBy(code)) {
    case 'alive':
      return { ...breaker, ...CLOSED, lastFailure: breaker.lastFailure, lastSuccessAt: nowMs };
    case 'nothing':
      return breaker.probingSince === null ? breaker : { ...breaker, probingSince: null };
    default:
      return afterFailure(breaker, rule, {
        code: code ?? 'modelServer',
        at: nowMs,
        ...(says === undefined ? {} : { says }),
      });
  }
}

function afterFailure(breaker: Breaker, rule: BreakerRule, lastFailure: NonNullable<Breaker['lastFailure']>): Breaker {
  const failures = breaker.failures + 1;
  const failed = { ...breaker, failures, lastFailure };
  const { openUntil, probingSince } = breaker;
  // Requests that left before it opened end after that; they say nothing new.
  if (openUntil !== null && probingSince === null && lastFailure.at < openUntil) return failed;
  if (failures < rule.failures) return failed;
  return { ...failed, openUntil: lastFailure.at + rule.pauseMs, probingSince: null };
}
