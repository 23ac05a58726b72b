/** Spans and metrics as a receiver gets them over HTTP. */
import { startOpenTelemetry, type OpenTelemetry } from '../../../src/adapters/telemetry/open-telemetry';
import type { OtlpTarget, TracedCall, TracedStep } from '../../../src/ports';
import { until } from '../model/model-world';
import { startCollector, type CollectedSpan, type Collector } from './collector';

const RUN = '0195f3a1-7b22-7c3d-8e4f-5a6b7c8d9e0f';
const TRACE = RUN.replaceAll('-', '');
const BEGAN = Date.UTC(2026, 10, 21, 12);

const STEP: TracedStep = {
  step: 'callModel',
  runId: RUN,
  isOfTask: true,
  job: 'job/fix',
  task: 'job/fix/t/0',
  attempt: 2,
  turn: 3,
  try: 4,
};
const PLACE = {
  'weaver.job.id': 'job/fix',
  'weaver.task.id': 'job/fix/t/0',
  'weaver.attempt': 2,
  'weaver.turn': 3,
  'weaver.try': 4,
};
const { attempt: _attempt, turn: _turn, try: _try, ...OUTSIDE } = STEP;

const callOf = (changes: Partial<TracedCall> = {}): TracedCall => ({
  callId: 'ab12',
  provider: {
    name: 'work',
    baseUrl: 'https://api.anthropic.com/v1',
    keyVariable: 'KEY',
    model: 'claude-x',
    level: 'tools',
    concurrency: 4,
    callTimeoutSeconds: 120,
    idleTimeoutSeconds: 30,
    maxOutputTokens: 1_000,
    sampling: { temperature: 0.5, topP: 0.9, seed: 7, stop: ['END'] },
  },
  purpose: 'real',
  output: 'json',
  sent: {
    number: 1,
    startedAt: BEGAN,
    endedAt: BEGAN + 2_500,
    tokens: { prompt: 900, cached: 300, completion: 40, reasoning: 10 },
    costUsdMicros: 1_500,
    unpriced: false,
  },
  end: { kind: 'answered', model: 'claude-x-2', finishReason: 'tool_calls' },
  ...changes,
});

const KIND = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'anthropic',
  'gen_ai.request.model': 'claude-x',
  'server.address': 'api.anthropic.com',
  'server.port': 443,
};

let collector: Collector;
let telemetry: OpenTelemetry;
let warnings: string[];

const target = (path: string, more: Partial<OtlpTarget> = {}): OtlpTarget => ({
  url: `${collector.url}/v1/${path}`,
  protocol: 'http/json',
  headers: { 'x-team': 'secret-of-the-team' },
  ...more,
});

async function start(more: Partial<OtlpTarget> = {}, everyMs = 60_000): Promise<OpenTelemetry> {
  // Those of an earlier test may come late.
  const heard = warnings;
  return await startOpenTelemetry({
    settings: { traces: target('traces', more), metrics: { ...target('metrics', more), everyMs, timeoutMs: everyMs } },
    identity: '7@host',
    onWarning: (says) => heard.push(says),
  });
}

beforeEach(async () => {
  warnings = [];
  collector = await startCollector();
  telemetry = await start();
});
afterEach(async () => {
  await telemetry.stop(100);
  await collector.stop();
});

/** All that has been told; each started telemetry ends so. */
const sent = async (): Promise<readonly CollectedSpan[]> => {
  await telemetry.stop(5_000);
  return collector.spans();
};

const named = (spans: readonly CollectedSpan[], name: string): CollectedSpan => {
  const found = spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`no span ${name} among ${spans.map((span) => span.name).join(', ')}`);
  return found;
};

