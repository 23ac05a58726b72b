/** The task as its workflow holds it: the record, the phase shown to people, the steps of the attempt done so far. */
import {
  ActivityFailure,
  condition,
  isCancellation,
  patched,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
  type TimerOptions,
} from '@temporalio/workflow';
import type {
  Called,
  Checked,
  Closed,
  Done,
  Edited,
  Landed,
  Made,
  Merged,
  NamedModel,
  Opened,
  Proposed,
  PullRequestInput,
  Rebased,
} from '../activities/contract.js';
import type { RecordInput } from '../activities/contract.js';
import type { HandlerChoice } from '../domain/choose-handler.js';
import { DECIDER, nearLimits } from '../domain/decide.js';
import { standInsOf, type PassedOver } from '../domain/agents.js';
import type { Decision } from '../domain/decision.js';
import type { NewEntry } from '../domain/entries.js';
import { failure, type Failure, type FailureCode } from '../domain/failures.js';
import type { Prerequisite } from '../domain/job.js';
import type { ArtifactRef, Outcome, WaitingOn } from '../domain/outcome.js';
import { isHeldForLife, type PermitWish } from '../domain/permits.js';
import { pullRequestWords, type PullRequestEnd } from '../domain/pull-request.js';
import {
  beginRecord,
  recordCall,
  recordDecision,
  recordOutcome,
  recordProgress,
  recordWait,
  sumSpending,
  totalTokens,
  withoutOldCalls,
} from '../domain/record.js';
import type { AttemptRecord, DecisionRecord, Spending, TaskRecord } from '../domain/record.js';
import { describeTask } from '../domain/report.js';
import {
  claimedLimits,
  fieldOf,
  fieldText,
  isTerminalState,
  loweredLimits,
  titleOf,
  type Handler,
  type LimitsSpec,
  type TaskState,
} from '../domain/task.js';
import { textParts } from '../domain/text-parts.js';
import { decideAs, type Advice, type Decided, type Pending } from './deciders.js';
import {
  SEARCH_ATTRIBUTES,
  type CancelRequest,
  type Phase,
  type ResumePoint,
  type ResumeRequest,
  type TaskInput,
  type TaskResult,
  type TaskStatus,
} from './messages.js';
import type { CarriedTask } from './carried-task.js';
import type { Conversation } from './conversation.js';
import type { Candidacy } from './modes/best-of.js';
import { Heard } from './heard.js';
import { criteriaOf, type Judged } from './found-criteria.js';
import { Permits } from './permit.js';
import { givePlaceBack, takePlace } from './place.js';
import { resumePointOf } from './resume-point.js';
import { Talk } from './talk.js';
import { record as writeRecords } from './proxies.js';

/** What the current attempt has got by now: a step that is asked for again after an outage is not done again. */
export interface Steps {
  readonly startedAt: number;
  opened?: Opened;
  baseline?: Checked;
  calls: Called[];
  edited?: Edited;
  merged?: Merged;
  proposed?: Proposed;
  checked?: Checked;
  landed?: Landed;
  /** What a judge has said of the acceptance criteria. */
  judged?: Judged;
  /** The work on top of a base that came later, checked there. */
  rebased?: Rebased & { readonly times: number };
  /** What a program or a person has made. */
  made?: Extract<Made, { kind: 'made' }>;
  /** How often a person's work has come back from the checks, and what was found the last time. */
  rounds?: number;
  found?: { readonly says: string; readonly evidence: ArtifactRef | null };
  /** What a script has asked, oldest first. */
  asked?: readonly { readonly id: string; readonly text: string }[];
  /** Whose answer each turn took, where several models were asked. */
  askedOf?: readonly NamedModel[];
  /** What each of several candidates has come to. */
  candidates?: readonly Candidacy[];
  /** Whether a shadow call stands beside the attempt. */
  hasShadow?: boolean;
  /** How far the conversation of the handler `agent` has come. */
  conversation?: Conversation;
  /** The same after each turn, for a reset to one of them. */
  spoken?: readonly Conversation[];
  landingSeconds?: number;
}

