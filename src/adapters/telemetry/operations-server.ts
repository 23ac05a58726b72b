/** `/metrics`, `/healthz` and `/readyz` over HTTP, for Prometheus and for whoever restarts a worker. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.js';

export interface OperationsOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** What has to be so that the worker can work. Never rejects. */
  readonly readiness: () => Promise<readonly Finding[]>;
}

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** Without secrets: anybody who reaches the port may read it. */
  readonly says: string;
}

export interface OperationsServer {
  /** `http://127.0.0.1:9464` */
  readonly url: string;
  stop(): Promise<void>;
}

/** A worker whose event loop stood still for so long has lost its tasks to others by their heartbeats. */
const LAG_MS_MAX = 10_000;

/** A probe that takes longer is one that failed. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Prometheus and two probes need three. */
const CONNECTIONS_MAX = 50;

/** However many ask, the checks are made so often only. */
const READINESS_KEPT_MS = 1_000;

const NANOS_A_MS = 1e6;
const LAG_RESOLUTION_MS = 100;

/** Rejects if the address cannot be listened on. */
export async function startOperationsServer(options: OperationsOptions): Promise<OperationsServer> {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  const routes = routesOf(options, () => {
    const lagMs = Math.max(0, Math.round(lag.max / NANOS_A_MS) - LAG_RESOLUTION_MS);
    lag.reset();
    return lagMs;
  });
  const server = createServer((request, response) => void answer(routes, request, response));
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  const { host, port } = options.listen;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${portOf(server)}`,
    async stop() {
      lag.disable();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Routes = Readonly<Record<string, () => Promise<Answer>>>;

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
});

function routesOf({ metrics, readiness }: OperationsOptions, lagMs: () => number): Routes {
  const ready = keptFor(READINESS_KEPT_MS, readiness);
  return {
    '/metrics': async () => ({ status: 200, type: metrics.contentType, body: await metrics.text() }),
    '/healthz': async () => {
      const lag = lagMs();
      const healthy = lag <= LAG_MS_MAX;
      return json(healthy ? 200 : 503, { healthy, lagMs: lag, uptimeSeconds: Math.round(process.uptime()) });
    },
    '/readyz': async () => {
      const findings = await ready();
      const isReady = findings.every(({ ok }) => ok);
      const checks = Object.fromEntries(findings.map(({ name, ok, says }) => [name, { ok, says }]));
      return json(isReady ? 200 : 503, { ready: isReady, checks });
    },
  };
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body } = await answerTo(routes, request);
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(routes: Routes, { method, url = '/' }: IncomingMessage): Promise<Answer> {
  const path = url.split('?')[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return json(404, { says: `there is ${Object.keys(routes).join(', ')}` });
  if (method !== 'GET' && method !== 'HEAD') return json(405, { says: 'GET only' });
  try {
    return await route();
  } catch (thrown) {
    // A probe that cannot be answered says so: what is wrong with it is not for the network.
    return json(500, { says: thrown instanceof Error ? thrown.name : 'unknown' });
  }
}

function keptFor<T>(keptMs: number, ask: () => Promise<T>): () => Promise<T> {
  let kept: { readonly at: number; readonly value: Promise<T> } | null = null;
  return () => {
    const now = performance.now();
    if (kept === null || now - kept.at > keptMs) kept = { at: now, value: ask() };
    return kept.value;
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}
