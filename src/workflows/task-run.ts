/** The task as its workflow holds it: the record, the phase shown to people, the steps of the attempt done so far. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { Called, Checked, Done, Edited, Landed, Opened, RecordInput } from '../activities/contract.js';
import type { Decision } from '../domain/decision.js';
import type { ArtifactRef, Outcome } from '../domain/outcome.js';
import {
  beginRecord,
  recordCall,
  recordDecision,
  recordOutcome,
  recordProgress,
  sumSpending,
  totalTokens,
} from '../domain/record.js';
import type { AttemptRecord, DecisionRecord, Spending, TaskRecord } from '../domain/record.js';
import { failure } from '../domain/failures.js';
import { describeTask } from '../domain/report.js';
import { DECIDER } from '../domain/decide.js';
import { textParts } from '../domain/text-parts.js';
import { claimedLimits, titleOf, type TaskState, type TerminalState } from '../domain/task.js';
import {
  SEARCH_ATTRIBUTES,
  type CancelRequest,
  type Phase,
  type TaskInput,
  type TaskResult,
  type TaskStatus,
} from './messages.js';
import { record as writeRecords } from './proxies.js';

/** What the current attempt has got by now: a step that is asked for again after an outage is not done again. */
interface Steps {
  readonly startedAt: number;
  opened?: Opened;
  baseline?: Checked;
  calls: Called[];
  edited?: Edited;
  checked?: Checked;
  landed?: Landed;
  landingSeconds?: number;
}

const TERMINAL: ReadonlySet<TaskState> = new Set<TerminalState>([
  'succeeded',
  'dead',
  'decomposed',
  'cancelled',
  'stuck',
]);

/** Decisions kept for the query; the store has all of them. */
const DECISIONS_KEPT = 20;

export class TaskRun {
  readonly taskId = workflowInfo().workflowId;
  record: TaskRecord;
  steps: Steps;
  cancel: CancelRequest | null = null;
  private phase = 'starting';
  private wakesAt: number | null = null;
  private readonly attempts: AttemptRecord[] = [];
  private readonly decided: DecisionRecord[] = [];
  private unwritten: { sequence: number; record: unknown }[] = [];
  private last: { failure: NonNullable<TaskRecord['lastFailure']>; evidence: ArtifactRef | null } | null = null;
  private opened: Opened | null = null;
  private diff: ArtifactRef | null = null;

  constructor(readonly input: TaskInput) {
    // Replaced by the validated limits as soon as the workspace is open.
    this.record = beginRecord(claimedLimits(input.spec), [], Date.now());
    this.steps = { startedAt: Date.now(), calls: [] };
  }

  get attempt(): number {
    return this.record.attempts + 1;
  }

  get lastFailed(): {
    readonly failure: NonNullable<TaskRecord['lastFailure']>;
    readonly evidence: ArtifactRef | null;
  } | null {
    return this.last;
  }

