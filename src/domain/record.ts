/** The task's own account of itself: attempts, decisions, spending. The only place where it changes is `record*`. */
import type { Decision } from './decision.js';
import type { Failure } from './failures.js';
import type { ArtifactRef, Landing, Outcome, WaitingOn } from './outcome.js';
import type { TestCounts } from './gate.js';
import type { LimitsSpec, ModelChoice, TaskState } from './task.js';

export interface Tokens {
  readonly prompt: number;
  /** Part of `prompt` that the endpoint read from its cache. */
  readonly cached: number;
  /** Includes reasoning. */
  readonly completion: number;
  readonly reasoning: number;
}

/** What was spent on model calls. */
export interface Spending {
  /** Requests put on the wire, those that failed included. */
  readonly callsSent: number;
  /** Requests whose fate is unknown: the request process died between sending and the answer. Sent again, booked in full. */
  readonly callsInDoubt: number;
  readonly tokens: Tokens;
  readonly costUsdMicros: number;
  /** True if some tokens had no price in the configuration: the cost is then a lower bound. */
  readonly unpriced: boolean;
}

export const NOTHING_SPENT: Spending = {
  callsSent: 0,
  callsInDoubt: 0,
  tokens: { prompt: 0, cached: 0, completion: 0, reasoning: 0 },
  costUsdMicros: 0,
  unpriced: false,
};

export const addTokens = (a: Tokens, b: Tokens): Tokens => ({
  prompt: a.prompt + b.prompt,
  cached: a.cached + b.cached,
  completion: a.completion + b.completion,
  reasoning: a.reasoning + b.reasoning,
});

export const addSpending = (a: Spending, b: Spending): Spending => ({
  callsSent: a.callsSent + b.callsSent,
  callsInDoubt: a.callsInDoubt + b.callsInDoubt,
  tokens: addTokens(a.tokens, b.tokens),
  costUsdMicros: a.costUsdMicros + b.costUsdMicros,
  unpriced: a.unpriced || b.unpriced,
});

export const totalTokens = (spending: Spending): number => spending.tokens.prompt + spending.tokens.completion;

/** One attempt, from its clean snapshot to its outcome. Times are epoch milliseconds, read where the work was done. */
export interface AttemptRecord {
  readonly sequence: number;
  readonly attempt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Identities of the workers that did its steps, each once. */
  readonly workers: readonly string[];
  readonly provider: string;
  readonly model: string;
  readonly promptVersion: string;
  readonly spending: Spending;
  readonly commitBefore: string;
  readonly treeBefore: string;
  readonly treeAfter: string | null;
  readonly commitAfter: string | null;
  readonly outcome: Outcome;
  readonly artifacts: readonly ArtifactRef[];
  /** Which sandbox ran the checks, e.g. `bubblewrap` or `plain`. */
  readonly sandbox: string | null;
  /** One line a check: name, verdict, duration. At most 20. */
  readonly checks: readonly CheckVerdict[];
  /** What became of the tests since the base; absent where the checks did not run to their end. */
  readonly tests?: TestCounts;
  /** Which acceptance criteria were looked at, and what came of it. */
  readonly criteria?: CriteriaVerdict;
  /** What was overlooked to find the texts that the edits search for, one line each; absent if nothing was. */
  readonly notes?: readonly string[];
}

/** Numbers of acceptance criteria, from 1, by who has looked at them. What nobody looks at is in neither. */
export interface CriteriaVerdict {
  readonly byCheck: { readonly met: readonly number[]; readonly unmet: readonly number[] };
  readonly byJudge: { readonly met: readonly number[]; readonly unmet: readonly number[] };
}

/** How one check ended, compared with the baseline by the gate. */
export interface CheckVerdict {
  readonly name: string;
  readonly passed: boolean;
  /** Null if it was killed by a signal or by its time limit. */
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly durationMs: number;
  /** SHA-256 of the output with times and addresses taken out: equal for the same failure. */
  readonly signature: string;
  readonly log: ArtifactRef;
}

export interface DecisionRecord {
  readonly sequence: number;
  readonly attempt: number;
  readonly decidedAt: number;
  /** `name@version` of the decider. */
  readonly decider: string;
  readonly decision: Decision;
  readonly outcome: Outcome;
  /** What was not taken over of a decider's answer, or which one was passed over, and why. Absent if nothing was. */
  readonly notes?: readonly string[];
  /** What the shadow decider would have done, where it differs. */
  readonly shadow?: { readonly decider: string; readonly decision: Decision; readonly notes?: readonly string[] };
}

