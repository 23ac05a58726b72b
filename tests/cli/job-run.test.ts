/** `weaver run`, `status` and `watch` on a job file: embedded server, own worker, real git, a scripted endpoint. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ScriptedEndpoint } from '../../src/adapters/model/scripted.js';
import type { JobView } from '../../src/client/job-view.js';
import type { JobReport } from '../../src/client/run-report.js';
import { answerValue, API_KEY, branchesOf, CHECK, git, makeRepository, saysIn, until } from '../e2e/world.js';
import { lastJson, openScriptedDesk, type ScriptedDesk } from './weaver.js';

const EXAMPLE = resolve(__dirname, '../../examples/job.yaml');

let endpoint: ScriptedEndpoint;
let desk: ScriptedDesk;
let repo = '';

beforeAll(async () => {
  desk = await openScriptedDesk([
    // Titles of prerequisites are shown to what depends on them, descriptions are not.
    { when: { contains: 'It is never right.' }, answers: [{ kind: 'json', value: answerValue('no') }] },
    {
      when: { contains: 'It takes long.' },
      answers: [{ kind: 'json', value: answerValue('right'), delayMs: 60_000 }],
    },
    { when: { contains: 'Add greetInGerman' }, answers: [{ kind: 'json', value: answerValue('in German') }] },
    { when: { contains: 'Describe every function' }, answers: [{ kind: 'json', value: answerValue('described') }] },
    { answers: [{ kind: 'json', value: answerValue('right') }] },
  ]);
  ({ endpoint, repo } = desk);
});

afterAll(async () => {
  await desk.clear();
});

interface FileTask {
  readonly id: string;
  readonly title?: string;
  readonly dependsOn?: readonly unknown[];
  readonly [field: string]: unknown;
}

/** The text of a job file. */
const jobFile = (tasks: readonly FileTask[], more: object = {}): string =>
  JSON.stringify({
    title: 'Several values',
    repo: { url: repo },
    checks: [CHECK],
    tags: ['desk'],
    ...more,
    tasks: tasks.map((task) => ({ title: `Mend ${task.id}`, description: 'The value is wrong.', ...task })),
  });

const runJob = async (text: string, args: readonly string[] = [], ownProcess = false) => {
  const result = await desk.weaver(['run', '-', '--json', ...args], { input: text, ownProcess });
  return { ...result, report: lastJson(result) as JobReport };
};

const DIAMOND: readonly FileTask[] = [
  { id: 'a' },
  { id: 'b', dependsOn: ['a'] },
  { id: 'c', dependsOn: ['a'] },
  { id: 'd', dependsOn: ['b', { task: 'c', whenFailed: 'skip' }] },
];

