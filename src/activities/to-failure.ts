/** From what a port throws to what Temporal understands: a code of the catalogue, retryable or not, without secrets. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import type { FailureCode } from '../domain/failures.js';
import { PortFault } from '../ports.js';

/** A message is a payload too, and is read by people. */
const MESSAGE_CHARACTERS_MAX = 1_000;

export const failureInterceptor =
  (redact: (text: string) => string) =>
  (context: Context): ActivityInboundCallsInterceptor => ({
    async execute(
      input: ActivityExecuteInput,
      next: Next<ActivityInboundCallsInterceptor, 'execute'>,
    ): Promise<unknown> {
      try {
        return await next(input);
      } catch (thrown) {
        if (thrown instanceof CancelledFailure || context.cancellationSignal.aborted) throw thrown;
        throw toFailure(thrown, redact);
      }
    },
  });

function toFailure(thrown: unknown, redact: (text: string) => string): ApplicationFailure {
  if (thrown instanceof ApplicationFailure) return thrown;
  const { code, retryable, retryAfterMs, message } = describe(thrown);
  return ApplicationFailure.create({
    type: code,
    message: redact(message).slice(0, MESSAGE_CHARACTERS_MAX),
    nonRetryable: !retryable,
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs }),
  });
}

interface Described {
  readonly code: FailureCode;
  readonly retryable: boolean;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
}

/** Errors of the file system carry their reason in `code`. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT']);

function describe(thrown: unknown): Described {
  if (thrown instanceof PortFault) return thrown;
  if (!(thrown instanceof Error)) return { code: 'infrastructure', retryable: true, message: String(thrown) };
  const reason = 'code' in thrown ? String(thrown.code) : '';
  return {
    code: DISK_FULL.has(reason) ? 'diskFull' : 'infrastructure',
    retryable: true,
    message: `${thrown.name}: ${thrown.message}`,
  };
}
