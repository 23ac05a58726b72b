/**
 * Spans and metrics over OTLP, in the words of OpenTelemetry's conventions for generative AI. Loaded only where somebody has named
 * a receiver. How much is sampled, kept and sent at once follows from OpenTelemetry's own variables, which its packages read.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Meter,
  type Span,
  type SpanOptions,
  type Tracer as SpanTracer,
} from '@opentelemetry/api';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import { defined } from '../../domain/plain-object.js';
import { remember } from '../../domain/remembered.js';
import type { OtlpSettings, StepPlace, StepTrace, TracedAttempt, TracedCall, TracedStep, Tracer } from '../../ports.js';
import { callDetails, callKind, DURATION_BUCKETS, TOKEN_BUCKETS, toolAttributes } from './gen-ai.js';
import { metricExporter, spanExporter } from './otlp-exporters.js';

export interface OpenTelemetry extends Tracer {
  /** Sends what is left, and waits no longer than this for who takes it. Never rejects. */
  stop(withinMs: number): Promise<void>;
}

export interface OpenTelemetryOptions {
  readonly settings: OtlpSettings;
  /** Tells this worker from others of the same service. */
  readonly identity: string;
  readonly onWarning: (says: string) => void;
}

const SCOPE = 'weaver';
/** A call whose worker has lost its step is told of by two steps. So much of the latest is remembered: days of a busy worker. */
const COUNTED_MAX = 20_000;
const MS = 1_000;

export async function startOpenTelemetry({
  settings: { traces, metrics },
  identity,
  onWarning,
}: OpenTelemetryOptions): Promise<OpenTelemetry> {
  const resource = resourceOf(identity);
  const ids = createIds();
  const processors = traces === undefined ? [] : [new BatchSpanProcessor(await spanExporter(traces, onWarning))];
  const readers = metrics === undefined ? [] : [await readerFor(metrics, onWarning)];
  const spans = new BasicTracerProvider({ resource, idGenerator: ids, spanProcessors: processors });
  const figures = new MeterProvider({ resource, readers });
  return {
    ...createTracer(spans.getTracer(SCOPE), ids, countCalls(figures.getMeter(SCOPE))),
    async stop(withinMs) {
      const sent = Promise.allSettled([spans.shutdown(), figures.shutdown()]);
      await Promise.race([sent, pause(withinMs, undefined, { ref: false })]);
    },
  };
}

async function readerFor(
  metrics: NonNullable<OtlpSettings['metrics']>,
  onWarning: (says: string) => void,
): Promise<PeriodicExportingMetricReader> {
  const { everyMs, timeoutMs } = metrics;
  const exporter = await metricExporter(metrics, onWarning);
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: everyMs,
    exportTimeoutMillis: timeoutMs,
  });
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what we know ourselves. */
const resourceOf = (identity: string) =>
  defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'weaver', 'service.instance.id': identity }))
    .merge(detectResources({ detectors: [envDetector] }));

function createTracer(tracer: SpanTracer, ids: Ids, count: (call: TracedCall) => void): Tracer {
  /** The first span of a trace, under the ids that whoever comes later finds again. */
  const root = (name: string, at: { readonly traceId: string; readonly spanId?: string }, options: SpanOptions): Span =>
    ids.as(at, () => tracer.startSpan(name, { ...options, root: true }, ROOT_CONTEXT));
  const attemptSpan = (step: TracedStep, attempt: number, options: SpanOptions): Span => {
    const at = { traceId: traceIdOf(step.runId), spanId: spanIdOf(step.runId, attempt) };
    const attributes = placeAttributes({ job: step.job, task: step.task, attempt });
    return root('attempt', at, { ...options, attributes });
  };
  const stepSpan = (step: TracedStep): Span => {
    const { step: name, runId, attempt, isOfTask } = step;
    const options = { attributes: placeAttributes(step) };
    if (attempt === undefined || !isOfTask) return root(name, { traceId: traceIdOf(runId) }, options);
    // Its attempt is told of when it has ended: here it only gives its ids, and whether it is sampled.
    return tracer.startSpan(name, options, trace.setSpan(ROOT_CONTEXT, attemptSpan(step, attempt, {})));
  };
  return {
    began: (step) => traceStep(tracer, ids, step, stepSpan(step), count),
    attempted(step, { attempt, startedAt, endedAt, outcome, failure }: TracedAttempt) {
      const span = attemptSpan(step, attempt, { startTime: new Date(startedAt) });
      span.setAttribute('weaver.outcome', outcome);
      if (failure !== null) fail(span, failure);
      span.end(new Date(endedAt));
    },
  };
}

