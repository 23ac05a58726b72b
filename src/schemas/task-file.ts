/** Task files, flags and start inputs become a specification, or every fault there is. */
import { ASK_STEPS, modeNamed, type AskStep } from '../domain/ask-mode.js';
import { HANDLERS, type Handler, type LimitsSpec, type TaskSpec } from '../domain/task.js';
import { utf8Bytes } from '../domain/payload-limit.js';
import { isMap } from '../domain/plain-object.js';
import { OWN_VARIABLES } from '../domain/playbook.js';
import { PortFault } from '../ports.js';
import { quorumFaults } from './ask-shape.js';
import {
  sayIssue,
  shapeFaults,
  showFault,
  type FieldNames,
  type Path,
  type ShapeFault,
  type TaskFault,
} from './faults.js';
import {
  byLine,
  fieldOf,
  nowhere,
  placed,
  retypeSets,
  setsOf,
  wantText,
  type PlaceOf,
  type Sets,
} from './placed-faults.js';
import { rawPlaybookFaults } from './playbook-file.js';
import { isRelativePath, resolvePath } from './remote-url.js';
import { applySets, type SetValue } from './set-values.js';
import { CHOSEN_HANDLERS, storedSchema, TASK_BOUNDS, taskFields, taskFileSchema, toSpec } from './task-shape.js';
import { readYaml, type ReadText } from './yaml-text.js';

export type ParsedTask =
  { readonly kind: 'ok'; readonly spec: TaskSpec } | { readonly kind: 'faults'; readonly faults: readonly TaskFault[] };

export interface TaskOptions {
  /** `path=value`, applied in order before validation. */
  readonly sets?: readonly string[];
  /** Limits of the configuration, for those that the task leaves out. */
  readonly limits?: Partial<LimitsSpec>;
  /** Absolute folder that a relative repo.url is resolved against; without it such a url is a fault. */
  readonly cwd?: string;
}

export interface TaskFlags {
  readonly repo?: string;
  readonly title?: string;
  readonly description?: string;
  readonly checks?: readonly string[];
  readonly sets?: readonly string[];
}

/** The specification with JSON's quotes and escapes is smaller than this; comments may take the rest. */
const FILE_CHARACTERS_MAX = 1_000_000;

/** Reads a task file (YAML or JSON). Every fault at once, each with its line or the flag it came from. */
export function parseTask(text: string, options: TaskOptions = {}): ParsedTask {
  const read = readYaml(text, FILE_CHARACTERS_MAX);
  return read.kind === 'faults' ? read : parseRead(read, options);
}

/** A task file whose text has been read already. */
export function parseRead({ value, placeOf, faults }: ReadText, options: TaskOptions): ParsedTask {
  if ((value === null || value === undefined) && (options.sets ?? []).length === 0)
    return {
      kind: 'faults',
      faults: [{ path: '', line: 1, says: 'is empty: it needs title, description and repo.url' }],
    };
  return parseContent(value ?? {}, setsOf(options.sets), { ...options, alone: true }, placeOf, faults);
}

/** The same without a file. The description defaults to the title, and the title to the first line of the description. */
export function taskFromFlags(flags: TaskFlags, options: TaskOptions = {}): ParsedTask {
  const { title = titleFrom(flags.description), description = flags.title } = flags;
  const given: readonly (SetValue | null)[] = [
    flagValue(['title'], title, '--title'),
    flagValue(['description'], description, '--description'),
    flagValue(['repo', 'url'], flags.repo, '--repo'),
    ...(flags.checks ?? []).map((run, index) => flagValue(['checks', index], run, '--check')),
  ];
  const sets = setsOf([...(flags.sets ?? []), ...(options.sets ?? [])]);
  const values = given.filter((value) => value !== null);
  const parsed = parseContent(
    { repo: {} },
    { values: [...values, ...sets.values], faults: sets.faults },
    { ...options, alone: true },
    nowhere,
    [],
  );
  return parsed.kind === 'ok' ? parsed : { kind: 'faults', faults: parsed.faults.map(withFlag) };
}

/** For what a client sends: a specification, or the content of a task file as an object. Throws PortFault invalidTask. */
export function parseSpec(value: unknown, limits: Partial<LimitsSpec> = {}): TaskSpec {
  const parsed = parseContent(value, { values: [], faults: [] }, { limits }, nowhere, []);
  if (parsed.kind === 'ok') return parsed.spec;
  throw new PortFault('invalidTask', parsed.faults.map((fault) => showFault(fault)).join('; '), false);
}