/** All that the decider sees. */
export interface TaskRecord {
  readonly limits: LimitsSpec;
  readonly models: readonly ModelChoice[];
  readonly state: TaskState;
  /** Attempts that have ended in an outcome; blocked ones are not counted. */
  readonly attempts: number;
  readonly startedAt: number;
  /** Milliseconds spent blocked; they do not count against the wall time. */
  readonly blockedMs: number;
  /** Start of the outage that the task waits for now, epoch milliseconds. */
  readonly blockedSince: number | null;
  readonly waitingOn: WaitingOn | null;
  /** What each call spent so far, by its name (`a2.t1`): a call that is asked for again reports its whole spending again. */
  readonly calls: Readonly<Record<string, Spending>>;
  /** Sum of `calls`. */
  readonly spending: Spending;
  /** Signatures of the failed attempts, oldest first. */
  readonly signatures: readonly string[];
  readonly lastFailure: Failure | null;
  readonly landing: Landing | null;
  /** Number of records written so far; the next one's sequence number. */
  readonly sequence: number;
  /** How long a question to a person stays open, in milliseconds; a week if absent. */
  readonly waitMs?: number;
  /** For how long the clock of the question that is asked now has run, in milliseconds; a pause stops it. Absent = not yet. */
  readonly askedMs?: number;
  /** Whether a spent limit is waited on instead of died of. */
  readonly waitsOnBudget?: boolean;
  /** Where the task stands: 0 for a task of the file, 1 for its child. */
  readonly depth?: number;
}

export const beginRecord = (limits: LimitsSpec, models: readonly ModelChoice[], nowMs: number): TaskRecord => ({
  limits,
  models,
  state: 'running',
  attempts: 0,
  startedAt: nowMs,
  blockedMs: 0,
  blockedSince: null,
  waitingOn: null,
  calls: {},
  spending: NOTHING_SPENT,
  signatures: [],
  lastFailure: null,
  landing: null,
  sequence: 0,
});

/** Books what a call has spent by now, in place of what it had reported before. */
export function recordCall(record: TaskRecord, name: string, spent: Spending): TaskRecord {
  const calls = { ...record.calls, [name]: spent };
  return { ...record, calls, spending: sumSpending(Object.values(calls)) };
}

/** The same record with one sum in place of the calls of each attempt that has ended: they report nothing any more. */
export function withoutOldCalls(record: TaskRecord, attempt: number): TaskRecord {
  const isCurrent = (name: string): boolean => name.startsWith(`a${attempt}.`);
  const entries = Object.entries(record.calls);
  const sums = new Map<string, Spending>();
  for (const [name, spent] of entries.filter(([each]) => !isCurrent(each))) {
    const of = `${name.split('.', 1)[0] ?? name}.all`;
    sums.set(of, addSpending(sums.get(of) ?? NOTHING_SPENT, spent));
  }
  return {
    ...record,
    calls: { ...Object.fromEntries(sums), ...Object.fromEntries(entries.filter(([name]) => isCurrent(name))) },
  };
}

export const sumSpending = (all: readonly Spending[]): Spending => all.reduce(addSpending, NOTHING_SPENT);

/** Books that a step was done: an outage that was waited for is over, whatever the next step meets. */
export function recordProgress(record: TaskRecord, nowMs: number): TaskRecord {
  if (record.blockedSince === null) return record;
  const blockedMs = record.blockedMs + nowMs - record.blockedSince;
  return { ...record, state: 'running', blockedMs, blockedSince: null, waitingOn: null };
}

/** Books an outcome: counts the attempt unless it is blocked, closes or opens the outage. */
export function recordOutcome(record: TaskRecord, outcome: Outcome, nowMs: number): TaskRecord {
  const booked = { ...record, sequence: record.sequence + 1 };
  if (outcome.kind === 'blocked') {
    return {
      ...booked,
      blockedSince: record.blockedSince ?? nowMs,
      waitingOn: outcome.waitingOn,
      lastFailure: outcome.failure,
    };
  }
  const unblocked = {
    ...booked,
    attempts: record.attempts + 1,
    blockedMs: record.blockedMs + (record.blockedSince === null ? 0 : nowMs - record.blockedSince),
    blockedSince: null,
    waitingOn: null,
  };
  if (outcome.kind === 'succeeded') return { ...unblocked, landing: outcome.landing, lastFailure: null };
  if (outcome.kind === 'proposed') return { ...unblocked, signatures: [...record.signatures, 'proposed'] };
  return { ...unblocked, lastFailure: outcome.failure, signatures: [...record.signatures, outcome.signature] };
}

/** The task waits, but not for an outcome's sake: somebody has paused it, or its budget is spent before a call. */
export const recordWait = (record: TaskRecord, waitingOn: WaitingOn, nowMs: number): TaskRecord => ({
  ...record,
  state: 'blocked',
  waitingOn,
  blockedSince: record.blockedSince ?? nowMs,
});

/** Books a decision: the state that follows from it, and the failure that the task is remembered by. */
export function recordDecision(record: TaskRecord, decision: Decision): TaskRecord {
  const lastFailure = 'failure' in decision ? decision.failure : record.lastFailure;
  return { ...record, lastFailure, state: stateAfter(decision), sequence: record.sequence + 1 };
}

function stateAfter(decision: Decision): TaskState {
  switch (decision.kind) {
    case 'complete':
      return 'succeeded';
    case 'retry':
      return 'retry_wait';
    case 'wait':
    case 'addDependency':
      return 'blocked';
    case 'decompose':
      return 'decomposed';
    case 'markDead':
      return 'dead';
    case 'markStuck':
      return 'stuck';
    default:
      throw new TypeError(`unknown decision ${JSON.stringify(decision satisfies never)}`);
  }
}
