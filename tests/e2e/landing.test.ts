/** From a task to one commit on a pushed branch, and what happens to it on the way there. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import {
  answerValue,
  API_KEY,
  branchesOf,
  CHECK,
  CLI,
  commitsOn,
  git,
  saysIn,
  until,
  valueFiles,
  World,
  type RunResult,
} from './world';

const write = (path: string, content: string) => ({
  op: 'write',
  path,
  content,
  search: null,
  replace: null,
  to: null,
});
const right: ScriptedAnswer = { kind: 'json', value: answerValue('right') };
const rule = (title: string, ...answers: readonly ScriptedAnswer[]) => ({ when: { contains: title }, answers });

const TOKEN = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
const SECRETS = [
  { title: 'Secret in a file', content: `${TOKEN}\n`, commitMessage: 'Add' },
  { title: 'Secret behind signs', content: `++gh = "${TOKEN}"\n`, commitMessage: 'Add' },
  { title: 'Secret in words', content: 'nothing\n', commitMessage: `Use ${TOKEN}` },
];

let world: World;
let client: Client;

beforeAll(async () => {
  world = await World.start({
    script: [
      rule('Plain landing', {
        kind: 'json',
        value: {
          edits: [write('value.txt', 'right\n'), write('docs/new file.txt', 'new\n')],
          commitMessage: 'Set the value right\n\nIt was wrong.',
          notes: '',
        },
      }),
      rule('Leftovers', right),
      rule('Moved branch', { ...right, delayMs: 1_500 }, right),
      rule('Base goes on', { ...right, delayMs: 1_500 }),
      rule('Base stays where it was', { ...right, delayMs: 1_500 }),
      rule('Base takes the same place', { ...right, delayMs: 1_500 }, right),
      rule('Base breaks the change', { ...right, delayMs: 1_500 }, right),
      rule('Mirror one', right),
      rule('Mirror two', right),
      rule('Same key', right),
      rule('Cancelled task', { kind: 'hang' }),
      rule('Leaky task', {
        kind: 'json',
        value: { ...answerValue('right'), notes: `the key is ${API_KEY}` },
      }),
      ...SECRETS.map(({ title, content, commitMessage }) =>
        rule(title, { kind: 'json', value: { edits: [write('token.txt', content)], commitMessage, notes: '' } }),
      ),
      rule('Many checks', right),
      rule('Odd message', {
        kind: 'json',
        value: { ...answerValue('right'), commitMessage: `Make it\u0000right\n\n${'x'.repeat(50_000)}` },
      }),
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

const task = (title: string, url: string, more: Readonly<Record<string, unknown>> = {}) => ({
  title,
  description: 'Make the value right.',
  repo: { url },
  checks: [CHECK],
  ...more,
});

const readObject = (url: string, ...args: readonly string[]) => git(url, ...args);

describe('a task that goes well', () => {
  let url: string;
  let result: RunResult & { readonly stderr: string };
  let begunAt: number;
  beforeAll(async () => {
    begunAt = Date.now();
    url = world.repository('plain', valueFiles());
    result = await world.run(
      task('Plain landing', url, {
        commit: { author: 'Ada <ada@example.org>', trailers: ['Reviewed-by: Nobody <nobody@example.org>'] },
      }),
    );
  }, 60_000);

  it('WT-42 ends with one object that says all, after one attempt', () => {
    expect(result).toEqual({
      jobId: expect.stringMatching(/^job\//),
      taskId: `${result.jobId}/t/0`,
      state: 'succeeded',
      exitCode: 0,
      branch: expect.stringMatching(/^weaver\/plain-landing-[a-z0-9]{8}$/),
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      base: readObject(url, 'rev-parse', 'main'),
      attempts: 1,
      calls: { sent: 1, inDoubt: 0 },
      tokens: expect.any(Number),
      costUsdMicros: expect.any(Number),
      failure: null,
      warnings: ['no price is configured for openai: cost is counted in tokens only'],
      webUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/job/),
      stderr: result.stderr,
    });
    expect(result.tokens).toBeGreaterThan(0);
  });

  it('makes one commit with the message, the author and the trailers asked for', () => {
    expect(commitsOn(url, result.branch ?? '')).toBe(1);
    const [author, committer, ...message] = readObject(
      url,
      'log',
      '-1',
      '--format=%an <%ae>%n%cn%n%B',
      result.branch ?? '',
    ).split('\n');
    expect([author, committer]).toEqual(['Ada <ada@example.org>', 'Ada']);
    expect(message.join('\n')).toBe(
      `Set the value right\n\nIt was wrong.\n\nReviewed-by: Nobody <nobody@example.org>\nWeaver-Task: ${result.taskId}`,
    );
  });

  it('has the new file in the commit and in the diff', async () => {
    expect(readObject(url, 'diff', '--name-status', 'main', result.branch ?? '').split('\n')).toEqual([
      'A\tdocs/new file.txt',
      'M\tvalue.txt',
    ]);
    const { stdout } = await world.cli(['diff', result.taskId]);
    expect(stdout).toContain('+new');
    expect(stdout).toContain('-wrong');
  });

  it('leaves a history of at most 60 events, no payload over 8 KB', async () => {
    const history = await client.workflow.getHandle(result.taskId).fetchHistory();
    const events = history.events ?? [];
    expect(events.length).toBeLessThanOrEqual(60);
    const sizes = payloadSizes(JSON.parse(historyToJSON(history)));
    expect(sizes.length).toBeGreaterThan(5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8_192);
  });

  it('WT-16, WT-52, D-06, D-10 and D-16 records attempt and decision with times, worker, model, prompt version, commits and artifacts', async () => {
    const { stdout } = await world.cli(['decisions', result.taskId, '--json']);
    expect(stdout).toContain('default@1');
    const records = readRecords(world, result.taskId);
    const attempt = records.find(({ kind }) => kind === 'attempt');
    expect(attempt).toMatchObject({
      sequence: 0,
      attempt: 1,
      provider: 'openai',
      model: 'scripted-1',
      promptVersion: 'one-shot@3',
      commitBefore: result.base,
      commitAfter: result.commit,
      treeAfter: readObject(url, 'rev-parse', `${result.branch}^{tree}`),
      workers: [expect.stringMatching(/^\d+@/)],
    });
    expect(Number(attempt?.['endedAt'])).toBeGreaterThan(Number(attempt?.['startedAt']));
    // Times of day, in milliseconds since 1970; the work was done a moment ago.
    expect(Number(attempt?.['startedAt'])).toBeGreaterThanOrEqual(begunAt);
    expect(Number(attempt?.['endedAt'])).toBeLessThanOrEqual(Date.now());
    expect(kindsOf(attempt?.['artifacts'])).toEqual(expect.arrayContaining(['prompt', 'answer', 'diff', 'log']));
  });
});

it('keeps what checks leave behind out of the commit', async () => {
  const leavings =
    'mkdir -p __pycache__ .pytest_cache node_modules/x; touch __pycache__/a.pyc .pytest_cache/b node_modules/x/y stray.txt; echo right > other.txt\n';
  const url = world.repository('leftovers', {
    ...valueFiles(),
    'check.sh': `${leavings}${valueFiles()['check.sh']}`,
    'other.txt': 'other\n',
  });
  const { branch, exitCode } = await world.carryOut(task('Leftovers', url));
  expect(exitCode).toBe(0);
  expect(readObject(url, 'diff', '--name-only', 'main', branch ?? '')).toBe('value.txt');
});

it('starts over from the tip of a branch that moved meanwhile, and keeps both commits', async () => {
  const url = world.repository('moved', valueFiles());
  const running = world.run(task('Moved branch', url, { repo: { url, branch: 'feature' } }));
  await until(() => world.requestsFor('Moved branch') === 1, 'the model is asked');
  const other = join(world.folder, 'other');
  git(world.folder, 'clone', '--quiet', url, other);
  writeFileSync(join(other, 'theirs.txt'), 'theirs\n');
  git(other, 'add', '--all');
  git(other, 'commit', '--quiet', '--message', 'theirs');
  git(other, 'push', '--quiet', 'origin', 'HEAD:feature');
  const result = await running;
  expect({ state: result.state, attempts: result.attempts }).toEqual({ state: 'succeeded', attempts: 2 });
  expect(readObject(url, 'log', '--format=%s', 'main..feature').split('\n')).toEqual([
    'Make the value right',
    'theirs',
  ]);
}, 60_000);

/** Somebody pushes to main as soon as the model is asked. */
async function movedUnder(
  title: string,
  files: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
) {
  const url = world.repository(title.replaceAll(' ', '-'), valueFiles());
  const running = world.carryOut(task(title, url, more));
  await until(() => world.requestsFor(title) === 1, 'the model is asked');
  const clone = join(world.folder, `clone-${title.replaceAll(' ', '-')}`);
  git(world.folder, 'clone', '--quiet', url, clone);
  for (const [path, content] of Object.entries(files)) writeFileSync(join(clone, path), content);
  git(clone, 'add', '--all');
  git(clone, 'commit', '--quiet', '--message', 'theirs');
  git(clone, 'push', '--quiet', 'origin', 'HEAD:main');
  return { url, result: await running };
}
const log = (url: string, branch: string | null): readonly string[] =>
  readObject(url, 'log', '--format=%s', `${branch}`).split('\n').slice(0, 2);

