import type { JobBudget } from '../../src/domain/job';
import { JobLedger, NOTICE_SHARE, type Amounts, type Used } from '../../src/domain/job-budget';
import { chanceFrom } from './apply-edits/chance';

const NOTHING: Used = { costUsdMicros: 0, tokens: 0, attempts: 0 };
const used = (more: Partial<Used>): Used => ({ ...NOTHING, ...more });
const ledgerOf = (budget: Partial<JobBudget>, concurrency = 1): JobLedger =>
  new JobLedger({ whenSpent: 'wait', ...budget }, concurrency);

describe('a slice', () => {
  it('is without bounds in a job without a budget', () => {
    const ledger = ledgerOf({});
    expect(ledger.isLimited).toBe(false);
    expect(ledger.grant('a', NOTHING)).toEqual({ costUsdMicros: null, tokens: null, attempts: null });
    expect(ledger.spentKind()).toBeNull();
  });

  it('is an eighth of an even share of what is left', () => {
    const ledger = ledgerOf({ tokens: 640_000 }, 4);
    expect(ledger.grant('a', NOTHING)).toEqual({ costUsdMicros: null, tokens: 20_000, attempts: null });
    expect(ledger.grant('b', NOTHING)?.tokens).toBe(Math.floor(620_000 / 32));
  });

  it('is at least a cent, a short call or an attempt, but never more than is left', () => {
    const small = { costUsdMicros: 15_000, tokens: 5_000, attempts: 2 };
    const ledger = ledgerOf(small, 16);
    expect(ledger.grant('a', NOTHING)).toEqual({ costUsdMicros: 10_000, tokens: 4_000, attempts: 1 });
    expect(ledger.grant('b', NOTHING)).toEqual({ costUsdMicros: 5_000, tokens: 1_000, attempts: 1 });
    expect(ledger.grant('c', NOTHING)).toBeNull();
    expect(ledger.spentKind()).toBe('costUsdMicros');
  });

  it('leaves the rest, of each limit that there is', () => {
    const ledger = ledgerOf({ tokens: 640_000, attempts: 3 }, 4);
    ledger.grant('a', NOTHING);
    expect(ledger.left()).toEqual({ tokens: 620_000, attempts: 2 });
    ledger.settle('a', used({ tokens: 640_001, attempts: 1 }));
    expect(ledger.left()).toEqual({ tokens: -1, attempts: 2 });
    expect(ledgerOf({}).left()).toEqual({});
  });

  it('adds up: a task is told what it may use in all', () => {
    const ledger = ledgerOf({ attempts: 5 });
    expect(ledger.grant('a', NOTHING)?.attempts).toBe(1);
    expect(ledger.grant('a', used({ attempts: 1 }))?.attempts).toBe(2);
    expect(ledger.grant('a', used({ attempts: 2 }))?.attempts).toBe(3);
  });

  it('stays with the task while it has not used it', () => {
    const ledger = ledgerOf({ attempts: 8, tokens: 100_000 });
    const first = ledger.grant('a', NOTHING);
    expect(ledger.grant('a', NOTHING)).toEqual(first);
    // Only of the kind that is used up there is more.
    expect(ledger.grant('a', used({ attempts: 1 }))).toEqual({ ...first, attempts: 2 });
  });

  it('is refused when one kind is spent, whatever is left of the others', () => {
    const ledger = ledgerOf({ attempts: 1, tokens: 1_000_000 });
    ledger.settle('a', used({ attempts: 1, tokens: 10 }));
    expect(ledger.grant('b', NOTHING)).toBeNull();
    expect(ledger.spentKind()).toBe('attempts');
  });
});

