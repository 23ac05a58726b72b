/** From a file with placeholders to what a schedule starts: checked now, as it will be rendered then. */
import { isKey, KEY_RULE } from '../domain/key.js';
import type { JobSpec } from '../domain/job.js';
import type { LimitsSpec, TaskSpec } from '../domain/task.js';
import { fill, mapTexts, namesInText, render, TIME_NAMES, timeWords, type TimeName } from '../domain/template.js';
import { parseFile, type TaskFault } from '../schemas.js';
import { showPath, type Path } from '../schemas/faults.js';
import { readYaml } from '../schemas/yaml-text.js';
import type { ScheduledContent } from '../workflows/schedule-messages.js';
import { invalidTask } from './task-faults.js';
import { usageFault } from './weaver-fault.js';

export interface ScheduleFileOptions {
  readonly schedule: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** In place of the file's own. */
  readonly key: string | undefined;
  /** Of the schedule; UTC if absent. */
  readonly timezone?: string;
  /** Folder that a relative repo.url is resolved against. */
  readonly cwd?: string | undefined;
  readonly limits?: Partial<LimitsSpec> | undefined;
  /** Name of the file, for faults. */
  readonly label?: string | undefined;
}

export interface ScheduleFile {
  readonly content: ScheduledContent;
  /** With times in it, as the key. */
  readonly title: string;
  readonly key: string;
  /** Whether a time of the schedule's own zone is named. */
  readonly isLocal: boolean;
}

/** As much as a task file. */
const FILE_CHARACTERS_MAX = 1_000_000;

/** Throws a WeaverFault that names every fault of the file. */
export function readScheduleFile(text: string, options: ScheduleFileOptions): ScheduleFile {
  const read = readYaml(text, FILE_CHARACTERS_MAX);
  if (read.kind === 'faults') throw invalidTask(read.faults, options.label);
  const faults = [...read.faults, ...unknownNames(read.value, options, (path) => read.placeOf(path).line)];
  if (faults.length > 0) throw invalidTask(faults, options.label);
  checkParameters(read.value, options);
  const stand = standIns([text, options.cwd, ...Object.values(options.parameters)].join('\n'));
  const values = { ...options.parameters, schedule: options.schedule, ...stand };
  const filled = mapTexts(read.value, (one) => fill(one, values));
  const parsed = parse(filled, options, (path) => read.placeOf(path).line);
  const { content, key: own } = withoutKey(parsed, (value) => mapTexts(value, (one) => takeBack(one, stand)));
  const { title } = content.kind === 'task' ? content.spec : content.job;
  const key = fill(options.key ?? own ?? DEFAULT_KEY, { ...options.parameters, schedule: options.schedule });
  const named = [...textsIn(content, []).map(({ text: one }) => one), key].flatMap(namesInText);
  return {
    content,
    title: render(title, {}),
    key: checkedKey(key, options.timezone ?? 'UTC'),
    isLocal: named.some((name) => name === 'localDate' || name === 'localTime'),
  };
}

/** The key is the run's business. Texts alone change, so the shape stays. */
function withoutKey(
  parsed: ScheduledContent,
  change: (value: unknown) => unknown,
): { readonly content: ScheduledContent; readonly key: string | undefined } {
  if (parsed.kind === 'task') {
    const { key, ...spec } = change(parsed.spec) as TaskSpec;
    return { content: { kind: 'task', spec }, key };
  }
  const { key, ...job } = change(parsed.job) as JobSpec;
  return { content: { kind: 'job', job }, key };
}

/** A name and a time: two triggers of one time are one job. */
const DEFAULT_KEY = '${schedule}-${scheduledTime}';

const EXAMPLE = timeWords(Date.UTC(2026, 10, 21, 3));

function parse(
  content: unknown,
  { cwd, limits, label }: ScheduleFileOptions,
  lineOf: (path: Path) => number | null,
): ScheduledContent {
  const parsed = parseFile(JSON.stringify(content ?? null), {
    ...(cwd === undefined ? {} : { cwd }),
    ...(limits === undefined ? {} : { limits }),
  });
  if (parsed.kind !== 'faults') return parsed;
  const faults = parsed.faults.map((fault) => ({ ...fault, line: lineOf(pathOf(fault.path)) }));
  throw invalidTask(faults, label, parsed.whole);
}

