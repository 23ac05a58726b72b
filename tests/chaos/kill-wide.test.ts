/**
 * A worker killed with SIGKILL at calls that one task of a model never makes (see kill.test.ts): searching, working in a work
 * tree, merging, signing, pull requests, the deletion of a branch. Whatever it was doing, the job ends as on a calm day.
 * `npm run soak` tries every point.
 */
import { keepFigures } from './keep-figures';
import { pointsOf, spreadSample, WIDE_OPERATIONS } from './points';
import { calmRun, itDiesAt, Runs } from './runs';
import { STORIES, type Account, type Kind } from './several-tasks';
import { UnderFire, type LeftBehind } from './under-fire';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_122;
/** About a twentieth of the points. */
const POINTS = 2;
const TIMEOUT_MS = SOAK ? 60 * 60_000 : 300_000;

type Whole = Account & LeftBehind;

const anyTree = expect.stringMatching(/^[0-9a-f]{40}$/) as unknown as string;
const branch = (name: string, commits = 1, parents = 1) => ({ name, commits, parents, tree: anyTree });
const CALM: Readonly<Record<Kind, Whole>> = {
  joined: {
    state: 'completed',
    counts: { succeeded: 3 },
    decisions: { agent: ['complete'], script: ['complete'], join: ['complete'] },
    requests: 3,
    booked: 3,
    inDoubt: 0,
    branches: [branch('agent'), branch('join', 3, 3), branch('script')],
    pulls: { made: 1, are: [{ isNamed: true, branch: 'join', base: 'main', state: 'open', isTip: true }] },
    leftBehind: [],
  },
  takenBack: {
    state: 'cancelled',
    counts: { succeeded: 1, cancelled: 1 },
    decisions: { done: ['complete'], open: ['wait'] },
    requests: 1,
    booked: 1,
    inDoubt: 0,
    branches: [],
    pulls: { made: 0, are: [] },
    leftBehind: [],
  },
};

/** The one operation that only the cancel calls; all the others are shot at while branches are joined. */
const TAKING_BACK = 'git.unpublish';
const kindOf = (point: string): Kind => (point.startsWith(`${TAKING_BACK}:`) ? 'takenBack' : 'joined');

describe('a worker is killed', () => {
  let fire: UnderFire<Kind, Account>;
  let calls: readonly string[];
  let calm: Readonly<Record<Kind, Whole>>;
  let chosen: readonly string[];
  let runs: Runs<Kind, Account>;

  beforeAll(async () => {
    fire = await UnderFire.start(STORIES);
    const joined = await calmRun(fire, 'joined');
    // One worker less, whose start is much of what a run costs: that the branch is deleted is shown by the death in it.
    const takenBack = SOAK ? await calmRun(fire, 'takenBack') : { account: CALM.takenBack, calls: [TAKING_BACK] };
    calm = { joined: joined.account, takenBack: takenBack.account };
    const joining = joined.calls.filter((call) => WIDE_OPERATIONS.includes(call) && call !== TAKING_BACK);
    const takingBack = takenBack.calls.filter((call) => call === TAKING_BACK);
    calls = [...joining, ...takingBack];
    chosen = SOAK
      ? pointsOf(calls)
      : [...spreadSample(pointsOf(joining), POINTS - 1, SEED), ...spreadSample(pointsOf(takingBack), 1, SEED)];
    runs = new Runs(fire);
    for (const point of chosen) runs.add(point, kindOf(point), { kind: 'point', point });
  }, TIMEOUT_MS);

  afterAll(async () => {
    if (runs !== undefined) keepFigures('kills beyond one task', { points: chosen.length, ...(await runs.settled()) });
    await fire?.stop();
  }, TIMEOUT_MS);

  it('never, and all goes as it should, and calls each operation that one task never calls', () => {
    expect(calm).toEqual(CALM);
    expect(WIDE_OPERATIONS.filter((operation) => !calls.includes(operation))).toEqual([]);
  });

  itDiesAt({ operations: WIDE_OPERATIONS, count: POINTS, timeoutMs: TIMEOUT_MS }, () => ({
    runs,
    chosen,
    calm: (point) => calm[kindOf(point)],
  }));
});
