import { entryLines } from '../../src/client/render-record';
import { shadowTable } from '../../src/client/render-shadow';
import type { AskedAnswer, AskedEntry } from '../../src/domain/entries';
import { NOTHING_SPENT } from '../../src/domain/record';
import { compare, summarise, type Side } from '../../src/domain/shadow';

const answer = (index: number, more: Partial<AskedAnswer>): AskedAnswer => ({
  index,
  provider: `p${index + 1}`,
  model: 'm',
  status: 'ok',
  why: '',
  latencyMs: 1_200,
  costUsdMicros: 2_500,
  unpriced: false,
  tokens: 900,
  answer: null,
  diff: null,
  ...more,
});

it('shows each model that was asked with its end, and marks the one that was taken', () => {
  const entry: AskedEntry = {
    kind: 'asked',
    sequence: 3,
    at: Date.UTC(2026, 10, 21, 9, 30, 12),
    turn: 'a1.t1',
    mode: 'consensus',
    winner: 1,
    reason: 'majority, 2 of 3',
    answers: [
      answer(0, { status: 'failed', why: 'modelCredentials: no\nkey', costUsdMicros: 0 }),
      answer(1, {}),
      answer(2, { status: 'cancelled', why: 'the vote is decided', costUsdMicros: null }),
    ],
  };
  expect(entryLines(entry)).toEqual([
    '2026-11-21 09:30:12  asked 3 (consensus, a1.t1): majority, 2 of 3',
    '    1 p1/m: failed, 1.2 s, $0.0000: modelCredentials: no key',
    '  → 2 p2/m: ok, 1.2 s, $0.0025',
    '    3 p3/m: cancelled, 1.2 s: the vote is decided',
  ]);
});

const side = (latencyMs: number, tree: string): Side => ({
  provider: 'local',
  model: 'm',
  tree,
  failure: null,
  passed: true,
  latencyMs,
  spending: { ...NOTHING_SPENT, costUsdMicros: 1_000 },
});

it('shows what the shadow calls of each model have come to', () => {
  const [primary, shadow] = [side(100, 'a'), side(350, 'a')];
  const record = { kind: 'shadow', taskId: 't', name: 'a1.t1', at: 0, primary, shadow } as const;
  const [head, row, ...more] = shadowTable(summarise([{ ...record, compared: compare(primary, shadow) }]), 200);
  expect(head).toMatch(/^SHADOW +CALLS +SAME/);
  expect(row?.split(/ {2,}/)).toEqual('local/m,1,1,0,0,1 of 1,$0.0010,$0.0010,350 ms,350 ms,+250 ms'.split(','));
  expect(more).toEqual([]);
  expect(shadowTable([], 80)).toEqual(['No shadow calls.']);
});