describe('a base branch that goes on while the model thinks', () => {
  it('is built upon, and the change is checked there', async () => {
    const { url, result } = await movedUnder('Base goes on', { 'theirs.txt': 'theirs\n' });
    expect(result).toMatchObject({ state: 'succeeded', attempts: 1, calls: { sent: 1 } });
    expect(log(url, result.branch)).toEqual(['Make the value right', 'theirs']);
    expect(result.base).toBe(readObject(url, 'rev-parse', 'main'));
    const history = await client.workflow.getHandle(result.taskId).fetchHistory();
    const ids = (history.events ?? []).flatMap(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityId ?? [],
    );
    expect(ids).toEqual(expect.arrayContaining(['a1.land', 'a1.baseline.r1', 'a1.checks.r1', 'a1.land.r1']));
  }, 60_000);

  it('is left alone where the task says so', async () => {
    const more = { landing: { onMovedBase: 'keep' } };
    const { url, result } = await movedUnder('Base stays where it was', { 'theirs.txt': 'theirs\n' }, more);
    expect(result).toMatchObject({ state: 'succeeded', attempts: 1 });
    expect(log(url, result.branch)).not.toContain('theirs');
  }, 60_000);

  it.each([
    ['Base takes the same place', { 'value.txt': 'theirs\n' }, 'the change does not fit it any more'],
    [
      'Base breaks the change',
      { 'check.sh': 'test -e later.txt || grep -q right value.txt && test ! -e value.txt\n' },
      'fail',
    ],
  ])(
    'gives the model another attempt on the new tip: %s',
    async (title, files, evidence) => {
      const { url, result } = await movedUnder(title, files, { limits: { attempts: 2 } });
      expect(result.attempts).toBe(2);
      const second = JSON.stringify(
        world.endpoint
          .requests()
          .filter(({ body }) => JSON.stringify(body).includes(title))
          .at(1)?.body,
      );
      expect(second).toContain(evidence);
      expect(readObject(url, 'log', '-1', '--format=%s', 'main')).toBe('theirs');
    },
    60_000,
  );
});

