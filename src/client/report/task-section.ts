/** All about one task: attempts with their checks and changes, decisions, questions and what people said. Pure. */
import { criteriaWords } from '../../domain/criteria-words.js';
import { showFailure } from '../../domain/failures.js';
import { countWords } from '../../domain/gate.js';
import { timeOf, type Entry } from '../../domain/entries.js';
import type { ArtifactRef } from '../../domain/outcome.js';
import { totalTokens, type AttemptRecord, type CheckVerdict, type DecisionRecord } from '../../domain/record.js';
import { usd } from '../../domain/report.js';
import { answerWords, outcomeWords } from '../render-record.js';
import { duration } from '../render-task.js';
import { bytes, counted, escape, moment } from './html.js';
import type { ReportTask, ReportText } from './report-data.js';
import { STATE_MARKS } from './state-marks.js';
import type { TaskState } from '../../domain/task.js';

/** @param open whether it is unfolded: in a report of one task it is */
export function taskSection(task: ReportTask, open: boolean): string {
  const { row, entries } = task;
  const failed = row.failure === null || row.failure === row.state ? '' : ` <code>${escape(row.failure)}</code>`;
  const body = entries.length === 0 ? '<p class="note">Nothing is written down on this host.</p>' : '';
  return [
    `<details class="task is-${row.state}" id="${anchorOf(row.path)}"${open ? ' open' : ''}>`,
    `<summary><h3>${escape(row.path)}</h3> <span class="title">${escape(row.title)}</span> ${stateBadge(row.state)}${failed}</summary>`,
    '<div class="story">',
    ...entries.map((entry) => entryBlock(task, entry)),
    body,
    '</div></details>',
  ].join('\n');
}

export const stateBadge = (state: TaskState): string =>
  `<span class="badge is-${state}"><span aria-hidden="true">${STATE_MARKS[state].sign}</span> ${STATE_MARKS[state].words}</span>`;

/** Paths are letters, digits, dots and dashes; anything else is written by its number. */
export const anchorOf = (path: string): string =>
  `task-${path.replace(/[^A-Za-z0-9.-]/gu, (sign) => `_${sign.codePointAt(0)}_`)}`;

function entryBlock(task: ReportTask, entry: Entry): string {
  switch (entry.kind) {
    case 'attempt':
      return attemptBlock(task, entry);
    case 'decision':
      return decisionLine(entry);
    default:
      return `<div class="step">${when(timeOf(entry))}${saidOf(task, entry)}</div>`;
  }
}

const when = (ms: number): string =>
  `<time datetime="${new Date(ms).toISOString()}">${moment(ms).slice(11, 19)}</time>`;

function attemptBlock({ texts }: ReportTask, attempt: AttemptRecord): string {
  const { outcome, startedAt, endedAt, spending, model, provider, workers, sandbox, checks, artifacts } = attempt;
  const facts = [
    [provider, model].filter((word) => word !== '').join(' · '),
    counted(spending.callsSent, 'call') + (spending.callsInDoubt > 0 ? ` (${spending.callsInDoubt} in doubt)` : ''),
    counted(totalTokens(spending), 'token'),
    usd(spending),
    duration(endedAt - startedAt),
    sandbox === null ? '' : `checks in ${sandbox}`,
    attempt.tests === undefined ? '' : `tests: ${countWords(attempt.tests)}`,
    attempt.criteria === undefined ? '' : `criteria: ${criteriaWords(attempt.criteria)}`,
    workers.join(', '),
  ].filter((fact) => fact !== '');
  const next = 'failure' in outcome ? `<p class="note">${escape(showFailure(outcome.failure).next)}</p>` : '';
  return [
    `<section class="attempt out-${outcome.kind}"><h4>${when(startedAt)}Attempt ${attempt.attempt}</h4>`,
    `<p class="outcome">${escape(outcomeWords(outcome))}</p>${next}`,
    `<ul class="facts">${facts.map((fact) => `<li>${escape(fact)}</li>`).join('')}</ul>`,
    ...checks.map((check) => checkBlock(check, texts)),
    ...artifacts.filter(({ kind }) => kind === 'diff').map((ref) => diffBlock(ref, texts)),
    '</section>',
  ].join('\n');
}

function checkBlock(check: CheckVerdict, texts: ReadonlyMap<string, ReportText>): string {
  const { name, passed, exitCode, timedOut, durationMs, log } = check;
  const verdict = passed
    ? 'passed'
    : timedOut
      ? 'ran out of time'
      : exitCode === null
        ? 'was killed'
        : `exit ${exitCode}`;
  const mark = `<span class="verdict ${passed ? 'is-succeeded' : 'is-dead'}"><span aria-hidden="true">${passed ? '✓' : '✗'}</span> ${verdict}</span>`;
  return folded(
    `<span class="what">Check ${escape(name)}</span> ${mark} <span class="size">${duration(durationMs)}, log ${bytes(log.sizeBytes)}</span>`,
    texts.get(log.sha256),
    (text) => `<pre tabindex="0">${escape(text)}</pre>`,
  );
}

const diffBlock = (ref: ArtifactRef, texts: ReadonlyMap<string, ReportText>): string =>
  folded(
    `<span class="what">Change</span> ${statOf(texts.get(ref.sha256))} <span class="size">${bytes(ref.sizeBytes)}</span>`,
    texts.get(ref.sha256),
    (text) => `<pre class="diff" tabindex="0">${coloured(text)}</pre>`,
  );