/** A specification that weaver has kept, with changes: it may have a handler that no file names. */
export const parseStored = (value: unknown, { sets }: Pick<TaskOptions, 'sets'> = {}): ParsedTask =>
  parseContent(value, setsOf(sets), {}, nowhere, []);

const FLAGS: Readonly<Record<string, string>> = {
  title: '--title',
  description: '--description',
  'repo.url': '--repo',
};

const withFlag = (fault: TaskFault): TaskFault => {
  const flag = FLAGS[fault.path];
  return fault.says === 'is missing' && flag !== undefined
    ? { ...fault, says: `is missing: name it with ${flag}` }
    : fault;
};

const titleFrom = (description: string | undefined): string | undefined =>
  description?.trim().split('\n', 1)[0]?.slice(0, TASK_BOUNDS.titleCharacters);

const flagValue = (path: Path, value: string | undefined, flag: string): SetValue | null =>
  value === undefined ? null : { path, value, text: value, flag };

function parseContent(
  given: unknown,
  sets: Sets,
  options: TaskOptions & { readonly alone?: boolean },
  placeOf: PlaceOf,
  before: readonly TaskFault[],
): ParsedTask {
  const applied = applySets(given, sets.values);
  const content = withAbsoluteUrl(applied.content, options.cwd);
  const schema = options.alone === true ? taskFileSchema : storedSchema;
  const validate = (each: unknown): ValidatedTask => validateTask(each, taskFields, schema);
  const first = validate(content);
  const retyped = first.kind === 'ok' ? null : retypeSets(content, first.wantText, sets.values);
  const { final, result } =
    retyped === null ? { final: content, result: first } : { final: retyped, result: validate(retyped) };
  const found = [
    ...(result.kind === 'ok' ? [] : result.faults),
    ...crossFaults(final),
    ...executionFaults(final),
    ...(options.alone === true ? aloneFaults(final) : []),
  ];
  const faults = [
    ...before,
    ...sets.faults,
    ...applied.faults,
    ...found.map((fault) => placed(fault, sets.values, placeOf)),
  ].toSorted(byLine);
  if (result.kind === 'faults' || faults.length > 0) return { kind: 'faults', faults };
  const spec = toSpec(result.file, options.limits ?? {});
  const bytes = utf8Bytes(JSON.stringify(spec));
  if (bytes <= TASK_BOUNDS.specBytes) return { kind: 'ok', spec };
  const says = `has ${bytes} bytes; ${TASK_BOUNDS.specBytes} are the most`;
  return { kind: 'faults', faults: [{ path: '', line: placeOf([]).line, says }] };
}

export type ValidatedTask =
  | { readonly kind: 'ok'; readonly file: Parameters<typeof toSpec>[0] }
  | { readonly kind: 'faults'; readonly faults: readonly ShapeFault[]; readonly wantText: readonly Path[] };

/** What each field says of itself; `fields` are those that a fault may suggest. */
export function validateTask(
  content: unknown,
  fields: FieldNames = taskFields,
  schema: typeof taskFileSchema | typeof storedSchema = taskFileSchema,
): ValidatedTask {
  const parsed = schema.safeParse(content, { error: sayIssue });
  if (parsed.success) return { kind: 'ok', file: parsed.data };
  const { issues } = parsed.error;
  return { kind: 'faults', faults: shapeFaults(issues, fields), wantText: wantText(issues) };
}

/** The content with a relative repo.url made absolute; other content stays as it is. */
export function withAbsoluteUrl<T>(content: T, cwd: string | undefined): T | Readonly<Record<string, unknown>> {
  const repo = fieldOf(content, 'repo');
  const url = fieldOf(repo, 'url');
  if (cwd === undefined || typeof url !== 'string' || !isRelativePath(url.trim())) return content;
  return { ...content, repo: { ...(repo as object), url: resolvePath(cwd, url.trim()) } };
}

/** What no field can say alone. Looks at the raw content, so that other faults do not hide these. */
export function crossFaults(content: unknown): readonly ShapeFault[] {
  const repo = fieldOf(content, 'repo');
  const branch = fieldOf(repo, 'branch');
  const same = typeof branch === 'string' && branch === fieldOf(repo, 'baseBranch');
  return [
    ...(same ? [{ path: ['repo', 'branch'], says: 'is the base branch, which weaver never pushes to' }] : []),
    ...twoCosts(content, ['limits']),
    ...twoCosts(content, ['limits', 'attempt']),
    ...repeatedNames(content, 'checks'),
    ...repeatedNames(content, 'setup'),
    ...askingFaults(content),
    ...splitFaults(content),
    ...unreachableQuorum(content),
    ...modesFaults(content),
  ];
}

