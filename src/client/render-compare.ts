/** A comparison for a person, and its calls for programs; pure. */
import type { JudgedRow, TrialGate } from '../domain/compare.js';
import {
  contestantName,
  type CompareSummary,
  type Contestant,
  type Missed,
  type Regression,
} from '../domain/compare-summary.js';
import { usd } from '../domain/report.js';
import type { CompareProgress, CompareStop } from '../workflows/compare-messages.js';
import { table } from './render-list.js';
import { duration, FRAMES, oneLine } from './render-task.js';

/** Of a comparison with coding tasks one more. */
const HEAD = ['Mode', 'Asked', 'Success', 'Median', 'p95', 'Cost', 'A question', 'Determinism', 'Tokens ±'];
const GATED_HEAD = [...HEAD.slice(0, 3), 'Gate', ...HEAD.slice(3)];

/** What the cells of `contestantCells` are called. */
export const contestantHead = (contestants: readonly Contestant[]): readonly string[] =>
  hasGate(contestants) ? GATED_HEAD : HEAD;

const hasGate = (contestants: readonly Contestant[]): boolean => contestants.some(({ gate }) => gate !== null);

/** What failed is named; of many the file of calls has the rest. */
const FAILED_SHOWN = 20;

export function compareLines(
  { overview, contestants, failures, failed }: CompareSummary,
  width: number,
): readonly string[] {
  const { questions, passed, calls, latencyMs, costUsdMicros, unpriced, agreement } = overview;
  const agreed = agreement === null ? '' : `, ${percent(agreement)} agreement`;
  return [
    ...table(
      contestantHead(contestants).map((name) => name.toUpperCase()),
      contestantCells(contestants, '-'),
      width,
    ),
    '',
    `${passed} of ${questions} questions as expected, ${calls} calls, ${usd({ costUsdMicros, unpriced })}, ${duration(latencyMs.mean)} on average${agreed}`,
    ...failures.map(({ code, count, providers }) => `${count} × ${code} (${countsOf(providers)})`),
    ...failed
      .slice(0, FAILED_SHOWN)
      .map((one) => `✗ ${oneLine(one.case)}, ${contestantName(one)}, repeat ${one.repeat}: ${oneLine(one.why)}`),
    ...(failed.length > FAILED_SHOWN ? [`… and ${failed.length - FAILED_SHOWN} more`] : []),
  ];
}

/** @param none stands for what one repeat cannot tell */
export const contestantCells = (contestants: readonly Contestant[], none: string): readonly (readonly string[])[] =>
  contestants.map((one) => [
    one.mode,
    one.asked,
    `${percent(one.success)} (${one.passed} of ${one.questions})`,
    ...(hasGate(contestants) ? [one.gate === null ? none : `${one.gate.passed} of ${one.gate.questions}`] : []),
    duration(one.latencyMs.median),
    duration(one.latencyMs.p95),
    usd(one),
    usd({ costUsdMicros: one.meanCostUsdMicros, unpriced: one.unpriced }),
    one.determinism === null ? none : percent(one.determinism),
    one.tokenDeviation === null ? none : one.tokenDeviation.toFixed(1),
  ]);

const countsOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/** `93 %`; never 100 where something is missing. */
export const percent = (share: number): string =>
  `${share < 1 ? Math.min(99, Math.round(share * 100)) : Math.round(share * 100)} %`;

const WORDS: Readonly<Record<Missed['threshold'], (value: number) => string>> = {
  success: percent,
  costUsdMicros: (value) => usd({ costUsdMicros: value, unpriced: false }),
  latencyMs: duration,
  determinism: percent,
  agreement: percent,
};

/** As the file names it. */
const NAMES: Readonly<Record<Missed['threshold'], string>> = {
  success: 'success',
  costUsdMicros: 'costUsd',
  latencyMs: 'latencyMs',
  determinism: 'determinism',
  agreement: 'agreement',
};

export const missedLine = ({ threshold, by, is, wanted }: Missed): string =>
  `thresholds.${NAMES[threshold]} missed by ${by}: ${WORDS[threshold](is)}, wanted ${WORDS[threshold](wanted)}`;

export const regressionLine = ({ by, verdict, why }: Regression): string =>
  `${verdict.toUpperCase()} ${by}${why === '' ? '' : `: ${why}`}`;

export function stopLine(stop: CompareStop, { done, questions }: CompareProgress): string {
  const why =
    stop.kind === 'cancelled'
      ? `It was cancelled${stop.by === undefined ? '' : ` by ${stop.by} (${stop.why ?? ''})`}`
      : `limits.costUsd is reached (${usd({ costUsdMicros: stop.costUsdMicros, unpriced: false })} of ${usd({ costUsdMicros: stop.limit, unpriced: false })})`;
  return `${why}: ${done} of ${questions} questions were asked.`;
}

export function compareProgressLine({ done, questions, failed, spending }: CompareProgress): string {
  const wrong = failed === 0 ? [] : [`${failed} not as expected`];
  return [`${done} of ${questions} questions`, ...wrong, usd(spending)].join(' · ');
}

export const movingLine = (progress: CompareProgress, elapsedMs: number, frame: number): string =>
  `${FRAMES[frame % FRAMES.length]} ${compareProgressLine(progress)} · ${duration(elapsedMs)}`;

/** One JSON object a line for each call that was made or left out. */
export const callsAsLines = (rows: readonly JudgedRow[]): string =>
  rows.flatMap((row) => row.calls.map((_, at) => `${JSON.stringify(callFields(row, at))}\n`)).join('');

function callFields(row: JudgedRow, at: number) {
  const call = row.calls[at];
  const spending = call?.spending ?? null;
  return {
    question: row.number,
    case: row.case,
    mode: row.mode,
    asked: row.asked,
    repeat: row.repeat,
    call: call?.name ?? '',
    provider: call?.provider ?? '',
    model: call?.model ?? null,
    status: call?.status ?? '',
    failure: call?.code ?? null,
    family: call?.family ?? null,
    taken: row.winner === at,
    passed: row.passed,
    why: row.why,
    ...(row.gate === undefined ? {} : gateFields(row.gate)),
    latencyMs: call?.latencyMs ?? 0,
    callsSent: spending?.callsSent ?? null,
    callsInDoubt: spending?.callsInDoubt ?? null,
    tokens: spending?.tokens ?? null,
    costUsdMicros: spending?.costUsdMicros ?? null,
    unpriced: spending?.unpriced ?? null,
    callId: call?.callId ?? null,
    answerSha256: call?.answer?.sha256 ?? null,
    says: call?.says ?? '',
  };
}

/** `tree` is null where no edits were taken. */
const gateFields = (gate: TrialGate | null) => ({
  tree: gate?.tree ?? null,
  gate: gate === null ? null : gate.refused === null ? 'passed' : gate.refused.code,
});
