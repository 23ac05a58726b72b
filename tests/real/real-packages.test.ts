/**
 * Real bugs of released packages: each case is what it says, and weaver lands its fix and nothing else. Everything is judged in
 * fresh clones, by the tests as they were at the base.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { World } from '../e2e/world.js';
import { buildCase, type Answers, type BuiltCase } from './build.js';
import type { Language, RealCase } from './case.js';
import { casesLookedAt, casesOfThisRun, realCases } from './cases.js';
import { mustRun } from './commands.js';
import { isolatedGit, takeGoCache } from './environment.js';
import { createJudge, failedTests, type Judgement } from './judge.js';
import { publishAnswer } from './publish.js';
import { baseOf, defaultFetchOptions, fetchArchive } from './releases.js';
import { ruleFor, runCase, type CaseRun, type Recording } from './run-case.js';

/** Two archives a case from three registries when the cache is empty; nothing to wait for when it is not. */
const BUILD_TIMEOUT_MS = process.env['WEAVER_SOAK'] === '1' ? 3_600_000 : 400_000;
/** Eight attempts a case, and a first Go build. */
const RUNS_TIMEOUT_MS = 600_000;
const LANDS = ['right', 'wrong-then-right'] as const satisfies readonly Recording[];
const NEVER_RIGHT = ['always-wrong', 'test-editing', 'early-exit'] as const satisfies readonly Recording[];
/** The gate said no, or the same failure came again and again. */
const NOT_LANDED_EXIT_CODES = [1, 9];

const { judge, checkAsPushed } = createJudge();
const built = new Map<string, BuiltCase>();
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weaver-real-'));
  await Promise.all(
    casesLookedAt.map(async (real) => built.set(real.name, await buildCase(real, join(folder, real.name)))),
  );
}, BUILD_TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

it('has six cases or more, two or more in each language', () => {
  expect(casesLookedAt.length).toBeGreaterThanOrEqual(6);
  expect(Math.min(countOf('python'), countOf('javascript'), countOf('go'))).toBeGreaterThanOrEqual(2);
});

/** Needs the built command line (dist/cli.js). First, since it compiles what the others need. */
describe('weaver', () => {
  const runs = new Map<string, CaseRun>();
  const runOf = ({ name }: RealCase, recording: Recording): CaseRun => {
    const ended = runs.get(`${name} ${recording}`);
    if (ended === undefined) throw new Error(`${name} was not run with ${recording}`);
    return ended;
  };
  let world: World;

  beforeAll(async () => {
    const script = casesOfThisRun.flatMap((real) =>
      [...LANDS, ...NEVER_RIGHT].map((recording) => ruleFor(real, caseOf(real), recording)),
    );
    world = await World.start({ script });
    const [byCommand] = casesOfThisRun;
    const start = async (real: RealCase, recording: Recording): Promise<void> => {
      const way = real === byCommand ? 'command line' : 'library';
      runs.set(`${real.name} ${recording}`, await runCase(world, real, caseOf(real), recording, way));
    };
    await Promise.all(
      casesOfThisRun.map(async (real) => {
        // The first one compiles what the others share; they spend most of their time waiting, so they go together.
        await start(real, 'right');
        await Promise.all([start(real, 'wrong-then-right'), ...NEVER_RIGHT.map((recording) => start(real, recording))]);
      }),
    );
    await takeGoCache(world.home);
  }, RUNS_TIMEOUT_MS);

  afterAll(() => world.stop(), 60_000);

  describe.each(casesOfThisRun)('on $name', (real) => {
    it.each(LANDS)('lands the fix when the answers are %s', async (recording) => {
      const ended = runOf(real, recording);
      expect(ended).toMatchObject({ state: 'succeeded', exitCode: 0, branch: ended.taskBranch });
      const { passed, log } = await judge(real, caseOf(real).repositoryUrl, ended.taskBranch);
      expect({ passed, log }).toEqual({ passed: true, log });
      expect((await branchesOf(real)).get(ended.taskBranch)).toBe(ended.commit);
    });

    it('asks once for a right answer, and once more after a wrong one', () => {
      expect(LANDS.map((recording) => runOf(real, recording).requests)).toEqual([1, 2]);
    });

    it.each(NEVER_RIGHT)('lands nothing when the answers are %s', async (recording) => {
      const ended = runOf(real, recording);
      expect(ended.state).not.toBe('succeeded');
      expect(NOT_LANDED_EXIT_CODES).toContain(ended.exitCode);
      expect((await branchesOf(real)).has(ended.taskBranch)).toBe(false);
    });

    it('leaves no other branch', async () => {
      const ours = LANDS.map((recording) => runOf(real, recording).taskBranch);
      expect([...(await branchesOf(real)).keys()]).toEqual(['main', ...ours.toSorted()]);
    });
  });
});

