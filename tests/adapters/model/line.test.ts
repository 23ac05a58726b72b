/** Standing in line: in turn, never for long, and with a place that is kept for who was sent away. */
import { Line, type Away, type LineRules } from '../../../src/adapters/model/line';
import { until } from './model-world';

const WAIT_MS = 30;

/** So much of something, given out in line. */
class Store {
  readonly line: Line<string>;
  constructor(
    private free: number,
    rules: LineRules = {},
  ) {
    this.line = new Line({ waitMs: WAIT_MS, ...rules });
  }

  ask(key: string, weight = 1, signal = new AbortController().signal): Promise<string | Away | null> {
    const tryNow = (claimed: number): string | null => {
      if (this.free - claimed < weight) return null;
      this.free -= weight;
      return key;
    };
    return this.line.wait({ key, weight, tryNow }, signal);
  }

  give(weight = 1): void {
    this.free += weight;
    this.line.advance();
  }
}

const away = { kind: 'away', forMs: expect.any(Number) };

it('serves in turn, as much as there is', async () => {
  const store = new Store(1);
  expect(await store.ask('a')).toBe('a');
  const waiting = ['b', 'c'].map((key) => store.ask(key));
  store.give(2);
  expect(await Promise.all(waiting)).toEqual(['b', 'c']);
});

it('sends away who has waited for a moment, and says for how long', async () => {
  const store = new Store(0, { guessMs: (ahead) => 5_000 * (ahead + 1) });
  expect(await Promise.all([store.ask('a'), store.ask('b')])).toEqual([
    { kind: 'away', forMs: 5_000 },
    { kind: 'away', forMs: 10_000 },
  ]);
  const unguessed = new Store(0);
  const times: unknown[] = [];
  for (let round = 0; round < 4; round += 1) times.push(await unguessed.ask('a'));
  // Longer each time, for each time costs the workflow some events; but never so long that a free place stays empty.
  expect(times).toEqual([1_000, 2_000, 4_000, 4_000].map((forMs) => ({ kind: 'away', forMs })));
});

it('has the place of who comes again, before all that came later', async () => {
  const store = new Store(0);
  expect(await store.ask('a')).toEqual(away);
  const ends: unknown[] = [];
  const later = store.ask('b').then((end) => ends.push(end));
  const again = store.ask('a').then((end) => ends.push(end));
  store.give(2);
  await Promise.all([later, again]);
  expect(ends).toEqual(['a', 'b']);
});

it('gives what is free to others while somebody is far away', async () => {
  const store = new Store(0, { guessMs: () => 20_000 });
  expect(await store.ask('a')).toEqual(away);
  store.give(1);
  expect(await store.ask('b')).toBe('b');
});

it('lets those behind have what is too little for who has just been sent away', async () => {
  const store = new Store(1, { guessMs: () => 20_000 });
  const large = store.ask('large', 2);
  const small = store.ask('small', 1);
  expect([await large, await small]).toEqual([away, 'small']);
});

it('forgets who does not want it any more', async () => {
  const store = new Store(0);
  const controller = new AbortController();
  const unwanted = store.ask('a', 1, controller.signal);
  const next = store.ask('b');
  controller.abort();
  store.give(1);
  expect([await unwanted, await next]).toEqual([null, 'b']);
  expect(await store.ask('c', 1, AbortSignal.abort())).toBeNull();
});

it('forgets who was sent away and never came again', async () => {
  const store = new Store(0);
  expect(await store.ask('gone')).toEqual(away);
  store.give(1);
  const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 20_000);
  try {
    await until(async () => (await store.ask('b')) === 'b', 'the place is free');
  } finally {
    clock.mockRestore();
  }
});
