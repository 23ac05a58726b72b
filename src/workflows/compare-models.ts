/**
 * Puts every case to every model in every mode, again and again, so many questions at a time. Each call is a step of its own
 * in the ledger of the comparison: a killed worker pays none twice, and neither does a comparison that is taken up again.
 */
import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  defineQuery,
  workflowInfo,
} from '@temporalio/workflow';
import type { Question } from '../activities/contract.js';
import { rowOf, trialAt, trialsOf, type CompareSpec, type Trial, type TrialRow } from '../domain/compare.js';
import { lineageOf } from '../domain/lineage.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { addSpending, NOTHING_SPENT } from '../domain/record.js';
import { usd } from '../domain/report.js';
import { textParts } from '../domain/text-parts.js';
import { askingOf } from './ask-models.js';
import { cancelSignal } from './definitions.js';
import type { CancelRequest } from './messages.js';
import {
  COMPARE_PROGRESS_QUERY,
  type CompareCarried,
  type CompareInput,
  type CompareProgress,
  type CompareResult,
  type CompareStop,
} from './compare-messages.js';
import { runMode } from './modes/run-mode.js';
import { keepTrials, storeQuestion } from './proxies.js';

const compareProgressQuery = defineQuery<CompareProgress>(COMPARE_PROGRESS_QUERY);

/** A call takes some ten events: hundreds of calls, replayed within a second. */
const EVENTS_MAX = 4_000;
/** What is lost to a reader while a comparison goes on is at most a page. */
const PAGE_ROWS = 10;

export async function compareModels(input: CompareInput): Promise<CompareResult> {
  const run = new Comparison(input);
  setHandler(compareProgressQuery, () => run.progress);
  // The reason comes first: the cancel that follows carries none.
  setHandler(cancelSignal, (request) => run.noteWish(request));
  try {
    await run.ask();
  } finally {
    // What was answered is kept whatever ends the comparison.
    await CancellationScope.nonCancellable(() => run.keepAll());
  }
  run.show();
  run.lookWhetherCancelled();
  if (run.goesOn) await continueAsNew<typeof compareModels>({ ...input, carried: run.carried });
  return { ...run.carried, stopped: run.stopped };
}

class Comparison {
  stopped: CompareStop | null = null;
  private readonly spec: CompareSpec;
  private readonly eventsMax: number;
  private readonly lineage = lineageOf(workflowInfo().workflowId);
  private readonly questions = new Map<number, Promise<Question>>();
  private readonly rows: TrialRow[] = [];
  private next: number;
  private isKeeping = false;
  private hasFailed = false;
  private cancelled: CompareStop = { kind: 'cancelled' };
  private account: CompareCarried;

  constructor({ spec, eventsMax = EVENTS_MAX, carried }: CompareInput) {
    this.spec = spec;
    this.eventsMax = eventsMax;
    this.account = carried ?? {
      questions: trialsOf(spec),
      done: 0,
      passed: 0,
      failed: 0,
      spending: NOTHING_SPENT,
      lastPage: null,
    };
    this.next = this.account.done;
  }

  noteWish({ requester, reason }: CancelRequest): void {
    this.cancelled = { kind: 'cancelled', by: requester, why: reason };
  }

  get progress(): CompareProgress {
    const { lastPage: _lastPage, ...progress } = this.account;
    return progress;
  }

  get carried(): CompareCarried {
    return this.account;
  }

  /** Until every question was asked, or no more may be. Whatever is under way comes to its end. */
  async ask(): Promise<void> {
    const lanes = Array.from({ length: this.spec.concurrency }, () => this.lane());
    const ends = await Promise.allSettled(lanes);
    const thrown = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    const fault = thrown.find((each) => !isCancellation(each));
    if (fault !== undefined) throw fault;
    if (thrown.length > 0 || CancellationScope.current().consideredCancelled) this.stopped = this.cancelled;
  }

  /** The wish may have come while the last rows were kept: the next run would not know of it. */
  lookWhetherCancelled(): void {
    if (this.goesOn && CancellationScope.current().consideredCancelled) this.stopped = this.cancelled;
  }

