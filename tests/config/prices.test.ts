/** Prices and budgets in weaver.config.yaml. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, providerOf, type Config, type Loaded } from '../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-prices-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(provider: string, env: Readonly<Record<string, string>> = {}): Loaded {
  writeFileSync(
    join(folder, 'weaver.config.yaml'),
    `providers:\n  p:\n    baseUrl: https://h/v1\n    model: m\n${provider}`,
  );
  return loadConfig({ env: { HOME: folder, ...env }, cwd: folder });
}

function config(provider: string): Config {
  const loaded = load(provider);
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('\n'));
  return loaded.config;
}

const faults = (provider: string): readonly string[] => {
  const loaded = load(provider);
  return loaded.kind === 'faults'
    ? loaded.faults.map((fault) => fault.replace(join(folder, 'weaver.config.yaml'), 'file'))
    : [];
};

const entry = (date: string, usd = 1): string =>
  `{ promptUsdPerMillion: ${usd}, completionUsdPerMillion: 2, date: ${date} }`;
const micros = (date: string, promptUsdMicros = 1_000_000) => ({
  promptUsdMicros,
  cachedUsdMicros: promptUsdMicros,
  completionUsdMicros: 2_000_000,
  date,
});

describe('prices', () => {
  it('may be a list with the days from which they hold', () => {
    const { providers } = config(`    price: [${entry('2026-01-01')}, ${entry('2026-11-01', 0.5)}]\n`);
    expect(providers[0]?.price).toEqual([micros('2026-01-01'), micros('2026-11-01', 500_000)]);
  });

  it('may tell reasoning from the rest', () => {
    const text = entry('2026-01-01').replace('date', 'reasoningUsdPerMillion: 3, date');
    expect(config(`    price: ${text}\n`).providers[0]?.price).toEqual({
      ...micros('2026-01-01'),
      reasoningUsdMicros: 3_000_000,
    });
  });

  it('of other models are found by the name that a task gives', () => {
    const loaded = config(
      `    price: ${entry('2026-01-01')}\n    models: { big: { price: ${entry('2026-02-01', 5)} }, free: {} }\n`,
    );
    const priceOf = (model?: string) =>
      providerOf(loaded, { provider: 'p', ...(model === undefined ? {} : { model }) }).price;
    expect(priceOf()).toEqual(micros('2026-01-01'));
    expect(priceOf('m')).toEqual(micros('2026-01-01'));
    expect(priceOf('big')).toEqual(micros('2026-02-01', 5_000_000));
    expect([priceOf('free'), priceOf('other'), priceOf('constructor')]).toEqual([undefined, undefined, undefined]);
    expect(providerOf(loaded, { provider: 'p' })).not.toHaveProperty('modelPrices');
  });

  it('of the model itself may stand among those of the others', () => {
    expect(config(`    models: { m: { price: ${entry('2026-01-01')} } }\n`).providers[0]?.price).toEqual(
      micros('2026-01-01'),
    );
  });

  it('with faults are told by entry and line', () => {
    expect(
      faults(
        `    price:\n      - ${entry('2026-01-01')}\n      - { promptUsd: 1, completionUsdPerMillion: 1, date: now }\n`,
      ),
    ).toEqual([
      'file:7: providers.p.price[1].promptUsdPerMillion is missing',
      'file:7: providers.p.price[1].date must be a date such as 2026-01-31',
      'file:7: providers.p.price[1].promptUsd is no field; there are promptUsdPerMillion, cachedUsdPerMillion, completionUsdPerMillion, reasoningUsdPerMillion, date',
    ]);
    expect(faults('    price: []\n')).toEqual(['file:5: providers.p.price must have at least 1 entries']);
    expect(faults(`    price: [${entry('2026-01-01')}, ${entry('2026-01-01')}]\n`)).toEqual([
      'file:5: providers.p.price has two entries from the same date on',
    ]);
    expect(faults('    price: free\n')).toEqual(['file:5: providers.p.price must be a map of fields']);
    expect(faults('    models: { big: { prise: 1 } }\n')).toEqual([
      'file:5: providers.p.models.big.prise is no field: did you mean price?',
    ]);
  });
});

const budgetOf = (text: string) =>
  config(`    price: ${entry('2026-01-01')}\n    budget: ${text}\n`).providers[0]?.budget;

describe('a budget', () => {
  it('is in whole micro-dollars, by day, by month or both', () => {
    expect(budgetOf('{ dailyUsd: 1.1 }')).toEqual({ dailyUsdMicros: 1_100_000 });
    expect(budgetOf('{ dailyUsd: 5, monthlyUsd: 100 }')).toEqual({
      dailyUsdMicros: 5_000_000,
      monthlyUsdMicros: 100_000_000,
    });
  });

  it('with faults is refused', () => {
    expect(faults('    budget: { dailyUsd: 0 }\n')).toEqual([
      'file:5: providers.p.budget.dailyUsd must be more than 0',
    ]);
    expect(faults('    budget: { dailyUsd: 1, weeklyUsd: 1 }\n')).toEqual([
      'file:5: providers.p.budget.weeklyUsd is no field; there are dailyUsd, monthlyUsd',
    ]);
    expect(faults('    budget: {}\n')).toEqual(['file:5: providers.p.budget names neither dailyUsd nor monthlyUsd']);
  });

  it('without a price is warned about: it would count nothing', () => {
    const loaded = load('    budget: { dailyUsd: 1 }\n');
    expect(loaded).toMatchObject({
      kind: 'ok',
      warnings: ['Provider p has a budget, and no price for m: calls of it are not counted.'],
    });
    expect(load(`    budget: { dailyUsd: 1 }\n    price: ${entry('2026-01-01')}\n`)).toMatchObject({ warnings: [] });
  });
});
