/** What the answers of a comparison say together: success, cost, time, determinism, agreement, and what was missed. Pure. */
import type { AskMode } from './ask-mode.js';
import type { CompareThresholds, JudgedRow } from './compare.js';
import { groupsOf } from './groups.js';
import { quantile, sum } from './statistics.js';

/** One who was asked: a model alone, or all of them in a mode. */
export interface Contestant {
  readonly mode: AskMode;
  readonly asked: string;
  readonly questions: number;
  readonly answered: number;
  readonly passed: number;
  /** Share of the questions, 0 to 1. */
  readonly success: number;
  /** Of the questions that are coding tasks; null if none is. */
  readonly gate: GateCount | null;
  readonly latencyMs: { readonly median: number; readonly p95: number };
  readonly costUsdMicros: number;
  readonly meanCostUsdMicros: number;
  /** True if a part of it has no price. */
  readonly unpriced: boolean;
  /** Median share of words in which two answers to the same question differ; null without repeats. */
  readonly diffRate: number | null;
  /** 1 less `diffRate`. */
  readonly determinism: number | null;
  /** Of the tokens of answers to the same question: population standard deviation, the mean over all cases. */
  readonly tokenDeviation: number | null;
}

/** How many coding tasks were answered with a change that passes the gate. */
export interface GateCount {
  readonly questions: number;
  readonly passed: number;
}

export interface PairAgreement {
  readonly models: readonly [string, string];
  /** Share of the questions to which both have an answer, and the same one. */
  readonly share: number;
  readonly questions: number;
}

export interface FailureCount {
  readonly code: string;
  readonly family: string | null;
  readonly count: number;
  readonly providers: Readonly<Record<string, number>>;
}

export interface FailedTrial {
  readonly case: string;
  readonly mode: AskMode;
  readonly asked: string;
  readonly repeat: number;
  readonly why: string;
}

export interface CompareSummary {
  readonly overview: {
    readonly questions: number;
    readonly passed: number;
    readonly success: number;
    readonly calls: number;
    readonly latencyMs: { readonly mean: number; readonly median: number };
    readonly costUsdMicros: number;
    readonly meanCostUsdMicros: number;
    readonly unpriced: boolean;
    /** Share of the pairs of models, each asked alone, that say the same; null where there are no pairs. */
    readonly agreement: number | null;
  };
  readonly contestants: readonly Contestant[];
  /** Of each pair of models that were asked alone, in the order of asking; none where only one was. */
  readonly agreements: readonly PairAgreement[];
  /** Of calls, the most frequent first. */
  readonly failures: readonly FailureCount[];
  /** Questions that were not answered as expected, in the order of asking. */
  readonly failed: readonly FailedTrial[];
}

/** @param textOf the answer of a question that has one; null if it is not at hand any more */
export function summariseRows(rows: readonly JudgedRow[], textOf: (row: JudgedRow) => string | null): CompareSummary {
  const costUsdMicros = sum(rows.map(({ spending }) => spending.costUsdMicros));
  const passed = rows.filter((row) => row.passed).length;
  const latencies = rows.map(({ latencyMs }) => latencyMs);
  const pairs = answeredPairs(rows);
  return {
    overview: {
      questions: rows.length,
      passed,
      success: share(passed, rows.length),
      calls: sum(rows.map(({ calls }) => calls.filter(({ status }) => status !== 'skipped').length)),
      latencyMs: { mean: Math.round(mean(latencies)), median: quantile(latencies, 0.5) },
      costUsdMicros,
      meanCostUsdMicros: Math.round(mean(rows.map(({ spending }) => spending.costUsdMicros))),
      unpriced: rows.some(({ spending }) => spending.unpriced),
      agreement: sameShare(pairs),
    },
    contestants: grouped(rows, ({ mode, asked }) => JSON.stringify([mode, asked])).map((group) =>
      contestantOf(group, textOf),
    ),
    agreements: grouped(pairs, ({ models }) => JSON.stringify(models)).flatMap(pairAgreement),
    failures: failuresOf(rows),
    failed: rows.filter((row) => !row.passed).map(failedOf),
  };
}

