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
import type { Called, Edited, NamedModel, Question } from '../activities/contract.js';
import {
  rowOf,
  trialAt,
  trialsOf,
  unaskedRow,
  type CodingCase,
  type CompareSpec,
  type Trial,
  type TrialRow,
} from '../domain/compare.js';
import { lineageOf } from '../domain/lineage.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { addSpending, NOTHING_SPENT, type Spending } from '../domain/record.js';
import { usd } from '../domain/report.js';
import type { ModelChoice } from '../domain/task.js';
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
import { GatedCase } from './gated-case.js';
import { lookAtEditsOf } from './modes/ask-turn.js';
import { runMode } from './modes/run-mode.js';
import { keepTrials, nameModels, storeQuestion } from './proxies.js';

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
    await CancellationScope.nonCancellable(() => run.finish());
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
  private readonly bases: NonNullable<CompareInput['bases']>;
  private readonly questions = new Map<number, Promise<Question>>();
  private readonly gatedCases = new Map<number, GatedCase>();
  private names: Promise<readonly NamedModel[]> | null = null;
  private readonly rows: TrialRow[] = [];
  private next: number;
  private isKeeping = false;
  private hasFailed = false;
  private cancelled: CompareStop = { kind: 'cancelled' };
  private account: CompareCarried;

  constructor({ spec, eventsMax = EVENTS_MAX, bases = {}, carried }: CompareInput) {
    this.spec = spec;
    this.bases = bases;
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
    const { lastPage: _lastPage, opened: _opened, ...progress } = this.account;
    return progress;
  }

  get carried(): CompareCarried {
    const opened = [...this.gatedCases].flatMap(([index, one]) => (one.opened === null ? [] : [[index, one.opened]]));
    if (opened.length === 0) return this.account;
    return { ...this.account, opened: { ...this.account.opened, ...Object.fromEntries(opened) } };
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

  /** Rows that no page has yet, and what lies about on the host. */
  async finish(): Promise<void> {
    try {
      while (this.rows.length > 0) await this.keep();
    } finally {
      // What cannot be removed now the janitor removes; the answers stand.
      await Promise.allSettled([...this.gatedCases.values()].map((one) => one.close()));
    }
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
    const given = this.spec.cases[trial.caseIndex];
    if (given !== undefined && 'task' in given) {
      await this.coding(trial, given);
      return;
    }
    const question = await this.question(trial.caseIndex);
    const name = `t${trial.number}`;
    const { spec, judge } = this.asked(trial, question.models);
    const result = await runMode(spec, askingOf(spec, this.lineage, question, judge, name));
    this.book(rowOf(trial, { name, caseName: given?.name ?? '' }, result), result.spending);
  }

  /** The edits that the mode takes are put on the base and checked there; a change that was checked before is not again. */
  private async coding(trial: Trial, given: CodingCase): Promise<void> {
    const { lineage } = this;
    const models = await this.named();
    const gated = this.gatedCase(trial.caseIndex, given, models[0] ?? NOBODY);
    const ready = await gated.prepared();
    if (ready.kind === 'failed') {
      this.book(unaskedRow(trial, given.name, models, ready.failure), NOTHING_SPENT);
      return;
    }
    const name = `t${trial.number}`;
    const edits = new Map<number, Extract<Edited, { kind: 'edited' }>>();
    const look = (call: Called, index: number) =>
      lookAtEditsOf({ lineage, what: name }, ready.opened, call, (edited) => {
        if (edited.kind === 'edited') edits.set(index, edited);
      });
    const { spec, judge } = this.asked(trial, models);
    const question: Question = { prompt: ready.opened.prompt, schema: null, models };
    const result = await runMode(spec, askingOf(spec, lineage, question, judge, name, look));
    const made = result.winner === null ? undefined : edits.get(result.winner.index);
    const gate = made === undefined ? null : await gated.gate(ready, made.tree, name);
    this.book(rowOf(trial, { name, caseName: given.name }, result, { edits, gate }), result.spending);
  }

  /** How and whom, by name. @param named all models, behind them the judges of the modes */
  private asked({ rules, models: places }: Trial, named: readonly NamedModel[]) {
    const models = places.map((index) => named[index] ?? NOBODY);
    const judge = named[this.spec.models.length + this.spec.modes.indexOf(rules)] ?? NOBODY;
    return { spec: { ...rules, models }, judge };
  }

  private book(row: TrialRow, spent: Spending): void {
    this.rows.push(row);
    const { done, spending } = this.account;
    this.account = { ...this.account, done: done + 1, spending: addSpending(spending, spent) };
  }

  private gatedCase(index: number, given: CodingCase, model: NamedModel): GatedCase {
    const known = this.gatedCases.get(index);
    if (known !== undefined) return known;
    const { workflowId } = workflowInfo();
    const [baseCommit, opened] = [this.bases[index], this.account.opened?.[index]];
    const gated = new GatedCase(given, {
      workflowId,
      lineage: this.lineage,
      index,
      model,
      ...(baseCommit === undefined ? {} : { baseCommit }),
      ...(opened === undefined ? {} : { opened }),
    });
    this.gatedCases.set(index, gated);
    return gated;
  }

  /** Settled when the first coding task is come to. */
  private named(): Promise<readonly NamedModel[]> {
    this.names ??= nameModels(this.everybody());
    return this.names;
  }

  /** A mode without a judge stands for itself with the first model, so that places are those of the modes. */
  private everybody(): readonly ModelChoice[] {
    const { models, modes } = this.spec;
    return [...models, ...modes.flatMap(({ judge }) => judge ?? models[0] ?? [])];
  }

  /** Stored when the first question of the case is asked. */
  private question(caseIndex: number): Promise<Question> {
    const known = this.questions.get(caseIndex);
    if (known !== undefined) return known;
    const one = this.spec.cases[caseIndex];
    const { messages, expect } = one !== undefined && 'messages' in one ? one : {};
    const schema = expect?.kind === 'schema' ? expect.schema : undefined;
    const asked = { prompt: messages, schema, models: this.everybody() };
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
    const expected = this.spec.cases.flatMap((one) =>
      names.has(one.name) && 'expect' in one && one.expect !== undefined ? [[one.name, one.expect]] : [],
    );
    return textParts({ lineage: this.lineage, previous: this.account.lastPage, rows, expected });
  }
}

const NOBODY = { provider: '', model: '' };
