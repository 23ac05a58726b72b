/** The handler playbook: steps, conditions, variables, retries, and what comes of them. */
import { createRunPlaybook } from '../../src/activities/run-playbook.js';
import type { Made } from '../../src/activities/contract.js';
import type { PlaybookStep, Variables } from '../../src/domain/playbook.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { openWorkWorld, type WorkWorld } from './work-world.js';

let world: WorkWorld;
beforeAll(async () => {
  world = await openWorkWorld({ 'value.txt': 'wrong\n', 'check.sh': 'grep -qx right value.txt\n' });
});
afterAll(() => world.clear());

type Given = Partial<Omit<PlaybookStep, 'run' | 'check'>> & ({ readonly run: string } | { readonly check: string });

async function takes(steps: readonly Given[], variables: Variables = {}, changes: Partial<TaskSpec> = {}) {
  const usual = { failFast: true, timeoutSeconds: 20, retries: 0, network: false };
  const named = steps.map((step, index): PlaybookStep => ({ ...usual, name: `step ${index + 1}`, ...step }));
  const playbook = { name: 'p', variables, steps: named };
  const input = await world.input({ handler: 'playbook', playbook, ...changes });
  const made: Made = await world.run(() => createRunPlaybook(world.ports)(input));
  const log = made.kind === 'failed' ? made.evidence : made.log;
  return { made, log: log === undefined ? '' : await world.log(log) };
}

// AR-P-07
it('takes the steps in their order, and what they leave in the work tree lands', async () => {
  const { made, log } = await takes([
    { run: 'echo righ > value.txt' },
    { run: "sed -i 's/righ/right/' value.txt" },
    { check: 'value' },
  ]);
  expect(made).toMatchObject({ kind: 'made', stat: { filesChanged: 1 } });
  expect(made.kind === 'made' ? await world.text(made.tree, 'value.txt') : '').toBe('right\n');
  expect(log).toMatch(/✓ step 1: exit code 0[^]*✓ step 2[^]*✓ step 3/);
});

// AR-P-08, AR-P-09
it('stops at the first failure, or goes on and fails at the end', async () => {
  const first = await takes([{ run: 'echo one > a' }, { run: 'echo bad; exit 4' }, { run: 'echo never' }]);
  expect(first.made).toMatchObject({
    kind: 'failed',
    failure: { code: 'playbookFailed', detail: expect.stringContaining('step 2: exit code 4') },
  });
  expect(first.log).toContain('bad');
  expect(first.log).not.toContain('step 3');
  const all = await takes([{ run: 'exit 4', failFast: false }, { run: 'echo one > a' }]);
  expect(all.made).toMatchObject({ kind: 'failed', failure: { code: 'playbookFailed' } });
  expect(all.log).toContain('✓ step 2');
});

it('skips what its condition does not want', async () => {
  const { log } = await takes(
    [
      { run: 'exit 1', when: 'mode == slow' },
      { run: 'echo one > a', when: 'count > 5' },
      { run: 'exit 1', when: 'false' },
    ],
    { mode: 'fast', count: '10' },
  );
  expect(log).toMatch(/- step 1: skipped[^]*✓ step 2[^]*- step 3: skipped/);
});

it('fails where a condition says neither yes nor no', async () => {
  const { made } = await takes([{ run: 'echo one > a', when: 'mode' }], { mode: 'perhaps' });
  expect(made).toMatchObject({
    failure: { code: 'playbookFailed', detail: expect.stringContaining('neither true nor false') },
  });
});

// AR-P-14
it('gives a value as one word, the task before the playbook, weaver before both', async () => {
  const { made } = await takes(
    [{ run: 'printf "%s|" ${x} ${y} ${branch} ${attempt} > a' }],
    { x: "it's $(touch evil)", y: 'of the playbook' },
    { variables: { y: 'of the task' } },
  );
  expect(made.kind === 'made' ? await world.text(made.tree, 'a') : made).toBe(
    "it's $(touch evil)|of the task|weaver/x|1|",
  );
  expect(made.kind === 'made' ? await world.text(made.tree, 'evil') : '').toBeUndefined();
});

