/** What the model's commands, and the code of a change, do to the ground of the checks does not reach those that judge. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createRunChecks } from '../../src/activities/run-checks.js';
import { createRunTools } from '../../src/activities/run-tools.js';
import { createAlone } from '../../src/adapters/git/alone.js';
import { createGroundRoom } from '../../src/adapters/home/ground-room.js';
import type { SetupSpec, TaskSpec } from '../../src/domain/task.js';
import { openWorkWorld, type WorkWorld } from './work-world.js';

let world: WorkWorld;
beforeEach(async () => {
  world = await openWorkWorld({
    'package.json': '{}\n',
    'package-lock.json': '{ "lockfileVersion": 3 }\n',
    'fetched.txt': 'of the base\n',
    '.gitignore': 'node_modules/\n',
  });
});
afterEach(() => world.clear());

/** Stands for `npm ci`: a runner, a folder of packages, settings in the home; and counts how often it is done. */
const FETCH = `mkdir -p node_modules/.bin node_modules/a/lib "$HOME/.tool"
printf x >> SETUPS && cp fetch*.txt node_modules/a/lib/x && printf '#!/bin/sh\\nexit 1\\n' > node_modules/.bin/runner
chmod +x node_modules/.bin/runner && echo strict > "$HOME/.tool/rc" && chmod 555 "$HOME/.tool"`;
const setups = (): number => (existsSync(inFolder('setups')) ? readFileSync(inFolder('setups'), 'utf8').length : 0);
const inFolder = (name: string): string => join(world.folder, name);

const step = (run: string, network: boolean): SetupSpec => ({
  name: 'fetch',
  run: run.replaceAll('SETUPS', inFolder('setups')),
  timeoutSeconds: 30,
  network,
});
const setup = (network = true): readonly SetupSpec[] => [step(FETCH, network)];

interface Asked {
  readonly lineage?: string;
  readonly tree?: string;
  readonly baseTree?: string;
  readonly spec?: Partial<TaskSpec>;
}

/** What the check prints of the ground that it stands on. */
const LOOK = `find "$HOME" node_modules -mindepth 1 2>/dev/null | sed "s|$HOME|~|" | sort; ls -l node_modules/a | cut -c1; stat -c %a "$HOME/.tool"
cat node_modules/.bin/runner node_modules/a/lib/* "$HOME/.tool/rc" "$HOME"/.npmrc 2>/dev/null; true`;

async function look({ lineage = 'one', baseTree = world.baseTree, tree = baseTree, spec = {} }: Asked = {}) {
  const given = { setup: setup(), checks: [{ name: 'look', run: `${LOOK} # ${tree}`, timeoutSeconds: 20 }], ...spec };
  const input = await world.input(given, lineage);
  const checked = await world.run(() =>
    createRunChecks(world.ports, () => (now += DAY_MS))({ ...input, baseTree, tree }),
  );
  if (checked.kind !== 'checked') throw new Error(checked.failure.detail);
  const [verdict] = checked.verdicts;
  return verdict === undefined ? '' : await world.log(verdict.log);
}

/** Verdicts lapse from one look to the next. */
let now = 0;
const DAY_MS = 25 * 60 * 60 * 1_000;

/** The tool `run`, as the model calls it. */
async function tool(what: string, { lineage = 'one', tree = world.baseTree, spec = {} }: Asked = {}): Promise<string> {
  const call = { id: 'c', name: 'run', arguments: JSON.stringify({ what }) };
  const answer = JSON.stringify({ text: '', toolCalls: [call], finishReason: 'stop' });
  const input = await world.input({ setup: setup(), ...spec }, lineage);
  const conversation = await world.ports.artifacts.put('prompt', JSON.stringify([{ role: 'user', content: 'Do it.' }]));
  const asked = { ...input, tree, conversation, answer: await world.ports.artifacts.put('answer', answer) };
  return (await world.run(() => createRunTools(world.ports)(asked))).summary;
}

const written = (path: string, text: string): Promise<string> =>
  world.ports.git.write(world.url, world.baseTree, [[path, { mode: '100644', bytes: Buffer.from(text) }]]);

