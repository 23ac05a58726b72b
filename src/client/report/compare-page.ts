/** A comparison as one HTML page: tables and plots, no script, nothing from elsewhere, readable without a network. Pure. */
import type { JudgedRow } from '../../domain/compare.js';
import {
  contestantName,
  type CompareSummary,
  type Contestant,
  type Missed,
  type Regression,
} from '../../domain/compare-summary.js';
import { usd } from '../../domain/report.js';
import { contestantCells, contestantHead, missedLine, percent } from '../render-compare.js';
import { duration } from '../render-task.js';
import { barPlot, plotStyles, scatterPlot, type Bar } from './compare-plots.js';
import { counted, escape, moment, shortened } from './html.js';
import { documentHead } from './page.js';
import { pageStyle } from './page-style.js';

export interface ComparePageData {
  readonly id: string;
  readonly madeAt: number;
  readonly version: string;
  readonly rows: readonly JudgedRow[];
  readonly summary: CompareSummary;
  readonly missed: readonly Missed[];
  /** Null if nothing earlier was given. */
  readonly regressions: readonly Regression[] | null;
}

/** Lines of a table; the file of calls has the rest. */
const ROWS_MAX = 500;
const NAME_CHARACTERS_MAX = 60;

export function comparePage(data: ComparePageData): string {
  const style = `${pageStyle()}${plotStyles}`;
  return [
    ...documentHead(`Comparison ${data.id}`, style),
    ...headOf(data),
    ...missedSection(data.missed),
    ...contestantTable(data.summary.contestants),
    ...plots(data),
    ...failureSection(data.summary),
    ...regressionSection(data.regressions),
    ...failedSection(data.summary),
    '</main>',
    `<footer>Made by weaver ${escape(data.version)} on ${moment(data.madeAt)}.</footer>`,
    '</body></html>',
    '',
  ].join('\n');
}

function headOf({ id, summary: { overview }, missed }: ComparePageData): readonly string[] {
  const look = missed.length === 0 ? 'succeeded' : 'dead';
  const words =
    missed.length === 0 ? 'all thresholds reached' : counted(missed.length, 'threshold missed', 'thresholds missed');
  const sums: readonly (readonly [string, string])[] = [
    ['Questions', overview.questions.toLocaleString('en')],
    ['As expected', percent(overview.success)],
    ['Calls', overview.calls.toLocaleString('en')],
    ['Cost', usd(overview)],
    ['A question', usd({ costUsdMicros: overview.meanCostUsdMicros, unpriced: overview.unpriced })],
    ['Mean time', duration(overview.latencyMs.mean)],
    ['Median time', duration(overview.latencyMs.median)],
    ...(overview.agreement === null ? [] : [['Agreement', percent(overview.agreement)] as const]),
  ];
  return [
    `<header><p class="eyebrow">${escape(id)}</p><h1>Comparison of models <span class="badge is-${look}">${escape(words)}</span></h1>`,
    `<dl class="sums">${sums.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl></header>`,
    '<main>',
  ];
}

const missedSection = (missed: readonly Missed[]): readonly string[] =>
  missed.length === 0
    ? []
    : [
        '<h2>Missed thresholds</h2>',
        `<ul class="failed is-dead">${missed.map((each) => `<li>${escape(missedLine(each))}</li>`).join('')}</ul>`,
      ];

function contestantTable(contestants: readonly Contestant[]): readonly string[] {
  const rows = contestantCells(contestants, '–');
  return ['<h2>Contestants</h2>', tableOf('Contestants', contestantHead(contestants), rows, 2)];
}

