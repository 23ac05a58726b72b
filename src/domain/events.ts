/**
 * What happens to tasks and jobs, told to the outside. Events are derived from the account that a task writes anyway, so
 * the workflow pays nothing for them; the ends of calls are told by the step that makes them. An event's id follows from its
 * task and what it tells: telling it twice gives the same id, by which a reader drops the second.
 */
import type { ArtifactRef, Landing, Question, WaitingOn } from './outcome.js';
import {
  childrenOf,
  isEntry,
  timeOf,
  type AskedEntry,
  type AskedVote,
  type CreatedEntry,
  type Entry,
  type JobEntry,
} from './entries.js';
import {
  catalogueEntry,
  showFailure,
  type Failure,
  type FailureCode,
  type FailureFamily,
  type ShownFailure,
} from './failures.js';
import type { PullRequestEnd } from './pull-request.js';
import type { AttemptRecord, DecisionRecord, Spending } from './record.js';
import type { TerminalState } from './task.js';
import { isObject } from './plain-object.js';

/** The vocabulary, closed: what each event carries beside its envelope. */
export interface EventData {
  /** A job has taken the task on; it may wait for others. */
  TaskCreated: {
    readonly title: string;
    /** Path of the task that was split into this one and others. */
    readonly parent: string | null;
    /** Paths of the tasks that it waits for. */
    readonly dependsOn: readonly string[];
  };
  /** The first attempt has begun. */
  TaskStarted: { readonly title: string; readonly repository: string; readonly branch: string };
  /** An attempt has its workspace and goes to work. */
  AttemptStarted: {
    readonly attempt: number;
    readonly provider: string;
    readonly model: string;
    readonly baseCommit: string;
  };
  AttemptEnded: {
    readonly attempt: number;
    readonly outcome: 'succeeded' | 'failed' | 'blocked' | 'proposed';
    readonly failure: ShownFailure | null;
    readonly provider: string;
    readonly model: string;
    readonly durationMs: number;
    readonly spent: Spent;
    readonly checks: readonly { readonly name: string; readonly passed: boolean; readonly durationMs: number }[];
    readonly sandbox: string | null;
    readonly workers: readonly string[];
  };
  /** Another attempt will be made. */
  TaskRetried: {
    /** Attempts that have ended. */
    readonly attempt: number;
    readonly reason: string;
    readonly delayMs: number;
    /** What will be different. */
    readonly changes: string;
    readonly failure: ShownFailure | null;
  };
  /** The task waits for something, and uses up no attempt. */
  TaskBlocked: {
    readonly waitingOn: WaitingOn;
    readonly reason: string;
    /** When it looks again, or takes the default, at the latest. */
    readonly probeMs: number | null;
    /** The task that it waits for. */
    readonly on: string | null;
    readonly failure: ShownFailure | null;
  };
  /**
   * A call of a model has come to an end, also one that failed and is tried again. Never with its words: those are artifacts.
   * The subject is the workflow that has made it.
   */
  CallEnded: {
    /** Of this form of `data`. */
    readonly version: 1;
    /** Of the workflow: another one each time. */
    readonly runId: string;
    readonly callId: string;
    /** Its place in the task, such as `a1.t2`. */
    readonly call: string;
    /** Of the task; null outside of one. */
    readonly attempt: number | null;
    /** Which try of the step it was. */
    readonly tryNumber: number;
    /** `real`, `candidate`, `judge` or `shadow`. */
    readonly purpose: string;
    readonly provider: string;
    readonly model: string;
    /** `skipped`: nothing was sent, for its provider is left alone, or its budget is spent. */
    readonly status: 'answered' | 'failed' | 'cancelled' | 'skipped';
    readonly failure: ShownFailure | null;
    readonly family: FailureFamily | null;
    /** Requests beyond the first. */
    readonly retries: number;
    /** Asked for by the endpoint. */
    readonly retryAfterMs: number | null;
    /** Of the answer. */
    readonly latencyMs: number | null;
    /** Of this try, with what it waited for. */
    readonly durationMs: number;
    /** All requests of the call together. */
    readonly spent: Spent;
    /** Artifacts with the messages and the answer, by their SHA-256. */
    readonly promptSha256: string;
    readonly answerSha256: string | null;
  };
  /** Several models were asked one question, or voted on it. */
  ModelsAsked: {
    readonly version: 1;
    /** `a1.t2`. */
    readonly turn: string;
    readonly attempt: number | null;
    readonly mode: string;
    /** In the order of asking. */
    readonly answers: readonly {
      readonly index: number;
      readonly provider: string;
      readonly model: string | null;
      readonly status: 'ok' | 'failed' | 'cancelled' | 'skipped';
      readonly family: FailureFamily | null;
      readonly latencyMs: number | null;
      readonly costUsdMicros: number | null;
      readonly unpriced: boolean;
      readonly tokens: number | null;
      readonly answerSha256: string | null;
    }[];
    /** Place of the one that was taken; null if none was. */
    readonly winner: number | null;
    readonly reason: string;
    readonly judgeUsdMicros: number | null;
    /** Of a consensus. */
    readonly vote: (AskedVote & { readonly votesAgainst: number }) | null;
  };
  QuestionAsked: {
    readonly questionId: string;
    readonly kind: Question['kind'];
    readonly text: string;
    readonly options: readonly string[];
    readonly default: string | null;
    /** ISO time at which the default is taken. */
    readonly until: string | null;
    readonly about: ArtifactRef | null;
  };
  QuestionAnswered: {
    readonly questionId: string;
    readonly answer: string;
    readonly by: string;
    readonly why: string;
  };
  /** A person has paused, resumed, hurried, instructed it, or changed its budget. */
  TaskChanged: { readonly update: string; readonly by: string; readonly why: string; readonly detail: string };
  /** Most of a budget of the task or job is used up. */
  BudgetNotice: {
    readonly budget: string;
    readonly used: number;
    readonly limit: number;
    /** `used` of `limit`, 0 to 1 and beyond. */
    readonly share: number;
  };
  /** The task was split; its children go on. */
  TaskDecomposed: TaskEnd & {
    readonly reason: string;
    readonly children: readonly { readonly taskId: string; readonly title: string }[];
  };
  TaskSucceeded: TaskEnd & {
    readonly landing: Landing | null;
    /** Address of the pull request; absent if there is none. */
    readonly pullRequest?: string;
    /** Of the attempt that succeeded: prompt, answer, diff, logs. At most 20. */
    readonly artifacts: readonly ArtifactRef[];
  };
  TaskFailed: TaskEnd & { readonly failure: ShownFailure | null };
  TaskCancelled: TaskEnd & { readonly reason: string; readonly requester: string };
  TaskStuck: TaskEnd & { readonly failure: ShownFailure | null };
  JobStarted: { readonly title: string; readonly requester: string | null; readonly tasks: number };
  JobCompleted: JobEnd;
  JobFailed: JobEnd;
  JobCancelled: JobEnd;
  JobStuck: JobEnd;
}

