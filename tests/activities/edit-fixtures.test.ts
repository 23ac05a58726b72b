/**
 * Every case of tests/fixtures/edits the way that a task goes: from a tree of a real repository and an answer as a model
 * sends it, through the activities, to the one tree that comes of it or to none. Trees are compared by id: one byte, mode
 * or name that differs anywhere gives another one.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApplyEdits } from '../../src/activities/apply-edits.js';
import { readConversation } from '../../src/activities/conversations.js';
import { createRunTools } from '../../src/activities/run-tools.js';
import { GUARDS } from '../../src/domain/guards/change.js';
import type { Edit } from '../../src/domain/edits.js';
import type { ArtifactRef } from '../../src/domain/outcome.js';
import type { ToolCall } from '../../src/domain/tools.js';
import { parseAnswer, parseToolCall } from '../../src/schemas.js';
import {
  cases,
  casesOfWindows,
  checklist,
  isAnswerCase,
  isCallsCase,
  isEditCase,
  titled,
  type AnswerCase,
  type CallsCase,
  type Case,
  type EditCase,
} from '../domain/apply-edits/fixtures.js';
import { editOf, shownFiles, snapshotOf, type WrittenFile, type WrittenFiles } from '../domain/apply-edits/snapshot.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { importTrees } from './edit-trees.js';
import { LINEAGE, paidAnswer } from './paid-answer.js';

let world: ActivityWorld;
let url: string;
let mirror: string;
let before: (name: string) => string;
let after: (name: string) => string;
const made = new Set<string>();

beforeAll(async () => {
  world = openActivityWorld();
  // What weaver must not listen to: a user's git that turns line ends and takes names for the same.
  writeFileSync(
    join(world.folder, '.gitconfig'),
    '[core]\n\tautocrlf = true\n\tignoreCase = true\n\tprecomposeUnicode = true\n',
  );
  url = join(world.folder, 'cases.git');
  before = importTrees(url, new Map(cases.map((each) => [each.name, each.input])));
  // Elsewhere, so that the mirror has none of what weaver must make itself.
  after = importTrees(join(world.folder, 'expected.git'), new Map(cases.map((each) => [each.name, changed(each)])));
  const { git } = world.ports;
  const { baseTree } = await git.open({ url, branch: 'weaver/x' });
  // All files in one go: a git for each case would take most of the time.
  await git.read(
    url,
    baseTree,
    (await git.list(url, baseTree)).map(({ path }) => path),
  );
  const mirrors = join(world.folder, 'home', 'mirrors');
  mirror = join(mirrors, readdirSync(mirrors).find((name) => name.endsWith('.git')) ?? '');
});
afterAll(() => world.clear());

function changed({ input, changes = {} }: Case): WrittenFiles {
  const files = new Map<string, WrittenFile>(Object.entries(input));
  for (const [path, file] of Object.entries(changes)) {
    if (file === null) files.delete(path);
    else files.set(path, file);
  }
  return Object.fromEntries(files);
}

const allowed = Object.fromEntries(GUARDS.map((guard) => [guard, 'allow' as const]));

const specOf = (each: Case): Promise<ArtifactRef> =>
  world.spec({
    repo: { url },
    protect: each.protect ?? [],
    ...(isEditCase(each) && each.guarded === true ? {} : { guards: allowed }),
  });

/** The tree that an answer ends in, or why there is none. */
async function answered(each: Case, answer: unknown) {
  const callId = each.name.slice(0, 3).padStart(40, '0');
  await paidAnswer(world, answer, callId);
  const input = { lineage: LINEAGE, callId, spec: await specOf(each), baseTree: before(each.name) };
  const edited = await world.run(() => createApplyEdits(world.ports)(input));
  if (edited.kind === 'edited') return { tree: edited.tree, notes: edited.notes ?? [] };
  const says = (await world.ports.artifacts.get(edited.evidence)).toString('utf8');
  return { code: edited.failure.code, says };
}

/** What the calls of an answer end in, and what is said to each. */
async function called(each: Case, toolCalls: readonly ToolCall[], finishReason = 'stop', text = '') {
  const { artifacts } = world.ports;
  const tree = before(each.name);
  const prompt = await artifacts.put('prompt', JSON.stringify([{ role: 'user', content: 'Do it.' }]));
  const done = await world.run(async () =>
    createRunTools(world.ports)({
      taskId: 'job/one/t/0',
      lineage: LINEAGE,
      spec: await specOf(each),
      baseCommit: 'main',
      baseTree: tree,
      tree,
      conversation: prompt,
      answer: await artifacts.put('answer', JSON.stringify({ text, toolCalls, finishReason })),
    }),
  );
  const messages = await readConversation(artifacts, done.conversation);
  const answer = messages.findIndex(({ role }) => role === 'assistant');
  return { tree: done.tree, said: messages.slice(answer + 1).map(({ content }) => content) };
}

