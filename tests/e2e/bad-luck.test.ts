/**
 * What bad input and bad luck get: each row ends in the state and exit code of the design, the record says why, nothing is
 * lost and nothing half done. All rows run side by side in one world; each test awaits its own.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import { answerValue, branchesOf, CHECK, commitsOn, git, valueFiles, World, type RunResult } from './world';

interface Row {
  /** Reads on from "ends in the right state:". */
  readonly name: string;
  readonly answers?: readonly ScriptedAnswer[];
  readonly files?: Readonly<Record<string, string>>;
  /** Fields of the task file beside title, description, repo and checks. */
  readonly task?: (world: World, url: string) => Readonly<Record<string, unknown>>;
  readonly prepare?: (world: World, url: string) => void;
  readonly state: string;
  readonly exitCode: number;
  readonly code: string | null;
  readonly attempts?: number;
  /** Requests that the endpoint gets. */
  readonly requests?: number;
}

const right: ScriptedAnswer = { kind: 'json', value: answerValue('right') };
const once = (...answers: readonly ScriptedAnswer[]): readonly ScriptedAnswer[] => [...answers, right];
const edit = (op: string, path: string, more: Readonly<Record<string, unknown>> = {}): ScriptedAnswer => ({
  kind: 'json',
  value: {
    edits: [{ op, path, content: 'x\n', search: null, replace: null, to: null, ...more }],
    commitMessage: 'Reach out',
    notes: '',
  },
});
/** Long enough for one probe, short enough for a test. */
const SHORT_OUTAGE = { limits: { outageSeconds: 2 } };

