/** Tasks without a model, and named agents: scripts, people, playbooks, who stands in for whom; and a killed worker in the middle. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WeaverClient, type Waiting } from '../../src/client/index';
import { answerValue, branchesOf, CHECK, commitsOn, git, until, valueFiles, World, type RunResult } from './world';

/** Two programs run for long in one of the tests: others must find a place beside them. */
const AGENTS = `sandbox: none
concurrency: { checks: 4 }
providers:
  keyed: { baseUrl: "{endpoint}", model: scripted-1, keyVariable: KEYED_KEY }
agents:
  mender: { handler: script, script: no-such-program-anywhere, fallback: [keyed, model] }
  keyed: { handler: one-shot, models: [keyed] }
  model: { handler: one-shot, prompt: Mind the gap. }
  off: { handler: human, enabled: false }
`;

const child = (title: string) => ({ title, description: `${title}.` });
const NO_EDITS = { edits: [], commitMessage: '', notes: 'Too large.', question: null, join: false };
/** The task itself again, which is refused; then two parts. */
const SPLITS = [
  [{ title: 'One answer that splits', description: 'The value is wrong.' }],
  ['Answer part one', 'Answer part two'].map(child),
].map((children) => ({ kind: 'json' as const, value: { ...NO_EDITS, children } }));

let world: World;
let weaver: WeaverClient;

beforeAll(async () => {
  world = await World.start({
    script: [
      { when: { contains: ['# One answer that splits'] }, answers: SPLITS },
      { answers: [{ kind: 'json', value: answerValue('right') }] },
    ],
    config: AGENTS,
  });
  weaver = new WeaverClient(await world.connect(), { requester: 'ben@test' });
}, 120_000);

afterAll(async () => {
  await world?.stop();
}, 60_000);

const task = (title: string, more: object, files: Readonly<Record<string, string>> = {}) => ({
  title,
  description: 'The value is wrong.',
  repo: { url: world.repository(title.replaceAll(' ', '-'), { ...valueFiles(), ...files }), branch: 'weaver/work' },
  checks: [CHECK],
  ...more,
});

type Task = ReturnType<typeof task>;

async function begin(given: Task): Promise<string> {
  const { taskId } = await world.run(given, ['--detach']);
  return taskId;
}

const waitingOf = async (taskId: string): Promise<Waiting | null> =>
  (await weaver.waiting()).find((each) => each.taskId === taskId && each.question !== null) ?? null;

/** @param but the question that is answered already */
async function untilAsks(taskId: string, but = ''): Promise<Waiting> {
  let found: Waiting | null = null;
  await until(async () => {
    found = await waitingOf(taskId);
    return found !== null && found.question?.id !== but;
  }, `${taskId} asks`);
  if (found === null) throw new Error(`${taskId} does not ask`);
  return found;
}

const endOf = async (taskId: string) => {
  const { task: ended } = await weaver.result(taskId);
  return { state: ended.state, failure: ended.failure?.code ?? null };
};

const landed = ({ repo }: Task) => ({
  commits: commitsOn(repo.url, repo.branch),
  value: git(repo.url, 'show', `${repo.branch}:value.txt`),
  subject: git(repo.url, 'log', '-1', '--format=%s', repo.branch),
});

const decisionsOf = async (taskId: string): Promise<string> => (await world.cli(['decisions', taskId])).stdout;

const script = (run: string) => ({ handler: 'script', script: { run, timeoutSeconds: 60 } });