it('mends a mirror that was damaged', async () => {
  const url = world.repository('mirror', valueFiles());
  expect((await world.carryOut(task('Mirror one', url))).exitCode).toBe(0);
  const packs = filesBelow(join(world.home, 'mirrors')).filter((path) =>
    /objects\/(pack\/.*\.pack|[0-9a-f]{2}\/)/.test(path),
  );
  expect(packs.length).toBeGreaterThan(0);
  for (const path of packs) rmSync(path, { force: true });
  const result = await world.carryOut(task('Mirror two', url));
  expect({ state: result.state, calls: result.calls }).toEqual({ state: 'succeeded', calls: { sent: 1, inDoubt: 0 } });
}, 60_000);

it('makes one job of two submissions under one key, and refuses another task under it', async () => {
  const url = world.repository('key', valueFiles());
  const asked = task('Same key', url, { key: 'nightly-7' });
  const [first, second] = await Promise.all([world.run(asked), world.run(asked)]);
  expect([first.jobId, second.jobId]).toEqual(['job/nightly-7', 'job/nightly-7']);
  expect(first.commit).toBe(second.commit);
  expect(world.requestsFor('Same key')).toBe(1);
  const refused = await world.run({ ...asked, description: 'Something else.' });
  expect({ exitCode: refused.exitCode, code: refused.failure?.code }).toEqual({ exitCode: 2, code: 'keyTaken' });
}, 60_000);