const ROWS: readonly Row[] = [
  // half a minute of pauses: begun first, they are over when the others are
  {
    name: 'WT-41 wrong in all of five attempts, as many as there are by default',
    answers: ['a', 'b', 'c', 'd', 'e', 'f'].map((value) => ({ kind: 'json', value: answerValue(value) })),
    state: 'dead',
    exitCode: 1,
    code: 'checksFailed',
    attempts: 5,
    requests: 5,
  },
  {
    name: 'WT-40 wrong twice, then right',
    answers: [{ kind: 'json', value: answerValue('wronger') }, { kind: 'json', value: answerValue('wrongest') }, right],
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 3,
    requests: 3,
  },
  // the remote
  {
    name: 'unreachable remote',
    task: () => ({ repo: { url: 'http://127.0.0.1:1/nowhere.git' }, ...SHORT_OUTAGE }),
    state: 'stuck',
    exitCode: 4,
    code: 'remoteUnreachable',
    requests: 0,
  },
  {
    name: 'a remote that is not there',
    task: (world) => ({ repo: { url: join(world.folder, 'remotes', 'nowhere.git') } }),
    state: 'dead',
    exitCode: 2,
    code: 'missingRepository',
    requests: 0,
  },
  {
    name: 'wrong credentials',
    task: () => ({ repo: { url: `${forbidding.url}/private.git` } }),
    state: 'dead',
    exitCode: 3,
    code: 'remoteCredentials',
    requests: 0,
  },
  {
    name: 'missing base branch',
    task: (_, url) => ({ repo: { url, baseBranch: 'release-9' } }),
    state: 'dead',
    exitCode: 2,
    code: 'missingBaseBranch',
    requests: 0,
  },
  {
    name: 'empty repository',
    prepare: (_, url) => {
      rmSync(url, { recursive: true });
      mkdirSync(url, { recursive: true });
      git(url, 'init', '--bare', '--quiet', '.');
    },
    state: 'dead',
    exitCode: 2,
    code: 'emptyRepository',
    requests: 0,
  },
  {
    name: 'the base branch as the branch to push',
    task: (_, url) => ({ repo: { url, branch: 'main' } }),
    state: 'dead',
    exitCode: 2,
    code: 'protectedBranch',
    requests: 0,
  },
  {
    name: 'a remote whose hook refuses the push',
    answers: [right],
    prepare: (_, url) => {
      writeFileSync(join(url, 'hooks', 'pre-receive'), '#!/bin/sh\necho "not on a Saturday" >&2\nexit 1\n', {
        mode: 0o755,
      });
    },
    state: 'dead',
    exitCode: 2,
    code: 'remoteRule',
  },
  // the endpoint
  {
    name: 'endpoint down',
    task: () => ({ models: ['down'], ...SHORT_OUTAGE }),
    state: 'stuck',
    exitCode: 5,
    code: 'modelUnreachable',
  },
  {
    name: '401 of the endpoint',
    answers: [{ kind: 'status', status: 401, body: { error: { message: 'Incorrect API key provided' } } }],
    state: 'dead',
    exitCode: 3,
    code: 'modelCredentials',
    requests: 1,
  },
  {
    name: '429 with Retry-After, once',
    answers: once({ kind: 'status', status: 429, headers: { 'retry-after': '2' } }),
    // The pause holds for all calls of a provider.
    task: () => ({ models: ['pausing'] }),
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 1,
    requests: 2,
  },
  {
    name: '429 for ever',
    answers: [{ kind: 'status', status: 429, headers: { 'retry-after': '1' } }],
    task: () => ({ models: ['limiting'], ...SHORT_OUTAGE }),
    state: 'stuck',
    exitCode: 6,
    code: 'rateLimited',
  },
  {
    name: '500, once',
    answers: once({ kind: 'status', status: 500, body: 'oops' }),
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 1,
    requests: 2,
  },
  {
    name: '500 for ever',
    answers: [{ kind: 'status', status: 500, body: 'oops' }],
    task: () => SHORT_OUTAGE,
    state: 'stuck',
    exitCode: 5,
    code: 'modelServer',
  },
  {
    name: 'an endpoint that hangs, once',
    answers: once({ kind: 'hang' }),
    task: () => ({ models: ['hasty'] }),
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 1,
    requests: 2,
  },
  {
    name: 'an endpoint that hangs for ever',
    answers: [{ kind: 'hang' }],
    task: () => ({ models: ['hasty'], ...SHORT_OUTAGE }),
    state: 'stuck',
    exitCode: 5,
    code: 'modelTimeout',
  },
  {
    name: 'a connection cut in the middle of the answer, once',
    answers: once({ kind: 'cut', afterBytes: 60 }),
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 1,
    requests: 2,
  },
  {
    name: 'broken JSON, mended by the repair turn',
    answers: once({ kind: 'text', text: '{"edits": [{"op": "write", "path": ' }),
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 1,
    requests: 2,
  },
  {
    name: 'broken JSON for ever',
    answers: [{ kind: 'text', text: 'I would rather talk about the weather.' }],
    task: () => ({ limits: { attempts: 2 } }),
    state: 'dead',
    exitCode: 5,
    code: 'malformedAnswer',
    attempts: 2,
    requests: 4,
  },
  {
    name: 'a truncated answer, of which nothing is applied',
    answers: [{ kind: 'truncated', text: JSON.stringify(answerValue('right')) }],
    task: () => ({ limits: { attempts: 1 } }),
    state: 'dead',
    exitCode: 5,
    code: 'truncatedAnswer',
    requests: 1,
  },
  {
    name: 'a refusal',
    answers: [{ kind: 'refusal', text: 'I cannot help with that.' }],
    state: 'dead',
    exitCode: 5,
    code: 'modelRefused',
    attempts: 1,
    requests: 1,
  },
  // the edits
  ...(
    [
      ['an edit that climbs out with ../', edit('write', '../outside.txt')],
      ['an edit of an absolute path', edit('write', '/tmp/weaver-outside.txt')],
      ['an edit of .git/hooks', edit('write', '.git/hooks/pre-commit')],
      ['a move out of the repository', edit('move', 'value.txt', { content: null, to: '../../value.txt' })],
    ] as const
  ).map(([name, answer]): Row => ({
    name,
    answers: [answer],
    state: 'dead',
    exitCode: 2,
    code: 'refusedPath',
    requests: 1,
  })),
  {
    name: 'an edit through a symbolic link that leaves the repository',
    answers: [edit('write', 'link/outside.txt')],
    prepare: (world, url) => addLink(world, url, 'link', '../..'),
    state: 'dead',
    exitCode: 2,
    code: 'refusedPath',
    requests: 1,
  },
  // the checks
  {
    name: 'D-15 a check that hangs',
    answers: [right],
    files: { ...valueFiles(), 'check.sh': 'test -e never || sleep 600\n' },
    task: () => ({ checks: [{ ...CHECK, timeoutSeconds: 1 }], limits: { attempts: 1 } }),
    state: 'dead',
    exitCode: 1,
    code: 'baselineBroken',
  },
  {
    name: 'a check whose program is not there',
    answers: [right],
    task: () => ({ checks: [{ ...CHECK, run: 'nodde --test' }], limits: { attempts: 3 } }),
    state: 'dead',
    exitCode: 3,
    code: 'checkProgramMissing',
    attempts: 1,
  },
  {
    name: 'a check that hangs after the edits only',
    answers: [right],
    files: { ...valueFiles(), 'check.sh': 'grep -qx right value.txt && sleep 600\nexit 1\n' },
    task: () => ({ checks: [{ ...CHECK, timeoutSeconds: 1 }], limits: { attempts: 1 } }),
    state: 'dead',
    exitCode: 1,
    code: 'checkTimedOut',
  },
  {
    name: 'a check that floods its output',
    answers: [right],
    files: { ...valueFiles(), 'check.sh': `yes "a line of the flood" | head -c 30000000\n${valueFiles()['check.sh']}` },
    state: 'succeeded',
    exitCode: 0,
    code: null,
  },
  {
    name: 'wrong in every attempt',
    answers: ['a', 'b', 'c'].map((value) => ({ kind: 'json', value: answerValue(value) })),
    task: () => ({ limits: { attempts: 3 } }),
    state: 'dead',
    exitCode: 1,
    code: 'checksFailed',
    attempts: 3,
    requests: 3,
  },
  {
    name: 'wrong, then right',
    answers: [{ kind: 'json', value: answerValue('wronger') }, right],
    state: 'succeeded',
    exitCode: 0,
    code: null,
    attempts: 2,
    requests: 2,
  },
  {
    name: 'an answer that changes nothing',
    answers: [{ kind: 'json', value: answerValue('wrong') }],
    task: () => ({ limits: { attempts: 1 } }),
    state: 'dead',
    exitCode: 1,
    code: 'nothingToCommit',
  },
  {
    name: 'a money limit',
    answers: [{ kind: 'json', value: answerValue('wronger'), usage: { prompt: 1_000_000, completion: 1_000_000 } }],
    task: () => ({ limits: { costUsd: 1 } }),
    state: 'dead',
    exitCode: 7,
    code: 'budgetCost',
    attempts: 1,
    requests: 1,
  },
  {
    name: 'D-15 a wall time limit',
    answers: [right],
    files: { ...valueFiles(), 'check.sh': 'sleep 30\n' },
    task: () => ({ limits: { wallTimeSeconds: 2 } }),
    state: 'dead',
    exitCode: 9,
    code: 'wallTime',
  },
];

