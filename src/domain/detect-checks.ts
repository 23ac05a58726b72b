/** The checks of a repository that names none: told from the files at its top. */
import { TASK_DEFAULTS, type CheckSpec } from './task.js';

/** Files whose text is looked at; the caller reads those that there are. */
export const pathsForDetection: readonly string[] = ['package.json', 'pyproject.toml', 'setup.cfg', 'tox.ini'];

type TextOf = (path: string) => string | undefined;
type Detector = (files: Files, textOf: TextOf) => readonly (readonly [name: string, run: string])[];

/** A repository is a package of one kind first: the first kind that knows a command decides. None is no fault: an empty list. */
export function detectChecks(paths: ReadonlySet<string>, textOf: TextOf): readonly CheckSpec[] {
  const files = filesOf(paths);
  for (const detect of DETECTORS) {
    const found = detect(files, textOf);
    if (found.length > 0)
      return found.map(([name, run]) => ({ name, run, timeoutSeconds: TASK_DEFAULTS.checkTimeoutSeconds }));
  }
  return [];
}

interface Files {
  readonly has: (path: string) => boolean;
  readonly folder: (name: string) => boolean;
  /** A file at the top whose name matches. */
  readonly top: (name: RegExp) => boolean;
}

function filesOf(paths: ReadonlySet<string>): Files {
  const all = [...paths];
  const tops = all.filter((path) => !path.includes('/'));
  const folders = new Set(all.filter((path) => path.includes('/')).map((path) => path.slice(0, path.indexOf('/'))));
  return {
    has: (path) => paths.has(path),
    folder: (name) => folders.has(name),
    top: (name) => tops.some((path) => name.test(path)),
  };
}

/** `npx` must not look for a program elsewhere: checks have no network. */
const NPX = 'npx --no-install';

const javascript: Detector = ({ has, top }, textOf) => {
  if (!has('package.json')) return [];
  const manifest = parseManifest(textOf('package.json'));
  const script = field(manifest, 'scripts', 'test');
  if (script !== undefined && script.trim() !== '' && !PLACEHOLDER.test(script)) return [['npm test', 'npm test']];
  if (top(/^jest\.config\.(?:[cm]?[jt]s|json)$/)) return [['jest', `${NPX} jest`]];
  if (top(/^vitest\.config\.[cm]?[jt]s$/)) return [['vitest', `${NPX} vitest run`]];
  const mocha = ['dependencies', 'devDependencies', 'scripts'].some(
    (group) => field(manifest, group, 'mocha') !== undefined,
  );
  return mocha || top(/^\.mocharc\.(?:[cm]?js|json|jsonc|ya?ml)$/) ? [['mocha', `${NPX} mocha`]] : [];
};

/** What `npm init` writes. */
const PLACEHOLDER = /no test specified/i;

const python: Detector = ({ has, folder, top }, textOf) => {
  if (!['requirements.txt', 'setup.py', 'pyproject.toml', 'setup.cfg', 'pytest.ini'].some(has)) return [];
  const configured = PYTEST_SETTINGS.some(([path, section]) => textOf(path)?.includes(section) === true);
  if (has('pytest.ini') || configured || folder('tests') || has('conftest.py')) return [['pytest', 'pytest']];
  // A folder that is no package is found by its name only. Without -v it would name nothing that passes.
  if (folder('test'))
    return [['unittest', `python3 -m unittest discover -v${has('test/__init__.py') ? '' : ' -s test'}`]];
  return top(/^(?:test_\w+|\w+_test)\.py$/) ? [['pytest', 'pytest']] : [];
};

const PYTEST_SETTINGS = [
  ['pyproject.toml', '[tool.pytest'],
  ['setup.cfg', '[tool:pytest]'],
  ['tox.ini', '[pytest]'],
] as const;

const ruby: Detector = ({ has, folder }) => {
  if (!has('Gemfile')) return [];
  return folder('spec') ? [['rspec', 'bundle exec rspec']] : [['rake test', 'bundle exec rake test']];
};

const gradle: Detector = ({ has }) => {
  if (!has('build.gradle') && !has('build.gradle.kts')) return [];
  return [['gradle test', has('gradlew') ? './gradlew test' : 'gradle test']];
};

const byFile =
  (file: string, command: string): Detector =>
  ({ has }) =>
    has(file) ? [[command.split(' ').slice(0, 2).join(' '), command]] : [];

/** In the order in which they are asked. */
const DETECTORS: readonly Detector[] = [
  javascript,
  python,
  ruby,
  byFile('go.mod', 'go test ./...'),
  byFile('Cargo.toml', 'cargo test'),
  byFile('pom.xml', 'mvn test'),
  gradle,
];

function parseManifest(text: string | undefined): unknown {
  try {
    return JSON.parse(text?.replace(/^\uFEFF/, '') ?? '');
  } catch {
    // A manifest that npm cannot read either tells nothing about checks.
    return null;
  }
}

function field(manifest: unknown, group: string, name: string): string | undefined {
  const values = own(manifest, group);
  const value = own(values, name);
  return typeof value === 'string' ? value : undefined;
}

const own = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
