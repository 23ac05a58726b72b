import {
  canonicalJson,
  contentKey,
  isSettled,
  strategyNamed,
  tieBreakerNamed,
  vote,
  VOTE_DEFAULTS,
  type Candidate,
  type VoteRules,
} from '../../src/domain/consensus';

/** An answer: its text, and what else is to be told of it. */
interface Said extends Partial<Omit<Candidate, 'index' | 'key' | 'text'>> {
  readonly text: string;
}

const candidates = (...said: readonly (string | Said)[]): readonly Candidate[] =>
  said.map((one, index) => {
    const { text, ...more } = typeof one === 'string' ? { text: one } : one;
    const of = { provider: `p${index + 1}`, model: 'm', latencyMs: 10, costUsdMicros: 10, unpriced: false, tokens: 5 };
    return { index, ...of, ...more, key: contentKey(text), text };
  });
const rules = (more: Partial<VoteRules> = {}): VoteRules => ({ ...VOTE_DEFAULTS, ...more });
const winnerOf = (all: readonly Candidate[], of: VoteRules): string | null => {
  const voted = vote(all, of);
  return voted.kind === 'decided' ? (all.find(({ index }) => index === voted.winner)?.text ?? null) : null;
};
const orders = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  all.length < 2 ? [all] : all.flatMap((one, at) => orders(all.toSpliced(at, 1)).map((rest) => [one, ...rest]));

describe('a majority', () => {
  it('LS-47, LS-60, LC-29 of two in three decides with the default quorum of two, and says so', () => {
    const all = candidates('yes', 'no', 'yes');
    expect(vote(all, rules())).toMatchObject({
      kind: 'decided',
      winner: 0,
      votes: 2,
      voters: 3,
      strategy: 'majority',
      reason: 'majority, 2 of 3',
      tally: [
        { text: 'yes', votes: 2, members: [0, 2] },
        { text: 'no', votes: 1, members: [1] },
      ],
    });
  });

  it('LS-47, LC-32 is none where all say different things: the quorum is missed, with the count', () => {
    for (const said of [
      ['a', 'b', 'c'],
      ['a', 'b'],
    ])
      expect(vote(candidates(...said), rules())).toMatchObject({
        kind: 'undecided',
        reason: expect.stringContaining('quorum of 2 was not reached: 1 of'),
      });
  });

  it('LC-30 of two does not reach a quorum of three', () => {
    const voted = vote(candidates('a', 'a', 'b', 'c'), rules({ quorum: 3 }));
    expect(voted).toMatchObject({ kind: 'undecided', reason: 'the quorum of 3 was not reached: 2 of 4 say the same' });
  });

  it('may have to be everybody', () => {
    expect(winnerOf(candidates('a', 'a', 'a'), rules({ quorum: 'all' }))).toBe('a');
    expect(winnerOf(candidates('a', 'a', 'b'), rules({ quorum: 'all' }))).toBeNull();
  });

  it('LS-50, LC-19 counts words as the same whatever their case and spaces, and shows the answer itself, trimmed', () => {
    const voted = vote(candidates({ text: '  Hello   World ', latencyMs: 1 }, 'hello world', 'bye'), rules());
    expect(voted).toMatchObject({ kind: 'decided', votes: 2, tally: [{ text: 'Hello   World', votes: 2 }, {}] });
  });

  it('LS-50, LC-20 counts JSON as the same whatever the order of its fields', () => {
    const all = candidates('{"a": 1, "b": [1, {"c": 2, "d": 3}]}', '{ "b":[1,{"d":3,"c":2}], "a":1 }', '{"a": 2}');
    expect(vote(all, rules())).toMatchObject({ kind: 'decided', votes: 2 });
    expect(contentKey('{"a": [1, 2]}')).not.toBe(contentKey('{"a": [2, 1]}'));
  });

  it('takes of those that say the same the fastest', () => {
    const all = candidates({ text: 'a', latencyMs: 90 }, { text: 'a', latencyMs: 20 }, 'b');
    expect(vote(all, rules())).toMatchObject({ kind: 'decided', winner: 1 });
  });
});