const CONFIG = `
providers:
  openai:
    baseUrl: {endpoint}
    model: scripted-1
    concurrency: 16
    # The rows play many endpoints behind this one: it is not to be left alone for what one of them does.
    breaker: { failures: 1000, pauseSeconds: 1 }
    price: { promptUsdPerMillion: 1, cachedUsdPerMillion: 0.1, completionUsdPerMillion: 2, date: 2026-11-01 }
  hasty:
    baseUrl: {endpoint}
    model: scripted-1
    callTimeoutSeconds: 2
    idleTimeoutSeconds: 1
  pausing: { baseUrl: '{endpoint}', model: scripted-1 }
  limiting: { baseUrl: '{endpoint}', model: scripted-1 }
  down:
    baseUrl: http://127.0.0.1:9/v1
    model: none
`;

/** Eight at once keep two cores busy; more only wait for each other. */
const AT_ONCE = 8;

const SENTENCE: unknown = expect.stringMatching(/\w{3}/);
const ANY_NUMBER: unknown = expect.any(Number);
const failureOf = ({ code }: Row) => (code === null ? null : { code, message: SENTENCE, next: SENTENCE });
const NOTHING_LANDED = { commits: null, tips: [] };

let world: World;
let forbidding: { readonly url: string; readonly server: Server };
const runs = new Map<string, Promise<RunResult & { readonly stderr: string }>>();

const slug = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
const titleOf = ({ name }: Row): string => `Row ${slug(name)}.`;
const urlOf = (row: Row): string => join(world.folder, 'remotes', `${slug(row.name)}.git`);

beforeAll(async () => {
  forbidding = await startForbidding();
  const script = ROWS.map((row) => ({ when: { contains: titleOf(row) }, answers: row.answers ?? [] }));
  world = await World.start({ script: script.filter(({ answers }) => answers.length > 0), config: CONFIG });
  runAll();
}, 120_000);

afterAll(async () => {
  await Promise.allSettled(runs.values());
  await world.stop();
  forbidding.server.close();
}, 300_000);

it.each(ROWS)(
  'ends in the right state: $name',
  async (row) => {
    const result = await runOf(row);
    expect({ ...result, requests: requestsOf(row) }).toMatchObject({
      state: row.state,
      exitCode: row.exitCode,
      failure: failureOf(row),
      attempts: row.attempts ?? ANY_NUMBER,
      requests: row.requests ?? ANY_NUMBER,
      calls: { sent: expect.any(Number), inDoubt: 0 },
    });
    expect(landingOf(row, result)).toEqual(
      row.state === 'succeeded' ? { commits: 1, tips: [result.commit, result.base] } : NOTHING_LANDED,
    );
    const { stdout } = await world.cli(['decisions', result.taskId, '--json']);
    expect(stdout).toContain(row.code ?? 'complete');
  },
  240_000,
);