/** Handlers that go on from a base by themselves. */
const EDITING: readonly Handler[] = ['one-shot', 'agent'];
/** Decisions kept for the query; the store has all of them. */
const DECISIONS_KEPT = 20;
/** Of each kind, when the task continues as new: some kilobytes an attempt. */
const CARRIED_MAX = 5;
const LIMITS_LEFT_PATCH = 'resumed-with-limits-left';
/** Calls of histories of before sleep until their time. */
const WOKEN_PATCH = 'no-room-can-be-cut-short';
/** What is booked has a number, and activities that decide are named by it. */
const NOTICE_PATCH = 'notice-of-own-limits';
/** Attempts that a reset can go back to. */
const ATTEMPTS_KEPT = 20;
/** There are fewer kinds of them; they stand in every answer about the task. */
const WARNINGS_MAX = 5;
const WARNING_CHARACTERS_MAX = 300;

/** Shorter waits for a provider are shown to who asks, and cost no event. */
const SHOWN_WAIT_MS = 5_000;
/** Longer ones are written down, for who asks when no worker answers. */
const RECORDED_WAIT_MS = 60_000;

export class TaskRun {
  readonly taskId = workflowInfo().workflowId;
  readonly talk = new Talk();
  /** What was answered to whoever says something twice. */
  readonly heard: Heard;
  readonly permits: Permits;
  record: TaskRecord;
  steps: Steps;
  cancel: CancelRequest | null = null;
  /** Set when the decider has taken an alternative. */
  handler: Handler | null = null;
  /** Agents of the task that could not work on this host. */
  passedOver: readonly PassedOver[] = [];
  children: readonly string[] = [];
  /** Where its end is told; null if the job sees the end of the workflow itself. */
  reportsTo: string | null = null;
  /** Of the job, epoch milliseconds. */
  deadline: number | null;
  /** True while it only waits for time to pass. */
  isPausing = false;
  private phase = 'starting';
  private shownWaitingOn: WaitingOn | null = null;
  private shownTokens = 0;
  private wakesAt: number | null = null;
  private roomWaits = 0;
  private wasBlocked = false;
  private hasShownWait = false;
  private limitChanges: Partial<LimitsSpec> = {};
  private readonly attempts: AttemptRecord[] = [];
  private readonly done = new Map<number, Steps>();
  private readonly decided: DecisionRecord[] = [];
  private readonly toldStandIns = new Set<string>();
  /** Limits of its own of which people have been told that most is used up. */
  private readonly noticed = new Set<string>();
  private unwritten: { sequence: number; record: unknown }[] = [];
  private last: { failure: Failure; evidence: ArtifactRef | null } | null;
  private opened: Opened | null = null;
  private pullRequest: PullRequestEnd | 'opening' | null = null;
  private diff: ArtifactRef | null = null;
  private summary = '';

  constructor(readonly input: TaskInput) {
    this.heard = new Heard(input.carried?.heard);
    this.permits = new Permits({
      taskId: this.taskId,
      priority: fieldOf(input.spec, 'priority'),
      onWaiting: (words, wish) => this.waitForPermit(words, wish),
    });
    // Replaced by the validated limits as soon as the workspace is open.
    this.record = beginRecord(claimedLimits(input.spec), [], Date.now());
    if (input.place?.gated === true) this.record = { ...this.record, state: 'pending' };
    if (input.place?.queued === true) this.record = { ...this.record, waitingOn: 'resource' };
    this.last = input.resume?.last ?? null;
    this.deadline = input.place?.deadline ?? null;
    if (input.place?.watched === false) this.reportsTo = input.place.jobId;
    this.talk.allowance = input.place?.allowance ?? null;
    this.steps = { startedAt: Date.now(), calls: [] };
    if (input.carried !== undefined) this.takeOver(input.carried);
    else if (input.resume?.steps !== undefined) this.takeUp(input.resume.steps as Steps);
  }

  /** The task is where its run before had come to. */
  private takeOver(before: CarriedTask): void {
    const { talk, done, attempts, decided, noticed = [], heard: _, ...carried } = before;
    Object.assign(this, carried);
    for (const budget of noticed) this.noticed.add(budget);
    this.attempts.push(...attempts);
    this.decided.push(...decided);
    for (const [attempt, steps] of done) this.done.set(attempt, steps);
    this.talk.takeOver(talk);
  }

  /** What a run that continues as new has to know: small, for the store has the rest. */
  carry(): CarriedTask {
    const { handler, last, limitChanges, opened, diff, summary, reportsTo, talk, passedOver } = this;
    return {
      record: withoutOldCalls(this.record, this.attempt),
      handler,
      last,
      limitChanges,
      attempts: this.attempts.slice(-CARRIED_MAX),
      decided: this.decided.slice(-CARRIED_MAX),
      done: [...this.done].slice(-CARRIED_MAX).map(([attempt, steps]) => [attempt, withoutTurns(steps)] as const),
      opened,
      diff,
      summary,
      reportsTo,
      talk: talk.carry(),
      passedOver,
      deadline: this.deadline,
      heard: this.heard.carry(),
      noticed: [...this.noticed],
    };
  }