it('stops when it is cancelled: request aborted, nothing pushed, reason on record', async () => {
  const url = world.repository('cancelled', valueFiles());
  const running = world.run(task('Cancelled task', url, { key: 'to-cancel' }));
  await until(() => world.requestsFor('Cancelled task') === 1, 'the model is asked');
  const cancelled = await world.cli(['cancel', 'job/to-cancel', '--reason', 'no longer wanted', '--json']);
  expect(cancelled.exitCode).toBe(0);
  const result = await running;
  expect({ state: result.state, exitCode: result.exitCode, code: result.failure?.code }).toEqual({
    state: 'cancelled',
    exitCode: 10,
    code: 'cancelled',
  });
  expect(result.failure?.message).toContain('no longer wanted');
  expect(branchesOf(url)).toEqual(['main']);
  await until(() => world.endpoint.requests().some(({ aborted }) => aborted), 'the request is aborted');
  expect(readRecords(world, result.taskId).some((record) => JSON.stringify(record).includes('no longer wanted'))).toBe(
    true,
  );
}, 60_000);

it.each(SECRETS)('refuses to land a secret: $title', async ({ title }) => {
  const url = world.repository(title.replaceAll(' ', '-'), valueFiles('right'));
  const result = await world.carryOut(task(title, url, { limits: { attempts: 1 } }));
  expect({ state: result.state, code: result.failure?.code }).toEqual({ state: 'dead', code: 'secretInDiff' });
  expect(branchesOf(url)).toEqual(['main']);
});

it('lands with as many checks as a task may have, named in any script', async () => {
  const url = world.repository('many', valueFiles());
  const checks = Array.from({ length: 20 }, (_, n) => ({ ...CHECK, name: `${'検'.repeat(38)}${10 + n}` }));
  const result = await world.carryOut(task('Many checks', url, { checks }));
  expect({ state: result.state, commit: result.commit === null }).toEqual({ state: 'succeeded', commit: false });
  const history = await client.workflow.getHandle(result.taskId).fetchHistory();
  expect(Math.max(...payloadSizes(JSON.parse(historyToJSON(history))))).toBeLessThanOrEqual(8_192);
});

it('makes a message of git out of whatever the model proposes', async () => {
  const url = world.repository('odd', valueFiles());
  const { exitCode, branch } = await world.carryOut(task('Odd message', url));
  expect(exitCode).toBe(0);
  expect(readObject(url, 'log', '-1', '--format=%s', branch ?? '')).toBe('Make it right');
  expect(readObject(url, 'log', '-1', '--format=%B', branch ?? '').length).toBeLessThan(11_000);
});

