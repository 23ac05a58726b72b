/** Many calls against one keeper on a clock of its own: messages take time, some are late, some workers die. */
import { reserve, settle, EMPTY_BOOK, type ProviderLimits, type Settlement } from '../../src/domain/provider-limits.js';
import { seededRandom } from '../chaos/points.js';

export interface Simulation {
  readonly seed: number;
  readonly lengthMs: number;
  /** How long the endpoint thinks, on average. */
  readonly answerMs: number;
  /** One call in so many is lost with its worker, before or after it was sent. */
  readonly diesOneIn?: number;
  /** Some messages take as long as this; 200 if absent. */
  readonly lateMs?: number;
  /** One in so many; 10 if absent. */
  readonly lateOneIn?: number;
}

export interface Simulated {
  /** When requests reached the endpoint, in order. */
  readonly arrivals: readonly number[];
  /** How often these were told to wait before. */
  readonly waited: number;
}

/** More callers than there is room for: every answer is followed by the next question. */
const CALLERS = 3;

export function simulate(limits: ProviderLimits, simulation: Simulation): Simulated {
  const { seed, lengthMs, answerMs, diesOneIn = Infinity, lateMs = 200, lateOneIn = 10 } = simulation;
  const random = seededRandom(seed);
  const agenda = new Agenda();
  const arrivals: number[] = [];
  let book = EMPTY_BOOK;
  let calls = 0;
  const waits = new Map<string, number>();
  let waited = 0;
  // Some connections are slower than others.
  const jitterMs = Math.min(100, limits.windowMs / 40);
  const way = (): number => 2 + random() * (random() < 1 / lateOneIn ? lateMs : 20);
  const dies = (): boolean => random() < 1 / diesOneIn;

  const begin = (): void => {
    calls += 1;
    const key = String(calls);
    agenda.add(way(), () => question(key));
  };
  const question = (key: string): void => {
    const askedAt = agenda.now;
    agenda.add(way(), () => {
      const given = reserve(book, limits, { key, promptTokens: 10, answerTokensMax: 10 }, agenda.now);
      book = given.book;
      const { answer } = given;
      if (answer.kind !== 'granted') {
        waits.set(key, (waits.get(key) ?? 0) + 1);
        if (answer.kind !== 'wait' && answer.kind !== 'open') throw new Error(`nobody has a budget: ${answer.kind}`);
        // A durable timer, then the way of a step.
        return agenda.add(answer.at - agenda.now + 20 + way(), () => question(key));
      }
      agenda.add(way(), () => leave(key, askedAt, agenda.now + answer.inMs, askedAt + answer.validMs));
    });
  };
  const leave = (key: string, askedAt: number, fromMs: number, untilMs: number): void => {
    if (dies()) return begin();
    agenda.add(fromMs - agenda.now, () => {
      if (agenda.now > untilMs) {
        tell({ key, sentAfterMs: null, endedAfterMs: agenda.now - askedAt, tokens: null, code: null });
        return question(key);
      }
      const leftAt = agenda.now;
      waited += waits.get(key) ?? 0;
      agenda.add(2 + random() * jitterMs, () => arrivals.push(agenda.now));
      if (dies()) return begin();
      agenda.add(102 + random() * 2 * answerMs, () => {
        const sent = { sentAfterMs: leftAt - askedAt, endedAfterMs: agenda.now - askedAt };
        tell({ key, ...sent, tokens: { prompt: 10, answer: 10 }, code: null });
        begin();
      });
    });
  };
  // With the next question, or half a second later.
  const tell = (settlement: Settlement): void =>
    agenda.add(random() * 500, () => {
      book = settle(book, limits, settlement, agenda.now);
    });

  const perSecond = (limits.requests ?? 1) / (limits.windowMs / 1_000);
  // Enough for the rate and for those who wait for a whole window.
  const callers = CALLERS * Math.ceil(perSecond * ((answerMs + 1_000) / 1_000)) + 2 * (limits.requests ?? 1);
  for (let n = 0; n < callers; n += 1) begin();
  agenda.run(lengthMs);
  return { arrivals: arrivals.toSorted((a, b) => a - b), waited };
}

/** The most of them in any window: one that begins with each of them. */
export function mostInWindow(arrivals: readonly number[], windowMs: number): number {
  let [most, last] = [0, 0];
  arrivals.forEach((at, first) => {
    while (last < arrivals.length && (arrivals[last] ?? 0) < at + windowMs) last += 1;
    most = Math.max(most, last - first);
  });
  return most;
}

/** What is to be done when; a heap, for there is much of it. */
class Agenda {
  now = 0;
  private readonly heap: { readonly at: number; readonly n: number; readonly act: () => void }[] = [];
  private added = 0;

  add(inMs: number, act: () => void): void {
    this.added += 1;
    this.heap.push({ at: this.now + Math.max(0, inMs), n: this.added, act });
    for (let at = this.heap.length - 1; at > 0 && this.isBefore(at, (at - 1) >> 1); at = (at - 1) >> 1)
      this.swap(at, (at - 1) >> 1);
  }

  run(untilMs: number): void {
    for (let next = this.heap[0]; next !== undefined && next.at <= untilMs; next = this.heap[0]) {
      this.removeFirst();
      this.now = next.at;
      next.act();
    }
  }

  private removeFirst(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    this.heap[0] = last;
    for (let at = 0; ;) {
      const children = [2 * at + 1, 2 * at + 2].filter((child) => child < this.heap.length && this.isBefore(child, at));
      const [first, second] = children;
      if (first === undefined) return;
      const least = second !== undefined && this.isBefore(second, first) ? second : first;
      this.swap(at, least);
      at = least;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const [one, other] = [this.heap[a], this.heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.n < other.n);
  }

  private swap(a: number, b: number): void {
    const [one, other] = [this.heap[a], this.heap[b]];
    if (one === undefined || other === undefined) return;
    [this.heap[a], this.heap[b]] = [other, one];
  }
}
