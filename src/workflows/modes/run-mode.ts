/**
 * Asks several models in the way that was chosen. Every call is an activity of its own; what has been answered is kept
 * whatever becomes of the others, and nobody waits for who is not needed any more.
 */
import { CancellationScope, CancelledFailure, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { Called } from '../../activities/contract.js';
import {
  aggregate,
  ASK_CONCURRENCY,
  familiar,
  spentOn,
  type AskSpec,
  type ModelResult,
  type ModeResult,
  type OkResult,
} from '../../domain/ask-mode.js';
import {
  isSettled,
  vote,
  VOTE_DEFAULTS,
  type Candidate,
  type JudgeWord,
  type VoteRules,
} from '../../domain/consensus.js';
import { failure, type Failure } from '../../domain/failures.js';
import type { ArtifactRef } from '../../domain/outcome.js';
import { sumSpending, totalTokens, type Spending } from '../../domain/record.js';
import type { ModelChoice } from '../../domain/task.js';
import { outcomeOfFault, pauseIn, spendingOfFault } from '../faults.js';

/** What an answer is worth. */
export type Looked =
  | {
      readonly kind: 'good';
      /** Equal for answers that say the same. */
      readonly key: string;
      /** For people and for the judge, at most 200 characters. */
      readonly text: string;
      /** What a judge is shown of it; the answer itself if absent. */
      readonly content?: ArtifactRef;
      readonly score?: number;
      /** The call that the score has cost. */
      readonly scoredBy?: Called;
      /** What a score has cost that was asked for in vain. */
      readonly lost?: Spending;
      /** Why it does not have the form asked for: in a consensus it abstains, elsewhere it is no good answer. */
      readonly faults?: readonly string[];
    }
  | { readonly kind: 'bad'; readonly failure: Failure };

/** What a judge has said, and the call that it took; null if it could not be made. */
export interface Judged {
  readonly word: JudgeWord;
  readonly call: Called | null;
  /** What was spent on a call that has failed. */
  readonly lost?: Spending;
}

/** An answer as a judge gets it. */
export interface Judgeable {
  readonly index: number;
  readonly content: ArtifactRef;
}

/** What a mode is done with. */
export interface Asking {
  /** Asks one model; a fault of the activity is that model's failure. */
  call(choice: ModelChoice, index: number): Promise<Called>;
  /**
   * Looks at an answer. Absent: what the call's own verdict says of it, and equal answers are equal texts.
   * @param mayScore to be asked before each call that gives it a score: such a call counts as any other
   */
  readonly look?: (call: Called, index: number, mayScore: () => boolean) => Promise<Looked>;
  /** Chooses among answers that the votes do not part, given by their places. Absent: nobody does. */
  readonly judge?: (among: readonly Judgeable[]) => Promise<Judged>;
  /** Before each call. Null if it may be made. Absent: it always may. */
  readonly mayCall?: () => Promise<Failure | null>;
}

export async function runMode(spec: AskSpec, asking: Asking): Promise<ModeResult<Called>> {
  const startedAt = Date.now();
  const heard = await hear(spec, asking);
  const done = { mode: spec.mode, results: heard.results, stopped: heard.stopped };
  const good = heard.results.filter((result) => result.status === 'ok');
  const chosen = spec.mode === 'consensus' ? await choose(spec, asking, heard, good) : byOrder(spec, good);
  const judging = [...heard.scoring, ...chosen.judging];
  const lost = [...heard.lost, ...chosen.lost];
  const own = chosen.why === null ? null : failure('noConsensus', chosen.why);
  return {
    ...done,
    winner: chosen.winner,
    vote: chosen.vote,
    failure: chosen.winner === null ? aggregate(heard.results, good.length === 0 ? null : own) : null,
    judging,
    ...(lost.length === 0 ? {} : { lostUsdMicros: sumSpending(lost).costUsdMicros }),
    spending: sumSpending([spentOn(heard.results), ...judging.map(({ spending }) => spending), ...lost]),
    elapsedMs: Date.now() - startedAt,
  };
}

type Results = readonly ModelResult<Called>[];

interface Heard {
  readonly results: Results;
  readonly candidates: readonly Candidate[];
  readonly contents: readonly Judgeable[];
  /** Calls that gave answers their scores. */
  readonly scoring: readonly Called[];
  /** What was spent on scores that nobody has given. */
  readonly lost: readonly Spending[];
  /** Why not every model was heard. */
  readonly stopped: string | null;
  /** Whether a judge may still be paid. */
  mayGoOn(): boolean;
}

/** The answers as far as the mode needs them. */
async function hear(spec: AskSpec, asking: Asking): Promise<Heard> {
  const round = new Round(spec, asking);
  const watch = new CancellationScope();
  const { elapsedMs } = spec.stop ?? {};
  if (elapsedMs !== undefined)
    void watch
      .run(() => sleep(elapsedMs, { summary: `time limit of asking: ${elapsedMs} ms` }))
      .then(
        () => round.end(`the time of ${elapsedMs} ms is up`, 'exhausted'),
        () => undefined, // everybody has answered first
      );
  try {
    await round.run();
  } finally {
    watch.cancel();
  }
  return round.heard();
}

/** One model and how far its call has come. */
interface Slot {
  readonly choice: ModelChoice;
  startedAt: number | null;
  call: Called | null;
  candidate: Candidate | null;
  looked: Looked | null;
  result: ModelResult<Called> | null;
}

const CANCELLED = 'The asking was cancelled.';
/** Without it, only calls of the models count. */
const JUDGES_COUNT_PATCH = 'judges-count';

/** One asking of all models: who is under way, who has answered, and whether that is enough. */
class Round {
  private readonly slots: readonly Slot[];
  private readonly scope = new CancellationScope();
  private next = 0;
  /** Calls for scores that have begun. */
  private scorings = 0;
  private stopped: string | null = null;
  /** A limit has ended it, not an answer. */
  private isExhausted = false;
  private isOver = false;
  private tellOver: () => void = () => undefined;

  constructor(
    private readonly spec: AskSpec,
    private readonly asking: Asking,
  ) {
    const asked = spec.mode === 'single' ? spec.models.slice(0, 1) : spec.models;
    this.slots = asked.map((choice) => ({
      choice,
      startedAt: null,
      call: null,
      candidate: null,
      looked: null,
      result: null,
    }));
  }

  /** Until all are heard, or enough of them. */
  async run(): Promise<void> {
    const over = new Promise<void>((tell) => (this.tellOver = tell));
    const lanes = Array.from({ length: concurrencyOf(this.spec) }, () => this.scope.run(() => this.lane()));
    await Promise.race([Promise.all(lanes), over]);
  }

  end(why: string, how: 'enough' | 'exhausted'): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopped ??= why;
    this.isExhausted ||= how === 'exhausted';
    this.scope.cancel();
    this.tellOver();
  }

  heard(): Heard {
    const candidates = this.slots.flatMap(({ candidate, result }) =>
      candidate === null || result?.status !== 'ok' ? [] : [candidate],
    );
    const good = this.slots.map(({ looked }) => (looked?.kind === 'good' ? looked : null));
    const isWhole = this.slots.every(({ result }) => result !== null);
    return {
      results: this.slots.map((slot, index) => slot.result ?? this.leftBehind(slot, index)),
      candidates,
      contents: this.slots.flatMap(({ call }, index) =>
        call === null ? [] : [{ index, content: good[index]?.content ?? call.answer }],
      ),
      scoring: good.flatMap((looked) => looked?.scoredBy ?? []),
      lost: good.flatMap((looked) => looked?.lost ?? []),
      stopped: isWhole ? null : this.stopped,
      mayGoOn: () => this.mayPay(),
    };
  }

  private async lane(): Promise<void> {
    for (;;) {
      const index = this.next;
      const slot = this.slots[index];
      if (slot === undefined || this.stopped !== null || !this.mayBegin()) return;
      this.next += 1;
      await this.one(slot, index);
    }
  }

  /** No new call beyond the limits; what is under way goes on. */
  private mayBegin(): boolean {
    const beyond = this.beyond();
    return beyond === null || !(this.isBeyondAlone() || patched(JUDGES_COUNT_PATCH)) || this.noMore(beyond);
  }

  /** The same for a judge. */
  private mayPay(): boolean {
    if (this.isExhausted || this.next >= (this.spec.maxCalls ?? Infinity)) return false;
    return this.beyond() === null || !patched(JUDGES_COUNT_PATCH);
  }

  private readonly mayScore = (): boolean => {
    const isSpent = this.isExhausted || this.beyond() !== null;
    if (isSpent && patched(JUDGES_COUNT_PATCH)) return false;
    this.scorings += 1;
    return true;
  };

  /** Which limit is reached by all calls, scores among them; null if none is. */
  private beyond(): string | null {
    const { maxCalls = Infinity, stop = {} } = this.spec;
    const { costUsdMicros = Infinity } = stop;
    if (this.next + this.scorings >= maxCalls) return `at most ${maxCalls} calls`;
    const spent = this.slots.reduce((sum, slot) => sum + spentIn(slot), 0);
    return spent < costUsdMicros ? null : `${spent} micro-dollars are spent, at most ${costUsdMicros}`;
  }

  /** By the calls of the models alone. */
  private isBeyondAlone(): boolean {
    const { maxCalls = Infinity, stop = {} } = this.spec;
    return this.next >= maxCalls || spentOn(this.results()).costUsdMicros >= (stop.costUsdMicros ?? Infinity);
  }

  private noMore(why: string): false {
    this.stopped ??= why;
    this.isExhausted = true;
    return false;
  }

  private async one(slot: Slot, index: number): Promise<void> {
    const { asking } = this;
    try {
      const refused = asking.mayCall === undefined ? null : await asking.mayCall();
      if (refused !== null) {
        slot.result = { ...ofModel(slot, index), status: 'failed', ...nothingOf(refused) };
        this.noMore(refused.code);
        return;
      }
      slot.startedAt = Date.now();
      slot.call = await asking.call(slot.choice, index);
      const looked = await (asking.look ?? lookAtVerdict)(slot.call, index, this.mayScore);
      slot.looked = looked;
      slot.result = this.resultOf(slot, index, slot.call, looked);
    } catch (thrown) {
      // Left behind: what becomes of it is nobody's business any more.
      if (this.isOver) return;
      // A step that was cancelled may tell of it in its own words.
      if (this.scope.consideredCancelled) throw isCancellation(thrown) ? thrown : new CancelledFailure(CANCELLED);
      slot.result = failedOf(slot, index, thrown);
    }
    // Whoever is too late is not counted any more.
    if (!this.isOver) this.lookWhetherEnough(slot.result);
  }

  private resultOf(slot: Slot, index: number, call: Called, looked: Looked): ModelResult<Called> {
    const of = { ...ofModel(slot, index), call, latencyMs: latencyOf(call), spending: call.spending };
    if (looked.kind === 'bad') return { ...of, status: 'failed', failure: familiar(looked.failure) };
    const { faults = [] } = looked;
    if (faults.length > 0 && this.spec.mode !== 'consensus')
      return { ...of, status: 'failed', failure: familiar(failure('malformedAnswer', faults.join('; '))) };
    slot.candidate = candidateOf(of, looked);
    return { ...of, status: 'ok' };
  }

  private lookWhetherEnough(result: ModelResult<Called>): void {
    const { mode, failFast, passUnusable } = this.spec;
    const name = nameOf(result);
    if (result.status === 'ok' && (mode === 'fallback' || mode === 'any')) this.end(`${name} has answered`, 'enough');
    if (result.status === 'failed' && mode === 'all' && failFast === true) this.end(`${name} has failed`, 'enough');
    // What came back is an answer, though not a usable one: somebody may mend it.
    if (result.status === 'failed' && mode === 'fallback' && result.call !== null && passUnusable !== true)
      this.end(`the answer of ${name} cannot be used`, 'enough');
    if (mode === 'consensus' && this.isSettled()) this.end('the vote is decided', 'enough');
  }

  private isSettled(): boolean {
    const open = this.slots.filter(({ result }) => result === null);
    if (open.length === 0) return false;
    const pending = open.map(({ choice: { provider, model = '' } }) => ({ provider, model }));
    const { candidates } = this.heard();
    return isSettled(candidates, pending, votingOf(this.spec, false, candidates));
  }

  private results(): Results {
    return this.slots.flatMap(({ result }) => result ?? []);
  }

  private leftBehind(slot: Slot, index: number): ModelResult<Called> {
    const of = ofModel(slot, index);
    const why = this.stopped ?? 'not needed';
    if (slot.startedAt === null) return { ...of, status: 'skipped', why };
    const spending = slot.call?.spending ?? null;
    return { ...of, status: 'cancelled', why, latencyMs: Date.now() - slot.startedAt, spending };
  }
}

