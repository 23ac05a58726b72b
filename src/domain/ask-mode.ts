/** Ways of asking models: one, one after the other, several at once, or several that vote; and what came of it. */
import type { Vote, VoteRules } from './consensus.js';
import { catalogueEntry, failure, type Failure, type FailureCode, type FailureFamily, type Heals } from './failures.js';
import { sumSpending, type Spending } from './record.js';
import type { ModelChoice } from './task.js';

/**
 * `single`: the first model. `fallback`: one after the other until one answers. `any`: several at once, the first good answer
 * is taken. `all`: every answer is kept, the first in the order of the models is taken. `consensus`: every answer is a vote.
 */
export const ASK_MODES = ['single', 'fallback', 'any', 'all', 'consensus'] as const;
export type AskMode = (typeof ASK_MODES)[number];

/** Models asked at once: more of them at one endpoint only wait for each other. */
export const ASK_CONCURRENCY = 4;

/** How models are asked, without saying which. */
export interface AskRules {
  readonly mode: AskMode;
  /** Calls under way at once; ASK_CONCURRENCY if absent. */
  readonly concurrency?: number;
  /** Calls in all, a judge's included; models beyond it are not asked. */
  readonly maxCalls?: number;
  readonly stop?: StopRules;
  /** Of `all`: answers there must be; 1 if absent. */
  readonly minSuccess?: number;
  /** Of `all`: the first failure ends it, and what is under way is cancelled. */
  readonly failFast?: boolean;
  /** Of `fallback`: an answer that cannot be used is passed over too; else it is given back, to be mended. */
  readonly passUnusable?: boolean;
  /** Of `consensus`; VOTE_DEFAULTS where it is silent. */
  readonly vote?: Partial<Omit<VoteRules, 'hasJudge' | 'unknownIsDear'>>;
  /** Who decides what votes do not, and who scores; nobody if absent. */
  readonly judge?: ModelChoice;
}

/** What ends the asking before every model was asked. What has come by then is kept. */
export interface StopRules {
  /** Nothing more is asked once so much is spent; what is under way goes on. */
  readonly costUsdMicros?: number;
  /** What is under way is cancelled after this time. */
  readonly elapsedMs?: number;
}

export interface AskSpec extends AskRules {
  /** In the order in which they are asked. */
  readonly models: readonly ModelChoice[];
}

/**
 * Steps of a task that may be asked in a way of their own: a turn of the agent, a plan, the judgement of the acceptance
 * criteria, the choice of the handler, the repair of a conflict. What the handler `one-shot` asks for is asked as `ask` says.
 */
export const ASK_STEPS = ['turn', 'plan', 'judge', 'choose', 'resolve'] as const;
export type AskStep = (typeof ASK_STEPS)[number];

/** How one step is asked, and whom: `models` of the task if absent. */
export interface StepRules extends AskRules {
  readonly models?: readonly ModelChoice[];
}

export type StepModes = Readonly<Partial<Record<AskStep, StepRules>>>;

export interface FamiliarFailure extends Failure {
  readonly family: FailureFamily;
  /** When it may be over, if the other side has said so. */
  readonly retryAfterMs?: number;
}

interface OfModel {
  /** Place in the order of the models. */
  readonly index: number;
  readonly provider: string;
  /** Null where the provider's own default was to be asked and nothing came back. */
  readonly model: string | null;
}

/** How one model was asked. `C` is what a call gives. */
export type ModelResult<C> = OfModel &
  (
    | { readonly status: 'ok'; readonly call: C; readonly latencyMs: number; readonly spending: Spending }
    | {
        readonly status: 'failed';
        readonly failure: FamiliarFailure;
        /** An answer that cannot be used; null if there is none. */
        readonly call: C | null;
        readonly latencyMs: number;
        /** Null where nothing is known of it. */
        readonly spending: Spending | null;
      }
    /** Left behind while it was under way: it may have been paid for, and the ledger has the price when it comes. */
    | {
        readonly status: 'cancelled';
        readonly why: string;
        readonly latencyMs: number;
        readonly spending: Spending | null;
      }
    /** Never asked. */
    | { readonly status: 'skipped'; readonly why: string }
  );

export type OkResult<C> = Extract<ModelResult<C>, { readonly status: 'ok' }>;