  /** Whether all that was booked is in the store. */
  get isWritten(): boolean {
    return this.unwritten.length === 0;
  }

  /** A resumed attempt begins with the steps that are kept of it. */
  private takeUp(steps: Steps): void {
    this.steps = { ...steps, startedAt: Date.now(), calls: [...steps.calls] };
    if (steps.opened !== undefined) this.bookOpened(this.withLimitsLeft(steps.opened));
  }

  /** The work is of before, but what it may cost is what its job has left now. */
  private withLimitsLeft(opened: Opened): Opened {
    const limits = loweredLimits(opened.limits, this.input.spec);
    return limits === opened.limits || !patched(LIMITS_LEFT_PATCH) ? opened : { ...opened, limits };
  }

  /** Counted over a task and what it goes on with, so that the names of its calls stay apart. */
  get attempt(): number {
    return (this.input.resume?.attempts ?? 0) + this.record.attempts + 1;
  }

  get lastFailed(): { readonly failure: Failure; readonly evidence: ArtifactRef | null } | null {
    return this.last;
  }

  /** 0 for a task of the file, 1 for its child. */
  get depth(): number {
    return (this.input.place?.path ?? '0').split('.').length - 1;
  }

  /** What had to end first: from the start, from the word to go, or of a dependency added on the way. */
  get prerequisites(): readonly Prerequisite[] {
    const { go } = this.talk;
    const { place, resume } = this.input;
    const given = place?.prerequisites ?? resume?.prerequisites ?? [];
    return go === null || go.prerequisites.length === 0 ? given : go.prerequisites;
  }

  /** A proposed child builds on the work of the siblings that it has waited for; those that merge do so themselves. */
  get stacksOn(): readonly string[] {
    const { place, spec, resume } = this.input;
    if (resume?.stackOn !== undefined) return resume.stackOn;
    if (place?.gated !== true || place.queued === true || !EDITING.some((name) => name === fieldText(spec, 'handler')))
      return [];
    return this.prerequisites.flatMap(({ branch, state }) =>
      branch === null || state !== 'succeeded' ? [] : [branch],
    );
  }

  get isOver(): boolean {
    return isTerminalState(this.record.state);
  }

