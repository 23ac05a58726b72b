/** Where OpenTelemetry's spans and metrics go, by the variables that OpenTelemetry has for it. */
import type { OtlpSettings, OtlpTarget } from '../ports.js';
import { percentDecoded } from './percent-decoded.js';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ReadOtlp {
  /** Absent = nothing is sent. */
  readonly settings?: OtlpSettings;
  /** What was asked for and is not done. No faults: the variables are often set for all programs of a host. */
  readonly warnings: readonly string[];
  /** Values of headers that are credentials. */
  readonly secrets: readonly string[];
}

/** The variables that may come as files. */
export const OTLP_SECRET_VARIABLES = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  'OTEL_EXPORTER_OTLP_METRICS_HEADERS',
] as const;

/** As the specification of OpenTelemetry has it. */
const DEFAULTS = {
  endpoint: 'http://localhost:4318',
  protocol: 'http/protobuf',
  everyMs: 60_000,
  timeoutMs: 30_000,
} as const;

/** Values under such names are taken out of logs and artifacts. Names of tenants and data sets are words that occur elsewhere. */
const CREDENTIAL = /auth|key|token|secret|password|credential|cookie|-team$/i;

export function readOtlp(env: Environment): ReadOtlp {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return { warnings: [], secrets: [] };
  const traces = targetOf(env, 'TRACES');
  const metrics = targetOf(env, 'METRICS');
  const targets = [traces, metrics].flatMap((read) => (read.kind === 'target' ? [read.target] : []));
  const settings: OtlpSettings = {
    ...(traces.kind === 'target' ? { traces: traces.target } : {}),
    ...(metrics.kind === 'target' ? { metrics: { ...metrics.target, ...timesOf(env) } } : {}),
  };
  return {
    ...(targets.length === 0 ? {} : { settings }),
    warnings: [traces, metrics].flatMap((read) => (read.kind === 'refused' ? [read.says] : [])),
    secrets: [...new Set(targets.flatMap(({ headers }) => credentialsIn(headers)))],
  };
}

type ReadTarget =
  | { readonly kind: 'off' }
  | { readonly kind: 'refused'; readonly says: string }
  | { readonly kind: 'target'; readonly target: OtlpTarget };

function targetOf(env: Environment, signal: 'TRACES' | 'METRICS'): ReadTarget {
  const refused = (says: string): ReadTarget => ({
    kind: 'refused',
    says: `${says}: no ${signal.toLowerCase()} are sent.`,
  });
  const exporters = (env[`OTEL_${signal}_EXPORTER`] ?? '').split(',').map((name) => name.trim());
  const isNamed = exporters.includes('otlp');
  if (!isNamed && exporters.some((name) => name !== '')) return { kind: 'off' };
  const own = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`];
  const common = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? (isNamed ? DEFAULTS.endpoint : undefined);
  const url = own ?? (common === undefined ? undefined : `${common.replace(/\/+$/, '')}/v1/${signal.toLowerCase()}`);
  if (url === undefined) return { kind: 'off' };
  if (!isAddress(url)) return refused(`The address of ${endpointVariable(signal, own)} is none of http or https`);
  const protocol =
    env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? DEFAULTS.protocol;
  if (protocol !== 'http/json' && protocol !== 'http/protobuf')
    return refused(
      `weaver speaks http/protobuf and http/json (OTEL_EXPORTER_OTLP_PROTOCOL), not ${protocol.slice(0, 20)}`,
    );
  const headers = {
    ...headersIn(env['OTEL_EXPORTER_OTLP_HEADERS']),
    ...headersIn(env[`OTEL_EXPORTER_OTLP_${signal}_HEADERS`]),
  };
  return { kind: 'target', target: { url, protocol, headers } };
}

const endpointVariable = (signal: string, own: string | undefined): string =>
  own === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`;

const isAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);

/** `name=value,name=value`, percent-encoded. What has no `=` is passed over, as everywhere else. */
const headersIn = (text = ''): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split(',').flatMap((pair) => {
      const [name = '', ...rest] = pair.split('=');
      return name.trim() === '' || rest.length === 0 ? [] : [[name.trim(), percentDecoded(rest.join('=').trim())]];
    }),
  );

/** The whole value, and what comes after `Bearer`. */
const credentialsIn = (headers: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(headers).flatMap(([name, value]) =>
    CREDENTIAL.test(name) ? [value, value.split(' ').at(-1) ?? ''] : [],
  );

function timesOf(env: Environment): { readonly everyMs: number; readonly timeoutMs: number } {
  const everyMs = millisecondsOf(env['OTEL_METRIC_EXPORT_INTERVAL']) ?? DEFAULTS.everyMs;
  const timeoutMs = millisecondsOf(env['OTEL_METRIC_EXPORT_TIMEOUT']) ?? DEFAULTS.timeoutMs;
  return { everyMs, timeoutMs: Math.min(timeoutMs, everyMs) };
}

/** A timer takes no more. */
const MILLISECONDS_MAX = 2_147_483_647;

function millisecondsOf(text: string | undefined): number | null {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 && value <= MILLISECONDS_MAX ? value : null;
}