describe('a script', () => {
  it('is asked again with what a person has answered, and its work lands', async () => {
    const given = task(
      'Script that asks',
      script(`
      told=$(cat)
      case "$told" in *'"answer":"right"'*) echo right > value.txt; echo '{"commitMessage":"As answered"}'; exit 0;; esac
      echo half > value.txt; echo 'Which value is meant?'; exit 2`),
    );
    const taskId = await begin(given);
    const { question } = await untilAsks(taskId);
    expect(question).toMatchObject({ id: 'a1.s1', kind: 'text', text: 'Which value is meant?' });
    await weaver.answer(taskId, 'right');
    expect(await endOf(taskId)).toEqual({ state: 'succeeded', failure: null });
    expect(landed(given)).toEqual({ commits: 1, value: 'right', subject: 'As answered' });
  }, 60_000);

  it('may have its task split: its proposal goes the way of every plan', async () => {
    const children = ['Script part one', 'Script part two'].map(child);
    const given = task('Script that splits', script(`echo '${JSON.stringify({ children, join: false })}'`));
    const { state, summary } = await weaver.result(await begin(given));
    expect([state, summary?.counts]).toEqual(['completed', { decomposed: 1, succeeded: 2 }]);
    expect(world.requestsFor('# Script part')).toBe(2);
  }, 60_000);

  it('is told what the checks have found, and gives up for good with exit code 3', async () => {
    const given = task(
      'Script with red checks',
      script(`
      if grep -q checksFailed; then echo 'no other way'; exit 3; fi
      echo wronger > value.txt`),
    );
    const result = await world.run(given);
    expect([result.failure?.code, result.attempts, branchesOf(given.repo.url)]).toEqual(['scriptRefused', 2, ['main']]);
  }, 60_000);
});

it('a model that may split the task in place of doing it hears why a proposal is refused, and makes another one', async () => {
  const taskId = await begin(task('One answer that splits', { maySplit: true }));
  const { state, summary } = await weaver.result(taskId);
  expect([state, summary?.counts]).toEqual(['completed', { decomposed: 1, succeeded: 2 }]);
  const [first, second] = (await weaver.decisions(taskId)).map(({ decision, outcome }) => [
    decision.kind,
    outcome.kind,
  ]);
  expect([first, second]).toEqual([
    ['retry', 'proposed'],
    ['decompose', 'proposed'],
  ]);
  const asked = world.endpoint.requests().map(({ body }) => JSON.stringify(body));
  expect(
    asked.filter((body) => body.includes('invalidPlan') && body.includes('is the task itself again')),
  ).toHaveLength(1);
  // Its children are small: they are asked for edits alone.
  expect(asked.filter((body) => body.includes('# Answer part') && body.includes('children'))).toEqual([]);
}, 60_000);