  /** Shows what is being done; an upsert costs an event, so it goes out with the command that follows. */
  enter(phase: Phase, words: string, waitingOn: WaitingOn | null = null): void {
    this.phase = words;
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.phase, value: phase },
      ...(waitingOn === this.shownWaitingOn ? [] : [{ key: SEARCH_ATTRIBUTES.waitingOn, value: waitingOn }]),
      ...this.newFigures(),
    ]);
    this.shownWaitingOn = waitingOn;
    this.show();
  }

  /** What it has cost by now, and with which model; told with what is told anyway, so that it costs no event. */
  private newFigures() {
    const { spending, attempts } = this.record;
    const tokens = totalTokens(spending);
    if (tokens === this.shownTokens) return [];
    this.shownTokens = tokens;
    return [
      { key: SEARCH_ATTRIBUTES.model, value: this.opened?.model ?? null },
      { key: SEARCH_ATTRIBUTES.attempt, value: attempts },
      { key: SEARCH_ATTRIBUTES.tokens, value: tokens },
      { key: SEARCH_ATTRIBUTES.costUsd, value: spending.costUsdMicros / 1_000_000 },
    ];
  }

  /** Says what is being done, without an event: a conversation does so twice a turn. */
  tell(words: string): void {
    this.phase = words;
    this.show();
  }

  /** The attempt begins anew with another agent; nothing was done in it. */
  passOver(passed: PassedOver): void {
    this.passedOver = [...this.passedOver, { agent: passed.agent, reason: passed.reason.slice(0, 300) }];
    this.steps = { startedAt: this.steps.startedAt, calls: [] };
  }

  /** Which handler the agent has, and who stands in for whom: each said once. */
  tellAgent({ agent, handler }: Opened): void {
    if (agent === undefined) return;
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.handler, value: handler ?? null }]);
    for (const text of standInsOf(agent)) {
      if (this.toldStandIns.has(text)) continue;
      this.toldStandIns.add(text);
      this.book({ kind: 'note', about: 'standIn', text });
    }
  }

  bookOpened(opened: Opened): Opened {
    this.steps.opened = opened;
    this.opened = opened;
    const { people, limits } = opened;
    this.record = {
      ...recordProgress(this.record, Date.now()),
      limits: { ...limits, ...this.limitChanges },
      models: opened.models,
      state: 'running',
      ...(people === undefined ? {} : { waitMs: people.waitSeconds * 1_000 }),
      ...(this.waitsOnBudget(limits) ? { waitsOnBudget: true } : {}),
    };
    return opened;
  }

  private waitsOnBudget({ whenSpent }: LimitsSpec): boolean {
    return whenSpent === 'wait';
  }

  /** A step that is done ends the outage before it. */
  bookStep(done: Partial<Omit<Steps, 'startedAt' | 'calls' | 'opened'>>): void {
    Object.assign(this.steps, done);
    // The checks of the base end beside a call that waits for room: that goes on waiting.
    if (this.roomWaits > 0) this.wasBlocked = false;
    else this.record = recordProgress(this.record, Date.now());
  }

  bookCall(name: string, spent: Spending): void {
    this.record = recordCall(this.record, name, spent);
    for (const near of nearLimits(this.record)) {
      if (this.noticed.has(near.budget) || !patched(NOTICE_PATCH)) continue;
      this.noticed.add(near.budget);
      this.book({ kind: 'notice', ...near });
    }
  }

  /** Sends that no step could report any more; the ledger knows them. True if there were any. */
  bookLedger({ spending }: Closed): boolean {
    // A ledger that is shared with an earlier task has its calls too.
    if (this.input.resume !== undefined || spending.callsSent <= this.record.spending.callsSent) return false;
    this.record = { ...this.record, spending };
    this.finishAttributes();
    return true;
  }

  /** Changed by a person; holds for all attempts to come. */
  changeLimits(changes: Partial<LimitsSpec>): void {
    this.noticed.clear();
    this.limitChanges = { ...this.limitChanges, ...changes };
    this.record = { ...this.record, limits: { ...this.record.limits, ...changes } };
  }

  changeDeadline(at: number | null): void {
    this.deadline = at;
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.deadline, value: at === null ? null : new Date(at) }]);
  }

  /** Waits for something that is no outcome: a pause, a slice of the budget. */
  bookWait(on: WaitingOn): void {
    this.record = recordWait(this.record, on, Date.now());
  }

  /** The task waits for an answer, for so long; null = somebody holds it, and the clock stands still. */
  bookAsks(leftMs: number | null): void {
    this.bookWait('human');
    this.wakesAt = leftMs === null ? null : Date.now() + leftMs;
  }

  /** Nothing but the job's word ends this wait. */
  bookPlaceWait(): void {
    this.bookWait('resource');
    this.wakesAt = null;
    this.enter('waiting', 'waits for a place', 'resource');
  }

  private async waitForPermit(words: string | null, wish: PermitWish): Promise<void> {
    if (words === null) {
      await takePlace(this);
      this.bookGoesOn();
      this.enter('working', 'goes on');
      return;
    }
    this.bookWait('resource');
    this.enter('waiting', words, 'resource');
    await this.writeRecords();
    // Whoever has it may wait for a person, and need this place to go on.
    if (isHeldForLife(wish)) await givePlaceBack(this, 'resource');
  }

  /** A call waits for its provider; several may at once. A moment is not worth an event. */
  async bookNoRoom(words: string, waitMs: number): Promise<void> {
    this.roomWaits += 1;
    if (this.roomWaits > 1) return;
    this.wasBlocked = this.record.blockedSince !== null;
    this.bookWait('resource');
    this.wakesAt = Date.now() + waitMs;
    this.talk.isWoken = false;
    this.hasShownWait = waitMs >= SHOWN_WAIT_MS;
    if (this.hasShownWait) this.enter('waiting', words, 'resource');
    else this.tell(words);
    if (waitMs >= RECORDED_WAIT_MS) await this.writeRecords();
  }

  /** `retryNow` ends it for all calls that wait: whether there is room by now costs one question. */
  async waitForRoom(waitMs: number, options: TimerOptions): Promise<void> {
    if (!patched(WOKEN_PATCH)) return await sleep(waitMs, options);
    this.isPausing = true;
    await condition(() => this.talk.isWoken, waitMs, options);
  }

  /** There may be room now. An outage that was there before goes on until a step is done. */
  bookRoom(): void {
    this.roomWaits -= 1;
    if (this.roomWaits > 0) return;
    this.isPausing = false;
    if (!this.wasBlocked) this.bookGoesOn();
    this.wakesAt = null;
    if (this.hasShownWait) this.enter('working', 'goes on');
    else this.tell('goes on');
  }

  /** A gated task has got its word. */
  bookBegins(): void {
    this.record = { ...this.record, state: 'running', waitingOn: null, startedAt: Date.now() };
  }

  bookGoesOn(): void {
    this.record = recordProgress(this.record, Date.now());
    this.wakesAt = null;
  }

  /** Settled for all attempts to come; a decision may still take an alternative. */
  bookHandler({ handler, reason }: HandlerChoice): void {
    this.handler = handler;
    this.book({ kind: 'handlerChosen', handler, reason });
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.handler, value: handler }]);
  }

  /** Books the attempt's end and keeps its record for the next write. */
  bookOutcome(outcome: Outcome): void {
    const { sequence } = this.record;
    const attemptRecord = this.attemptRecord(sequence, outcome);
    this.unwritten.push({ sequence, record: attemptRecord });
    if (outcome.kind !== 'blocked') this.attempts.push(attemptRecord);
    const { attempt } = this;
    this.record = withClock(recordOutcome(this.record, outcome, Date.now()), outcome, this.talk);
    if (outcome.kind === 'failed') this.last = { failure: outcome.failure, evidence: outcome.evidence ?? null };
    const { edited, merged } = this.steps;
    const work = edited?.kind === 'edited' ? edited : merged?.kind === 'merged' ? merged : null;
    if (work !== null) [this.diff, this.summary] = [work.diff, work.subject.slice(0, 300)];
    if (outcome.kind === 'blocked') return;
    this.done.set(attempt, this.steps);
    this.done.delete(attempt - ATTEMPTS_KEPT);
    this.steps = { startedAt: Date.now(), calls: [] };
  }

  /**
   * Asks the task's decider, and its shadow, whose different mind is only recorded. Books nothing before the activities
   * among them have answered (`advice`).
   */
  decide(outcome: Outcome, advice: ReadonlyMap<string, Advice>): Decision | Asking {
    const asked = [this.record, outcome, Date.now()] as const;
    const isUnknown = outcome.kind === 'failed' && outcome.failure.code === 'unknownDecider';
    const { decider = DECIDER, shadowDecider } = (isUnknown ? null : this.opened) ?? {};
    const first = decideAs(decider, asked, advice);
    const second = shadowDecider === undefined ? null : decideAs(shadowDecider, asked, advice);
    if (first.kind === 'pending' || second?.kind === 'pending')
      return { kind: 'pending', asked: pendingOf(first, second) };
    this.bookDecision(outcome, first, second !== null && differ(second.decision, first.decision) ? second : null);
    return first.decision;
  }

  private bookDecision(outcome: Outcome, { decider, decision, notes }: Decided, shadow: Decided | null): void {
    const { sequence } = this.record;
    const decided: DecisionRecord = {
      sequence,
      attempt: this.record.attempts,
      decidedAt: Date.now(),
      decider,
      decision,
      outcome,
      ...notesOf(notes, standInsOf(this.opened?.agent)),
      ...(shadow === null ? {} : { shadow: shadowOf(shadow) }),
    };
    this.decided.push(decided);
    if (this.decided.length > DECISIONS_KEPT) this.decided.shift();
    this.unwritten.push({ sequence, record: { kind: 'decision', ...decided } });
    this.record = recordDecision(this.record, decision);
    if (decision.kind === 'retry' && decision.handler !== undefined) this.handler = decision.handler;
    if (outcome.kind === 'proposed' && decision.kind !== 'decompose')
      this.last = {
        failure: failure('invalidPlan', outcome.faults.join('; ') || decision.reason),
        evidence: outcome.plan,
      };
    this.phase = decision.reason;
    this.wakesAt = wakesAt(decision);
    this.show();
  }

  /** What people and the job have said and done, as entries of the account. */
  book(entry: NewEntry): void {
    const { sequence } = this.record;
    this.unwritten.push({ sequence, record: { ...entry, sequence, at: Date.now() } });
    this.record = { ...this.record, sequence: sequence + 1 };
    this.show();
  }

  bookCancel(request: CancelRequest): void {
    const { sequence } = this.record;
    this.unwritten.push({ sequence, record: { kind: 'cancelled', sequence, at: Date.now(), ...request } });
    this.end('cancelled', failure(request.code ?? 'cancelled', `${request.requester}: ${request.reason}`));
  }

  /** Ends without an attempt: a prerequisite ended badly, if nothing else is said. */
  bookRefused(
    state: 'dead' | 'cancelled',
    why: string,
    code: FailureCode = state === 'cancelled' ? 'skipped' : 'dependencyFailed',
  ): void {
    this.end(state, failure(code, why));
  }

  private end(state: 'dead' | 'cancelled', failed: Failure): void {
    const { sequence } = this.record;
    this.record = { ...this.record, state, sequence: sequence + 1, lastFailure: failed };
    this.phase = state;
    this.wakesAt = null;
    this.show();
  }

  /** Writes what has been booked since the last time; a record is named by its sequence number, so twice is once. */
  async writeRecords(): Promise<void> {
    const entries = this.unwritten;
    this.unwritten = [];
    const account: RecordInput = { taskId: this.taskId, status: this.status(), result: this.result(), entries };
    try {
      await writeRecords(...textParts(account));
    } catch (thrown) {
      // A full disk must not end the task: it is written with the next entries.
      this.unwritten = [...entries, ...this.unwritten];
      if (!(thrown instanceof ActivityFailure) || isCancellation(thrown)) throw thrown;
    }
  }

  /** The commit's date, chosen once an attempt: a landing that is tried again makes the same commit. */
  landingSeconds(): number {
    this.steps.landingSeconds ??= Math.floor(Date.now() / 1_000);
    return this.steps.landingSeconds;
  }

  finishAttributes(): void {
    const { state, spending, waitingOn, attempts } = this.record;
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.phase, value: 'done' },
      { key: SEARCH_ATTRIBUTES.outcome, value: state },
      { key: SEARCH_ATTRIBUTES.waitingOn, value: waitingOn },
      { key: SEARCH_ATTRIBUTES.branch, value: this.opened?.branch ?? null },
      { key: SEARCH_ATTRIBUTES.model, value: this.opened?.model ?? null },
      { key: SEARCH_ATTRIBUTES.attempt, value: attempts },
      { key: SEARCH_ATTRIBUTES.tokens, value: totalTokens(spending) },
      { key: SEARCH_ATTRIBUTES.costUsd, value: spending.costUsdMicros / 1_000_000 },
    ]);
  }

  /** What has landed, if a pull request is wanted for it; else null. */
  pullRequestInput(): PullRequestInput | null {
    const { landing, spending, state } = this.record;
    const { opened, taskId, summary } = this;
    const last = this.attempts.at(-1);
    if (state !== 'succeeded' || landing === null || opened?.pullRequest !== true || last === undefined) return null;
    const { tests, criteria, checks, attempt } = last;
    const judged = this.done.get(attempt)?.judged;
    return {
      taskId,
      lineage: this.input.lineage,
      spec: opened.spec,
      landing,
      baseBranch: opened.baseBranch,
      summary,
      attempts: attempt,
      spending,
      checks: checks.map(({ name, passed, durationMs }) => ({ name, passed, durationMs })),
      ...(tests === undefined ? {} : { tests }),
      ...(criteria === undefined ? {} : { criteria }),
      ...(judged === undefined ? {} : { judged: judged.answer }),
    };
  }

  /** The task has landed, and has not ended yet. */
  beginPullRequest(): void {
    this.pullRequest = 'opening';
  }

  bookPullRequest(ended: PullRequestEnd): void {
    this.pullRequest = ended;
    this.phase = this.decided.at(-1)?.decision.reason ?? '';
    this.book({ kind: 'note', about: 'pullRequest', text: pullRequestWords(ended) });
  }

  /** As others see it: while the pull request is opened the task is at work. */
  private get shownState(): TaskState {
    return this.pullRequest === 'opening' ? 'running' : this.record.state;
  }

  get decisions(): readonly DecisionRecord[] {
    return this.decided;
  }

  resumePoint(request: ResumeRequest): ResumePoint | null {
    const { input, taskId, last, done, prerequisites, stacksOn: stackOn } = this;
    return resumePointOf(request, { of: taskId, lineage: input.lineage, last, done, prerequisites, stackOn });
  }

  status(): TaskStatus {
    const { attempts, limits, waitingOn, spending, lastFailure } = this.record;
    const state = this.shownState;
    const { question, answered, isHeld: paused } = this.talk;
    const tests = foundOf(this.steps).tests ?? this.attempts.at(-1)?.tests;
    return {
      taskId: this.taskId,
      // Before it is validated it may be anything.
      title: this.opened?.title ?? titleOf(this.input.spec),
      state,
      phase: this.phase,
      attempt: isTerminalState(this.record.state) ? attempts : Math.min(attempts + 1, limits.attempts),
      attemptsMax: limits.attempts,
      waitingOn,
      spending,
      branch: this.opened?.branch ?? null,
      failure: lastFailure,
      wakesAt: this.wakesAt,
      ...(tests === undefined ? {} : { tests }),
      ...this.worthLess(),
      ...(question === null ? {} : { question }),
      ...(answered.length === 0 ? {} : { answered }),
      ...(paused === null ? {} : { paused }),
      ...(this.children.length === 0 ? {} : { children: this.children }),
      ...(this.opened?.handler === undefined ? {} : { handler: this.opened.handler }),
      ...this.pullRequestEnd(),
      ...this.parent(),
    };
  }

  private worthLess(): { readonly warnings?: readonly string[] } {
    const sandbox = sandboxOf(this.steps) ?? this.attempts.at(-1)?.sandbox ?? null;
    const warnings = warningsOf(this.opened, sandbox);
    return warnings.length === 0 ? {} : { warnings };
  }

  private pullRequestEnd(): { readonly pullRequest?: PullRequestEnd } {
    const { pullRequest } = this;
    return pullRequest === null || pullRequest === 'opening' ? {} : { pullRequest };
  }

  private parent(): { readonly parent?: string } {
    const path = this.input.place?.path ?? '';
    return path.includes('.') ? { parent: path.slice(0, path.lastIndexOf('.')) } : {};
  }

  result(): TaskResult {
    const { attempts, spending, landing, lastFailure } = this.record;
    const state = this.shownState;
    return {
      taskId: this.taskId,
      state,
      branch: landing?.branch ?? null,
      landing,
      base: landing?.base ?? this.opened?.baseCommit ?? null,
      attempts,
      spending,
      failure: state === 'succeeded' ? null : lastFailure,
      diff: this.diff,
      ...(this.children.length === 0 ? {} : { children: this.children }),
      ...(this.summary === '' ? {} : { summary: this.summary }),
      ...this.worthLess(),
      ...this.pullRequestEnd(),
    };
  }

  private show(): void {
    setCurrentDetails(describeTask(this.status(), this.attempts, this.decided.at(-1) ?? null));
  }

  private attemptRecord(sequence: number, outcome: Outcome): AttemptRecord & { readonly kind: 'attempt' } {
    const { opened, calls, edited, made, merged, rebased, checked, landed, baseline, startedAt } = this.steps;
    const done = [opened, ...calls, baseline, made, merged, checked, landed].filter((step) => step !== undefined);
    const prefix = `a${this.attempt}.`;
    const spent = Object.entries(this.record.calls).filter(([name]) => name.startsWith(prefix));
    return {
      kind: 'attempt',
      sequence,
      attempt: this.attempt,
      startedAt: opened?.startedAt ?? startedAt,
      endedAt: Math.max(Date.now(), ...done.map(({ endedAt }) => endedAt)),
      workers: workersOf(done),
      provider: opened?.provider ?? '',
      model: calls.at(-1)?.model ?? opened?.model ?? '',
      promptVersion: opened?.promptVersion ?? '',
      spending: sumSpending(spent.map(([, spending]) => spending)),
      commitBefore: opened?.baseCommit ?? '',
      treeBefore: opened?.baseTree ?? '',
      treeAfter:
        rebased?.tree ?? (edited?.kind === 'edited' ? edited.tree : merged?.kind === 'merged' ? merged.tree : null),
      commitAfter: outcome.kind === 'succeeded' ? outcome.landing.commit : null,
      outcome,
      artifacts: artifactsOf(this.steps),
      sandbox: sandboxOf(this.steps),
      checks: checked?.kind === 'checked' ? checked.verdicts : [],
      ...foundOf(this.steps),
    };
  }
}