const pathOf = (shown: string): Path =>
  [...shown.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));

/** The first fits nearly always. */
const STAND_INS_MAX = 1_000;

const isTime = (name: string): name is TimeName => (TIME_NAMES as readonly string[]).includes(name);

/** Every text that names something which has no value. */
function unknownNames(
  value: unknown,
  { parameters }: ScheduleFileOptions,
  lineOf: (path: Path) => number | null,
): readonly TaskFault[] {
  const known = new Set<string>([...TIME_NAMES, 'schedule', ...Object.keys(parameters)]);
  return textsIn(value, []).flatMap(({ path, text }) =>
    namesInText(text)
      .filter((name) => !known.has(name))
      .map((name) => ({
        path: showPath(path),
        line: lineOf(path),
        says: `names \${${name}}, which has no value: give --param ${name}=…, or write $\${${name}} if it is meant as it stands`,
      })),
  );
}

function textsIn(value: unknown, path: Path): readonly { readonly path: Path; readonly text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((one: unknown, at) => textsIn(one, [...path, at]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]: [string, unknown]) => textsIn(one, [...path, name]));
}

function checkParameters(value: unknown, { parameters, key = '' }: ScheduleFileOptions): void {
  const used = new Set([...textsIn(value, []).map(({ text }) => text), key].flatMap(namesInText));
  for (const name of Object.keys(parameters)) {
    if (!/^[A-Za-z][A-Za-z0-9_]{0,39}$/.test(name))
      throw usageFault(
        `“${name.slice(0, 50)}” cannot be a parameter.`,
        'Use 1 to 40 letters, digits and _, a letter first.',
      );
    if (isTime(name) || name === 'schedule')
      throw usageFault(`${name} has a value of its own in every run.`, 'Give the parameter another name.');
    if (!used.has(name))
      throw usageFault(`The file does not name the parameter ${name}.`, `Write \${${name}} where its value belongs.`);
  }
}

/**
 * Times are not known yet, but fields have rules: texts of the same form stand for them while the file is read, which occur
 * nowhere else in it.
 */
function standIns(text: string): Readonly<Record<TimeName, string>> {
  for (let at = 0; at < STAND_INS_MAX; at += 1) {
    const [minute, second] = [at % 60, (at * 7) % 60];
    const { localDate, localTime } = timeWords(Date.UTC(9_000 + at, 1, 26, 22, minute, second));
    const words = { ...timeWords(Date.UTC(8_000 + at, 1, 26, 23, minute, second)), localDate, localTime };
    if (!TIME_NAMES.some((name) => text.includes(words[name]))) return words;
  }
  throw usageFault('The file is full of numbers that look like times.', 'Write the times in another way.');
}

/** The longest first: it ends in the time of day. */
const takeBack = (text: string, stand: Readonly<Record<TimeName, string>>): string =>
  TIME_NAMES.reduce((all, name) => all.replaceAll(stand[name], () => `\${${name}}`), text);

const UTC = /^(?:etc\/)?(?:utc|gmt)$/i;

/** A key without a time would make every run the first one's job. */
function checkedKey(key: string, timezone: string): string {
  const names = namesInText(key);
  const unknown = names.find((name) => !isTime(name));
  if (unknown !== undefined)
    throw usageFault(
      `The key names \${${unknown}}, which has no value.`,
      `Give --param ${unknown}=…, or use ${shown}.`,
    );
  if (names.length === 0)
    throw usageFault(
      `Every run would have the key “${key.slice(0, 100)}” and be the same job.`,
      `Name a time in it (${shown}), or leave it out: then it is \${schedule}-\${scheduledTime}.`,
    );
  if (names.every((name) => name === 'date') && !UTC.test(timezone))
    throw usageFault(
      `The key names \${date}, the day in UTC; the schedule is in ${timezone}, where days begin at another time.`,
      'Write ${localDate} for one job on each day of that zone.',
    );
  if (isKey(render(key, EXAMPLE))) return key;
  throw usageFault(`“${render(key, EXAMPLE).slice(0, 120)}” cannot be a key.`, `Use ${KEY_RULE}.`);
}

const shown = TIME_NAMES.map((name) => `\${${name}}`).join(', ');