interface Chosen {
  readonly winner: OkResult<Called> | null;
  readonly vote: ModeResult<Called>['vote'];
  readonly judging: readonly Called[];
  readonly lost: readonly Spending[];
  /** Why there is no winner although there are answers. */
  readonly why: string | null;
}

function byOrder({ mode, minSuccess = 1 }: AskSpec, good: readonly OkResult<Called>[]): Chosen {
  const [first] = good;
  if (first !== undefined && (mode !== 'all' || good.length >= minSuccess))
    return { winner: first, vote: null, judging: [], lost: [], why: null };
  const why = `${good.length} answers, at least ${minSuccess} are needed`;
  return { winner: null, vote: null, judging: [], lost: [], why };
}

/** The vote, and the judge where it takes one. */
async function choose(
  spec: AskSpec,
  asking: Asking,
  { candidates, contents, mayGoOn }: Heard,
  good: readonly OkResult<Called>[],
): Promise<Chosen> {
  const { judge } = asking;
  const rules = votingOf(spec, judge !== undefined && mayGoOn(), candidates);
  const first = vote(candidates, rules);
  const { word, call, ...asked } =
    first.kind === 'needsJudge' && judge !== undefined
      ? await judge(contents.filter(({ index }) => first.among.includes(index)))
      : { word: undefined, call: null, lost: undefined };
  const voted = word === undefined ? first : vote(candidates, rules, word);
  const paid = { judging: call === null ? [] : [call], lost: asked.lost === undefined ? [] : [asked.lost] };
  if (voted.kind !== 'decided') return { winner: null, vote: voted, ...paid, why: voted.reason };
  const winner = good.find(({ index }) => index === voted.winner) ?? null;
  return { winner, vote: voted, ...paid, why: null };
}