/** Hundreds of turns are too much to carry along. */
function withoutTurns(steps: Steps): Steps {
  const { spoken: _, ...kept } = steps;
  return kept;
}

/** What the gate and the guards have found beside the verdicts. */
function foundOf(steps: Steps): Pick<AttemptRecord, 'notes' | 'tests' | 'criteria'> {
  const { opened, edited, checked, judged } = steps;
  const tests = checked?.kind === 'checked' ? checked : null;
  const warnings = warningsOf(opened ?? null, sandboxOf(steps));
  const notes = [...warnings, ...(edited?.kind === 'edited' ? (edited.notes ?? []) : []), ...(tests?.notes ?? [])];
  const criteria = criteriaOf({ checked, judged });
  return {
    ...(notes.length === 0 ? {} : { notes }),
    ...(tests?.gated === undefined ? {} : { tests: tests.gated.counts }),
    ...(criteria === null ? {} : { criteria }),
  };
}

const sandboxOf = ({ checked, baseline }: Steps): string | null => checked?.sandbox ?? baseline?.sandbox ?? null;

/** What makes the work worth less than it looks. */
const warningsOf = (opened: Opened | null, sandbox: string | null): readonly string[] =>
  [...(opened?.warnings ?? []), ...(sandbox === 'plain' ? [NO_SANDBOX] : [])]
    .slice(0, WARNINGS_MAX)
    .map((warning) => warning.slice(0, WARNING_CHARACTERS_MAX));