export type EventName = keyof EventData;

/** What was spent, in all or by an attempt. */
export interface Spent {
  readonly calls: number;
  readonly callsInDoubt: number;
  readonly tokensPrompt: number;
  readonly tokensCompletion: number;
  readonly costUsdMicros: number;
  /** True if some tokens had no price: the cost is a lower bound then. */
  readonly unpriced: boolean;
}

interface TaskEnd {
  readonly title: string;
  readonly branch: string | null;
  readonly attempts: number;
  readonly spent: Spent;
  /** From the first attempt's beginning; null if there was none. */
  readonly durationMs: number | null;
}

interface JobEnd {
  readonly title: string;
  readonly tasks: number;
  /** Tasks by state. */
  readonly counts: Readonly<Record<string, number>>;
  readonly spent: Spent;
  readonly durationMs: number | null;
}

/** One event before it has a number and an envelope. */
export type WeaverEvent = {
  readonly [Name in EventName]: {
    readonly name: Name;
    readonly id: string;
    /** Task id, or job id of an event of a job. */
    readonly subject: string;
    /** Epoch milliseconds. */
    readonly at: number;
    readonly data: EventData[Name];
  };
}[EventName];

/** Every name, for filters. */
export const EVENT_NAMES = [
  'TaskCreated',
  'TaskStarted',
  'AttemptStarted',
  'AttemptEnded',
  'TaskRetried',
  'TaskBlocked',
  'CallEnded',
  'ModelsAsked',
  'QuestionAsked',
  'QuestionAnswered',
  'TaskChanged',
  'BudgetNotice',
  'TaskDecomposed',
  'TaskSucceeded',
  'TaskFailed',
  'TaskCancelled',
  'TaskStuck',
  'JobStarted',
  'JobCompleted',
  'JobFailed',
  'JobCancelled',
  'JobStuck',
] as const satisfies readonly EventName[];

