import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRunChecks } from '../../src/activities/run-checks.js';
import { git, makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';

const DAY_MS = 24 * 60 * 60 * 1_000;

let world: ActivityWorld;
let base: { readonly url: string; readonly baseCommit: string; readonly baseTree: string };
let nowMs = 1_000_000;
beforeEach(async () => {
  world = openActivityWorld();
  const url = makeRepository(join(world.folder, 'value.git'), { 'value.txt': 'x\n', 'run.sh': 'jezt\n' });
  const [baseCommit, baseTree] = ['main', 'main^{tree}'].map((name) => git(url, 'rev-parse', name));
  base = { url, baseCommit: baseCommit ?? '', baseTree: baseTree ?? '' };
  await world.ports.git.open({ url, branch: 'weaver/x' });
});
afterEach(() => world.clear());

/** Stands for all that a verdict depends on and the tree does not hold: it passes while the file is there. */
const weather = (): string => join(world.folder, 'fine-weather');
const turn = (fine: boolean): void => (fine ? writeFileSync(weather(), '') : rmSync(weather(), { force: true }));
const runs = (): number => {
  const file = join(world.folder, 'runs');
  return existsSync(file) ? readFileSync(file, 'utf8').length : 0;
};

async function check(lineage: string, tree = base.baseTree) {
  const run = `printf x >> '${join(world.folder, 'runs')}'; test -e '${weather()}'`;
  const spec = await world.spec({ repo: { url: base.url }, checks: [{ name: 'weather', run, timeoutSeconds: 20 }] });
  const activity = createRunChecks(world.ports, () => nowMs);
  const checked = await world.run(() =>
    activity({
      taskId: `job/${lineage}/t/0`,
      lineage,
      spec,
      tree,
      baseCommit: base.baseCommit,
      baseTree: base.baseTree,
    }),
  );
  if (checked.kind !== 'checked') throw new Error(checked.kind);
  return { passed: checked.verdicts.map(({ passed }) => passed), cached: checked.cached };
}

const editedTree = (): Promise<string> =>
  world.ports.git.write(base.url, base.baseTree, [['value.txt', { mode: '100644', bytes: Buffer.from('y\n') }]]);

it('gives no verdict without the gate where the baseline is lost and the base cannot be set up again', async () => {
  const spec = await world.spec({
    repo: { url: base.url },
    setup: [{ name: 'new', run: 'test -e new.txt', timeoutSeconds: 20, network: false }],
    checks: [{ name: 'any', run: 'true', timeoutSeconds: 20 }],
  });
  const tree = await world.ports.git.write(base.url, base.baseTree, [
    ['new.txt', { mode: '100644', bytes: Buffer.from('y\n') }],
  ]);
  const { baseCommit, baseTree } = base;
  const baseline = { kind: 'test', sha256: '0'.repeat(64), sizeBytes: 1 } as const;
  const input = { taskId: 'job/lost/t/0', lineage: 'lost', spec, tree, baseCommit, baseTree, baseline };
  const checked = await world.run(() => createRunChecks(world.ports, () => nowMs)(input));
  expect(checked.kind).toBe('setupFailed');
});

describe('a red verdict', () => {
  it('is not believed by another task: what made it red may be gone', async () => {
    turn(false);
    expect(await check('one')).toEqual({ passed: [false], cached: false });
    turn(true);
    expect(await check('two')).toEqual({ passed: [true], cached: false });
  });

  it('is known to its own task, whose attempts share one baseline', async () => {
    turn(false);
    await check('one');
    expect(await check('one')).toEqual({ passed: [false], cached: true });
    expect(runs()).toBe(1);
  });
});

describe('a green verdict', () => {
  beforeEach(() => turn(true));

  it('at the base is known to other tasks', async () => {
    await check('one');
    turn(false);
    expect(await check('two')).toEqual({ passed: [true], cached: true });
    expect(runs()).toBe(1);
  });

  it('on what one task has landed is the baseline of the next', async () => {
    const tree = await editedTree();
    await check('one', tree);
    base = { ...base, baseTree: tree };
    expect(await check('two')).toEqual({ passed: [true], cached: true });
  });

  it('lapses after a day: the tools of the host are not the same for ever', async () => {
    await check('one');
    nowMs += DAY_MS - 1;
    expect(await check('two')).toMatchObject({ cached: true });
    nowMs += 1;
    turn(false);
    expect(await check('three')).toEqual({ passed: [false], cached: false });
    expect(await check('one')).toEqual({ passed: [false], cached: false });
  });

  it('from a clock that has been set back since is not believed', async () => {
    await check('one');
    nowMs -= DAY_MS;
    expect(await check('two')).toMatchObject({ cached: false });
  });

  it('of another task never stands for the checks after the edits', async () => {
    const tree = await editedTree();
    await check('one', tree);
    turn(false);
    expect(await check('two', tree)).toEqual({ passed: [false], cached: false });
  });

  it('after the edits is known to its own task, which may ask twice', async () => {
    const tree = await editedTree();
    await check('one', tree);
    expect(await check('one', tree)).toEqual({ passed: [true], cached: true });
  });
});

describe('a check whose program is not there', () => {
  const INSTALL = [{ name: 'install', run: 'true', timeoutSeconds: 20, network: false }];

  async function checked(
    run: string,
    { setup = [], edited = false }: { setup?: typeof INSTALL; edited?: boolean } = {},
  ) {
    const spec = await world.spec({
      repo: { url: base.url },
      setup,
      checks: [{ name: 'test', run, timeoutSeconds: 20 }],
    });
    const { baseCommit, baseTree } = base;
    const activity = createRunChecks(world.ports, () => nowMs);
    const at = { taskId: 'job/lacks/t/0', lineage: 'lacks', spec, tree: baseTree, baseCommit, baseTree };
    const before = await world.run(() => activity(at));
    if (!edited || before.kind !== 'checked' || before.results === undefined) return before;
    const { results: baseline } = before;
    const tree = await editedTree();
    return await world.run(() => activity({ ...at, tree, baseline }));
  }

  it('is told at the base by its name, and that there is no set-up', async () => {
    const detail = 'test: nodde is not found (exit 127). The task has no setup.';
    expect(await checked('nodde --test')).toMatchObject({
      kind: 'setupFailed',
      failure: { code: 'checkProgramMissing', detail },
    });
  });

  it.each([
    ['a file of the repository', './check', []],
    ['what another program runs', 'sh run.sh', []],
    ['what the set-up may bring', 'nodde --test', INSTALL],
  ] as const)('may be brought by the edits: %s', async (_what, run, setup) => {
    expect(await checked(run, { setup: [...setup] })).toMatchObject({ kind: 'checked', verdicts: [{ exitCode: 127 }] });
  });

  it.each([
    ['what another program runs', 'sh run.sh', []],
    ['what the set-up does not bring', 'nodde --test', INSTALL],
  ] as const)('ends the task when it is not there after the edits either: %s', async (_what, run, setup) => {
    expect(await checked(run, { setup: [...setup], edited: true })).toMatchObject({
      kind: 'setupFailed',
      failure: { code: 'checkProgramMissing', detail: expect.stringContaining('is not found (exit 127)') },
    });
  });

  it('is one that has failed where the edits could still bring it', async () => {
    expect(await checked('./check', { edited: true })).toMatchObject({
      gated: { refused: { failure: { code: 'stillFailing' } } },
    });
  });
});
