/** The janitor over a real server: what terminated tasks leave behind goes, what an open task needs stays. */
import { existsSync, lstatSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Swept } from '../../src/domain/housekeeping';
import { lineageOf } from '../../src/domain/lineage';
import type { JanitorResult } from '../../src/workflows/janitor';
import { answerValue, CHECK, endProcess, until, valueFiles, World } from './world';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

let world: World;
let client: Client;

beforeAll(async () => {
  world = await World.start({
    script: [
      { when: { contains: 'Never heard of again' }, answers: [{ kind: 'hang' }] },
      {
        when: { contains: 'Half way' },
        answers: [{ kind: 'json', value: answerValue('half') }, { kind: 'hang' }],
      },
      { answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

/** Submits a task of its own repository; its id. */
async function submit(key: string, title: string): Promise<string> {
  const task = {
    title,
    description: 'Make the value right.',
    // Logs of different tasks differ, or they would be one artifact.
    repo: { url: world.repository(key, valueFiles(`wrong in ${key}`)), branch: key },
    checks: [CHECK],
    limits: { attempts: 2 },
    key,
  };
  const { stderr, exitCode } = await world.cli(['run', '-', '--detach'], { input: JSON.stringify(task) });
  if (exitCode !== 0) throw new Error(stderr);
  return `job/${key}/t/0`;
}

const place = (part: string, taskId: string): string => join(world.home, part, lineageOf(taskId));
const left = (taskId: string): Readonly<Record<string, boolean>> =>
  Object.fromEntries(['workspaces', 'tasks'].map((part) => [part, existsSync(place(part, taskId))]));

/** As if nobody had touched it for so long. */
function age(path: string, ms: number): void {
  const time = new Date(Date.now() - ms);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) age(join(path, name), ms);
  if (!lstatSync(path).isSymbolicLink()) utimesSync(path, time, time);
}

const artifactFiles = (): readonly string[] =>
  readdirSync(join(world.home, 'artifacts')).flatMap((folder) =>
    readdirSync(join(world.home, 'artifacts', folder)).map((name) => name.replace('.gz', '')),
  );

/** Artifacts that the records of a task name, by kind, each once. */
function recorded(taskId: string): ReadonlyMap<string, readonly string[]> {
  const records = join(world.home, 'records');
  const folder = join(
    records,
    readdirSync(records).find((name) => name.startsWith(taskId.replaceAll('/', '%2f'))) ?? '',
  );
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const kinds = new Map<string, string[]>();
  for (const [, kind = '', sha256 = ''] of text.matchAll(/"kind":"(\w+)","sha256":"([0-9a-f]{64})"/g))
    kinds.set(kind, [...new Set([...(kinds.get(kind) ?? []), sha256])]);
  return kinds;
}

const of = (kinds: ReadonlyMap<string, readonly string[]>, ...wanted: readonly string[]): readonly string[] =>
  wanted.flatMap((kind) => kinds.get(kind) ?? []);

const hostId = (): string => readFileSync(join(world.home, 'host-id'), 'utf8').trim();

async function runJanitor(): Promise<JanitorResult> {
  const schedule = client.schedule.getHandle(`weaver-janitor-${hostId()}`);
  const before = (await schedule.describe()).info.numActionsTaken;
  await schedule.trigger();
  await until(async () => (await schedule.describe()).info.numActionsTaken > before, 'the janitor starts');
  const { workflow } = (await schedule.describe()).info.recentActions.at(-1)?.action ?? {};
  return (await client.workflow
    .getHandle(workflow?.workflowId ?? '', workflow?.firstExecutionRunId)
    .result()) as JanitorResult;
}

const clean = async (...args: readonly string[]): Promise<Swept> => {
  const { stdout, stderr, exitCode } = await world.cli(['clean', '--json', ...args]);
  if (exitCode !== 0) throw new Error(`${exitCode} ${stdout} ${stderr}`);
  return JSON.parse(stdout) as Swept;
};

const NOTHING = { workspaces: 0, taskFolders: 0, ledgers: 0, artifacts: 0 };

it('has a schedule as soon as a worker runs, and only one', async () => {
  await world.startWorker();
  const schedules = async () => {
    const found = [];
    for await (const { scheduleId, action } of client.schedule.list()) found.push([scheduleId, action?.workflowType]);
    return found;
  };
  await until(async () => (await schedules()).length > 0, 'the schedule is made');
  expect(await schedules()).toEqual([[`weaver-janitor-${hostId()}`, 'janitor']]);
  const { policies, spec, action } = await client.schedule.getHandle(`weaver-janitor-${hostId()}`).describe();
  expect({ policies, every: spec.intervals, jitter: spec.jitter, taskQueue: action.taskQueue }).toEqual({
    policies: { overlap: 'SKIP', catchupWindow: 600_000, pauseOnFailure: false },
    every: [expect.objectContaining({ every: HOUR_MS })],
    jitter: 600_000,
    taskQueue: 'weaver',
  });
}, 60_000);

describe('after a task that was terminated, beside one that is open and one that has ended', () => {
  let [terminated, open, ended] = ['', '', ''];

  beforeAll(async () => {
    terminated = await submit('terminated', 'Never heard of again');
    open = await submit('open', 'Half way');
    ended = await submit('ended', 'Done at once');
    if ((await world.cli(['watch', ended])).exitCode !== 0) throw new Error(`${ended} has not succeeded`);
    for (const task of [terminated, open])
      await until(() => left(task)['workspaces'] === true, `${task} has a work tree`);
    await until(() => world.requestsFor('Half way') === 2, 'the second attempt asks');
    await client.workflow.getHandle('job/terminated').terminate('gone');
    await client.workflow.getHandle(terminated).terminate('gone');
  }, 60_000);

  it('leaves what is younger than an hour', async () => {
    expect((await runJanitor()).swept).toMatchObject({ removed: NOTHING, more: false, failed: [] });
    expect(left(terminated)).toEqual({ workspaces: true, tasks: true });
  }, 30_000);

  it('only says what would go in a dry run, and removes it afterwards', async () => {
    for (const part of ['workspaces', 'tasks'])
      for (const task of [terminated, open]) age(place(part, task), 2 * HOUR_MS);
    const expected = { removed: { ...NOTHING, workspaces: 1, taskFolders: 1 }, lineages: [lineageOf(terminated)] };
    expect(await clean('--dry-run')).toMatchObject({ dryRun: true, ...expected });
    expect(left(terminated)).toEqual({ workspaces: true, tasks: true });
    expect(await runJanitor()).toMatchObject({ hostId: hostId(), swept: { dryRun: false, ...expected } });
    expect([left(terminated), left(open)]).toEqual([
      { workspaces: false, tasks: false },
      { workspaces: true, tasks: true },
    ]);
    expect((await runJanitor()).swept).toMatchObject({ removed: NOTHING });
  }, 30_000);

  it('removes artifacts past their time by their kind, and none that an open task names', async () => {
    const [ofEnded, ofOpen] = [recorded(ended), recorded(open)];
    for (const kinds of [ofEnded, ofOpen])
      expect([...kinds.keys()]).toEqual(expect.arrayContaining(['prompt', 'answer', 'diff', 'log']));
    age(join(world.home, 'artifacts'), 31 * DAY_MS);
    const past = of(ofEnded, 'log', 'diff');
    const before = artifactFiles();
    const swept = await clean();
    const kept = artifactFiles();
    // With what no record names, such as the results of each test.
    expect(swept).toMatchObject({ removed: { ...NOTHING, artifacts: before.length - kept.length }, failed: [] });
    expect(past.filter((sha256) => kept.includes(sha256))).toEqual([]);
    const needed = [...[...ofOpen.values()].flat(), ...of(ofEnded, 'prompt', 'answer')];
    expect(needed.filter((sha256) => !kept.includes(sha256))).toEqual([]);
    age(join(world.home, 'artifacts'), 91 * DAY_MS);
    await clean();
    expect(artifactFiles().toSorted()).toEqual([...ofOpen.values()].flat().toSorted());
  }, 30_000);

  it('removes ledgers after ninety days, but not that of an open task', async () => {
    for (const task of [open, ended]) age(place('ledger', task), 91 * DAY_MS);
    expect(await clean()).toMatchObject({ removed: { ...NOTHING, ledgers: 1 }, lineages: [lineageOf(ended)] });
    expect([open, ended].map((task) => existsSync(place('ledger', task)))).toEqual([true, false]);
  }, 30_000);

  it('waits for the worker of the host, and can be cancelled meanwhile', async () => {
    const handle = await client.workflow.start('janitor', {
      taskQueue: 'weaver',
      workflowId: 'janitor/elsewhere',
      args: [{ schemaVersion: 1, hostId: 'elsewhere' }],
    });
    await until(async () => (await handle.describe()).raw.pendingActivities?.length === 1, 'it asks the host');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
  }, 30_000);
});

it.each(['a worker answers', 'no worker is left'])(
  'a task terminated half way ends as if it was cancelled, where %s',
  async (where) => {
    if (where !== 'a worker answers') await Promise.all(world.processes.map(endProcess));
    const handle = client.workflow.getHandle('job/open/t/0');
    if ((await handle.describe()).closeTime === undefined) await handle.terminate('by hand');
    const [watched, explained] = await Promise.all([
      world.cli(['watch', 'job/open/t/0']),
      world.cli(['explain', 'open']),
    ]);
    expect([watched.exitCode, explained.exitCode]).toEqual([10, 0]);
    expect(watched.stdout).toMatch(/^state +dead\n[^]*^failure +terminated: /m);
    expect(explained.stdout).toMatch(/^It ended dead, .*terminated from outside/m);
  },
  30_000,
);
