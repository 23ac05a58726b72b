/** The handler human: the work tree of a person, and what is taken from it. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HandOverInput } from '../../src/activities/contract.js';
import { createCloseWorkspace } from '../../src/activities/close-workspace.js';
import { createHandOver, createTakeWork } from '../../src/activities/hand-over.js';
import { textParts } from '../../src/domain/text-parts.js';
import { parsePlan } from '../../src/schemas.js';
import { openWorkWorld, type WorkWorld } from './work-world.js';

let world: WorkWorld;
beforeEach(async () => {
  world = await openWorkWorld({ 'value.txt': 'wrong\n', 'other.txt': 'a\n' });
});
afterEach(() => world.clear());

async function handOver(changes: Partial<HandOverInput> = {}) {
  const input = { ...(await world.input({ handler: 'human' })), evidence: null, ...changes };
  const { path } = await world.run(() => createHandOver(world.ports)(input));
  const words = readFileSync(join(dirname(path), 'TASK.md'), 'utf8');
  return { path, words, value: readFileSync(join(path, 'value.txt'), 'utf8') };
}

const take = async (message = '', changes: Partial<HandOverInput> = {}, plan?: object) => {
  const input = { ...(await world.input({ handler: 'human' })), ...changes, message };
  const parts = plan === undefined ? [] : textParts(plan);
  return await world.run(() => createTakeWork(world.ports)(input, ...parts));
};

it('is there with the task beside it, and what the person has done stays when it is handed over again', async () => {
  const { path, words } = await handOver();
  expect(words).toMatch(/# Make the value right[^]*It is wrong\.[^]*sh check\.sh[^]*weaver done job\/one\/t\/0/);
  writeFileSync(join(path, 'value.txt'), 'half done\n');
  const evidence = await world.ports.artifacts.put('log', 'value is half done');
  const again = await handOver({ evidence });
  expect(again).toMatchObject({ path, value: 'half done\n' });
  expect(again.words).toContain('value is half done');
});

it('gives what is in it, as often as it is asked, with the words of the person', async () => {
  const { path } = await handOver();
  expect(await take()).toMatchObject({ kind: 'failed', failure: { code: 'nothingToCommit' } });
  writeFileSync(join(path, 'value.txt'), 'right\n');
  const [first, second] = [await take('By hand'), await take('By hand')];
  expect(first).toMatchObject({ kind: 'made', subject: 'By hand', stat: { filesChanged: 1 } });
  expect(second).toMatchObject({ tree: first.kind === 'made' ? first.tree : '' });
});

it('begins anew on another base, with a patch of what was done before', async () => {
  const { path } = await handOver();
  writeFileSync(join(path, 'value.txt'), 'half done\n');
  const moved = { mode: '100644', bytes: Buffer.from('b\n') };
  const baseTree = await world.ports.git.write(world.url, world.baseTree, [['other.txt', moved]]);
  const again = await handOver({ baseTree });
  expect(again).toMatchObject({ path, value: 'wrong\n' });
  const [patch = ''] = readdirSync(dirname(path)).filter((name) => name.endsWith('.patch'));
  expect(readFileSync(join(dirname(path), patch), 'utf8')).toContain('+half done');
  expect(again.words).toContain(patch);
  writeFileSync(join(path, 'value.txt'), 'right\n');
  expect(await take('', { baseTree })).toMatchObject({ kind: 'made', stat: { filesChanged: 1 } });
});

it('takes a plan in place of work, however large, and says what is wrong with one', async () => {
  await handOver();
  const children = Array.from({ length: 5 }, (_, n) => ({ title: `Part ${n}`, description: 'Do it. '.repeat(500) }));
  const made = await take('', {}, { children, join: true });
  if (made.kind !== 'plan') throw new Error(`it is ${made.kind}`);
  const plan = parsePlan((await world.ports.artifacts.get(made.answer)).toString('utf8'));
  expect(plan).toMatchObject({ plan: { children: children.map(({ title }) => ({ title })), join: true } });
  expect(await take('', {}, { children: [{ title: 'One' }] })).toMatchObject({
    failure: { code: 'invalidPlan', detail: 'children[0].description: is missing.' },
  });
});

it('says that the work is lost when somebody has removed it, and makes it anew', async () => {
  const { path } = await handOver();
  rmSync(dirname(path), { recursive: true });
  expect(await take()).toMatchObject({ failure: { code: 'workLost' } });
  expect((await handOver()).value).toBe('wrong\n');
});

it('goes with the task', async () => {
  const { path } = await handOver();
  await world.run(() => createCloseWorkspace(world.ports)({ lineage: 'one' }));
  expect(existsSync(dirname(path))).toBe(false);
});