function contestantOf(rows: readonly JudgedRow[], textOf: (row: JudgedRow) => string | null): Contestant {
  const [first] = rows;
  const latencies = rows.map(({ latencyMs }) => latencyMs);
  const passed = rows.filter((row) => row.passed).length;
  const diffRate = diffRateOf(rows, textOf);
  return {
    mode: first?.mode ?? 'single',
    asked: first?.asked ?? '',
    questions: rows.length,
    answered: rows.filter(({ winner }) => winner !== null).length,
    passed,
    success: share(passed, rows.length),
    gate: gateCount(rows),
    latencyMs: { median: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) },
    costUsdMicros: sum(rows.map(({ spending }) => spending.costUsdMicros)),
    meanCostUsdMicros: Math.round(mean(rows.map(({ spending }) => spending.costUsdMicros))),
    unpriced: rows.some(({ spending }) => spending.unpriced),
    diffRate,
    determinism: diffRate === null ? null : rounded(1 - diffRate),
    tokenDeviation: deviationOf(rows),
  };
}

function gateCount(rows: readonly JudgedRow[]): GateCount | null {
  const gated = rows.filter(({ gate }) => gate !== undefined);
  return gated.length === 0 ? null : { questions: gated.length, passed: gated.filter(({ passed }) => passed).length };
}

/** Pairs grow with the square of the repeats; ten of them make 45. */
const REPEATS_COMPARED_MAX = 10;

function diffRateOf(rows: readonly JudgedRow[], textOf: (row: JudgedRow) => string | null): number | null {
  const rates = grouped(rows, (row) => row.case).flatMap((repeats) => {
    const texts = repeats.flatMap((row) => textOf(row) ?? []).filter((text) => text.trim() !== '');
    return pairsOf(texts.slice(0, REPEATS_COMPARED_MAX)).map(([a, b]) => wordDiffRate(a, b));
  });
  return rates.length === 0 ? null : rounded(median(rates));
}

function deviationOf(rows: readonly JudgedRow[]): number | null {
  const deviations = grouped(rows, (row) => row.case).flatMap((repeats) => {
    const tokens = repeats.flatMap(({ calls, winner }) => calls[winner ?? -1]?.spending?.tokens.completion ?? []);
    return tokens.length < 2 ? [] : [deviation(tokens)];
  });
  return deviations.length === 0 ? null : rounded(mean(deviations));
}

/** Of a long answer the beginning tells whether it is the same. */
const WORDS_MAX = 1_000;

/** Words to add, drop or change to make one text the other, as a share of the longer one. */
export function wordDiffRate(a: string, b: string): number {
  if (a === b) return 0;
  const [one, other] = [wordsOf(a), wordsOf(b)];
  const longer = Math.max(one.length, other.length);
  return longer === 0 ? 0 : steps(one, other) / longer;
}

const wordsOf = (text: string): readonly string[] => text.trim().split(/\s+/).filter(Boolean).slice(0, WORDS_MAX);

function steps(one: readonly string[], other: readonly string[]): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [i, word] of one.entries()) {
    const next = [i + 1];
    for (const [j, against] of other.entries()) {
      const changed = (row[j] ?? 0) + (word === against ? 0 : 1);
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, changed));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

interface AnsweredPair {
  readonly models: readonly [string, string];
  readonly isSame: boolean;
}

/** Only models that were asked alone have an opinion of their own. */
function answeredPairs(rows: readonly JudgedRow[]): readonly AnsweredPair[] {
  const alone = rows.filter(({ mode, winner }) => mode === 'single' && winner !== null);
  return grouped(alone, (row) => JSON.stringify([row.case, row.repeat])).flatMap((group) =>
    pairsOf(group.map(({ asked, calls, winner }) => ({ asked, key: calls[winner ?? 0]?.key ?? null }))).map(
      ([a, b]): AnsweredPair => ({ models: [a.asked, b.asked], isSame: a.key !== null && a.key === b.key }),
    ),
  );
}

const sameShare = (pairs: readonly AnsweredPair[]): number | null =>
  pairs.length === 0 ? null : rounded(share(pairs.filter(({ isSame }) => isSame).length, pairs.length));

function pairAgreement(pairs: readonly AnsweredPair[]): readonly PairAgreement[] {
  const [first] = pairs;
  return first === undefined ? [] : [{ models: first.models, share: sameShare(pairs) ?? 0, questions: pairs.length }];
}

