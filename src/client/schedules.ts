/** Jobs that are started again and again: over Temporal's schedules, every policy set by name. */
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type Client,
  type ScheduleDescription,
  type ScheduleHandle,
  type ScheduleOptions,
} from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { setTimeout as pause } from 'node:timers/promises';
import { START_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import type { LimitsSpec } from '../domain/task.js';
import {
  hostQueue,
  JANITOR_WORKFLOW,
  janitorSchedule,
  SCHEDULED_JOB_WORKFLOW,
  type JanitorInput,
  type Overlap,
  type ScheduledJobInput,
} from '../workflows/schedule-messages.js';
import { readScheduleFile } from './schedule-file.js';
import { jobIdOf, jobInputOf, runsOf, type ScheduleRun } from './schedule-runs.js';
import { checkedZone, specOfTimes, timeWordsOf, type Times } from './schedule-times.js';
import { isNotFound } from './temporal-faults.js';
import { catalogueFault, unknownSchedule, usageFault, WeaverFault } from './weaver-fault.js';
import { zoneOffsets } from './zone-offsets.js';

export type { ScheduleRun };

/** What becomes of a run whose predecessor has not ended. */
export const OVERLAPS = {
  skip: 'SKIP',
  'buffer-one': 'BUFFER_ONE',
  'buffer-all': 'BUFFER_ALL',
  'cancel-other': 'CANCEL_OTHER',
  'terminate-other': 'TERMINATE_OTHER',
  'allow-all': 'ALLOW_ALL',
} as const satisfies Record<string, Overlap>;
export type OverlapName = keyof typeof OVERLAPS;

/** Each stands in every schedule, so that no default of a server decides. */
const SCHEDULE_DEFAULTS = {
  /** Two jobs of one file would push to one branch. */
  overlap: 'skip',
  /** After an outage the last run is made up for; a week of nightly runs at once helps nobody. Temporal's own default is a year. */
  catchUpMs: 60 * 60_000,
  /** A time that was asked for is meant. */
  jitterMs: 0,
  /** The same everywhere, and no hour twice or never. */
  timezone: 'UTC',
} as const satisfies { overlap: OverlapName; catchUpMs: number; jitterMs: number; timezone: string };

export interface CreateSchedule extends Partial<Times> {
  readonly name: string;
  /** A task file, with placeholders: as text or as the object that it holds. */
  readonly file: string | Readonly<Record<string, unknown>>;
  readonly parameters?: Readonly<Record<string, string>>;
  /** With times in it; `${schedule}-${scheduledTime}` if neither it nor the file names one. */
  readonly key?: string;
  readonly overlap?: OverlapName;
  /** How late a run may begin that was missed. */
  readonly catchUpMs?: number;
  /** So many failed jobs in a row pause it, 1 to 10; absent = it goes on. */
  readonly pauseAfter?: number;
  readonly paused?: boolean;
  readonly requester?: string;
  /** Limits of the configuration, for those that the file leaves out. */
  readonly limits?: Partial<LimitsSpec>;
  /** Folder that a relative repo.url is resolved against. */
  readonly cwd?: string;
  /** Name of the file, for faults. */
  readonly label?: string;
}

export interface ScheduleRow {
  readonly name: string;
  readonly title: string;
  /** `cron 0 3 * * *`, `every 1h`, `at mon-fri 03:30`. */
  readonly times: readonly string[];
  readonly paused: boolean;
  readonly note: string;
  readonly next: string | null;
}

export interface ScheduleView extends Omit<ScheduleRow, 'next'> {
  /** Temporal's name of what is started. */
  readonly workflow: string;
  readonly timezone: string;
  readonly jitterMs: number;
  readonly overlap: OverlapName;
  readonly catchUpMs: number;
  readonly pauseAfter: number | null;
  /** Null if they are not counted. */
  readonly failuresInARow: number | null;
  readonly key: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly requester: string | null;
  /** The next five. */
  readonly next: readonly string[];
  /** The last five, newest first. */
  readonly runs: readonly ScheduleRun[];
  readonly counts: { readonly started: number; readonly skipped: number; readonly missed: number };
}

export interface Triggered {
  readonly name: string;
  /** `skipped`: the overlap policy did not let it begin; `waiting`: it begins when the one before has ended. */
  readonly kind: 'started' | 'skipped' | 'waiting';
  readonly jobId: string | null;
  /** False if no worker has taken the run up yet: the job is not there. */
  readonly begun: boolean;
  readonly webUrl: string | null;
}

/** What a backfill starts. */
export interface Backfill {
  /** `buffer-all` if absent: one after the other. */
  readonly overlap?: OverlapName | undefined;
  /** Most runs that are meant, 1 to 10,000; 100 if absent. */
  readonly runsMax?: number | undefined;
}

export interface SchedulesOptions {
  readonly taskQueue: string;
  readonly requester: string;
  readonly webUrl: (workflowId: string) => string | null;
  /** Runs one question to the server and translates its faults. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T>;
}

/** Part of keys, so of workflow ids. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/;
/** The server remembers ten runs, by which failures are counted. */
const PAUSE_AFTER_MAX = 10;
/** A run is a paid job: a mistyped year is not to start thousands of them. A quarter of nightly runs is below it. */
const BACKFILL_RUNS_MAX = 100;
/** The server names a thousand times in one answer, and nobody means more runs than this. */
const BACKFILL_COUNTED_MAX = 10_000;
const NEXT_SHOWN = 5;
const LISTED_MAX = 1_000;
const TITLE_CHARACTERS_MAX = 190;
/** A worker that is there starts a job within a second. */
const BEGIN_WAIT_MS = 5_000;
const BEGIN_POLL_MS = 100;
/** A sweep that has found no worker for so long is ended, or it would keep the next ones from starting. */
const JANITOR_TIMEOUT_MS = 30 * 60_000;

export class Schedules {
  constructor(
    private readonly temporal: Client,
    private readonly options: SchedulesOptions,
  ) {}

  /** Checks the file as it will be rendered, and everything else, before anything is made. */
  async create(request: CreateSchedule): Promise<ScheduleView> {
    const { name, pauseAfter } = request;
    if (!NAME.test(name))
      throw usageFault(
        `“${name.slice(0, 80)}” cannot be the name of a schedule.`,
        'Use 1 to 60 letters, digits, - and _.',
      );
    if (pauseAfter !== undefined && !(Number.isInteger(pauseAfter) && pauseAfter >= 1 && pauseAfter <= PAUSE_AFTER_MAX))
      throw usageFault(`A schedule cannot be paused after ${pauseAfter} failures.`, `Use 1 to ${PAUSE_AFTER_MAX}.`);
    const times = { ...request, ...timing(request) };
    await this.make(jobSchedule(request, times, this.options), times);
    return await this.describe(name);
  }

  /** In the order of their names. */
  async list(): Promise<readonly ScheduleRow[]> {
    const rows = await this.options.ask(async () => {
      const found: ScheduleRow[] = [];
      for await (const { scheduleId, state, info, memo, action } of this.temporal.schedule.list()) {
        const next = info.nextActionTimes[0]?.toISOString() ?? null;
        const { title, times } = shownIn(memo, action?.workflowType ?? '');
        found.push({ name: scheduleId, title, times, paused: state.paused, note: state.note ?? '', next });
        if (found.length >= LISTED_MAX) break;
      }
      return found;
    });
    return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async describe(name: string): Promise<ScheduleView> {
    const description = await this.look(name);
    const runs = await this.options.ask(() => runsOf(this.temporal, description, this.options.webUrl));
    return viewOf(description, runs);
  }

  /** One run now, under the schedule's own overlap policy unless another is named. */
  async trigger(name: string, overlap?: OverlapName): Promise<Triggered> {
    const before = await this.look(name);
    const policy = overlap === undefined ? before.policies.overlap : OVERLAPS[overlap];
    await this.change(name, (handle) => handle.trigger(policy));
    const seen = new Set(before.info.recentActions.map(({ action }) => action.workflow.firstExecutionRunId));
    return await this.untilBegun(name, (now) => {
      const fresh = now.info.recentActions.find(({ action }) => !seen.has(action.workflow.firstExecutionRunId));
      if (fresh !== undefined) return fresh.scheduledAt;
      return now.info.numActionsSkippedOverlap > before.info.numActionsSkippedOverlap ? 'skipped' : null;
    });
  }

  async pause(name: string, why: string): Promise<void> {
    await this.change(name, (handle) => handle.pause(why));
  }

  async resume(name: string, why = `Resumed by ${this.options.requester}`): Promise<void> {
    await this.change(name, (handle) => handle.unpause(why));
  }

  /** Makes the runs up that fell, or would have fallen, between two times; resolves to their number. */
  async backfill(
    name: string,
    from: Date,
    to: Date,
    { overlap = 'buffer-all', runsMax = BACKFILL_RUNS_MAX }: Backfill = {},
  ): Promise<number> {
    if (!(from.getTime() < to.getTime()))
      throw usageFault('The time to begin with is not before the time to end with.', 'Exchange --from and --to.');
    if (!(Number.isInteger(runsMax) && runsMax >= 1 && runsMax <= BACKFILL_COUNTED_MAX))
      throw usageFault(`A backfill cannot be of at most ${runsMax} runs.`, `Use 1 to ${BACKFILL_COUNTED_MAX}.`);
    await this.look(name);
    // The server takes the first time as one that is past already.
    const start = new Date(from.getTime() - 1);
    const runs = await this.countRuns(name, start, to);
    if (runs > runsMax) throw tooManyRuns(name, runs, runsMax);
    if (runs > 0) await this.change(name, (handle) => handle.backfill({ start, end: to, overlap: OVERLAPS[overlap] }));
    return runs;
  }

  /** One more than is counted at most where there are more. */
  private async countRuns(scheduleId: string, start: Date, end: Date): Promise<number> {
    const { namespace } = this.temporal.options;
    const endTime = msToTs(end.getTime());
    let runs = 0;
    for (let startTime = msToTs(start.getTime()); runs <= BACKFILL_COUNTED_MAX;) {
      const asked = { namespace, scheduleId, startTime, endTime };
      const { startTime: times } = await this.options.ask(() =>
        this.temporal.workflowService.listScheduleMatchingTimes(asked),
      );
      const last = times.at(-1);
      if (last?.seconds == null) return runs;
      runs += times.length;
      startTime = { seconds: last.seconds, nanos: last.nanos ?? 0 };
    }
    return BACKFILL_COUNTED_MAX + 1;
  }

  /** Its jobs go on. */
  async delete(name: string): Promise<void> {
    await this.change(name, (handle) => handle.delete());
  }

  /** The hourly sweep of a host's weaver home. One that is there stays as people have set it, on the queue of this client. */
  async ensureJanitor(hostId: string): Promise<void> {
    const wanted = janitorOf(hostId, this.options.taskQueue);
    await this.options.ask(async () => {
      try {
        await this.temporal.schedule.create(wanted);
      } catch (thrown) {
        if (!(thrown instanceof ScheduleAlreadyRunning)) throw thrown;
        const handle = this.temporal.schedule.getHandle(wanted.scheduleId);
        const { action } = await handle.describe();
        if (action.taskQueue !== this.options.taskQueue)
          await handle.update((found) => ({ ...found, action: wanted.action }));
      }
    });
  }

  private async make(options: ScheduleOptions, times: Times): Promise<void> {
    try {
      await this.options.ask(() => this.temporal.schedule.create(options));
    } catch (thrown) {
      if (thrown instanceof ScheduleAlreadyRunning) throw taken(options.scheduleId);
      // What the server calls an invalid argument; zone and intervals have been checked, so it is an expression.
      if (thrown instanceof TypeError)
        throw usageFault(
          `The times are not valid (${timeWordsOf(times).join('; ')}): ${thrown.message}.`,
          "A cron expression is minute, hour, day of month, month, day of week: --cron '30 3 * * 1-5'.",
        );
      throw thrown;
    }
  }

  private async look(name: string): Promise<ScheduleDescription> {
    return await this.change(name, (handle) => handle.describe());
  }

  private async change<T>(name: string, use: (handle: ScheduleHandle) => Promise<T>): Promise<T> {
    try {
      return await this.options.ask(() => use(this.temporal.schedule.getHandle(name)));
    } catch (thrown) {
      if (thrown instanceof ScheduleNotFoundError) throw unknownSchedule(name);
      throw thrown;
    }
  }

  private async untilBegun(
    name: string,
    look: (now: ScheduleDescription) => Date | 'skipped' | null,
  ): Promise<Triggered> {
    const none = { name, jobId: null, begun: false, webUrl: null };
    const until = Date.now() + BEGIN_WAIT_MS;
    for (;;) {
      const now = await this.look(name);
      const seen = look(now);
      if (seen === 'skipped') return { ...none, kind: 'skipped' };
      if (seen !== null) {
        const jobId = jobIdOf(now, seen);
        if (jobId === null) return { ...none, kind: 'started', begun: true };
        const begun = await this.isThere(jobId, until);
        return { name, kind: 'started', jobId, begun, webUrl: this.options.webUrl(jobId) };
      }
      if (Date.now() > until) return { ...none, kind: 'waiting' };
      await pause(BEGIN_POLL_MS);
    }
  }

  private async isThere(workflowId: string, untilMs: number): Promise<boolean> {
    for (;;) {
      const found = await this.options.ask(() =>
        this.temporal.workflow
          .getHandle(workflowId)
          .describe()
          .catch((thrown: unknown) => (isNotFound(thrown) ? null : Promise.reject(thrown))),
      );
      if (found !== null || Date.now() > untilMs) return found !== null;
      await pause(BEGIN_POLL_MS);
    }
  }
}

const timing = ({ timezone, jitterMs }: CreateSchedule): Pick<Times, 'timezone' | 'jitterMs'> => ({
  timezone: timezone ?? SCHEDULE_DEFAULTS.timezone,
  jitterMs: jitterMs ?? SCHEDULE_DEFAULTS.jitterMs,
});

function jobSchedule(request: CreateSchedule, times: Times, defaults: SchedulesOptions): ScheduleOptions {
  const { name, parameters = {} } = request;
  const text = typeof request.file === 'string' ? request.file : JSON.stringify(request.file);
  const { timezone } = times;
  const read = { ...request, schedule: name, parameters, key: request.key, timezone };
  const { content, title, key, isLocal } = readScheduleFile(text, read);
  const overlap = OVERLAPS[request.overlap ?? SCHEDULE_DEFAULTS.overlap];
  const input: ScheduledJobInput = {
    schemaVersion: 1,
    schedule: name,
    content,
    parameters,
    key,
    failuresMax: request.pauseAfter ?? null,
    overlap,
    requester: (request.requester ?? defaults.requester).slice(0, 100),
    ...(isLocal ? { offsets: zoneOffsets(checkedZone(timezone), Date.now()) } : {}),
  };
  guardSize(input);
  const shownTitle = title.slice(0, TITLE_CHARACTERS_MAX);
  return {
    scheduleId: name,
    spec: specOfTimes(times),
    action: {
      type: 'startWorkflow',
      workflowType: SCHEDULED_JOB_WORKFLOW,
      // The server adds the time.
      workflowId: `schedule/${name}`,
      taskQueue: defaults.taskQueue,
      args: [input],
      staticSummary: `${name}: ${shownTitle}`.slice(0, TITLE_CHARACTERS_MAX),
    },
    policies: {
      overlap,
      catchupWindow: request.catchUpMs ?? SCHEDULE_DEFAULTS.catchUpMs,
      // Of the workflow that is started, which does not fail when its job does: that is counted by itself.
      pauseOnFailure: false,
    },
    state: { paused: request.paused ?? false, note: `Created by ${input.requester}` },
    memo: { title: shownTitle, times: timeWordsOf(times) },
  };
}

function guardSize(input: ScheduledJobInput): void {
  const bytes = utf8Bytes(JSON.stringify(input));
  if (bytes > START_INPUT_BYTES_MAX)
    throw catalogueFault('invalidTask', `It has ${bytes} bytes, the limit is ${START_INPUT_BYTES_MAX}.`);
}

/** Jitter: the hosts of a fleet do not all ask the server at once. */
function janitorOf(hostId: string, taskQueue: string): ScheduleOptions {
  const input: JanitorInput = { schemaVersion: 1, hostId };
  const title = `Tidies the weaver home of host ${hostId}`;
  return {
    scheduleId: janitorSchedule(hostId),
    spec: { intervals: [{ every: '1 hour' }], jitter: '10 minutes', timezone: 'UTC' },
    action: {
      type: 'startWorkflow',
      workflowType: JANITOR_WORKFLOW,
      workflowId: `janitor/${hostId}`,
      taskQueue,
      args: [input],
      staticSummary: title,
      workflowExecutionTimeout: JANITOR_TIMEOUT_MS,
    },
    policies: { overlap: 'SKIP', catchupWindow: '10 minutes', pauseOnFailure: false },
    state: { paused: false, note: `Sweeps through queue ${hostQueue(hostId)}` },
    memo: { title, times: ['every 1h'] },
  };
}

const tooManyRuns = (name: string, runs: number, runsMax: number): WeaverFault =>
  runs > BACKFILL_COUNTED_MAX
    ? usageFault(
        `${name} has more than ${BACKFILL_COUNTED_MAX} runs between these times; none was started.`,
        'Look at --from and --to, and make them up in parts.',
      )
    : usageFault(
        `${name} has ${runs} runs between these times, a job each, and at most ${runsMax} are let; none was started.`,
        `Look at --from and --to; if all of them are meant, add --max ${runs}.`,
      );

const taken = (name: string): WeaverFault =>
  new WeaverFault(
    {
      code: 'scheduleTaken',
      message: `There is a schedule ${name} already.`,
      next: `Look at it with weaver schedule describe ${name}; choose another name, or delete it first.`,
    },
    2,
  );

function viewOf(description: ScheduleDescription, runs: readonly ScheduleRun[]): ScheduleView {
  const { scheduleId, spec, policies, state, info, action, memo } = description;
  const input = jobInputOf(description);
  const counted = runs.find(({ failuresInARow }) => failuresInARow !== null);
  // Somebody has resumed it since: counting begins anew.
  const failures = counted?.paused === true && !state.paused ? 0 : (counted?.failuresInARow ?? 0);
  return {
    name: scheduleId,
    ...shownIn(memo, action.workflowType),
    workflow: action.workflowType,
    timezone: spec.timezone === undefined || spec.timezone === '' ? 'UTC' : spec.timezone,
    jitterMs: spec.jitter ?? 0,
    overlap: overlapName(policies.overlap),
    catchUpMs: policies.catchupWindow,
    pauseAfter: input?.failuresMax ?? null,
    failuresInARow: (input?.failuresMax ?? null) === null ? null : failures,
    key: input?.key ?? null,
    parameters: input?.parameters ?? {},
    requester: input?.requester ?? null,
    paused: state.paused,
    note: state.note ?? '',
    next: info.nextActionTimes.slice(0, NEXT_SHOWN).map((time) => time.toISOString()),
    runs,
    counts: {
      started: info.numActionsTaken,
      skipped: info.numActionsSkippedOverlap,
      missed: info.numActionsMissedCatchupWindow,
    },
  };
}

const overlapName = (policy: string | undefined): OverlapName => {
  const [name] = Object.entries(OVERLAPS).find(([, value]) => value === policy) ?? ['skip'];
  return name as OverlapName;
};

/** A schedule that somebody else has made has neither. */
function shownIn(
  memo: Readonly<Record<string, unknown>> | undefined,
  workflowType: string,
): Pick<ScheduleRow, 'title' | 'times'> {
  const times = memo?.['times'];
  const title = memo?.['title'];
  return {
    title: typeof title === 'string' ? title : workflowType,
    times: Array.isArray(times) ? times.filter((one) => typeof one === 'string') : [],
  };
}
