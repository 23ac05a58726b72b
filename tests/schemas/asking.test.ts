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
    maySplit: true,
  });
  expect(parseTask(JSON.stringify(spec))).toEqual({ kind: 'ok', spec });
  expect(spec.shadow).toEqual({ model: { provider: 'local' }, rate: 0.25, gate: false });
  expect(spec.maySplit).toBe(true);
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
  [{ maySplit: true, handler: 'plan' }, 'maySplit is for handler: one-shot or agent'],
  [
    { maySplit: true, candidates: 2 },
    'maySplit stands beside candidates, which are compared by their changes: leave one out',
  ],
  [{ shadow: { model: 'x', rate: 2 } }, 'shadow.rate must be at most 1'],
  [
    { models: ['a', 'b'], ask: { mode: 'consensus', vote: { quorum: 3 } } },
    'ask.vote.quorum is more than the 2 models that are asked',
  ],
  [
    { models: ['a'], ask: 'consensus' },
    'ask.vote.quorum is 2 where none is named, more than the one model that is asked',
  ],
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

describe('modes of single steps', () => {
  const models = ['a', 'b', 'c'];

  it('are kept as they are written, money in micro-dollars, and stay the same when the specification is read again', () => {
    const spec = specOf({
      models,
      handler: 'agent',
      judge: true,
      chooseHandler: {},
      modes: {
        turn: 'sequential',
        judge: { mode: 'consensus', vote: { quorum: 2 }, models: ['b', { provider: 'c', model: 'm' }] },
        choose: { mode: 'any', stop: { costUsd: 0.5 } },
        plan: { mode: 'consensus', judge: 'a' },
      },
    });
    expect(spec.modes).toEqual({
      turn: { mode: 'fallback' },
      judge: {
        mode: 'consensus',
        vote: { quorum: 2 },
        models: [{ provider: 'b' }, { provider: 'c', model: 'm' }],
      },
      choose: { mode: 'any', stop: { costUsdMicros: 500_000 } },
      plan: { mode: 'consensus', judge: { provider: 'a' } },
    });
    expect(parseTask(JSON.stringify(spec))).toEqual({ kind: 'ok', spec });
  });

  it('may be of one model, which is another one than that of the work', () => {
    const modes = { turn: { mode: 'single', models: ['cheap'] } };
    expect(specOf({ handler: 'agent', modes }).modes).toEqual({
      turn: { mode: 'single', models: [{ provider: 'cheap' }] },
    });
  });

  it.each([
    [{ modes: { turn: 'fallback' } }, 'modes.turn is for handler: agent'],
    [
      { handler: 'agent', modes: { turn: 'all' } },
      'modes.turn.mode must be one of single, fallback, any, consensus for modes.turn',
    ],
    [
      { handler: 'agent', modes: { turn: { mode: 'consensus', vote: { strategy: 'maxScore' }, judge: 'a' } } },
      'modes.turn.vote.strategy must be majority or weighted for modes.turn: calls of tools are compared by what they do, and not judged; modes.turn.judge is not for modes.turn: calls of tools are compared by what they do, and not judged',
    ],
    [
      { judge: true, modes: { judge: { mode: 'consensus', judge: 'a' } } },
      'modes.judge.judge is not for modes.judge: who judges is not judged again',
    ],
    [{ modes: { judge: 'any' } }, 'modes.judge is for a task with judge: true'],
    [
      { judge: 'a', modes: { judge: 'any' } },
      'modes.judge stands beside a judge by name: write judge: true, and name the models here',
    ],
    [{ modes: { choose: 'any' } }, 'modes.choose is for a task with chooseHandler'],
    [
      { chooseHandler: { model: 'a' }, modes: { choose: 'any' } },
      'modes.choose stands beside chooseHandler.model: name the models in one of them',
    ],
    [{ modes: { plan: 'any' } }, 'modes.plan is for handler: plan'],
    [{ modes: { resolve: 'any' } }, 'modes.resolve is for a task that may be split: handler: plan, or maySplit: true'],
    [{ handler: 'plan', ask: 'any', modes: { plan: 'any' } }, 'modes.plan stands beside ask: name one of them'],
    [
      { judge: true, models: ['a'], modes: { judge: 'any' } },
      'modes.judge.models must name two models or more: any asks several',
    ],
    [
      { judge: true, modes: { judge: { mode: 'consensus', vote: { quorum: 4 } } } },
      'modes.judge.vote.quorum is more than the 3 models that are asked',
    ],
    [{ judge: true, modes: { judge: { mode: 'any', failFast: true } } }, 'modes.judge.failFast is for mode: all'],
    [{ modes: { turns: 'any' } }, 'modes.turns is no field: did you mean turn?'],
  ])('refuse %j', (more, says) => expect(faultsOf({ models, ...more }).join('; ')).toBe(says));

  it('leave open what a handler that is chosen later may need', () => {
    const modes = { turn: 'fallback', plan: 'any' };
    expect(specOf({ models, chooseHandler: {}, modes }).modes).toMatchObject({ turn: { mode: 'fallback' } });
    expect(specOf({ models, alternatives: ['agent', 'plan'], modes }).modes).toMatchObject({ plan: { mode: 'any' } });
  });
});
