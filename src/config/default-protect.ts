/** What a task may change in the files that judge it, unless the configuration or the task says otherwise. */
import type { ProtectPolicy, ProtectSpec } from '../domain/task.js';

const rules = (policy: ProtectPolicy, globs: readonly string[]): readonly ProtectSpec[] =>
  globs.map((glob) => ({ glob, policy }));

/**
 * Tests may be added, and lines may be added to tests; what a test says already stays. `deny` would be safer still, but it
 * refuses new files too, and a good change brings its test. The gap that is left: an added line can leave a test early or
 * skip it, and the exit code of a check does not show that.
 */
const TESTS = [
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
 * or an entry point is ordinary work; name them in `protect` where a check is defined by one of them.
 */
const RUNNERS = [
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

/** They run with the project's secrets on machines that weaver does not know. */
const CI = [
  '.github/{workflows,actions}/**',
  '.gitlab-ci.yml',
  '.gitlab/ci/**',
  '.circleci/**',
  '.buildkite/**',
  '.woodpecker/**',
  '.woodpecker.{yml,yaml}',
  '.drone.{yml,yaml}',
  '.travis.yml',
  '.ci/**',
  'azure-pipelines*.{yml,yaml}',
  'bitbucket-pipelines.yml',
  'Jenkinsfile*',
  'appveyor.yml',
  '.husky/**',
  '.pre-commit-config.yaml',
  'lefthook.{yml,yaml}',
];

/** Written by a tool from what a registry says. A model can only make such lines up, addresses and hashes too. */
const LOCKS = [
  '**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lock,bun.lockb,deno.lock}',
  '**/{poetry.lock,Pipfile.lock,uv.lock,pdm.lock,pixi.lock}',
  '**/{Cargo.lock,go.sum,go.work.sum,Gemfile.lock,composer.lock,mix.lock,pubspec.lock,Package.resolved}',
  '**/{gradle.lockfile,packages.lock.json,flake.lock,Podfile.lock}',
];

/** The last rule that names a path counts; rules of the configuration come after these, rules of the task after those. */
export const DEFAULT_PROTECT: readonly ProtectSpec[] = [
  ...rules('add-only', TESTS),
  ...rules('deny', RUNNERS),
  ...rules('deny', CI),
  ...rules('deny', LOCKS),
];
