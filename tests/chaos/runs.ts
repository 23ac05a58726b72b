/** Many runs under fire: a few at a time, asked for by name, counted. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fire, LeftBehind, Run, UnderFire } from './under-fire';

const SOAK = process.env['WEAVER_SOAK'] === '1';
/** Two cores: more at once would measure the machine's patience instead of weaver's. */
const AT_ONCE = 6;

/** In the order in which they were added. */
export class Runs<Kind extends string, Account extends { readonly inDoubt: number }> {
  private readonly results = new Map<string, Promise<Account & LeftBehind>>();
  private readonly lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());

  constructor(private readonly fire: UnderFire<Kind, Account>) {}

  add(name: string, kind: Kind, how: Fire): void {
    const lane = this.results.size % AT_ONCE;
    const before = this.lanes[lane] ?? Promise.resolve();
    const result = before.then(async () => (await this.fire.run(kind, how)).account);
    // A failure is the test's that asks for it, and must not stop the lane.
    this.lanes[lane] = result.catch(() => undefined);
    this.results.set(name, result);
    result.catch(() => undefined);
  }

  async get(name: string): Promise<Account & LeftBehind> {
    const result = this.results.get(name);
    if (result === undefined) throw new Error(`no run is called ${name}`);
    return await result;
  }

  /** A run whose fire never came, or whose work never ended, is none of the deaths. */
  async settled(): Promise<{ readonly runs: number; readonly deaths: number; readonly inDoubt: number }> {
    const ends = await Promise.allSettled(this.results.values());
    const ended = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    return {
      runs: ends.length,
      deaths: ended.length,
      inDoubt: ended.reduce((sum, { inDoubt }) => sum + inDoubt, 0),
    };
  }
}

/** Nobody dies, and every call that the worker makes is named. */
export async function calmRun<Kind extends string, Account extends object>(
  fire: UnderFire<Kind, Account>,
  kind: Kind,
): Promise<Run<Account> & { readonly calls: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-calls-'));
  const countsFile = join(folder, 'calls');
  try {
    const run = await fire.run(kind, { kind: 'none', countsFile });
    return { ...run, calls: readFileSync(countsFile, 'utf8').trim().split('\n') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is there when the tests begin. */
interface Shots<Account> {
  readonly runs: { get(name: string): Promise<Account> };
  readonly chosen: readonly string[];
  /** What a run must be equal to that died at this point. */
  calm(point: string): Account;
}

/** In a soak a test for each operation, with all its points, otherwise one for each of the few that were chosen. */
export function itDiesAt<Account>(
  what: { readonly operations: readonly string[]; readonly count: number; readonly timeoutMs: number },
  shots: () => Shots<Account>,
): void {
  const { operations, count, timeoutMs } = what;
  const tests: readonly (readonly [string, Pick])[] = SOAK
    ? operations.map((operation) => [
        `around every call of ${operation}`,
        (chosen) => chosen.filter((point) => point.startsWith(`${operation}:`)),
      ])
    : Array.from({ length: count }, (_, slot) => [
        `at a point of the list, choice ${slot}`,
        (chosen) => [chosen[slot] ?? 'none was chosen'],
      ]);
  it.each(tests)(
    '%s',
    async (_, pick) => {
      const { runs, chosen, calm } = shots();
      const points = pick(chosen);
      const accounts = await Promise.all(points.map(async (point) => [point, await runs.get(point)] as const));
      expect(accounts).toEqual(points.map((point) => [point, calm(point)]));
    },
    timeoutMs,
  );
}

type Pick = (chosen: readonly string[]) => readonly string[];
