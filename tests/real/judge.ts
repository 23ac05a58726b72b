import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import picomatch from 'picomatch';
import { checkLine, testGlobs } from './build.js';
import type { Language, RealCase } from './case.js';
import { mustRun, run } from './commands.js';
import { checkEnvironment, isolatedGit } from './environment.js';

export interface Judgement {
  readonly passed: boolean;
  readonly log: string;
}

const CHECK_TIMEOUT_MS = 120_000;

/** Each looks at a branch in a fresh clone of its own. */
interface Judge {
  /** Whether a pushed branch mends the bug: with the tests as they are on `main`, it must pass the check. */
  readonly judge: (real: RealCase, repositoryUrl: string, branch: string) => Promise<Judgement>;
  /** What the check says of a branch as it stands, tests included. */
  readonly checkAsPushed: (real: RealCase, repositoryUrl: string, branch: string) => Promise<Judgement>;
}

/** Runs the check of a case once for each state of the files that it is asked about, whatever branches have come to it. */
export function createJudge(): Judge {
  const known = new Map<string, Promise<Judgement>>();
  const check = async (real: RealCase, clone: string, home: string): Promise<Judgement> => {
    const state = `${real.name} ${await treeIn(clone)}`;
    const judgement = known.get(state) ?? runCheck(real, clone, home);
    known.set(state, judgement);
    return judgement;
  };
  return {
    judge: (real, repositoryUrl, branch) =>
      inClone(repositoryUrl, branch, async (clone, home) => {
        await restoreTests(real, clone);
        return await check(real, clone, home);
      }),
    checkAsPushed: (real, repositoryUrl, branch) =>
      inClone(repositoryUrl, branch, (clone, home) => check(real, clone, home)),
  };
}

/** The id of all files as they lie there. */
async function treeIn(clone: string): Promise<string> {
  const start = { cwd: clone, env: isolatedGit(), timeoutMs: 30_000 };
  await mustRun('git', ['add', '--all', '--force'], start);
  return await mustRun('git', ['write-tree'], start);
}

async function inClone<T>(url: string, branch: string, use: (clone: string, home: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'weaver-judge-'));
  try {
    const clone = join(folder, 'clone');
    const home = join(folder, 'home');
    await mkdir(home);
    const start = { cwd: folder, env: isolatedGit(), timeoutMs: 30_000 };
    await mustRun('git', ['clone', '--quiet', '--no-hardlinks', '--branch', branch, '--', url, clone], start);
    return await use(clone, home);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes every test file of the branch, also ones that the base does not know, and puts the base's in their place. */
async function restoreTests(real: RealCase, clone: string): Promise<void> {
  const start = { cwd: clone, env: isolatedGit(), timeoutMs: 30_000 };
  const isTest = picomatch([...testGlobs(real.language)], { dot: true });
  const testsOf = async (commit: string): Promise<readonly string[]> =>
    (await mustRun('git', ['ls-tree', '-r', '-z', '--name-only', commit], start))
      .split('\0')
      .filter((path) => path !== '' && isTest(path));
  await Promise.all((await testsOf('HEAD')).map((path) => rm(join(clone, path), { force: true })));
  await mustRun('git', ['checkout', '--quiet', 'origin/main', '--', ...(await testsOf('origin/main'))], start);
}

async function runCheck(real: RealCase, clone: string, home: string): Promise<Judgement> {
  const start = { cwd: clone, env: checkEnvironment(home), timeoutMs: CHECK_TIMEOUT_MS };
  const { exitCode, output } = await run('sh', ['-c', checkLine(real)], start);
  return { passed: exitCode === 0, log: output };
}

/** Which of our tests a log reports as failed, in their order: they ran, and said no. */
export const failedTests = ({ language, test }: RealCase, log: string): readonly string[] =>
  test.names.filter((name) => new RegExp(failedLine(language, name), 'm').test(log));

function failedLine(language: Language, name: string): string {
  switch (language) {
    case 'python':
      return `^(FAIL|ERROR): ${name} `;
    case 'javascript':
      return `^ *not ok \\d+ - ${name}$`;
    case 'go':
      return `^--- FAIL: ${name} `;
    case 'rust':
      return `^test ${name} [.]{3} FAILED$`;
  }
}
