/** What a task may change in the files that judge it, unless the configuration or the task says otherwise. */
import { RUNNER_FILES, TEST_FILES } from '../domain/judge-files.js';
import type { ProtectPolicy, ProtectSpec } from '../domain/task.js';

const rules = (policy: ProtectPolicy, globs: readonly string[]): readonly ProtectSpec[] =>
  globs.map((glob) => ({ glob, policy }));

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

/** They steer git and weaver themselves: what runs before a commit, whose code a submodule is, what the next task is led by. */
const STEERING = ['.{githooks,git-hooks}/**', '**/.gitattributes', '.gitmodules', '.weaver/**'];

/** Written by a tool from what a registry says. A model can only make such lines up, addresses and hashes too. */
const LOCKS = [
  '**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lock,bun.lockb,deno.lock}',
  '**/{poetry.lock,Pipfile.lock,uv.lock,pdm.lock,pixi.lock}',
  '**/{Cargo.lock,go.sum,go.work.sum,Gemfile.lock,composer.lock,mix.lock,pubspec.lock,Package.resolved}',
  '**/{gradle.lockfile,packages.lock.json,flake.lock,Podfile.lock}',
];

/** The last rule that names a path counts; rules of the configuration come after these, rules of the task after those. */
export const DEFAULT_PROTECT: readonly ProtectSpec[] = [
  ...rules('add-only', TEST_FILES),
  ...rules('deny', RUNNER_FILES),
  ...rules('deny', CI),
  ...rules('deny', STEERING),
  ...rules('deny', LOCKS),
];