it.each([
  ['rewrites files, also through another name', `echo lax > ~/.tool/rc; ln node_modules/a/lib/x x; echo forged > x`],
  [
    'keeps size and times of what it rewrites',
    String.raw`cd node_modules/.bin; touch -r runner t; printf '#!/bin/sh\nexit 0\n' > runner; touch -r t runner`,
  ],
  [
    'brings files of its own',
    'echo script-shell=x > ~/.npmrc; mkdir -p node_modules/b ~/.config; touch node_modules/b/y',
  ],
  ['takes things away and closes folders', 'rm -r node_modules/a; chmod 700 ~/.tool; chmod 0 node_modules/.bin'],
  [
    'puts a link in the place of a folder',
    'mkdir -p ~/fake/lib; echo forged > ~/fake/lib/x; rm -r node_modules/a; ln -s ~/fake node_modules/a',
  ],
])('a command of the model that %s changes nothing for the checks', async (_what, run) => {
  const before = await look();
  await tool(run);
  expect(await look()).toBe(before);
  expect(before).toContain('strict');
  expect(setups()).toBe(1);
});

it('a command of the model finds what the one before has left', async () => {
  await tool('echo mine > ~/note');
  await tool(`cat ~/note && cp ~/note '${inFolder('seen')}'`);
  expect(readFileSync(inFolder('seen'), 'utf8')).toBe('mine\n');
});

it('what is lost without an archive of it is set up again', async () => {
  const spec = { setup: setup(false) };
  const before = await look({ spec });
  const ground = join(world.ports.taskFolder('one'), 'ground');
  const [key = ''] = readdirSync(ground).filter((name) => existsSync(join(ground, name, 'tree.tar')));
  for (const part of ['tree.tar', 'home.tar']) rmSync(join(ground, key, part));
  await tool('rm -r node_modules', { spec });
  expect([await look({ spec }), setups()]).toEqual([before, 2]);
});

describe('a set-up', () => {
  it('that a change comes to first is done on the base, and kept for others as it is there', async () => {
    const tree = await written('fetched.txt', 'of the change\n');
    await tool('true', { tree });
    expect(await look({ tree })).toContain('of the base');
    expect(await look({ lineage: 'two' })).toContain('of the base');
    expect(setups()).toBe(1);
  });

  it.each([
    ['.npmrc', 'ignore-scripts=true\n'],
    ['web/patches/a.patch', 'x\n'],
  ])('that reads %s is done again when it changes, and is then nobody else’s', async (path, text) => {
    const tree = await written(path, text);
    await look({ tree });
    expect([setups(), readdirSync(world.ports.setupFolder).length]).toEqual([2, 1]);
    await look();
    await look({ tree });
    expect(setups()).toBe(2);
  });

  it('that runs a script of the repository is done again when that changes', async () => {
    const tree = await written('scripts/fetch.sh', 'true\n');
    const spec = { setup: [step('printf x >> SETUPS; test ! -e scripts/fetch.sh || sh scripts/fetch.sh', false)] };
    await look({ spec });
    await look({ spec, tree });
    expect(setups()).toBe(2);
  });

  it('for a change begins on the ground of the base, whatever commands have left there', async () => {
    await tool('echo script-shell=/bin/true > ~/.npmrc; echo forged > node_modules/a/lib/forged');
    const tree = await written('package.json', '{ "name": "x" }\n');
    const seen = await look({ tree });
    expect([seen.includes('forged'), seen.includes('script-shell'), setups()]).toEqual([false, false, 2]);
  });
});

describe('what the checks of the base leave in the home', () => {
  const CACHE = 'test -e ~/cache || head -c 2000000 /dev/zero > ~/cache; sha256sum < ~/cache';
  const spec = { setup: [], checks: [{ name: 'look', run: CACHE, timeoutSeconds: 20 }] };
  const EMPTY = createHash('sha256').update(Buffer.alloc(2_000_000)).digest('hex');

  it('is there for those of the change, if it is much, and what a command makes of it is not', async () => {
    await look({ spec });
    await tool('echo forged > ~/cache', { spec });
    const tree = await written('x', '');
    const found = { ...spec, checks: [{ name: 'look', run: 'sha256sum < ~/cache', timeoutSeconds: 20 }] };
    expect(await look({ spec: found, tree })).toContain(EMPTY);
  });

  it('goes if it is little, as all goes that the checks of a change leave', async () => {
    const leave = { setup: [], checks: [{ name: 'look', run: 'ls -A ~; echo x > ~/.left', timeoutSeconds: 20 }] };
    expect([await look({ spec: leave }), await look({ spec: leave, tree: await written('x', '') })]).toEqual(['', '']);
  });
});

const kept = (): readonly string[] => readdirSync(world.ports.setupFolder);

