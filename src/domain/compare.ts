/** A comparison of models: which questions are put to whom in which mode, what is expected, and what came of each. Pure. */
import type { AskMode, AskRules, ModelResult, ModeResult } from './ask-mode.js';
import type { Failure } from './failures.js';
import type { ArtifactRef } from './outcome.js';
import type { PromptMessage } from './prompt.js';
import { NOTHING_SPENT, type Spending } from './record.js';
import type { ModelChoice, TaskSpec } from './task.js';

/** What a good answer is. */
export type Expectation =
  | { readonly kind: 'regex'; readonly pattern: string; readonly flags: string }
  /** Blanks around it do not count. */
  | { readonly kind: 'literal'; readonly text: string }
  /** The same JSON, whatever the order of its fields. */
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'schema'; readonly schema: Readonly<Record<string, unknown>> };

export type CompareCase = TextCase | CodingCase;

/** A question in words, whose answer is looked at as a text. */
export interface TextCase {
  readonly name: string;
  /** With its variables filled in. */
  readonly messages: readonly PromptMessage[];
  /** Absent: any answer will do. */
  readonly expect?: Expectation;
}

/** A task that is answered with edits; the gate tells what they are worth, and nothing is pushed. */
export interface CodingCase {
  readonly name: string;
  readonly task: TaskSpec;
}

/** What must be reached, of each contestant; `agreement` of all together. */
export interface CompareThresholds {
  /** Share of the questions that were answered as expected, at least. */
  readonly success: number;
  /** Mean cost of a question, at most. */
  readonly costUsdMicros?: number;
  /** 95 of 100 questions take no longer. */
  readonly latencyMs?: number;
  /** Share of words that answers to the same question have in common, at least. */
  readonly determinism?: number;
  /** Share of pairs of models that say the same, at least. */
  readonly agreement?: number;
}

export interface CompareSpec {
  readonly cases: readonly CompareCase[];
  readonly models: readonly ModelChoice[];
  /** Each mode once. `single` puts a question to each model alone, the others to all models together. */
  readonly modes: readonly AskRules[];
  readonly repeats: number;
  /** Questions under way at once. */
  readonly concurrency: number;
  readonly limits: { readonly costUsdMicros?: number };
  readonly thresholds: CompareThresholds;
}

/** One question of the comparison. */
export interface Trial {
  /** From 0, in the order of asking. */
  readonly number: number;
  readonly caseIndex: number;
  readonly rules: AskRules;
  /** Places of the models that are asked. */
  readonly models: readonly number[];
  /** From 1. */
  readonly repeat: number;
}

/** Everybody has answered everything once before anything is asked again: what a limit cuts off is repeats. */
export function trialAt(spec: CompareSpec, number: number): Trial {
  const units = unitsOf(spec);
  const round = units.length * spec.cases.length;
  const inRound = number % round;
  const unit = units[inRound % units.length];
  if (unit === undefined) throw new RangeError(`there is no question ${number}`);
  return { number, ...unit, caseIndex: Math.floor(inRound / units.length), repeat: Math.floor(number / round) + 1 };
}

export const trialsOf = (spec: CompareSpec): number => unitsOf(spec).length * spec.cases.length * spec.repeats;

/** Calls that there may be, those of judges not counted. */
export const callsOf = (spec: CompareSpec): number =>
  unitsOf(spec).reduce((sum, { models }) => sum + models.length, 0) * spec.cases.length * spec.repeats;

const unitsOf = ({ modes, models }: CompareSpec): readonly Pick<Trial, 'rules' | 'models'>[] => {
  const all = models.map((_, index) => index);
  return modes.flatMap((rules) =>
    rules.mode === 'single' ? all.map((index) => ({ rules, models: [index] })) : [{ rules, models: all }],
  );
};

/** One call of a question, as it is kept. */
export interface TrialCall {
  /** In the ledger. */
  readonly name: string;
  readonly provider: string;
  readonly model: string | null;
  readonly status: ModelResult<unknown>['status'];
  /** Code and family of its failure; null if it has none. */
  readonly code: string | null;
  readonly family: string | null;
  readonly callId: string | null;
  readonly answer: ArtifactRef | null;
  /** Beginning of the answer, or why there is none. */
  readonly says: string;
  /** Equal for answers that say the same; null if there is none. */
  readonly key: string | null;
  readonly latencyMs: number;
  readonly spending: Spending | null;
}

/** What came of a question. */
export interface TrialRow {
  readonly number: number;
  readonly case: string;
  readonly mode: AskMode;
  /** `provider/model` of a model that was asked alone, else `all`. */
  readonly asked: string;
  readonly repeat: number;
  readonly calls: readonly TrialCall[];
  /** Place in `calls` of the answer that the mode has taken; null if there is none. */
  readonly winner: number | null;
  /** Why there is none. */
  readonly failure: { readonly code: string; readonly detail: string } | null;
  readonly latencyMs: number;
  /** Calls of a judge included. */
  readonly spending: Spending;
  /** What the gate said of the edits that the mode has taken, null if there are none; absent where no edits were asked for. */
  readonly gate?: TrialGate | null;
}

