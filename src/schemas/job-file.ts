/** Job files and start inputs become a job, or every fault there is. */
import { graphOf, sayGraphFault, type GraphFault, type GraphTask } from '../domain/dependency-graph.js';
import { contentOf, type JobSpec, type JobTask, type TaskContent } from '../domain/job.js';
import { JOB_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import type { LimitsSpec, TaskSpec } from '../domain/task.js';
import { PortFault } from '../ports.js';
import { nearest, sayIssue, shapeFaults, showFault, showPath, type Path, type ShapeFault } from './faults.js';
import type { TaskFault } from './faults.js';
import {
  jobFields,
  jobSchema,
  jobTaskFields,
  PLACE_FIELDS,
  placeSchema,
  SHARED_FIELDS,
  type Place,
} from './job-shape.js';
import { byLine, fieldOf, nowhere, placed, retypeSets, setsOf, wantText, type PlaceOf } from './placed-faults.js';
import { applySets } from './set-values.js';
import {
  crossFaults,
  executionFaults,
  ownHandlerFaults,
  parseRead,
  twoCosts,
  validateTask,
  withAbsoluteUrl,
  type TaskOptions,
} from './task-file.js';
import { microDollars, TASK_BOUNDS } from './task-shape.js';
import { readYaml } from './yaml-text.js';
import { isMap } from '../domain/plain-object.js';

export type ParsedJob =
  { readonly kind: 'ok'; readonly job: JobSpec } | { readonly kind: 'faults'; readonly faults: readonly TaskFault[] };

export type ParsedFile =
  | { readonly kind: 'task'; readonly spec: TaskSpec }
  | { readonly kind: 'job'; readonly job: JobSpec }
  /** `whole` is what faults call the whole. */
  | { readonly kind: 'faults'; readonly faults: readonly TaskFault[]; readonly whole: string };

/** Five thousand tasks with a line each for id, title, description and dependencies, and comments. */
const FILE_CHARACTERS_MAX = 4_000_000;

/** More faults than this have one cause, or are mended in several rounds anyway. */
const FAULTS_MAX = 200;

/** Reads a job file (YAML or JSON). Every fault at once, each with its line or the flag it came from. */
export function parseJob(text: string, options: TaskOptions = {}): ParsedJob {
  const read = readYaml(text, FILE_CHARACTERS_MAX);
  return read.kind === 'faults' ? read : parseContent(read.value, options, read.placeOf, read.faults);
}

/** A file with `tasks` is a job, any other a task. */
export function parseFile(text: string, options: TaskOptions = {}): ParsedFile {
  const read = readYaml(text, FILE_CHARACTERS_MAX);
  if (read.kind === 'faults') return { ...read, whole: 'the file' };
  if (fieldOf(read.value, 'tasks') !== undefined) {
    const parsed = parseContent(read.value, options, read.placeOf, read.faults);
    return parsed.kind === 'ok' ? { kind: 'job', job: parsed.job } : { ...parsed, whole: WHOLE_JOB };
  }
  const parsed = parseRead(read, options);
  return parsed.kind === 'ok' ? { kind: 'task', spec: parsed.spec } : { ...parsed, whole: 'the task' };
}

/** For what a client sends: a job, or the content of a job file as an object. Throws PortFault invalidTask. */
export function parseJobSpec(value: unknown, limits: Partial<LimitsSpec> = {}): JobSpec {
  const parsed = parseContent(value, { limits }, nowhere, []);
  if (parsed.kind === 'ok') return parsed.job;
  throw new PortFault(
    'invalidTask',
    parsed.faults.map((fault) => showFault(fault, undefined, WHOLE_JOB)).join('; '),
    false,
  );
}

/** What faults call the whole. */
const WHOLE_JOB = 'the job';

function parseContent(given: unknown, options: TaskOptions, placeOf: PlaceOf, before: readonly TaskFault[]): ParsedJob {
  const folded = fieldOf(given, 'defaults') !== undefined;
  const sets = setsOf(options.sets);
  const applied = applySets(folded ? unfolded(given) : (given ?? {}), sets.values);
  const first = examine(applied.content, options);
  const retyped = first.faults.length === 0 ? null : retypeSets(applied.content, first.wantText, sets.values);
  const { job, faults: found } = retyped === null ? first : examine(retyped, options);
  const faults = [
    ...before,
    ...sets.faults,
    ...applied.faults,
    ...found.map((fault) => placed(fault, sets.values, folded ? nowhere : placeOf)),
  ].toSorted(byLine);
  if (job === null || faults.length > 0) return { kind: 'faults', faults: bounded(faults) };
  const bytes = utf8Bytes(JSON.stringify(job));
  if (bytes <= JOB_BYTES_MAX) return { kind: 'ok', job };
  return { kind: 'faults', faults: [{ path: '', line: placeOf([]).line, says: sayTooLarge(bytes) }] };
}

/** What the start input may hold, without the requester and the version. */
const JOB_BYTES_MAX = JOB_INPUT_BYTES_MAX - 4_096;

const sayTooLarge = (bytes: number): string =>
  `has ${bytes} bytes; ${JOB_BYTES_MAX} are the most: write what tasks share once at the top, ` +
  'name files in relatedFiles instead of quoting them, or make several jobs of it';

function bounded(faults: readonly TaskFault[]): readonly TaskFault[] {
  const more = faults.length - FAULTS_MAX;
  if (more <= 0) return faults;
  return [...faults.slice(0, FAULTS_MAX), { path: '', line: null, says: `has ${more} more faults` }];
}

/** A finished job in the form of its file, so that one set of rules is enough. What does not fit stays, to be refused. */
function unfolded(job: unknown): unknown {
  const { defaults, tasks, ...rest } = job as Readonly<Record<string, unknown>>;
  const alien = isMap(defaults) ? Object.keys(defaults).filter((name) => !isShared(name)) : ['defaults'];
  return {
    ...rest,
    ...(isMap(defaults) ? Object.fromEntries(Object.entries(defaults).filter(([name]) => isShared(name))) : {}),
    ...Object.fromEntries(alien.map((name) => [name === 'defaults' ? name : `defaults.${name}`, null])),
    tasks: Array.isArray(tasks) ? tasks.map(unfoldedTask) : tasks,
  };
}

function unfoldedTask(task: unknown): unknown {
  if (!isMap(task) || !isMap(task['content'])) return task;
  const { content, dependsOn, ...place } = task;
  const edges = Array.isArray(dependsOn)
    ? dependsOn.map((edge: unknown) => (isMap(edge) && 'on' in edge ? withoutOn(edge) : edge))
    : dependsOn;
  return { ...content, ...place, ...(edges === undefined ? {} : { dependsOn: edges }) };
}

const withoutOn = ({ on, ...edge }: TaskContent): TaskContent => ({ ...edge, task: on });

interface Examined {
  /** Null if there are faults. */
  readonly job: JobSpec | null;
  readonly faults: readonly ShapeFault[];
  readonly wantText: readonly Path[];
}

function examine(content: unknown, { cwd, limits }: TaskOptions): Examined {
  const parsed = jobSchema.safeParse(content, { error: sayIssue });
  const issues = parsed.success ? [] : parsed.error.issues;
  const written = isMap(content) ? content : {};
  const defaults = sharedOf(written, cwd, limits);
  const list: unknown = written['tasks'];
  // A list that is too long is not worth a look at each.
  const tooMany = issues.some(({ path, code }) => code === 'too_big' && path.length === 1 && path[0] === 'tasks');
  const tasks = Array.isArray(list) && !tooMany ? list.map((task: unknown) => examineTask(task, defaults, cwd)) : [];
  const faults = [
    ...shapeFaults(issues, jobFields),
    ...twoCosts(written, ['budget']),
    ...sharedFaults(defaults),
    ...tasks.flatMap((task, index) => task.faults.map((fault) => blamed(fault, task.content, defaults, index))),
    ...placeFaults(tasks),
  ];
  const wanted = [
    ...wantText(issues),
    ...tasks.flatMap((task, index) => task.wantText.map((path) => ['tasks', index, ...path])),
  ];
  const all = merged(faults, tasks.length);
  if (!parsed.success || all.length > 0) return { job: null, faults: all, wantText: wanted };
  return { job: toJob(parsed.data, tasks, defaults), faults: [], wantText: [] };
}

function toJob(
  { title, key, tags, concurrency, priority, budget }: ReturnType<typeof jobSchema.parse>,
  tasks: readonly ExaminedTask[],
  defaults: TaskContent,
): JobSpec {
  const specs = tasks.flatMap(({ place, content }) => (place === null ? [] : [jobTask(place, content)]));
  return {
    title: title ?? String(specs[0]?.content['title']).trim(),
    tasks: specs,
    defaults,
    budget,
    concurrency,
    priority,
    tags,
    ...(key === undefined ? {} : { key }),
  };
}

const jobTask = ({ id, dependsOn, stackOn }: Place, content: TaskContent): JobTask => ({
  id,
  dependsOn,
  ...(stackOn === undefined ? {} : { stackOn }),
  content,
});

/** As it is written, since what is left out would fill each task of a large job; but limits in the unit of specifications. */
function sharedOf(written: TaskContent, cwd: string | undefined, configured: Partial<LimitsSpec> = {}): TaskContent {
  const named = Object.fromEntries(Object.entries(written).filter(([name]) => isShared(name)));
  const shared = inMicros(withAbsoluteUrl(named, cwd));
  if (Object.keys(configured).length === 0) return shared;
  return contentOf({ defaults: { limits: configured } }, { content: shared });
}

const isShared = (name: string): boolean => (SHARED_FIELDS as readonly string[]).includes(name);

/** Task and job may name a limit in different units, and the nearer one counts. */
function inMicros(content: TaskContent): TaskContent {
  const { limits } = content;
  if (!isMap(limits)) return content;
  const { attempt } = limits;
  return { ...content, limits: { ...converted(limits), ...(isMap(attempt) ? { attempt: converted(attempt) } : {}) } };
}

function converted(limits: TaskContent): TaskContent {
  const { costUsd, ...others } = limits;
  if (typeof costUsd !== 'number' || !(costUsd > 0 && costUsd <= TASK_BOUNDS.costUsd) || 'costUsdMicros' in limits)
    return limits;
  return { ...others, costUsdMicros: microDollars(costUsd) };
}

interface ExaminedTask {
  /** Null if it is not valid. */
  readonly place: Place | null;
  /** Where it is meant to stand, as far as that can be read, valid or not; edges that say nothing are empty. */
  readonly meant: GraphTask;
  /** Its own, without what is shared. */
  readonly content: TaskContent;
  /** Seen from the task. */
  readonly faults: readonly ShapeFault[];
  readonly wantText: readonly Path[];
}

function examineTask(task: unknown, defaults: TaskContent, cwd: string | undefined): ExaminedTask {
  if (!isMap(task)) {
    const faults = [{ path: [], says: 'must be a map of fields' }];
    return { place: null, meant: meantPlace({}), content: {}, faults, wantText: [] };
  }
  const own = Object.fromEntries(Object.entries(task).filter(([name]) => !PLACE_FIELDS.includes(name)));
  const content = inMicros(withAbsoluteUrl(own, cwd));
  const place = placeSchema.safeParse(task, { error: sayIssue });
  const issues = place.success ? [] : place.error.issues;
  const whole = contentOf({ defaults }, { content });
  const validated = validateTask(whole, jobTaskFields);
  return {
    place: place.success ? place.data : null,
    meant: place.success ? place.data : meantPlace(task),
    content,
    faults: [
      ...shapeFaults(issues, jobTaskFields),
      ...(content['key'] === undefined ? [] : [{ path: ['key'], says: 'belongs to the job: write it at the top' }]),
      ...(validated.kind === 'ok' ? [] : validated.faults),
      ...crossFaults(whole),
      ...executionFaults(whole),
      ...ownHandlerFaults(whole),
      ...(place.success ? roleFaults(whole, place.data) : []),
    ],
    wantText: [...wantText(issues), ...(validated.kind === 'ok' ? [] : validated.wantText)],
  };
}

function meantPlace({ id, dependsOn }: TaskContent): GraphTask {
  const edges: readonly unknown[] = Array.isArray(dependsOn) ? dependsOn : [];
  const names = edges.map((edge) => (isMap(edge) ? edge['task'] : edge));
  return { id: nameIn(id), dependsOn: names.map((name) => ({ on: nameIn(name) })) };
}

const nameIn = (value: unknown): string => (typeof value === 'string' ? value : '');

function roleFaults({ handler }: TaskContent, { dependsOn, stackOn }: Place): readonly ShapeFault[] {
  const ids = dependsOn.map(({ on }) => on);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) < index);
  return [
    ...(handler === 'join' && ids.length === 0
      ? [{ path: ['handler'], says: 'join merges the branches of other tasks: name them in dependsOn' }]
      : []),
    ...(stackOn !== undefined && !ids.includes(stackOn)
      ? [{ path: ['stackOn'], says: 'is not among dependsOn, and its branch is there only when it has ended' }]
      : []),
    ...(twice < 0 ? [] : [{ path: ['dependsOn', twice], says: `names ${ids[twice]} a second time` }]),
  ];
}

