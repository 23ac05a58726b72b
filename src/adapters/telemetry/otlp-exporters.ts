/** Who sends spans and metrics: OpenTelemetry's own exporters over HTTP, of the one form that is asked for. */
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { OtlpTarget } from '../../ports.js';

type OnWarning = (says: string) => void;

export async function spanExporter(
  { url, headers, protocol }: OtlpTarget,
  onWarning: OnWarning,
): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  const exporter: SpanExporter = new OTLPTraceExporter({ url, headers: { ...headers } });
  watch(exporter, 'spans', onWarning);
  return exporter;
}

export async function metricExporter(
  { url, headers, protocol }: OtlpTarget,
  onWarning: OnWarning,
): Promise<PushMetricExporter> {
  const { OTLPMetricExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-metrics-otlp-http')
      : await import('@opentelemetry/exporter-metrics-otlp-proto');
  const exporter: PushMetricExporter = new OTLPMetricExporter({ url, headers: { ...headers } });
  watch(exporter, 'metrics', onWarning);
  return exporter;
}

/** What an exporter tells of a batch; no error = it was taken. */
type Sent = Parameters<Parameters<SpanExporter['export']>[1]>[0];

interface Exporter<Batch> {
  export(batch: Batch, onSent: (sent: Sent) => void): void;
}

const WORDS_MAX = 200;

/** Said when it begins and when it is over, not for every batch: an outage of a collector is none of ours. */
function watch<Batch>(exporter: Exporter<Batch>, what: string, onWarning: OnWarning): void {
  const send = exporter.export.bind(exporter);
  let fails = false;
  exporter.export = (batch, onSent) =>
    send(batch, (sent) => {
      const failed = sent.error !== undefined;
      if (failed && !fails) onWarning(`${what} cannot be sent: ${String(sent.error?.message).slice(0, WORDS_MAX)}`);
      if (!failed && fails) onWarning(`${what} can be sent again`);
      fails = failed;
      onSent(sent);
    });
}