describe.each(casesLookedAt)('$name ($package $base.version)', (real) => {
  it('is red on the base, by the verdict of our tests', async () => {
    const judged = await judge(real, caseOf(real).repositoryUrl, 'main');
    expect(redTests(real, judged)).not.toEqual([]);
  });

  it('is green with what the next release changed', async () => {
    const judged = await publishAndJudge(real, 'right');
    expect(judged).toEqual({ passed: true, log: judged.log });
  });

  it('is red with the wrong fix, by the verdict of our tests', async () => {
    expect(redTests(real, await publishAndJudge(real, 'wrong'))).not.toEqual([]);
  });

  it('is green with emptied tests, until the judge restores them', async () => {
    const judged = await publishAndJudge(real, 'testEditing');
    const asPushed = await checkAsPushed(real, caseOf(real).repositoryUrl, `${RECORDED}testEditing`);
    expect(asPushed).toEqual({ passed: true, log: asPushed.log });
    expect(redTests(real, judged)).not.toEqual([]);
  });

  it('is red when the program ends with success before its tests', async () => {
    const judged = await publishAndJudge(real, 'earlyExit');
    expect(judged).toEqual({ passed: false, log: judged.log });
    expect(failedTests(real, judged.log)).toEqual([]);
  });
});

describe('repositories', () => {
  it('have the same base commit when they are built again', async () => {
    const [real] = casesLookedAt;
    if (real === undefined) throw new Error('no case');
    const again = await buildCase(real, join(folder, 'again'));
    expect(await tipOf(again.repositoryUrl)).toBe(await tipOf(caseOf(real).repositoryUrl));
  });
});

describe('archives', () => {
  const real = casesLookedAt.find(({ language }) => language === 'javascript');
  if (real === undefined) throw new Error('no JavaScript case');
  const archive = baseOf(real);

  it('are fetched again when the cache holds other bytes', async () => {
    const options = { ...defaultFetchOptions(), cacheFolder: join(folder, 'cache') };
    const file = await fetchArchive(archive, options);
    const sound = await readFile(file);
    await writeFile(file, 'half an archive');
    expect(await fetchArchive(archive, options)).toBe(file);
    expect(await readFile(file)).toEqual(sound);
  });

  it('are refused when they do not have the pinned hash', async () => {
    const options = { ...defaultFetchOptions(), cacheFolder: join(folder, 'refused') };
    const other = { ...archive, release: { ...archive.release, sha256: '0'.repeat(64) } };
    await expect(fetchArchive(other, options)).rejects.toThrow('not the pinned one');
  });

  it('that cannot be had fail with the package, the client and a next step', async () => {
    const env = {
      ...process.env,
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_fetch_retries: '0',
      npm_config_cache: join(folder, 'npm-cache'),
    };
    await expect(fetchArchive(archive, { cacheFolder: join(folder, 'nothing'), env })).rejects.toThrow(
      /could not fetch \S+ \S+ with "npm" \(exit 1\).*check the network/,
    );
  });
});

const countOf = (language: Language): number => realCases.filter((real) => real.language === language).length;

function caseOf(real: RealCase): BuiltCase {
  const found = built.get(real.name);
  if (found === undefined) throw new Error(`${real.name} was not built`);
  return found;
}

/** What nobody but the tests pushes. */
const RECORDED = 'recorded/';

/** Each recorded answer has a branch of its own name. */
async function publishAndJudge(real: RealCase, answer: keyof Answers): Promise<Judgement> {
  const { repositoryUrl, answers } = caseOf(real);
  await publishAnswer(repositoryUrl, `${RECORDED}${answer}`, answers[answer]);
  return judge(real, repositoryUrl, `${RECORDED}${answer}`);
}

/** The tests of ours that ran and failed; none if the check passed, or if nothing could be run. */
const redTests = (real: RealCase, { passed, log }: Judgement): readonly string[] =>
  passed ? [] : failedTests(real, log);

const tipOf = (url: string): Promise<string> =>
  mustRun('git', ['rev-parse', 'main'], { cwd: url, env: isolatedGit(), timeoutMs: 10_000 });

/** Without those that these tests push themselves. */
async function branchesOf(real: RealCase): Promise<ReadonlyMap<string, string>> {
  const args = ['for-each-ref', '--format=%(refname:lstrip=2) %(objectname)', 'refs/heads'];
  const start = { cwd: caseOf(real).repositoryUrl, env: isolatedGit(), timeoutMs: 10_000 };
  const lines = (await mustRun('git', args, start)).trim().split('\n');
  const branches = lines.map((line) => line.split(' ') as [string, string]);
  return new Map(branches.filter(([name]) => !name.startsWith(RECORDED)));
}