describe('whoever does not fit', () => {
  it('LS-49 abstains with the reason, by its place', () => {
    const faults = ['invalid JSON: Unexpected token'];
    const voted = vote(candidates('{"a":1}', '{"a":1}', { text: 'oops', faults }), rules());
    expect(voted).toMatchObject({ kind: 'decided', voters: 2, abstained: [{ index: 2, why: faults[0] }] });
  });

  it('LC-21 does not tie with the whole answers: those win, in votes as in weights', () => {
    const all = candidates({ text: '{"a":1}', faults: ['b: is missing'] }, '{"a":1,"b":2}');
    expect(vote(all, rules({ quorum: 1 }))).toMatchObject({ kind: 'decided', winner: 1 });
    expect(vote(all, rules({ quorum: 1, strategy: 'weighted', weights: { p1: 9 } }))).toMatchObject({ winner: 1 });
  });

  it('LS-57 is too slow or too dear, and is gone before the vote', () => {
    const all = candidates(
      { text: 'A', latencyMs: 40 },
      { text: 'A', costUsdMicros: 300_000 },
      { text: 'B', latencyMs: 5 },
      { text: 'B', latencyMs: 7 },
    );
    expect(vote(all, rules({ maxLatencyMs: 20, maxCostUsdMicros: 200_000 }))).toMatchObject({
      kind: 'decided',
      winner: 2,
      votes: 2,
      abstained: [
        { index: 0, why: 'latency 40 ms, at most 20 ms' },
        { index: 1, why: 'cost 300000 micro-dollars, at most 200000 micro-dollars' },
      ],
    });
  });

  it('costs nobody knows what: where a cost is named it is too dear, and where none is named it votes', () => {
    const all = candidates({ text: 'A', costUsdMicros: 0, unpriced: true }, { text: 'B', costUsdMicros: 9 });
    const of = { quorum: 1, maxCostUsdMicros: 10 };
    expect(vote(all, rules({ ...of, unknownIsDear: true }))).toMatchObject({
      winner: 1,
      abstained: [{ index: 0, why: 'cost not known (no price is configured), at most 10 micro-dollars' }],
    });
    // As histories have it that were recorded before.
    expect(vote(all, rules(of))).toMatchObject({ abstained: [] });
    expect(vote(all, rules({ quorum: 1, unknownIsDear: true }))).toMatchObject({ abstained: [] });
  });

  it('LS-57, LS-59 leaves nobody, and each is named with latency or cost', () => {
    const all = candidates({ text: 'A', latencyMs: 40 }, { text: 'B', costUsdMicros: 11 });
    const voted = vote(all, rules({ maxLatencyMs: 20, maxCostUsdMicros: 10 }));
    expect(voted).toMatchObject({ kind: 'undecided' });
    expect(voted.reason).toContain('answer 1: latency 40 ms');
    expect(voted.reason).toContain('answer 2: cost 11 micro-dollars');
    expect(vote([], rules())).toMatchObject({ kind: 'undecided', reason: 'no answer fits' });
  });
});

const three = (costC: number) =>
  candidates(
    { text: 'A', latencyMs: 9 },
    { text: 'B', latencyMs: 5, costUsdMicros: 20 },
    { text: 'C', latencyMs: 5, costUsdMicros: costC },
  );

