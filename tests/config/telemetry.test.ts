import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-telemetry-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(env: Readonly<Record<string, string>>, yaml?: string) {
  if (yaml !== undefined) writeFileSync(join(folder, 'weaver.config.yaml'), yaml);
  const loaded = loadConfig({ env: { HOME: folder, ...env }, cwd: folder });
  return loaded.kind === 'ok' ? loaded.config : loaded.faults.map((fault) => fault.replaceAll(`${folder}/`, ''));
}

describe('the address of metrics and health', () => {
  it.each([
    ['9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:9464', { host: '0.0.0.0', port: 9464 }],
    ['[::1]:9464', { host: '::1', port: 9464 }],
    ['metrics.internal:80', { host: 'metrics.internal', port: 80 }],
  ])('%s', (given, listen) => {
    expect(load({ WEAVER_METRICS_ADDRESS: given })).toMatchObject({ telemetry: { listen } });
    expect(load({}, `telemetry: { listen: "${given}" }`)).toMatchObject({ telemetry: { listen } });
  });

  it('may be a number, and the variable goes before the file', () => {
    const file = 'telemetry: { listen: 9464 }';
    expect(load({}, file)).toMatchObject({ telemetry: { listen: { host: '127.0.0.1', port: 9464 } } });
    expect(load({ WEAVER_METRICS_ADDRESS: '9465' }, file)).toMatchObject({ telemetry: { listen: { port: 9465 } } });
  });

  it.each(['localhost', '70000', 'a b:1', ':1', '-1'])('is not %s', (given) => {
    expect(load({ WEAVER_METRICS_ADDRESS: given })).toEqual(['WEAVER_METRICS_ADDRESS must be a port, or host:port']);
    expect(load({}, `telemetry: { listen: "${given}" }`)).toEqual([
      expect.stringContaining('telemetry.listen must be a port, or host:port'),
    ]);
  });
});

it('limits the tasks on one repository only where a number stands', () => {
  expect(load({})).toMatchObject({ concurrency: expect.not.objectContaining({ perRepository: expect.anything() }) });
  expect(load({}, 'concurrency: { perRepository: 2 }')).toMatchObject({ concurrency: { perRepository: 2 } });
  expect(load({}, 'concurrency: { perRepository: 0 }')).toEqual([expect.stringContaining('concurrency.perRepository')]);
});

function read(env: Readonly<Record<string, string>>) {
  const config = load(env);
  return 'telemetry' in config ? config.telemetry : config;
}

describe('the variables of OpenTelemetry', () => {
  const target = { protocol: 'http/protobuf', headers: {} };
  const times = { everyMs: 60_000, timeoutMs: 30_000 };

  it('switch nothing on as long as they name no receiver', () => {
    expect(read({ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_HEADERS: 'a=b' })).toEqual({ listen: null });
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'TRUE' })).toEqual({ listen: null });
  });

  it('name the receiver of spans and metrics, each with its path', () => {
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/otlp/' })).toEqual({
      listen: null,
      otlp: {
        traces: { ...target, url: 'http://c:4318/otlp/v1/traces' },
        metrics: { ...target, ...times, url: 'http://c:4318/otlp/v1/metrics' },
      },
    });
  });

  it('may name one for each, its form and its headers', () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://spans.example/in',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-scope=one%20two,broken, =nothing',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-scope=three,Authorization=Basic%20YTpi=',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_METRIC_EXPORT_TIMEOUT: 'soon',
    };
    expect(read(env)).toMatchObject({
      otlp: {
        traces: { url: 'https://spans.example/in', protocol: 'http/protobuf', headers: { 'x-scope': 'one two' } },
        metrics: {
          url: 'http://c:4318/v1/metrics',
          protocol: 'http/json',
          headers: { 'x-scope': 'three', Authorization: 'Basic YTpi=' },
          everyMs: 5_000,
          timeoutMs: 5_000,
        },
      },
    });
  });

  it('choose by exporter: otlp has a usual address, and none is none', () => {
    const env = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'none' };
    expect(read(env)).toEqual({
      listen: null,
      otlp: { traces: { ...target, url: 'http://localhost:4318/v1/traces' } },
    });
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_TRACES_EXPORTER: 'console' })).toMatchObject({
      otlp: { metrics: { url: 'http://c:4318/v1/metrics' } },
    });
  });

  it('cost the telemetry and not the work where weaver cannot do what they ask', () => {
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual({
      listen: null,
      otlpWarnings: ['traces', 'metrics'].map(
        (what) =>
          `weaver speaks http/protobuf and http/json (OTEL_EXPORTER_OTLP_PROTOCOL), not grpc: no ${what} are sent.`,
      ),
    });
    expect(read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4318' })).toEqual({
      listen: null,
      otlpWarnings: ['The address of OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is none of http or https: no traces are sent.'],
    });
  });

  it('have credentials that are taken out of everything, and may come as files', () => {
    const file = join(folder, 'headers');
    writeFileSync(
      file,
      'x-honeycomb-team=hny-0123456789,x-honeycomb-dataset=production,authorization=Bearer%20abc.def\n',
    );
    const config = load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_EXPORTER_OTLP_HEADERS_FILE: file });
    if (!('secrets' in config)) throw new Error('faults');
    expect(config.secrets()).toEqual(['hny-0123456789', 'Bearer abc.def', 'abc.def']);
    expect(config.telemetry.otlp?.traces?.headers['x-honeycomb-team']).toBe('hny-0123456789');
  });
});
