import { parseTask, showFault } from '../../src/schemas';

const task = (more: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ title: 'Mend it', description: 'It is broken.', repo: { url: '/srv/repo.git' }, ...more });
const specOf = (more: Readonly<Record<string, unknown>>) => {
  const parsed = parseTask(task(more));
  if (parsed.kind === 'faults') throw new Error(parsed.faults.map((fault) => showFault(fault)).join('\n'));
  return parsed.spec;
};
const faultsOf = (more: Readonly<Record<string, unknown>>): readonly string[] => {
  const parsed = parseTask(task(more));
  return parsed.kind === 'ok' ? [] : parsed.faults.map(({ path, says }) => `${path} ${says}`);
};

it('leaves asking as it was where the file says nothing of it', () => {
  const spec = specOf({});
  expect([spec.ask, spec.candidates, spec.shadow]).toEqual([undefined, undefined, undefined]);
});

it('LS-75, LC-07, LC-26 takes a mode as a text, and the names that others have for modes, strategies and tie-breakers', () => {
  expect(specOf({ ask: 'parallel-any' }).ask).toEqual({ mode: 'any' });
  const ask = {
    mode: 'consensus',
    judge: 'openai',
    vote: { strategy: 'max_score', tieBreakers: ['min-cost', 'first'] },
  };
  expect(specOf({ ask }).ask).toEqual({
    mode: 'consensus',
    judge: { provider: 'openai' },
    vote: { strategy: 'maxScore', tieBreakers: ['cost', 'order'] },
  });
});

it('LS-75 counts money in micro-dollars', () => {
  const ask = { mode: 'consensus', stop: { costUsd: 0.5, elapsedMs: 9_000 }, vote: { maxCostUsd: 0.000001 } };
  expect(specOf({ ask }).ask).toEqual({
    mode: 'consensus',
    stop: { costUsdMicros: 500_000, elapsedMs: 9_000 },
    vote: { maxCostUsdMicros: 1 },
  });
});

it('is the same when a finished specification is read again', () => {
  const spec = specOf({
    ask: { mode: 'consensus', stop: { costUsd: 1 }, vote: { strategy: 'weighted', weights: { a: 2 }, maxCostUsd: 1 } },
    shadow: { model: 'local', rate: 0.25 },
  });
  expect(parseTask(JSON.stringify(spec))).toEqual({ kind: 'ok', spec });
  expect(spec.shadow).toEqual({ model: { provider: 'local' }, rate: 0.25, gate: false });
});

it.each([
  [{ ask: 'roulette' }, 'ask.mode must be one of single, fallback, any, all, consensus'],
  [{ ask: { mode: 'any', failFast: true } }, 'ask.failFast is for mode: all'],
  [{ ask: { mode: 'any', vote: {} } }, 'ask.vote is for mode: consensus'],
  [{ ask: { mode: 'all', passUnusable: true } }, 'ask.passUnusable is for mode: fallback'],
  [{ ask: 'any', handler: 'agent' }, 'ask is for handler: one-shot or plan'],
  [{ candidates: 3, handler: 'plan' }, 'candidates is for handler: one-shot'],
  [{ candidates: 3, ask: 'any' }, 'candidates stands beside ask: name one of them'],
  [{ candidates: 6 }, 'candidates must be at most 5'],
  [{ shadow: { model: 'x', rate: 2 } }, 'shadow.rate must be at most 1'],
])('refuses %j', (more, says) => expect(faultsOf(more)).toEqual([says]));

it('LC-50 refuses weights without the strategy that counts them, and the strategy without weights', () => {
  expect(faultsOf({ ask: { mode: 'consensus', vote: { weights: { a: 2 } } } })).toEqual([
    'ask.vote.weights is for strategy: weighted',
  ]);
  expect(faultsOf({ ask: { mode: 'consensus', vote: { strategy: 'weighted' } } })).toEqual([
    'ask.vote.weights is missing: strategy: weighted counts nothing else',
  ]);
});

it('LC-24, LS-62 refuses a tie-breaker or a strategy that there is not, and names those there are', () => {
  expect(faultsOf({ ask: { mode: 'consensus', vote: { tieBreakers: ['luck'] } } })).toEqual([
    'ask.vote.tieBreakers[0] must be one of latency, cost, order',
  ]);
  expect(faultsOf({ ask: { mode: 'consensus', vote: { strategy: 'loudest' } } })).toEqual([
    'ask.vote.strategy must be one of majority, weighted, scoreSum, maxScore, judge',
  ]);
});

it.each(['judge', 'maxScore', 'scoreSum'])('wants somebody who judges for the strategy %s', (strategy) => {
  expect(faultsOf({ ask: { mode: 'consensus', vote: { strategy } } })).toEqual([
    `ask.judge is missing: strategy: ${strategy} needs a model that judges`,
  ]);
});
