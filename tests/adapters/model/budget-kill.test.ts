/** What is told of a call with a budget when its request process dies: a real process, killed with a request under way. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createCosts } from '../../../src/adapters/model/costs';
import type { CallRequest } from '../../../src/ports';
import { callIdOf } from './ledger-pages';
import { type ModelBench, OpenGate, openModelBench, requestProcessesOf, requestTo, until } from './model-world';

let bench: ModelBench;
beforeAll(async () => {
  bench = await openModelBench();
});
afterAll(() => bench.close());

/** A dollar a million tokens of the prompt, which is estimated at less than a hundred and reported with a thousand. */
const price = { promptUsdMicros: 1_000_000, cachedUsdMicros: 1_000_000, completionUsdMicros: 0, date: '2026-11-01' };
const usage = { prompt: 1_000, completion: 1 };

const request = (n: number): CallRequest =>
  requestTo(bench.endpoint.baseUrl, callIdOf(n), { price, budget: { monthlyUsdMicros: 5_000 } });

const spent = async (): Promise<number> => (await createCosts(bench.home).spent('test', Date.now())).monthUsdMicros;

it('counts with its most while it is under way, and says what the lost request may have cost before the next leaves', async () => {
  bench.endpoint.setScript([{ answers: [{ kind: 'hang' }, { kind: 'text', text: 'ok', usage }] }]);
  const gate = new OpenGate();
  const answer = bench.model.call(request(1), new AbortController().signal, () => undefined, gate);
  await until(() => bench.endpoint.count === 1, 'the request is under way');
  const [first] = gate.told;
  expect(first).toEqual({ promptTokens: expect.any(Number), mostUsdMicros: expect.any(Number), spentUsdMicros: 0 });
  expect(await spent()).toBe(first === 'lost' ? 0 : first?.mostUsdMicros);
  for (const pid of requestProcessesOf(bench.home)) process.kill(pid, 'SIGKILL');
  expect(await answer).toMatchObject({ kind: 'answered', spending: { callsInDoubt: 1, costUsdMicros: 2_000 } });
  const [, lost, second] = gate.told;
  expect(lost).toBe('lost');
  expect(second === 'lost' ? 0 : second?.spentUsdMicros).toBeGreaterThan(0);
  expect(await spent()).toBe(2_000);
});

it('leaves nothing in the home of what versions before have kept there', async () => {
  const leftover = join(bench.home, 'budgets', 'test');
  mkdirSync(leftover, { recursive: true });
  for (const pid of requestProcessesOf(bench.home)) process.kill(pid, 'SIGKILL');
  bench.endpoint.setScript([{ answers: [{ kind: 'text', text: 'ok', usage }] }]);
  await bench.model.call(request(2), new AbortController().signal, () => undefined, new OpenGate());
  expect(existsSync(join(bench.home, 'budgets'))).toBe(false);
});