  /** Shows what is being done; an upsert costs an event, so it goes out with the command that follows. */
  enter(phase: Phase, words: string): void {
    this.phase = words;
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.phase, value: phase }]);
    this.show();
  }

  bookOpened(opened: Opened): Opened {
    this.steps.opened = opened;
    this.opened = opened;
    this.record = {
      ...recordProgress(this.record, Date.now()),
      limits: opened.limits,
      models: opened.models,
      state: 'running',
    };
    return opened;
  }

  /** A step that is done ends the outage before it. */
  bookStep(done: Partial<Pick<Steps, 'baseline' | 'edited' | 'checked' | 'landed'>>): void {
    Object.assign(this.steps, done);
    this.record = recordProgress(this.record, Date.now());
  }

  bookCall(name: string, spent: Spending): void {
    this.record = recordCall(this.record, name, spent);
  }

  /** Books the attempt's end and keeps its record for the next write. */
  bookOutcome(outcome: Outcome): void {
    const { sequence } = this.record;
    const attemptRecord = this.attemptRecord(sequence, outcome);
    this.unwritten.push({ sequence, record: attemptRecord });
    if (outcome.kind !== 'blocked') this.attempts.push(attemptRecord);
    this.record = recordOutcome(this.record, outcome, Date.now());
    if (outcome.kind === 'failed') this.last = { failure: outcome.failure, evidence: outcome.evidence ?? null };
    if (this.steps.edited?.kind === 'edited') this.diff = this.steps.edited.diff;
    if (outcome.kind !== 'blocked') this.steps = { startedAt: Date.now(), calls: [] };
  }

  bookDecision(outcome: Outcome, decision: Decision): void {
    const { sequence } = this.record;
    const decided: DecisionRecord = {
      sequence,
      attempt: this.record.attempts,
      decidedAt: Date.now(),
      decider: DECIDER,
      decision,
      outcome,
    };
    this.decided.push(decided);
    if (this.decided.length > DECISIONS_KEPT) this.decided.shift();
    this.unwritten.push({ sequence, record: { kind: 'decision', ...decided } });
    this.record = recordDecision(this.record, decision);
    this.phase = decision.reason;
    this.wakesAt =
      'delayMs' in decision
        ? Date.now() + decision.delayMs
        : 'probeMs' in decision
          ? Date.now() + decision.probeMs
          : null;
    this.show();
  }

  bookCancel(request: CancelRequest): void {
    const { sequence } = this.record;
    this.unwritten.push({ sequence, record: { kind: 'cancelled', sequence, at: Date.now(), ...request } });
    this.record = {
      ...this.record,
      state: 'cancelled',
      sequence: sequence + 1,
      lastFailure: failure('cancelled', `${request.requester}: ${request.reason}`),
    };
    this.phase = 'cancelled';
    this.show();
  }

  /** Writes what has been booked since the last time; a record is named by its sequence number, so twice is once. */
  async writeRecords(): Promise<void> {
    const entries = this.unwritten;
    this.unwritten = [];
    const account: RecordInput = { taskId: this.taskId, status: this.status(), result: this.result(), entries };
    await writeRecords(...textParts(account));
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

  get decisions(): readonly DecisionRecord[] {
    return this.decided;
  }

  status(): TaskStatus {
    const { state, attempts, limits, waitingOn, spending, lastFailure } = this.record;
    return {
      taskId: this.taskId,
      // Before it is validated it may be anything.
      title: this.opened?.title ?? titleOf(this.input.spec),
      state,
      phase: this.phase,
      attempt: TERMINAL.has(state) ? attempts : Math.min(attempts + 1, limits.attempts),
      attemptsMax: limits.attempts,
      waitingOn,
      spending,
      branch: this.opened?.branch ?? null,
      failure: lastFailure,
      wakesAt: this.wakesAt,
    };
  }

  result(): TaskResult {
    const { state, attempts, spending, landing, lastFailure } = this.record;
    return {
      taskId: this.taskId,
      state,
      branch: this.opened?.branch ?? null,
      landing,
      base: landing?.base ?? this.opened?.baseCommit ?? null,
      attempts,
      spending,
      failure: state === 'succeeded' ? null : lastFailure,
      diff: this.diff,
    };
  }

  private show(): void {
    setCurrentDetails(describeTask(this.status(), this.attempts, this.decided.at(-1) ?? null));
  }

  private attemptRecord(sequence: number, outcome: Outcome): AttemptRecord & { readonly kind: 'attempt' } {
    const { opened, calls, edited, checked, landed, baseline, startedAt } = this.steps;
    const done = [opened, ...calls, baseline, checked, landed].filter((step) => step !== undefined);
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
      treeAfter: edited?.kind === 'edited' ? edited.tree : null,
      commitAfter: outcome.kind === 'succeeded' ? outcome.landing.commit : null,
      outcome,
      artifacts: artifactsOf(this.steps),
      sandbox: checked?.sandbox ?? baseline?.sandbox ?? null,
      checks: checked?.kind === 'checked' ? checked.verdicts : [],
    };
  }
}

const workersOf = (done: readonly Done[]): readonly string[] => [...new Set(done.map(({ by }) => by))];

function artifactsOf({ opened, calls, edited, checked, baseline }: Steps): readonly ArtifactRef[] {
  const logs = checked?.kind === 'checked' ? checked.verdicts.map(({ log }) => log) : [];
  const setup = [baseline, checked].flatMap((step) => (step?.kind === 'setupFailed' ? [step.log] : []));
  return [
    ...(opened === undefined ? [] : [opened.prompt]),
    ...calls.map(({ answer }) => answer),
    ...(edited?.kind === 'edited' ? [edited.diff] : []),
    ...(edited?.kind === 'rejected' ? [edited.evidence] : []),
    ...logs,
    ...setup,
  ];
}
