/** `weaver schedule` where it says no, and what it prints. A server, but no worker: nothing fires. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScheduleRow } from '../../src/client/index.js';
import { valueFiles, World, type CliResult } from '../e2e/world.js';

let world: World;
let url = '';

beforeAll(async () => {
  world = await World.start({ script: [], workers: 0 });
  url = world.repository('app', valueFiles());
  const task = (more: object = {}) =>
    JSON.stringify({ title: 'Tidy of ${date}', description: 'Tidy it.', repo: { url }, ...more }, null, 1);
  writeFileSync(join(world.folder, 'task.json'), task());
  writeFileSync(join(world.folder, 'unknown.json'), task({ description: 'Tidy ${part}.' }));
  writeFileSync(join(world.folder, 'wrong.json'), task({ limits: { attempts: 0 } }));
}, 60_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

const create = (name: string, ...args: readonly string[]): Promise<CliResult> =>
  world.cli(['schedule', 'create', name, 'task.json', ...args]);

it('shows what it has made, and that nobody is there to carry it out', async () => {
  const times = ['--cron', '30 3 * * 1-5', '--timezone', 'Europe/Berlin', '--jitter', '5m'];
  const policies = ['--overlap', 'buffer-one', '--catch-up', '2h', '--pause-after', '3', '--paused'];
  const { exitCode, stdout, stderr } = await world.cli(
    ['schedule', 'create', 'shown', 'task.json', ...times, ...policies],
    {
      ownProcess: true,
    },
  );
  expect(stderr).toBe('warning No worker polls weaver: it fires while one does (`weaver worker`).\n');
  expect(exitCode).toBe(0);
  const lines = stdout.split('\n');
  expect(lines.slice(0, 6)).toEqual([
    'shown  paused  Tidy of ${date}',
    expect.stringContaining('  note       Created by '),
    '  times      cron 30 3 * * 1-5 · Europe/Berlin · jitter 5 min 0 s',
    '  policies   overlap buffer-one · catch-up 2 h 0 min · pauses after 3 failures in a row, 0 now',
    '  key        shown-${scheduledTime}',
    '  runs       0 started, 0 skipped for overlap, 0 missed beyond the catch-up',
  ]);
  expect(lines.filter((line) => line.endsWith(' UTC'))).toHaveLength(5);
});

it('lists schedules by name, with --json too', async () => {
  await create('listed', '--every', '1h');
  const { stdout } = await world.cli(['schedule', 'list', '--json'], { ownProcess: true });
  const rows = JSON.parse(stdout) as readonly ScheduleRow[];
  expect(rows.find(({ name }) => name === 'listed')).toEqual({
    name: 'listed',
    title: 'Tidy of ${date}',
    times: ['every 1h'],
    paused: false,
    note: expect.stringContaining('Created by '),
    next: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:00:00.000Z$/),
  });
});

it('pauses with a reason and resumes', async () => {
  await create('held', '--every', '1h');
  expect((await world.cli(['schedule', 'pause', 'held', '--why', 'a release'])).stdout).toBe('held is paused.\n');
  expect((await world.cli(['schedule', 'describe', 'held'])).stdout).toMatch(
    /^held {2}paused .*\n {2}note {7}a release$/m,
  );
  expect((await world.cli(['schedule', 'resume', 'held'])).stdout).toBe('held runs again.\n');
});

it('triggers also where no worker is, and says so', async () => {
  await create('early', '--every', '1d');
  const { stdout, stderr, exitCode } = await world.cli(['schedule', 'trigger', 'early']);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: 'early has started it; no worker has taken it up yet.\n',
  });
  expect(stdout).toMatch(/^job\/early-\d{8}T\d{6}Z\n$/);
}, 30_000);

const span = (...args: readonly string[]): Promise<CliResult> => world.cli(['schedule', 'backfill', 'daily', ...args]);

describe('a backfill', () => {
  beforeAll(async () => {
    await create('daily', '--cron', '0 3 * * *');
  });

  it('counts its runs before it starts any, and refuses what a mistyped year would start', async () => {
    const years = ['--from', '2020-01-01T00:00:00Z', '--to', '2026-10-26T00:00:00Z'];
    expect(await span(...years)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/daily has 2490 runs .*at most 100 .*none was started\.\n.*--max 2490/),
    });
    expect((await span(...years, '--max', '2489')).exitCode).toBe(2);
    expect(await span(...years, '--max', 'all')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/1 to 10000/),
    });
    await create('minutely', '--every', '1m');
    const all = await world.cli(['schedule', 'backfill', 'minutely', ...years, '--max', '10000']);
    expect(all).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/more than 10000 runs .*\n.*in parts/) });
  });

  it('says how many it makes up', async () => {
    expect(await span('--from', '2026-11-01T03:00:00Z', '--to', '2026-11-02T03:00:00Z')).toMatchObject({
      exitCode: 0,
      stdout: 'daily makes up 2 runs from 2026-11-01T03:00:00.000Z to 2026-11-02T03:00:00.000Z.\n',
    });
    const { stdout } = await span('--from', '2026-11-01T04:00:00Z', '--to', '2026-11-01T05:00:00Z', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ name: 'daily', runs: 0 });
  });
});

describe('refuses, and says what to do:', () => {
  it.each([
    ['no time', ['n'], /names no time\.\n.*--cron/],
    [
      'a bad cron expression',
      ['n', '--cron', '61 * * * *'],
      /not valid \(cron 61 \* \* \* \*\): .*Minute.*\n.*five|minute, hour/i,
    ],
    ['a bad interval', ['n', '--every', 'hourly'], /“hourly” is not an interval\.\n.*90s/],
    ['a bad calendar', ['n', '--at', 'noon'], /“noon” is not a time\.\n.*mon-fri 03:30/],
    [
      'an unknown zone',
      ['n', '--every', '1h', '--timezone', 'Mars/Base'],
      /“Mars\/Base” is not a time zone\.\n.*Europe\/Berlin/,
    ],
    [
      'too many failures',
      ['n', '--every', '1h', '--pause-after', '11'],
      /cannot be paused after 11 failures\.\n.*1 to 10/,
    ],
    ['a bad name', ['a/b', '--every', '1h'], /“a\/b” cannot be the name/],
    ['a parameter without a value', ['n', '--every', '1h', '--param', 'x'], /“x” is not a parameter\.\n.*name=value/],
    [
      'a parameter that is not used',
      ['n', '--every', '1h', '--param', 'x=1'],
      /does not name the parameter x\.\n.*\$\{x\}/,
    ],
    ['a key without a time', ['n', '--every', '1h', '--key', 'fixed'], /Every run would have the key “fixed”/],
    ['an unknown policy', ['n', '--every', '1h', '--overlap', 'both'], /Allowed choices are skip/],
  ])('%s', async (_, [name = '', ...args], says) => {
    const { exitCode, stdout, stderr } = await create(name, ...args);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringMatching(says) });
  });

  it.each([
    ['a placeholder without a value', 'unknown.json', /unknown\.json:3: description names \$\{part\}.*--param part=/],
    ['a file that is no task', 'wrong.json', /wrong\.json:8: limits\.attempts must be at least 1/],
    ['a file that is not there', 'none.json', /cannot be read: there is no file none\.json/],
  ])('%s', async (_, file, says) => {
    const { exitCode, stderr } = await world.cli(['schedule', 'create', 'n', file, '--every', '1h']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(says) });
  });

  it('a name that is taken', async () => {
    await create('taken', '--every', '1h');
    const { exitCode, stderr } = await create('taken', '--every', '2h');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/There is a schedule taken already\.\n.*delete/),
    });
  });

  it.each([
    [['describe', 'nobody']],
    [['trigger', 'nobody']],
    [['pause', 'nobody', '--why', 'x']],
    [['resume', 'nobody']],
    [['delete', 'nobody']],
    [['backfill', 'nobody', '--from', '2026-11-01T00:00:00Z', '--to', '2026-11-02T00:00:00Z']],
  ])('%j, in JSON too', async (args) => {
    const { exitCode, stdout } = await world.cli(['schedule', ...args, '--json']);
    expect({ exitCode, told: JSON.parse(stdout) as unknown }).toEqual({
      exitCode: 2,
      told: {
        exitCode: 2,
        failure: {
          code: 'unknownSchedule',
          message: 'No schedule nobody is known here.',
          next: 'Look for it with weaver schedule list.',
        },
      },
    });
  });

  it.each([
    ['2026-11-01', '2026-11-02T00:00:00Z', /“2026-11-01” is not a time\.\n.*2026-11-01T03:00:00Z/],
    ['2026-11-02T00:00:00Z', '2026-11-01T00:00:00Z', /not before/],
  ])('a backfill from %s to %s', async (from, to, says) => {
    await create('span', '--every', '1d');
    const { exitCode, stderr } = await world.cli(['schedule', 'backfill', 'span', '--from', from, '--to', to]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(says) });
  });
});