describe('what a compiler has cached in the checks of the base', () => {
  const CACHE = '~/.cache/go-build';
  /** Stands for Go: fills its cache if it is empty, with what nobody makes twice, and says what is in it. */
  const FILL = `test -e ${CACHE} || { mkdir -p ${CACHE} ~/.cache/other; head -c 2000000 /dev/urandom | tee ~/.cache/other/x > ${CACHE}/x; }
sha256sum < ${CACHE}/x; test ! -e ~/.cache/other/x || echo all`;
  const spec = { setup: [], checks: [{ name: 'look', run: FILL, timeoutSeconds: 20 }] };

  it('is there for other tasks of that base, and nothing else is', async () => {
    const [cached = '', all] = (await look({ spec })).split('\n');
    expect(all).toBe('all');
    expect(await look({ lineage: 'two', spec })).toBe(`${cached}\n`);
    expect(await look({ lineage: 'three', tree: await written('x', ''), spec })).toBe(`${cached}\n`);
  });

  it('is there beside what a set-up has made', async () => {
    const given = { setup: setup(), checks: [{ name: 'look', run: `${FILL}; cat ~/.tool/rc`, timeoutSeconds: 20 }] };
    const first = await look({ spec: given });
    expect(first).toMatch(/all\nstrict\n$/);
    expect(await look({ lineage: 'two', spec: given })).toBe(first.replace('all\n', ''));
    expect([setups(), kept().length]).toEqual([1, 2]);
  });

  it('is of no use to tasks of another base, nor what the code of a change has cached to anybody', async () => {
    const other = await written('x', '');
    const cached = await look({ spec });
    expect(cached).toContain('all');
    const second = await look({ lineage: 'two', baseTree: other, spec });
    expect([second.includes('all'), second === cached]).toEqual([true, false]);
    await look({ lineage: 'three', baseTree: await written('y', ''), tree: other, spec });
    expect(kept().length).toBe(2);
  });

  it('takes the place of the one that nobody has used for the longest time, if there are twelve', async () => {
    const others = Array.from({ length: 12 }, (_, index) => `caches-${index}`);
    for (const [index, name] of others.entries()) {
      mkdirSync(join(world.ports.setupFolder, name), { recursive: true });
      writeFileSync(join(world.ports.setupFolder, name, 'mark.json'), '{"archives":null}');
      utimesSync(join(world.ports.setupFolder, name, 'mark.json'), 1_000 + index, 1_000 + index);
    }
    await look({ spec });
    expect(kept().filter((name) => !others.includes(name)).length).toBe(1);
    expect(others.filter((name) => !kept().includes(name))).toEqual(['caches-0']);
  });

  it('is made again if what was kept of it has been damaged', async () => {
    await look({ spec });
    const [entry = ''] = kept();
    appendFileSync(join(world.ports.setupFolder, entry, 'home.tar'), 'x');
    expect(await look({ lineage: 'two', spec })).toContain('all');
  });
});

it('a second run of the checks waits for the first: only one works in the work tree of a task', async () => {
  world = { ...world, ports: { ...world.ports, alone: createAlone(world.ports.taskFolder) } };
  const run = `echo begun >> '${inFolder('order')}'; sleep 0.3; echo done >> '${inFolder('order')}'`;
  const spec = { setup: [], checks: [{ name: 'slow', run, timeoutSeconds: 20 }] };
  await Promise.all([look({ spec }), look({ spec, tree: await written('x', '') }), tool(run, { spec })]);
  expect(readFileSync(inFolder('order'), 'utf8')).toBe('begun\ndone\n'.repeat(3));
});

it('is made anew for a task that had to give its own up while it waited', async () => {
  const { ports } = world;
  const roomForGround = createGroundRoom({
    home: inFolder('home'),
    closeWorkspace: (name) => ports.git.close(name),
    freeBytesMin: 0,
    groundsMax: 1,
  });
  world = { ...world, ports: { ...ports, roomForGround } };
  const rests = (lineage: string): void => utimesSync(ports.taskFolder(lineage), 1, 1);
  const tree = await written('value.txt', 'changed\n');
  const before = await look({ tree });
  rests('one');
  await look({ lineage: 'two' });
  expect(readdirSync(ports.taskFolder('one'))).toEqual([]);
  rests('two');
  expect(await look({ tree })).toBe(before);
  expect(readdirSync(ports.taskFolder('two'))).toEqual([]);
});
