/**
 * A worker killed with SIGKILL, at named points and at random moments: whatever it was doing, another one finishes the task,
 * nothing paid for is paid again, and there is exactly one commit. `npm run soak` tries every point and many more moments.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FILE_OPERATIONS,
  pointsOf,
  portOperations,
  portsInSource,
  seededRandom,
  spreadSample,
  WATCHED_PORTS,
} from './points';
import { UnderFire, type Account, type Fire, type Kind } from './under-fire';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_121;
/** About a twentieth of the points. */
const POINTS = 12;
const MOMENTS = SOAK ? 100 : 5;
/** Two cores: more at once would measure the machine's patience instead of weaver's. */
const AT_ONCE = 6;
const TIMEOUT_MS = SOAK ? 3 * 60 * 60_000 : 300_000;

/** What only the command line calls; everything else of the port list must be called, or is not tested. */
/** By handlers that search or merge, a cancel that takes a branch back, and pull requests; these have tests of their own. */
const NOT_CALLED = [
  'git.search',
  'git.changed',
  'git.capture',
  'git.merge',
  'git.sign',
  'git.ensureSigns',
  'git.unpublish',
  'forge.ensureKnown',
  'forge.open',
];
/**
 * Ports that stand beside the way of a task: what reads the outbox or the ledgers, counts, traces, and tidies up; what only
 * reads a text; and what an activity gives to a port.
 */
const LOOKING_ON = ['EventLog', 'Meter', 'Tracer', 'StepTrace', 'Costs', 'TestReports', 'SourceParser'];
const BESIDE = new Set([...LOOKING_ON, 'Housekeeping', 'SendGate']);

const CALM: Account = {
  state: 'succeeded',
  decisions: ['complete'],
  requests: 1,
  booked: 1,
  inDoubt: 0,
  commits: 1,
  tree: expect.stringMatching(/^[0-9a-f]{40}$/) as unknown as string,
  otherBranches: [],
  leftBehind: [],
};
const CALM_TROUBLED: Account = { ...CALM, decisions: ['retry', 'complete'], requests: 3, booked: 3 };

const DOUBTS = SOAK ? 20 : 2;
const doubtName = (n: number): string => `request process, moment ${n}`;
const momentName = (n: number): string => `random moment ${n}`;

it('watches every port of the list, method by method', () => {
  const onTheWay = [...portsInSource().keys()].filter((name) => !BESIDE.has(name));
  expect(WATCHED_PORTS.map(({ interface: name }) => name)).toEqual(onTheWay);
  expect(portOperations().length).toBeGreaterThan(15);
});