const votingOf = ({ vote: rules = {} }: AskSpec, hasJudge: boolean, candidates: readonly Candidate[]): VoteRules => ({
  ...VOTE_DEFAULTS,
  ...rules,
  hasJudge,
  unknownIsDear:
    rules.maxCostUsdMicros !== undefined &&
    candidates.some(({ unpriced }) => unpriced) &&
    patched(UNKNOWN_IS_DEAR_PATCH),
});

/** Without it, an answer whose cost is not known counts as one that cost nothing. */
const UNKNOWN_IS_DEAR_PATCH = 'unknown-cost-abstains';

const concurrencyOf = ({ mode, models, concurrency = ASK_CONCURRENCY }: AskSpec): number =>
  mode === 'single' || mode === 'fallback' ? 1 : Math.max(1, Math.min(concurrency, models.length));

const ofModel = ({ choice, call }: Slot, index: number) => ({
  index,
  provider: choice.provider,
  model: choice.model ?? call?.model ?? null,
});

const nameOf = ({ provider, model }: ModelResult<Called>): string =>
  model === null ? provider : `${provider}/${model}`;

const latencyOf = ({ startedAt, endedAt }: Called): number => Math.max(0, endedAt - startedAt);

/** What is known of it: the answer's price before it was looked at, and that of its score. */
function spentIn({ call, looked, result }: Slot): number {
  const own = result === null ? (call?.spending.costUsdMicros ?? 0) : spentOn([result]).costUsdMicros;
  const { scoredBy, lost } = looked?.kind === 'good' ? looked : {};
  return own + (scoredBy?.spending.costUsdMicros ?? 0) + (lost?.costUsdMicros ?? 0);
}