const NO_SANDBOX = 'the commands ran without a sandbox: they could read and reach whatever the worker can';

/** A question that is looked at again, after a pause or another wait, has only the rest of its time. */
function withClock(before: TaskRecord, outcome: Outcome, talk: Talk): TaskRecord {
  const { askedMs: _, ...record } = before;
  const { question = null } = outcome.kind === 'blocked' ? outcome : {};
  const askedMs = question === null ? 0 : talk.openMs(question.id);
  return askedMs === 0 ? record : { ...record, askedMs };
}

/** Activities that decide and have not answered yet. */
export interface Asking {
  readonly kind: 'pending';
  readonly asked: readonly Pending[];
}

type Answer = ReturnType<typeof decideAs>;

/** Each once: the shadow may be asked as a part of the other. */
const pendingOf = (...answers: readonly (Answer | null)[]): readonly Pending[] => {
  const pending = answers.flatMap((answer) => (answer?.kind === 'pending' ? [answer] : []));
  return pending.filter(({ name }, index) => pending.findIndex((other) => other.name === name) === index);
};

const notesOf = (notes: readonly string[] = [], more: readonly string[]): Pick<DecisionRecord, 'notes'> =>
  notes.length + more.length === 0 ? {} : { notes: [...notes, ...more] };

const shadowOf = ({ decider, decision, notes }: Decided): NonNullable<DecisionRecord['shadow']> => ({
  decider,
  decision,
  ...(notes === undefined ? {} : { notes }),
});

