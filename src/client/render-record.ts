/** The account of a task for a person: its attempts, checks and decisions; pure. */
import type { AttemptRecord, CheckVerdict, DecisionRecord } from '../domain/record.js';
import { totalTokens } from '../domain/record.js';
import { criteriaWords } from '../domain/criteria-words.js';
import { countWords } from '../domain/gate.js';
import { usd } from '../domain/report.js';
import type { Outcome } from '../domain/outcome.js';
import { duration, oneLine, statOf } from './render-task.js';
import type { StoredEntry } from './stored-task.js';
import type { AskedEntry } from '../domain/entries.js';

export const entryLines = (entry: StoredEntry): readonly string[] => {
  switch (entry.kind) {
    case 'attempt':
      return attemptLines(entry);
    case 'decision':
      return decisionLines(entry);
    case 'cancelled':
      return [`${time(entry.at)}  cancelled by ${oneLine(entry.requester)}: ${oneLine(entry.reason)}`];
    case 'question':
      return [`${time(entry.at)}  asked (${entry.question.id}): ${oneLine(entry.question.text)}`];
    case 'answered':
      return [`${time(entry.at)}  answered by ${oneLine(entry.by)}: ${oneLine(entry.answer)}${because(entry.why)}`];
    case 'said':
      return [
        `${time(entry.at)}  ${entry.update} by ${oneLine(entry.by)}: ${oneLine(entry.detail)}${because(entry.why)}`,
      ];
    case 'handlerChosen':
      return [`${time(entry.at)}  handler ${entry.handler}: ${oneLine(entry.reason)}`];
    case 'asked':
      return [
        `${time(entry.at)}  asked ${entry.answers.length} (${entry.mode}, ${entry.turn}): ${oneLine(entry.reason)}`,
        ...answerWords(entry).map((words) => `  ${words.startsWith('→') ? '' : '  '}${oneLine(words)}`),
      ];
    case 'note':
      return [`${time(entry.at)}  ${entry.about}: ${oneLine(entry.text)}`];
    case 'notice':
      return [`${time(entry.at)}  ${Math.round((100 * entry.used) / entry.limit)} % of ${entry.budget} used`];
    case 'created':
      return [`${time(entry.at)}  ${entry.tasks.length} tasks: ${entry.tasks.map(({ path }) => path).join(', ')}`];
    case 'tasks':
      return [
        `${time(entry.at)}  ${entry.rows.length} tasks at the end: ${entry.rows.map(({ path, state }) => `${path} ${state}`).join(', ')}`,
      ];
    case 'job':
      return [`${time(entry.at)}  job ${entry.state}: ${oneLine(entry.title)}`];
    default:
      throw new TypeError(`unknown entry ${JSON.stringify(entry satisfies never)}`);
  }
};

/** One line an answer: the one that was taken is marked. */
export const answerWords = ({ answers, winner }: AskedEntry): readonly string[] =>
  answers.map(({ index, provider, model, status, why, latencyMs, costUsdMicros, unpriced }) => {
    const mark = index === winner ? '→ ' : '';
    const took = latencyMs === null ? '' : `, ${duration(latencyMs)}`;
    const cost = costUsdMicros === null ? '' : `, ${usd({ costUsdMicros, unpriced })}`;
    const name = `${provider}${model === null ? '' : `/${model}`}`;
    return `${mark}${index + 1} ${name}: ${status}${took}${cost}${why === '' ? '' : `: ${why}`}`;
  });

const because = (why: string): string => (why === '' ? '' : ` (${oneLine(why)})`);

function attemptLines(attempt: AttemptRecord): readonly string[] {
  const spent = `${totalTokens(attempt.spending)} tokens, ${usd(attempt.spending)}`;
  return [
    `${time(attempt.startedAt)}  attempt ${attempt.attempt}: ${outcomeWords(attempt.outcome)}`,
    `  ${[attempt.model, spent, duration(attempt.endedAt - attempt.startedAt), ...attempt.workers].filter((part) => part !== '').join(' · ')}`,
    ...(attempt.notes ?? []).map((note) => `  ${oneLine(note)}`),
    ...attempt.checks.map((check) => `  ${checkWords(check)}`),
    ...(attempt.sandbox === null || attempt.checks.length === 0 ? [] : [`  checked in: ${attempt.sandbox}`]),
    ...(attempt.tests === undefined ? [] : [`  tests: ${countWords(attempt.tests)}`]),
    ...(attempt.criteria === undefined ? [] : [`  criteria: ${criteriaWords(attempt.criteria)}`]),
  ];
}

export const checkWords = ({ name, passed, exitCode, timedOut, durationMs }: CheckVerdict): string =>
  `${passed ? '✓' : '✗'} ${oneLine(name)}: ${passed ? 'passed' : timedOut ? 'ran out of time' : exitCode === null ? 'was killed' : `exit ${exitCode}`}, ${duration(durationMs)}`;

export function outcomeWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'succeeded':
      return `succeeded with ${outcome.landing.commit.slice(0, 12)} on ${outcome.landing.branch} (${statOf(outcome.landing)})`;
    case 'failed':
      return `failed, ${outcome.failure.code}: ${oneLine(outcome.failure.detail)}`;
    case 'blocked':
      return `blocked on ${outcome.waitingOn}, ${outcome.failure.code}: ${oneLine(outcome.failure.detail)}`;
    case 'proposed':
      return `proposed ${outcome.children.length} tasks`;
    default:
      throw new TypeError(`unknown outcome ${JSON.stringify(outcome satisfies never)}`);
  }
}

export function decisionLines({ decidedAt, decision, decider, notes = [], shadow }: DecisionRecord): readonly string[] {
  const delayMs = 'delayMs' in decision ? decision.delayMs : 'probeMs' in decision ? decision.probeMs : null;
  return [
    `${time(decidedAt)}  ${decision.kind}${delayMs === null ? '' : ` in ${duration(delayMs)}`}: ${oneLine(decision.reason)} (${decider})`,
    ...notes.map((note) => `  ${oneLine(note)}`),
    ...(shadow === undefined
      ? []
      : [
          `  ${shadow.decider} would: ${shadow.decision.kind}, ${oneLine(shadow.decision.reason)}`,
          ...(shadow.notes ?? []).map((note) => `    ${oneLine(note)}`),
        ]),
  ];
}

/** UTC, to the second: the same words on every machine. */
const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
