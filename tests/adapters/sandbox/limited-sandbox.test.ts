/** How many commands run at once. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limitSandbox } from '../../../src/adapters/sandbox/limited-sandbox.js';
import { createPlainSandbox } from '../../../src/adapters/sandbox/plain.js';
import { runCommand } from '../../../src/adapters/sandbox/run-command.js';
import type { Sandbox } from '../../../src/ports.js';

let folder: string;
let sandbox: Sandbox;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-limited-'));
  mkdirSync(join(folder, 'home'));
  sandbox = limitSandbox(createPlainSandbox({ PATH: process.env['PATH'] ?? '' }, runCommand), 1);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

let number = 0;
const run = (line: string, isLong = false) => {
  const logFile = join(folder, `${(number += 1)}.log`);
  const place = { directory: folder, home: join(folder, 'home'), network: false };
  const command = { run: line, ...place, timeoutMs: 20_000, logFile, logBytesMax: 1_000, isLong };
  return sandbox.run(command, new AbortController().signal);
};
const until = (name: string): string => `until test -e ${name}; do sleep 0.02; done`;

it('takes a command when the one before is over', async () => {
  const first = run(`${until('go')}; test ! -e second`);
  const second = run('touch second');
  writeFileSync(join(folder, 'go'), '');
  expect((await Promise.all([first, second])).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
});

it('does not let a long one stop those that are over in minutes, and a second long one waits for the first', async () => {
  const first = run(`${until('go')}; test ! -e second`, true);
  const second = run('touch second', true);
  expect((await run('true')).exitCode).toBe(0);
  expect(existsSync(join(folder, 'second'))).toBe(false);
  writeFileSync(join(folder, 'go'), '');
  expect((await Promise.all([first, second])).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
});