describe('a job that succeeds', () => {
  let first: Awaited<ReturnType<typeof runJob>>;
  beforeAll(async () => {
    first = await runJob(jobFile(DIAMOND), ['--key', 'diamond'], true);
  }, 120_000);

  it('ends with 0 and one object that says everything', () => {
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) });
    expect(first.stdout.trim().split('\n')).toHaveLength(1);
    expect(first.report).toEqual({
      jobId: 'job/diamond',
      state: 'completed',
      exitCode: 0,
      total: 4,
      counts: { succeeded: 4 },
      tokens: expect.any(Number),
      costUsdMicros: 0,
      failed: [],
      failure: null,
      webUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/job%2Fdiamond$/),
    });
    expect(first.report.tokens).toBeGreaterThan(0);
    expect(branchesOf(repo).filter((branch) => /^weaver\/mend-[abcd]-/.test(branch))).toHaveLength(4);
  });

  it('tells on stderr what was submitted, each task that ended in order, and where the job stands', () => {
    expect(first.stderr).toContain('submitted job/diamond\n');
    const ended = [...first.stderr.matchAll(/^([abcd]) succeeded · weaver\/mend-\1-\S+ · 1 attempt$/gm)];
    const order = ended.map(([, path]) => path);
    expect(order.toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect([order.at(0), order.at(-1)]).toEqual(['a', 'd']);
    expect(first.stderr).toMatch(/^running · 0 of 4 done/m);
    expect(first.stderr).toMatch(/^completed · 4 of 4 done · /m);
    expect(first.stderr + first.stdout).not.toContain(API_KEY);
  });

  it('is the same job when it is run again under its key: nothing is asked twice', async () => {
    const asked = endpoint.count;
    const again = await runJob(jobFile(DIAMOND), ['--key', 'diamond']);
    expect(again.stderr).toContain('there already: job/diamond\n');
    expect({ ...again.report, webUrl: null }).toEqual({ ...first.report, webUrl: null });
    expect(endpoint.count).toBe(asked);
  });

  it('another job under its key is refused', async () => {
    const other = await runJob(jobFile(DIAMOND.slice(0, 2)), ['--key', 'diamond']);
    expect(other).toMatchObject({ exitCode: 2, report: { failure: { code: 'keyTaken' } } });
  });

  it('is shown by status from the records, where no server runs, and so is each task', async () => {
    const { exitCode, stdout, stderr } = await desk.weaver(['status', 'diamond']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^job +job\/diamond$/m);
    expect(stdout).toMatch(/^title +Several values$/m);
    expect(stdout).toMatch(/^tasks +4: 4 succeeded$/m);
    expect(stdout).toMatch(/^source +the records of this host/m);
    const task = await desk.weaver(['status', 'job/diamond/t/b', '--json']);
    expect(lastJson(task)).toMatchObject({ taskId: 'job/diamond/t/b', state: 'succeeded', source: 'store' });
  });

  it('is watched to its end that has been', async () => {
    expect((await desk.weaver(['watch', 'diamond'])).exitCode).toBe(0);
  });
});

describe('a job with a task that fails', () => {
  it('ends with the code of that task, and a table of those that ended badly', async () => {
    const tasks: readonly FileTask[] = [
      { id: 'after', dependsOn: ['bad'] },
      { id: 'maybe', dependsOn: [{ task: 'bad', whenFailed: 'skip' }] },
      { id: 'anyway', dependsOn: [{ task: 'bad', whenFailed: 'ignore' }] },
      { id: 'bad', description: 'It is never right.', limits: { attempts: 1 } },
    ];
    const { exitCode, report } = await runJob(jobFile(tasks), ['--key', 'mixed']);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({
      state: 'failed',
      exitCode: 1,
      total: 4,
      counts: { succeeded: 1, dead: 2, cancelled: 1 },
      failed: [
        { path: 'after', taskId: 'job/mixed/t/after', state: 'dead', failure: { code: 'dependencyFailed' } },
        { path: 'maybe', taskId: 'job/mixed/t/maybe', state: 'cancelled', failure: { code: 'skipped' } },
        { path: 'bad', taskId: 'job/mixed/t/bad', state: 'dead', failure: { code: 'checksFailed' } },
      ],
    });
    const again = await desk.weaver(['run', '-', '--key', 'mixed'], { input: jobFile(tasks) });
    expect(again.exitCode).toBe(1);
    expect(again.stdout).toMatch(/^failed$/m);
    expect(again.stdout).toMatch(/^ {2}TASK +STATE +FAILURE$/m);
    expect(again.stdout).toMatch(/^ {2}bad +dead +checksFailed: The checks failed after the edits\./m);
    expect((await desk.weaver(['watch', 'mixed'])).exitCode).toBe(1);
  }, 120_000);
});

