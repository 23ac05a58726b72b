/** What the command says and ends with when nothing can be carried out. */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI } from '../e2e/world.js';
import { lastJson, openDesk, type Desk } from './weaver.js';

let desk: Desk;
beforeAll(() => {
  desk = openDesk();
});
afterAll(() => desk.clear());

const file = (name: string, text: string): string => {
  const path = join(desk.folder, name);
  writeFileSync(path, text);
  return path;
};

const BAD_TASK = `titel: x
description: 5
repo:
  url: /srv/x.git
  branhc: y
limits: {attempts: -1}
checks: many
`;

const FAULTS = [
  ':1: title is missing',
  ':1: titel is no field',
  ':2: description must be a text',
  ':5: repo.branhc is no field: did you mean branch?',
  ':6: limits.attempts must be at least 1',
  ':7: checks must be a list',
];

describe('LC-43 misuse ends with 2', () => {
  it('an unknown command, with what was probably meant', async () => {
    const { exitCode, stderr, stdout } = await desk.weaver(['stauts', 'x'], { ownProcess: true });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe("error: unknown command 'stauts'\n(Did you mean status?)\n(weaver --help shows how)\n");
  });

  it('an unknown option, in JSON too if that was asked for', async () => {
    const result = await desk.weaver(['list', '--json', '--sate', 'open']);
    expect(result.exitCode).toBe(2);
    expect(lastJson(result)).toMatchObject({
      exitCode: 2,
      failure: { code: 'usage', message: expect.stringContaining('--state') },
    });
  });

  it('an invalid task file, with every fault and its line', async () => {
    const task = file('bad.yaml', BAD_TASK);
    const { exitCode, stderr } = await desk.weaver(['run', task]);
    expect(exitCode).toBe(2);
    for (const fault of FAULTS) expect(stderr).toContain(`${task}${fault}`);
    expect(stderr).not.toContain('    at ');
  });

  it('the same from standard input, as one object', async () => {
    const result = await desk.weaver(['run', '-', '--json'], { input: BAD_TASK, ownProcess: true });
    expect(result.exitCode).toBe(2);
    expect(lastJson(result)).toEqual({
      jobId: null,
      taskId: null,
      state: 'notSubmitted',
      exitCode: 2,
      branch: null,
      commit: null,
      base: null,
      attempts: 0,
      calls: { sent: 0, inDoubt: 0 },
      tokens: 0,
      costUsdMicros: 0,
      failure: {
        code: 'invalidTask',
        message: expect.stringContaining('stdin:7: checks must be a list'),
        next: expect.any(String),
      },
      webUrl: null,
    });
  });

  it.each([
    [['run'], /no task to run/],
    [['run', 'nowhere.yaml'], /cannot be read: there is no file nowhere\.yaml/],
    [['run', '.'], /cannot be read: \. is a folder/],
    [['run', '--title', 'x'], /repo\.url is missing/],
    [['run', '--title', 'x', '--description', 'y', '--repo', '/no/such.git'], /missingRepository .*at \/no\/such\.git/],
    [['status', 'a b'], /is not an identifier/],
    [['status', 'nobody'], /No task nobody/],
    [['watch', 'job/x/y'], /is not an identifier/],
    [['cancel', 'nobody', '--reason', 'x'], /No task nobody/],
    [['decisions', 'nobody'], /No task nobody/],
    [['diff', 'nobody'], /No task nobody/],
    [['logs', 'nobody'], /No task nobody/],
  ])('%j', async (args, says) => {
    const { exitCode, stderr, stdout } = await desk.weaver(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(says);
  });
});

describe('the configuration', () => {
  it('that is not valid ends with 3 and names every fault', async () => {
    const config = file('bad.config.yaml', 'provider: {}\nsandbox: maybe\n');
    const result = await desk.weaver(['list', '--config', config, '--json'], { ownProcess: true });
    expect(result.exitCode).toBe(3);
    expect(lastJson(result)).toMatchObject({ exitCode: 3, failure: { code: 'badConfiguration' } });
    expect(result.stderr).toMatch(/bad\.config\.yaml:1.*\n.*bad\.config\.yaml:2/);
  });

  it('that cannot be read ends with 3', async () => {
    expect((await desk.weaver(['list', '--config', '/nowhere.yaml'])).exitCode).toBe(3);
  });
});

it('a home that cannot be made ends with 3 and names its variable, not a defect', async () => {
  const home = join(file('no-folder', ''), 'home');
  const args = ['run', '--title', 'x', '--repo', 'https://127.0.0.1:1/x.git'];
  const { exitCode, stderr } = await desk.weaver(args, { env: { WEAVER_HOME: home } });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 3,
    stderr: expect.stringMatching(/^badConfiguration [^]*WEAVER_HOME/),
  });
  expect(stderr).toContain(home);
});

