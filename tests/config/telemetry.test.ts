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