it('lets no key into history, ledger, artifacts, records or logs', async () => {
  const url = world.repository('leaky', {
    ...valueFiles(),
    'check.sh': `env; echo ${API_KEY}; ${valueFiles()['check.sh']}`,
  });
  const result = await world.run(task('Leaky task', url));
  expect(result.exitCode).toBe(0);
  const texts = filesBelow(world.home)
    .filter((path) => !path.includes('/mirrors/') && statSync(path).isFile())
    .map((path) => ({ path, text: readAny(path) }));
  expect(texts.length).toBeGreaterThan(5);
  expect(texts.filter(({ text }) => text.includes(API_KEY)).map(({ path }) => path)).toEqual([]);
  for (const id of [result.jobId, result.taskId]) {
    const history = historyToJSON(await client.workflow.getHandle(id).fetchHistory());
    expect(history.includes(API_KEY) || history.includes(Buffer.from(API_KEY).toString('base64').slice(2, -2))).toBe(
      false,
    );
  }
});

it('waits while the disk of the worker is full, and goes on when there is room', async () => {
  const small = await World.start({ script: [rule('Full disk', right)], workers: 0 });
  try {
    const filler = join(small.home, 'filler');
    const fill = `mount -t tmpfs -o size=64m tmpfs "${small.home}" && (dd if=/dev/zero of="${filler}" bs=1M 2>/dev/null; true)`;
    const worker = spawn('unshare', ['--mount', 'sh', '-c', `${fill} && exec "${process.execPath}" "${CLI}" worker`], {
      env: { ...small.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    small.processes.push(worker);
    await saysIn(worker, /polls? /i);
    const url = small.repository('disk', valueFiles());
    const running = small.run(task('Full disk', url));
    await until(() => pendingFailure(small, 'diskFull'), 'the step fails for want of room');
    rmSync(join('/proc', String(worker.pid), 'root', filler));
    const result = await running;
    expect({ state: result.state, attempts: result.attempts, calls: result.calls }).toEqual({
      state: 'succeeded',
      attempts: 1,
      calls: { sent: 1, inDoubt: 0 },
    });
    expect(small.requestsFor('Full disk')).toBe(1);
  } finally {
    await small.stop();
  }
}, 120_000);

/** Whether some running task has a step that failed with the code, or waits because of it. */
async function pendingFailure(where: World, code: string): Promise<boolean> {
  const near = await Connection.connect({ address: where.server.address });
  try {
    const local = new Client({ connection: near });
    for await (const { workflowId } of local.workflow.list({
      query: `WorkflowType='codingTask' AND ExecutionStatus='Running'`,
    })) {
      const { raw } = await local.workflow.getHandle(workflowId).describe();
      if (JSON.stringify(raw.pendingActivities ?? []).includes(code)) return true;
    }
    return false;
  } finally {
    await near.close();
  }
}

/** Bytes of every payload in a history as JSON. */
function payloadSizes(value: unknown): number[] {
  if (typeof value !== 'object' || value === null) return [];
  const own =
    'data' in value && typeof value.data === 'string' && 'metadata' in value
      ? [Buffer.from(value.data, 'base64').length]
      : [];
  return [...own, ...Object.values(value).flatMap(payloadSizes)];
}

function readRecords({ home }: World, taskId: string): readonly Readonly<Record<string, unknown>>[] {
  return filesBelow(join(home, 'records'))
    .filter((path) => path.endsWith('.json'))
    .toSorted()
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, unknown>>)
    .map((entry) => (entry['record'] as Readonly<Record<string, unknown>> | undefined) ?? entry)
    .filter((entry) => JSON.stringify(entry).includes(taskId) || 'sequence' in entry);
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

function readAny(path: string): string {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

const kindsOf = (artifacts: unknown): readonly string[] =>
  (artifacts as readonly { readonly kind: string }[]).map(({ kind }) => kind);
