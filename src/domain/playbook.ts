/** What a playbook is, and what is wrong with one: commands in their order, with conditions, variables, retries and limits. */
import { conditionFault } from './condition.js';
import { namesIn, namesInCode } from './shell-variables.js';

/** A file of the repository with a playbook. */
export interface PlaybookFile {
  readonly file: string;
}

/** Values by name; a number or a truth value is written as text. */
export type Variables = Readonly<Record<string, string>>;

/** What a step does: a line for the shell, or a check of the task by its name. */
type StepWork =
  { readonly run: string; readonly check?: undefined } | { readonly check: string; readonly run?: undefined };

export type PlaybookStep = StepWork & {
  readonly name: string;
  /** Whether the step is taken; absent = always. */
  readonly when?: string;
  /** Whether a failure of this step ends the playbook. A failure of any step makes the playbook fail. */
  readonly failFast: boolean;
  readonly timeoutSeconds: number;
  /** Further tries of a step that fails, at once. */
  readonly retries: number;
  /** Whether the step may use the network; a check never may. */
  readonly network: boolean;
  /** True if its standard output may be a plan that the task is split by; the playbook ends there then. */
  readonly proposes?: boolean;
};

export interface Playbook {
  readonly name: string;
  readonly variables: Variables;
  readonly steps: readonly PlaybookStep[];
}

/** Looked for where a task names no playbook. */
export const USUAL_PLAYBOOK = '.weaver/playbook.yaml';

/** Variables that every playbook has; none of its own, and none of a task, has such a name. */
export const OWN_VARIABLES = ['title', 'taskId', 'branch', 'baseBranch', 'baseCommit', 'attempt'] as const;

const STEP_DEFAULTS = { failFast: true, timeoutSeconds: 300, retries: 0, network: false } as const;

/** For every package manager that is common: the one whose lock file is there. */
const INSTALL = `if [ -f package-lock.json ]; then npm ci
elif [ -f yarn.lock ]; then yarn install --immutable || yarn install --frozen-lockfile
elif [ -f pnpm-lock.yaml ]; then pnpm install --frozen-lockfile
elif [ -f requirements.txt ]; then python3 -m pip install --user -r requirements.txt
elif [ -f go.mod ]; then go mod download
elif [ -f Cargo.lock ]; then cargo fetch --locked
else echo 'nothing to install'; fi`;

const script = (name: string): string =>
  `if [ -f package.json ]; then npm run ${name} --if-present; elif [ -f Makefile ]; then make ${name}; else echo 'no ${name} here'; fi`;

/** Where neither the task nor the repository has one. Its variables say which of its steps are taken. */
export const DEFAULT_PLAYBOOK: Playbook = {
  name: 'default',
  variables: { install_deps: 'false', lint_enabled: 'true', test_enabled: 'true', build_enabled: 'false' },
  steps: [
    {
      ...STEP_DEFAULTS,
      name: 'Install dependencies',
      when: 'install_deps == true',
      run: INSTALL,
      failFast: false,
      retries: 2,
      network: true,
    },
    { ...STEP_DEFAULTS, name: 'Run linter', when: 'lint_enabled == true', run: script('lint'), failFast: false },
    { ...STEP_DEFAULTS, name: 'Run tests', when: 'test_enabled == true', run: script('test'), timeoutSeconds: 600 },
    {
      ...STEP_DEFAULTS,
      name: 'Build project',
      when: 'build_enabled == true',
      run: script('build'),
      timeoutSeconds: 600,
      retries: 1,
    },
  ],
};

export interface PlaybookFault {
  /** From the playbook's own top, such as `['steps', 1, 'when']`. */
  readonly path: readonly (string | number)[];
  readonly says: string;
}

/** What the other fields of a playbook say of it; each field alone is right. */
export interface PlaybookRaw {
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  readonly steps: readonly {
    readonly name?: unknown;
    readonly run?: unknown;
    readonly check?: unknown;
    readonly when?: unknown;
    readonly proposes?: unknown;
  }[];
}

/**
 * Every fault at once: conditions that are none, variables that nobody gives, names that stand twice.
 * @param given names of the variables that the task gives
 * @param checks names of the task's checks; null where they are not known yet
 */
export function playbookFaults(
  { variables = {}, steps }: PlaybookRaw,
  given: readonly string[],
  checks: readonly string[] | null,
): readonly PlaybookFault[] {
  const known = new Set([...OWN_VARIABLES, ...Object.keys(variables), ...given]);
  const taken = Object.keys(variables).filter((name) => isOwn(name));
  const names = steps.map(({ name }) => name);
  return [
    ...taken.map((name) => ({ path: ['variables', name], says: 'is a variable that every playbook has already' })),
    ...steps.flatMap((step, index) =>
      stepFaults(step, known, checks).map(({ path, says }) => ({ path: ['steps', index, ...path], says })),
    ),
    ...names.flatMap((name, index) =>
      typeof name === 'string' && names.indexOf(name) < index
        ? [{ path: ['steps', index, 'name'], says: `is the name of steps[${names.indexOf(name)}] already` }]
        : [],
    ),
  ];
}

const isOwn = (name: string): boolean => OWN_VARIABLES.some((own) => own === name);

function stepFaults(
  { run, check, when, proposes }: PlaybookRaw['steps'][number],
  known: ReadonlySet<string>,
  checks: readonly string[] | null,
): readonly PlaybookFault[] {
  const isBoth = run !== undefined && check !== undefined;
  const isNone = run === undefined && check === undefined;
  const condition = typeof when === 'string' ? conditionFault(when, known) : null;
  const unknown = typeof run === 'string' ? namesIn(run).filter((name) => !known.has(name)) : [];
  const inCode = typeof run === 'string' ? namesInCode(run) : [];
  const isUnknownCheck = typeof check === 'string' && checks !== null && !checks.includes(check);
  return [
    ...(isBoth ? [{ path: ['check'], says: 'stands beside run: name one of them' }] : []),
    ...(proposes === true && check !== undefined
      ? [{ path: ['proposes'], says: 'is for a step with run: a check proposes nothing' }]
      : []),
    ...(isNone ? [{ path: [], says: 'does nothing: it needs run, or check' }] : []),
    ...(condition === null ? [] : [{ path: ['when'], says: condition }]),
    ...unknown.map((name) => ({ path: ['run'], says: sayUnknownVariable(name, known) })),
    ...inCode.map((name) => ({ path: ['run'], says: sayInCode(name) })),
    ...(isUnknownCheck ? [{ path: ['check'], says: `is none of the checks of the task (${checks.join(', ')})` }] : []),
  ];
}

const sayUnknownVariable = (name: string, known: ReadonlySet<string>): string =>
  `uses \${${name}}, which is no variable; there are ${[...known].join(', ')} (a variable of the shell is written $${name})`;

const sayInCode = (name: string): string =>
  `gives \${${name}} to a program as code, which would carry its value out; hand it over as an argument (sh -c 'echo "$1"' sh \${${name}})`;

/** What counts: the task's values go before the playbook's, and nothing before weaver's own. */
export const variablesOf = (playbook: Playbook, given: Variables, own: Variables): Variables => ({
  ...playbook.variables,
  ...given,
  ...own,
});