describe('a person', () => {
  it('may say how the task is to be split in place of doing it', async () => {
    const taskId = await begin(task('Work to be split', { handler: 'human' }));
    await untilAsks(taskId);
    await expect(weaver.done(taskId, { children: [{ title: 'Hand part one' }] })).rejects.toThrow(
      'children[0].description is missing',
    );
    const children = ['Hand part one', 'Hand part two'].map((title, n) => ({ ...child(title), id: `part-${n}` }));
    const file = join(world.folder, 'parts.json');
    writeFileSync(file, JSON.stringify(children));
    const said = await world.cli(['done', taskId, '--children', file, '--message', 'two things']);
    expect([said.exitCode, said.stdout]).toEqual([0, expect.stringMatching(/^to be split: /)]);
    const { state, summary } = await weaver.result(taskId);
    expect([state, summary?.counts]).toEqual(['completed', { decomposed: 1, succeeded: 2 }]);
    expect((await weaver.decisions(taskId)).map(({ decision }) => decision.kind)).toEqual(['wait', 'decompose']);
  }, 60_000);

  it('is not asked again for a plan that the attempt did not come to read', async () => {
    const limits = { attempt: { wallTimeSeconds: 2 } };
    const taskId = await begin(task('Work whose plan comes late', { handler: 'human', limits }));
    await untilAsks(taskId);
    const [store, away] = [join(world.home, 'artifacts'), join(world.home, 'artifacts.away')];
    renameSync(store, away);
    writeFileSync(store, 'nothing can be kept here');
    const kinds = async () => (await weaver.decisions(taskId)).map(({ decision }) => decision.kind);
    try {
      await weaver.done(taskId, { children: ['Late part one', 'Late part two'].map(child) });
      await until(async () => (await kinds()).includes('retry'), 'the time of the attempt is up');
    } finally {
      rmSync(store);
      renameSync(away, store);
    }
    const { state, summary } = await weaver.result(taskId);
    expect([state, summary?.counts]).toEqual(['completed', { decomposed: 1, succeeded: 2 }]);
    expect(await kinds()).toEqual(['wait', 'retry', 'decompose']);
  }, 60_000);

  it('finds a work tree, hears what is wrong with the work, and lands it', async () => {
    const given = task('Work for a person', { handler: 'human' });
    const taskId = await begin(given);
    const first = await untilAsks(taskId);
    const path = first.question?.path ?? '';
    expect(first).toMatchObject({
      question: { id: 'a1.h1', kind: 'work', text: expect.stringContaining(path) },
      commands: [`weaver done ${taskId} --message 'what was done'`],
    });
    expect((await world.cli(['waiting'])).stdout).toContain(path);
    expect(readFileSync(join(dirname(path), 'TASK.md'), 'utf8')).toContain('The value is wrong.');
    await expect(weaver.answer(taskId, 'I have done it')).rejects.toThrow(/weaver done/);
    await weaver.done(taskId);
    expect((await untilAsks(taskId, 'a1.h1')).question?.text).toContain('nothingToCommit');
    writeFileSync(join(path, 'value.txt'), 'nearly right\n');
    await weaver.done(taskId);
    expect((await untilAsks(taskId, 'a1.h2')).question?.text).toContain('checksFailed');
    expect(readFileSync(join(dirname(path), 'TASK.md'), 'utf8')).toContain('value is nearly right');
    expect(readFileSync(join(path, 'value.txt'), 'utf8')).toBe('nearly right\n');
    writeFileSync(join(path, 'value.txt'), 'right\n');
    const done = await world.cli(['done', taskId, '--message', 'Make it right by hand']);
    expect([done.exitCode, done.stdout]).toEqual([0, expect.stringMatching(/^done: /)]);
    expect(await endOf(taskId)).toEqual({ state: 'succeeded', failure: null });
    expect(landed(given)).toEqual({ commits: 1, value: 'right', subject: 'Make it right by hand' });
    expect(existsSync(path)).toBe(false);
    expect((await world.cli(['done', taskId])).exitCode).toBe(2);
  }, 90_000);

  it('is not waited for longer than the task file says, and a cancel leaves nothing behind', async () => {
    const nobody = (unanswered: string) =>
      begin(task(`Nobody works ${unanswered}`, { handler: 'human', people: { waitSeconds: 1, unanswered } }));
    const late = Promise.all(['stuck', 'approve', 'reject'].map(nobody));
    const taskId = await begin(task('Cancelled work', { handler: 'human' }));
    const { question } = await untilAsks(taskId);
    expect(existsSync(question?.path ?? '')).toBe(true);
    await weaver.cancel(taskId, { reason: 'not wanted' });
    await until(() => !existsSync(question?.path ?? ''), 'the work tree is gone');
    const ends = await Promise.all((await late).map(endOf));
    expect(ends.map(({ state, failure }) => [state, failure])).toEqual([
      ['stuck', 'unanswered'],
      ['dead', 'unanswered'],
      ['dead', 'unanswered'],
    ]);
  }, 60_000);
});

describe('an agent', () => {
  it('has others stand in for a missing program and a missing key, and the account says so', async () => {
    const given = task('Work for an agent', { agent: 'mender' });
    const result: RunResult = await world.run(given);
    expect([result.state, result.attempts]).toEqual(['succeeded', 1]);
    const account = await decisionsOf(result.taskId);
    expect(account).toMatch(/agent model stands in for mender: .*no-such-program-anywhere/);
    expect(account).toMatch(/agent model stands in for keyed: the key of keyed \(KEYED_KEY\) is not set/);
    expect(JSON.stringify(world.endpoint.requests().at(-1)?.body)).toContain('Mind the gap.');
  }, 60_000);

  it('is refused where it is unknown or disabled: at once where the configuration is at hand, else by the worker', async () => {
    const run = async (agent: string, env: Readonly<Record<string, string>> = {}) =>
      await world.run(task(`Agent ${agent} ${Object.keys(env).length}`, { agent }), [], { env });
    expect(await run('mendre')).toMatchObject({
      exitCode: 3,
      state: 'notSubmitted',
      failure: { code: 'unknownAgent' },
    });
    expect(await run('off')).toMatchObject({ exitCode: 3, state: 'notSubmitted', failure: { code: 'disabledAgent' } });
    writeFileSync(join(world.folder, 'empty.yaml'), 'sandbox: none\n');
    const elsewhere = { WEAVER_CONFIG: join(world.folder, 'empty.yaml') };
    expect(await run('off', elsewhere)).toMatchObject({
      exitCode: 3,
      state: 'dead',
      failure: { code: 'disabledAgent' },
    });
  }, 60_000);
});

