/** Words for a person about one task; pure. */
import { countWords } from '../domain/gate.js';
import { pullRequestWords, type PullRequestEnd } from '../domain/pull-request.js';
import { usd } from '../domain/report.js';
import { showFailure } from '../domain/failures.js';
import { totalTokens } from '../domain/record.js';
import type { JobResult } from '../workflows/messages.js';
import { answersTo } from './answer-commands.js';
import { isTerminal, type TaskView } from './task-view.js';
import type { RunReport } from './run-report.js';

/** Of the sign that something moves. */
export const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** The line that is drawn again and again on a terminal. */
export function progressLine(view: TaskView, elapsedMs: number, frame: number): string {
  const spent = [`${totalTokens(view.spending)} tokens`, usd(view.spending), duration(elapsedMs)];
  return [FRAMES[frame % FRAMES.length], phaseLine(view), '·', spent.join(' · ')].join(' ');
}

/** `running · attempt 2 of 5 · asking gpt-x`: one line for each change where nobody watches a terminal. */
export function phaseLine(view: TaskView, nowMs = Date.now()): string {
  const { state, attempt, attemptsMax, retrying, wakesAt } = view;
  // The workflow's own words begin with the attempt where there is one.
  const phase = oneLine(view.phase).replace(/^attempt \d+( of \d+)?(: *|$)/, '');
  return [
    state,
    ...(isTerminal(view) || state === 'pending'
      ? []
      : [attemptsMax === null ? `attempt ${attempt}` : `attempt ${attempt} of ${attemptsMax}`]),
    ...(phase === '' || phase === state ? [] : [phase]),
    ...(wakesAt !== null && wakesAt > nowMs ? [`goes on in ${duration(wakesAt - nowMs)}`] : []),
    ...(retrying === null ? [] : [oneLine(retrying)]),
  ].join(' · ');
}

/** The whole of a task's status, several lines. */
export function statusLines(view: TaskView): readonly string[] {
  const shown = view.failure === null ? null : showFailure(view.failure);
  return fields([
    ['task', view.taskId],
    ['title', oneLine(view.title)],
    ['state', phaseLine(view)],
    ...peopleFields(view),
    ['branch', branchWords(view)],
    ...pullRequestField(view.pullRequest),
    ['tests', view.tests === undefined ? '' : countWords(view.tests)],
    ...warningFields(view.warnings),
    ['spent', `${view.spending.callsSent} calls, ${totalTokens(view.spending)} tokens, ${usd(view.spending)}`],
    ['failure', shown === null ? '' : `${shown.code}: ${shown.message}`],
    ['next', shown?.next ?? ''],
    ['web ui', view.webUrl ?? ''],
    ['source', sourceWords(view)],
  ]);
}

/** A name alone would be looked for on the remote. */
const branchWords = ({ branch, state }: Pick<TaskView, 'branch' | 'state'>): string =>
  branch === null || !isTerminal({ state }) || state === 'succeeded'
    ? (branch ?? '')
    : `${branch} (nothing has landed)`;

/** Who told it, if it was not the worker. */
/** What concerns people, and where the task stands among others. */
function peopleFields({
  taskId,
  question,
  paused,
  parent,
  children,
}: TaskView): readonly (readonly [string, string])[] {
  return [
    ['paused', paused == null ? '' : `by ${oneLine(paused.by)}: ${oneLine(paused.why)}`],
    ['asks', question == null ? '' : oneLine(question.text)],
    ...(question == null ? [] : answersTo(taskId, question).map((command) => ['answer', command] as const)),
    ['came of', parent ?? ''],
    ['split', children === undefined || children.length === 0 ? '' : `into ${children.join(', ')}`],
  ];
}

export function sourceWords({ source, unanswered }: Pick<TaskView, 'source' | 'unanswered'>): string {
  if (source === 'worker') return '';
  return unanswered === 'workerFails' ? 'the Temporal server (the worker cannot carry it on)' : SOURCES[source];
}

const SOURCES = {
  server: 'the Temporal server (no worker answers)',
  store: 'the records of this host',
} as const;

/** How a run ended. */
export function endLines(report: RunReport, result: JobResult | null): readonly string[] {
  const landing = result?.task.landing ?? null;
  return fields([
    ['task', report.taskId ?? ''],
    ['branch', report.branch ?? ''],
    [
      'commit',
      report.commit === null ? '' : `${report.commit}${report.base === null ? '' : ` on ${report.base.slice(0, 12)}`}`,
    ],
    ['changed', landing === null ? '' : statOf(landing)],
    ...pullRequestField(result?.task.pullRequest),
    ...warningFields(report.warnings),
    ['spent', spentOf(report, result?.task.spending.unpriced ?? false)],
    ['failure', report.failure === null ? '' : `${report.failure.code}: ${report.failure.message}`],
    ['next', report.failure?.next ?? ''],
    ['web ui', report.webUrl ?? ''],
  ]);
}

const warningFields = (warnings: readonly string[] = []): readonly (readonly [string, string])[] =>
  warnings.map((warning) => ['warning', oneLine(warning)] as const);

const pullRequestField = (ended: PullRequestEnd | undefined): readonly (readonly [string, string])[] =>
  ended === undefined ? [] : [['request', oneLine(pullRequestWords(ended))]];

/** `3 files, +12 −4` */
export const statOf = ({
  filesChanged,
  insertions,
  deletions,
}: {
  readonly filesChanged: number;
  readonly insertions: number;
  readonly deletions: number;
}): string => `${filesChanged} ${filesChanged === 1 ? 'file' : 'files'}, +${insertions} −${deletions}`;

function spentOf({ attempts, calls, tokens, costUsdMicros }: RunReport, unpriced: boolean): string {
  const doubt = calls.inDoubt === 0 ? '' : ` (${calls.inDoubt} in doubt)`;
  return `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}, ${calls.sent} ${calls.sent === 1 ? 'call' : 'calls'}${doubt}, ${tokens} tokens, ${usd({ costUsdMicros, unpriced })}`;
}

/** Aligned names; a field without a value is left out. */
export function fields(pairs: readonly (readonly [string, string])[]): readonly string[] {
  return pairs.filter(([, value]) => value !== '').map(([name, value]) => `${name.padEnd(9)}${value}`);
}

/** `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min` */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Text from outside cannot move the cursor or fake lines. */
// eslint-disable-next-line no-control-regex
export const oneLine = (text: string): string => text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/gu, ' ').trim();