describe('what a task uses', () => {
  it('beyond its slice is not given to another, though it gets no more itself', () => {
    const ledger = ledgerOf({ tokens: 10_000 });
    ledger.grant('a', NOTHING);
    ledger.grant('b', NOTHING);
    expect(ledger.grant('a', used({ tokens: 9_000 }))).toBeNull();
    ledger.settle('b', used({ tokens: 1_000 }));
    expect(ledger.grant('c', NOTHING)).toBeNull();
  });

  it('counts in full when it ends, and what it leaves over is free again', () => {
    const ledger = ledgerOf({ attempts: 2 });
    ledger.grant('a', NOTHING);
    ledger.grant('b', NOTHING);
    expect(ledger.grant('c', NOTHING)).toBeNull();
    ledger.settle('a', used({ attempts: 0 }));
    expect(ledger.grant('c', NOTHING)?.attempts).toBe(1);
    ledger.settle('b', used({ attempts: 1 }));
    ledger.settle('c', used({ attempts: 1 }));
    expect(ledger.spentKind()).toBe('attempts');
    expect(ledger.usedShare('attempts')).toBe(1);
  });

  it('is nothing if it has never begun: its slice is free again', () => {
    const ledger = ledgerOf({ attempts: 1 });
    ledger.grant('a', NOTHING);
    ledger.release('a');
    ledger.release('a');
    expect(ledger.grant('b', NOTHING)?.attempts).toBe(1);
    expect(ledger.usedShare('attempts')).toBe(0);
  });

  it('before there was a limit counts against it, as far as the task has told', () => {
    const ledger = ledgerOf({ attempts: 9 });
    ledger.grant('a', NOTHING);
    ledger.grant('a', used({ attempts: 1, tokens: 50_000 }));
    ledger.change({ tokens: 60_000 });
    expect(ledger.usedShare('tokens')).toBeCloseTo(5 / 6);
    const given = [ledger.grant('b', NOTHING), ledger.grant('c', NOTHING), ledger.grant('d', NOTHING)];
    expect(given.map((each) => each?.tokens ?? null)).toEqual([4_000, 4_000, 2_000]);
    expect(ledger.grant('e', NOTHING)).toBeNull();
  });
});

describe('a budget', () => {
  it('is noticed at four fifths, also while the task still runs, each kind for itself', () => {
    const ledger = ledgerOf({ attempts: 10, costUsdMicros: 1_000_000 });
    ledger.settle('a', used({ attempts: 7, costUsdMicros: 1 }));
    expect(ledger.past(NOTICE_SHARE)).toEqual([]);
    ledger.grant('b', used({ attempts: 1 }));
    expect(ledger.past(NOTICE_SHARE)).toEqual(['attempts']);
  });

  it('that is raised gives again, and the other limits stay', () => {
    const ledger = ledgerOf({ attempts: 1, tokens: 70_000 });
    ledger.settle('a', used({ attempts: 1, tokens: 10_000 }));
    expect(ledger.grant('b', NOTHING)).toBeNull();
    ledger.change({ attempts: 2 });
    expect(ledger.limits).toEqual({ whenSpent: 'wait', attempts: 2, tokens: 70_000 });
    expect(ledger.grant('b', NOTHING)).toMatchObject({ attempts: 1 });
    expect(ledger.usedShare('attempts')).toBe(0.5);
  });

  it('that is lowered takes back what was not used, from the next question on, and not from whom nobody has told', () => {
    const ledger = ledgerOf({ costUsdMicros: 80_000_000 });
    expect(ledger.grant('a', NOTHING)?.costUsdMicros).toBe(10_000_000);
    expect([ledger.change({ costUsdMicros: 90_000_000 }), ledger.change({ tokens: 1_000_000 })]).toEqual([false, true]);
    expect(ledger.change({ costUsdMicros: 1_000_000 })).toBe(true);
    ledger.recall(['a']);
    const carried = JobLedger.restore(structuredClone(ledger.carry()), 1);
    for (const one of [ledger, carried]) {
      // Until it has asked, nobody knows what it has used of it.
      expect(one.grant('b', NOTHING)).toBeNull();
      expect(one.grant('a', used({ costUsdMicros: 400_000 }))?.costUsdMicros).toBe(400_000 + 600_000 / 8);
      expect(one.grant('a', used({ costUsdMicros: 1_100_000 }))).toBeNull();
    }
  });

  it('that is lowered lets the attempt under way come to its end', () => {
    const ledger = ledgerOf({ attempts: 80 });
    expect(ledger.grant('a', NOTHING)?.attempts).toBe(10);
    ledger.change({ attempts: 1 });
    ledger.recall(['a']);
    expect(ledger.grant('a', NOTHING)?.attempts).toBe(1);
    expect(ledger.grant('a', used({ attempts: 1 }))).toBeNull();
  });

  it('that is lowered below what is given takes nothing back by itself, and gives nothing more', () => {
    const ledger = ledgerOf({ attempts: 4 });
    ledger.grant('a', NOTHING);
    ledger.grant('b', NOTHING);
    ledger.change({ attempts: 1 });
    expect(ledger.grant('a', NOTHING)?.attempts).toBe(1);
    expect(ledger.grant('a', used({ attempts: 1 }))).toBeNull();
  });
});

const KINDS = ['costUsdMicros', 'tokens', 'attempts'] as const;

