/** What is counted: every step with its waiting and its time, every call with its cost, and from a task's account how it goes. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { fieldOf, fieldText, isTerminalState } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import { NOTHING_SPENT, type Spending } from '../domain/record.js';
import { remember } from '../domain/remembered.js';
import type { Meter } from '../ports.js';
import type { RecordInput } from './contract.js';
import { howItFailed } from './step-place.js';

/** A step that runs again reports what it has reported before. So much of the latest is remembered: days of a busy worker. */
const REMEMBERED = 20_000;

export function measureInterceptor(meter: Meter): (context: Context) => ActivityInboundCallsInterceptor {
  const counted = new Counted(meter);
  return (context) => ({
    async execute(
      input: ActivityExecuteInput,
      next: Next<ActivityInboundCallsInterceptor, 'execute'>,
    ): Promise<unknown> {
      const { activityType: step, attempt, currentAttemptScheduledTimestampMs: scheduledAt } = context.info;
      const startedAt = performance.now();
      meter.began(step, Math.max(0, Date.now() - scheduledAt), attempt);
      const end = (result: string, value: unknown): void => {
        const tookMs = performance.now() - startedAt;
        meter.ended(step, result, tookMs);
        if (step === 'callModel') counted.call(input.args[0], result, value, tookMs);
        if (step === 'record' && result === 'done') counted.account(input.args);
      };
      try {
        const result = await next(input);
        end('done', result);
        return result;
      } catch (thrown) {
        end(howItFailed(context, thrown), detailsOf(thrown));
        throw thrown;
      }
    },
  });
}

/** Counts once what is told more than once. */
class Counted {
  private readonly spending = new Map<string, Spending>();
  private readonly seen = new Map<string, true>();
  constructor(private readonly meter: Meter) {}

  /** `value` is the result of the call, or what travels with its fault: both say what the call has spent in all. */
  call(input: unknown, result: string, value: unknown, tookMs: number): void {
    const [provider, model] = [fieldText(input, 'provider'), fieldText(input, 'model')];
    this.meter.called({ provider, model, result, tookMs });
    const spent = fieldOf(value, 'spending');
    if (!isSpending(spent)) return;
    const key = `${fieldText(input, 'lineage')}#${fieldText(input, 'name')}`;
    const before = this.spending.get(key) ?? NOTHING_SPENT;
    remember(this.spending, key, spent, REMEMBERED);
    const more = (of: (spending: Spending) => number): number => Math.max(0, of(spent) - of(before));
    const tokens = {
      prompt: more(({ tokens: { prompt } }) => prompt),
      cached: more(({ tokens: { cached } }) => cached),
      completion: more(({ tokens: { completion } }) => completion),
      reasoning: more(({ tokens: { reasoning } }) => reasoning),
    };
    this.meter.spent(
      provider,
      model,
      tokens,
      more(({ costUsdMicros }) => costUsdMicros),
    );
  }

  /** @param parts what `record` is given: the only place where a worker hears of attempts, decisions and ends */
  account(parts: readonly unknown[]): void {
    const { taskId, status, entries } = fromTextParts(parts.map(String)) as RecordInput;
    for (const { sequence, record } of entries) {
      if (!this.isNew(`${taskId}#${sequence}`)) continue;
      const kind = fieldText(record, 'kind');
      if (kind === 'attempt') this.attempt(fieldOf(record, 'outcome'));
      if (kind === 'decision') this.meter.decided(fieldText(fieldOf(record, 'decision'), 'kind'));
    }
    const state = fieldText(status, 'state');
    if (isTerminalState(state) && this.isNew(taskId)) this.meter.taskEnded(state);
  }

  private attempt(outcome: unknown): void {
    const code = fieldText(fieldOf(outcome, 'failure'), 'code');
    this.meter.attempted(fieldText(outcome, 'kind'), code === '' ? null : code);
  }

  private isNew(key: string): boolean {
    if (this.seen.has(key)) return false;
    remember(this.seen, key, true, REMEMBERED);
    return true;
  }
}

const isSpending = (value: unknown): value is Spending =>
  typeof fieldOf(value, 'costUsdMicros') === 'number' &&
  typeof fieldOf(fieldOf(value, 'tokens'), 'prompt') === 'number';

const detailsOf = (thrown: unknown): unknown =>
  thrown instanceof ApplicationFailure ? thrown.details?.[0] : undefined;