it('says the words of the remote that refused', async () => {
  const result = await runOf(rowNamed('a remote whose hook refuses the push'));
  expect(result.failure?.message).toContain('not on a Saturday');
});

it('waits as long as Retry-After says', async () => {
  await runOf(rowNamed('429 with Retry-After, once'));
  const [first, second] = requestsFor(titleOf(rowNamed('429 with Retry-After, once')));
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_900);
});

it('has the keeper of the trouble on the queue of all keepers, and answers for it without limits too', async () => {
  await runOf(rowNamed('429 with Retry-After, once'));
  await runOf(rowNamed('500 for ever'));
  const client = await world.connect();
  const { taskQueue, historyLength } = await client.workflow.getHandle('provider/openai').describe();
  expect(taskQueue).toBe('weaver-keepers');
  // What begins it and its first look are five events; each message that it has answered is five more.
  expect(historyLength).toBeGreaterThan(8);
});

it('counts what a failing endpoint was sent', async () => {
  const row = rowNamed('500 for ever');
  const result = await runOf(row);
  expect(result.calls.sent).toBe(requestsOf(row));
});

it('shows the failure of the check to the next attempt', async () => {
  const row = rowNamed('wrong, then right');
  await runOf(row);
  const [first, second] = requestsFor(titleOf(row));
  expect(JSON.stringify(first?.body)).not.toContain('value is wronger');
  expect(JSON.stringify(second?.body)).toContain('value is wronger');
});

it('leaves no workspace, no file outside and no process behind', async () => {
  await Promise.all(ROWS.map(runOf));
  expect(existsSync('/tmp/weaver-outside.txt')).toBe(false);
  expect(listing(join(world.home, 'workspaces'))).toEqual([]);
  expect(listing(join(world.home, 'tasks'))).toEqual([]);
}, 300_000);

function runAll(): void {
  const waiting = [...ROWS];
  const next = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) await start(row).catch(() => undefined);
  };
  const settlers = new Map<string, (run: Promise<RunResult & { readonly stderr: string }>) => void>();
  for (const row of ROWS) runs.set(row.name, new Promise((settle) => settlers.set(row.name, settle)));
  const start = async (row: Row) => {
    const run = runRow(row);
    settlers.get(row.name)?.(run);
    await run;
  };
  for (let n = 0; n < AT_ONCE; n += 1) void next();
}

async function runRow(row: Row): Promise<RunResult & { readonly stderr: string }> {
  const url = world.repository(slug(row.name), row.files ?? valueFiles());
  row.prepare?.(world, url);
  const task = {
    title: titleOf(row),
    description: 'Make the value right.',
    repo: { url },
    checks: [CHECK],
    ...row.task?.(world, url),
  };
  // The first row of each exit code shows that the process ends with it too.
  return await world.run(task, [], { ownProcess: row === ROWS.find(({ exitCode }) => exitCode === row.exitCode) });
}

function runOf(row: Row): Promise<RunResult & { readonly stderr: string }> {
  const run = runs.get(row.name);
  if (run === undefined) throw new Error(`no run of ${row.name}`);
  return run;
}

function rowNamed(name: string): Row {
  const row = ROWS.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
}

const requestsFor = (title: string) =>
  world.endpoint.requests().filter(({ body }) => JSON.stringify(body).includes(title));
const requestsOf = (row: Row): number => requestsFor(titleOf(row)).length;

/** What is on the remote beside `main`. */
function landingOf(row: Row, { branch, commit }: RunResult) {
  const url = urlOf(row);
  const others = existsSync(join(url, 'refs')) ? branchesOf(url).filter((name) => name !== 'main' && name !== '') : [];
  if (commit === null || branch === null) return { commits: null, tips: others };
  return { commits: commitsOn(url, branch), tips: git(url, 'rev-parse', branch, 'main').split('\n') };
}

function addLink({ folder }: World, url: string, name: string, target: string): void {
  const work = join(folder, `link-${name}`);
  git(dirname(work), 'clone', '--quiet', url, work);
  git(work, 'update-index', '--add', '--cacheinfo', `120000,${blobOf(work, target)},${name}`);
  git(work, 'commit', '--quiet', '--message', 'a link');
  git(work, 'push', '--quiet', 'origin', 'HEAD:main');
}

function blobOf(work: string, text: string): string {
  const file = join(work, '.git', 'target');
  writeFileSync(file, text);
  return git(work, 'hash-object', '-w', '--no-filters', file);
}

const listing = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** A git server over HTTP that wants a password for everything. */
async function startForbidding(): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((_, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
    response.end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
