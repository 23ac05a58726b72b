/** `weaver compare` as a person uses it: a real server and worker, several endpoints over HTTP, the compiled command. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScriptedAnswer, ScriptRule } from '../../src/adapters/model/scripted';
import type { CompareInput, CompareResult } from '../../src/workflows/compare-messages';
import { parseCompare } from '../../src/schemas';
import { importCommit } from '../fast-import';
import { startProviders, type Providers } from './providers';
import { answerValue, branchesOf, CHECK, until, valueFiles, World, type CliResult } from './world';

const NAMES = ['a', 'b', 'c'] as const;

let world: World;
let providers: Providers;

beforeAll(async () => {
  providers = await startProviders(NAMES);
  world = await World.start({ script: [], config: providers.config });
}, 120_000);

afterAll(async () => {
  await world.stop();
  await providers.stop();
}, 60_000);

const CASES = `
cases:
  - name: product
    prompt: What is {{a}} times 7?
    variables: { a: 6 }
    expect: { regex: '\\b42\\b' }
  - name: capital
    prompt: Which city is the capital of {{country}}?
    expect: { literal: Paris }
variables: { country: France }
providers: [a, b, c]
modes: [single, all]
repeats: 2
concurrency: 3
`;

const says = (text: string): ScriptedAnswer => ({ kind: 'text', text });
const edits = (value: string): ScriptedAnswer => ({ kind: 'json', value: answerValue(value) });
const rule = (contains: string, ...answers: readonly ScriptedAnswer[]): ScriptRule => ({ when: { contains }, answers });

/** `c` knows no capitals. */
function allAnswer(): void {
  for (const name of NAMES) {
    const capital = name === 'c' ? says('Lyon') : says('Paris');
    providers.at(name).setScript([rule('6 times 7', says('It is 42.')), rule('capital of France', capital)]);
  }
}

const counts = (): readonly number[] => NAMES.map((name) => providers.at(name).count);
const requests = (before: readonly number[]): readonly number[] =>
  counts().map((count, at) => count - (before[at] ?? 0));

const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);

const compare = (text: string, ...args: readonly string[]) => compareIn({ ownProcess: false }, text, ...args);

async function compareIn(
  place: { readonly ownProcess: boolean },
  text: string,
  ...args: readonly string[]
): Promise<CliResult & { readonly report: Report }> {
  writeFileSync(join(world.folder, 'cases.yaml'), text);
  const result = await world.cli(['compare', 'cases.yaml', '--json', ...args], place);
  return { ...result, report: JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '{}') as Report };
}

interface Report extends Omit<CompareResult, 'failed'> {
  readonly contestants: readonly {
    readonly mode: string;
    readonly asked: string;
    readonly success: number;
    readonly gate: { readonly questions: number; readonly passed: number } | null;
  }[];
  readonly overview: { readonly calls: number; readonly agreement: number };
  readonly failed: readonly { readonly case: string; readonly asked: string; readonly why: string }[];
  readonly missed: readonly { readonly threshold: string; readonly by: string }[];
  readonly regressions: readonly { readonly by: string; readonly verdict: string }[] | null;
  readonly failure?: { readonly code: string; readonly message: string };
}

it('asks every model every case in every mode and repeat, once, and tells who was right', async () => {
  allAnswer();
  const before = counts();
  const first = await compare(CASES, '--key', 'first', '--html', 'compared.html', '--jsonl', 'calls.jsonl');
  expect(first.stderr).toContain('submitted compare/first (24 calls)');
  const { report } = first;
  expect([report.done, report.questions, report.spending.callsSent]).toEqual([16, 16, 24]);
  expect(requests(before)).toEqual([8, 8, 8]);
  expect(report.contestants.map(({ mode, asked, success }) => [mode, asked, success])).toEqual([
    ['single', 'a/model-a', 1],
    ['single', 'b/model-b', 1],
    ['single', 'c/model-c', 0.5],
    ['all', 'all', 1],
  ]);
  // LC-40: no file has to ask for it.
  expect(first.exitCode).toBe(1);
  expect(first.stderr).toContain('thresholds.success missed by single c/model-c: 50 %, wanted 100 %');
  expect(report.failed.map((one) => [one.case, one.asked])).toEqual([
    ['capital', 'c/model-c'],
    ['capital', 'c/model-c'],
  ]);
  const lines = readFileSync(join(world.folder, 'calls.jsonl'), 'utf8').trim().split('\n');
  expect(lines).toHaveLength(24);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ case: 'product', provider: 'a', says: 'It is 42.', passed: true });
  expect(readFileSync(join(world.folder, 'compared.html'), 'utf8')).toContain('<svg class="plot"');

  // Once more under the same key it is looked at, not asked again.
  const again = await compare(
    CASES.replace('repeats: 2', 'repeats: 2\nthresholds: { success: 0.5 }'),
    '--key',
    'first',
  );
  expect([again.exitCode, requests(before)]).toEqual([0, [8, 8, 8]]);
  expect(again.report.contestants).toEqual(report.contestants);
  expect(again.stderr).toContain('there already: compare/first');

  const other = await compare(CASES.replace('repeats: 2', 'repeats: 1'), '--key', 'first');
  expect([other.exitCode, other.report.failure?.code]).toEqual([2, 'keyTaken']);

  // The same cases to a worse `b`, beside what there was.
  writeFileSync(join(world.folder, 'earlier.json'), JSON.stringify(report));
  providers.at('b').setScript([rule('times', says('41')), rule('capital', says('Paris'))]);
  const worse = await compare(`${CASES}thresholds: { success: 0 }\n`, '--baseline', 'earlier.json');
  expect(worse.exitCode).toBe(1);
  expect(worse.report.regressions?.map(({ verdict }) => verdict)).toEqual(['pass', 'fail', 'pass', 'pass']);
}, 120_000);