/** No answer: one failure that stands for all, and each of them. */
export interface AggregateFailure {
  /** That of the model which is most likely to answer later, with all of them in its detail. */
  readonly failure: Failure;
  readonly failures: readonly (OfModel & { readonly status: string } & FamiliarFailure)[];
  /** When the first of those that have failed of the same may answer; absent if nobody knows. */
  readonly retryAfterMs?: number;
}

export interface ModeResult<C> {
  readonly mode: AskMode;
  /** One for each model, in their order. */
  readonly results: readonly ModelResult<C>[];
  /** The answer to take; null if there is none, and then `failure` says why. */
  readonly winner: OkResult<C> | null;
  /** Of `consensus`. */
  readonly vote: Vote | null;
  readonly failure: AggregateFailure | null;
  /** Calls of the judge. */
  readonly judging: readonly C[];
  /** What calls of the judge have cost that have failed; absent if none has. */
  readonly lostUsdMicros?: number;
  /** Why not every model was heard, in words; null if every one was. */
  readonly stopped: string | null;
  /** Of all calls whose price is known. */
  readonly spending: Spending;
  readonly elapsedMs: number;
}

/** The names that other runners have for the modes are understood. Null if there is no such mode. */
export const modeNamed = (name: string): AskMode | null =>
  MODE_NAMES[name.trim().toLowerCase().replaceAll(/[-_ ]/g, '')] ?? null;

const MODE_NAMES: Readonly<Record<string, AskMode>> = {
  single: 'single',
  fallback: 'fallback',
  sequential: 'fallback',
  serial: 'fallback',
  any: 'any',
  parallelany: 'any',
  parallel: 'any',
  all: 'all',
  parallelall: 'all',
  consensus: 'consensus',
};

export const familiar = (failed: Failure): FamiliarFailure => ({
  ...failed,
  detail: failed.detail.slice(0, RESULT_DETAIL_CHARACTERS_MAX),
  family: catalogueEntry(failed.code).family,
});

/** Ten of them fit into a payload. */
const RESULT_DETAIL_CHARACTERS_MAX = 300;

/** A failure to which waiting is the answer stands for the others: then the task waits instead of giving up. */
const HOPE: readonly Heals[] = ['outage', 'attempt', 'model', 'never'];

const hope = ({ code }: Failure): number => HOPE.indexOf(catalogueEntry(code).heals);

/**
 * One failure for all of them.
 * @param own in place of the models' own failures: they have answered, but that was not enough
 */
export function aggregate<C>(results: readonly ModelResult<C>[], own: Failure | null = null): AggregateFailure {
  const failures = results.flatMap(failuresOf);
  const [first] = failures.toSorted((a, b) => hope(a) - hope(b));
  const chosen = own ?? first ?? failure(NOBODY_ASKED, 'No model was asked.');
  const [only] = failures;
  if (own === null && only !== undefined && failures.length === 1)
    return { failure: failure(only.code, only.detail), failures, ...soonest(failures, only.code) };
  const each = failures.map((failed) => `${nameOf(failed)}: ${failed.code} (${failed.family}) ${failed.detail}`.trim());
  const detail = [...(own === null || own.detail === '' ? [] : [own.detail]), ...each];
  const said = detail.length === 0 ? chosen.detail : detail.join('; ');
  return { failure: failure(chosen.code, said), failures, ...soonest(failures, chosen.code) };
}

function soonest(failures: AggregateFailure['failures'], code: FailureCode): { readonly retryAfterMs?: number } {
  const pauses = failures.flatMap((each) =>
    each.code === code && each.retryAfterMs !== undefined ? [each.retryAfterMs] : [],
  );
  return pauses.length === 0 ? {} : { retryAfterMs: Math.min(...pauses) };
}

/** Stands for a list of models of which none could be asked. */
const NOBODY_ASKED: FailureCode = 'noConsensus';

const nameOf = ({ index, provider, model }: OfModel): string =>
  `${index + 1} ${provider}${model === null ? '' : `/${model}`}`;

function failuresOf<C>(result: ModelResult<C>): AggregateFailure['failures'] {
  if (result.status === 'ok') return [];
  const { index, provider, model, status } = result;
  const of = { index, provider, model, status };
  if (result.status === 'failed') return [{ ...of, ...result.failure }];
  return result.status === 'cancelled' ? [{ ...of, ...familiar(failure('cancelled', result.why)) }] : [];
}

/** What is known to be spent. */
export const spentOn = <C>(results: readonly ModelResult<C>[]): Spending =>
  sumSpending(results.flatMap((result) => ('spending' in result && result.spending !== null ? [result.spending] : [])));
