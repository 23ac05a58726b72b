import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ActivityPorts } from '../../src/activities/activity-ports.js';
import { repositoryMap, type RepositoryMap } from '../../src/activities/repository-map.js';
import { createSourceParser, type RunningSourceParser } from '../../src/adapters/source/source-parser.js';
import type { SourceText } from '../../src/ports.js';
import { compileThread } from '../adapters/source/compiled-thread.js';
import { makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';

const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`lib/part${n}.py`, `def part_${n}():\n    pass\n`])),
  'lib/jar.py': 'def keep_cookie(name):\n    return name\n',
  'README.md': '# Cookies\n',
};

let compiled: ReturnType<typeof compileThread>;
let parser: RunningSourceParser;
let world: ActivityWorld;
let url: string;
beforeAll(() => {
  compiled = compileThread();
  parser = createSourceParser({ program: compiled.program });
});
afterAll(() => {
  parser.close();
  rmSync(compiled.folder, { recursive: true, force: true, maxRetries: 5 });
});
beforeEach(() => {
  world = openActivityWorld();
  url = makeRepository(join(world.folder, 'value.git'), FILES);
});
afterEach(() => world.clear());

async function mapOf(changes: Partial<ActivityPorts> = {}, title = 'Cookies are lost'): Promise<RepositoryMap> {
  const ports = { ...world.ports, sourceParser: parser, ...changes };
  const { baseTree: tree } = await ports.git.open({ url, branch: 'weaver/a' });
  const entries = await ports.git.list(url, tree);
  const words = { title, description: '', criteria: [], relatedFiles: [] };
  return await world.run(() => repositoryMap(ports, { url, tree, entries, words }));
}

it('has the file that the task speaks of first, with the line of what it defines', async () => {
  const { lines, likeliest } = await mapOf();
  expect(lines.slice(0, 2)).toEqual(['lib/jar.py', '  1: def keep_cookie(name):']);
  expect(lines.at(-1)).toBe('(26 of 26 source files, the likeliest first)');
  expect(likeliest[0]).toBe('lib/jar.py');
});

it('reads a content once, and is the same from what is remembered', async () => {
  const asked: SourceText[] = [];
  const counting = {
    ...parser,
    tags: (files: readonly SourceText[]) => {
      asked.push(...files);
      return parser.tags(files);
    },
  };
  const first = await mapOf({ sourceParser: counting });
  expect(asked).toHaveLength(26);
  expect(await mapOf({ sourceParser: counting })).toEqual(first);
  expect(asked).toHaveLength(26);
  await mapOf({ sourceParser: { ...counting, version: 'another' } });
  expect(asked).toHaveLength(52);
});

it('tells by paths alone, and says so, where the parser is not to be had', async () => {
  const missing = createSourceParser({ program: join(world.folder, 'missing.js') });
  const { lines } = await mapOf({ sourceParser: missing }, 'The jar is lost');
  expect(lines[0]).toBe('lib/jar.py');
  expect(lines.at(-1)).toContain('26 could not be read');
});

it('is not made where none is wanted, nor of a handful of files', async () => {
  const { settings } = world.ports;
  expect(await mapOf({ settings: { ...settings, mapTokens: 0 } })).toEqual({ lines: [], likeliest: [] });
  url = makeRepository(join(world.folder, 'small.git'), { 'a.py': 'a = 1\n' });
  expect(await mapOf()).toEqual({ lines: [], likeliest: [] });
});
