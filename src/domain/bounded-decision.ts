/**
 * What a decider of the user's own may decide. Its answer is data from outside: it may choose among what the rules of the
 * engine allow, and where it oversteps them it is brought back, or not heard at all. Every such place is on record.
 */
import { DELAY_MS_MAX, attemptDelayMs } from './backoff.js';
import { isBudget, limitReached } from './decide.js';
import type { Decision } from './decision.js';
import { catalogueEntry, failure, isFailureCode, type Failure } from './failures.js';
import type { Outcome, WaitingOn } from './outcome.js';
import { cutToBytes } from './payload-limit.js';
import type { TaskRecord } from './record.js';
import { fieldOf, FREE_HANDLERS, TASK_DEFAULTS } from './task.js';

/** Shown in the list of decisions and in the Web UI: a line or two. */
const REASON_BYTES_MAX = 500;

/** A timer of no time would be none; a decider that looks again at once, for ever, would be busy doing nothing. */
const DELAY_MS_MIN = 1;
const PROBE_MS_MIN = 1_000;

export type Bounded =
  | {
      readonly kind: 'taken';
      readonly decision: Decision;
      /** What was changed to keep it within bounds; empty if nothing was. */
      readonly notes: readonly string[];
    }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * @param proposed whatever the decider returned, other than null
 * @param record the task as it is after `outcome` was booked
 * @param nowMs epoch milliseconds
 */
export function boundDecision(proposed: unknown, record: TaskRecord, outcome: Outcome, nowMs: number): Bounded {
  if (typeof proposed !== 'object' || proposed === null) return refused(`${said(proposed)} is no decision`);
  const [kind, reason] = [fieldOf(proposed, 'kind'), fieldOf(proposed, 'reason')];
  if (typeof reason !== 'string' || reason.trim() === '') return refused('it gives no reason');
  const given: Given = { proposed, reason: cutToBytes(reason.trim(), REASON_BYTES_MAX), record, outcome, nowMs };
  // What is pushed is pushed: nothing else can be made of it any more.
  if (outcome.kind === 'succeeded' && kind !== 'complete') return refused('the work has landed: it can only complete');
  switch (kind) {
    case 'complete':
      return outcome.kind === 'succeeded'
        ? taken({ kind, reason: given.reason })
        : refused('complete needs an outcome that succeeded');
    case 'retry':
      return boundRetry(given);
    case 'wait':
      return boundWait(given);
    case 'decompose':
      return boundDecompose(given);
    case 'addDependency':
      return boundDependency(given);
    case 'markDead':
    case 'markStuck':
      return boundEnd(given, kind);
    default:
      return refused(`${said(kind)} is no kind of decision`);
  }
}

interface Given {
  readonly proposed: unknown;
  readonly reason: string;
  readonly record: TaskRecord;
  readonly outcome: Outcome;
  readonly nowMs: number;
}

/** A blocked outcome costs no attempt, so that nothing would end a row of retries. */
function boundRetry(given: Given): Bounded {
  const { proposed, reason, record, outcome } = given;
  if (outcome.kind === 'blocked') return refused('what is blocked waits: a retry is for an attempt that was made');
  const why = attemptForbidden(given);
  if (why !== null) return refused(why);
  const handler = fieldOf(proposed, 'handler');
  const chosen = FREE_HANDLERS.find((name) => name === handler);
  if (handler !== undefined && chosen === undefined)
    return refused(`${said(handler)} is no handler for a retry: there are ${FREE_HANDLERS.join(', ')}`);
  const delay = within(fieldOf(proposed, 'delayMs'), DELAY_MS_MIN, DELAY_MS_MAX, attemptDelayMs(record.attempts));
  const changes = chosen === undefined ? changesOf(fieldOf(proposed, 'changes')) : 'handler';
  const decision = { kind: 'retry', reason, delayMs: delay.ms, changes } as const;
  return taken(chosen === undefined ? decision : { ...decision, handler: chosen }, delay.note('delayMs'));
}

const changesOf = (changes: unknown): 'evidence' | 'model' => (changes === 'model' ? 'model' : 'evidence');

/** Why there may be no further attempt; null if there may. */
function attemptForbidden({ record, outcome, nowMs }: Given): string | null {
  const { attempts, limits } = record;
  if (outcome.kind === 'failed' && catalogueEntry(outcome.failure.code).heals === 'never')
    return `${outcome.failure.code} cannot heal by another attempt`;
  if (attempts >= limits.attempts) return `attempts ${attempts}/${limits.attempts}`;
  const limit = limitReached(record, nowMs);
  // A spent limit that is waited on stops the next call, not the task.
  if (limit === null || (record.waitsOnBudget === true && isBudget(limit))) return null;
  return `${limit} is reached`;
}

