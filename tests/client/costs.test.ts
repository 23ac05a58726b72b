/** Costs as they are shown: sums, table, comma-separated values. */
import { filterOf } from '../../src/client/cli/costs';
import { costsAsCsv } from '../../src/client/cost-csv';
import { OTHERS, sumCosts } from '../../src/client/cost-rows';
import { budgetLines, costTable } from '../../src/client/render-costs';
import type { PaidRequest, Standing } from '../../src/domain/costs';

const request = (more: Partial<PaidRequest> = {}): PaidRequest => ({
  lineage: 'job~greet~t~0',
  callId: '00',
  send: 1,
  provider: 'p',
  model: 'm',
  purpose: 'real',
  startedAt: Date.parse('2026-11-21T10:00:00Z'),
  state: 'answered',
  tokens: { prompt: 1_000, cached: 400, completion: 30, reasoning: 20 },
  costUsdMicros: 1_234,
  unpriced: false,
  ...more,
});

async function* stream(...all: readonly (PaidRequest | { readonly damaged: string })[]) {
  yield* all;
}

it.each([
  ['greet', ['job~greet~t~0', 'job~greet~t~a.b']],
  ['job/greet', ['job~greet~t~0', 'job~greet~t~a.b']],
  ['compare/c1', ['compare~c1']],
  ['compare~c1', ['compare~c1']],
  ['probe', ['probe']],
])('are those of the job %s alone, whichever way it is written', (job, wanted) => {
  const all = ['job~greet~t~0', 'job~greet~t~a.b', 'job~greeter~t~0', 'compare~c1', 'compare~c10', 'probe'];
  expect(all.filter(filterOf({ job }))).toEqual(wanted);
});

describe('a table', () => {
  it('has a row for each key, its sum, and says what has no price', async () => {
    const report = await sumCosts(
      stream(
        request(),
        request({ lineage: 'job~b~t~0', state: 'failed', costUsdMicros: 12_345_678 }),
        request({ unpriced: true, costUsdMicros: 0 }),
        { damaged: '/home/ledger/x.jsonl' },
      ),
      'job',
    );
    expect(costTable(report, 200)).toEqual(
      [
        'CALLS  FAILED  IN DOUBT  PROMPT  CACHED  COMPLETION  REASONING  COST        JOB',
        '    1       1         0    1000     400          30         20    $12.3457  job/b',
        '    2       0         0    2000     800          60         40  ≥ $0.0012  job/greet',
        '    3       1         0    3000    1200          90         60  ≥ $12.3469  (all)',
        '≥: 1 call has no price and is not in the sum.',
        '1 file of the ledger cannot be read and is left out: /home/ledger/x.jsonl',
      ].map((line, index) => (index === 2 ? line.replace('≥ $0.0012  job', ' ≥ $0.0012  job') : line)),
    );
  });

  it('of one row needs no sum, and of none says so', async () => {
    expect(costTable(await sumCosts(stream(request()), 'model'), 200).length).toBe(2);
    expect(costTable(await sumCosts(stream(), 'model'), 200)).toEqual(['No calls.']);
  });

  it('has so many rows at most, and the rest in one', async () => {
    const many = Array.from({ length: 20_010 }, (_, n) => request({ provider: `p${n}` }));
    const { rows, total } = await sumCosts(stream(...many), 'provider');
    expect(rows.length).toBe(20_001);
    expect(rows.find(({ key }) => key === OTHERS)?.calls).toBe(10);
    expect(total.calls).toBe(20_010);
  });
});

describe('comma-separated values', () => {
  it('are lines after RFC 4180: quotes where they are needed, doubled inside, CR LF at the end', async () => {
    const report = await sumCosts(stream(request({ provider: 'a,b', model: 'say "hi"\nthere' })), 'model');
    expect(costsAsCsv(report)).toBe(
      'model,calls,failed,in_doubt,unpriced,prompt_tokens,cached_tokens,completion_tokens,reasoning_tokens,cost_usd_micros,cost_usd\r\n' +
        '"a,b/say ""hi""\nthere",1,0,0,0,1000,400,30,20,1234,0.001234\r\n',
    );
  });

  it('of nothing are the header alone', async () => {
    expect(costsAsCsv(await sumCosts(stream(), 'day')).split('\r\n').length).toBe(2);
  });
});

it('a budget is told with what is spent, held and left', () => {
  const standing: Standing = {
    period: 'day',
    limitUsdMicros: 5_000_000,
    spentUsdMicros: 4_200_000,
    reservedUsdMicros: 300_000,
    freeAt: Date.parse('2026-11-22T00:00:00Z'),
  };
  expect(
    budgetLines([
      { provider: 'openai', source: 'keeper', standings: [standing] },
      { provider: 'openai', source: 'host', standings: [{ ...standing, period: 'month', reservedUsdMicros: 0 }] },
    ]),
  ).toEqual([
    'openai: $4.20 of $5.00 spent today, $0.30 held by calls under way, $0.50 left until 2026-11-22 00:00 UTC',
    'openai: $4.20 of $5.00 spent this month, $0.80 left until 2026-11-22 00:00 UTC (calls of this host alone)',
  ]);
});
