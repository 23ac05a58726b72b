/** What a set-up depends on: its steps, and the files of the snapshot that installers and the steps themselves read. */
import type { SetupSpec } from '../domain/task.js';
import type { TreeEntry } from '../ports.js';
import { hashOf } from './json-hash.js';

type Entries = readonly Pick<TreeEntry, 'path' | 'oid' | 'mode'>[];

/** Equal for two snapshots that a set-up does the same for. */
export function setupKey(setup: readonly SetupSpec[], entries: Entries): string {
  const named = namedIn(setup);
  const read = entries.filter(({ path }) => MANIFEST.test(path) || named(path));
  return hashOf([setup, read.map(({ path, oid, mode }) => [path, oid, mode])], 40);
}

/**
 * The steps up to the last one that uses the network fetch what the lock files name, and are the same for every task. Those
 * after it build, perhaps from the task's own files; and without a lock file nobody knows what is fetched.
 */
export function sharedSteps(setup: readonly SetupSpec[], entries: Entries): readonly SetupSpec[] {
  const isLocked = entries.some(({ path }) => LOCK.test(path));
  return isLocked ? setup.slice(0, setup.findLastIndex(({ network }) => network) + 1) : [];
}

const file = (names: readonly string[]): RegExp => new RegExp(`(?:^|/)(?:${names.join('|')})$`);
const any = (...parts: readonly RegExp[]): RegExp => new RegExp(parts.map(({ source }) => source).join('|'));

/** Those that say exactly what is fetched. */
const LOCK = file([
  'package-lock\\.json|npm-shrinkwrap\\.json|yarn\\.lock|pnpm-lock\\.yaml|bun\\.lockb?|deno\\.lock',
  'requirements[^/]*\\.txt|constraints[^/]*\\.txt|(?:poetry|uv|pdm|pixi|Pipfile)\\.lock',
  'go\\.sum|go\\.work\\.sum|Cargo\\.lock|Gemfile\\.lock|composer\\.lock|mix\\.lock|pubspec\\.lock|Package\\.resolved',
  'gradle\\.lockfile|packages\\.lock\\.json',
]);

/** Those that say what is wanted. */
const WANTED = file([
  'package\\.json|pnpm-workspace\\.yaml|deno\\.jsonc?|lerna\\.json',
  'pyproject\\.toml|setup\\.(?:py|cfg)|Pipfile|pixi\\.toml|environment\\.ya?ml|tox\\.ini',
  'go\\.(?:mod|work)|Cargo\\.toml|Gemfile|[^/]+\\.gemspec|composer\\.json|mix\\.exs|pubspec\\.yaml|Package\\.swift',
  'pom\\.xml|(?:build|settings)\\.gradle(?:\\.kts)?|gradle\\.properties|libs\\.versions\\.toml|gradle-wrapper\\.properties',
  '[^/]+\\.(?:cs|fs|vb)proj|Directory\\.(?:Build|Packages)\\.(?:props|targets)',
]);

/** Those that say how, where from and by what: an installer does what they say. */
const STEERING = file([
  '\\.npmrc|\\.yarnrc|\\.yarnrc\\.yml|\\.pnpmfile\\.c?js|\\.pnp\\.[^/]+|bunfig\\.toml',
  'pip\\.conf|\\.pypirc|uv\\.toml|poetry\\.toml|pdm\\.toml|(?:nuget|NuGet)\\.[Cc]onfig|\\.condarc',
  '\\.nvmrc|\\.node-version|\\.python-version|\\.ruby-version|\\.tool-versions|mise\\.toml|\\.sdkmanrc|rust-toolchain(?:\\.toml)?|global\\.json',
]);

/** Whole folders of such: patches of packages, releases and plug-ins of yarn, settings of cargo, Maven and bundler. */
const FOLDERS = /(?:^|\/)(?:patches|\.yarn|\.cargo|\.mvn|\.bundle|requirements)\//;

const MANIFEST = any(LOCK, WANTED, STEERING, FOLDERS);

/** Files that a step names: a script of the repository is a part of the step that runs it. */
function namedIn(setup: readonly SetupSpec[]): (path: string) => boolean {
  const words = setup.flatMap(({ run }) => run.split(/[\s'"`;|&()<>=]+/).map((word) => word.replace(/^(?:\.\/)+/, '')));
  const named = new Set(words.filter((word) => word !== ''));
  return (path) => named.has(path);
}
