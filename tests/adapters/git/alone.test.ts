/** One at a time in a task's work tree. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAlone } from '../../../src/adapters/git/alone.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-alone-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Two workers of one home. */
const workers = () => [0, 1].map(() => createAlone((lineage) => join(folder, lineage)));

const nothing = (): void => undefined;

/** Says when it begins and ends; ends when it is told to. */
function work(log: string[], name: string) {
  let end = nothing;
  const told = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = async (): Promise<void> => {
    log.push(`${name} begins`);
    await told;
    log.push(`${name} ends`);
  };
  return { run, end };
}

it('lets nobody begin while another one works there, and others work elsewhere', async () => {
  const [first, second] = workers();
  if (first === undefined || second === undefined) throw new Error('no workers');
  const log: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => work(log, name));
  if (a === undefined || b === undefined || c === undefined) throw new Error('no work');
  const running = [first('one', a.run)];
  // Who comes first is a matter of chance, unless the other comes later.
  while (!log.includes('a begins')) await new Promise((wake) => setImmediate(wake));
  running.push(second('one', b.run), second('two', c.run));
  c.end();
  await running[2];
  expect(log.toSorted()).toEqual(['a begins', 'c begins', 'c ends']);
  b.end();
  a.end();
  await Promise.all(running);
  expect(log.filter((line) => !line.startsWith('c'))).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

it('is free again after a fault', async () => {
  const [first, second] = workers();
  await expect(first?.('one', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await second?.('one', () => Promise.resolve('done'))).toBe('done');
});