function plots({ summary: { contestants, agreements } }: ComparePageData): readonly string[] {
  const bars = (value: (one: Contestant) => number | null, says: (value: number) => string): readonly Bar[] =>
    contestants.flatMap((one) => {
      const is = value(one);
      return is === null
        ? []
        : [{ name: shortened(contestantName(one), NAME_CHARACTERS_MAX), value: is, says: says(is) }];
    });
  const points = contestants.map((one) => ({
    name: contestantName(one),
    x: one.latencyMs.median,
    y: one.meanCostUsdMicros,
    says: `${duration(one.latencyMs.median)}, ${usd({ costUsdMicros: one.meanCostUsdMicros, unpriced: one.unpriced })}`,
  }));
  return [
    plot(
      'Success',
      barPlot(
        'Success',
        bars((one) => one.success, percent),
        1,
      ),
    ),
    plot(
      'Success by gate',
      barPlot(
        'Success by gate',
        bars(({ gate }) => (gate === null ? null : gate.passed / gate.questions), percent),
        1,
      ),
    ),
    plot(
      'Time of a question, median',
      barPlot(
        'Median time',
        bars((one) => one.latencyMs.median, duration),
        null,
      ),
    ),
    plot(
      'Time of a question, p95',
      barPlot(
        'p95',
        bars((one) => one.latencyMs.p95, duration),
        null,
      ),
    ),
    plot(
      'Cost of a question',
      barPlot(
        'Cost',
        bars((one) => one.meanCostUsdMicros, cost),
        null,
      ),
    ),
    plot(
      'Determinism across repeats',
      barPlot(
        'Determinism',
        bars((one) => one.determinism, percent),
        1,
      ),
    ),
    plot(
      'Agreement of two models',
      barPlot(
        'Agreement',
        agreements.map(({ models, share }) => ({
          name: models.map((model) => shortened(model, NAME_CHARACTERS_MAX / 2)).join(', '),
          value: share,
          says: percent(share),
        })),
        1,
      ),
    ),
    plot('Cost and time', scatterPlot('Cost and median time of a question', points, { x: duration, y: cost })),
  ].flat();
}

const cost = (value: number): string => usd({ costUsdMicros: value, unpriced: false });

const plot = (title: string, picture: string | null): readonly string[] =>
  picture === null ? [] : [`<h2>${escape(title)}</h2>`, `<div class="scroll pad">${picture}</div>`];

function failureSection({ failures }: CompareSummary): readonly string[] {
  if (failures.length === 0) return [];
  const rows = failures.map(({ code, family, count, providers }) => [
    code,
    family ?? '',
    String(count),
    Object.entries(providers)
      .map(([name, times]) => `${name} ${times}`)
      .join(', '),
  ]);
  return [
    '<h2>Failures of calls</h2>',
    tableOf('Failures of calls', ['Code', 'Family', 'Calls', 'Providers'], rows, 2),
  ];
}

function regressionSection(all: readonly Regression[] | null): readonly string[] {
  if (all === null) return [];
  const rows = all.map(({ by, verdict, why }) => [verdict.toUpperCase(), by, why]);
  return ['<h2>Beside the earlier comparison</h2>', tableOf('Earlier', ['Verdict', 'Contestant', 'Why'], rows, 3)];
}

function failedSection({ failed }: CompareSummary): readonly string[] {
  if (failed.length === 0) return [];
  const shown = failed.slice(0, ROWS_MAX);
  const rows = shown.map((one) => [one.case, one.mode, one.asked, String(one.repeat), one.why]);
  const note = failed.length > shown.length ? `<p class="note">The first ${ROWS_MAX} of ${failed.length}.</p>` : '';
  return [
    '<h2>Not as expected</h2>',
    tableOf('Not as expected', ['Case', 'Mode', 'Asked', 'Repeat', 'Why'], rows, 5),
    note,
  ];
}

/** @param words columns from the left that are words; the others are numbers */
function tableOf(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  words: number,
): string {
  const kind = (column: number): string => (column < words ? '' : ' class="number"');
  const heads = head.map((name, column) => `<th scope="col"${kind(column)}>${escape(name)}</th>`).join('');
  const lines = rows.map(
    (row) => `<tr>${row.map((cell, column) => `<td${kind(column)}>${escape(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escape(caption)}"><table><caption>${escape(caption)}</caption><thead><tr>${heads}</tr></thead><tbody>${lines.join('\n')}</tbody></table></div>`;
}