describe('a tie', () => {
  it('LS-51, LC-23 goes to the faster sort of answer, not to the first one', () => {
    const all = candidates(
      { text: 'A', latencyMs: 40 },
      { text: 'A', latencyMs: 35 },
      { text: 'B', latencyMs: 5 },
      { text: 'B', latencyMs: 7 },
    );
    expect(vote(all, rules({ tieBreakers: ['latency'] }))).toMatchObject({
      kind: 'decided',
      winner: 2,
      rounds: 2,
      tieBreak: 'latency (5)',
    });
  });

  it('MD-05 of three that latency narrows to two goes on to the cost, and to the order after that', () => {
    const one = rules({ quorum: 1 });
    expect(vote(three(10), one)).toMatchObject({ kind: 'decided', winner: 2, tieBreak: 'cost (10)' });
    expect(vote(three(20), one)).toMatchObject({ kind: 'decided', winner: 1, tieBreak: 'order' });
  });

  it('MD-05 is broken between answers, not between those who gave the same one', () => {
    const all = candidates({ text: 'A', latencyMs: 50 }, { text: 'B', latencyMs: 5 });
    expect(winnerOf(all, rules({ quorum: 1 }))).toBe('B');
  });

  it('LS-53, LC-23 is broken by latency, then by cost, then by the order', () => {
    const one = rules({ quorum: 1 });
    expect(winnerOf(candidates({ text: 'a', latencyMs: 2 }, { text: 'b', latencyMs: 1 }), one)).toBe('b');
    expect(winnerOf(candidates({ text: 'a', costUsdMicros: 2 }, { text: 'b', costUsdMicros: 1 }), one)).toBe('b');
    expect(winnerOf(candidates('b', 'a'), one)).toBe('a');
  });

  it('compares tokens where a price is not known', () => {
    const all = candidates(
      { text: 'a', costUsdMicros: 0, unpriced: true, tokens: 900 },
      { text: 'b', costUsdMicros: 40, tokens: 100 },
    );
    expect(vote(all, rules({ quorum: 1, tieBreakers: ['cost'] }))).toMatchObject({ winner: 1, tieBreak: 'cost (100)' });
  });

  it('LS-54 ends the same in whatever order the answers come', () => {
    const all = candidates('delta', 'alpha', { text: 'alpha', latencyMs: 10 }, 'delta', 'beta');
    const winners = orders(all).map((order) => winnerOf(order, rules()));
    expect(new Set(winners)).toEqual(new Set(['alpha']));
  });

  it.each(['majority', 'weighted', 'scoreSum', 'maxScore'] as const)(
    'LS-54 ends the same in whatever order, with the whole ballot: %s',
    (strategy) => {
      const all = candidates(
        { text: 'x', score: 0.1, latencyMs: 7 },
        { text: 'y', score: 0.3, latencyMs: 3 },
        { text: 'x', score: 0.2, latencyMs: 3 },
        { text: 'y', score: 0.1, latencyMs: 9, faults: ['no'] },
        { text: 'z', score: 0.3, latencyMs: 3 },
      );
      const of = rules({ strategy, weights: { p1: 0.1, p2: 0.2, p3: 0.3 } });
      const ballots = new Set(orders(all).map((order) => JSON.stringify(vote(order, of))));
      expect([...ballots]).toHaveLength(1);
    },
  );
});

describe('weights', () => {
  const weights = { p1: 2, p2: 0.5, p3: 0.5 };

  it('LS-56, LC-22 let a heavier voter win alone, and the ballot shows them', () => {
    const voted = vote(candidates('A', 'B', 'B'), rules({ strategy: 'weighted', weights, quorum: 1 }));
    expect(voted).toMatchObject({
      kind: 'decided',
      winner: 0,
      votes: 1,
      tally: [
        { text: 'B', votes: 2, weight: 1 },
        { text: 'A', votes: 1, weight: 2 },
      ],
    });
  });

  it('are one where nothing is named, and may be those of one model', () => {
    const all = candidates('A', { text: 'B', provider: 'p1', model: 'strong' });
    const of = rules({ strategy: 'weighted', weights: { 'p1/strong': 3 }, quorum: 1 });
    expect(vote(all, of)).toMatchObject({ winner: 1, tally: [{ weight: 1 }, { weight: 3 }] });
  });

  it('do not stand in for voters: the quorum counts those', () => {
    expect(vote(candidates('A', 'B'), rules({ strategy: 'weighted', weights })).kind).toBe('undecided');
  });

  it('are equal within what computers make of fractions', () => {
    const all = candidates('A', 'A', 'A', { text: 'B', latencyMs: 1 });
    const of = rules({ strategy: 'weighted', weights: { p1: 0.1, p2: 0.1, p3: 0.1, p4: 0.3 }, quorum: 1 });
    expect(vote(all, of)).toMatchObject({ kind: 'decided', winner: 3, tieBreak: 'latency (1)' });
  });
});