const nothingOf = (refused: Failure) => ({ failure: familiar(refused), call: null, latencyMs: 0, spending: null });

/** A fault of ours must stay visible as such. */
function failedOf(slot: Slot, index: number, thrown: unknown): ModelResult<Called> {
  const outcome = outcomeOfFault(thrown);
  if (isCancellation(thrown) || outcome === null || !('failure' in outcome)) throw thrown;
  const { call, startedAt } = slot;
  const spending = call?.spending ?? spendingOfFault(thrown)?.spending ?? null;
  const latencyMs = Date.now() - (startedAt ?? Date.now());
  const failed = { ...familiar(outcome.failure), ...pauseIn(thrown) };
  return { ...ofModel(slot, index), status: 'failed', failure: failed, call, latencyMs, spending };
}

const candidateOf = (
  { index, provider, model, latencyMs, spending }: Omit<OkResult<Called>, 'status'>,
  { key, text, score, faults }: Extract<Looked, { kind: 'good' }>,
): Candidate => ({
  index,
  provider,
  model: model ?? '',
  key,
  text,
  latencyMs,
  costUsdMicros: spending.costUsdMicros,
  unpriced: spending.unpriced,
  tokens: totalTokens(spending),
  ...(score === undefined ? {} : { score }),
  ...(faults === undefined ? {} : { faults }),
});

/** What the call's own verdict says of the answer. */
export async function lookAtVerdict({ verdict, answer }: Called): Promise<Looked> {
  switch (verdict.kind) {
    case 'malformed':
      return { kind: 'bad', failure: failure('malformedAnswer', verdict.complaint) };
    case 'unusable':
      return { kind: 'bad', failure: failure(verdict.code, verdict.detail) };
    case 'question':
      return { kind: 'bad', failure: failure('needsPerson', verdict.text) };
    default:
      return { kind: 'good', key: answer.sha256, text: '' };
  }
}