describe('a playbook', () => {
  it('of the repository is taken where the task names none, with the variables of the task', async () => {
    const playbook = `name: mend
variables: { value: wrong, loud: false }
steps:
  - name: say
    run: echo \${title}
    when: loud
  - name: write
    run: printf '%s\\n' \${value} > value.txt
  - name: look
    check: value
`;
    const given = task(
      'Playbook of its own',
      { handler: 'playbook', variables: { value: 'right' } },
      { '.weaver/playbook.yaml': playbook },
    );
    expect(await world.run(given)).toMatchObject({ state: 'succeeded' });
    expect(landed(given)).toEqual({ commits: 1, value: 'right', subject: 'Playbook of its own' });
  }, 60_000);

  it('that is broken ends the task with every line of it, before a step is taken', async () => {
    const playbook = 'name: mend\nsteps:\n  - { name: a, run: "echo ${x}" }\n  - { name: b }\n';
    const given = task('Broken playbook', { handler: 'playbook', playbook: 'mend.yaml' }, { 'mend.yaml': playbook });
    const { exitCode, failure, attempts } = await world.run(given);
    expect([exitCode, failure?.code, attempts]).toEqual([2, 'invalidPlaybook', 1]);
    expect(failure?.message).toMatch(
      /mend.yaml:3: steps\[0\].run uses \$\{x\}[^]*mend.yaml:4: steps\[1\] does nothing/,
    );
  }, 60_000);
});

it('a worker killed in the middle costs nothing: scripts and playbooks begin anew, never twice at once; people notice nothing', async () => {
  const folder = join(world.folder, 'signs');
  mkdirSync(folder);
  // Says that it runs, looks whether the one before still does, and waits.
  const slow = (name: string): string => `
    if [ -e ${folder}/${name}.pid ] && kill -0 "$(cat ${folder}/${name}.pid)"; then echo twice >> ${folder}/${name}.twice; fi
    echo $$ > ${folder}/${name}.pid
    echo run >> ${folder}/${name}.log
    grep -qx wrong value.txt || echo dirty >> ${folder}/${name}.dirty
    echo half > value.txt
    while [ ! -e ${folder}/go ]; do sleep 0.05; done
    echo right > value.txt`;
  const ways = {
    script: task('Killed script', script(slow('script'))),
    playbook: task('Killed playbook', {
      handler: 'playbook',
      playbook: { name: 'p', steps: [{ name: 'slow', run: slow('playbook') }] },
    }),
    person: task('Killed beside a person', { handler: 'human' }),
  };
  const [scriptId, playbookId, personId] = await Promise.all([
    begin(ways.script),
    begin(ways.playbook),
    begin(ways.person),
  ]);
  const log = (name: string): string => join(folder, `${name}.log`);
  await until(() => existsSync(log('script')) && existsSync(log('playbook')), 'both run');
  const path = (await untilAsks(personId)).question?.path ?? '';
  writeFileSync(join(path, 'value.txt'), 'right\n');
  const [worker] = world.processes;
  worker?.kill('SIGKILL');
  await until(() => worker?.signalCode !== null, 'the worker is dead');
  await world.startWorker();
  await weaver.done(personId);
  await until(
    () => ['script', 'playbook'].every((name) => readFileSync(log(name), 'utf8') === 'run\nrun\n'),
    'both run again',
    60_000,
  );
  writeFileSync(join(folder, 'go'), '');
  for (const id of [scriptId, playbookId, personId])
    expect(await endOf(id)).toEqual({ state: 'succeeded', failure: null });
  for (const way of Object.values(ways)) expect(landed(way)).toMatchObject({ commits: 1, value: 'right' });
  for (const left of ['script.twice', 'playbook.twice', 'script.dirty', 'playbook.dirty'])
    expect(existsSync(join(folder, left))).toBe(false);
}, 120_000);
