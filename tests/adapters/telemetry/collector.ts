/** A real receiver of OTLP over HTTP that reads the JSON form, as a collector does. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: 'internal' | 'client' | 'other';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly failed: boolean;
  readonly resource: Attributes;
}

export interface CollectedPoint {
  readonly unit: string;
  readonly attributes: Attributes;
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
}

type Attributes = Readonly<Record<string, unknown>>;

export interface Collector {
  /** Without a path. */
  readonly url: string;
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }[];
  /** Status of the coming answers, or no answer at all. */
  answer: number | 'nothing';
  /** In the order of arrival. */
  spans(): readonly CollectedSpan[];
  /** As the last batch has it: figures are totals. */
  points(metric: string): readonly CollectedPoint[];
  stop(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const requests: Collector['requests'][number][] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request);
      const { answer } = collector;
      if (answer === 'nothing') return;
      if (answer < 300) requests.push({ path: request.url ?? '', headers: request.headers, body });
      response.writeHead(answer, { 'content-type': 'application/json' }).end('{}');
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const bodiesTo = (path: string): readonly unknown[] =>
    requests.filter((request) => request.path === path).map(({ body }) => JSON.parse(body.toString('utf8')) as unknown);
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: 200,
    spans: () => (bodiesTo('/v1/traces') as readonly TracesBody[]).flatMap(spansIn),
    points: (metric) => pointsIn(bodiesTo('/v1/metrics').at(-1) as MetricsBody | undefined, metric),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return collector;
}

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

interface TracesBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code: number };
}

interface MetricsBody {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly histogram: {
    readonly dataPoints: readonly {
      readonly attributes: readonly KeyValue[];
      readonly count: number | string;
      readonly sum: number;
      readonly explicitBounds: readonly number[];
    }[];
  };
}

/** Numbers of the protocol. */
const KINDS: Readonly<Record<number, CollectedSpan['kind']>> = { 1: 'internal', 3: 'client' };
const ERROR = 2;
const NANOS_A_MS = 1_000_000n;

const spansIn = ({ resourceSpans }: TracesBody): readonly CollectedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, kind, startTimeUnixNano, endTimeUnixNano, ...rest }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId ?? null,
        name,
        kind: KINDS[kind] ?? 'other',
        startMs: Number(BigInt(startTimeUnixNano) / NANOS_A_MS),
        endMs: Number(BigInt(endTimeUnixNano) / NANOS_A_MS),
        attributes: plain(rest.attributes),
        failed: rest.status.code === ERROR,
        resource: plain(resource.attributes),
      })),
    ),
  );

const pointsIn = (body: MetricsBody | undefined, name: string): readonly CollectedPoint[] =>
  (body?.resourceMetrics ?? [])
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    .filter((metric) => metric.name === name)
    .flatMap(({ unit, histogram }) =>
      histogram.dataPoints.map(({ attributes, count, sum, explicitBounds: bounds }) => ({
        unit,
        attributes: plain(attributes),
        count: Number(count),
        sum,
        bounds,
      })),
    );

const plain = (attributes: readonly KeyValue[]): Attributes =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));

function plainValue({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  if (arrayValue !== undefined) return arrayValue.values.map(plainValue);
  return intValue === undefined ? (stringValue ?? doubleValue ?? boolValue) : Number(intValue);
}
