/** The modes of asking over real HTTP: several endpoints, a real server, the workflow `askModels`. */
import type { Client } from '@temporalio/client';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import type { AskSpec, ModelResult, ModeResult } from '../../src/domain/ask-mode';
import type { Called } from '../../src/activities/contract';
import type { AskInput } from '../../src/workflows/ask-models';
import { delta, sse } from '../adapters/model/asking';
import { keepFigures } from '../chaos/keep-figures';
import { startProviders, type Providers } from './providers';
import { until, World } from './world';

/** `paused` asks for a pause, which holds for whoever asks it next. */
const NAMES = ['a', 'b', 'c', 'd', 'e', 'paused', 'judge'] as const;
type Name = (typeof NAMES)[number];

let world: World;
let client: Client;
let providers: Providers;

beforeAll(async () => {
  providers = await startProviders(NAMES);
  world = await World.start({ script: [], config: providers.config });
  client = await world.connect();
}, 60_000);

afterAll(async () => {
  await world.stop();
  await providers.stop();
});

const says = (text: string, manner: { readonly delayMs?: number } = {}): ScriptedAnswer => ({
  kind: 'text',
  text,
  ...manner,
});
const score = (value: number): ScriptedAnswer => ({ kind: 'json', value: { score: value, reason: '' } });
const status = (code: number, headers: Readonly<Record<string, string>> = {}): ScriptedAnswer => ({
  kind: 'status',
  status: code,
  headers,
});
const hangs: ScriptedAnswer = { kind: 'hang' };

type Answers = Readonly<Partial<Record<Name, ScriptedAnswer | readonly ScriptedAnswer[]>>>;
type Result = ModeResult<Called>;

/** A busy machine gets more rounds to show what a quiet one shows at once. */
const ROUNDS_MAX = 20;

let questions = 0;
/** Asks those who have an answer, in the order of their names. */
async function ask(
  answers: Answers,
  spec: Omit<AskSpec, 'models'> & Partial<AskSpec>,
  more: Partial<AskInput> = {},
): Promise<Result> {
  questions += 1;
  const counted = Object.fromEntries(NAMES.map((name) => [name, providers.at(name).count]));
  for (const name of NAMES) {
    const given = answers[name] ?? [];
    const list = Array.isArray(given) ? (given as readonly ScriptedAnswer[]) : [given as ScriptedAnswer];
    providers.at(name).setScript(list.length === 0 ? [] : [{ answers: list }]);
  }
  before = counted;
  const models = NAMES.filter((name) => name in answers && name !== 'judge').map((provider) => ({ provider }));
  const input: AskInput = { schemaVersion: 1, prompt: `question ${questions}`, ask: { models, ...spec }, ...more };
  return await client.workflow.execute('askModels', {
    taskQueue: 'weaver',
    workflowId: `ask/${questions}`,
    args: [input],
  });
}

let before: Readonly<Record<string, number>> = {};
const requestsTo = (name: Name): number => providers.at(name).count - (before[name] ?? 0);
const median = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
const states = ({ results }: Result): readonly string[] => results.map((one) => `${one.provider} ${one.status}`);
const failureOf = (result: ModelResult<Called> | undefined) => (result?.status === 'failed' ? result.failure : null);

