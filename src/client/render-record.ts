/** The account of a task for a person: its attempts, checks and decisions; pure. */
import type { AttemptRecord, CheckVerdict, DecisionRecord } from '../domain/record.js';
import { totalTokens } from '../domain/record.js';
import { usd } from '../domain/report.js';
import type { Outcome } from '../domain/outcome.js';
import { duration, oneLine, statOf } from './render-task.js';
import type { StoredEntry } from './stored-task.js';

export const entryLines = (entry: StoredEntry): readonly string[] => {
  switch (entry.kind) {
    case 'attempt':
      return attemptLines(entry);
    case 'decision':
      return decisionLines(entry);
    case 'cancelled':
      return [`${time(entry.at)}  cancelled by ${oneLine(entry.requester)}: ${oneLine(entry.reason)}`];
    default:
      throw new TypeError(`unknown entry ${JSON.stringify(entry satisfies never)}`);
  }
};

function attemptLines(attempt: AttemptRecord): readonly string[] {
  const spent = `${totalTokens(attempt.spending)} tokens, ${usd(attempt.spending)}`;
  return [
    `${time(attempt.startedAt)}  attempt ${attempt.attempt}: ${outcomeWords(attempt.outcome)}`,
    `  ${[attempt.model, spent, duration(attempt.endedAt - attempt.startedAt), ...attempt.workers].filter((part) => part !== '').join(' · ')}`,
    ...attempt.checks.map((check) => `  ${checkWords(check)}`),
  ];
}

export const checkWords = ({ name, passed, exitCode, timedOut, durationMs }: CheckVerdict): string =>
  `${passed ? '✓' : '✗'} ${oneLine(name)}: ${passed ? 'passed' : timedOut ? 'ran out of time' : exitCode === null ? 'was killed' : `exit ${exitCode}`}, ${duration(durationMs)}`;

function outcomeWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'succeeded':
      return `succeeded with ${outcome.landing.commit.slice(0, 12)} on ${outcome.landing.branch} (${statOf(outcome.landing)})`;
    case 'failed':
      return `failed, ${outcome.failure.code}: ${oneLine(outcome.failure.detail)}`;
    case 'blocked':
      return `blocked on ${outcome.waitingOn}, ${outcome.failure.code}: ${oneLine(outcome.failure.detail)}`;
    default:
      throw new TypeError(`unknown outcome ${JSON.stringify(outcome satisfies never)}`);
  }
}

export function decisionLines({ decidedAt, decision, decider }: DecisionRecord): readonly string[] {
  const delayMs = 'delayMs' in decision ? decision.delayMs : 'probeMs' in decision ? decision.probeMs : null;
  return [
    `${time(decidedAt)}  ${decision.kind}${delayMs === null ? '' : ` in ${duration(delayMs)}`}: ${oneLine(decision.reason)} (${decider})`,
  ];
}

/** UTC, to the second: the same words on every machine. */
const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