describe('D-15 a worker is killed', () => {
  let fire: UnderFire;
  let calls: readonly string[];
  let calm: Readonly<Record<Kind, Account>>;
  let calmMs: Readonly<Record<Kind, number>>;
  let chosen: readonly string[];
  let runs: Runs;

  beforeAll(async () => {
    fire = await UnderFire.start();
    ({ calls, calm, calmMs } = await calmRuns(fire));
    const points = pointsOf(calls);
    chosen = SOAK ? points : spreadSample(points, POINTS, SEED);
    runs = new Runs(fire);
    for (const point of chosen) runs.add(point, 'plain', { kind: 'point', point });
    for (const { name, kind, afterMs } of moments(calmMs)) runs.add(name, kind, { kind: 'moment', afterMs });
    for (const { name, afterMs } of doubts(calmMs)) runs.add(name, 'plain', { kind: 'requestProcess', afterMs });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await runs?.settled();
    await fire?.stop();
  }, TIMEOUT_MS);

  it('never, and all goes as it should', () => {
    expect(calm).toEqual({ plain: CALM, troubled: CALM_TROUBLED });
    const called = new Set(calls);
    expect(portOperations().filter((operation) => !called.has(operation))).toEqual(NOT_CALLED);
    expect(FILE_OPERATIONS.some((operation) => called.has(operation))).toBe(true);
  });

  const slots = Array.from({ length: POINTS }, (_, slot) => slot);
  const operations = [...portOperations(), ...FILE_OPERATIONS];
  if (SOAK) {
    it.each(operations)(
      'around every call of %s',
      async (operation) => {
        const points = chosen.filter((point) => point.startsWith(`${operation}:`));
        expect(points.length > 0).toBe(calls.includes(operation));
        const accounts = await Promise.all(points.map(async (point) => [point, await runs.get(point)] as const));
        expect(accounts).toEqual(points.map((point) => [point, calm.plain]));
      },
      TIMEOUT_MS,
    );
  } else {
    it.each(slots)(
      'at a point of the list, choice %i',
      async (slot) => {
        const point = chosen[slot] ?? 'none was chosen';
        expect({ point, ...(await runs.get(point)) }).toEqual({ point, ...calm.plain });
      },
      TIMEOUT_MS,
    );
  }

  it.each(Array.from({ length: MOMENTS }, (_, n) => momentName(n)))(
    'at %s',
    async (name) => {
      const { kind } = moments(calmMs).find((one) => one.name === name) ?? { kind: 'plain' as const };
      expect(await runs.get(name)).toEqual(calm[kind]);
    },
    TIMEOUT_MS,
  );

  // The one death that leaves a request in doubt: it is sent again, and booked twice, and nothing else is.
  it.each(Array.from({ length: DOUBTS }, (_, n) => doubtName(n)))(
    'not, but its %s',
    async (name) => {
      const account = await runs.get(name);
      const { inDoubt } = account;
      expect(inDoubt).toBeLessThanOrEqual(1);
      const { requests, booked } = calm.plain;
      expect(account).toEqual({ ...calm.plain, inDoubt, requests: requests + inDoubt, booked: booked + inDoubt });
    },
    TIMEOUT_MS,
  );
});

/** From the submission to the end; two thirds of them in the longer story. */
function moments(calmMs: Readonly<Record<Kind, number>>) {
  const random = seededRandom(SEED);
  return Array.from({ length: MOMENTS }, (_, n) => {
    const kind: Kind = n % 3 === 0 ? 'plain' : 'troubled';
    return { name: momentName(n), kind, afterMs: Math.round(random() * calmMs[kind]) };
  });
}

function doubts(calmMs: Readonly<Record<Kind, number>>) {
  const random = seededRandom(SEED + 1);
  return Array.from({ length: DOUBTS }, (_, n) => ({
    name: doubtName(n),
    afterMs: Math.round(random() * calmMs.plain),
  }));
}

/** What there is to be equal to, and every call that a worker makes on the way. */
async function calmRuns(fire: UnderFire) {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-calls-'));
  const countsFile = join(folder, 'calls');
  const plain = await fire.run('plain', { kind: 'none', countsFile });
  const calls = readFileSync(countsFile, 'utf8').trim().split('\n');
  rmSync(folder, { recursive: true });
  const troubled = await fire.run('troubled', { kind: 'none' });
  return {
    calls,
    calm: { plain: plain.account, troubled: troubled.account },
    calmMs: { plain: plain.tookMs, troubled: troubled.tookMs },
  };
}

/** Runs by name, a few at a time, in the order in which they were added. */
class Runs {
  private readonly results = new Map<string, Promise<Account>>();
  private readonly lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());

  constructor(private readonly fire: UnderFire) {}

  add(name: string, kind: Kind, how: Fire): void {
    const lane = this.results.size % AT_ONCE;
    const before = this.lanes[lane] ?? Promise.resolve();
    const result = before.then(async () => (await this.fire.run(kind, how)).account);
    // A failure is the test's that asks for it, and must not stop the lane.
    this.lanes[lane] = result.catch(() => undefined);
    this.results.set(name, result);
    result.catch(() => undefined);
  }

  async get(name: string): Promise<Account> {
    const result = this.results.get(name);
    if (result === undefined) throw new Error(`no run is called ${name}`);
    return await result;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.results.values());
  }
}
