/**
 * Real bugs of released packages, carried by recorded conversations with tools to a landed fix: all of them in `npm run soak`,
 * a twentieth in `npm test`. What has landed is judged in a fresh clone, by the tests as they were at the base.
 */
import { join } from 'node:path';
import { keepFigures } from '../chaos/keep-figures';
import { git, World, type RunResult } from '../e2e/world';
import { agentCases, type AgentCase } from './agent-cases';
import { buildCase, type BuiltCase } from './build';
import { recordConversation, type RecordedConversation } from './conversations';
import { createJudge } from './judge';

const SOAK = process.env['WEAVER_SOAK'] === '1';
/** One in each of two languages that need no compiler, and the two manners that most work is done in. */
const FEW = ['semver-zero-part', 'negotiator-parameters'];
const carried = agentCases.filter(({ name }) => SOAK || FEW.includes(name));
/** What this machine has places for checks for. */
const AT_A_TIME = 2;
/** Two archives a case from three registries, and a first Go build for each task in Go. */
const TIMEOUT_MS = SOAK ? 60 * 60_000 : 300_000;
/** Of the issue: 30 tasks in three languages or more. */
const TASKS_MIN = SOAK ? 30 : 2;
const LANGUAGES_MIN = SOAK ? 3 : 2;

interface Run {
  readonly built: BuiltCase;
  readonly recorded: RecordedConversation;
  readonly result: RunResult;
  readonly seconds: number;
}

const { judge } = createJudge();
let world: World;
const runs = new Map<string, Run>();

beforeAll(async () => {
  world = await World.start({ script: [] });
  const prepared: Prepared[] = [];
  for (const one of carried) prepared.push(await prepare(one));
  world.endpoint.setScript(
    prepared.map(({ one, recorded }) => ({ when: { contains: one.real.title }, answers: recorded.answers })),
  );
  const waiting = prepared.toReversed();
  const carryNext = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await carry(next);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, carryNext));
}, TIMEOUT_MS);

afterAll(async () => {
  await world.stop();
}, 60_000);

interface Prepared {
  readonly one: AgentCase;
  readonly built: BuiltCase;
  readonly recorded: RecordedConversation;
}

async function prepare(one: AgentCase): Promise<Prepared> {
  const built = await buildCase(one.real, join(world.folder, 'cases', one.name));
  return { one, built, recorded: await recordConversation(one.real, built, one) };
}

async function carry({ one, built, recorded }: Prepared): Promise<void> {
  const startedAt = performance.now();
  // What is to be changed it must find by itself.
  const task = { ...built.task, handler: 'agent', relatedFiles: [], limits: { attempts: 1 } };
  const result = await world.carryOut(task);
  runs.set(one.name, { built, recorded, result, seconds: (performance.now() - startedAt) / 1_000 });
}

function runOf(name: string): Run {
  const run = runs.get(name);
  if (run === undefined) throw new Error(`${name} was not carried`);
  return run;
}

describe.each(carried)('$name, $manner', ({ name, real }) => {
  it('ends with the fix landed, in as many calls as the conversation has', () => {
    const { result, built, recorded } = runOf(name);
    expect(result).toMatchObject({
      state: 'succeeded',
      failure: null,
      attempts: 1,
      branch: built.taskBranch,
      calls: { sent: recorded.answers.length, inDoubt: 0 },
    });
  });

  it('has the text of the next release in every changed file, and no other change', () => {
    const { built } = runOf(name);
    const show = (path: string): string => git(built.repositoryUrl, 'show', `${built.taskBranch}:${path}`);
    const landed = built.files.map(({ path }) => ({ path, text: show(path) }));
    expect(landed).toEqual(built.files.map(({ path, after }) => ({ path, text: after.trim() })));
    const changed = git(built.repositoryUrl, 'diff', '--name-only', 'main', built.taskBranch).split('\n');
    expect(changed).toEqual(built.files.map(({ path }) => path).toSorted());
  });

  it('was told by its tools what a model would go by', () => {
    const { recorded } = runOf(name);
    const told = toolMessages(real.title);
    expect(unheard(recorded.heard, told)).toEqual([]);
  });

  it(
    'is mended by the verdict of the tests of the base',
    async () => {
      const { built } = runOf(name);
      const { passed, log } = await judge(real, built.repositoryUrl, built.taskBranch);
      expect({ passed, log }).toEqual({ passed: true, log });
    },
    TIMEOUT_MS,
  );
});

it('carries enough tasks of enough languages', () => {
  const landed = carried.filter(({ name }) => runs.get(name)?.result.state === 'succeeded');
  const all = [...runs.values()];
  const seconds = all.map((run) => run.seconds).toSorted((a, b) => a - b);
  keepFigures('real tasks by the agent', {
    tasks: carried.length,
    landed: landed.length,
    languages: countBy(landed.map(({ real }) => real.language)),
    manners: countBy(landed.map(({ manner }) => manner)),
    calls: sum(all.map(({ result }) => result.calls.sent)),
    toolCalls: sum(all.map(({ recorded }) => sum(recorded.answers.map(callsOf)))),
    seconds: { median: seconds[Math.floor(seconds.length / 2)], longest: seconds.at(-1), all: sum(seconds) },
  });
  expect(landed.length).toBeGreaterThanOrEqual(TASKS_MIN);
  expect(new Set(landed.map(({ real }) => real.language)).size).toBeGreaterThanOrEqual(LANGUAGES_MIN);
});

/** Of the last request: the conversation as it was before its end. */
function toolMessages(title: string): readonly string[] {
  const bodies = world.endpoint.requests().map(({ body }) => body as { readonly messages: readonly Message[] });
  const last = bodies.findLast(({ messages }) => JSON.stringify(messages).includes(title));
  return (last?.messages ?? []).filter(({ role }) => role === 'tool').map(({ content }) => content ?? '');
}

interface Message {
  readonly role: string;
  readonly content: string | null;
}

/** What was not said after what had to come before it. */
function unheard(heard: readonly RegExp[], told: readonly string[]): readonly RegExp[] {
  let from = 0;
  return heard.filter((pattern) => {
    const at = told.findIndex((text, index) => index >= from && pattern.test(text));
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

const callsOf = (answer: RecordedConversation['answers'][number]): number =>
  answer.kind === 'tools' ? answer.calls.length : 0;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const countBy = (names: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...new Set(names)].toSorted().map((name) => [name, names.filter((one) => one === name).length]));
