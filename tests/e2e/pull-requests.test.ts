/** From a pushed branch to its pull request, at a forge that is played over HTTP and whose repository git pushes to. */
import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NAME, OWNER, playForge, send, TOKEN, type PlayedForge } from '../adapters/forge/played-forge';
import { serveGit } from '../adapters/forge/served-git';
import { answerValue, CHECK, commitsOn, git, until, valueFiles, World, type RunResult } from './world';

const right = { kind: 'json', value: answerValue('right') } as const;
const rule = (title: string) => ({ when: { contains: title }, answers: [right] });
const child = (title: string, checks: readonly string[], dependsOn: readonly number[]) => ({
  title,
  description: `${title}.`,
  acceptanceCriteria: [],
  relatedFiles: [],
  checks,
  dependsOn,
});
const plan = (title: string, isJoined: boolean, ...children: readonly object[]) => ({
  when: { contains: ['You split a task', `# ${title}`] },
  answers: [{ kind: 'json' as const, value: { children, join: isJoined, notes: '', question: null } }],
});
const other = { op: 'write', path: 'other.txt', content: 'other\n', search: null, replace: null, to: null };
const otherRule = (title: string) => ({
  when: { contains: `# ${title}` },
  answers: [{ kind: 'json' as const, value: { edits: [other], commitMessage: 'Add the other @ada', notes: '' } }],
});

let world: World;
let forge: PlayedForge;
let remote: string;

beforeAll(async () => {
  forge = await playForge({
    kind: 'gitea',
    shaOf: (branch) => git(remote, 'rev-parse', branch),
    other: (request, response) => serveGit(request, response, join(world.folder, 'served')),
  });
  world = await World.start({
    script: [
      ...['Killed in between', 'Forge is away', 'Silent forge', 'Wants nothing'].map(rule),
      plan('Split in a stack', false, child('Value below', [], []), child('Other above', [], [1])),
      plan('Split and joined', true, child('Value beside', [], []), child('Other beside', ['test -e other.txt'], [])),
      ...['Value below', 'Value beside'].map((title) => rule(`# ${title}`)),
      ...['Other above', 'Other beside'].map(otherRule),
    ],
    env: { FORGE_TOKEN: TOKEN },
    config: [
      'forges:',
      `  '${forge.origin.slice('http://'.length)}':`,
      `    { kind: gitea, apiUrl: '${forge.apiUrl}', tokenEnv: FORGE_TOKEN }`,
      'limits: { attempts: 2 }',
    ].join('\n'),
  });
  remote = join(world.folder, 'served', OWNER, `${NAME}.git`);
  mkdirSync(dirname(remote), { recursive: true });
  renameSync(world.repository('value', valueFiles()), remote);
  git(remote, 'config', 'http.receivepack', 'true');
}, 120_000);

afterAll(async () => {
  await world.stop();
  await forge.stop();
}, 60_000);

const task = (title: string, more: object = {}) => ({
  title,
  description: 'Make the value right. Fixes #12.',
  acceptanceCriteria: [{ text: 'The value is right', check: 'grep -qx right value.txt' }],
  repo: { url: `${forge.origin}/${OWNER}/${NAME}.git` },
  checks: [CHECK],
  landing: { pullRequest: { labels: ['bot'] } },
  ...more,
});

it('makes one pull request, also when the worker is killed before it hears of it', async () => {
  const [worker] = world.processes;
  const opened = new Promise<void>((settle) => {
    forge.intercept((request, response) => {
      if (request.method !== 'POST') return false;
      const { title, body, head, base } = request.body as Readonly<Record<'title' | 'body' | 'head' | 'base', string>>;
      const made = { number: 1, title, body, state: 'open', branch: head, base, draft: false } as const;
      forge.pulls.push({ ...made, sha: git(remote, 'rev-parse', head), from: `${OWNER}/${NAME}` });
      // Made, and never answered.
      response.on('close', () => settle());
      worker?.kill('SIGKILL');
      return true;
    });
  });
  const running = world.run(task('Killed in between'));
  await opened;
  await world.startWorker();
  const result = await running;
  expect(result).toMatchObject({
    state: 'succeeded',
    attempts: 1,
    pullRequest: { url: `${forge.origin}/${OWNER}/${NAME}/pulls/1`, number: 1, notes: [], failure: null },
  });
  expect(commitsOn(remote, result.branch ?? '')).toBe(1);
  expect(forge.pulls).toMatchObject([
    { branch: result.branch, base: 'main', sha: result.commit, title: 'Killed in between' },
  ]);
  const { body = '' } = forge.pulls[0] ?? {};
  for (const part of [
    '[x] The value is right (met, by its command)',
    '| value | passed |',
    'Closes #12',
    result.taskId,
  ])
    expect(body).toContain(part);
  expect(body).toMatch(/1 attempt, \d+ tokens, (≥ )?\$\d/);
  expect(forge.labels).toEqual([{ labels: ['bot'] }]);
  expect((await world.cli(['status', result.taskId])).stdout).toContain(result.pullRequest?.url ?? 'no url');
  expect((await world.cli(['decisions', result.taskId])).stdout).toContain(`pullRequest: ${result.pullRequest?.url}`);
  const events = (await world.cli(['events', '--json'])).stdout;
  expect(events).toContain(`"pullRequest":"${result.pullRequest?.url}"`);
}, 120_000);

