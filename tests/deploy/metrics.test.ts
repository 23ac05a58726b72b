/** The dashboard asks for series that weaver has, and compose brings Prometheus where it is asked to. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { createMetrics } from '../../src/adapters/telemetry/metrics';

const root = path.resolve(__dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const { panels } = JSON.parse(read('deploy/grafana/dashboards/weaver.json')) as Dashboard;
const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

it('asks only for series that a worker shows', async () => {
  const shown = [...(await createMetrics().text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const wanted = asked.flatMap((expr) => expr.match(/\b(?:weaver|process|nodejs)_[a-z0-9_]+/g) ?? []);
  expect(wanted.length).toBeGreaterThanOrEqual(asked.length);
  expect(wanted.filter((name) => !shown.includes(name.replace(/_bucket$/, '')))).toEqual([]);
});

it('shows every series of weaver', async () => {
  const own = [...(await createMetrics().text()).matchAll(/^# TYPE (weaver_\S+)/gm)].map(([, name]) => name ?? '');
  expect(own.filter((name) => !asked.some((expr) => expr.includes(name)))).toEqual([]);
});

interface Service {
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
}

it('is scraped where the worker shows itself, and starts only where it is asked for', () => {
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Readonly<Record<string, Service>>;
  };
  const { scrape_configs: scraped } = parse(read('deploy/prometheus/prometheus.yml')) as {
    scrape_configs: readonly { dns_sd_configs: readonly { names: readonly string[]; port: number }[] }[];
  };
  const [target] = scraped[0]?.dns_sd_configs ?? [];
  expect(target?.names).toEqual(['worker']);
  expect(services['worker']?.environment?.['WEAVER_METRICS_ADDRESS']).toBe(`0.0.0.0:${target?.port}`);
  expect([services['prometheus']?.profiles, services['grafana']?.profiles]).toEqual([['metrics'], ['metrics']]);
  for (const name of ['prometheus', 'grafana'])
    expect(services[name]?.ports?.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
});