/** What is wrong in the shared part though every task may have replaced it. */
function sharedFaults(defaults: TaskContent): readonly ShapeFault[] {
  const stand = { title: 'x', description: 'x', repo: { url: 'file:///x' } };
  const whole = contentOf({ defaults: stand }, { content: defaults });
  const validated = validateTask(whole, jobTaskFields);
  return [...(validated.kind === 'ok' ? [] : validated.faults), ...crossFaults(whole)];
}

/** A fault of a task belongs to the shared part if that has more of the field than the task has. */
function blamed({ path, says }: ShapeFault, own: TaskContent, shared: TaskContent, index: number): ShapeFault {
  const isTheirs = depthIn(shared, path) > depthIn(own, path);
  return { path: isTheirs ? path : ['tasks', index, ...path], says };
}

function depthIn(value: unknown, path: Path): number {
  let within = value;
  for (const [depth, key] of path.entries()) {
    within = fieldOf(within, String(key));
    if (within === undefined) return depth;
  }
  return path.length;
}

/** Each fault once; what every task lacks is one fault of the job. */
function merged(faults: readonly ShapeFault[], tasks: number): readonly ShapeFault[] {
  const lacking = new Map<string, number>();
  for (const fault of faults) {
    const field = fieldLacked(fault);
    if (field !== null) lacking.set(field, (lacking.get(field) ?? 0) + 1);
  }
  const all = faults.map((fault) => {
    const field = fieldLacked(fault);
    if (field === null || tasks < 2 || lacking.get(field) !== tasks) return fault;
    return { path: fault.path.slice(2), says: 'is missing: write it once at the top, or in each task' };
  });
  return [...new Map(all.map((fault) => [`${showPath(fault.path)} ${fault.says}`, fault])).values()];
}

