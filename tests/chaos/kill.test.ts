/**
 * A worker killed with SIGKILL, at named points and at random moments: whatever it was doing, another one finishes the task,
 * nothing paid for is paid again, and there is exactly one commit. `npm run soak` tries every point and many more moments. The
 * work here is one task of a model; what only other work calls is shot at in kill-wide.test.ts.
 */
import { keepFigures } from './keep-figures';
import { STORIES, type Account, type Kind } from './one-task';
import {
  FILE_OPERATIONS,
  pointsOf,
  portOperations,
  portsInSource,
  seededRandom,
  spreadSample,
  WATCHED_PORTS,
  WIDE_OPERATIONS,
} from './points';
import { calmRun, itDiesAt, Runs } from './runs';
import { UnderFire, type LeftBehind } from './under-fire';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_121;
/** About a twentieth of the points. */
const POINTS = 12;
const MOMENTS = SOAK ? 100 : 5;
const TIMEOUT_MS = SOAK ? 3 * 60 * 60_000 : 300_000;

/**
 * Ports that stand beside the way of a task: what reads the outbox or the ledgers, counts, traces, and tidies up; what only
 * reads a text; and what an activity gives to a port.
 */
const LOOKING_ON = ['EventLog', 'Meter', 'Tracer', 'StepTrace', 'Costs', 'TestReports', 'SourceParser'];
const BESIDE = new Set([...LOOKING_ON, 'Housekeeping', 'SendGate']);

type Whole = Account & LeftBehind;
const CALM: Whole = {
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
const CALM_TROUBLED: Whole = { ...CALM, decisions: ['retry', 'complete'], requests: 3, booked: 3 };

const DOUBTS = SOAK ? 20 : 2;
const doubtName = (n: number): string => `request process, moment ${n}`;
const momentName = (n: number): string => `random moment ${n}`;

it('watches every port of the list, method by method', () => {
  const onTheWay = [...portsInSource().keys()].filter((name) => !BESIDE.has(name));
  expect(WATCHED_PORTS.map(({ interface: name }) => name)).toEqual(onTheWay);
  expect(portOperations().length).toBeGreaterThan(15);
});

describe('D-15 a worker is killed', () => {
  let fire: UnderFire<Kind, Account>;
  let calls: readonly string[];
  let calm: Readonly<Record<Kind, Whole>>;
  let calmMs: Readonly<Record<Kind, number>>;
  let chosen: readonly string[];
  let runs: Runs<Kind, Account>;

  beforeAll(async () => {
    fire = await UnderFire.start(STORIES);
    ({ calls, calm, calmMs } = await calmRuns(fire));
    const points = pointsOf(calls);
    chosen = SOAK ? points : spreadSample(points, POINTS, SEED);
    runs = new Runs(fire);
    for (const point of chosen) runs.add(point, 'plain', { kind: 'point', point });
    for (const { name, kind, afterMs } of moments(calmMs)) runs.add(name, kind, { kind: 'moment', afterMs });
    for (const { name, afterMs } of doubts(calmMs)) runs.add(name, 'plain', { kind: 'requestProcess', afterMs });
  }, TIMEOUT_MS);

  afterAll(async () => {
    if (runs !== undefined) {
      const planned = { points: chosen.length, moments: MOMENTS, requestProcesses: DOUBTS };
      keepFigures('kills', { ...planned, ...(await runs.settled()) });
    }
    await fire?.stop();
  }, TIMEOUT_MS);

  it('never, and all goes as it should', () => {
    expect(calm).toEqual({ plain: CALM, troubled: CALM_TROUBLED });
    const called = new Set(calls);
    expect(portOperations().filter((operation) => !called.has(operation))).toEqual(WIDE_OPERATIONS);
    expect(FILE_OPERATIONS.some((operation) => called.has(operation))).toBe(true);
  });

  const wide = new Set(WIDE_OPERATIONS);
  const operations = [...portOperations().filter((operation) => !wide.has(operation)), ...FILE_OPERATIONS];
  itDiesAt({ operations, count: POINTS, timeoutMs: TIMEOUT_MS }, () => ({ runs, chosen, calm: () => calm.plain }));

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
async function calmRuns(fire: UnderFire<Kind, Account>) {
  const { calls, account: plain, tookMs: plainMs } = await calmRun(fire, 'plain');
  const { account: troubled, tookMs: troubledMs } = await fire.run('troubled', { kind: 'none' });
  return { calls, calm: { plain, troubled }, calmMs: { plain: plainMs, troubled: troubledMs } };
}
