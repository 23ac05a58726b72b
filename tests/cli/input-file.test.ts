/** What a command reads of a file that it is given: all of it, or not without end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readInput, readInputOrStdin } from '../../src/client/cli/input-file.js';

const folder = mkdtempSync(join(tmpdir(), 'weaver-input-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('reads a file whole, also where a letter stands across two reads', () => {
  const text = `title: ${'x'.repeat(65_528)}é${'y'.repeat(200_000)}`;
  writeFileSync(join(folder, 'task.yaml'), text);
  expect(readInput(join(folder, 'task.yaml'), 'The task file')).toBe(text);
});

it('reads standard input whole', async () => {
  const bytes = Buffer.from('title: é');
  const stdin = Readable.from([bytes.subarray(0, 8), bytes.subarray(8)]);
  expect(await readInputOrStdin('-', 'The task file', stdin)).toBe('title: é');
});

it('stops where a file has no end', () => {
  expect(() => readInput('/dev/zero', 'The task file')).toThrow('The task file is longer than 16 MB.');
});

it('stops where standard input has no end, and leaves it', async () => {
  let left = false;
  function* endless() {
    try {
      for (;;) yield Buffer.alloc(1_000_000);
    } finally {
      left = true;
    }
  }
  const fault = { exitCode: 2, message: 'The task file is longer than 16 MB.', next: expect.stringMatching(/file/) };
  await expect(readInputOrStdin('-', 'The task file', Readable.from(endless()))).rejects.toMatchObject(fault);
  expect(left).toBe(true);
});

it('says why a file cannot be read', () => {
  expect(() => readInput(join(folder, 'none'), 'The task file')).toThrow(/^The task file cannot be read: .*\/none$/);
  expect(() => readInput(folder, 'The task file')).toThrow(/^The task file cannot be read: ./);
});