  /** In another run. */
  get goesOn(): boolean {
    return this.stopped === null && this.account.done < this.account.questions;
  }

  /** Rows that no page has yet. */
  async keepAll(): Promise<void> {
    while (this.rows.length > 0) await this.keep();
  }

  show(): void {
    const { questions, done, passed, failed, spending } = this.account;
    setCurrentDetails(`${done} of ${questions} questions: ${passed} as expected, ${failed} not; ${usd(spending)}.`);
  }

  private async lane(): Promise<void> {
    for (let number = this.take(); number !== null; number = this.take()) {
      try {
        await this.one(trialAt(this.spec, number));
        if (this.rows.length >= PAGE_ROWS && !this.isKeeping) await CancellationScope.nonCancellable(() => this.keep());
      } catch (thrown) {
        // The fault of one question that no model is to blame for is that of all.
        this.hasFailed = true;
        throw thrown;
      }
    }
  }

  /** The next question; null if none may be asked. */
  private take(): number | null {
    const { limits } = this.spec;
    const { questions, spending } = this.account;
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    if (this.hasFailed || this.stopped !== null || this.next >= questions) return null;
    if (continueAsNewSuggested || historyLength > this.eventsMax) return null;
    if (limits.costUsdMicros !== undefined && spending.costUsdMicros >= limits.costUsdMicros) {
      this.stopped = { kind: 'spent', costUsdMicros: spending.costUsdMicros, limit: limits.costUsdMicros };
      return null;
    }
    this.next += 1;
    return this.next - 1;
  }

  private async one(trial: Trial): Promise<void> {
    const { rules } = trial;
    const question = await this.question(trial.caseIndex);
    const name = `t${trial.number}`;
    const models = trial.models.map((index) => question.models[index] ?? NOBODY);
    const spec = { ...rules, models };
    const judge = question.models[this.spec.models.length + this.spec.modes.indexOf(rules)] ?? NOBODY;
    const result = await runMode(spec, askingOf(spec, this.lineage, question, judge, name));
    const caseName = this.spec.cases[trial.caseIndex]?.name ?? '';
    this.rows.push(rowOf(trial, { name, caseName }, result));
    const { done, spending } = this.account;
    this.account = { ...this.account, done: done + 1, spending: addSpending(spending, result.spending) };
  }

  /** Stored when the first question of the case is asked. */
  private question(caseIndex: number): Promise<Question> {
    const known = this.questions.get(caseIndex);
    if (known !== undefined) return known;
    const { cases, models, modes } = this.spec;
    const one = cases[caseIndex];
    const schema = one?.expect?.kind === 'schema' ? one.expect.schema : undefined;
    // A mode without a judge stands for itself with the first model, so that places are those of the modes.
    const judges = modes.map(({ judge }) => judge ?? models[0]);
    const asked = { prompt: one?.messages, schema, models: [...models, ...judges] };
    const stored = storeQuestion(...textParts(asked));
    this.questions.set(caseIndex, stored);
    return stored;
  }

  private async keep(): Promise<void> {
    this.isKeeping = true;
    try {
      const rows = this.rows.slice(0, PAGE_ROWS);
      const { page, passed, failed } = await keepTrials(...this.pageOf(rows));
      // Not before: what could not be kept is tried again at the end.
      this.rows.splice(0, rows.length);
      this.account = {
        ...this.account,
        lastPage: page satisfies ArtifactRef,
        passed: this.account.passed + passed,
        failed: this.account.failed + failed,
      };
    } finally {
      this.isKeeping = false;
    }
    this.show();
  }

  private pageOf(rows: readonly TrialRow[]) {
    const names = new Set(rows.map((row) => row.case));
    const expected = this.spec.cases.flatMap(({ name, expect }) =>
      names.has(name) && expect !== undefined ? [[name, expect]] : [],
    );
    return textParts({ lineage: this.lineage, previous: this.account.lastPage, rows, expected });
  }
}

const NOBODY = { provider: '', model: '' };