function folded(summary: string, text: ReportText | undefined, show: (text: string) => string): string {
  const note = text === undefined ? 'Not read.' : text.note;
  const body = text === undefined || text.text === '' ? '' : show(text.text);
  const empty = body === '' && note === null ? 'It is empty.' : note;
  const said = empty === null ? '' : `<p class="note">${escape(empty)}</p>`;
  return `<details class="text"><summary>${summary}</summary>${said}${body}</details>`;
}

function statOf(text: ReportText | undefined): string {
  if (text === undefined || text.text === '') return '';
  const lines = text.text.split('\n');
  const added = lines.filter((line) => /^\+(?!\+\+ )/.test(line)).length;
  const removed = lines.filter((line) => /^-(?!-- )/.test(line)).length;
  return `<span class="stat"><span class="added">+${added}</span> <span class="removed">−${removed}</span></span>`;
}

/** Lines of one kind that follow each other share an element: a large change has tens of thousands. */
function coloured(patch: string): string {
  const parts: { look: string; lines: string[] }[] = [];
  for (const line of patch.replace(/\n$/, '').split('\n')) {
    const look = lookOf(line);
    const last = parts.at(-1);
    if (last?.look === look) last.lines.push(line);
    else parts.push({ look, lines: [line] });
  }
  // Each part is a block of its own: a line's end between them would be an empty line.
  return parts
    .map(({ look, lines }) => {
      const text = lines.map(escape).join('\n');
      return look === '' ? text : `<span class="${look}">${text}</span>`;
    })
    .join('');
}

function lookOf(line: string): string {
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|rename |similarity |old mode|new mode)/.test(line))
    return 'file';
  if (line.startsWith('@@')) return 'hunk';
  return line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : '';
}

function decisionLine({ decidedAt, decision, decider, notes = [], shadow }: DecisionRecord): string {
  const delayMs = 'delayMs' in decision ? decision.delayMs : 'probeMs' in decision ? decision.probeMs : null;
  const pause = delayMs === null || delayMs === 0 ? '' : ` in ${duration(delayMs)}`;
  const children = decision.kind === 'decompose' ? `: ${decision.children.map(({ title }) => title).join(' · ')}` : '';
  return `<div class="step decision">${when(decidedAt)}<strong>${DECIDED[decision.kind]}${pause}</strong> ${escape(decision.reason + children)} <span class="by">${escape(decider)}</span>${notes.map(besides).join('')}${shadowOf(shadow)}</div>`;
}

const besides = (note: string): string => `<p class="note">${escape(note)}</p>`;

/** What a second decider would have done, where it was of another mind. */
function shadowOf(shadow: DecisionRecord['shadow']): string {
  if (shadow === undefined) return '';
  const { decider, decision, notes = [] } = shadow;
  const words = `${decider} would: ${DECIDED[decision.kind].toLowerCase()}, ${decision.reason}`;
  return [words, ...notes].map(besides).join('');
}

const DECIDED: Readonly<Record<DecisionRecord['decision']['kind'], string>> = {
  complete: 'Complete',
  retry: 'Retry',
  wait: 'Wait',
  decompose: 'Split',
  addDependency: 'Wait for another task',
  markDead: 'Give up',
  markStuck: 'Stuck',
};

const because = (why: string): string => (why === '' ? '' : `, because ${escape(why)}`);

function saidOf({ texts }: ReportTask, entry: Exclude<Entry, { kind: 'attempt' | 'decision' }>): string {
  switch (entry.kind) {
    case 'cancelled':
      return `<strong>Cancelled</strong> by ${escape(entry.requester)}: ${escape(entry.reason)}`;
    case 'question': {
      const { text, options, default: fallback, about } = entry.question;
      const choices = options.length === 0 ? '' : ` (${options.map(escape).join(' / ')})`;
      const otherwise = fallback === null ? '' : ` <span class="by">otherwise ${escape(fallback)}</span>`;
      const subject = about === null ? undefined : texts.get(about.sha256);
      const shown =
        subject === undefined
          ? ''
          : folded('What it is about', subject, (one) => `<pre tabindex="0">${escape(one)}</pre>`);
      return `<strong>Asked</strong> ${escape(text)}${choices}${otherwise}${shown}`;
    }
    case 'answered':
      return `<strong>Answered</strong> by ${escape(entry.by)}: ${escape(entry.answer)}${because(entry.why)}`;
    case 'said':
      return `<strong>${escape(entry.update)}</strong> by ${escape(entry.by)} ${escape(entry.detail)}${because(entry.why)}`;
    case 'handlerChosen':
      return `<strong>Handler ${escape(entry.handler)}</strong>: ${escape(entry.reason)}`;
    case 'asked':
      return `<strong>Asked ${escape(entry.mode)}</strong>: ${escape(entry.reason)} (${escape(answerWords(entry).join('; '))})`;
    case 'note':
      return `<strong>${escape(entry.about)}</strong> ${escape(entry.text)}`;
    case 'notice':
      return `<strong>${Math.round((100 * entry.used) / entry.limit)} %</strong> of ${escape(entry.budget)} used`;
    case 'created':
      return `<strong>Took on</strong> ${counted(entry.tasks.length, 'task')}`;
    case 'tasks':
      return `<strong>Ended</strong> with ${counted(entry.rows.length, 'task')}`;
    case 'job':
      return `<strong>Job ${escape(entry.state)}</strong>`;
    default:
      throw new TypeError(`unknown entry ${JSON.stringify(entry satisfies never)}`);
  }
}
