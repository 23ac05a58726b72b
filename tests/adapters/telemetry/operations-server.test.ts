import { setTimeout as pause } from 'node:timers/promises';
import { createMetrics } from '../../../src/adapters/telemetry/metrics';
import {
  startOperationsServer,
  type Finding,
  type OperationsServer,
} from '../../../src/adapters/telemetry/operations-server';

let server: OperationsServer;
let findings: readonly Finding[] = [];
let looks = 0;

beforeAll(async () => {
  server = await startOperationsServer({
    listen: { host: '127.0.0.1', port: 0 },
    metrics: createMetrics(),
    readiness: async () => {
      looks += 1;
      return findings;
    },
  });
});
afterAll(() => server.stop());

const get = async (path: string) => {
  const response = await fetch(`${server.url}${path}`);
  return { status: response.status, body: (await response.json()) as unknown };
};

it('is not ready when one thing is missing, and names it', async () => {
  findings = [
    { name: 'worker', ok: true, says: 'RUNNING' },
    { name: 'disk', ok: false, says: 'fails (ENOSPC)' },
  ];
  expect(await get('/readyz')).toEqual({
    status: 503,
    body: {
      ready: false,
      checks: { worker: { ok: true, says: 'RUNNING' }, disk: { ok: false, says: 'fails (ENOSPC)' } },
    },
  });
});

it('looks once a second at most, however many ask', async () => {
  await pause(1_100);
  const before = looks;
  await Promise.all(Array.from({ length: 20 }, () => get('/readyz')));
  expect(looks - before).toBe(1);
});

it('says for how long the process stood still', async () => {
  await get('/healthz');
  await pause(250);
  const until = performance.now() + 600;
  while (performance.now() < until);
  await pause(250);
  const { status, body } = await get('/healthz');
  expect(status).toBe(200);
  expect((body as { lagMs: number }).lagMs).toBeGreaterThan(400);
});

it('LS-46 gives the metrics in the form that Prometheus reads', async () => {
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await response.text()).toMatch(/^# TYPE process_cpu_seconds_total counter$/m);
});

it('rejects when the address is taken', async () => {
  const { port } = new URL(server.url);
  const second = startOperationsServer({
    listen: { host: '127.0.0.1', port: Number(port) },
    metrics: createMetrics(),
    readiness: async () => [],
  });
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