describe('one after the other', () => {
  it('LS-05, LS-07, LS-09, LS-10, LS-37, LS-42, LC-04, LC-06, MD-03 goes on at once where the key is refused, and asks nobody after an answer', async () => {
    const result = await ask({ a: status(401), b: says('from b'), c: says('from c') }, { mode: 'fallback' });
    expect(states(result)).toEqual(['a failed', 'b ok', 'c skipped']);
    expect(result.winner).toMatchObject({ provider: 'b', index: 1 });
    expect(failureOf(result.results[0])).toMatchObject({ code: 'modelCredentials', family: 'configuration' });
    expect([requestsTo('a'), requestsTo('b'), requestsTo('c')]).toEqual([1, 1, 0]);
    const [first, second] = result.results;
    // What the endpoint refused has cost nothing; the answer has, and the mode's spending is the sum.
    expect(first).toMatchObject({
      latencyMs: expect.any(Number),
      spending: { costUsdMicros: 0, tokens: { completion: 0 } },
    });
    expect(second).toMatchObject({ status: 'ok', spending: { callsSent: 1 } });
    expect(result.spending.costUsdMicros).toBeGreaterThan(0);
  });

  it('LS-02, LS-19, LC-13, MD-04 tries a rate limit a few times, then goes on', async () => {
    const limited = status(429, { 'retry-after-ms': '5' });
    const result = await ask({ a: limited, b: says('from b') }, { mode: 'fallback' });
    expect(states(result)).toEqual(['a failed', 'b ok']);
    expect(failureOf(result.results[0])).toMatchObject({ code: 'rateLimited', family: 'rateLimit' });
    expect(requestsTo('a')).toBe(4);
  });

  it('LS-01, LS-04, LS-36 tries an endpoint that runs out of time a few times, then goes on to the next', async () => {
    const late = status(408, { 'retry-after-ms': '5' });
    const result = await ask({ a: late, b: says('from b') }, { mode: 'fallback' });
    expect(result.winner).toMatchObject({ provider: 'b', model: 'model-b' });
    expect(failureOf(result.results[0])).toMatchObject({ code: 'modelTimeout', family: 'model' });
    expect(requestsTo('a')).toBe(4);
  });

  it('LS-28, LS-35, LS-43, LC-33 counts the requests of each model, also those that were tried again', async () => {
    const limited = status(429, { 'retry-after-ms': '5' });
    const late = status(408, { 'retry-after-ms': '5' });
    const answers = { a: [limited, says('x')], b: [limited, late, says('y')] };
    const result = await ask(answers, { mode: 'all' });
    expect(result.results).toMatchObject([
      { status: 'ok', spending: { callsSent: 2 } },
      { status: 'ok', spending: { callsSent: 3 } },
    ]);
    expect(result.spending.callsSent).toBe(5);
  });

  it('LS-06, LS-18, LS-30 fails with what each of them failed of', async () => {
    const result = await ask({ a: status(404), b: status(401) }, { mode: 'fallback' });
    expect(result.winner).toBeNull();
    expect(result.failure?.failures).toMatchObject([
      { provider: 'a', code: 'modelNotFound', family: 'configuration' },
      { provider: 'b', code: 'modelCredentials', family: 'configuration' },
    ]);
    expect(result.failure?.failure.detail).toMatch(/1 a.*modelNotFound.*; 2 b.*modelCredentials/);
  });

  it('LS-03, LC-16 passes over an answer that says nothing only where it is told to', async () => {
    const answers = { a: says(' '), b: says('from b') };
    const kept = await ask(answers, { mode: 'fallback' });
    expect([states(kept), kept.winner]).toEqual([['a failed', 'b skipped'], null]);
    const passed = await ask(answers, { mode: 'fallback', passUnusable: true });
    expect(passed.winner?.provider).toBe('b');
  });
});

