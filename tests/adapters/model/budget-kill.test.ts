/** A budget and the death of the process that keeps it: real processes, killed with a request under way. */
import { createCosts } from '../../../src/adapters/model/costs';
import type { CallRequest, CallResult } from '../../../src/ports';
import { callIdOf } from './ledger-pages';
import { type ModelBench, openModelBench, requestProcessesOf, requestTo, until } from './model-world';

let bench: ModelBench;
beforeAll(async () => {
  bench = await openModelBench();
});
afterAll(() => bench.close());

/** A dollar a million tokens of the prompt, which is estimated at less than a hundred and reported with a thousand. */
const price = { promptUsdMicros: 1_000_000, cachedUsdMicros: 1_000_000, completionUsdMicros: 0, date: '2026-11-01' };
const usage = { prompt: 1_000, completion: 1 };

const request = (n: number, monthlyUsdMicros: number): CallRequest =>
  requestTo(bench.endpoint.baseUrl, callIdOf(n), { price, budget: { monthlyUsdMicros } });
const ask = (asked: CallRequest): Promise<CallResult> =>
  bench.model.call(asked, new AbortController().signal, () => undefined);
const month = async () => {
  const [first] = await createCosts(bench.home).standings([request(1, 1).provider], Date.now());
  return first?.standings[0];
};
const kill = (): void => {
  for (const pid of requestProcessesOf(bench.home)) process.kill(pid, 'SIGKILL');
};

it('keeps what a request may have cost until its answer tells, and stops the next one then', async () => {
  bench.endpoint.setScript([{ answers: [{ kind: 'hang' }, { kind: 'text', text: 'ok', usage }] }]);
  const answer = ask(request(1, 2_500));
  await until(() => bench.endpoint.count === 1, 'the request is under way');
  expect(await month()).toMatchObject({ spentUsdMicros: 0, reservedUsdMicros: expect.any(Number) });
  expect((await month())?.reservedUsdMicros).toBeGreaterThan(0);
  kill();
  expect(await answer).toMatchObject({ kind: 'answered', spending: { callsInDoubt: 1, costUsdMicros: 2_000 } });
  expect(await month()).toMatchObject({ spentUsdMicros: 2_000, reservedUsdMicros: 0 });
  kill();
  expect(await ask(request(2, 2_000))).toMatchObject({ kind: 'failed', code: 'providerBudget' });
  expect(await ask(request(3, 2_500))).toMatchObject({ kind: 'answered' });
  expect(bench.endpoint.count).toBe(3);
  expect(await month()).toMatchObject({ spentUsdMicros: 3_000, reservedUsdMicros: 0 });
});