async function expectTree(each: Case, tree: string | undefined): Promise<void> {
  expect(await surprises(each, tree)).toEqual([]);
  if (tree !== undefined) made.add(tree);
}

/** What differs from the expected tree: the ids alone would tell nobody anything. */
async function surprises(each: Case, tree: string | undefined): Promise<readonly string[]> {
  if (tree === after(each.name)) return [];
  if (tree === undefined) return ['no tree'];
  const { git } = world.ports;
  const paths = (await git.list(url, tree)).map(({ path }) => path);
  const has = shownFiles(await git.read(url, tree, paths));
  const shall = shownFiles(snapshotOf(changed(each)));
  const differing = [...new Set([...Object.keys(has), ...Object.keys(shall)])].filter(
    (path) => has[path] !== shall[path],
  );
  return [`tree ${tree}`, ...differing.map((path) => `${path}: ${has[path]} in place of ${shall[path]}`)];
}

const objects = (): number => readdirSync(join(mirror, 'objects'), { recursive: true }).length;

const isChange = ({ changes = {} }: Case): boolean => Object.keys(changes).length > 0;

const answerOf = ({ edits }: EditCase) => ({ edits: edits.map(editOf), commitMessage: 'Change it', notes: '' });
const isReadable = (each: EditCase): boolean => parseAnswer(JSON.stringify(answerOf(each))).kind === 'ok';

describe('an answer in JSON', () => {
  const edits = cases.filter(isEditCase);
  const readable = edits.filter(isReadable);

  it.each(titled(readable.filter(isChange)))('%s', async (_, each) => {
    const outcome = await answered(each, answerOf(each));
    expect(outcome).toMatchObject({
      notes: (each.notes ?? []).map((words): unknown => expect.stringContaining(words)),
    });
    await expectTree(each, outcome.tree);
  });

  describe('that does not fit', () => {
    let had: number;
    beforeAll(() => {
      had = objects();
    });

    it.each(titled(readable.filter(({ faults }) => faults !== undefined)))('%s', async (_, each) => {
      const { faults = [] } = each;
      const { code, says = '' } = await answered(each, answerOf(each));
      expect(faults.map((fault) => fault.code)).toContain(code);
      for (const { edit, says: words } of faults) {
        const [, rest = ''] = says.split(new RegExp(`^edit ${edit} `, 'm'));
        for (const word of words) expect(rest).toContain(word);
      }
    });

    it('leaves nothing behind in the mirror', () => {
      expect(objects()).toBe(had);
    });
  });

  it.each(titled(readable.filter((each) => !isChange(each) && each.faults === undefined)))('%s', async (_, each) => {
    const { code, says } = await answered(each, answerOf(each));
    expect(code).toBe(each.refused?.code ?? 'nothingToCommit');
    for (const words of each.refused?.says ?? []) expect(says).toContain(words);
  });

  it.each(titled(edits.filter((each) => !isReadable(each))))('does not even reach the edits: %s', (_, each) => {
    expect(each.faults?.length).toBeGreaterThan(0);
  });

  it.each(titled(edits))('says the same in a fence between words: %s', (_, each) => {
    const text = JSON.stringify(answerOf(each), null, 2);
    expect(parseAnswer(`Here it is:\n\n\`\`\`json\n${text}\n\`\`\`\n\nDone.`)).toEqual(parseAnswer(text));
  });
});

describe('an answer in blocks', () => {
  const edits = cases.filter(isEditCase).filter(isReadable);
  // What an empty search means in a block is told by the cases of blocks.
  const sayable = edits.filter(({ edits: given }) =>
    given
      .map(editOf)
      .every(
        ({ op, path, search, to }) => path.trim() !== '' && to?.trim() !== '' && (op !== 'replace' || search !== ''),
      ),
  );

  it.each(titled(sayable))('says the same as JSON: %s', (_, each) => {
    const answer = answerOf(each);
    expect(parseAnswer(inBlocks(answer), 'blocks')).toEqual(parseAnswer(JSON.stringify(answer)));
  });

  it('can say nearly all', () => {
    expect(sayable.length).toBeGreaterThan(edits.length - 10);
  });
});

describe('a text that shall be an answer', () => {
  const texts = cases.filter(isAnswerCase);

  const readable = texts.filter(({ malformed }) => malformed === undefined);

  it.each(titled(readable.filter(({ refused }) => refused === undefined)))('%s', async (_, each: AnswerCase) => {
    await expectTree(each, (await answered(each, each.answer)).tree);
  });

  it.each(titled(readable.filter(({ refused }) => refused !== undefined)))('%s', async (_, each: AnswerCase) => {
    const { code, says } = await answered(each, each.answer);
    expect(code).toBe(each.refused?.code);
    for (const words of each.refused?.says ?? []) expect(says).toContain(words);
  });

  it.each(titled(texts.filter(({ malformed }) => malformed !== undefined)))('%s', (_, { answer, malformed = [] }) => {
    const parsed = parseAnswer(answer);
    expect(parsed).toEqual({
      kind: 'malformed',
      faults: malformed.map((words): unknown => expect.stringContaining(words)),
    });
  });
});