const fieldLacked = ({ path, says }: ShapeFault): string | null =>
  says === 'is missing' && path[0] === 'tasks' && isShared(String(path[2])) ? showPath(path.slice(2)) : null;

/** Ids that are there twice, and edges that lead nowhere or in a circle. */
function placeFaults(tasks: readonly ExaminedTask[]): readonly ShapeFault[] {
  const indexOf = new Map<string, number>();
  const faults: ShapeFault[] = [];
  for (const [index, { meant }] of tasks.entries()) {
    if (meant.id === '') continue;
    const first = indexOf.get(meant.id);
    if (first === undefined) indexOf.set(meant.id, index);
    else faults.push({ path: ['tasks', index, 'id'], says: `is the id of tasks[${first}] already` });
  }
  const graph = graphOf(tasks.flatMap(({ meant }) => (meant.id === '' ? [] : [withoutEmpty(meant)])));
  if (graph.kind === 'ok') return faults;
  // A task without a name may be the one that an edge means.
  const unnamed = tasks.some(({ meant }) => meant.id === '');
  const found = graph.faults.filter(({ kind }) => kind !== 'unknown' || !unnamed);
  return [...faults, ...found.map((fault) => graphFault(fault, indexOf, tasks))];
}

const withoutEmpty = ({ id, dependsOn }: GraphTask): GraphTask => ({
  id,
  dependsOn: dependsOn.filter(({ on }) => on !== ''),
});

function graphFault(
  fault: GraphFault,
  indexOf: ReadonlyMap<string, number>,
  tasks: readonly ExaminedTask[],
): ShapeFault {
  const [task = '', on = ''] =
    fault.kind === 'cycle' ? fault.path : [fault.task, fault.kind === 'self' ? fault.task : fault.on];
  const index = indexOf.get(task) ?? 0;
  const edge = tasks[index]?.meant.dependsOn.findIndex((each) => each.on === on) ?? 0;
  const path = ['tasks', index, 'dependsOn', Math.max(0, edge)];
  if (fault.kind !== 'unknown') return { path, says: sayGraphFault(fault) };
  const near = nearest(on, [...indexOf.keys()]);
  return { path, says: `${sayGraphFault(fault)}${near === null ? '' : `; did you mean ${near}?`}` };
}
