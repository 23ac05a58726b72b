/** What set-up steps fetch is fetched once for all tasks with the same lock files. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRunChecks } from '../../src/activities/run-checks.js';
import type { SetupSpec } from '../../src/domain/task.js';
import { openWorkWorld, type WorkWorld } from './work-world.js';

let world: WorkWorld;
beforeEach(async () => {
  world = await openWorkWorld({
    'package.json': '{}\n',
    'package-lock.json': '{ "lockfileVersion": 3 }\n',
    '.gitignore': 'node_modules/\nbuilt/\n',
  });
});
afterEach(() => world.clear());

const fetched = (): number => {
  const file = join(world.folder, 'fetched');
  return existsSync(file) ? readFileSync(file, 'utf8').length : 0;
};

/** Stands for `npm ci`: leaves packages, a link between them, and something in the home. */
const FETCH = `mkdir -p node_modules/.bin node_modules/a "$HOME/.cache/tool" && printf x >> FETCHED &&
  echo package > node_modules/a/index.js && printf '#!/bin/sh\\necho ran\\n' > node_modules/a/cli && chmod +x node_modules/a/cli &&
  ln -s ../a/cli node_modules/.bin/a && echo cached > "$HOME/.cache/tool/x"`;
/** Builds from the task's own files, so it is done for every task. */
const BUILD = 'mkdir -p built && cat package.json > built/out';
const CHECK = `node_modules/.bin/a | grep -qx ran && grep -qx package node_modules/a/index.js && grep -qx cached "$HOME/.cache/tool/x" && test -e built/out`;

const step = (name: string, run: string, network: boolean): SetupSpec => ({ name, run, timeoutSeconds: 30, network });

interface Given {
  readonly fetch?: string;
  readonly tree?: string;
  readonly ownSetup?: true;
}

async function checks(lineage: string, given: Given = {}) {
  const fetch = (given.fetch ?? FETCH).replaceAll('FETCHED', join(world.folder, 'fetched'));
  const setup = [step('fetch', fetch, true), step('build', BUILD, false)];
  const input = await world.input(
    {
      setup,
      checks: [{ name: 'all', run: `${CHECK} # ${lineage}`, timeoutSeconds: 20 }],
      ...(given.ownSetup === undefined ? {} : { ownSetup: given.ownSetup }),
    },
    lineage,
  );
  // A base of another kind: what a change would need is fetched for it alone (ground.test.ts).
  const tree = given.tree ?? world.baseTree;
  const checked = await world.run(() => createRunChecks(world.ports)({ ...input, baseTree: tree, tree }));
  return checked.kind === 'checked' ? checked.verdicts.map(({ passed }) => passed) : checked.failure;
}

const entries = (): readonly string[] => readdirSync(world.ports.setupFolder);

it('for the second task of the same lock files, links and rights included', async () => {
  expect([await checks('one'), await checks('two'), fetched()]).toEqual([[true], [true], 1]);
});

it('not for other lock files', async () => {
  await checks('one');
  const changed = { mode: '100644', bytes: Buffer.from('{ "lockfileVersion": 2 }\n') };
  const tree = await world.ports.git.write(world.url, world.baseTree, [['package-lock.json', changed]]);
  expect([await checks('two', { tree }), fetched(), entries().length]).toEqual([[true], 2, 2]);
});

it('not from an archive that was damaged: it is made anew', async () => {
  await checks('one');
  const [entry = ''] = entries();
  appendFileSync(join(world.ports.setupFolder, entry, 'tree.tar'), 'x');
  expect([await checks('two'), fetched()]).toEqual([[true], 2]);
  expect([await checks('three'), fetched()]).toEqual([[true], 2]);
});

it('not from one whose mark was torn, or that lost a part', async () => {
  await checks('one');
  const [entry = ''] = entries();
  writeFileSync(join(world.ports.setupFolder, entry, 'mark.json'), '{ "archi');
  await checks('two');
  rmSync(join(world.ports.setupFolder, entry, 'home.tar'));
  expect([await checks('three'), fetched()]).toEqual([[true], 3]);
});

it('not where it names the folder that it was made in, as a virtual environment does', async () => {
  const fetch = `${FETCH} && printf '#!%s/node_modules/a/cli\\n' "$PWD" > node_modules/script`;
  expect([await checks('one', { fetch }), await checks('two', { fetch }), fetched()]).toEqual([[true], [true], 2]);
  expect(readdirSync(join(world.ports.setupFolder, entries()[0] ?? ''))).toEqual(['mark.json']);
});

it('not without a lock file, which alone says what is fetched', async () => {
  const tree = await world.ports.git.write(world.url, world.baseTree, [['package-lock.json', null]]);
  await checks('one', { tree });
  expect([await checks('two', { tree }), fetched()]).toEqual([[true], 2]);
  expect(existsSync(world.ports.setupFolder)).toBe(false);
});

it('not from a base that holds what nobody has taken over yet, which may use what others have fetched', async () => {
  const ownSetup = true;
  // An installer runs scripts of the repository, and this one is not that of the lock files.
  const script = { mode: '100644', bytes: Buffer.from('echo forged\n') };
  const tree = await world.ports.git.write(world.url, world.baseTree, [['install.sh', script]]);
  expect([await checks('stacked', { tree, ownSetup }), fetched()]).toEqual([[true], 1]);
  expect([await checks('plain'), fetched()]).toEqual([[true], 2]);
  expect([await checks('beside', { tree, ownSetup }), fetched()]).toEqual([[true], 2]);
});

it('leaves nothing of itself in the home of the commands', async () => {
  await checks('one');
  await checks('two');
  expect(readdirSync(join(world.ports.taskFolder('two'), 'home'))).toEqual(['.cache']);
});

it('after a worker that was killed while it packed: what it left is thrown away', async () => {
  const home = join(world.ports.taskFolder('one'), 'home');
  mkdirSync(join(home, '.weaver-setup'), { recursive: true });
  writeFileSync(join(home, '.weaver-setup', 'tree.tar'), 'half of an archive');
  mkdirSync(join(world.ports.setupFolder, '.new-0123456789ab'), { recursive: true });
  expect([await checks('one'), await checks('two'), await checks('three'), fetched()]).toEqual([
    [true],
    [true],
    [true],
    1,
  ]);
});