describe('calls of tools', () => {
  it.each(titled(cases.filter(isCallsCase)))('%s', async (_, each: CallsCase) => {
    const toolCalls = each.calls.map(({ tool, arguments: given, id }, index) => ({
      id: id ?? `c${index}`,
      name: tool,
      arguments: typeof given === 'string' ? given : JSON.stringify(given),
    }));
    const { tree, said } = await called(each, toolCalls, each.finishReason, each.answer);
    expect(said).toEqual(each.said.map((words): unknown => expect.stringContaining(words)));
    await expectTree(each, tree);
  });

  const single = cases.filter(isEditCase).flatMap((each): readonly (readonly [string, EditCase, ToolCall])[] => {
    const asked = each.refused === undefined ? callOf(each) : null;
    return asked === null ? [] : [[`${each.claim} (${each.name})`, each, asked]];
  });

  it.each(single)('in the place of edits: %s', async (_, each, call) => {
    const { tree, said } = await called(each, [call]);
    await expectTree(each, tree);
    for (const words of wordsFor(each, call)) expect(said[0]).toContain(words);
  });
});

/** Arguments that are no valid ones, and rules of additions, are spoken of in the tools' own words. */
function wordsFor(each: EditCase, call: ToolCall): readonly string[] {
  if (each.faults === undefined) return [isChange(each) ? 'done' : 'error: Nothing was changed'];
  const [first, ...others] = each.faults;
  const same = first?.code === 'editsRejected' && others.length === 0 && parseToolCall(call).kind === 'ok';
  return ['error: ', ...(same ? first.says : [])];
}

describe('the cases', () => {
  it('have one for every point of the checklist, and name no other', () => {
    const named = new Set(cases.map(({ item }) => item));
    expect([...named].toSorted()).toEqual(Object.keys(checklist).toSorted());
    expect(cases.length).toBeGreaterThanOrEqual(120);
  });

  it('each have a number and a claim of their own', () => {
    expect(cases.filter(({ name }) => !/^\d{3}-[a-z0-9-]+$/.test(name))).toEqual([]);
    expect(new Set(cases.map(({ name }) => name.slice(0, 3))).size).toBe(cases.length);
    expect(new Set(cases.map(({ claim }) => claim)).size).toBe(cases.length);
  });

  it('read the same where a checkout has turned their line ends', () => {
    expect(casesOfWindows()).toEqual(cases);
  });

  it('left trees in the mirror of which no part is missing', () => {
    expect(made.size).toBeGreaterThan(100);
    const input = [...made].join('\n');
    expect(() => execFileSync('git', ['rev-list', '--objects', '--stdin'], { cwd: mirror, input })).not.toThrow();
  });
});

const WORD = 'c0ffee123456';

function inBlocks({ edits, commitMessage }: ReturnType<typeof answerOf>): string {
  const blocks = edits.map(blockOf).map((lines) => lines.join('\n'));
  return [...blocks, `<<<<<<< MESSAGE ${WORD}`, commitMessage, `>>>>>>> MESSAGE ${WORD}`].join('\n');
}

function blockOf({ op, path, content, search, replace, to }: Edit): readonly string[] {
  const named = JSON.stringify(path);
  if (op === 'replace')
    return [
      named,
      `<<<<<<< SEARCH ${WORD}`,
      ...linesOf(search),
      `======= ${WORD}`,
      ...linesOf(replace),
      `>>>>>>> REPLACE ${WORD}`,
    ];
  const [kind, lines] = {
    write: ['FILE', linesOf(content)] as const,
    delete: ['DELETE', []] as const,
    move: ['MOVE', [JSON.stringify(to)]] as const,
  }[op];
  return [named, `<<<<<<< ${kind} ${WORD}`, ...lines, `>>>>>>> ${kind} ${WORD}`];
}

function linesOf(text: string | null): readonly string[] {
  if (text === null || text === '') return [];
  return text.endsWith('\n')
    ? text.slice(0, -1).split('\n')
    : [...text.split('\n'), `\\ No newline at end of file ${WORD}`];
}

/** The one call that does what the edits do; null if it takes several. */
function callOf({ edits }: EditCase): ToolCall | null {
  const [first, ...others] = edits.map(editOf);
  if (first === undefined || others.some(({ op, path }) => op !== 'replace' || path !== first.path)) return null;
  const { op, path, content, to } = first;
  if (op === 'replace')
    return asCall('edit_file', { path, edits: edits.map(editOf).map(({ search, replace }) => ({ search, replace })) });
  if (others.length > 0) return null;
  return op === 'write' ? asCall('write_file', { path, content }) : asCall('move_or_delete', { path, to });
}

function asCall(name: string, given: unknown): ToolCall {
  return { id: 'c0', name, arguments: JSON.stringify(given) };
}
