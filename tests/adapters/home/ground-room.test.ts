/** Work trees of tasks that wait are given up for those of tasks that work. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAlone } from '../../../src/adapters/git/alone.js';
import { createGroundRoom, type GroundRoomOptions } from '../../../src/adapters/home/ground-room.js';
import { PortFault } from '../../../src/ports.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'weaver-ground-room-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const HOUR_MS = 60 * 60_000;
/** More than any disk has. */
const EVERYTHING = 1e18;

const folderOf = (lineage: string): string => join(home, 'tasks', lineage);
const workspaceOf = (lineage: string): string => join(home, 'workspaces', lineage);

/** A task that was last seen so long ago, with a folder in its home that is closed, as Go's is. */
function taskOf(lineage: string, ageMs: number): void {
  const folders = [
    workspaceOf(lineage),
    join(folderOf(lineage), 'ground', 'bare'),
    join(folderOf(lineage), 'home', 'mod'),
  ];
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  writeFileSync(join(folderOf(lineage), 'home', 'mod', 'x'), 'x');
  chmodSync(join(folderOf(lineage), 'home', 'mod'), 0o555);
  writeFileSync(join(folderOf(lineage), 'signed-0123'), 'a commit');
  age(lineage, ageMs);
}

function age(lineage: string, ageMs: number): void {
  const at = new Date(Date.now() - ageMs);
  utimesSync(folderOf(lineage), at, at);
}

const close = (name: string): Promise<void> => Promise.resolve(rmSync(workspaceOf(name), { recursive: true }));
const closeUnlessStuck = (name: string): Promise<void> =>
  name === 'stuck' ? Promise.reject(new PortFault('infrastructure', 'It is held.', true)) : close(name);

const roomWith = (limits: Partial<GroundRoomOptions>) =>
  createGroundRoom({
    home,
    closeWorkspace: close,
    freeBytesMin: 0,
    groundsMax: 50,
    ...limits,
  });

const leftOf = (...lineages: readonly string[]): readonly string[] =>
  lineages.filter((lineage) => existsSync(join(folderOf(lineage), 'ground')) && existsSync(workspaceOf(lineage)));

it('takes nothing while there is room', async () => {
  taskOf('old', HOUR_MS);
  await roomWith({})('new');
  expect(leftOf('old')).toEqual(['old']);
});

it('takes the longest unused beyond the number, and of a task nothing but its ground', async () => {
  for (const [index, lineage] of ['d', 'c', 'b', 'a'].entries()) taskOf(lineage, (index + 1) * HOUR_MS);
  await roomWith({ groundsMax: 3 })('new');
  expect(leftOf('a', 'b', 'c', 'd')).toEqual(['c', 'd']);
  expect(readdirSync(folderOf('a'))).toEqual(['signed-0123']);
});

it('looks through the tasks once for as many grounds as it finds room for', async () => {
  const room = roomWith({ groundsMax: 20 });
  for (let n = 1; n <= 19; n += 1) taskOf(`t${n}`, n * HOUR_MS);
  for (let n = 1; n <= 3; n += 1) {
    await room(`new ${n}`);
    taskOf(`new ${n}`, HOUR_MS);
  }
  // A tenth too many, for the time being.
  expect(leftOf('t18', 't19')).toEqual(['t18', 't19']);
  await room('new 4');
  // Those beyond the number go, and a tenth more for those to come.
  expect(leftOf('t14', 't15', 't16', 't17', 't18', 't19')).toEqual(['t14']);
});

it('does not count the own ground twice, and never takes it', async () => {
  taskOf('own', 2 * HOUR_MS);
  taskOf('other', HOUR_MS);
  await roomWith({ groundsMax: 2 })('own');
  expect(leftOf('own', 'other')).toEqual(['own', 'other']);
});

it('leaves whoever works, or did a moment ago, though they are too many', async () => {
  taskOf('busy', 2 * HOUR_MS);
  taskOf('resting', HOUR_MS);
  taskOf('between two steps', 60_000);
  await createAlone(folderOf)('busy', async () => {
    age('busy', 2 * HOUR_MS);
    await roomWith({ groundsMax: 1 })('new');
  });
  expect(leftOf('busy', 'resting', 'between two steps')).toEqual(['busy', 'between two steps']);
});

it('leaves what another host holds: how long a check there takes cannot be seen from here', async () => {
  taskOf('elsewhere', 2 * HOUR_MS);
  const lock = join(folderOf('elsewhere'), 'work.lock');
  writeFileSync(lock, JSON.stringify({ host: 'another-host', pid: 1, began: '1' }));
  utimesSync(lock, new Date(0), new Date(0));
  age('elsewhere', 2 * HOUR_MS);
  await roomWith({ groundsMax: 1 })('new');
  expect(leftOf('elsewhere')).toEqual(['elsewhere']);
});

it('takes all that it may on a full disk; if that does not help, the step fails for now', async () => {
  taskOf('resting', HOUR_MS);
  taskOf('between two steps', 60_000);
  const full = roomWith({ freeBytesMin: EVERYTHING })('new');
  await expect(full).rejects.toMatchObject({ code: 'diskFull', retryable: true });
  expect(leftOf('resting', 'between two steps')).toEqual(['between two steps']);
});

it('says what could not be removed, and goes on with the next', async () => {
  taskOf('stuck', 2 * HOUR_MS);
  taskOf('resting', HOUR_MS);
  const full = roomWith({ freeBytesMin: EVERYTHING, closeWorkspace: closeUnlessStuck })('new');
  await expect(full).rejects.toThrow(/stuck: .*It is held/);
  expect(leftOf('stuck', 'resting')).toEqual([]);
  // What is left of it is no ground, and is taken the next time.
  age('stuck', HOUR_MS);
  await roomWith({ groundsMax: 1 })('new');
  expect(readdirSync(folderOf('stuck'))).toEqual(['signed-0123']);
});
