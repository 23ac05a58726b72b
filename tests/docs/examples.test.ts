/**
 * Every example of the README and of docs is run: `yaml` blocks become the file that their first line names, `sh` and `js`
 * blocks are carried out in order, in a folder of their own, with `weaver`, `npm` and `temporal` on PATH. `npm start` is a process
 * of its own; commands called `weaver` are carried out by one process that stays, most of whose time would go into loading.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { delimiter, join, resolve } from 'node:path';
import { DEMO_FILES, DEMO_SCRIPT } from '../../src/adapters/model/demo-script';
import type { ScriptRule } from '../../src/adapters/model/scripted';
import { findRunningServer } from '../../src/adapters/server/temporal-server';
import { loadConfig } from '../../src/config';
import { openCommands, type Commands } from '../e2e/commands';
import { branchesOf, CLI, runProcess, until, World, type CliResult } from '../e2e/world';

const ROOT = resolve(__dirname, '../..');

const REPOSITORY = '/path/to/repository.git';

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

const documents = [
  'README.md',
  ...['docs', 'docs/how-to'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((file) => (file.endsWith('.md') ? [`${folder}/${file}`] : [])),
  ),
];
const examples = documents
  .map((file) => ({ file, blocks: blocksOf(readFileSync(join(ROOT, file), 'utf8')) }))
  .filter(({ blocks }) => blocks.some(({ language }) => ['sh', 'js'].includes(language)));

/** What docs/how-to/splitting.md needs beside the demo task, which is one of the parts. */
const part = (title: string, description: string, checks: readonly string[]) => ({
  title,
  description,
  acceptanceCriteria: [],
  relatedFiles: [],
  checks,
  dependsOn: [],
});
const describing = { op: 'replace', path: 'README.md', content: null, to: null };
const SPLIT_SCRIPT: readonly ScriptRule[] = [
  {
    when: { contains: ['You split a task', '# Greet everybody properly'] },
    answers: [
      {
        kind: 'json',
        value: {
          children: [
            part('Greet by name', 'greet() ignores the name that it is given.', []),
            part('Describe the greeting', 'Say in README.md whom greet() greets.', ['test -e README.md']),
          ],
          join: true,
          notes: 'Code and text change in different files.',
          question: null,
        },
      },
    ],
  },
  {
    when: { contains: '# Describe the greeting' },
    answers: [
      {
        kind: 'json',
        value: {
          edits: [{ ...describing, search: 'Greets people by name.', replace: 'Greets people by name, or the world.' }],
          commitMessage: 'Describe the greeting',
          notes: '',
        },
      },
    ],
  },
];

/** What docs/how-to/compare.md asks. */
const COMPARE_SCRIPT: readonly ScriptRule[] = [
  { when: { contains: 'What is 6 times 7?' }, answers: [{ kind: 'text', text: '42' }] },
  { when: { contains: 'the capital of France as JSON' }, answers: [{ kind: 'json', value: { city: 'Paris' } }] },
];

let world: World;
let commands: Commands;
let desk: Server;
let folder = '';

beforeAll(async () => {
  world = await World.start({ script: [...COMPARE_SCRIPT, ...SPLIT_SCRIPT, ...DEMO_SCRIPT] });
  folder = mkdtempSync(join(tmpdir(), 'weaver-docs-'));
  commands = openCommands({ cli: CLI, env: world.env, cwd: folder });
  desk = createServer((client) => void answer(client)).listen(join(folder, 'desk'));
  await once(desk, 'listening');
  makeCommands(join(folder, 'bin'));
}, 120_000);