/** Delays alone are no other mind: they may hold a part that is drawn. */
const differ = (a: Decision, b: Decision): boolean => a.kind !== b.kind || a.reason !== b.reason;

function wakesAt(decision: Decision): number | null {
  if ('delayMs' in decision) return Date.now() + decision.delayMs;
  return 'probeMs' in decision ? Date.now() + decision.probeMs : null;
}

const workersOf = (done: readonly Done[]): readonly string[] => [...new Set(done.map(({ by }) => by))];

function artifactsOf({
  opened,
  calls,
  candidates,
  edited,
  made,
  merged,
  proposed,
  checked,
  baseline,
  conversation,
  judged,
}: Steps): readonly ArtifactRef[] {
  const logs = checked?.kind === 'checked' ? checked.verdicts.map(({ log }) => log) : [];
  const setup = [baseline, checked].flatMap((step) => (step?.kind === 'setupFailed' ? [step.log] : []));
  return [
    ...(opened === undefined ? [] : [opened.prompt, opened.spec]),
    ...calls.map(({ answer }) => answer),
    ...(candidates ?? []).flatMap(({ edited: own }) => (own?.kind === 'edited' ? [own.diff] : [])),
    ...(conversation === undefined ? [] : [conversation.last]),
    ...(edited?.kind === 'edited' ? [edited.diff] : []),
    ...(edited?.kind === 'rejected' ? [edited.evidence] : []),
    ...(merged?.kind === 'merged' ? [merged.diff] : []),
    ...(merged?.kind === 'conflict' ? [merged.evidence] : []),
    ...(made?.log === undefined ? [] : [made.log]),
    ...(proposed === undefined ? [] : [proposed.plan]),
    ...logs,
    ...(checked?.kind === 'checked' && checked.results !== undefined ? [checked.results] : []),
    ...(judged === undefined ? [] : [judged.answer]),
    ...setup,
  ];
}