it('stops at the limit of its cost, and goes on with the rest when there is more', async () => {
  allAnswer();
  const before = counts();
  const limited = CASES.replace(
    'concurrency: 3',
    'concurrency: 1\nlimits: { costUsd: 0.00001 }\nthresholds: { success: 0 }',
  );
  const poor = await compare(limited, '--key', 'poor');
  expect([poor.exitCode, poor.report.stopped?.kind]).toEqual([7, 'spent']);
  expect(poor.report.done).toBeLessThan(16);
  expect(sum(requests(before))).toBe(poor.report.spending.callsSent);
  const rich = await compare(limited.replace('0.00001', '1'), '--key', 'poor');
  expect([rich.exitCode, rich.report.done, rich.report.stopped]).toEqual([0, 16, null]);
  // What had been paid for was not paid again.
  expect(sum(requests(before))).toBe(24);
}, 120_000);

it('keeps what was answered when it is cancelled, and goes on with the rest later', async () => {
  allAnswer();
  providers.at('c').setScript([rule('6 times 7', says('It is 42.')), rule('capital', { kind: 'hang' })]);
  const text = CASES.replace('modes: [single, all]', 'thresholds: { success: 0 }');
  const before = counts();
  const running = compareIn({ ownProcess: true }, text, '--key', 'stopped');
  await until(() => providers.at('c').count - (before[2] ?? 0) === 3, 'c was asked what it does not answer');
  world.processes.at(-1)?.kill('SIGINT');
  const stopped = await running;
  expect([stopped.exitCode, stopped.report.stopped]).toEqual([130, { kind: 'cancelled' }]);
  expect(stopped.report.done).toBeGreaterThan(0);
  expect(stopped.report.contestants.length).toBeGreaterThan(0);
  allAnswer();
  const whole = await compare(text, '--key', 'stopped');
  expect([whole.exitCode, whole.report.done]).toEqual([0, 12]);
}, 120_000);

it('goes on in new runs where there is much to ask, and leaves nothing out', async () => {
  allAnswer();
  const client = await world.connect();
  const before = counts();
  const parsed = parseCompare(`${CASES}thresholds: { success: 0 }\n`);
  if (parsed.kind === 'faults') throw new Error('the cases cannot be read');
  const input: CompareInput = { schemaVersion: 1, spec: parsed.spec, eventsMax: 40 };
  const options = { taskQueue: 'weaver', workflowId: 'compare/long', args: [input] as [CompareInput] };
  const first = await client.workflow.start('compareModels', options);
  const result = (await first.result()) as CompareResult;
  expect((await client.workflow.getHandle('compare/long').describe()).runId).not.toBe(first.firstExecutionRunId);
  expect([result.done, result.passed, result.failed, requests(before)]).toEqual([16, 14, 2, [8, 8, 8]]);
}, 120_000);

it('says what is wrong with a file, and whom it does not know', async () => {
  const wrong = await compare('cases: [{ name: x, prompt: "{{y}}" }]\nproviders: [a, a]\nrepeat: 2\n');
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toContain('cases.yaml:1: cases[0].prompt names {{y}}, which has no value in variables');
  expect(wrong.stderr).toContain('cases.yaml:3: repeat is no field: did you mean repeats?');
  const unknown = await compare('cases: [{ name: x, prompt: y }]\nproviders: [nobody]\n');
  expect([unknown.exitCode, unknown.report.failure?.code]).toEqual([3, 'unknownProvider']);
}, 60_000);

it('is recorded once, and compared again without a model', async () => {
  allAnswer();
  const text = `${CASES.replace('modes: [single, all]', '').replace('repeats: 2', 'repeats: 1')}thresholds: { success: 0 }\n`;
  const refused = await compare(text, '--record', 'answers');
  expect([refused.exitCode, refused.report.failure?.message]).toEqual([2, expect.stringContaining('of no use here')]);
  const recorded = await compare(text, '--worker', '--record', 'answers');
  expect([recorded.exitCode, recorded.report.spending.callsSent]).toEqual([0, 6]);
  const before = counts();
  const replayed = await compare(text, '--worker', '--replay', 'answers');
  expect([replayed.exitCode, replayed.report.spending.callsSent, requests(before)]).toEqual([0, 0, [0, 0, 0]]);
  const successes = ({ report }: typeof recorded) => report.contestants.map(({ asked, success }) => [asked, success]);
  expect(successes(replayed)).toEqual(successes(recorded));
}, 120_000);