describe('the first good answer', () => {
  it('LS-22, LS-25, LS-27, LC-01, LC-09, MD-07 is taken at once; the losers are stopped, not waited for, and said to be cancelled', async () => {
    const startedAt = Date.now();
    const result = await ask({ a: hangs, b: says('from b'), c: hangs }, { mode: 'any' });
    expect(Date.now() - startedAt).toBeLessThan(3_000);
    expect(states(result)).toEqual(['a cancelled', 'b ok', 'c cancelled']);
    expect(result.results[0]).toMatchObject({ spending: null, why: 'b/model-b has answered' });
    await until(() => providers.at('a').requests().at(-1)?.aborted === true, 'the request to a is stopped');
    await until(() => providers.at('c').requests().at(-1)?.aborted === true, 'the request to c is stopped');
  });

  it('LS-21, LS-22, LS-23, LS-31, LS-39, LC-02, LC-05 asks no more at once than it may, keeps what failed before, and leaves the rest alone', async () => {
    const answers = { a: status(401), b: says('from b'), c: says('from c') };
    const result = await ask(answers, { mode: 'any', concurrency: 1 });
    expect(states(result)).toEqual(['a failed', 'b ok', 'c skipped']);
    expect(requestsTo('c')).toBe(0);
    expect(result.stopped).toBe('b/model-b has answered');
  });

  it('LS-29 does not wait for the pause of a rate limit when another one answers', async () => {
    const startedAt = Date.now();
    const answers = { paused: status(429, { 'retry-after': '30' }), b: says('from b', { delayMs: 300 }) };
    const result = await ask(answers, { mode: 'any' });
    expect(result.winner?.provider).toBe('b');
    expect(requestsTo('paused')).toBe(1);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  it('LS-26 asks so many models and no more', async () => {
    const result = await ask({ a: status(401), b: status(401), c: says('from c') }, { mode: 'any', maxCalls: 2 });
    expect(states(result)).toEqual(['a failed', 'b failed', 'c skipped']);
    expect([result.winner, result.stopped]).toEqual([null, 'at most 2 calls']);
    expect(requestsTo('c')).toBe(0);
  });
});

describe('every answer', () => {
  it('LS-33, LS-34, LS-38, LC-10, LC-45, MD-01 is kept in the order of the models, whatever becomes of the others', async () => {
    const answers = { a: says('slow', { delayMs: 200 }), b: status(401), c: says('quick') };
    const result = await ask(answers, { mode: 'all' });
    expect(states(result)).toEqual(['a ok', 'b failed', 'c ok']);
    expect(result.winner?.provider).toBe('a');
    const [slow, , quick] = result.results;
    expect(slow?.status === 'ok' && quick?.status === 'ok' && slow.latencyMs > quick.latencyMs).toBe(true);
  });

  it('LC-10 may all be failures, which are no exception', async () => {
    const result = await ask({ a: status(401), b: status(404) }, { mode: 'all' });
    expect(states(result)).toEqual(['a failed', 'b failed']);
    expect(result.failure?.failures).toHaveLength(2);
  });

  it('may have to be so many, and ends with the first failure where it is told to', async () => {
    const few = await ask({ a: says('x'), b: status(401) }, { mode: 'all', minSuccess: 2 });
    expect(few.failure?.failure).toMatchObject({ code: 'noConsensus' });
    expect(states(few)).toEqual(['a ok', 'b failed']);
    const fast = await ask({ a: says('x', { delayMs: 1_500 }), b: status(401) }, { mode: 'all', failFast: true });
    expect(states(fast)).toEqual(['a cancelled', 'b failed']);
  });

  it('that has come by the time limit is kept; the others are stopped', async () => {
    const result = await ask({ a: says('in time'), b: hangs }, { mode: 'all', stop: { elapsedMs: 1_000 } });
    expect(states(result)).toEqual(['a ok', 'b cancelled']);
    expect([result.stopped, result.winner?.provider]).toEqual(['the time of 1000 ms is up', 'a']);
  });

  it('LC-11 is asked for so many at a time; nothing more once the money is spent', async () => {
    const result = await ask(
      { a: says('x'), b: says('y'), c: says('z') },
      { mode: 'all', concurrency: 1, stop: { costUsdMicros: 1 } },
    );
    expect(states(result)).toEqual(['a ok', 'b skipped', 'c skipped']);
    expect(result.stopped).toMatch(/micro-dollars are spent, at most 1$/);
  });
});

describe('a vote', () => {
  it('LS-47, LS-59, MD-02 is held among those who answer; one that fails does not end it', async () => {
    // The last of three decides: two that agree would not wait for the third.
    const answers = { a: says('Paris', { delayMs: 500 }), b: status(401), c: says(' paris '), d: says('Rome') };
    const result = await ask(answers, { mode: 'consensus', vote: { quorum: 2 } });
    expect(result.vote).toMatchObject({ kind: 'decided', votes: 2, voters: 3 });
    expect(['a', 'c']).toContain(result.winner?.provider);
    expect(states(result)).toEqual(['a ok', 'b failed', 'c ok', 'd ok']);
  });

  it('LC-18 says what an answer lacks, and also why nobody was asked after it', async () => {
    const answers = { a: says('no JSON'), b: says('{}') };
    const stop = { costUsdMicros: 1 };
    const result = await ask(answers, { mode: 'consensus', concurrency: 1, stop }, { schema: { type: 'object' } });
    expect(result.stopped).toMatch(/are spent, at most 1$/);
    expect(result.vote).toMatchObject({ kind: 'undecided', abstained: [{ index: 0 }] });
    expect(result.failure?.failure.detail).toContain('invalid JSON');
  });

  it('ends as soon as those who are missing cannot change it', async () => {
    const answers = { a: says('x'), b: says('x'), c: says('x'), d: hangs, e: hangs };
    const result = await ask(answers, { mode: 'consensus', concurrency: 5 });
    expect(states(result)).toEqual(['a ok', 'b ok', 'c ok', 'd cancelled', 'e cancelled']);
    expect(result.stopped).toBe('the vote is decided');
  });

  it('LS-47, LC-30 that reaches no quorum fails with all answers kept', async () => {
    const result = await ask({ a: says('x'), b: says('y') }, { mode: 'consensus' });
    expect(result.failure?.failure).toMatchObject({ code: 'noConsensus' });
    expect(result.failure?.failure.detail).toContain('quorum of 2');
    expect(states(result)).toEqual(['a ok', 'b ok']);
  });

  it('LS-59 where nobody answers fails with each failure', async () => {
    const result = await ask({ a: status(401), b: status(404) }, { mode: 'consensus' });
    expect(result.failure?.failures.map(({ provider, code }) => `${provider} ${code}`)).toEqual([
      'a modelCredentials',
      'b modelNotFound',
    ]);
  });

  it('LS-49 leaves out what has not the form asked for', async () => {
    // The last of the two that agree: with it the vote is decided, whoever has not answered.
    const b = says('{"city":"Paris"}', { delayMs: 700 });
    const answers = { a: says('{"city": "Paris"}'), b, c: says('Rome, I think') };
    const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const result = await ask(answers, { mode: 'consensus' }, { schema });
    expect(result.vote).toMatchObject({
      kind: 'decided',
      voters: 2,
      abstained: [{ index: 2, why: expect.stringContaining('invalid JSON') }],
    });
  });

  it('LC-28, LC-31 goes to the judge where the quorum is missed, who is asked once and paid', async () => {
    const judge = { kind: 'json', value: { choice: 2, reason: 'it is right' } } as const;
    const answers = { a: says('x'), b: says('y'), judge };
    const result = await ask(answers, { mode: 'consensus', judge: { provider: 'judge' } });
    expect(result.winner?.provider).toBe('b');
    expect(result.vote).toMatchObject({ kind: 'decided', judged: true });
    expect([requestsTo('judge'), result.judging.length]).toEqual([1, 1]);
    expect(JSON.stringify(providers.at('judge').requests().at(-1)?.body)).toContain('answer 2');
  });

  it('LC-25 by the best score asks the judge once for each answer, and needs no quorum', async () => {
    const answers = { a: says('x'), b: says('y', { delayMs: 400 }), judge: [score(0.2), score(0.9)] };
    const result = await ask(answers, {
      mode: 'consensus',
      judge: { provider: 'judge' },
      vote: { strategy: 'maxScore' },
    });
    expect(result.vote).toMatchObject({ kind: 'decided', score: 0.9, votes: 1 });
    expect(result.winner?.provider).toBe('b');
    expect(requestsTo('judge')).toBe(2);
  });

  it('counts what a judge has cost that fails in its answer: nobody is asked beyond the limit of the cost', async () => {
    const usage = { prompt: 10, completion: 10 };
    const cut = sse(delta({ content: '{"score": ' }), { error: { code: 'content_filter', message: 'flagged' } });
    const judge = status(200, { 'content-type': 'text/event-stream' });
    const answers = {
      a: { ...says('x'), usage },
      b: { ...says('y'), usage },
      judge: { ...judge, body: cut },
    } as Answers;
    // An answer costs 30; the question to the judge costs more than ten.
    const spec = {
      mode: 'consensus',
      concurrency: 1,
      judge: { provider: 'judge' },
      stop: { costUsdMicros: 40 },
    } as const;
    const result = await ask(answers, { ...spec, vote: { strategy: 'maxScore' } });
    expect(states(result)).toEqual(['a ok', 'b skipped']);
    expect(result.stopped).toMatch(/micro-dollars are spent, at most 40$/);
    expect(result.lostUsdMicros).toBeGreaterThan(10);
    expect(result.spending.costUsdMicros).toBe(30 + (result.lostUsdMicros ?? 0));
    expect(result.spending.callsSent).toBe(2);
  });

  it('counts the calls of the judge: none more for a score or a model beyond the limits', async () => {
    const answers = { a: says('x'), b: says('y'), c: says('z'), judge: [score(0.2), score(0.9)] };
    const spec = { mode: 'consensus', concurrency: 1, judge: { provider: 'judge' } } as const;
    const byCalls = await ask(answers, { ...spec, vote: { strategy: 'maxScore' }, maxCalls: 3 });
    expect([states(byCalls), requestsTo('judge')]).toEqual([['a ok', 'b ok', 'c skipped'], 1]);
    expect([byCalls.judging.length, byCalls.stopped]).toEqual([1, 'at most 3 calls']);
    const stop = { costUsdMicros: 1 };
    const byCost = await ask(answers, { ...spec, vote: { strategy: 'maxScore' }, stop });
    expect([states(byCost), requestsTo('judge')]).toEqual([['a ok', 'b skipped', 'c skipped'], 0]);
  });

  it('costs of five over 200 ms no more than 1.3 times what one call costs in time', async () => {
    const slow = says('x', { delayMs: 200 });
    const five = { a: slow, b: slow, c: slow, d: slow, e: slow };
    const took = async (spec: Omit<AskSpec, 'models'>): Promise<number> => {
      const startedAt = performance.now();
      expect((await ask(five, spec)).winner).not.toBeNull();
      return performance.now() - startedAt;
    };
    const times = { single: [] as number[], consensus: [] as number[] };
    // What disturbs a machine makes single rounds slower, none faster: the fastest of each is what it costs.
    const best = (): number => Math.min(...times.consensus) / Math.min(...times.single);
    for (let round = 0; round < ROUNDS_MAX && (round < 5 || best() > 1.3); round += 1) {
      times.single.push(await took({ mode: 'single' }));
      times.consensus.push(await took({ mode: 'consensus', concurrency: 5, vote: { quorum: 'all' } }));
    }
    keepFigures('consensus of 5 over 200 ms', {
      medians: { oneCallMs: Math.round(median(times.single)), consensusMs: Math.round(median(times.consensus)) },
      fastest: {
        oneCallMs: Math.round(Math.min(...times.single)),
        consensusMs: Math.round(Math.min(...times.consensus)),
      },
      ratioOfMedians: median(times.consensus) / median(times.single),
      ratio: best(),
    });
    expect(best()).toBeLessThanOrEqual(1.3);
  });
});

it.each([
  ['single', 'a failed', null],
  ['fallback', 'a failed, b ok, c skipped, d skipped', 'b'],
  ['any', 'a failed, b ok, c skipped, d skipped', 'b'],
  ['all', 'a failed, b ok, c ok, d ok', 'b'],
  ['consensus', 'a failed, b ok, c ok, d ok', 'd'],
] as const)('LS-15 %s asks as its name says', async (mode, ends, winner) => {
  const answers = { a: status(401), b: says('x'), c: says('y', { delayMs: 500 }), d: says('y') };
  const result = await ask(answers, { mode, concurrency: 1 });
  expect([states(result).join(', '), result.winner?.provider ?? null]).toEqual([ends, winner]);
});

it('refuses what is no way of asking, and says which there are', async () => {
  const failed = ask({ a: says('x') }, { mode: 'roulette' as AskSpec['mode'] });
  await expect(failed).rejects.toMatchObject({
    cause: { type: 'invalidTask', message: expect.stringContaining('consensus') },
  });
});

it('LC-08 asks nobody where there are no models, and says so', async () => {
  const result = await ask({}, { mode: 'any', models: [] });
  expect([result.results, result.failure?.failure.detail]).toEqual([[], 'No model was asked.']);
});
