/** Reading the whole ledger: what is counted, and what it takes. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCosts } from '../../../src/adapters/model/costs';
import { sumCosts } from '../../../src/client/cost-rows';
import type { PaidRequest } from '../../../src/domain/costs';
import { answeredRow, callIdOf, intentRow, ledgerText, NOON, writeCall } from './ledger-pages';
import { removeFolder, temporaryFolder } from './model-world';

let home: string;
beforeEach(() => {
  home = temporaryFolder();
});
afterEach(() => removeFolder(home));

const ALL = { sinceMs: 0, wants: () => true };

async function requestsIn(wanted: Parameters<ReturnType<typeof createCosts>['requests']>[0] = ALL) {
  const found: (PaidRequest | { readonly damaged: string })[] = [];
  for await (const request of createCosts(home).requests(wanted)) found.push(request);
  return found;
}

describe('the ledger of a home', () => {
  it('has each request by itself: answered, failed, in doubt, under way', async () => {
    const failed = {
      kind: 'failed',
      send: 1,
      code: 'modelServer',
      says: 'x',
      retryable: true,
      costUsdMicros: 7,
      unpriced: false,
      endedAt: NOON,
    } as const;
    writeCall(home, 'a', 1, [intentRow(), answeredRow()]);
    writeCall(home, 'a', 2, [intentRow(), failed, intentRow({ send: 2 }), answeredRow({ send: 2 })]);
    writeCall(home, 'b', 3, [
      intentRow(),
      { kind: 'inDoubt', send: 1, foundAt: NOON },
      intentRow({ send: 2 }),
      answeredRow({ send: 2 }),
    ]);
    writeCall(home, 'b', 4, [intentRow()]);
    const found = (await requestsIn()) as readonly PaidRequest[];
    const told = found.map(({ lineage, callId, send, state, costUsdMicros }) => [
      lineage,
      callId.at(-1),
      send,
      state,
      costUsdMicros,
    ]);
    expect(told.toSorted()).toEqual([
      ['a', '1', 1, 'answered', 120],
      ['a', '2', 1, 'failed', 7],
      ['a', '2', 2, 'answered', 120],
      ['b', '3', 1, 'inDoubt', 120],
      ['b', '3', 2, 'answered', 120],
      ['b', '4', 1, 'open', 0],
    ]);
  });

  it('is read also where it was written before there were references, tries and purposes', async () => {
    const old =
      '{"kind":"intent","send":1,"provider":"p","model":"m","startedAt":5,"requestSha256":"00","price":null,"priceDate":null,"promptTokensEstimated":9}\n{"kind":"answered","send":1,"text":"yes","finishReason":"stop","model":"m","usage":{"prompt":3,"cached":0,"completion":1,"reasoning":0},"usageEstimated":false,"latencyMs":5,"costUsdMicros":0,"unpriced":true,"endedAt":9}\n';
    mkdirSync(join(home, 'ledger', 'old'), { recursive: true });
    writeFileSync(join(home, 'ledger', 'old', `${callIdOf(1)}.jsonl`), old);
    expect(await requestsIn()).toMatchObject([
      { provider: 'p', purpose: 'real', state: 'answered', unpriced: true, tokens: { prompt: 3 } },
    ]);
  });

  it('does not count a recorded answer: nothing was sent', async () => {
    writeCall(home, 'a', 1, [intentRow({ replays: '2026-01-01T00:00:00Z' }), answeredRow()]);
    expect(await requestsIn()).toEqual([]);
  });

  it('tells what a provider has cost on the day and in the month; what is under way counts with its most', async () => {
    const DAY_MS = 86_400_000;
    writeCall(home, 'a', 1, [intentRow(), answeredRow({ costUsdMicros: 200 })]);
    writeCall(home, 'b', 2, [intentRow({ startedAt: NOON - DAY_MS }), answeredRow({ costUsdMicros: 300 })]);
    writeCall(home, 'b', 3, [intentRow({ provider: 'other' }), answeredRow({ costUsdMicros: 999 })]);
    writeCall(home, 'b', 4, [intentRow({ startedAt: NOON - 30 * DAY_MS }), answeredRow({ costUsdMicros: 999 })]);
    writeCall(home, 'b', 5, [intentRow({ mostUsdMicros: 50 })]);
    const spent = await createCosts(home).spent('test', NOON);
    expect(spent).toEqual({ day: '2026-11-15', dayUsdMicros: 250, monthUsdMicros: 550 });
  });

  it('has one name, whoever asks for it', async () => {
    const names = await Promise.all([createCosts(home).home(), createCosts(home).home()]);
    expect(names).toEqual([expect.stringMatching(/^[a-z0-9-]+$/), names[0]]);
  });

  it('is empty where there is none', async () => {
    expect(await requestsIn()).toEqual([]);
  });

  it('with a damaged file says which, and counts the others', async () => {
    const file = writeCall(home, 'a', 1, [intentRow(), answeredRow()]);
    appendFileSync(file, 'garbage\n');
    writeCall(home, 'a', 2, [intentRow(), answeredRow()]);
    const report = await sumCosts(createCosts(home).requests(ALL), 'provider');
    expect(report).toMatchObject({ total: { calls: 1 }, damaged: { files: 1, first: file } });
  });

  it('is read from a day on, by the time of each request', async () => {
    const day = 86_400_000;
    writeCall(home, 'a', 1, [intentRow({ startedAt: NOON - 5 * day }), answeredRow({ endedAt: NOON - 5 * day })]);
    writeCall(home, 'a', 2, [
      intentRow({ startedAt: NOON - day }),
      { kind: 'inDoubt', send: 1, foundAt: NOON },
      intentRow({ send: 2, startedAt: NOON }),
      answeredRow({ send: 2 }),
    ]);
    expect(await requestsIn({ sinceMs: NOON, wants: () => true })).toMatchObject([{ send: 2, startedAt: NOON }]);
  });

  it('gives only the lineages that are wanted', async () => {
    for (const lineage of ['a', 'b']) writeCall(home, lineage, 1, [intentRow(), answeredRow()]);
    expect(await requestsIn({ sinceMs: 0, wants: (lineage) => lineage === 'b' })).toMatchObject([{ lineage: 'b' }]);
  });
});

it('is summed up in bounded memory: 5,000 calls, a twentieth of a large ledger', async () => {
  // The text of each is what a model writes for a change of some files: 25 MB in all.
  const text = 'x'.repeat(5_000);
  const page = ledgerText([intentRow(), answeredRow({ text })]);
  for (let task = 0; task < 50; task += 1) {
    const folder = join(home, 'ledger', `job~big~t~${task}`);
    mkdirSync(folder, { recursive: true });
    for (let n = 0; n < 100; n += 1) writeFileSync(join(folder, `${callIdOf(n)}.jsonl`), page);
  }
  let highest = 0;
  const before = process.memoryUsage().heapUsed;
  const watched = async function* () {
    let seen = 0;
    for await (const request of createCosts(home).requests(ALL)) {
      // Looking costs more than reading a call.
      if ((seen += 1) % 20 === 0) highest = Math.max(highest, process.memoryUsage().heapUsed);
      yield request;
    }
  };
  const began = performance.now();
  const report = await sumCosts(watched(), 'task');
  const tookMs = performance.now() - began;
  const grewMb = (highest - before) / 1e6;
  process.stdout.write(`costs of 5,000 calls: ${Math.round(tookMs)} ms, heap + ${grewMb.toFixed(1)} MB\n`);
  expect(report.total).toMatchObject({ calls: 5_000, costUsdMicros: 600_000 });
  expect(report.rows.length).toBe(50);
  // Without the collector's help: what is read is dropped before the next is, so all 25 MB are never there.
  expect(grewMb).toBeLessThan(20);
  expect(tookMs).toBeLessThan(20_000);
});
