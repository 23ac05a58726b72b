/** `weaver run` and its company on a machine of one: embedded server, own worker, real git, a scripted endpoint. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { ScriptedEndpoint } from '../../src/adapters/model/scripted.js';
import { findRunningServer } from '../../src/adapters/server/temporal-server.js';
import type { RunReport } from '../../src/client/run-report.js';
import { answerValue, API_KEY, branchesOf, CHECK, endProcess, git, saysIn, until } from '../e2e/world.js';
import { lastJson, openScriptedDesk, type ScriptedDesk } from './weaver.js';

let endpoint: ScriptedEndpoint;
let desk: ScriptedDesk;
let repo = '';

beforeAll(async () => {
  desk = await openScriptedDesk([
    {
      when: { contains: 'Twice as hard' },
      answers: [
        { kind: 'json', value: answerValue('still wrong') },
        { kind: 'json', value: answerValue('right') },
      ],
    },
    {
      when: { contains: 'Never right' },
      answers: [
        { kind: 'json', value: answerValue('no') },
        { kind: 'json', value: answerValue('no, again') },
      ],
    },
    { when: { contains: 'Slow and unwanted' }, answers: [{ kind: 'hang' }] },
    { when: { contains: 'Slow' }, answers: [{ kind: 'json', value: answerValue('right'), delayMs: 4_000 }] },
    { answers: [{ kind: 'json', value: answerValue('right') }] },
  ]);
  ({ endpoint, repo } = desk);
});

afterAll(async () => {
  await desk.clear();
});

const task = (title: string): string =>
  JSON.stringify({
    title,
    description: 'The value is wrong.',
    repo: { url: repo },
    checks: [CHECK],
    tags: ['desk'],
  });

const runTask = async (title: string, args: readonly string[] = [], ownProcess = false) => {
  const result = await desk.weaver(['run', '-', '--json', ...args], { input: task(title), ownProcess });
  return { ...result, report: lastJson(result) as RunReport };
};

const requestsAbout = (title: string): number =>
  endpoint.requests().filter(({ body }) => JSON.stringify(body).includes(title)).length;

const serverRuns = async (): Promise<boolean> =>
  (await findRunningServer(join(desk.folder, 'home', 'temporal'))) !== null;

const key = 'mend-it';
let first: Awaited<ReturnType<typeof runTask>>;
beforeAll(async () => {
  first = await runTask('Twice as hard', ['--key', key], true);
});

describe('a task that succeeds', () => {
  it('ends with 0 and one object that says everything', () => {
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) });
    expect(first.stdout.trim().split('\n')).toHaveLength(1);
    expect(first.report).toEqual({
      jobId: 'job/mend-it',
      taskId: 'job/mend-it/t/0',
      state: 'succeeded',
      exitCode: 0,
      branch: expect.stringMatching(/^weaver\/twice-as-hard-/),
      commit: git(repo, 'rev-parse', `refs/heads/${first.report.branch}`),
      base: git(repo, 'rev-parse', 'main'),
      attempts: 2,
      calls: { sent: 2, inDoubt: 0 },
      tokens: expect.any(Number),
      costUsdMicros: 0,
      failure: null,
      warnings: ['no price is configured for openai: cost is counted in tokens only'],
      webUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/job%2Fmend-it$/),
    });
    expect(git(repo, 'show', `${first.report.branch}:value.txt`)).toBe('right');
  });

  it('keeps progress on stderr, and secrets nowhere', () => {
    expect(first.stderr).toContain('submitted job/mend-it/t/0');
    expect(first.stderr).toMatch(/attempt \d of 5/);
    expect(first.stderr + first.stdout).not.toContain(API_KEY);
    expect(first.stderr).not.toContain('\u001b');
  });

  it('leaves no server behind, but its log and database', async () => {
    expect(await serverRuns()).toBe(false);
    expect(existsSync(join(desk.folder, 'home', 'temporal', 'temporal.db'))).toBe(true);
    expect(existsSync(join(desk.folder, 'home', 'logs', 'worker.log'))).toBe(true);
  });

  it('is the same job when it is run again under its key: nothing is asked or pushed twice', async () => {
    const asked = endpoint.count;
    const again = await runTask('Twice as hard', ['--key', key]);
    expect(again.exitCode).toBe(0);
    expect({ ...again.report, webUrl: '' }).toEqual({ ...first.report, webUrl: '' });
    expect(again.stderr).toContain('there already: job/mend-it/t/0');
    expect(endpoint.count).toBe(asked);
    // Nobody goes on with what has ended, and nobody has to wait for it.
    const detached = await runTask('Twice as hard', ['--key', key, '--detach']);
    expect({ ...detached.report, webUrl: '' }).toEqual({ ...first.report, webUrl: '' });
  });

  it('does not give its key to another task', async () => {
    const other = await runTask('Something else', ['--key', key]);
    expect(other.exitCode).toBe(2);
    expect(other.report).toMatchObject({ state: 'notSubmitted', failure: { code: 'keyTaken' } });
  });
});

describe('a task that has succeeded', () => {
  it('is in the list', async () => {
    const rows = lastJson(await desk.weaver(['list', '--json', '--state', 'succeeded']));
    expect(rows).toEqual([
      expect.objectContaining({
        taskId: 'job/mend-it/t/0',
        title: 'Twice as hard',
        state: 'succeeded',
        requester: 'ana@desk',
        repo,
        tags: ['desk'],
        attempts: 2,
        branch: first.report.branch,
      }),
    ]);
    const { stdout } = await desk.weaver(['list', '--tag', 'desk']);
    expect(stdout).toMatch(/^STATE +STARTED .*\nsucceeded .* job\/mend-it\/t\/0 +Twice as hard\n/);
  });

  it('can be looked at without a server: status, decisions, diff, logs', async () => {
    const status = await desk.weaver(['status', key, '--json'], { ownProcess: true });
    expect(lastJson(status)).toMatchObject({
      state: 'succeeded',
      branch: first.report.branch,
      source: 'store',
      title: 'Twice as hard',
    });
    expect((await desk.weaver(['watch', key])).exitCode).toBe(0);
    const entries = lastJson(await desk.weaver(['decisions', key, '--json'])) as readonly {
      readonly kind: string;
      readonly decision?: { readonly kind: string };
    }[];
    expect(entries.map(({ kind, decision }) => decision?.kind ?? kind)).toEqual([
      'attempt',
      'retry',
      'attempt',
      'complete',
    ]);
    const patch = await desk.weaver(['diff', key]);
    expect(patch.stdout).toMatch(/^diff --git a\/value\.txt b\/value\.txt[^]*\n-wrong\n\+right\n$/);
    const failing = await desk.weaver(['logs', key, '--attempt', '1']);
    expect(failing.stdout).toMatch(/^== attempt 1 · ✗ value: exit 1, .*\nvalue is still wrong\n/);
    expect(lastJson(await desk.weaver(['logs', key, '--json']))).toEqual([
      { attempt: 2, check: 'value', passed: true, exitCode: 0, log: expect.any(String) },
    ]);
    expect((await desk.weaver(['logs', key, '--attempt', '7'])).exitCode).toBe(2);
    expect((await desk.weaver(['logs', key, '--check', 'none'])).stderr).toContain('The checks are value');
    expect(await serverRuns()).toBe(false);
  });
});

describe('a task that fails', () => {
  it('ends with the code of its failure, and says what to do next', async () => {
    const { exitCode, report } = await runTask('Never right', ['--set', 'limits.attempts=2']);
    expect({ exitCode, report }).toEqual({
      exitCode: 1,
      report: expect.objectContaining({
        state: 'dead',
        exitCode: 1,
        attempts: 2,
        commit: null,
        failure: {
          code: 'checksFailed',
          message: expect.stringContaining('The checks failed'),
          next: expect.stringContaining('weaver logs'),
        },
      }),
    });
    const watched = await desk.weaver(['watch', report.jobId ?? '']);
    expect(watched.exitCode).toBe(1);
    expect(watched.stdout).toMatch(/failure {2}checksFailed/);
  });

  it('without a file takes everything from flags; goes on where its log finds no room and a proxy is named', async () => {
    const log = join(desk.folder, 'home', 'logs', 'worker.log');
    renameSync(log, `${log}.before`);
    symlinkSync('/dev/full', log);
    const args = ['--title', 'By flags', '--description', 'It is wrong.', '--check', 'sh check.sh'];
    // No proxy is asked for what is on this host: the server, and here the model too.
    const env = { http_proxy: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' };
    const { exitCode, stdout } = await desk.weaver(['run', '--repo', repo, ...args], { env });
    renameSync(`${log}.before`, log);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^succeeded\n {2}task .*\n {2}branch {3}weaver\/by-flags-\S+\n {2}commit {3}[0-9a-f]{40} on [0-9a-f]{12}\n {2}changed {2}1 file, \+1 −1\n {2}warning {2}no price is .*\n {2}spent {4}1 attempt, 1 call, /,
      ),
    });
  });
});

describe('a task that nobody waits for', () => {
  it('goes on: --timeout ends with 124, an interrupt with 130, and the next run carries both on', async () => {
    const timedOut = await runTask('Slow one', ['--key', 'slow-1', '--timeout', '1'], true);
    expect({ exitCode: timedOut.exitCode, report: timedOut.report }).toEqual({
      exitCode: 124,
      report: expect.objectContaining({ jobId: 'job/slow-1', state: 'running', exitCode: 124 }),
    });
    expect(timedOut.stderr).toContain('goes on with the next `weaver up` or `weaver run`');

    const flags = ['--repo', repo, '--title', 'Slow two', '--check', 'sh check.sh', '--key', 'slow-2'];
    const child = desk.start(['run', ...flags, '--json']);
    let stdout = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    await saysIn(child, /1 other task is open from before/);
    const ended = new Promise((settle) => child.once('close', settle));
    // As a supervisor does that signals a group and its leader: the server is put away all the same.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) child.kill(signal);
    expect(await ended).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ jobId: 'job/slow-2', state: 'running', exitCode: 130 });
    expect(await serverRuns()).toBe(false);

    const third = await runTask('Slow three', [], true);
    expect(third.exitCode).toBe(0);
    expect(third.stderr).toContain('2 other tasks are open from before');
    expect((await runTask('Slow one', ['--key', 'slow-1'], true)).report).toMatchObject({
      exitCode: 0,
      calls: { inDoubt: 0 },
    });
    expect((await desk.weaver(['run', ...flags], { ownProcess: true })).exitCode).toBe(0);
    for (const title of ['Slow one', 'Slow two', 'Slow three']) expect(requestsAbout(title)).toBe(1);
  }, 120_000);

  it('is carried out by a weaver up that a detached run leaves behind, watched, and cancelled with its reason', async () => {
    const detached = await runTask('Detached', ['--detach', '--key', 'later']);
    expect({ exitCode: detached.exitCode, report: detached.report }).toEqual({
      exitCode: 0,
      report: expect.objectContaining({ state: 'running' }),
    });
    expect(detached.stderr).toContain('Look with `weaver status job/later/t/0`.');
    const [, up = ''] = /in the background: process (\d+), log \S+\/logs\/up\.log\.$/m.exec(detached.stderr) ?? [];
    const watched = await desk.weaver(['watch', 'later', '--json']);
    expect(watched.exitCode).toBe(0);
    expect(lastJson(watched)).toMatchObject({ state: 'succeeded', source: 'worker' });

    const second = await runTask('Slow and unwanted', ['--detach', '--key', 'unwanted']);
    expect(second.stderr).toBe('submitted job/unwanted/t/0\n');
    await until(
      async () => (await desk.weaver(['status', 'unwanted'])).stdout.includes('asking'),
      'the model is asked',
    );
    const impatient = await desk.weaver(['watch', 'unwanted', '--timeout', '1']);
    expect(impatient).toMatchObject({ exitCode: 124, stderr: expect.stringContaining('unwanted goes on') });
    const waiting = desk.weaver(['watch', 'unwanted']);
    expect(lastJson(await desk.weaver(['cancel', 'unwanted', '--reason', 'not wanted', '--json']))).toMatchObject({
      taskId: 'job/unwanted/t/0',
      cancelRequested: true,
      stopping: ['0'],
      state: 'running',
    });
    expect((await waiting).exitCode).toBe(10);
    expect((await desk.weaver(['decisions', 'unwanted'])).stdout).toMatch(/cancelled by ana@desk: not wanted/);
    expect((await desk.weaver(['cancel', 'unwanted', '--reason', 'again'])).stdout).toContain(
      'has ended already: cancelled',
    );
    const report = (await runTask('Slow and unwanted', ['--key', 'unwanted'])).report;
    expect(report).toMatchObject({
      state: 'cancelled',
      exitCode: 10,
      failure: { code: 'cancelled', message: expect.stringContaining('not wanted') },
    });

    process.kill(Number(up), 'SIGTERM');
    await until(async () => !(await serverRuns()), 'it has left the server');
    expect(readFileSync(join(desk.folder, 'home', 'logs', 'up.log'), 'utf8')).toContain('polls weaver on 127.0.0.1:');
    expect(branchesOf(repo).filter((branch) => branch.includes('unwanted'))).toEqual([]);
  }, 120_000);

  it('is not said to be unknown where nobody has been asked', async () => {
    const asked = await Promise.all(
      ['status', 'watch', 'decisions', 'graph'].map((name) => desk.weaver([name, 'who'])),
    );
    for (const { exitCode, stderr } of asked) {
      expect({ exitCode, stderr }).toEqual({
        exitCode: 4,
        stderr: expect.stringMatching(/home, whose jobs are kept\./),
      });
      expect(stderr).toContain('weaver up');
    }
  });
});

/** Without a model. */
const bare = { OPENAI_BASE_URL: '', OPENAI_API_KEY: '', WEAVER_MODEL: '' };
const runUnknown = (...more: readonly string[]) => {
  const unknown = ['--repo', repo, '--title', 'Nobody knows this', '--description', 'It is wrong.'];
  return desk.weaver(['run', ...unknown, '--check', 'sh check.sh', ...more], { env: bare });
};