const sum = (all: readonly Used[], kind: keyof Used): number => all.reduce((total, each) => total + each[kind], 0);

/** Tasks that spend by chance, call by call, each until it has what it needs or nothing is left. */
function play(seed: number, concurrency: number, callMax: Used) {
  const chance = chanceFrom(seed);
  const limit: Used = {
    costUsdMicros: 50_000 + chance.below(2_000_000),
    tokens: 5_000 + chance.below(1_000_000),
    attempts: 1 + chance.below(60),
  };
  let ledger = ledgerOf(limit, concurrency);
  const live = new Map<string, { used: Used; allowed: Amounts; calls: number }>();
  const waiting = new Set<string>();
  const ended: Used[] = [];
  const spent = (kind: keyof Used): number => sum([...ended, ...[...live.values()].map((each) => each.used)], kind);
  let begun = 0;
  for (let step = 0; step < 2_000; step += 1) {
    ledger = JobLedger.restore(JSON.parse(JSON.stringify(ledger.carry())), concurrency);
    const awake = [...live].filter(([path]) => !waiting.has(path));
    if (live.size < concurrency && begun < 200 && chance.below(2) === 0) {
      const path = `t${begun}`;
      const allowed = ledger.grant(path, NOTHING);
      if (allowed === null) begun += 200;
      else live.set(path, { used: NOTHING, allowed, calls: 1 + chance.below(12) });
      begun += 1;
      continue;
    }
    const [path, task] = awake[chance.below(awake.length)] ?? [];
    if (path === undefined || task === undefined) {
      if (begun >= 200 || live.size === concurrency) break;
      continue;
    }
    if (task.calls === 0) {
      live.delete(path);
      ledger.settle(path, task.used);
      ended.push(task.used);
      waiting.clear();
      continue;
    }
    if (KINDS.every((kind) => task.used[kind] < (task.allowed[kind] ?? Infinity))) {
      const call = used(Object.fromEntries(KINDS.map((kind) => [kind, 1 + chance.below(callMax[kind])])));
      task.used = used(Object.fromEntries(KINDS.map((kind) => [kind, task.used[kind] + call[kind]])));
      task.calls -= 1;
    } else {
      const more = ledger.grant(path, task.used);
      if (more === null) waiting.add(path);
      else task.allowed = more;
    }
    for (const kind of KINDS) {
      // Each task that works may have one call in flight when its slice runs out, no more.
      expect([kind, spent(kind) < limit[kind] + concurrency * callMax[kind]]).toEqual([kind, true]);
    }
  }
  return KINDS.filter((kind) => spent(kind) >= limit[kind]);
}

describe('any spending', () => {
  it.each(Array.from({ length: 16 }, (_, n) => n + 1))(
    'passes no limit by more than the calls in flight, with %i tasks side by side',
    (concurrency) => {
      const reached = [0, 1, 2, 3].flatMap((seed) =>
        play(seed * 100 + concurrency, concurrency, { costUsdMicros: 60_000, tokens: 9_000, attempts: 1 }),
      );
      // Otherwise there was nothing to pass.
      expect(reached.length).toBeGreaterThan(0);
    },
  );

  it.each([1, 2, 3, 5, 8, 16])(
    'reaches the limit to the last bit where tasks want more than there is, with %i tasks side by side',
    (concurrency) => {
      const limit = 300 + concurrency;
      const ledger = ledgerOf({ attempts: limit }, concurrency);
      const live = new Map<string, number>();
      for (let n = 0; n < concurrency; n += 1) live.set(`t${n}`, 0);
      const allowed = new Map<string, number>();
      // Each in turn uses one attempt, or asks; all are done when all are refused.
      for (let refused = 0; refused < live.size;) {
        refused = 0;
        for (const [path, has] of live) {
          if (has < (allowed.get(path) ?? 0)) live.set(path, has + 1);
          else {
            const more = ledger.grant(path, used({ attempts: has }))?.attempts ?? null;
            if (more === null) refused += 1;
            else allowed.set(path, more);
          }
          expect([...allowed.values()].reduce((total, each) => total + each, 0)).toBeLessThanOrEqual(limit);
        }
      }
      expect([...live.values()].reduce((total, each) => total + each, 0)).toBe(limit);
      expect(ledger.spentKind()).toBe('attempts');
      for (const [path, has] of live) ledger.settle(path, used({ attempts: has }));
      expect(ledger.usedShare('attempts')).toBe(1);
    },
  );
});
