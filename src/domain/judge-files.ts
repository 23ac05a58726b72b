/** The files that judge the work: tests, what steers them, and the parts of others that say how they are run. */
import { isObject } from './plain-object.js';

/**
 * Tests may be added, and lines may be added to tests; what a test says already stays. `deny` would be safer still, but it
 * refuses new files too, and a good change brings its test. What an added line can do to the tests around it is seen by the
 * guard `weakenedTests`, and by the tests of the base, which are run again on what is to land.
 */
export const TEST_FILES: readonly string[] = [
  '**/{test,tests,Test,Tests,__tests__,testdata,__snapshots__}/**',
  // Python
  '**/test_*.py',
  '**/*_test.py',
  '**/tests.py',
  // JavaScript, TypeScript: what node --test, jest, vitest and mocha take for tests
  '**/*.{test,spec}.*',
  '**/*{-,_}test.{js,mjs,cjs,ts,mts,cts}',
  '**/test-*.{js,mjs,cjs,ts,mts,cts}',
  '**/test.{js,mjs,cjs,ts,mts,cts}',
  '**/*.snap',
  // Go
  '**/*_test.go',
  // Java, Kotlin, Scala, C#, PHP, Swift
  '**/*{Test,Tests,IT,Spec}.{java,kt,kts,scala,groovy,cs,php,swift}',
  // Ruby, Elixir, Dart, Rust
  '**/spec/**/*.rb',
  '**/*_{spec,test}.{rb,exs,dart,rs}',
];

/**
 * Files that only steer a test runner: one line in them leaves out every test, and they hold nothing that a task needs.
 * Files with other uses (package.json, pyproject.toml, Makefile, setup.cfg) are not among them, since adding a dependency
 * or an entry point is ordinary work: of those the gate puts back what concerns tests, and runs the checks once more.
 */
export const RUNNER_FILES: readonly string[] = [
  '**/conftest.py',
  '**/{pytest.ini,.pytest.ini,tox.ini,noxfile.py,.coveragerc}',
  '**/{sitecustomize,usercustomize}.py',
  // Python runs what lies at the top before what is installed.
  '{unittest,pytest,_pytest}{.py,/**}',
  '**/node_modules/**',
  '**/{jest,vitest,karma,playwright,cypress,ava,wdio}.config.*',
  '**/{jest,vitest}.setup.*',
  '**/vitest.workspace.*',
  '**/.mocharc*',
  '**/{phpunit.xml,phpunit.xml.dist,.rspec,spec_helper.rb,rails_helper.rb}',
];

/**
 * Files whose recipes are commands, of which a check may be one, and settings that runners read beside other programs.
 * What also lists dependencies (pom.xml, build.gradle, Cargo.toml) is not among them: without its new ones nothing would build.
 */
export const RECIPE_FILES: readonly string[] = [
  '**/{vite,babel}.config.*',
  '**/{.npmrc,bunfig.toml}',
  '**/{Makefile,makefile,GNUmakefile,*.mk,justfile,Justfile,.justfile,Rakefile,Taskfile.yml,Taskfile.yaml}',
];

/** Paths that a check's command names and that are there to check; a program that it starts is the work itself. */
export function namedByCheck(run: string, has: (path: string) => boolean): readonly string[] {
  const words = run.split(/[\s'"`;|&()<>=]+/).map((word) => word.replace(/^(?:\.\/)+/, ''));
  return [...new Set(words)].filter((path) => path !== '' && CHECKS.test(path) && has(path));
}

const CHECKS = /\.(?:sh|bash|bats|zsh)$|(?:^|[/_.-])(?:tests?|checks?|specs?|verify|validate|lint|ci)(?:[/_.-]|$)/i;

/** Whether only a part of the file is about tests. */
export const hasTestPart = (path: string): boolean => partOf(path) !== null;

/** The file as it is now with the part that is about tests as it was; the same text if that part is the same. */
export function withTestPartOf(path: string, before: string | null, now: string): string {
  const put = partOf(path);
  return put === null ? now : put(before ?? '', now);
}

type PutPart = (before: string, now: string) => string;

function partOf(path: string): PutPart | null {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === 'package.json') return putManifest(MANIFEST_KEYS);
  if (name === 'deno.json' || name === 'deno.jsonc') return putManifest(DENO_KEYS);
  if (name === 'pyproject.toml') return putSections(TOML_TESTS);
  return name === 'setup.cfg' ? putSections(CFG_TESTS) : null;
}

/** What npm runs, and the settings of runners that live in the manifest. */
const MANIFEST_KEYS = ['scripts', 'jest', 'vitest', 'mocha', 'ava', 'tap', 'nyc', 'c8'] as const;

/** What deno runs, and which files it takes for tests; the imports are dependencies. */
const DENO_KEYS = ['tasks', 'test', 'exclude'] as const;

const putManifest =
  (keys: readonly string[]): PutPart =>
  (before, now) => {
    const [old, fresh] = [parsed(before), parsed(now)];
    // What cannot be read (npm takes no comments, and of deno's nothing is known) is as it was, then.
    if (!isObject(fresh)) return before === '' ? now : before;
    const parts = isObject(old) ? old : {};
    if (keys.every((key) => JSON.stringify(parts[key]) === JSON.stringify(fresh[key]))) return now;
    const kept = Object.entries(fresh).filter(([key]) => !keys.includes(key));
    const put = keys.flatMap((key) => (parts[key] === undefined ? [] : [[key, parts[key]]]));
    return `${JSON.stringify(Object.fromEntries([...kept, ...put]), null, 2)}\n`;
  };

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The caller says what stands in place of it.
    return null;
  }
}

const TOML_TESTS = /^\s*\[\[?\s*tool\.(?:pytest|coverage|tox|nox|hatch\.envs|poe|pdm\.scripts|taskipy)\b/;
const CFG_TESTS = /^\s*\[\s*(?:tool:pytest|pytest|coverage:|aliases|test)/;

const putSections =
  (isTest: RegExp): PutPart =>
  (before, now) => {
    const parts = (text: string) => sections(text).filter((section) => isTest.test(section));
    const [old, fresh] = [parts(before), parts(now)];
    if (old.join('\n') === fresh.join('\n')) return now;
    const others = sections(now).filter((section) => !isTest.test(section));
    return `${[...others, ...old].map((section) => section.replace(/\n*$/, '\n')).join('\n')}`;
  };

/** From one header to the next; what stands before the first is a section too. */
const sections = (text: string): readonly string[] => text.split(/\n(?=\s*\[)/).filter((section) => section !== '');