/** How steps end that are as they should be. */
const NO_FAILURES: ReadonlySet<string> = new Set(['done', 'cancelled', 'providerBusy']);

function traceStep(
  tracer: SpanTracer,
  ids: Ids,
  step: TracedStep,
  span: Span,
  count: (call: TracedCall) => void,
): StepTrace {
  const context = trace.setSpan(ROOT_CONTEXT, span);
  const place = placeAttributes(step);
  const child = (name: string, startedAt: number, kind: SpanKind, attributes: Attributes): Span =>
    tracer.startSpan(name, { kind, startTime: new Date(startedAt), attributes: { ...place, ...attributes } }, context);
  return {
    called(call) {
      const { callId, provider, sent, end } = call;
      const attributes = { ...callKind(call), ...callDetails(call) };
      const told = ids.as({ spanId: spanIdOf(callId, sent.number) }, () =>
        child(`chat ${provider.model}`, sent.startedAt, SpanKind.CLIENT, attributes),
      );
      if (end.kind === 'failed') fail(told, end.code);
      told.end(new Date(sent.endedAt));
      count(call);
    },
    used(tool) {
      const told = child(`execute_tool ${tool.tool}`, tool.startedAt, SpanKind.INTERNAL, toolAttributes(tool));
      if (tool.isError) told.setStatus({ code: SpanStatusCode.ERROR });
      told.end(new Date(tool.endedAt));
    },
    ended(result) {
      span.setAttribute('weaver.result', result);
      if (!NO_FAILURES.has(result)) fail(span, result);
      span.end();
    },
  };
}

/** The code of the catalogue alone: what an endpoint says of a failure may hold anything. */
function fail(span: Span, code: string): void {
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

const placeAttributes = ({ job, task, attempt, turn, try: tryNumber }: StepPlace): Attributes =>
  defined({
    'weaver.job.id': job,
    'weaver.task.id': task,
    'weaver.attempt': attempt,
    'weaver.turn': turn,
    'weaver.try': tryNumber,
  });

function countCalls(meter: Meter): (call: TracedCall) => void {
  const counted = new Map<string, true>();
  const duration = meter.createHistogram('gen_ai.client.operation.duration', {
    description: 'Time of a request to a model.',
    unit: 's',
    advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] },
  });
  const usage = meter.createHistogram('gen_ai.client.token.usage', {
    description: 'Tokens of a request to a model.',
    unit: '{token}',
    advice: { explicitBucketBoundaries: [...TOKEN_BUCKETS] },
  });
  return (call) => {
    const { callId, sent } = call;
    const key = `${callId}#${sent.number}`;
    if (counted.has(key)) return;
    remember(counted, key, true, COUNTED_MAX);
    const kind = callKind(call);
    duration.record((sent.endedAt - sent.startedAt) / MS, kind);
    if (sent.tokens === undefined) return;
    usage.record(sent.tokens.prompt, { ...kind, 'gen_ai.token.type': 'input' });
    usage.record(sent.tokens.completion, { ...kind, 'gen_ai.token.type': 'output' });
  };
}

interface Ids {
  generateTraceId(): string;
  generateSpanId(): string;
  /** What is started in there gets these. */
  as<T>(wanted: { readonly traceId?: string; readonly spanId?: string }, start: () => T): T;
}

function createIds(): Ids {
  const random = new RandomIdGenerator();
  let wanted: { readonly traceId?: string; readonly spanId?: string } = {};
  return {
    generateTraceId: () => wanted.traceId ?? random.generateTraceId(),
    generateSpanId: () => wanted.spanId ?? random.generateSpanId(),
    as(ids, start) {
      wanted = ids;
      try {
        return start();
      } finally {
        wanted = {};
      }
    },
  };
}

/** The run id without its dashes, so that a trace is found by what the Web UI shows of its task. */
function traceIdOf(runId: string): string {
  const digits = runId.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(digits) && !/^0+$/.test(digits) ? digits : digest(runId).slice(0, 32);
}

/** The same for the same thing, on whatever worker. */
const spanIdOf = (name: string, number: number): string => digest(`${name}#${number}`).slice(0, 16);

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