// AR-P-16
it('tries a step again as often as it says', async () => {
  const { made, log } = await takes([{ run: 'echo x >> tries; test "$(wc -l < tries)" -ge 3', retries: 2 }]);
  expect(made).toMatchObject({ kind: 'made' });
  expect(log).toContain('exit code 0, try 3');
  expect((await takes([{ run: 'echo x >> tries; test "$(wc -l < tries)" -ge 3', retries: 1 }])).made.kind).toBe(
    'failed',
  );
});

it('stops a step at its time limit', async () => {
  const { made } = await takes([{ run: 'sleep 30', timeoutSeconds: 1 }]);
  expect(made).toMatchObject({ failure: { detail: expect.stringContaining('stopped after 1 s') } });
});

it('looks for its checks among those that were detected, before it takes a step', async () => {
  const { made } = await takes([{ run: 'echo one > a' }, { check: 'lint' }]);
  expect(made).toMatchObject({
    failure: { code: 'invalidPlaybook', detail: expect.stringContaining('none of the checks') },
  });
});

it('says which program is missing', async () => {
  for (const run of ['no-such-program', 'echo a | no-such-program -x', './no/such program', 'exec no-such-program'])
    expect((await takes([{ run }])).made).toMatchObject({ failure: { code: 'programMissing' } });
});

it('has a program that misses another one, or passes its exit code on, for failed: no other host would help', async () => {
  for (const run of ['sh -c no-such-program', `printf 'no-such-program\n' > inner; sh inner`, 'exit 127'])
    expect((await takes([{ run }])).made).toMatchObject({
      failure: { code: run.startsWith('sh -c') ? 'programMissing' : 'playbookFailed' },
    });
});

it('refuses a value that another program would carry out', async () => {
  expect((await takes([{ run: "sh -c 'echo ${title}'" }])).made).toMatchObject({
    failure: { code: 'invalidPlaybook', detail: expect.stringContaining('hand it over as an argument') },
  });
});

describe('a step that proposes', () => {
  const plan = JSON.stringify({ children: [{ title: 'One', description: 'Do it.' }], join: false });

  it('ends the playbook with the plan that it prints, apart from its words for people', async () => {
    const { made, log } = await takes([
      { run: 'echo half > value.txt' },
      { run: `echo looking >&2; echo '${plan}'`, proposes: true },
      { run: 'echo never' },
    ]);
    if (made.kind !== 'plan') throw new Error(`it is ${made.kind}`);
    expect((await world.ports.artifacts.get(made.answer)).toString('utf8').trim()).toBe(plan);
    expect(log).toMatch(/✓ step 2[^]*looking[^]*children/);
    expect(log).not.toContain('step 3');
  });

  it('goes on where it prints none', async () => {
    const { made, log } = await takes([{ run: 'echo right > value.txt; echo no need', proposes: true }]);
    expect(made).toMatchObject({ kind: 'made', stat: { filesChanged: 1 } });
    expect(log).toContain('no need');
  });

  it.each([
    [
      'a plan with a child that is none',
      `echo '{"children":[{"title":"One"}]}'`,
      /cannot be read: children\[0\]\.description: is missing/,
    ],
    ['work', `echo '{"commitMessage":"Done"}'`, /an answer without children/],
    ['a plan, and fails', `echo '${plan}'; exit 3`, /step 1: exit code 3/],
  ])('fails where it prints %s', async (_what, run, says) => {
    const { made } = await takes([{ run, proposes: true }, { run: 'echo right > value.txt' }]);
    expect(made).toMatchObject({ failure: { code: 'playbookFailed', detail: expect.stringMatching(says) } });
  });
});
