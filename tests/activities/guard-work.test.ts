import { join } from 'node:path';
import type { ActivityPorts } from '../../src/activities/activity-ports.js';
import { guardWork } from '../../src/activities/guard-work.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { aSpec } from '../client/specs.js';
import { git, makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';

const LONG = Array.from({ length: 100 }, (_, n) => `line ${n}`).join('\n');

let world: ActivityWorld;
let url: string;
let baseTree: string;
beforeAll(async () => {
  world = openActivityWorld();
  const files = {
    'a.json': '{"a": 1}\n',
    'odd.json': '{',
    'long.txt': LONG,
    'large.txt': `${LONG}\n`.repeat(2_000),
    'tests/a.test.js': 'it("a", () => {\n  expect(1);\n});\n',
  };
  url = makeRepository(join(world.folder, 'a.git'), files);
  await world.ports.git.open({ url, branch: 'weaver/x' });
  baseTree = git(url, 'rev-parse', 'main^{tree}');
});
afterAll(() => world.clear());

async function guard(
  change: Readonly<Record<string, string | Buffer>>,
  spec: Partial<TaskSpec> = {},
  ports: ActivityPorts = world.ports,
) {
  const changes = Object.entries(change).map(
    ([path, text]) => [path, { mode: '100644', bytes: Buffer.from(text) }] as const,
  );
  const tree = await world.ports.git.write(url, baseTree, changes);
  const { patch } = await world.ports.git.diff(url, baseTree, tree, 1_000_000);
  return await guardWork(ports, aSpec({ repo: { url }, ...spec }), { baseTree, tree }, patch);
}

it('passes ordinary work', async () => {
  expect(await guard({ 'a.json': '{"a": 2}\n', 'b.bin': Buffer.from([0, 255, 1]) })).toEqual({
    kind: 'passed',
    warnings: [],
  });
});

it('refuses with every finding and its place, under the code of the first', async () => {
  expect(await guard({ 'a.json': '{"a": 2,}\n', 'src/b.js': 'one();\n// TODO: implement two\n' })).toEqual({
    kind: 'refused',
    failure: {
      code: 'placeholderText',
      detail: expect.stringContaining('src/b.js:2: “// TODO: implement two” stands in place of code.'),
    },
    signature: 'placeholderText\nplaceholder src/b.js\nsyntax a.json',
    says: expect.stringMatching(
      /^The change was refused before the checks:\nsrc\/b\.js:2: .*\na\.json: It is no JSON: /,
    ),
  });
});

it('does not blame a change for what was broken before it', async () => {
  expect(await guard({ 'odd.json': '{{' })).toMatchObject({ kind: 'passed' });
});

it('sees what is left of a file, also of one without words about that in the patch', async () => {
  const lost = { 'long.txt': 'line 0\n' };
  expect(await guard(lost)).toMatchObject({ kind: 'refused', failure: { code: 'massDeletion' } });
  expect(await guard(lost, { description: 'Remove the old lines of long.txt.' })).toEqual({
    kind: 'passed',
    warnings: ['long.txt: 99 % of its lines are gone.'],
  });
  expect(await guard(lost, { guards: { massDeletion: 'allow' } })).toEqual({ kind: 'passed', warnings: [] });
});

it('sees what is left of a file that was too large to be read', async () => {
  const large = await guard({ 'large.txt': `${LONG}\n`.repeat(20) });
  expect(large).toMatchObject({
    failure: { code: 'massDeletion', detail: expect.stringContaining('99 % of its bytes') },
  });
});

it('lets a task weaken the tests that it may rewrite, and says so', async () => {
  const weaker = { 'tests/a.test.js': 'it("a", () => {\n});\n' };
  expect(await guard(weaker)).toMatchObject({ kind: 'refused', failure: { code: 'weakenedTests' } });
  expect(await guard(weaker, { protect: [{ glob: 'tests/**', policy: 'allow' }] })).toEqual({
    kind: 'passed',
    warnings: ['tests/a.test.js: 1 assertion is gone from its tests.'],
  });
});

it('parses nothing where a task lets broken syntax through', async () => {
  const parsed: string[] = [];
  const { sourceParser } = world.ports;
  const ports: ActivityPorts = {
    ...world.ports,
    sourceParser: {
      ...sourceParser,
      faults: (files) => {
        parsed.push(...files.map(({ text }) => text));
        return Promise.resolve(files.map(() => null));
      },
    },
  };
  const change = { 'a.json': '{"a": 2,}\n', 'a.py': 'def a(:\n' };
  expect(await guard(change, { guards: { syntax: 'allow' } }, ports)).toEqual({ kind: 'passed', warnings: [] });
  expect(parsed).toEqual([]);
  expect(await guard(change, {}, ports)).toMatchObject({ failure: { code: 'syntaxError' } });
  expect(parsed).toEqual([change['a.py']]);
});