it('lands all the same where the forge refuses, and opens it when the task is taken up from its landing', async () => {
  forge.intercept((request, response) => {
    if (request.method !== 'POST') return false;
    send(response, 422, { message: 'not today' });
    return true;
  });
  const people = { approve: ['push'], waitSeconds: 1, unanswered: 'approve' };
  const first = await world.run({ ...task('Forge is away'), people }, ['--key', 'away']);
  expect(first).toMatchObject({
    state: 'succeeded',
    exitCode: 0,
    failure: null,
    pullRequest: { url: null, failure: { code: 'forgeRefused', message: expect.stringContaining('not today') } },
  });
  expect(commitsOn(remote, first.branch ?? '')).toBe(1);
  const asked = world.endpoint.count;
  const { stdout } = await world.cli(['retry', 'away', '--from', 'land', '--json']);
  const again = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RunResult;
  expect(again).toMatchObject({
    state: 'succeeded',
    commit: first.commit,
    calls: { sent: 0 },
    pullRequest: { url: expect.stringMatching(/\/pulls\/2$/), failure: null },
  });
  expect(world.endpoint.count).toBe(asked);
  // What has landed was agreed to: the first task asked, the second does not.
  const told = await Promise.all([first, again].map(({ taskId }) => world.cli(['decisions', taskId])));
  expect(told.map(({ stdout: text }) => text.includes('May this change be pushed?'))).toEqual([true, false]);
  expect(forge.pulls.map(({ branch }) => branch)).toContain(first.branch);
}, 120_000);

it('keeps what has landed where somebody cancels while the forge is silent', async () => {
  let isAsked = false;
  forge.intercept((request) => (isAsked ||= request.method === 'GET'));
  const running = world.run(task('Silent forge'), ['--key', 'silent']);
  await until(() => isAsked, 'the forge is asked');
  const shown = JSON.parse((await world.cli(['status', 'silent', '--json'])).stdout) as { readonly state: string };
  expect(shown.state).toBe('running');
  await world.cli(['cancel', 'silent', '--reason', 'no time', '--json']);
  const result = await running;
  expect(result).toMatchObject({ state: 'succeeded', pullRequest: { url: null, failure: { code: 'cancelled' } } });
  expect(commitsOn(remote, result.branch ?? '')).toBe(1);
}, 60_000);

it('asks no forge for a task that wants none, and refuses one whose forge is unknown before a call is paid', async () => {
  const before = forge.requests.length;
  const plain = await world.carryOut(task('Wants nothing', { landing: {} }));
  expect([plain.state, 'pullRequest' in plain, forge.requests.length]).toEqual(['succeeded', false, before]);
  const repo = { url: world.repository('elsewhere', valueFiles()) };
  const refused = await world.carryOut(task('Wants nothing', { repo, description: 'Elsewhere.' }));
  expect(refused).toMatchObject({ exitCode: 3, failure: { code: 'forgeUnknown' }, calls: { sent: 0 } });
}, 60_000);

/** The pull requests that came of it. */
const split = async (title: string) => {
  const before = forge.pulls.length;
  const { stdout } = await world.cli(['run', '-', '--json'], {
    input: JSON.stringify(task(title, { handler: 'plan', description: 'Split it.', acceptanceCriteria: [] })),
  });
  expect(stdout).toContain('"state":"completed"');
  return forge.pulls.slice(before);
};

it('opens one for each part of a stack, on top of each other, and one for parts that are joined', async () => {
  const stack = await split('Split in a stack');
  expect(stack.map(({ title, base }) => [title, base])).toEqual([
    ['Value below', 'main'],
    ['Other above', stack[0]?.branch],
  ]);
  const joined = await split('Split and joined');
  expect(joined).toMatchObject([{ title: 'Split and joined', base: 'main' }]);
  expect(joined[0]?.body).toContain('| value | passed |');
}, 120_000);
