import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Loaded } from '../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PROVIDERS = 'providers:\n  local: { baseUrl: http://127.0.0.1:9/v1, model: m }\n';
function load(more: string): Loaded {
  writeFileSync(join(folder, 'weaver.config.yaml'), PROVIDERS + more);
  return loadConfig({ env: { HOME: folder }, cwd: folder });
}

it('is there for every task, with what the file leaves out filled in', () => {
  const loaded = load('shadow: { model: local, rate: 0.1 }\n');
  expect(loaded.kind === 'ok' ? loaded.config.shadow : loaded.faults).toEqual({
    model: { provider: 'local' },
    rate: 0.1,
    gate: false,
  });
});

it('is absent where the file names none', () => {
  const loaded = load('');
  expect(loaded.kind === 'ok' && 'shadow' in loaded.config).toBe(false);
});

it('of a provider that there is not is a fault of the file', () => {
  const loaded = load('shadow: { model: elsewhere }\n');
  expect(loaded.kind === 'faults' ? loaded.faults.join('\n') : '').toContain('shadow.model.provider');
});