/** Steps that the task does not have, and ways of asking several where there are not so many models. */
function modesFaults(content: unknown): readonly ShapeFault[] {
  const modes = fieldOf(content, 'modes');
  if (!isMap(modes)) return [];
  const named = fieldOf(content, 'models');
  const own = Array.isArray(named) ? named.length : 0;
  return ASK_STEPS.filter((step) => modes[step] !== undefined).flatMap((step) => {
    const says = strayStep(content, step);
    if (says !== null) return [{ path: ['modes', step], says }];
    return tooFewModels(modes[step], own).map(({ path, says: why }) => ({ path: ['modes', step, ...path], says: why }));
  });
}

/** Null if the task has the step, or may have it. */
function strayStep(content: unknown, step: AskStep): string | null {
  const chooses = fieldOf(content, 'chooseHandler');
  switch (step) {
    case 'turn':
      return mayUse(content, 'agent') ? null : 'is for handler: agent';
    case 'plan':
      if (!mayUse(content, 'plan')) return 'is for handler: plan';
      return fieldOf(content, 'handler') === 'plan' && fieldOf(content, 'ask') !== undefined
        ? 'stands beside ask: name one of them'
        : null;
    case 'judge': {
      const judge = fieldOf(content, 'judge');
      if (judge === undefined) return 'is for a task with judge: true';
      return judge === true ? null : 'stands beside a judge by name: write judge: true, and name the models here';
    }
    case 'choose':
      if (chooses === undefined) return 'is for a task with chooseHandler';
      return fieldOf(chooses, 'model') === undefined
        ? null
        : 'stands beside chooseHandler.model: name the models in one of them';
    case 'resolve':
      return mayConflict(content) ? null : 'is for a task that may be split: handler: plan, or maySplit: true';
    default:
      throw new TypeError(`unknown step ${JSON.stringify(step satisfies never)}`);
  }
}

/** What a split task is made of may not fit together; its joins, and what they leave to others, have the step for it. */
function mayConflict(content: unknown): boolean {
  const made: readonly unknown[] = ['join', 'resolve', 'playbook', 'human', 'script'];
  return mayUse(content, 'plan') || fieldOf(content, 'maySplit') === true || made.includes(fieldOf(content, 'handler'));
}

/** An agent of the configuration has a handler that is not known here. */
function mayUse(content: unknown, handler: Handler): boolean {
  const alternatives = fieldOf(content, 'alternatives');
  return (
    fieldOf(content, 'handler') === handler ||
    fieldOf(content, 'agent') !== undefined ||
    fieldOf(content, 'chooseHandler') !== undefined ||
    (Array.isArray(alternatives) && alternatives.includes(handler))
  );
}

function tooFewModels(rules: unknown, own: number): readonly ShapeFault[] {
  const name = typeof rules === 'string' ? rules : fieldOf(rules, 'mode');
  const mode = typeof name === 'string' ? modeNamed(name) : null;
  if (mode === null || mode === 'single') return [];
  const models = fieldOf(rules, 'models');
  const count = Array.isArray(models) ? models.length : own;
  if (count < 2) return [{ path: ['models'], says: `must name two models or more: ${mode} asks several` }];
  return quorumFaults(rules, count);
}

/** A vote that cannot be won would be paid for. Where a judge decides what votes do not, nothing is paid in vain. */
function unreachableQuorum(content: unknown): readonly ShapeFault[] {
  const [ask, models] = [fieldOf(content, 'ask'), fieldOf(content, 'models')];
  // Which models the configuration names is known where it is read.
  if (!Array.isArray(models) || models.length === 0 || fieldOf(ask, 'judge') !== undefined) return [];
  return quorumFaults(ask, models.length).map(({ path, says }) => ({ path: ['ask', ...path], says }));
}

/** Ways of asking that the handler does not have, or that exclude each other. */
function askingFaults(content: unknown): readonly ShapeFault[] {
  const [handler = 'one-shot', agent, ask] = ['handler', 'agent', 'ask'].map((name) => fieldOf(content, name));
  const has = (name: string): boolean => fieldOf(content, name) !== undefined;
  if (agent !== undefined) return [];
  const stray = (name: string, wanted: readonly string[]): readonly ShapeFault[] =>
    has(name) && !wanted.includes(String(handler))
      ? [{ path: [name], says: `is for handler: ${wanted.join(' or ')}` }]
      : [];
  return [
    ...stray('ask', ['one-shot', 'plan']),
    ...stray('candidates', ['one-shot']),
    ...stray('shadow', ['one-shot']),
    ...(has('candidates') && ask !== undefined
      ? [{ path: ['candidates'], says: 'stands beside ask: name one of them' }]
      : []),
  ];
}

