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

/** Whether a pushed branch mends the bug: a fresh clone of it, with the tests as they are on `main`, must pass the check. */
export const judge = (real: RealCase, repositoryUrl: string, branch: string): Promise<Judgement> =>
  inClone(repositoryUrl, branch, async (clone, home) => {
    await restoreTests(real, clone);
    return runCheck(real, clone, home);
  });

/** What the check says of a branch as it stands, tests included. */
export const checkAsPushed = (real: RealCase, repositoryUrl: string, branch: string): Promise<Judgement> =>
  inClone(repositoryUrl, branch, (clone, home) => runCheck(real, clone, home));

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
