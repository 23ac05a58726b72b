/** Every way in which a call to a model can fail, whatever the endpoint, its protocol and the mode it is asked in. */
import { catalogueEntry, EXIT_CODES, type FailureCode, type Heals } from './failures.js';

/** In the words of people, and the code of each in the catalogue. */
const CALL_FAILURES: readonly (readonly [name: string, code: FailureCode])[] = [
  ['rate limit', 'rateLimited'],
  ['quota', 'quotaExhausted'],
  ['timeout', 'modelTimeout'],
  ['connection', 'modelUnreachable'],
  ['authentication', 'modelCredentials'],
  ['not found', 'modelNotFound'],
  ['invalid request', 'modelRequestInvalid'],
  ['context overflow', 'contextOverflow'],
  ['content filter', 'contentFiltered'],
  ['refusal', 'modelRefused'],
  ['truncated', 'truncatedAnswer'],
  ['malformed', 'malformedAnswer'],
  ['server', 'modelServer'],
  ['cancelled', 'cancelled'],
];

const RETRY_RULES: Readonly<Record<Heals, string>> = {
  outage: 'the same call again, 4 times, after the pause asked for; then the task waits until it is over',
  model: 'not this model again; the next one of the ladder',
  attempt: 'the next attempt, which is told why',
  never: 'never',
};

export interface CallFailureRow {
  readonly name: string;
  readonly code: FailureCode;
  readonly family: string;
  readonly exitCode: number;
  readonly retryRule: string;
  readonly next: string;
}

/** The table of them, as docs/how-to/models.md prints it. */
export const callFailures = (): readonly CallFailureRow[] =>
  CALL_FAILURES.map(([name, code]) => {
    const { family, heals, next } = catalogueEntry(code);
    return { name, code, family, exitCode: EXIT_CODES[family], retryRule: RETRY_RULES[heals], next };
  });