/** A change that an answer makes, as the checks found it. */
export interface TrialGate {
  readonly tree: string;
  /** Null if the gate is passed. */
  readonly refused: {
    readonly code: string;
    readonly detail: string;
    /** What the checks printed; null if nothing was kept of it. */
    readonly evidence: ArtifactRef | null;
  } | null;
}

/** The same, compared with what was expected. */
export interface JudgedRow extends TrialRow {
  readonly passed: boolean;
  /** Why not; null if it has passed. */
  readonly why: string | null;
}

/** What is kept together; each page names the one before, so that the last one leads to all. */
export interface TrialPage {
  readonly previous: ArtifactRef | null;
  readonly rows: readonly JudgedRow[];
}

/** What `rowOf` needs to know of a call's result. */
interface Answered {
  readonly callId: string;
  readonly answer: ArtifactRef;
  readonly verdict: { readonly kind: string };
  /** What the endpoint took; absent = the step's own time. */
  readonly latencyMs?: number;
}

/** What a call's edits make of the base. */
interface MadeEdits {
  readonly tree: string;
  readonly subject: string;
}

/** What is known of a coding task's answers beside the calls: their edits, by the places of the models, and the gate. */
interface CodingResult {
  readonly edits: ReadonlyMap<number, MadeEdits>;
  readonly gate: TrialGate | null;
}

/** @param name of the question; its calls are named after it */
export function rowOf<C extends Answered>(
  trial: Trial,
  { name, caseName }: { readonly name: string; readonly caseName: string },
  { mode, results, winner, failure, spending, elapsedMs }: ModeResult<C>,
  coding?: CodingResult,
): TrialRow {
  const [first] = results;
  return {
    ...headOf(trial, caseName, mode, first),
    calls: results.map((result) => callOf(name, result, coding?.edits.get(result.index))),
    winner: winner === null ? null : results.findIndex(({ index }) => index === winner.index),
    failure: failure === null ? null : shortFailure(failure.failure),
    // A model that was asked alone has its own time; what the workflow adds is not the model's.
    latencyMs: mode === 'single' && first !== undefined ? latencyOf(first) : elapsedMs,
    // Who was left behind may have been paid: then the sum is the least that it was.
    spending: { ...spending, unpriced: spending.unpriced || results.some(isLeftBehind) },
    ...(coding === undefined ? {} : { gate: coding.gate }),
  };
}

/** Of a case that cannot be worked on: nobody was asked. @param models all of them, by name */
export function unaskedRow(trial: Trial, caseName: string, models: readonly NamedModel[], failure: Failure): TrialRow {
  const [first] = trial.models.flatMap((index) => models[index] ?? []);
  return {
    ...headOf(trial, caseName, trial.rules.mode, first),
    calls: [],
    winner: null,
    failure: shortFailure(failure),
    latencyMs: 0,
    spending: NOTHING_SPENT,
    gate: null,
  };
}

const headOf = (
  { number, repeat }: Trial,
  caseName: string,
  mode: AskMode,
  first: NamedModel | undefined,
): Pick<TrialRow, 'number' | 'case' | 'mode' | 'asked' | 'repeat'> => ({
  number,
  case: caseName,
  mode,
  asked: mode === 'single' && first !== undefined ? nameOf(first) : 'all',
  repeat,
});

interface NamedModel {
  readonly provider: string;
  readonly model: string | null;
}

const shortFailure = ({ code, detail }: Failure): NonNullable<TrialRow['failure']> => ({
  code,
  detail: detail.slice(0, DETAIL_CHARACTERS_MAX),
});

const isLeftBehind = (result: ModelResult<unknown>): boolean =>
  result.status === 'cancelled' && result.spending === null;

const DETAIL_CHARACTERS_MAX = 300;

const nameOf = ({ provider, model }: NamedModel): string =>
  model === null || model === '' ? provider : `${provider}/${model}`;

function callOf<C extends Answered>(question: string, result: ModelResult<C>, made: MadeEdits | undefined): TrialCall {
  const { index, provider, model, status } = result;
  const call = 'call' in result ? result.call : null;
  // Edits say the same if they make the same of the base.
  const digest =
    made !== undefined ? { key: made.tree, text: made.subject } : call === null ? null : digestIn(call.verdict);
  const failed = status === 'failed' ? result.failure : null;
  return {
    name: `${question}.m${index + 1}`,
    provider,
    model,
    status,
    code: failed?.code ?? null,
    family: failed?.family ?? null,
    callId: call?.callId ?? null,
    answer: call?.answer ?? null,
    says: failed?.detail ?? digest?.text ?? ('why' in result ? result.why : ''),
    key: digest?.key ?? null,
    latencyMs: latencyOf(result),
    spending: 'spending' in result ? result.spending : null,
  };
}

function latencyOf<C extends Answered>(result: ModelResult<C>): number {
  if (result.status === 'skipped') return 0;
  return ('call' in result ? result.call?.latencyMs : undefined) ?? result.latencyMs;
}

/** Of a call that expects any text. */
function digestIn(verdict: { readonly kind: string }): { readonly key: string; readonly text: string } | null {
  if (verdict.kind !== 'text' || !('digest' in verdict)) return null;
  return verdict.digest as { readonly key: string; readonly text: string };
}