describe('a call of a model', () => {
  it('is a span in the words of the conventions, below its step, below its attempt', async () => {
    const step = telemetry.began(STEP);
    step.called(callOf());
    step.ended('done');
    const ended = { startedAt: BEGAN - 100, endedAt: BEGAN + 9_000, outcome: 'succeeded', failure: null };
    telemetry.attempted({ ...OUTSIDE, step: 'record' }, { attempt: 2, ...ended });
    const spans = await sent();
    const [call, made, attempt] = ['chat claude-x', 'callModel', 'attempt'].map((name) => named(spans, name));
    expect([call?.parentSpanId, made?.parentSpanId, attempt?.parentSpanId]).toEqual([
      made?.spanId,
      attempt?.spanId,
      null,
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
    expect(call).toMatchObject({ kind: 'client', startMs: BEGAN, endMs: BEGAN + 2_500, failed: false });
    expect(call?.attributes).toEqual({
      ...PLACE,
      ...KIND,
      'gen_ai.response.model': 'claude-x-2',
      'gen_ai.response.finish_reasons': ['tool_calls'],
      'gen_ai.output.type': 'json',
      'gen_ai.request.max_tokens': 1_000,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.top_p': 0.9,
      'gen_ai.request.seed': 7,
      'gen_ai.request.stop_sequences': ['END'],
      'gen_ai.usage.input_tokens': 900,
      'gen_ai.usage.output_tokens': 40,
      'gen_ai.usage.cache_read.input_tokens': 300,
      'gen_ai.usage.reasoning.output_tokens': 10,
      'weaver.provider': 'work',
      'weaver.call.id': 'ab12',
      'weaver.call.number': 1,
      'weaver.call.purpose': 'real',
      'weaver.call.cost_usd': 0.0015,
    });
    expect(made?.attributes).toEqual({ ...PLACE, 'weaver.result': 'done' });
    expect(attempt).toMatchObject({ startMs: BEGAN - 100, endMs: BEGAN + 9_000, failed: false });
    expect(call?.resource).toMatchObject({ 'service.name': 'weaver', 'service.instance.id': '7@host' });
  });

  it('that fails says by which code, and nothing of what was said', async () => {
    const step = telemetry.began(STEP);
    const { tokens: _, ...without } = callOf().sent;
    const end = { kind: 'failed', code: 'rateLimited' } as const;
    step.called(callOf({ end, sent: { ...without, unpriced: true } }));
    step.ended('rateLimited');
    const spans = await sent();
    const call = named(spans, 'chat claude-x');
    expect(call).toMatchObject({ failed: true, attributes: { 'error.type': 'rateLimited' } });
    const names = Object.keys(call.attributes);
    expect(names.filter((name) => /usage|response|cost/.test(name))).toEqual([]);
    expect(named(spans, 'callModel')).toMatchObject({ failed: true, attributes: { 'error.type': 'rateLimited' } });
    expect(collector.points('gen_ai.client.token.usage')).toEqual([]);
  });

  it('is counted in time and tokens, in the buckets of the conventions', async () => {
    telemetry.began(STEP).called(callOf());
    telemetry.began(STEP).called(callOf({ callId: 'cd34' }));
    await sent();
    const answered = { ...KIND, 'gen_ai.response.model': 'claude-x-2' };
    const [time, ...others] = collector.points('gen_ai.client.operation.duration');
    expect(others).toEqual([]);
    expect(time).toMatchObject({ unit: 's', attributes: answered, count: 2, sum: 5 });
    expect([time?.bounds.length, time?.bounds[0], time?.bounds.at(-1)]).toEqual([14, 0.01, 81.92]);
    const usage = collector.points('gen_ai.client.token.usage');
    expect(usage.map(({ unit, attributes, count, sum }) => ({ unit, attributes, count, sum }))).toEqual([
      { unit: '{token}', attributes: { ...answered, 'gen_ai.token.type': 'input' }, count: 2, sum: 1_800 },
      { unit: '{token}', attributes: { ...answered, 'gen_ai.token.type': 'output' }, count: 2, sum: 80 },
    ]);
    expect([usage[0]?.bounds.length, usage[0]?.bounds.at(-1)]).toEqual([14, 67_108_864]);
  });

  it('that two steps tell of, also on two workers, is one span and counts once', async () => {
    telemetry.began(STEP).called(callOf());
    telemetry.began({ ...STEP, try: 5 }).called(callOf());
    await sent();
    expect(collector.points('gen_ai.client.operation.duration').map(({ count }) => count)).toEqual([1]);
    telemetry = await start();
    telemetry.began({ ...STEP, try: 6 }).called(callOf());
    const calls = (await sent()).filter(({ kind }) => kind === 'client');
    expect([calls.length, new Set(calls.map(({ spanId }) => spanId)).size]).toEqual([3, 1]);
  });
});

it('tells of tools below their step, and marks those that could not do what they were asked', async () => {
  const step = telemetry.began({ ...STEP, step: 'runTools' });
  const times = { startedAt: BEGAN, endedAt: BEGAN + 30 };
  step.used({ tool: 'read_file', callId: 'call_1', ...times, isError: false });
  step.used({ tool: 'run', callId: 'x'.repeat(500), ...times, isError: true });
  step.ended('done');
  const spans = await sent();
  const { spanId } = named(spans, 'runTools');
  expect(named(spans, 'execute_tool read_file')).toMatchObject({
    parentSpanId: spanId,
    kind: 'internal',
    endMs: BEGAN + 30,
    failed: false,
    attributes: {
      ...PLACE,
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'read_file',
      'gen_ai.tool.call.id': 'call_1',
      'gen_ai.tool.type': 'function',
    },
  });
  const refused = named(spans, 'execute_tool run');
  expect(refused).toMatchObject({ failed: true, attributes: { 'gen_ai.tool.call.id': 'x'.repeat(100) } });
});

it('puts a step that belongs to no attempt of a task at the top of the trace of its run', async () => {
  telemetry.began({ ...OUTSIDE, step: 'openPullRequest' }).ended('cancelled');
  telemetry.began({ ...STEP, isOfTask: false }).ended('done');
  const spans = await sent();
  expect(spans.map(({ traceId, parentSpanId, failed }) => ({ traceId, parentSpanId, failed }))).toEqual([
    { traceId: TRACE, parentSpanId: null, failed: false },
    { traceId: TRACE, parentSpanId: null, failed: false },
  ]);
  expect(spans[0]?.attributes).toMatchObject({ 'weaver.result': 'cancelled' });
});

describe('a receiver', () => {
  it('gets the headers, and the binary form unless JSON is asked for', async () => {
    telemetry.began(STEP).ended('done');
    await sent();
    telemetry = await start({ protocol: 'http/protobuf' });
    telemetry.began(STEP).ended('done');
    await telemetry.stop(5_000);
    const traces = collector.requests.filter(({ path }) => path === '/v1/traces');
    expect(traces.map(({ headers }) => [headers['content-type'], headers['x-team']])).toEqual([
      ['application/json', 'secret-of-the-team'],
      ['application/x-protobuf', 'secret-of-the-team'],
    ]);
    expect(traces[1]?.body.includes('callModel')).toBe(true);
  });

  it('that hangs holds up neither the work nor the end', async () => {
    await telemetry.stop(0);
    collector.answer = 'nothing';
    // Else its last tries would go on for ten seconds after this test.
    telemetry = await withVariables({ OTEL_EXPORTER_OTLP_TIMEOUT: '500' }, start);
    for (let n = 0; n < 600; n += 1) telemetry.began(STEP).ended('done');
    const leaving = performance.now();
    await telemetry.stop(200);
    expect(performance.now() - leaving).toBeLessThan(2_000);
  });

  it('that refuses is spoken of when it begins and when it is over', async () => {
    await telemetry.stop(0);
    collector.answer = 400;
    telemetry = await start({}, 100);
    telemetry.began(STEP).called(callOf());
    await until(() => warnings.length > 0, 'the metrics are refused');
    collector.answer = 200;
    await until(() => warnings.length > 1, 'the metrics are taken');
    expect(warnings).toEqual([expect.stringMatching(/^metrics cannot be sent: ./), 'metrics can be sent again']);
  });
});

it('leaves to the variables of OpenTelemetry how it is named and how much of it is sampled', async () => {
  const variables = {
    OTEL_SERVICE_NAME: 'night-shift',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
  };
  telemetry = await withVariables(variables, start);
  const step = telemetry.began(STEP);
  step.called(callOf());
  step.ended('done');
  expect(await sent()).toEqual([]);
  expect(collector.requests.map(({ path, body }) => [path, body.includes('night-shift')])).toEqual([
    ['/v1/metrics', true],
  ]);
});

/** The packages read them when they start. */
async function withVariables<T>(variables: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    process.env = before;
  }
}
