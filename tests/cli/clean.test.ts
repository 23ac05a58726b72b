/** `weaver clean` on a home that has seen tasks, without a server to ask. */
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRecords } from '../../src/adapters/artifacts/records.js';
import type { Swept } from '../../src/domain/housekeeping.js';
import { lineageOf } from '../../src/domain/lineage.js';
import { lastJson, openDesk, type Desk } from './weaver.js';

const DAY_MS = 24 * 60 * 60_000;

let desk: Desk;
let home = '';

beforeAll(() => {
  desk = openDesk({ TEMPORAL_ADDRESS: '127.0.0.1:9' });
  home = desk.env['WEAVER_HOME'] ?? '';
});

afterAll(async () => {
  await desk.clear();
});

function leftover(part: string, taskId: string, days: number): string {
  const folder = join(home, part, lineageOf(taskId));
  const time = new Date(Date.now() - days * DAY_MS);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'something'), 'x');
  for (const path of [join(folder, 'something'), folder]) utimesSync(path, time, time);
  return folder;
}

it('refuses, and names the way without a server', async () => {
  const { exitCode, stderr } = await desk.weaver(['clean']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringContaining('Or give --offline') });
}, 20_000);

it('removes offline only what is known to have ended a week ago', async () => {
  const records = createRecords({ home, redact: (text) => text });
  const remember = (taskId: string, state: string) => records.remember(`task/${taskId}`, { taskId, status: { state } });
  await remember('job/ended/t/0', 'succeeded');
  await remember('job/open/t/0', 'blocked');
  const gone = ['workspaces', 'tasks'].map((part) => leftover(part, 'job/ended/t/0', 8));
  const stays = [
    leftover('workspaces', 'job/open/t/0', 8),
    leftover('workspaces', 'job/unknown/t/0', 30),
    leftover('ledger', 'job/ended/t/0', 8),
  ];
  const { exitCode, stdout } = await desk.weaver(['clean', '--offline', '--dry-run']);
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout: 'Would remove 1 work tree, 1 task folder.\n  job~ended~t~0\n',
  });
  const swept = lastJson(await desk.weaver(['clean', '--offline', '--json'], { ownProcess: true })) as Swept;
  expect(swept).toEqual({
    dryRun: false,
    removed: { workspaces: 1, taskFolders: 1, ledgers: 0, artifacts: 0 },
    lineages: ['job~ended~t~0'],
    bytes: 0,
    failed: [],
    more: false,
  });
  expect([gone.map(existsSync), stays.map(existsSync)].flat()).toEqual([false, false, true, true, true]);
  expect((await desk.weaver(['clean', '--offline'])).stdout).toBe('Nothing to remove.\n');
}, 30_000);

it('keeps the name of the host that its worker is asked by', async () => {
  const { readHostId } = await import('../../src/adapters/home/host-id.js');
  const ids = await Promise.all(Array.from({ length: 8 }, () => readHostId(home)));
  expect(new Set(ids).size).toBe(1);
  expect(await readHostId(home)).toMatch(/^[0-9a-f]{8}$/);
  writeFileSync(join(home, 'host-id'), '');
  expect(await readHostId(home)).toMatch(/^[0-9a-f]{8}$/);
});