function failuresOf(rows: readonly JudgedRow[]): readonly FailureCount[] {
  const failed = rows.flatMap(({ calls }) => calls.filter(({ code }) => code !== null));
  return grouped(failed, ({ code }) => code ?? '')
    .map((calls) => ({
      code: calls[0]?.code ?? '',
      family: calls[0]?.family ?? null,
      count: calls.length,
      providers: Object.fromEntries(
        grouped(calls, ({ provider }) => provider).map((each) => [each[0]?.provider ?? '', each.length]),
      ),
    }))
    .toSorted((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}

const failedOf = ({ case: name, mode, asked, repeat, why }: JudgedRow): FailedTrial => ({
  case: name,
  mode,
  asked,
  repeat,
  why: why ?? '',
});

/** A threshold that was missed, by whom, and by how much. */
export interface Missed {
  readonly threshold: keyof CompareThresholds;
  /** `single openai/gpt-5`, `any of all`, or `all models`. */
  readonly by: string;
  readonly is: number;
  readonly wanted: number;
}

/** What a threshold cannot be told of, such as determinism without repeats, does not miss it. */
export function missedThresholds(
  { contestants, overview }: CompareSummary,
  { success, costUsdMicros, latencyMs, determinism, agreement }: CompareThresholds,
): readonly Missed[] {
  const each = contestants.flatMap((one) => {
    const by = contestantName(one);
    return [
      ...atLeast('success', by, one.success, success),
      ...atMost('costUsdMicros', by, one.meanCostUsdMicros, costUsdMicros),
      ...atMost('latencyMs', by, one.latencyMs.p95, latencyMs),
      ...atLeast('determinism', by, one.determinism, determinism),
    ];
  });
  return [...each, ...atLeast('agreement', 'all models', overview.agreement, agreement)];
}

export const contestantName = ({ mode, asked }: Pick<Contestant, 'mode' | 'asked'>): string =>
  mode === 'single' ? `single ${asked}` : `${mode} of all`;

/** Of fractions that are not exact. */
const EPSILON = 1e-9;

const atLeast = (
  threshold: Missed['threshold'],
  by: string,
  is: number | null,
  wanted: number | undefined,
): readonly Missed[] =>
  is === null || wanted === undefined || is >= wanted - EPSILON ? [] : [{ threshold, by, is, wanted }];

const atMost = (
  threshold: Missed['threshold'],
  by: string,
  is: number,
  wanted: number | undefined,
): readonly Missed[] => (wanted === undefined || is <= wanted + EPSILON ? [] : [{ threshold, by, is, wanted }]);

/** A contestant beside the same one of an earlier comparison. */
export interface Regression {
  readonly by: string;
  /** `new` is not in the earlier comparison, `missing` not in this one. */
  readonly verdict: 'pass' | 'fail' | 'new' | 'missing';
  readonly why: string;
}

/** What was reached before must be reached again: success, and determinism. */
export function regressions(
  now: readonly Contestant[],
  before: readonly Pick<Contestant, 'mode' | 'asked' | 'success' | 'determinism'>[],
): readonly Regression[] {
  const earlier = new Map(before.map((one) => [contestantName(one), one]));
  const names = new Set(now.map(contestantName));
  return [
    ...now.map((one) => regressionOf(one, earlier.get(contestantName(one)))),
    ...before
      .filter((one) => !names.has(contestantName(one)))
      .map((one) => ({
        by: contestantName(one),
        verdict: 'missing' as const,
        why: 'is in the earlier comparison only',
      })),
  ];
}

function regressionOf(one: Contestant, before: Pick<Contestant, 'success' | 'determinism'> | undefined): Regression {
  const by = contestantName(one);
  if (before === undefined) return { by, verdict: 'new', why: 'is not in the earlier comparison' };
  const worse = [
    ...atLeast('success', by, one.success, before.success),
    ...atLeast('determinism', by, one.determinism, before.determinism ?? undefined),
  ];
  const why = worse.map(({ threshold, is, wanted }) => `${threshold} ${is}, was ${wanted}`).join('; ');
  return { by, verdict: worse.length === 0 ? 'pass' : 'fail', why };
}

/** In the order in which they come first. */
const grouped = <T>(all: readonly T[], nameOf: (one: T) => string): readonly (readonly T[])[] => [
  ...groupsOf(all, nameOf).values(),
];

const pairsOf = <T>(all: readonly T[]): readonly (readonly [T, T])[] =>
  all.flatMap((one, at) => all.slice(at + 1).map((other) => [one, other] as const));

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);

/** Of an even number the middle between the two in the middle: of few pairs one alone would say too much. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return mean(sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1));
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}