/** What one write of the account says. Anything may be missing: an older workflow wrote it. */
export interface Account {
  /** Of the task; of a job its own id. */
  readonly taskId: string;
  readonly result: unknown;
  readonly status: unknown;
  /** What is written now. */
  readonly entries: readonly unknown[];
  /** All entries, those of now included; looked at when the task ends. */
  readonly history: readonly unknown[];
  /** Epoch milliseconds, now. */
  readonly at: number;
}

/** References in an event: a webhook's body stays small. */
const ARTIFACTS_MAX = 20;
const CHECKS_MAX = 20;
/** Path of the task of a job of one. */
const ONLY = '0';

/** Events of what is written now, in their order. The last one is the task's end, if it has ended. */
export function eventsOf(account: Account): readonly WeaverEvent[] {
  const entries = account.entries.filter(isEntry).toSorted((a, b) => a.sequence - b.sequence);
  return [...entries.flatMap((entry) => ofEntry(account, entry)), ...endOf(account, entries)];
}

/** What is known when an attempt has its workspace: the only moment that no entry tells in time. */
export interface Beginning {
  readonly taskId: string;
  readonly attempt: number;
  readonly title: string;
  readonly repository: string;
  readonly branch: string;
  readonly provider: string;
  readonly model: string;
  readonly baseCommit: string;
  readonly at: number;
}

/** An attempt that is opened again after an outage gives the same ids. */
export function beginningOf(start: Beginning): readonly WeaverEvent[] {
  const { taskId, attempt, title, repository, branch, provider, model, baseCommit, at } = start;
  const of = { subject: taskId, at };
  const attemptStarted: WeaverEvent = {
    ...of,
    name: 'AttemptStarted',
    id: `${taskId}#a${attempt}`,
    data: { attempt, provider, model, baseCommit },
  };
  if (attempt !== 1) return [attemptStarted];
  const started: WeaverEvent = {
    ...of,
    name: 'TaskStarted',
    id: `${taskId}#started`,
    data: { title, repository, branch },
  };
  return [...onlyTask(taskId, title, at), started, attemptStarted];
}

/** A job of one task keeps no account of its own. */
function onlyTask(taskId: string, title: string, at: number): readonly WeaverEvent[] {
  const { jobId, path } = placeOf(taskId);
  if (path !== ONLY) return [];
  return [
    { name: 'JobStarted', id: `${jobId}#started`, subject: jobId, at, data: { title, requester: null, tasks: 1 } },
    created(jobId, { path, title, parent: null, dependsOn: [] }, at),
  ];
}

function ofEntry(account: Account, entry: Entry): readonly WeaverEvent[] {
  const { taskId } = account;
  const of = { subject: taskId, id: `${taskId}#${entry.sequence}` };
  switch (entry.kind) {
    case 'attempt':
      return [{ ...of, name: 'AttemptEnded', at: entry.endedAt, data: attemptData(entry) }];
    case 'decision':
      return ofDecision(of, entry);
    case 'question': {
      const { id: questionId, kind, text, options, default: fallback, about } = entry.question;
      const until = entry.until === null ? null : iso(entry.until);
      return [
        {
          ...of,
          name: 'QuestionAsked',
          at: entry.at,
          data: { questionId, kind, text, options, default: fallback, until, about },
        },
      ];
    }
    case 'answered': {
      const { questionId, answer, by, why, at } = entry;
      return [{ ...of, name: 'QuestionAnswered', at, data: { questionId, answer, by, why } }];
    }
    case 'said': {
      const { update, by, why, detail, at } = entry;
      return [{ ...of, name: 'TaskChanged', at, data: { update, by, why, detail } }];
    }
    case 'handlerChosen': {
      const { handler, reason, at } = entry;
      return [
        { ...of, name: 'TaskChanged', at, data: { update: 'handler', by: 'weaver', why: reason, detail: handler } },
      ];
    }
    case 'asked':
      return [{ ...of, name: 'ModelsAsked', at: entry.at, data: askedData(entry) }];
    case 'note': {
      const { about, text, at } = entry;
      return [{ ...of, name: 'TaskChanged', at, data: { update: about, by: 'weaver', why: text, detail: '' } }];
    }
    case 'notice': {
      const { budget, used, limit, at } = entry;
      return [{ ...of, name: 'BudgetNotice', at, data: { budget, used, limit, share: used / limit } }];
    }
    case 'created':
      return ofCreated(taskId, entry);
    case 'job':
      return [ofJob(taskId, entry)];
    case 'cancelled':
    case 'tasks':
      // Told by the end of the task, and of each task.
      return [];
    default:
      throw new TypeError(`unknown entry ${JSON.stringify(entry satisfies never)}`);
  }
}