describe('scores', () => {
  it('LS-52 the best one counts, and level ones go to the faster', () => {
    const all = candidates(
      { text: 'A', score: 0.6, latencyMs: 40 },
      { text: 'A', score: 0.4, latencyMs: 35 },
      { text: 'B', score: 0.5, latencyMs: 5 },
      { text: 'B', score: 0.6, latencyMs: 7 },
    );
    expect(vote(all, rules({ strategy: 'maxScore' }))).toMatchObject({ kind: 'decided', winner: 2, score: 0.6 });
  });

  it('LS-55 are added up, and level sums go to the cheaper', () => {
    const all = candidates(
      { text: 'A', score: 0.4, costUsdMicros: 9 },
      { text: 'A', score: 0.2, costUsdMicros: 8 },
      { text: 'B', score: 0.3, costUsdMicros: 2 },
      { text: 'B', score: 0.3, costUsdMicros: 3 },
    );
    const of = rules({ strategy: 'scoreSum', tieBreakers: ['cost'] });
    expect(vote(all, of)).toMatchObject({ kind: 'decided', winner: 2, tieBreak: 'cost (2)' });
  });

  it('LS-48 whole and broken numbers are compared alike', () => {
    const all = candidates({ text: 'A', score: 1 }, { text: 'B', score: 0.75 });
    expect(winnerOf(all, rules({ strategy: 'maxScore' }))).toBe('A');
  });

  it('MD-06 need no quorum: the best of different answers is taken, but there may have to be so many answers', () => {
    const all = candidates({ text: 'A', score: 0.9 }, { text: 'B', score: 0.8 }, { text: 'C', score: 0.1 });
    expect(winnerOf(all, rules({ strategy: 'maxScore', quorum: 3 }))).toBe('A');
    const few = vote(all, rules({ strategy: 'maxScore', minCandidates: 4 }));
    expect(few).toMatchObject({ kind: 'undecided', reason: '3 answers, at least 4 are needed' });
  });

  it('LC-25 that nobody gave leave it to the tie-breakers', () => {
    const all = candidates({ text: 'A', latencyMs: 9 }, { text: 'B', latencyMs: 3 });
    expect(vote(all, rules({ strategy: 'maxScore' }))).toMatchObject({ kind: 'decided', winner: 1, score: null });
    const one = candidates({ text: 'A', latencyMs: 9, score: 0 }, { text: 'B', latencyMs: 3 });
    expect(winnerOf(one, rules({ strategy: 'maxScore' }))).toBe('A');
  });
});

describe('a judge', () => {
  const level = candidates({ text: 'A', latencyMs: 5 }, 'B', { text: 'B', latencyMs: 5 }, 'A');
  const ofTie = rules({ hasJudge: true, tieBreakers: ['latency'] });

  it('LS-58 is asked when the tie-breakers that are named do not part the answers; its score is kept', () => {
    expect(vote(level, ofTie)).toMatchObject({ kind: 'needsJudge', among: [0, 2] });
    expect(vote(level, ofTie, { kind: 'chosen', index: 2, score: 0.75 })).toMatchObject({
      kind: 'decided',
      winner: 2,
      judged: true,
      score: 0.75,
    });
  });

  it('LS-58 is a round of its own: with fewer rounds nothing is decided, and nobody is asked', () => {
    const all = candidates({ text: 'A', latencyMs: 5 }, { text: 'B', latencyMs: 5 }, { text: 'C', latencyMs: 9 });
    const of = { ...ofTie, quorum: 1 } as const;
    expect(vote(all, of, { kind: 'chosen', index: 1 })).toMatchObject({ kind: 'decided', rounds: 3 });
    expect(vote(all, { ...of, roundsMax: 2 })).toMatchObject({
      kind: 'undecided',
      reason: 'not decided within 2 rounds',
    });
  });

  it('LC-31 decides where the quorum is missed; without one nobody does', () => {
    const all = candidates('a', 'b', 'c');
    expect(vote(all, rules({ hasJudge: true }))).toMatchObject({ kind: 'needsJudge', among: [0, 1, 2] });
    const voted = vote(all, rules({ hasJudge: true }), { kind: 'chosen', index: 2 });
    expect(voted).toMatchObject({ kind: 'decided', winner: 2, judged: true });
    expect(voted.reason).toContain('the quorum of 2 was not reached');
  });

  it('is not asked twice, and where it is not understood the missed quorum stays missed', () => {
    const voted = vote(candidates('a', 'b'), rules({ hasJudge: true }), { kind: 'unclear', says: 'hm' });
    expect(voted).toMatchObject({ kind: 'undecided', reason: expect.stringContaining('was not understood: hm') });
  });

  it('LC-28 is the strategy itself: it chooses among all sorts of answers', () => {
    const of = rules({ strategy: 'judge', hasJudge: true });
    expect(vote(candidates('a', 'b'), of)).toMatchObject({ kind: 'needsJudge', among: [0, 1] });
    expect(vote(candidates('a', 'b'), of, { kind: 'chosen', index: 1 })).toMatchObject({ winner: 1, judged: true });
  });

  it('LC-28 that is not understood leaves it to the tie-breakers, and the reason says so', () => {
    const all = candidates({ text: 'a', latencyMs: 9 }, { text: 'b', latencyMs: 3 });
    const voted = vote(all, rules({ strategy: 'judge', hasJudge: true }), { kind: 'unclear', says: 'both are fine' });
    expect(voted).toMatchObject({ kind: 'decided', winner: 1, judged: false });
    expect(voted.reason).toContain('the judge was not understood: both are fine');
  });

  it('MD-06 needs no quorum, and is not asked where all say the same', () => {
    const of = rules({ strategy: 'judge', hasJudge: true, quorum: 3 });
    expect(vote(candidates('a', 'A '), of)).toMatchObject({ kind: 'decided', judged: false });
  });
});

