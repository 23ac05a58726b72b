/** Task files, flags and start inputs become a specification, or every fault there is. */
import type { LimitsSpec, TaskSpec } from '../domain/task.js';
import { utf8Bytes } from '../domain/payload-limit.js';
import { PortFault } from '../ports.js';
import { sayIssue, shapeFaults, showFault, showPath, type Path, type ShapeFault, type TaskFault } from './faults.js';
import { isRelativePath, resolvePath } from './remote-url.js';
import { applySets, parseSet, type SetValue } from './set-values.js';
import { TASK_BOUNDS, taskFields, taskFileSchema, toSpec } from './task-shape.js';
import { readYaml } from './yaml-text.js';

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
  if (read.kind === 'faults') return read;
  if ((read.value === null || read.value === undefined) && (options.sets ?? []).length === 0)
    return {
      kind: 'faults',
      faults: [{ path: '', line: 1, says: 'is empty: it needs title, description and repo.url' }],
    };
  return parseContent(read.value ?? {}, setsOf(options.sets), options, read.placeOf, read.faults);
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
    options,
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

interface Sets {
  readonly values: readonly SetValue[];
  readonly faults: readonly TaskFault[];
}

function setsOf(texts: readonly string[] = []): Sets {
  const parsed = texts.map(parseSet);
  return {
    values: parsed.filter((each) => 'flag' in each),
    faults: parsed.filter((each) => 'says' in each),
  };
}

/** Line, and how much of the path the text has. */
type PlaceOf = (path: Path) => { readonly line: number | null; readonly depth: number };

/** Without a text only a flag can be to blame, for what it has set or for what is in it. */
const nowhere: PlaceOf = (path) => ({ line: null, depth: path.length - 1 });

function parseContent(
  given: unknown,
  sets: Sets,
  options: TaskOptions,
  placeOf: PlaceOf,
  before: readonly TaskFault[],
): ParsedTask {
  const applied = applySets(given, sets.values);
  const content = withAbsoluteUrl(applied.content, options.cwd);
  const first = validate(content);
  const { content: final, result } =
    first.kind === 'ok' ? { content, result: first } : retypeSets(content, first, sets.values);
  const found = [...(result.kind === 'ok' ? [] : result.faults), ...crossFaults(final)];
  const faults = [
    ...before,
    ...sets.faults,
    ...applied.faults,
    ...found.map((fault) => placed(fault, sets.values, placeOf)),
  ].toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0);
  if (result.kind === 'faults' || faults.length > 0) return { kind: 'faults', faults };
  const spec = toSpec(result.file, options.limits ?? {});
  const bytes = utf8Bytes(JSON.stringify(spec));
  if (bytes <= TASK_BOUNDS.specBytes) return { kind: 'ok', spec };
  const says = `has ${bytes} bytes; ${TASK_BOUNDS.specBytes} are the most`;
  return { kind: 'faults', faults: [{ path: '', line: placeOf([]).line, says }] };
}

type Validated =
  | { readonly kind: 'ok'; readonly file: Parameters<typeof toSpec>[0] }
  | { readonly kind: 'faults'; readonly faults: readonly ShapeFault[]; readonly wantText: readonly string[] };

function validate(content: unknown): Validated {
  const parsed = taskFileSchema.safeParse(content, { error: sayIssue });
  if (parsed.success) return { kind: 'ok', file: parsed.data };
  const { issues } = parsed.error;
  const wantText = issues.flatMap((issue) =>
    issue.code === 'invalid_type' && issue.expected === 'string' ? [showPath(issue.path)] : [],
  );
  return { kind: 'faults', faults: shapeFaults(issues, taskFields), wantText };
}

/** `--set key=42` means the text 42: a value that looks like a number is one only where a number is wanted. */
function retypeSets(content: unknown, failed: Extract<Validated, { kind: 'faults' }>, sets: readonly SetValue[]) {
  const texts = sets
    .filter(
      ({ path, value }) => ['number', 'boolean'].includes(typeof value) && failed.wantText.includes(showPath(path)),
    )
    .map((set) => ({ ...set, value: set.text }));
  if (texts.length === 0) return { content, result: failed };
  const retyped = applySets(content, texts).content;
  return { content: retyped, result: validate(retyped) };
}

function withAbsoluteUrl(content: unknown, cwd: string | undefined): unknown {
  const url = fieldOf(fieldOf(content, 'repo'), 'url');
  if (cwd === undefined || typeof url !== 'string' || !isRelativePath(url.trim())) return content;
  const absolute = resolvePath(cwd, url.trim());
  return applySets(content, [{ path: ['repo', 'url'], value: absolute, text: absolute, flag: '' }]).content;
}

/** What no field can say alone. Looks at the raw content, so that other faults do not hide these. */
function crossFaults(content: unknown): readonly ShapeFault[] {
  const repo = fieldOf(content, 'repo');
  const branch = fieldOf(repo, 'branch');
  const same = typeof branch === 'string' && branch === fieldOf(repo, 'baseBranch');
  const limits = fieldOf(content, 'limits');
  const twoCosts = fieldOf(limits, 'costUsd') !== undefined && fieldOf(limits, 'costUsdMicros') !== undefined;
  return [
    ...(same ? [{ path: ['repo', 'branch'], says: 'is the base branch, which weaver never pushes to' }] : []),
    ...(twoCosts ? [{ path: ['limits', 'costUsdMicros'], says: 'stands beside costUsd: name one of them' }] : []),
    ...repeatedNames(content, 'checks'),
    ...repeatedNames(content, 'setup'),
  ];
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

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;

/** What a flag has set is that flag's fault, and so is what is wrong or missing in a part that only the flag has made. */
function placed({ path, says }: ShapeFault, sets: readonly SetValue[], placeOf: PlaceOf): TaskFault {
  const { line, depth } = placeOf(path);
  const made = path.slice(0, depth + 1);
  const own = sets.findLast((set) => starts(path, set.path));
  const flag = (own ?? (depth < path.length ? sets.findLast((set) => starts(set.path, made)) : undefined))?.flag;
  if (flag !== undefined) return { path: showPath(path), line: null, says: `${says} (${flag})` };
  return { path: showPath(path), line, says };
}

const starts = (path: Path, start: Path): boolean => start.every((key, index) => path[index] === key);