function askedData({
  turn,
  mode,
  answers,
  winner,
  reason,
  judgeUsdMicros,
  vote,
}: AskedEntry): EventData['ModelsAsked'] {
  const told = answers.map(
    ({ index, provider, model, status, family, latencyMs, costUsdMicros, unpriced, ...answer }) => ({
      index,
      provider,
      model,
      status,
      family: family ?? null,
      latencyMs,
      costUsdMicros,
      unpriced,
      tokens: answer.tokens,
      answerSha256: answer.answer?.sha256 ?? null,
    }),
  );
  const counted = vote === undefined ? null : { ...vote, votesAgainst: vote.voters - vote.votesFor };
  const asked = { version: 1, turn, attempt: attemptIn(turn), mode, answers: told, winner, reason } as const;
  return { ...asked, judgeUsdMicros: judgeUsdMicros ?? null, vote: counted };
}

/** Calls are named after their attempt: `a2.t1`. */
function attemptIn(name: string): number | null {
  const number = /^a(\d+)\./.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}

/** What is known of a call when it has ended. */
export interface CallEnd {
  /** Id of the workflow. */
  readonly subject: string;
  readonly runId: string;
  readonly callId: string;
  readonly name: string;
  readonly tryNumber: number;
  readonly purpose: string;
  readonly provider: string;
  readonly model: string;
  /** Null = answered. */
  readonly failed: Failure | null;
  readonly retryAfterMs: number | null;
  readonly latencyMs: number | null;
  readonly spending: Spending;
  readonly promptSha256: string;
  readonly answerSha256: string | null;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The same end that is told again, by a step that is done again, has the same id. */
export function callEnded(end: CallEnd): WeaverEvent {
  const { subject, callId, name, failed, spending, startedAt, endedAt: at } = end;
  const { runId, tryNumber, purpose, provider, model, retryAfterMs, latencyMs, promptSha256, answerSha256 } = end;
  const status = statusOf(end);
  const data: EventData['CallEnded'] = {
    version: 1,
    call: name,
    attempt: attemptIn(name),
    runId,
    callId,
    tryNumber,
    purpose,
    provider,
    model,
    status,
    failure: failed === null ? null : showFailure(failed),
    family: failed === null ? null : catalogueEntry(failed.code).family,
    retries: Math.max(0, spending.callsSent - 1),
    retryAfterMs,
    latencyMs,
    durationMs: at - startedAt,
    spent: spentOf(spending),
    promptSha256,
    answerSha256,
  };
  // Tries that found no connection have all sent nothing: only their numbers tell them apart.
  const number = status === 'failed' && spending.callsSent === 0 ? `0.${tryNumber}` : String(spending.callsSent);
  return { name: 'CallEnded', id: `${subject}#call.${callId}.${number}.${status}`, subject, at, data };
}

function statusOf({ failed, spending }: CallEnd): EventData['CallEnded']['status'] {
  if (failed === null) return 'answered';
  if (failed.code === 'cancelled') return 'cancelled';
  const wasTried = spending.callsSent > 0 || NO_CONNECTION.includes(failed.code);
  return wasTried ? 'failed' : 'skipped';
}

/** A call that ends so was on its way, though nothing of it may have left. */
const NO_CONNECTION: readonly FailureCode[] = ['modelUnreachable', 'modelTimeout'];

function attemptData({ outcome, ...attempt }: AttemptRecord): EventData['AttemptEnded'] {
  return {
    attempt: attempt.attempt,
    outcome: outcome.kind,
    failure: 'failure' in outcome ? showFailure(outcome.failure) : null,
    provider: attempt.provider,
    model: attempt.model,
    durationMs: attempt.endedAt - attempt.startedAt,
    spent: spentOf(attempt.spending),
    checks: attempt.checks.slice(0, CHECKS_MAX).map(({ name, passed, durationMs }) => ({ name, passed, durationMs })),
    sandbox: attempt.sandbox,
    workers: attempt.workers,
  };
}

interface Of {
  readonly subject: string;
  readonly id: string;
}

/** Decisions that end the task are told by its end. */
function ofDecision(of: Of, { decision, outcome, attempt, decidedAt: at }: DecisionRecord): readonly WeaverEvent[] {
  const failed = 'failure' in outcome ? showFailure(outcome.failure) : null;
  switch (decision.kind) {
    case 'retry': {
      const { reason, delayMs, changes } = decision;
      return [{ ...of, name: 'TaskRetried', at, data: { attempt, reason, delayMs, changes, failure: failed } }];
    }
    case 'wait': {
      const { reason, on: waitingOn, probeMs } = decision;
      return [{ ...of, name: 'TaskBlocked', at, data: { waitingOn, reason, probeMs, on: null, failure: failed } }];
    }
    case 'addDependency': {
      const { reason, on } = decision;
      const data = { waitingOn: 'dependency', reason, probeMs: null, on, failure: failed } as const;
      return [{ ...of, name: 'TaskBlocked', at, data }];
    }
    case 'decompose':
    case 'complete':
    case 'markDead':
    case 'markStuck':
      return [];
    default:
      throw new TypeError(`unknown decision ${JSON.stringify(decision satisfies never)}`);
  }
}

const ofCreated = (jobId: string, { tasks, at }: CreatedEntry): readonly WeaverEvent[] =>
  tasks.map((task) => created(jobId, task, at));

function created(
  jobId: string,
  { path, title, parent, dependsOn }: CreatedEntry['tasks'][number],
  at: number,
): WeaverEvent {
  const subject = `${jobId}/t/${path}`;
  return { name: 'TaskCreated', id: `${subject}#created`, subject, at, data: { title, parent, dependsOn } };
}

const JOB_ENDS = {
  completed: 'JobCompleted',
  failed: 'JobFailed',
  cancelled: 'JobCancelled',
  stuck: 'JobStuck',
} as const;

function ofJob(jobId: string, entry: JobEntry): WeaverEvent {
  const { state, title, requester, total: tasks, counts, spending, at, startedAt } = entry;
  const of = { subject: jobId, at };
  if (state === 'running') {
    return { ...of, name: 'JobStarted', id: `${jobId}#started`, data: { title, requester, tasks } };
  }
  const data = { title, tasks, counts, spent: spentOf(spending), durationMs: at - startedAt };
  return { ...of, name: JOB_ENDS[state], id: `${jobId}#ended`, data };
}

const ENDS = {
  succeeded: 'TaskSucceeded',
  dead: 'TaskFailed',
  decomposed: 'TaskDecomposed',
  cancelled: 'TaskCancelled',
  stuck: 'TaskStuck',
} as const satisfies Record<TerminalState, EventName>;

/** What a result says, as far as events need it. */
interface Ended {
  readonly state: TerminalState;
  readonly branch: string | null;
  readonly landing: Landing | null;
  readonly pullRequest?: PullRequestEnd;
  readonly attempts: number;
  readonly spending: Spending;
  readonly failure: Failure | null;
}

function endOf(account: Account, entries: readonly Entry[]): readonly WeaverEvent[] {
  const { taskId, result, status } = account;
  if (!hasEnded(result)) return [];
  const history = [...account.history.filter(isEntry), ...entries];
  const startedAt = history.find((entry) => entry.kind === 'attempt')?.startedAt ?? null;
  // A task that its job let go without a beginning has written nothing.
  const at = history.length === 0 ? account.at : Math.max(...history.map(timeOf));
  const title = isObject(status) && typeof status['title'] === 'string' ? status['title'] : '';
  const end: TaskEnd = {
    title,
    branch: result.branch,
    attempts: result.attempts,
    spent: spentOf(result.spending),
    durationMs: startedAt === null ? null : at - startedAt,
  };
  const task = taskEnd({ subject: taskId, id: `${taskId}#ended` }, at, result, end, history);
  return [...childrenMade(taskId, result, end, history, at), task, ...onlyJobEnd(taskId, result, end, at)];
}

function taskEnd(of: Of, at: number, result: Ended, end: TaskEnd, history: readonly Entry[]): WeaverEvent {
  const shown = result.failure === null ? null : showFailure(result.failure);
  switch (result.state) {
    case 'succeeded': {
      const artifacts = (history.findLast((entry) => entry.kind === 'attempt')?.artifacts ?? []).slice(
        0,
        ARTIFACTS_MAX,
      );
      const { landing, pullRequest } = result;
      const opened = pullRequest?.kind === 'open' ? { pullRequest: pullRequest.url } : {};
      return { ...of, at, name: ENDS.succeeded, data: { ...end, landing, ...opened, artifacts } };
    }
    case 'dead':
    case 'stuck':
      return { ...of, at, name: ENDS[result.state], data: { ...end, failure: shown } };
    case 'cancelled': {
      const { reason = '', requester = '' } = history.find((entry) => entry.kind === 'cancelled') ?? {};
      return { ...of, at, name: ENDS.cancelled, data: { ...end, reason: reason || (shown?.message ?? ''), requester } };
    }
    case 'decomposed': {
      const { jobId, path } = placeOf(of.subject);
      const decided = splitIn(history);
      const children = decided === null ? [] : childrenOf(path, end.title, decided);
      const data = {
        ...end,
        reason: decided?.reason ?? '',
        children: children.map((one) => ({ taskId: `${jobId}/t/${one.path}`, title: one.title })),
      };
      return { ...of, at, name: ENDS.decomposed, data };
    }
    default:
      throw new TypeError(`unknown state ${JSON.stringify(result.state satisfies never)}`);
  }
}

/** Told when they are there: the job may refuse what the decider has allowed. */
function childrenMade(
  taskId: string,
  { state }: Ended,
  { title }: TaskEnd,
  history: readonly Entry[],
  at: number,
): readonly WeaverEvent[] {
  const decided = splitIn(history);
  if (state !== 'decomposed' || decided === null) return [];
  const { jobId, path } = placeOf(taskId);
  return childrenOf(path, title, decided).map((task) => created(jobId, task, at));
}

function splitIn(history: readonly Entry[]): Extract<DecisionRecord['decision'], { kind: 'decompose' }> | null {
  const decided = history.findLast((entry) => entry.kind === 'decision')?.decision;
  return decided?.kind === 'decompose' ? decided : null;
}

/** A split task is not the end of its job. */
function onlyJobEnd(taskId: string, { state }: Ended, end: TaskEnd, at: number): readonly WeaverEvent[] {
  const { jobId, path } = placeOf(taskId);
  if (path !== ONLY || state === 'decomposed') return [];
  const jobState = state === 'succeeded' ? 'completed' : state === 'dead' ? 'failed' : state;
  const data = { title: end.title, tasks: 1, counts: { [state]: 1 }, spent: end.spent, durationMs: end.durationMs };
  return [{ name: JOB_ENDS[jobState], id: `${jobId}#ended`, subject: jobId, at, data }];
}

const spentOf = ({ callsSent, callsInDoubt, tokens, costUsdMicros, unpriced }: Spending): Spent => ({
  calls: callsSent,
  callsInDoubt,
  tokensPrompt: tokens.prompt,
  tokensCompletion: tokens.completion,
  costUsdMicros,
  unpriced,
});

/** `job/<key>/t/<path>`; a task that another program started has no job. */
function placeOf(taskId: string): { readonly jobId: string; readonly path: string } {
  const at = taskId.lastIndexOf('/t/');
  return at < 0 ? { jobId: taskId, path: '' } : { jobId: taskId.slice(0, at), path: taskId.slice(at + 3) };
}

/** Whether it is the result of a task that has ended. */
export const hasEnded = (value: unknown): value is Ended =>
  isObject(value) &&
  typeof value['state'] === 'string' &&
  Object.hasOwn(ENDS, value['state']) &&
  isObject(value['spending']);

const iso = (ms: number): string => new Date(ms).toISOString();

/** CloudEvents 1.0 in JSON; `sequence` is the running number, in the words of the extension of that name. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  /** Twelve digits, so that texts sort as the numbers do. */
  readonly sequence: string;
  readonly data: unknown;
}

/** @param source `weaver/<host>` */
export const cloudEvent = (
  { id, name, subject, at, data }: WeaverEvent,
  source: string,
  number: number,
): CloudEvent => ({
  specversion: '1.0',
  id,
  source,
  type: eventType(name),
  subject,
  time: iso(at),
  datacontenttype: 'application/json',
  sequence: String(number).padStart(12, '0'),
  data,
});

/** `TaskSucceeded` → `dev.weaver.task.succeeded` */
export const eventType = (name: EventName): string =>
  `dev.weaver.${name.replaceAll(/(?!^)([A-Z])/g, '.$1').toLowerCase()}`;