describe('a configured Temporal that is not there', () => {
  const env = { TEMPORAL_ADDRESS: '127.0.0.1:1' };

  it.each([
    ['list'],
    ['worker'],
    ['watch', 'x'],
    ['cancel', 'x', '--reason', 'y'],
    ['run', '--title', 'x', '--repo', '/srv/x.git'],
  ])('ends %s with 4 in a few seconds and says what to do', async (...args) => {
    const startedAt = Date.now();
    const { exitCode, stderr } = await desk.weaver(args, { env });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 4,
      stderr: expect.stringMatching(
        /^temporalUnreachable The Temporal server cannot be reached\. .*127\.0\.0\.1:1[^]*\n {2}.*TEMPORAL_ADDRESS/m,
      ),
    });
    expect(stderr).not.toContain('    at ');
    expect(Date.now() - startedAt).toBeLessThan(9_000);
  });

  it('has a report for the program that runs a task', async () => {
    const args = ['run', '--title', 'x', '--repo', '/srv/x.git', '--json'];
    const result = await desk.weaver(args, { env, ownProcess: true });
    expect({ ...(lastJson(result) as object), code: result.exitCode }).toMatchObject({
      code: 4,
      exitCode: 4,
      state: 'notSubmitted',
      failure: { code: 'temporalUnreachable' },
    });
  });
});

describe('without a server', () => {
  it('a list is empty, and nothing is started for it', async () => {
    const listed = await desk.weaver(['list', '--json'], { ownProcess: true });
    expect(listed).toEqual({ exitCode: 0, stdout: '[]\n', stderr: '' });
  });

  it('a worker has nothing to poll', async () => {
    const { exitCode, stderr } = await desk.weaver(['worker']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('weaver up');
  });
});

describe('what is printed', () => {
  it('has no colour where nobody sees it', async () => {
    const { stderr, stdout } = await desk.weaver(['doctor']);
    expect(stderr + stdout).not.toContain('\u001b');
  });

  it('never has a key in it', async () => {
    const key = 'sk-test-0123456789abcdef0123456789abcdef';
    for (const args of [
      ['status', key],
      ['status', key, '--json'],
      ['run', '--title', key],
      ['watch', `job/${key}/x`],
    ]) {
      const { stdout, stderr } = await desk.weaver(args, { env: { OPENAI_API_KEY: key } });
      expect(stdout + stderr).not.toContain(key);
    }
  });

  it('may lose its reader without harm', async () => {
    const child = spawn(process.execPath, [CLI, '--help'], { env: desk.env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((settle) => child.once('close', settle));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('the doctor', () => {
  interface Diagnosis {
    readonly ok: boolean;
    readonly findings: readonly {
      readonly name: string;
      readonly verdict: string;
      readonly says: string;
      readonly next: string | null;
    }[];
  }
  const examine = async (env: Readonly<Record<string, string>> = {}, ...args: readonly string[]) => {
    const result = await desk.weaver(['doctor', '--json', ...args], { env });
    const diagnosis = lastJson(result) as Diagnosis;
    return {
      exitCode: result.exitCode,
      ok: diagnosis.ok,
      verdicts: Object.fromEntries(diagnosis.findings.map(({ name, verdict }) => [name, verdict])),
      findings: diagnosis.findings,
    };
  };

  it('finds this machine fit for the demo', async () => {
    const { exitCode, ok, verdicts, findings } = await examine();
    expect({ exitCode, ok }).toEqual({ exitCode: 0, ok: true });
    expect(verdicts).toMatchObject({ node: 'ok', git: 'ok', config: 'ok', temporal: 'ok', model: 'warn' });
    expect(Object.keys(verdicts)).toEqual(expect.arrayContaining(['sandbox', 'disk']));
    for (const { verdict, next } of findings) expect(verdict === 'ok' || (next ?? '') !== '').toBe(true);
  });

  it('finds what is missing, each with the fix, and ends with 3', async () => {
    const refusing = await serve(401);
    const { exitCode, ok, verdicts } = await examine({
      PATH: '/nowhere',
      WEAVER_CONFIG: file('disk.yaml', 'disk: { freeGb: 99999 }\n'),
      OPENAI_BASE_URL: refusing.url,
      OPENAI_API_KEY: 'wrong',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    refusing.server.close();
    expect({ exitCode, ok }).toEqual({ exitCode: 3, ok: false });
    expect(verdicts).toMatchObject({ git: 'fail', temporal: 'fail', 'model openai': 'fail', disk: 'warn' });
  });

  it('asks the endpoint, and tells a dead one', async () => {
    const living = await serve(200);
    expect((await examine({ OPENAI_BASE_URL: living.url })).verdicts).toMatchObject({ 'model openai': 'ok' });
    await new Promise((settle) => living.server.close(settle));
    expect(await examine({ OPENAI_BASE_URL: living.url })).toMatchObject({
      exitCode: 3,
      verdicts: { 'model openai': 'fail' },
    });
  });

  it('reports a bad configuration as findings', async () => {
    const config = file('doctor.config.yaml', 'sandbox: maybe\n');
    expect(await examine({}, '--config', config)).toMatchObject({
      exitCode: 3,
      verdicts: { node: 'ok', config: 'fail' },
    });
  });
});

async function serve(status: number): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((_request, response) => response.writeHead(status, { connection: 'close' }).end('{}'));
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}