/** Only who is asked to do the task can be offered to split it. */
function splitFaults(content: unknown): readonly ShapeFault[] {
  if (fieldOf(content, 'maySplit') !== true) return [];
  const does = fieldOf(content, 'handler') === undefined || mayUse(content, 'one-shot') || mayUse(content, 'agent');
  return [
    ...(does ? [] : [{ path: ['maySplit'], says: 'is for handler: one-shot or agent' }]),
    ...(fieldOf(content, 'candidates') === undefined
      ? []
      : [{ path: ['maySplit'], says: 'stands beside candidates, which are compared by their changes: leave one out' }]),
  ];
}

/** Fields of a handler that another one would not read, and a playbook as a whole. */
export function executionFaults(content: unknown): readonly ShapeFault[] {
  const [handler, agent] = [fieldOf(content, 'handler'), fieldOf(content, 'agent')];
  const [script, playbook, variables] = ['script', 'playbook', 'variables'].map((name) => fieldOf(content, name));
  const stray = (name: string, value: unknown, wanted: string): readonly ShapeFault[] =>
    value !== undefined && agent === undefined && handler !== wanted
      ? [{ path: [name], says: `is for handler: ${wanted}` }]
      : [];
  const isScriptless = handler === 'script' && agent === undefined && script === undefined;
  const given = isMap(variables) ? Object.keys(variables) : [];
  return [
    ...(isScriptless ? [{ path: ['script'], says: 'is missing: name what handler: script runs' }] : []),
    ...stray('script', script, 'script'),
    ...stray('playbook', playbook, 'playbook'),
    ...stray('variables', variables, 'playbook'),
    ...ownVariableFaults(given),
    ...rawPlaybookFaults(playbook, given, checkNames(content)).map(({ path, says }) => ({
      path: ['playbook', ...path],
      says,
    })),
  ];
}

const ownVariableFaults = (given: readonly string[]): readonly ShapeFault[] =>
  given
    .filter((name) => OWN_VARIABLES.some((own) => own === name))
    .map((name) => ({ path: ['variables', name], says: 'is a variable that every playbook has already' }));

/** Null where they are detected later, or named by their commands. */
function checkNames(content: unknown): readonly string[] | null {
  const checks = fieldOf(content, 'checks');
  if (!Array.isArray(checks)) return null;
  const names = checks.map((each: unknown) => fieldOf(each, 'name'));
  return names.every((name) => typeof name === 'string') ? names : null;
}

/** The same limit in two units. */
export function twoCosts(content: unknown, path: readonly string[]): readonly ShapeFault[] {
  const limits = path.reduce(fieldOf, content);
  const both = fieldOf(limits, 'costUsd') !== undefined && fieldOf(limits, 'costUsdMicros') !== undefined;
  return both ? [{ path: [...path, 'costUsdMicros'], says: 'stands beside costUsd: name one of them' }] : [];
}

/** What makes sense in a job only; a task of a job, which is validated again when it begins, is not asked. */
const aloneFaults = (content: unknown): readonly ShapeFault[] => [
  ...ownHandlerFaults(content),
  ...agentFaults(content),
  ...(fieldOf(content, 'handler') === 'join'
    ? [{ path: ['handler'], says: 'is for a task of a job that depends on others: join merges their branches' }]
    : []),
];

/** A finished specification has the default handler beside the agent. */
function agentFaults(content: unknown): readonly ShapeFault[] {
  const handler = fieldOf(content, 'handler');
  if (fieldOf(content, 'agent') === undefined || handler === undefined || handler === 'one-shot') return [];
  return [{ path: ['handler'], says: 'stands beside agent, which names the handler: leave one of them out' }];
}

/** Weaver's own handlers are named by its own specifications only. */
export function ownHandlerFaults(content: unknown): readonly ShapeFault[] {
  const handler = fieldOf(content, 'handler');
  const isOwn = HANDLERS.some((name) => name === handler) && !CHOSEN_HANDLERS.some((name) => name === handler);
  return isOwn ? [{ path: ['handler'], says: `must be one of ${CHOSEN_HANDLERS.join(', ')}` }] : [];
}

function repeatedNames(content: unknown, list: string): readonly ShapeFault[] {
  const commands = fieldOf(content, list);
  if (!Array.isArray(commands)) return [];
  const names = commands
    .map((each: unknown) => fieldOf(each, 'name'))
    .map((name) => (typeof name === 'string' ? name.trim() : name));
  return names.flatMap((name, index) =>
    typeof name === 'string' && names.indexOf(name) < index
      ? [{ path: [list, index, 'name'], says: `is the name of ${list}[${names.indexOf(name)}] already` }]
      : [],
  );
}
