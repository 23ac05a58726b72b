/** `weaver schedule`: carries the orders out. */
import { dirname, resolve } from 'node:path';
import { backfilledLine, scheduleLines, scheduleTable, triggeredLine } from '../render-schedule.js';
import { durationMs } from '../schedule-times.js';
import type { CreateSchedule, OverlapName, Triggered } from '../schedules.js';
import { unknownSchedule, usageFault } from '../weaver-fault.js';
import type { WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import { inputName, readInputOrStdin } from './input-file.js';
import { withClient } from './look.js';
import type { CreateFlags, ScheduleOrder } from './schedule-program.js';

type Order<Kind extends ScheduleOrder['kind']> = Extract<ScheduleOrder, { kind: Kind }>;

export async function schedule(context: Context, order: ScheduleOrder): Promise<number> {
  if (order.kind === 'create') return await create(context, order);
  if (order.kind === 'list') return await list(context);
  return await withClient(context, 'startIfUsed', async (client) => {
    if (client === null) throw unknownSchedule(order.name);
    return await carry(context, client, order);
  });
}

async function carry(
  context: Context,
  client: WeaverClient,
  order: Exclude<ScheduleOrder, { kind: 'create' | 'list' }>,
): Promise<number> {
  const { name } = order;
  const { schedules } = client;
  switch (order.kind) {
    case 'describe':
      return await describe(context, client, name);
    case 'trigger':
      return showTriggered(context, await schedules.trigger(name, order.flags.overlap as OverlapName | undefined));
    case 'pause':
      await schedules.pause(name, order.flags.why);
      return say(context, { name, paused: true, note: order.flags.why }, `${name} is paused.`);
    case 'resume':
      await schedules.resume(name, order.flags.why);
      return say(context, { name, paused: false }, `${name} runs again.`);
    case 'backfill':
      return await backfill(context, client, order);
    case 'delete':
      await schedules.delete(name);
      return say(context, { name, deleted: true }, `${name} is deleted; jobs that run go on.`);
    default:
      throw new TypeError(`unknown order ${JSON.stringify(order satisfies never)}`);
  }
}

function say({ terminal, json }: Context, value: Readonly<Record<string, unknown>>, line: string): number {
  if (json) terminal.json(value);
  else terminal.out(line);
  return 0;
}

async function create(context: Context, { name, file, flags }: Order<'create'>): Promise<number> {
  const { terminal, config, json } = context;
  const request = requestOf(context, name, flags, await readFileOf(file));
  return await withClient(context, 'start', async (client) => {
    if (client === null) throw unknownSchedule(name);
    const view = await client.schedules.create(request);
    if (json) terminal.json(view);
    else for (const line of scheduleLines(view)) terminal.out(line);
    if ((await client.pollers(config.taskQueue)).length === 0)
      terminal.note(
        `${terminal.paintNote('yellow', 'warning')} No worker polls ${config.taskQueue}: it fires while one does (\`${config.temporal.configured ? 'weaver worker' : 'weaver up'}\`).`,
      );
    return 0;
  });
}

function requestOf(
  { config }: Context,
  name: string,
  { cron, every, at, timezone, jitter, overlap, catchUp, pauseAfter, param = [], key, paused = false }: CreateFlags,
  { text, label, cwd }: ReadFile,
): CreateSchedule {
  return {
    name,
    file: text,
    label,
    cwd,
    limits: config.limits,
    parameters: parametersOf(param),
    paused,
    ...(cron === undefined ? {} : { cron }),
    ...(every === undefined ? {} : { every }),
    ...(at === undefined ? {} : { at }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(jitter === undefined ? {} : { jitterMs: durationMs(jitter, 'a jitter') }),
    ...(overlap === undefined ? {} : { overlap: overlap as OverlapName }),
    ...(catchUp === undefined ? {} : { catchUpMs: durationMs(catchUp, 'a catch-up window') }),
    ...(pauseAfter === undefined ? {} : { pauseAfter: Number(pauseAfter) }),
    ...(key === undefined ? {} : { key }),
  };
}

function parametersOf(given: readonly string[]): Readonly<Record<string, string>> {
  const pairs = given.map((pair) => {
    const equals = pair.indexOf('=');
    if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
    throw usageFault(`“${pair.slice(0, 80)}” is not a parameter.`, 'Write --param name=value.');
  });
  return Object.fromEntries(pairs);
}

interface ReadFile {
  readonly text: string;
  readonly label: string;
  readonly cwd: string;
}

async function readFileOf(file: string): Promise<ReadFile> {
  const text = await readInputOrStdin(file, 'The file');
  return { text, label: inputName(file), cwd: file === '-' ? process.cwd() : dirname(resolve(file)) };
}

async function list(context: Context): Promise<number> {
  const { terminal, json } = context;
  return await withClient(context, 'startIfUsed', async (client) => {
    const rows = client === null ? [] : await client.schedules.list();
    if (json) terminal.json(rows);
    else if (rows.length === 0) terminal.note('No schedules.');
    else for (const line of scheduleTable(rows, terminal.columns)) terminal.out(line);
    return 0;
  });
}

async function describe({ terminal, json }: Context, client: WeaverClient, name: string): Promise<number> {
  const view = await client.schedules.describe(name);
  if (json) terminal.json(view);
  else for (const line of scheduleLines(view)) terminal.out(line);
  return 0;
}

/** The id alone on stdout, for `weaver watch $(weaver schedule trigger nightly)`. */
function showTriggered({ terminal, json }: Context, triggered: Triggered): number {
  if (json) terminal.json(triggered);
  else {
    if (triggered.jobId !== null) terminal.out(triggered.jobId);
    terminal.note(triggeredLine(triggered));
  }
  return 0;
}

async function backfill(context: Context, client: WeaverClient, { name, flags }: Order<'backfill'>): Promise<number> {
  const [from, to] = [timeOf(flags.from), timeOf(flags.to)];
  const runs = await client.schedules.backfill(name, from, to, {
    overlap: flags.overlap as OverlapName | undefined,
    runsMax: flags.max === undefined ? undefined : Number(flags.max),
  });
  const span = { from: from.toISOString(), to: to.toISOString() };
  return say(context, { name, ...span, runs }, backfilledLine(name, runs, span));
}

/** With its zone: a time without one would mean another thing on another host. */
function timeOf(text: string): Date {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return new Date(time);
  throw usageFault(
    `“${text.slice(0, 50)}” is not a time.`,
    'Write it as 2026-11-01T03:00:00Z, or with +01:00 in place of Z.',
  );
}