afterAll(async () => {
  desk.close();
  await commands.stop();
  await world.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

it('has examples in the README and in the command line page', () => {
  expect(examples.map(({ file }) => file)).toEqual(expect.arrayContaining(['README.md', 'docs/command-line.md']));
});

it.each(examples)(
  'runs the examples of $file',
  async ({ file, blocks }) => {
    const place = join(folder, file.replaceAll('/', '-'));
    const remote = world.repository(file.replaceAll('/', '-'), DEMO_FILES);
    mkdirSync(join(place, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, join(place, 'node_modules', 'weaver'));
    const filled = blocks.map((block) => ({
      ...block,
      text: block.text.replaceAll(REPOSITORY, remote),
    }));
    const failed = [];
    for (const block of filled) {
      if (block.language === 'yaml') writeYaml(place, block);
      const ended = await carryOut(place, block);
      if (ended !== null && ended.exitCode !== 0) failed.push({ line: block.line, ...ended });
    }
    expect(failed).toEqual([]);
    // Some examples are about models alone, and what is compared does not land.
    const isLanding = blocks.some(({ text }) => text.includes(REPOSITORY) && !text.includes('\ncases:'));
    expect(branchesOf(remote).length).toBeGreaterThan(isLanding ? 1 : 0);
  },
  240_000,
);

/** Pages that leave a job behind; what the second one asks has no answers here, so that its job would not end. */
const DETACHING = ['docs/command-line.md', 'README.md'];

it('carries on what the examples leave behind in an empty home, where nothing runs yet', async () => {
  const place = join(folder, 'empty');
  const home = join(place, 'home');
  mkdirSync(place);
  const remote = world.repository('left-behind', DEMO_FILES);
  const blocks = DETACHING.flatMap((page) => examples.filter(({ file }) => file === page)).flatMap((page) =>
    page.blocks.filter(({ language, text }) => language === 'yaml' || text.includes('--detach')),
  );
  const ended = [];
  for (const { text, ...block } of blocks) {
    const filled = { ...block, text: text.replaceAll(REPOSITORY, remote).replaceAll('npm start --', 'weaver') };
    if (block.language === 'yaml') writeYaml(place, filled);
    ended.push(await carryOut(place, filled, { WEAVER_HOME: home, TEMPORAL_ADDRESS: '' }));
  }
  const ran = ended.flatMap((result) => result ?? []);
  const [, up = ''] = /in the background: process (\d+),/.exec(ran[0]?.stderr ?? '') ?? [];
  try {
    expect(ran.map(({ exitCode }) => exitCode)).toEqual(DETACHING.map(() => 0));
    // Watched to its end.
    expect(ran[0]?.stdout).toMatch(/^state +completed/m);
  } finally {
    process.kill(Number(up), 'SIGTERM');
    await until(async () => (await findRunningServer(join(home, 'temporal'))) === null, 'it has left the server');
  }
}, 120_000);

function blocksOf(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(({ 1: language = '', 2: text = '', index }) => ({
    language,
    text,
    line: markdown.slice(0, index).split('\n').length,
  }));
}

function writeYaml(place: string, { text, line }: Block): void {
  const [, name] = /^# (\S+\.yaml)$/m.exec(text) ?? [];
  if (name === undefined) throw new Error(`the yaml block at line ${line} does not name its file`);
  // Would be found by every command after it, and its endpoint is not there.
  if (name !== 'weaver.config.yaml') return writeFileSync(join(place, name), text);
  const file = join(place, 'example.config.yaml');
  writeFileSync(file, text);
  const loaded = loadConfig({ env: {}, cwd: place, file });
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('\n'));
}

async function carryOut(
  place: string,
  { language, text }: Block,
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult | null> {
  const path = [join(folder, 'bin'), world.env['PATH']].join(delimiter);
  const options = { cwd: place, env: { ...world.env, ...env, PATH: path } };
  if (language === 'sh') return await runProcess('sh', ['-e', '-c', text], options);
  if (language === 'js') return await runProcess(process.execPath, ['-e', text], options);
  return null;
}

interface Asked {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What tests/docs/weaver.cjs asks. A worker of its own, and all that belongs to it, is a process of its own. */
async function answer(client: Socket): Promise<void> {
  const { value } = await createInterface({ input: client })[Symbol.asyncIterator]().next();
  const { args, ...place } = JSON.parse(value) as Asked;
  const result = args.includes('--worker')
    ? await runProcess(process.execPath, [CLI, ...args], place)
    : await commands.run(args, place);
  client.end(JSON.stringify(result));
}

/** The commands as a user has them; `npm start` without its set-up, which has happened. */
function makeCommands(bin: string): void {
  mkdirSync(bin);
  const node = `exec "${process.execPath}"`;
  const command = (name: string, script: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  command('weaver', `${node} "${join(__dirname, 'weaver.cjs')}" "${join(folder, 'desk')}" "$@"`);
  command('npm', `shift; [ "$1" = -- ] && shift; ${node} "${CLI}" "$@"`);
  command('temporal', `exec "${process.env['WEAVER_TEMPORAL_BINARY']}" "$@"`);
}