it('is cancelled by its id, with who asked for it and why', async () => {
  allAnswer();
  providers.at('c').setScript([rule('6 times 7', says('It is 42.')), rule('capital', { kind: 'hang' })]);
  const before = counts();
  const running = compare(CASES.replace('modes: [single, all]', 'thresholds: { success: 0 }'), '--key', 'unwanted');
  await until(() => providers.at('c').count - (before[2] ?? 0) === 3, 'c was asked what it does not answer');
  const cancelled = await world.cli(['cancel', 'compare/unwanted', '--reason', 'the wrong model', '--wait', '--json']);
  expect(cancelled.exitCode).toBe(0);
  expect(JSON.parse(cancelled.stdout)).toEqual({
    id: 'compare/unwanted',
    cancelRequested: true,
    state: 'cancelled',
  });
  const ended = await running;
  expect(ended.exitCode).toBe(10);
  expect(ended.report.stopped).toMatchObject({ kind: 'cancelled', why: 'the wrong model' });
  expect(ended.stderr).toContain('(the wrong model)');
  const again = await world.cli(['cancel', 'compare/unwanted', '--reason', 'once more']);
  expect(again.stdout).toBe('compare/unwanted has ended already: cancelled.\n');
  const unknown = await world.cli(['cancel', 'compare/nobody', '--reason', 'x']);
  expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('compare/nobody')]);
}, 60_000);

it('answers coding tasks with edits and lets the gate tell who was right, on one base, pushing nothing', async () => {
  const remote = world.repository('compared', valueFiles());
  const task = {
    title: 'Right the value',
    description: 'value.txt must say right.',
    repo: { url: remote },
    checks: [CHECK],
  };
  const cases = {
    cases: [{ name: 'value', task }],
    providers: ['a', 'b', 'c'],
    modes: ['single', 'all'],
    concurrency: 1,
  };
  const text = (costUsd: number): string =>
    JSON.stringify({ ...cases, limits: { costUsd }, thresholds: { success: 0 } });
  providers.at('a').setScript([rule('Right the value', edits('right'))]);
  providers.at('b').setScript([rule('Right the value', edits('nearly'))]);
  providers.at('c').setScript([rule('Right the value', says('I would write right into it.'))]);
  const before = counts();
  const poor = await compare(text(0.000_01), '--key', 'coding');
  expect([poor.exitCode, poor.report.done]).toEqual([7, 1]);

  // The rest is asked about the same base, or what was paid for would not be what is compared.
  const files = new Map([['later.txt', { mode: '100644', bytes: Buffer.from('later') }]]);
  importCommit(remote, { branch: 'main', from: 'main', author: 'Test <test@localhost>', message: 'later\n', files });
  const outputs = ['--jsonl', 'coding.jsonl', '--html', 'coding.html'];
  const { exitCode, report } = await compare(text(1), '--key', 'coding', ...outputs);
  expect([exitCode, report.done, requests(before)]).toEqual([0, 4, [2, 2, 2]]);
  expect(report.contestants.map(({ asked, success, gate }) => [asked, success, gate])).toEqual([
    ['a/model-a', 1, { questions: 1, passed: 1 }],
    ['b/model-b', 0, { questions: 1, passed: 0 }],
    ['c/model-c', 0, { questions: 1, passed: 0 }],
    ['all', 1, { questions: 1, passed: 1 }],
  ]);
  expect(report.failed.map(({ asked, why }) => [asked, why])).toEqual([
    ['b/model-b', expect.stringMatching(/^(checksFailed|stillFailing) .* value is nearly$/)],
    ['c/model-c', expect.stringMatching(/^malformedAnswer /)],
  ]);
  const lines = readFileSync(join(world.folder, 'coding.jsonl'), 'utf8').trim().split('\n');
  const called = lines.map((each) => JSON.parse(each) as { readonly gate: string | null; readonly says: string });
  expect(called.map(({ gate, says: said }) => [gate, said]).slice(0, 2)).toEqual([
    ['passed', 'Make the value right'],
    [expect.stringMatching(/checksFailed|stillFailing/), 'Make the value nearly'],
  ]);
  expect(readFileSync(join(world.folder, 'coding.html'), 'utf8')).toContain('Success by gate');
  expect(branchesOf(remote)).toEqual(['main']);
  expect(readdirSync(join(world.home, 'workspaces')).filter((name) => name.includes('coding'))).toEqual([]);
}, 120_000);