function boundWait({ proposed, reason, record, outcome, nowMs }: Given): Bounded {
  if (outcome.kind !== 'blocked') return refused('wait needs an outcome that is blocked');
  const on = fieldOf(proposed, 'on');
  if (on !== outcome.waitingOn) return refused(`the task is blocked on ${outcome.waitingOn}, not on ${said(on)}`);
  const leftMs = waitLeftMs(record, outcome.waitingOn, nowMs);
  if (leftMs <= 0) return refused('the time for waiting is up');
  const isProbed = outcome.waitingOn === 'resource' || outcome.waitingOn === 'dependency';
  const mostMs = Math.min(leftMs, isProbed ? DELAY_MS_MAX : leftMs);
  const probe = within(fieldOf(proposed, 'probeMs'), Math.min(PROBE_MS_MIN, mostMs), mostMs, mostMs);
  return taken({ kind: 'wait', reason, on: outcome.waitingOn, probeMs: probe.ms }, probe.note('probeMs'));
}

/** How much longer the task may wait for this, by the limits of the task file. */
function waitLeftMs({ limits, waitMs, blockedSince }: TaskRecord, on: WaitingOn, nowMs: number): number {
  const ofPeople = waitMs ?? TASK_DEFAULTS.waitSeconds * 1_000;
  const limitMs = on === 'human' || on === 'budget' ? ofPeople : limits.outageSeconds * 1_000;
  return limitMs - (nowMs - (blockedSince ?? nowMs));
}

/** The children are those of the proposal, which were looked at; the decider may leave out the join. */
function boundDecompose({ proposed, reason, outcome }: Given): Bounded {
  if (outcome.kind !== 'proposed') return refused('decompose needs an outcome that proposes tasks');
  const { children, joinSpec, faults } = outcome;
  if (faults.length > 0) return refused(`the proposal cannot be carried out: ${faults.join('; ')}`);
  const named = fieldOf(proposed, 'children');
  const isAltered = named !== undefined && JSON.stringify(named) !== JSON.stringify(children);
  const notes = isAltered ? ['the children are those of the proposal, not those of the decider'] : [];
  const withoutJoin = fieldOf(proposed, 'joinSpec') === null;
  return taken({ kind: 'decompose', reason, children, joinSpec: withoutJoin ? null : joinSpec }, notes);
}

/** As a path of the job's tasks is written. */
const TASK_PATH = /^[a-z0-9-]{1,40}(?:\.\d{1,3}){0,8}$/;

/** Waiting for what has ended already costs nothing, so a blocked task names only what it is blocked on. */
function boundDependency(given: Given): Bounded {
  const { proposed, reason, record, outcome, nowMs } = given;
  const on = fieldOf(proposed, 'on');
  if (typeof on !== 'string' || !TASK_PATH.test(on)) return refused(`${said(on)} is no task of the job`);
  if (outcome.kind === 'blocked') {
    if (outcome.on !== on) return refused(`the task is not blocked on ${on}`);
    if (waitLeftMs(record, outcome.waitingOn, nowMs) <= 0) return refused('the time for waiting is up');
    return taken({ kind: 'addDependency', reason, on });
  }
  const why = attemptForbidden(given);
  return why === null ? taken({ kind: 'addDependency', reason, on }) : refused(why);
}

/** A decider that gives up need not name the failure again. */
function boundEnd({ proposed, reason, outcome }: Given, kind: 'markDead' | 'markStuck'): Bounded {
  const named = fieldOf(proposed, 'failure');
  if (named === undefined || named === null) {
    const last = 'failure' in outcome ? outcome.failure : failure('invalidPlan', reason);
    return taken({ kind, reason, failure: last });
  }
  const failed = failureOf(named);
  return failed === null ? refused('its failure is none of the catalogue') : taken({ kind, reason, failure: failed });
}

function failureOf(value: unknown): Failure | null {
  const [code, detail] = [fieldOf(value, 'code'), fieldOf(value, 'detail') ?? ''];
  return typeof code === 'string' && isFailureCode(code) && typeof detail === 'string' ? failure(code, detail) : null;
}

/** What is no number at all is what the default would be. */
function within(value: unknown, leastMs: number, mostMs: number, insteadMs: number) {
  const wished = typeof value === 'number' && !Number.isNaN(value) ? value : insteadMs;
  const ms = Math.round(Math.min(Math.max(wished, leastMs), mostMs));
  const isChanged = typeof value !== 'number' || Number.isNaN(value) || value < leastMs || value > mostMs;
  return { ms, note: (name: string) => (isChanged ? [`${name} ${said(value)} became ${ms}`] : []) };
}

const taken = (decision: Decision, notes: readonly string[] = []): Bounded => ({ kind: 'taken', decision, notes });
const refused = (why: string): Bounded => ({ kind: 'refused', why });

/** A word of a message: whatever it is, it is short. */
function said(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : typeof value;
  return text.slice(0, 60) || 'an empty text';
}
