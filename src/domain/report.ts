/** What the Web UI shows of a task: Markdown without images or HTML. */
import { countWords } from './gate.js';
import type { AttemptRecord, DecisionRecord, Spending } from './record.js';
import { totalTokens } from './record.js';
import { showFailure, type Failure } from './failures.js';

interface ShownTask {
  readonly title: string;
  readonly state: string;
  readonly phase: string;
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly branch: string | null;
  readonly spending: Spending;
  readonly failure: Failure | null;
  readonly question?: { readonly kind: string; readonly text: string } | null;
  readonly children?: readonly string[];
  readonly parent?: string | null;
  readonly taskId: string;
}

/** The page holds 20 KB; the newest attempts matter most. */
const ATTEMPTS_SHOWN = 20;

export function describeTask(
  task: ShownTask,
  attempts: readonly AttemptRecord[],
  decision: DecisionRecord | null,
): string {
  return [
    `**${cell(task.title)}**`,
    `${task.state}: ${task.phase}`,
    `attempt ${task.attempt} of ${task.attemptsMax}, ${totalTokens(task.spending)} tokens, ${usd(task.spending)}${task.branch === null ? '' : `, branch \`${task.branch}\``}`,
    ...(attempts.length === 0 ? [] : [attemptTable(attempts)]),
    ...(decision === null ? [] : [`Last decision: **${decision.decision.kind}** because ${decision.decision.reason}.`]),
    ...(task.failure === null ? [] : [failureLine(task.failure)]),
    ...questionLines(task),
    ...linkLines(task),
  ].join('\n\n');
}

/** `$0.0123`, or `≥ $0.0123` where a part has no price. */
export const usd = ({ costUsdMicros, unpriced }: Pick<Spending, 'costUsdMicros' | 'unpriced'>): string =>
  `${unpriced ? '≥ ' : ''}$${(costUsdMicros / 1_000_000).toFixed(4)}`;

function attemptTable(attempts: readonly AttemptRecord[]): string {
  const rows = attempts.slice(-ATTEMPTS_SHOWN).map((attempt) => {
    const verdict = verdictOf(attempt.outcome);
    const verdicts = attempt.checks.map(({ name, passed }) => `${passed ? '✓' : '✗'} ${cell(name)}`).join(', ');
    const checks = attempt.tests === undefined ? verdicts : `${verdicts} (${countWords(attempt.tests)})`;
    const took = `${((attempt.endedAt - attempt.startedAt) / 1_000).toFixed(1)} s`;
    return `| ${attempt.attempt} | ${verdict} | ${checks} | ${cell(attempt.model)} | ${totalTokens(attempt.spending)} | ${usd(attempt.spending)} | ${took} |`;
  });
  return [
    '| attempt | verdict | checks | model | tokens | cost | time |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

const COMMANDS: Readonly<Record<string, (taskId: string) => string>> = {
  approval: (taskId) => `weaver approve ${taskId}`,
  work: (taskId) => `weaver done ${taskId}`,
};

/** What a person is asked, with the command that answers it. */
function questionLines({ question, taskId }: ShownTask): readonly string[] {
  if (question === undefined || question === null) return [];
  const command = COMMANDS[question.kind]?.(taskId) ?? `weaver answer ${taskId} 'TEXT'`;
  return [`Asks: **${cell(question.text)}**`, `Answer with \`${command}\`.`];
}

/** Both ways between a task and what it was split into. */
function linkLines({ children = [], parent = null, taskId }: ShownTask): readonly string[] {
  const at = (path: string): string => `\`${taskId.slice(0, taskId.lastIndexOf('/t/'))}/t/${path}\``;
  return [
    ...(children.length === 0 ? [] : [`Split into ${children.map(at).join(', ')}.`]),
    ...(parent === null ? [] : [`Part of ${at(parent)}.`]),
  ];
}

function verdictOf(outcome: AttemptRecord['outcome']): string {
  if (outcome.kind === 'succeeded') return 'passed';
  return outcome.kind === 'proposed' ? `plan of ${outcome.children.length} tasks` : outcome.failure.code;
}

function failureLine(failed: Failure): string {
  const { code, message, next } = showFailure(failed);
  return `\`${code}\`: ${cell(message.slice(0, 500))} ${next}`;
}

/** Text from outside must not break the table or become markup. */
const cell = (text: string): string => text.replace(/[\r\n]+/g, ' ').replace(/[|`*_<>[\]]/g, (mark) => `\\${mark}`);