const voters = (count: number) => Array.from({ length: count }, (_, n) => ({ provider: `q${n}`, model: 'm' }));

describe('a vote that is under way', () => {
  it('is settled as soon as those who are missing cannot change it', () => {
    expect(isSettled(candidates('a', 'a'), voters(3), rules())).toBe(false);
    expect(isSettled(candidates('a', 'a', 'a'), voters(2), rules())).toBe(true);
    expect(isSettled(candidates('a', 'a', 'b'), voters(1), rules())).toBe(false);
    expect(isSettled(candidates('a', 'a'), voters(1), rules())).toBe(true);
  });

  it('is not settled below the quorum, nor where weights are to come', () => {
    expect(isSettled(candidates('a', 'a'), voters(1), rules({ quorum: 3 }))).toBe(false);
    const weighted = rules({ strategy: 'weighted', weights: { q0: 5 } });
    expect(isSettled(candidates('a', 'a', 'a'), voters(1), weighted)).toBe(false);
  });

  it('hears everybody where answers are scored or judged, or all must agree', () => {
    for (const strategy of ['maxScore', 'scoreSum', 'judge'] as const)
      expect(isSettled(candidates('a', 'a', 'a'), voters(1), rules({ strategy }))).toBe(false);
    expect(isSettled(candidates('a', 'a', 'a'), voters(1), rules({ quorum: 'all' }))).toBe(false);
  });

  it('is never settled on an answer that the whole vote does not take', () => {
    const texts = ['a', 'b'];
    const all = Array.from({ length: 2 ** 5 }, (_, code) =>
      candidates(...Array.from({ length: 5 }, (_vote, at) => texts[(code >> at) & 1] ?? 'a')),
    );
    const settled = all.flatMap((whole) =>
      [1, 2, 3, 4]
        .filter((heard) => isSettled(whole.slice(0, heard), whole.slice(heard), rules()))
        .map((heard) => [winnerOf(whole.slice(0, heard), rules()), winnerOf(whole, rules())]),
    );
    expect(settled.length).toBeGreaterThan(10);
    expect(settled.filter(([early, late]) => early !== late)).toEqual([]);
  });
});

it('LS-61 leaves its rules as they were, and the same rules give the same vote', () => {
  const of = Object.freeze(rules({ maxLatencyMs: 20, maxCostUsdMicros: 20 }));
  const all = Object.freeze(candidates('a', 'b', 'a'));
  expect(vote(all, of)).toEqual(vote(all, { ...of }));
});

it('LS-62, LC-26 knows strategies and tie-breakers by the names that others have for them', () => {
  const strategies = ['majority_vote', 'vote', 'maj', 'weighted', 'weighted-score', 'max_score', 'top', 'llm_judge'];
  expect(strategies.map(strategyNamed)).toEqual([
    'majority',
    'majority',
    'majority',
    'weighted',
    'scoreSum',
    'maxScore',
    'maxScore',
    'judge',
  ]);
  const breakers = ['min_latency', 'min-latency', 'Latency', 'cost', 'stable_order', 'first'];
  expect(breakers.map(tieBreakerNamed)).toEqual(['latency', 'latency', 'latency', 'cost', 'order', 'order']);
});

it('LC-24 knows no others', () => {
  expect([strategyNamed('loudest'), tieBreakerNamed('luck')]).toEqual([null, null]);
});

it('writes JSON in one way only', () => {
  expect(canonicalJson({ b: [true, null], a: { d: 'ü', c: 1.0 } })).toBe('{"a":{"c":1,"d":"ü"},"b":[true,null]}');
  expect(contentKey('"Yes"')).toBe(contentKey('yes'));
  expect(contentKey('1.0')).toBe(contentKey('1'));
});
