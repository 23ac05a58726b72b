/** All that is known of a job as one HTML page: no script, nothing from elsewhere, readable without a network. Pure. */
import { createHash } from 'node:crypto';
import { failure, isFailureCode, showFailure } from '../../domain/failures.js';
import type { JobState, JobTaskRow } from '../../domain/job.js';
import { usd } from '../../domain/report.js';
import type { TaskState } from '../../domain/task.js';
import { duration } from '../render-task.js';
import { entryLines } from '../render-record.js';
import { graphOf } from './graph-model.js';
import { svgOf } from './graph-svg.js';
import { counted, escape, moment } from './html.js';
import { pageStyle } from './page-style.js';
import { spentOf, type ReportData, type ReportTask } from './report-data.js';
import { STATE_MARKS, TASK_STATES } from './state-marks.js';
import { anchorOf, stateBadge, taskSection } from './task-section.js';
import { timeline } from './timeline.js';

/** With the texts at their limit the sections are the rest; browsers open a page of this size at once. */
const PAGE_BYTES_MAX = 20_000_000;
/** Lines of the table. */
const ROWS_MAX = 5_000;
/** What failed is named at the top; the table has the rest. */
const FAILED_MAX = 20;

export function reportPage(data: ReportData): string {
  const style = pageStyle();
  const head = [...headOf(data), ...overview(data)];
  const budget = PAGE_BYTES_MAX - Buffer.byteLength(head.join('')) - style.length - 10_000;
  const { sections, leftOut } = sectionsOf(data, budget);
  return [
    ...documentHead(data.title, style),
    ...head,
    ...sections,
    ...notes([...data.leftOut, ...leftOut]),
    '</main>',
    `<footer>Made by weaver ${escape(data.version)} on <time datetime="${iso(data.madeAt)}">${moment(data.madeAt)}</time> All times are UTC.</footer>`,
    '</body></html>',
    '',
  ].join('\n');
}

/** The style is named by its hash: nothing else that looks like one is obeyed, and no script at all. */
export function documentHead(title: string, style: string): readonly string[] {
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">',
    `<title>${escape(title)} · weaver</title><style>${style}</style></head><body>`,
  ];
}

const JOB_LOOKS: Readonly<Record<JobState, TaskState>> = {
  running: 'running',
  completed: 'succeeded',
  failed: 'dead',
  cancelled: 'cancelled',
  stuck: 'stuck',
};

function headOf(data: ReportData): readonly string[] {
  const { title, state, id } = data;
  const look = JOB_LOOKS[state];
  const badge = `<span class="badge is-${look}"><span aria-hidden="true">${STATE_MARKS[look].sign}</span> ${state}</span>`;
  return [
    `<header><p class="eyebrow">${escape(id)}</p><h1>${escape(title)} ${badge}</h1>`,
    `<dl class="sums">${sums(data)
      .map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
      .join('')}</dl></header>`,
    '<main>',
  ];
}

function sums(data: ReportData): readonly (readonly [string, string])[] {
  const { rows, madeAt } = data;
  const spent = spentOf(data);
  const starts = rows.map(({ startedAt }) => startedAt).filter((at) => at !== null);
  const begun = data.status?.startedAt ?? starts.reduce((a, b) => Math.min(a, b), Infinity);
  const over = data.state !== 'running';
  const ends = rows.map(({ endedAt }) => endedAt ?? 0);
  const end = over ? (data.status?.endedAt ?? ends.reduce((a, b) => Math.max(a, b), 0)) : madeAt;
  const attempts = rows.reduce((sum, row) => sum + row.attempts, 0);
  return [
    ...(rows.length > 1 ? [['Tasks', countsOf(rows)] as const] : []),
    ['Attempts', attempts.toLocaleString('en')],
    ['Tokens', spent.tokens.toLocaleString('en')],
    ['Cost', usd(spent)],
    ...(Number.isFinite(begun) && end > 0
      ? [
          [over ? 'Took' : 'Runs for', duration(Math.max(0, end - begun))] as const,
          ['Began', moment(begun).replace(/:\d\d UTC$/, ' UTC')] as const,
        ]
      : []),
    ...branchOf(rows),
  ];
}

function branchOf(rows: readonly JobTaskRow[]): readonly (readonly [string, string])[] {
  const [only, other] = rows;
  if (only === undefined || other !== undefined || only.branch === null) return [];
  return [['Branch', `<code>${escape(only.branch)}</code>`]];
}

