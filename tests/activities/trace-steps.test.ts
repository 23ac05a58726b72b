/** What steps tell a tracer; in the SDK's activity environment. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { stepTrace, tellCall, traceInterceptor } from '../../src/activities/trace-steps';
import { NOTHING_SPENT } from '../../src/domain/record';
import { textParts } from '../../src/domain/text-parts';
import type { CallRequest, CallResult, SentRequest, TracedCall } from '../../src/ports';

let told: readonly unknown[];
beforeEach(() => {
  told = [];
});

const say = (...words: readonly unknown[]): void => void (told = [...told, words]);

/** Writes down what it hears. */
const inbound = traceInterceptor({
  began: (step) => {
    say('began', step);
    return {
      called: ({ callId, output, purpose, end }: TracedCall) => say('called', callId, output, purpose, end),
      used: ({ tool }) => say('used', tool),
      ended: (result) => say('ended', result),
    };
  },
  attempted: (_step, attempt) => say('attempted', attempt),
});

const INFO = {
  activityType: 'callModel',
  workflowType: 'codingTask',
  activityId: 'a2.t3',
  attempt: 4,
  scheduledTimestampMs: 1_000,
  workflowExecution: { workflowId: 'job/fix/t/0', runId: 'run-1' },
};

async function run(work: () => Promise<unknown>, info: object = {}, args: readonly unknown[] = []): Promise<unknown> {
  const environment = new MockActivityEnvironment(
    { ...INFO, ...info },
    { interceptors: [(context) => ({ inbound: inbound(context) })] },
  );
  return await environment.run(work as (...given: unknown[]) => Promise<unknown>, ...args);
}

const SENT: SentRequest = { number: 1, startedAt: 1_500, endedAt: 2_000, costUsdMicros: 0, unpriced: true };
const ANSWERED: CallResult = {
  kind: 'answered',
  text: 'what was said',
  finishReason: 'stop',
  model: 'm-1',
  latencyMs: 500,
  spending: NOTHING_SPENT,
  sent: SENT,
};
const request = (more: Partial<CallRequest> = {}) =>
  ({ callId: 'ab', lineage: 'l', provider: {}, messages: [], ...more }) as unknown as CallRequest;

const call = async (result: CallResult, more?: Partial<CallRequest>): Promise<readonly unknown[]> => {
  await run(async () => tellCall(Context.current(), request(more), result));
  return told.slice(1, -1);
};

it('says where a step belongs, and how it ended', async () => {
  await run(async () => stepTrace()?.used({ tool: 'run', callId: 'c', startedAt: 1, endedAt: 2, isError: false }));
  const failed = ApplicationFailure.create({ type: 'modelServer', message: 'words of the endpoint' });
  await expect(run(() => Promise.reject(failed), { activityId: '7', attempt: 1, workflowType: 'job' })).rejects.toThrow(
    'words of the endpoint',
  );
  const place = { job: 'job/fix', task: 'job/fix/t/0', step: 'callModel', runId: 'run-1' };
  expect(told).toEqual([
    ['began', { ...place, isOfTask: true, attempt: 2, turn: 3, try: 4 }],
    ['used', 'run'],
    ['ended', 'done'],
    ['began', { ...place, isOfTask: false }],
    ['ended', 'modelServer'],
  ]);
});

it('tells of a request that was sent for the step', async () => {
  const { sent: _, ...unsent } = ANSWERED;
  expect(await call(ANSWERED)).toEqual([
    ['called', 'ab', 'text', 'real', { kind: 'answered', model: 'm-1', finishReason: 'stop' }],
  ]);
  told = [];
  expect(await call(unsent)).toEqual([]);
});

it('tells nothing of an answer that was paid for before the step was asked for', async () => {
  expect(await call({ ...ANSWERED, sent: { ...SENT, endedAt: 999 } })).toEqual([]);
});

it('tells what was asked for, and that it stopped to call tools', async () => {
  const schema = { name: 'answer', schema: {} };
  const toolCalls = [{ id: 'c', name: 'run', arguments: '{}' }];
  expect(await call({ ...ANSWERED, toolCalls }, { schema, purpose: 'judge' })).toEqual([
    ['called', 'ab', 'json', 'judge', { kind: 'answered', model: 'm-1', finishReason: 'tool_calls' }],
  ]);
});

it('tells of an attempt when its account is written', async () => {
  const attempt = { attempt: 1, startedAt: 5, endedAt: 9 };
  const outcome = { kind: 'failed', failure: { code: 'checksFailed' } };
  const entries = [
    { sequence: 0, record: { kind: 'attempt', ...attempt, outcome } },
    { sequence: 1, record: { kind: 'decision', decision: { kind: 'retry' } } },
  ];
  const parts = textParts({ taskId: 'job/fix/t/0', status: {}, entries });
  await run(async () => undefined, { activityType: 'record' }, parts);
  await expect(run(() => Promise.reject(new Error('disk')), { activityType: 'record' }, parts)).rejects.toThrow('disk');
  expect(told.filter((words) => Array.isArray(words) && words[0] === 'attempted')).toEqual([
    ['attempted', { ...attempt, outcome: 'failed', failure: 'checksFailed' }],
  ]);
});

it('tells nobody where nobody is to be told', async () => {
  await new MockActivityEnvironment(INFO).run(async () => tellCall(Context.current(), request(), ANSWERED));
  expect(told).toEqual([]);
});
