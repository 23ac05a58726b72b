/** Events, graph and report as a user has them: a real task on a real server, told to a real receiver. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CloudEvent } from '../../src/domain/events.js';
import { startReceiver, type Receiver } from '../adapters/events/receiver.js';
import { until } from '../client/until.js';
import { answerValue, CHECK, CLI, endProcess, valueFiles, World, type CliResult } from '../e2e/world.js';
import { spawn } from 'node:child_process';

let world: World;
let receiver: Receiver;
let taskId = '';
let copy = '';

const told = (): readonly CloudEvent[] => receiver.received.flatMap(({ events }) => events);
const linesOf = ({ stdout }: CliResult): readonly string[] => stdout.split('\n').slice(0, -1);
const eventsIn = (result: CliResult): readonly CloudEvent[] =>
  linesOf(result).map((line) => JSON.parse(line) as CloudEvent);
const shortTypes = (events: readonly CloudEvent[]): readonly string[] =>
  events.map(({ type }) => type.replace('dev.weaver.', ''));

const LIFE = [
  'job.started',
  'task.created',
  'task.started',
  'attempt.started',
  'call.ended',
  'attempt.ended',
  'task.retried',
  'attempt.started',
  'call.ended',
  'attempt.ended',
  'task.succeeded',
  'job.completed',
];

beforeAll(async () => {
  receiver = await startReceiver();
  world = await World.start({
    script: [
      {
        when: { contains: 'Twice' },
        answers: [answerValue('still wrong'), answerValue('right')].map((value) => ({ kind: 'json', value })),
      },
      { answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
    config: `providers: { openai: { baseUrl: '{endpoint}', model: scripted-1 } }
events:
  webhook: { url: '${receiver.url}', secretEnv: HOOK_SECRET, headersEnv: { authorization: HOOK_PASSWORD } }
  file: told.jsonl
`,
    env: { HOOK_SECRET: 'a-secret-for-the-hook', HOOK_PASSWORD: 'Bearer a-password-for-the-hook' },
  });
  copy = join(world.folder, 'told.jsonl');
  const repo = world.repository('value', valueFiles());
  const task = { title: 'Twice as hard', description: 'The value is wrong.', repo: { url: repo }, checks: [CHECK] };
  const result = await world.run(task, ['--key', 'hard']);
  ({ taskId } = result);
}, 120_000);

afterAll(async () => {
  await world.stop();
  await receiver.stop();
}, 60_000);

describe('a task', () => {
  it('is told to the webhook from its beginning to its end, signed, in order', async () => {
    await until(() => told().length >= LIFE.length, 'all is told');
    expect(shortTypes(told())).toEqual(LIFE);
    expect(told().map(({ sequence }) => Number(sequence))).toEqual(LIFE.map((_, at) => at + 1));
    expect(new Set(told().map(({ id }) => id)).size).toBe(LIFE.length);
    const ended = told().find(({ type }) => type.endsWith('task.succeeded'));
    expect(ended).toMatchObject({ subject: taskId, data: { attempts: 2, landing: { filesChanged: 1 } } });
    for (const { headers } of receiver.received) {
      expect(headers['webhook-signature']).toMatch(/^v1,/);
      expect(headers['authorization']).toBe('Bearer a-password-for-the-hook');
    }
    expect(JSON.stringify(told())).not.toContain('for-the-hook');
  });

  it('is told to the file as well, in the same words', async () => {
    await until(() => existsSync(copy) && readFileSync(copy, 'utf8').split('\n').length > LIFE.length, 'all is there');
    const lines = readFileSync(copy, 'utf8').trim().split('\n');
    expect(lines).toEqual(receiver.received.slice(0, lines.length).map(({ body }) => body));
  });
});

describe('weaver events', () => {
  it('shows what was told, oldest first', async () => {
    const shown = await world.cli(['events'], { ownProcess: true });
    expect(shown.exitCode).toBe(0);
    expect(linesOf(shown)).toHaveLength(LIFE.length);
    expect(linesOf(shown)[4]).toMatch(/ {2}call\.ended +job\/hard\/t\/0 {2}attempt 1 · a1\.t1 · answered$/);
    expect(linesOf(shown)[6]).toMatch(
      /^ +7 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}task\.retried +job\/hard\/t\/0 {2}attempt 1 · checksFailed/,
    );
  });

  it('begins after a number, and picks by job and type', async () => {
    expect(shortTypes(eventsIn(await world.cli(['events', '--since', '8', '--json'])))).toEqual(LIFE.slice(8));
    expect(eventsIn(await world.cli(['events', '--job', 'hard', '--type', 'AttemptEnded', '--json']))).toHaveLength(2);
    expect(eventsIn(await world.cli(['events', '--job', 'other', '--json']))).toEqual([]);
    expect(eventsIn(await world.cli(['events', '--since', '99999', '--json']))).toEqual([]);
  });

  it('says which types there are', async () => {
    const { exitCode, stderr } = await world.cli(['events', '--type', 'task.dreamt']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('task.succeeded');
  });

  it('follows, and stops when it is told to', async () => {
    const child = spawn(process.execPath, [CLI, 'events', '--follow', '--json', '--since', String(LIFE.length)], {
      env: world.env,
      cwd: world.folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    try {
      const repo = world.repository('another', valueFiles());
      await world.run({ title: 'Easy', description: 'The value is wrong.', repo: { url: repo }, checks: [CHECK] });
      await until(() => lines.some((line) => line.includes('job.completed')), 'the end is followed');
      expect(lines.map((line) => Number((JSON.parse(line) as CloudEvent).sequence))).toEqual(
        lines.map((_, at) => LIFE.length + 1 + at),
      );
      const ended = new Promise((settle) => child.once('exit', settle));
      child.kill('SIGINT');
      expect(await ended).toBe(0);
    } finally {
      await endProcess(child);
    }
  });
});

describe('weaver graph and weaver report', () => {
  it('draw a job as Mermaid and as SVG', async () => {
    const mermaid = await world.cli(['graph', 'hard'], { ownProcess: true });
    expect(mermaid.stdout).toMatch(
      /^flowchart LR\n {2}t0\["0<br\/>Twice as hard<br\/>#10003; succeeded"\]:::succeeded\n/,
    );
    const svg = await world.cli(['graph', 'hard', '--format', 'svg', '--output', 'hard.svg', '--json']);
    expect(JSON.parse(svg.stdout)).toMatchObject({ jobId: 'job/hard', file: join(world.folder, 'hard.svg') });
    expect(readFileSync(join(world.folder, 'hard.svg'), 'utf8')).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
  });

  it('write the page of a job and of a task, also when the server has forgotten them', async () => {
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
    for (const [id, options] of [
      ['hard', {}],
      ['job/hard/t/0', {}],
      ['hard', { env }],
    ] as const) {
      const made = await world.cli(['report', id, '--output', 'hard.html'], options);
      expect(made).toMatchObject({ exitCode: 0, stdout: '' });
      const page = readFileSync(join(world.folder, 'hard.html'), 'utf8');
      expect(page).toContain('<h1>Twice as hard <span class="badge is-succeeded">');
      expect(page.match(/<section class="attempt/g)).toHaveLength(2);
      expect(page).toContain('<span class="added">');
    }
  });

  it('say that they know no such job, and where a file cannot be written', async () => {
    expect((await world.cli(['report', 'nobody'])).exitCode).toBe(2);
    expect((await world.cli(['graph', 'hard', '--output', 'no/such/folder/x'])).stderr).toContain(
      'cannot be written: ENOENT',
    );
  });
});

const part = (id: string, dependsOn: readonly string[]) => ({
  id,
  title: `Task ${id}`,
  description: 'The value is wrong.',
  repo: { branch: `weaver/${id}` },
  dependsOn,
});

describe('a job of several tasks', () => {
  it('is told with all its tasks, and drawn with what they wait for', async () => {
    const repo = world.repository('several', valueFiles());
    const tasks = [part('a', []), part('b', ['a']), part('c', ['a'])];
    const input = JSON.stringify({ title: 'Several', repo: { url: repo }, checks: [CHECK], tasks });
    expect(await world.cli(['run', '-', '--key', 'several'], { input })).toMatchObject({ exitCode: 0 });
    const events = eventsIn(await world.cli(['events', '--job', 'several', '--json']));
    expect(shortTypes(events.slice(0, 4))).toEqual(['job.started', 'task.created', 'task.created', 'task.created']);
    expect(shortTypes(events.slice(-1))).toEqual(['job.completed']);
    expect(events.at(-1)).toMatchObject({ subject: 'job/several', data: { tasks: 3, counts: { succeeded: 3 } } });
    expect(shortTypes(events).filter((type) => type === 'task.succeeded')).toHaveLength(3);
    for (const env of [{}, { TEMPORAL_ADDRESS: '127.0.0.1:1' }]) {
      const { stdout } = await world.cli(['graph', 'several'], { env });
      expect(stdout).toContain('  t0 --> t1\n  t0 --> t2\n');
    }
    expect((await world.cli(['report', 'several', '--output', '-'])).stdout).toContain('<small>3 succeeded</small>');
  }, 90_000);
});

describe('a webhook that is down', () => {
  it('stops nobody, and weaver doctor tells of it', async () => {
    await receiver.stop();
    const repo = world.repository('third', valueFiles());
    const task = { title: 'Untold', description: 'The value is wrong.', repo: { url: repo }, checks: [CHECK] };
    expect(await world.run(task)).toMatchObject({ state: 'succeeded' });
    const doctor = () => world.cli(['doctor']);
    await until(
      async () => /takes no events since .*: ECONNREFUSED; 8 wait/.test((await doctor()).stdout),
      'doctor says so',
    );
    writeFileSync(join(world.folder, 'seen'), '');
    const { port } = receiver;
    receiver = await startReceiver(port);
    await until(() => shortTypes(told()).includes('job.completed'), 'it is told later', 90_000);
    expect((await doctor()).stdout).toMatch(/events webhook +http:\/\/127\.0\.0\.1:\d+ has all/);
  });
});