describe('without a model', () => {
  it('a run ends with the words of the scripted endpoint, and leaves alone what was submitted for a model', async () => {
    const waits = ['run', '-', '--detach', '--key', 'for-a-model'];
    expect((await desk.weaver(waits, { input: task('For a model'), env: bare })).stderr).toMatch(
      /No worker polls .*\(`weaver up`, with a model configured/,
    );
    const result = await runUnknown('--json');
    expect(lastJson(result)).toMatchObject({
      exitCode: 5,
      failure: { message: expect.stringContaining('scripted endpoint') },
    });
    expect(lastJson(await desk.weaver(['list', '--state', 'pending', '--json']))).toEqual([
      expect.objectContaining({ jobId: 'job/for-a-model' }),
    ]);
    expect((await desk.weaver(['waiting'])).stderr).toMatch(/runs on \S+: 1 open task is kept, .* `weaver up`/);
    expect((await runTask('For a model', ['--key', 'for-a-model'])).exitCode).toBe(0);
  }, 60_000);
});

describe('beside weaver up', () => {
  let up: ChildProcess;
  let stderr = '';
  beforeAll(async () => {
    up = desk.start(['up', '--json']);
    up.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await saysIn(up, /polls weaver/);
  });

  it('a run without a model leaves its task to a worker that has one', async () => {
    const result = await runUnknown();
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringContaining('The worker that polls weaver carries it out.'),
    });
  }, 60_000);

  it('a run leaves what is open to it, and says so', async () => {
    await runTask('Slow and unwanted beside', ['--detach', '--key', 'beside']);
    const impatient = await runTask('Slow four', ['--key', 'slow-4', '--timeout', '1'], true);
    const run = await runTask('Quick beside', [], true);
    await desk.weaver(['cancel', 'beside', '--reason', 'seen']);
    expect(impatient.stderr).toMatch(/job\/slow-4\/t\/0 goes on with the worker that runs here \(\d+@\S+\)/);
    expect(run.stderr).toMatch(/still open: carried on by the worker that runs here \(\d+@\S+\)\./);
    expect(run.stderr).not.toContain('by the next `weaver up`');
  }, 120_000);

  it('its server is started again when it dies, and tasks go on', async () => {
    const folder = join(desk.folder, 'home', 'temporal');
    const before = await findRunningServer(folder);
    await runTask('Slow with a break', ['--detach', '--key', 'break']);
    process.kill(before?.pid ?? 0, 'SIGKILL');
    const other = await takePort(Number(before?.address.split(':')[1]));
    await until(() => Promise.resolve(/could not be started again; next try in 1 s/.test(stderr)), 'its port is taken');
    other.close();
    await until(
      async () => ((await findRunningServer(folder))?.pid ?? before?.pid) !== before?.pid,
      'another server runs',
    );
    expect((await findRunningServer(folder))?.address).toBe(before?.address);
    expect(stderr).toContain('it is started again');
    expect((await desk.weaver(['watch', 'break'])).exitCode).toBe(0);
    await endProcess(up);
    expect(up.exitCode).toBe(0);
  }, 120_000);
});

/** As soon as its server is gone. */
async function takePort(port: number): Promise<Server> {
  for (;;) {
    const server = createServer((connection) => connection.destroy());
    const taken = await new Promise((tell) => {
      server.once('error', () => tell(false));
      server.listen(port, '127.0.0.1', () => tell(true));
    });
    if (taken === true) return server;
  }
}

it('the worker log of a run has no key in it', () => {
  expect(readFileSync(join(desk.folder, 'home', 'logs', 'worker.log'), 'utf8')).not.toContain(API_KEY);
});
