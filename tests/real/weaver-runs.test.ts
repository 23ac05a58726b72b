import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RealCase } from './case.js';
import { casesOfThisRun } from './cases.js';
import { mustRun } from './commands.js';
import { isolatedGit } from './environment.js';
import { judge } from './judge.js';
import { runCase, type CaseRun, type Recording } from './run-case.js';

/** Two attempts a run, and a first Go build in a home of its own. */
const RUNS_TIMEOUT_MS = 600_000;
const NEVER_RIGHT = ['always-wrong', 'test-editing', 'early-exit'] as const satisfies readonly Recording[];
/** The gate said no, or the same failure came again and again. */
const NOT_LANDED_EXIT_CODES = [1, 9];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weaver-runs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Needs the built command line (dist/cli.js). */
describe.each(casesOfThisRun)('weaver on $name', (real) => {
  const runs = new Map<Recording, CaseRun>();
  const runOf = (recording: Recording): CaseRun => {
    const ended = runs.get(recording);
    if (ended === undefined) throw new Error(`${recording} was not run`);
    return ended;
  };

  const start = async (recording: Recording) => runs.set(recording, await runWeaver(real, recording));

  beforeAll(async () => {
    // The first one starts what the others share; they spend most of their time waiting, so they go together.
    await start('right');
    await Promise.all([start('wrong-then-right'), ...NEVER_RIGHT.map(start)]);
  }, RUNS_TIMEOUT_MS);

  it.each(['right', 'wrong-then-right'] as const)('lands the fix when the answers are %s', async (recording) => {
    const ended = runOf(recording);
    expect(ended).toMatchObject({ state: 'succeeded', exitCode: 0, branch: ended.taskBranch });
    const { passed, log } = await judge(real, ended.repositoryUrl, ended.taskBranch);
    expect({ passed, log }).toEqual({ passed: true, log });
    expect((await branchesOf(ended)).get(ended.taskBranch)).toBe(ended.commit);
  });

  it('asks once for a right answer, and once more after a wrong one', () => {
    expect([runOf('right').requests, runOf('wrong-then-right').requests]).toEqual([1, 2]);
  });

  it.each(NEVER_RIGHT)('lands nothing when the answers are %s', async (recording) => {
    const ended = runOf(recording);
    expect(ended.state).not.toBe('succeeded');
    expect(NOT_LANDED_EXIT_CODES).toContain(ended.exitCode);
    expect([...(await branchesOf(ended)).keys()]).toEqual(['main']);
  });
});

/** One home for all runs, so that they share what weaver starts below it. */
const runWeaver = (real: RealCase, recording: Recording): Promise<CaseRun> =>
  runCase(real, recording, { work: join(folder, 'work'), home: join(folder, 'home') });

async function branchesOf({ repositoryUrl }: CaseRun): Promise<ReadonlyMap<string, string>> {
  const args = ['for-each-ref', '--format=%(refname:lstrip=2) %(objectname)', 'refs/heads'];
  const listed = await mustRun('git', args, { cwd: repositoryUrl, env: isolatedGit(), timeoutMs: 10_000 });
  return new Map(
    listed
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
}