describe('a job that goes on', () => {
  it('is shown with counts and what its tasks wait for; the end of the waiting and a cancel have their codes', async () => {
    const tasks: readonly FileTask[] = [
      { id: 'slow', description: 'It takes long.' },
      { id: 'next', dependsOn: ['slow'] },
      { id: 'last', dependsOn: ['slow', 'next'] },
    ];
    const up = desk.start(['up']);
    await saysIn(up, /polls? /i);
    const detached = await runJob(jobFile(tasks), ['--key', 'slow', '--detach']);
    expect(detached.report).toEqual({
      jobId: 'job/slow',
      state: 'running',
      exitCode: 0,
      total: 3,
      counts: {},
      tokens: 0,
      costUsdMicros: 0,
      failed: [],
      failure: null,
      webUrl: expect.any(String),
    });
    const view = async () => lastJson(await desk.weaver(['status', 'slow', '--json'])) as JobView;
    await until(async () => (await view()).counts.running === 1, 'the first task runs');
    expect(await view()).toMatchObject({
      jobId: 'job/slow',
      title: 'Several values',
      state: 'running',
      total: 3,
      counts: { running: 1, pending: 2 },
      bottlenecks: [
        { waitsFor: 'dependency slow', tasks: 2 },
        { waitsFor: 'dependency next', tasks: 1 },
      ],
      source: 'worker',
      unanswered: null,
    });
    const shown = await desk.weaver(['status', 'job/slow']);
    expect(shown.stdout).toMatch(/^state +running · 0 of 3 done · 1 running · .*2 wait for dependency slow$/m);
    expect(shown.stdout).toMatch(/^waiting +2 wait for dependency slow$/m);

    const waited = await runJob(jobFile(tasks), ['--key', 'slow', '--timeout', '1'], true);
    expect(waited).toMatchObject({ exitCode: 124, report: { jobId: 'job/slow', state: 'running', exitCode: 124 } });
    expect(waited.stderr).toContain('job/slow goes on');

    const watching = desk.weaver(['watch', 'slow']);
    const cancelled = await desk.weaver(['cancel', 'slow', '--reason', 'not wanted any more']);
    expect({ exitCode: cancelled.exitCode, stderr: cancelled.stderr }).toMatchObject({ exitCode: 0 });
    expect((await watching).exitCode).toBe(10);
    const ended = await runJob(jobFile(tasks), ['--key', 'slow']);
    expect(ended).toMatchObject({ exitCode: 10, report: { state: 'cancelled', total: 3 } });
    expect(ended.report.failed.map(({ path }) => path)).toEqual(['slow', 'next', 'last']);
    expect(ended.report.failed[0]).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
  }, 120_000);
});

describe('a job file with faults', () => {
  it('is refused before anything is started, with lines and the way around a cycle', async () => {
    const file = join(desk.folder, 'work', 'cycle.yaml');
    writeFileSync(
      file,
      `repo: { url: ${repo} }\ntasks:\n  - { id: a, title: A, description: d, dependsOn: [b] }\n  - { id: b, title: B, description: d, dependsOn: [a] }\n`,
    );
    const { exitCode, stderr } = await desk.weaver(['run', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`${file}:3: tasks[0].dependsOn[0] closes a cycle: a → b → a`);
  });
});

it('the example file is carried out as it is, but for its repository', async () => {
  const files = {
    'greet.js': "exports.greet = () => 'Hello, name!';\n",
    'greet.test.js': "require('node:test')('loads', () => { require('./greet.js'); });\n",
    'README.md': 'greet says hello.\n',
  };
  const greetings = makeRepository(join(desk.folder, 'greetings.git'), files);
  const { report, exitCode, stderr } = await runJob(readFileSync(EXAMPLE, 'utf8'), [
    '--set',
    `repo.url=${greetings}`,
    '--key',
    'example',
  ]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) });
  expect(report).toMatchObject({ total: 3, counts: { succeeded: 3 } });
  const branch = (name: string) => branchesOf(greetings).find((each) => each.startsWith(`weaver/${name}-`)) ?? '';
  // It starts from the branch of the task that it is stacked on.
  expect(git(greetings, 'merge-base', '--is-ancestor', branch('greet-by-name'), branch('greet-in-german'))).toBe('');
}, 120_000);
