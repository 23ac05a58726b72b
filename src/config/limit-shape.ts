/** What a provider of weaver.config.yaml may say of its limits. */
import { z } from 'zod';
import { BREAKER_DEFAULTS } from '../domain/circuit-breaker.js';

/** Beyond these a number is a slip. */
const BOUNDS = {
  /** Ten thousand a second. */
  requestsPerMinute: 600_000,
  tokensPerMinute: 1_000_000_000,
  windowSeconds: 3_600,
  failures: 1_000,
  pauseSeconds: 3_600,
} as const;

const whole = (maximum: number) => z.number().int('must be a whole number').min(1).max(maximum);

const breakerShape = {
  /** In a row. */
  failures: whole(BOUNDS.failures).default(BREAKER_DEFAULTS.failures),
  pauseSeconds: whole(BOUNDS.pauseSeconds).default(BREAKER_DEFAULTS.pauseSeconds),
};

/** Fields of a provider; none of them = every home counts its own concurrency, and nothing else is limited. */
export const limitShape = {
  requestsPerMinute: whole(BOUNDS.requestsPerMinute).optional(),
  tokensPerMinute: whole(BOUNDS.tokensPerMinute).optional(),
  /** In which the endpoint counts; shorter ones spread the requests over the minute. */
  windowSeconds: whole(BOUNDS.windowSeconds).optional(),
  /** `concurrency` holds over all workers. */
  shared: z.boolean().optional(),
  breaker: z.strictObject(breakerShape).optional(),
};

export const breakerFields: readonly string[] = Object.keys(breakerShape);