/** `12`, and smaller `10 succeeded · 2 dead` */
function countsOf(rows: readonly JobTaskRow[]): string {
  const states = TASK_STATES.map((state) => [state, rows.filter((row) => row.state === state).length] as const);
  const parts = states
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count.toLocaleString('en')} ${STATE_MARKS[state].words}`);
  return `${rows.length.toLocaleString('en')} <small>${parts.join(' · ')}</small>`;
}

function overview(data: ReportData): readonly string[] {
  const { rows } = data;
  const picture = timeline(data);
  return [
    ...failures(rows),
    ...(picture === null ? [] : ['<h2>Timeline</h2>', scroll('Timeline', picture), TIMELINE_KEY]),
    ...(rows.length > 1 ? [...tableOf(data), ...graphSection(data)] : []),
    ...jobStory(data),
  ];
}

const TIMELINE_KEY = `<ul class="key">${(
  [
    ['out-succeeded', 'succeeded'],
    ['out-failed', 'failed'],
    ['out-blocked', 'blocked'],
    ['out-proposed', 'split'],
  ] as const
)
  .map(
    ([look, words]) =>
      `<li><svg viewBox="0 0 26 11" aria-hidden="true"><rect class="${look}" width="26" height="11" rx="2"/></svg>attempt ${words}</li>`,
  )
  .join('')}<li>dotted: waiting</li></ul>`;

const scroll = (name: string, content: string): string =>
  `<div class="scroll pad" tabindex="0" role="region" aria-label="${name}">${content}</div>`;

const BAD: ReadonlySet<TaskState> = new Set<TaskState>(['dead', 'stuck', 'cancelled']);

function failures(rows: readonly JobTaskRow[]): readonly string[] {
  const failed = rows.filter(({ state }) => BAD.has(state));
  if (failed.length === 0) return [];
  const items = failed.slice(0, FAILED_MAX).map(({ path, title, state, failure: code }) => {
    const shown = code === null ? null : shownOf(code);
    const words = shown === null ? '' : `<br>${escape(shown.message)} <span class="note">${escape(shown.next)}</span>`;
    return `<li class="is-${state}"><a href="#${anchorOf(path)}">${escape(path)}</a> ${escape(title)} ${stateBadge(state)}${words}</li>`;
  });
  const rest =
    failed.length > FAILED_MAX ? `<p class="note">And ${counted(failed.length - FAILED_MAX, 'more', 'more')}.</p>` : '';
  return ['<h2>What went wrong</h2>', `<ul class="failed">${items.join('')}</ul>${rest}`];
}

/** A code of another version is shown as it is. */
function shownOf(code: string): { readonly message: string; readonly next: string } {
  return isFailureCode(code) ? showFailure(failure(code)) : { message: code, next: '' };
}

function tableOf({ rows, tasks }: ReportData): readonly string[] {
  const head = ['Task', 'State', 'Title', 'After', 'Attempts', 'Tokens', 'Cost', 'Time'];
  const unpriced = new Set(tasks.filter(hasUnpriced).map((task) => task.row.path));
  const numbers = new Set(['Attempts', 'Tokens', 'Cost', 'Time']);
  const cells = head.map((name) => `<th scope="col"${numbers.has(name) ? ' class="number"' : ''}>${name}</th>`);
  const note =
    rows.length > ROWS_MAX ? [`<p class="note">The first ${ROWS_MAX} of ${counted(rows.length, 'task')}.</p>`] : [];
  return [
    '<h2>Tasks</h2>',
    '<div class="scroll" tabindex="0" role="region" aria-label="Tasks"><table><caption>Tasks of the job</caption>',
    `<thead><tr>${cells.join('')}</tr></thead><tbody>`,
    ...rows.slice(0, ROWS_MAX).map((row) => rowOf(row, unpriced.has(row.path))),
    '</tbody></table></div>',
    ...note,
  ];
}

const hasUnpriced = ({ entries }: ReportTask): boolean =>
  entries.some((entry) => entry.kind === 'attempt' && entry.spending.unpriced);

function rowOf(row: JobTaskRow, unpriced: boolean): string {
  const { path, title, state, dependsOn, attempts, tokens, costUsdMicros, startedAt, endedAt, waitsFor } = row;
  const needs = dependsOn.map(({ on }) => `<a href="#${anchorOf(on)}">${escape(on)}</a>`).join(', ');
  const waits = waitsFor === null ? needs : escape(waitsFor);
  const took = startedAt === null || endedAt === null ? '' : duration(endedAt - startedAt);
  return `<tr><th scope="row"><a href="#${anchorOf(path)}">${escape(path)}</a></th><td>${stateBadge(state)}</td><td class="title">${escape(title)}</td><td>${waits}</td>${[
    `${attempts}`,
    tokens.toLocaleString('en'),
    usd({ costUsdMicros, unpriced }),
    took,
  ]
    .map((text) => `<td class="number">${text}</td>`)
    .join('')}</tr>`;
}

function graphSection({ rows, title }: ReportData): readonly string[] {
  const graph = graphOf(rows);
  if (graph.edges.length === 0) return [];
  const note = graph.note === null ? '' : `<p class="note">${escape(graph.note)}</p>`;
  return [
    '<h2>Graph</h2>',
    scroll('Graph', svgOf(graph, title)),
    '<ul class="key"><li>whole line: waits for</li><li>broken line: was split into</li></ul>',
    note,
  ];
}

function jobStory({ jobEntries }: ReportData): readonly string[] {
  const told = jobEntries.filter(({ kind }) => kind !== 'created' && kind !== 'tasks');
  if (told.length === 0) return [];
  const lines = told.flatMap(entryLines).map((line) => `<li>${escape(line)}</li>`);
  return ['<h2>The job</h2>', `<ul>${lines.join('')}</ul>`];
}

function sectionsOf(
  data: ReportData,
  budget: number,
): { readonly sections: readonly string[]; readonly leftOut: readonly string[] } {
  const { tasks } = data;
  const sections: string[] = [];
  let used = 0;
  for (const task of tasks) {
    const section = taskSection(task, tasks.length === 1);
    used += Buffer.byteLength(section);
    if (used > budget) break;
    sections.push(section);
  }
  const missing = tasks.length - sections.length;
  const leftOut =
    missing === 0
      ? []
      : [`The attempts of ${counted(missing, 'task')} at the end of the table, the page is full: weaver report TASK.`];
  const head = tasks.length === 0 ? [] : [`<h2>${tasks.length === 1 ? 'Attempts and decisions' : 'Task by task'}</h2>`];
  return { sections: [...head, ...sections], leftOut };
}

const notes = (leftOut: readonly string[]): readonly string[] =>
  leftOut.length === 0
    ? []
    : ['<h2>Not on this page</h2>', `<ul>${leftOut.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>`];

const iso = (ms: number): string => new Date(ms).toISOString();
