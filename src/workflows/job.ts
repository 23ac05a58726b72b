/** The life of a job: begins what may begin, hears how each task ends, sums up. This is the main flow. */
import {
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  makeContinueAsNewFunc,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { failure } from '../domain/failures.js';
import { jobFaults } from '../domain/job-faults.js';
import { describeJob } from '../domain/job-report.js';
import { TASK_DEFAULTS, titleOf } from '../domain/task.js';
import { leaveLastWord } from './cancel-message.js';
import { JobRun } from './job-run.js';
import { Crew } from './crew.js';
import { listenToJob } from './job-listen.js';
import { hearLastWords, lookAfterMs, lookAfterSilent } from './job-look-after.js';
import { CANCELLED_WITHOUT_REASON, unreported, type JobInput, type JobResult } from './messages.js';
import { writeBeginning, writeEnd, writeNews } from './job-records.js';

/** Below the server's warning at 10,240, with room for what comes in meanwhile. */
const EVENTS_MAX = 4_000;
/** A job that is being stopped only waits for its tasks; and its next run would not know that Temporal has cancelled this one. */
const EVENTS_MAX_STOPPING = 4 * EVENTS_MAX;
/** Changes, by tasks, that what is shown may lag behind: showing looks at every task, and there are several changes for each. */
const UNSHOWN_SHARE = 0.01;

export async function job(input: JobInput): Promise<JobResult> {
  const faults = input?.job === undefined || input.carried !== undefined ? [] : jobFaults(input.job);
  if (faults.length > 0) return refused(faults);
  const run = new JobRun(input);
  const crew = new Crew(run);
  listenToJob(run, crew);
  const { cancelRequested } = CancellationScope.current();
  cancelRequested.catch(() => crew.stopAll(CANCELLED_WITHOUT_REASON));
  show(run);
  if (!run.isOne && input.carried === undefined) await CancellationScope.nonCancellable(() => writeBeginning(run));
  await CancellationScope.nonCancellable(() => untilOver(run, crew));
  const result = run.close();
  show(run);
  if (!run.isOne) await CancellationScope.nonCancellable(() => writeEnd(run, result));
  if (result.state !== 'cancelled' || !CancellationScope.current().consideredCancelled) return result;
  leaveLastWord(result);
  throw new CancelledFailure(result.task.failure?.detail ?? 'cancelled');
}

/** Nothing was begun: the first task stands for all. */
function refused(faults: readonly string[]): JobResult {
  const { workflowId: jobId } = workflowInfo();
  const failed = failure('invalidTask', faults.join('; '));
  setCurrentDetails(`${failed.code}: ${faults.join('; ')}`);
  return { jobId, state: 'failed', task: unreported(`${jobId}/t/0`, 'dead', failed) };
}

async function untilOver(run: JobRun, crew: Crew): Promise<void> {
  for (let unshown = Infinity; ; unshown += 1) {
    run.isDirty = false;
    if (run.cut.size > 0) await hearLastWords(run);
    crew.act();
    if (unshown >= run.registry.size * UNSHOWN_SHARE || run.hasEntries) {
      show(run);
      unshown = 0;
    }
    await crew.unpublishUnwanted();
    // What was told last must have left before the job does.
    if (run.registry.isOver && crew.isQuiet) return;
    await writeNews(run);
    if (!run.isDirty) await nextNews(run, crew);
    if (workflowInfo().historyLength > eventsMax(run)) await continueAsNew(run, crew);
  }
}

function eventsMax({ input, stop, isTooLarge }: JobRun): number {
  // A run may have 51,200, some ten for each of 5,000 tasks: that is all there is for a job that cannot be carried on.
  if (isTooLarge) return Infinity;
  return stop === null ? (input.eventsMax ?? EVENTS_MAX) : EVENTS_MAX_STOPPING;
}

/** News, or the time to look: at the deadline, at tasks that have been silent, at a budget that nobody raises. */
async function nextNews(run: JobRun, crew: Crew): Promise<void> {
  const wait = waitMs(run, crew);
  const isNews = (): boolean => run.isDirty;
  if (wait === null) return await condition(isNews);
  if (await condition(isNews, wait.ms, { summary: wait.why })) return;
  await wait.look();
}

interface Wait {
  readonly ms: number;
  readonly why: string;
  readonly look: () => Promise<void>;
}

/** The earliest of what the job waits for by time; null = nothing but news. */
function waitMs(run: JobRun, crew: Crew): Wait | null {
  const waits: Wait[] = [];
  const { deadline } = run;
  if (deadline !== null && run.stop === null)
    waits.push({
      ms: Math.max(1, deadline - Date.now()),
      why: 'deadline of the job',
      look: async () => {
        if (Date.now() >= deadline)
          crew.stopAll({ reason: 'the deadline of the job has passed', requester: 'weaver', code: 'deadline' });
      },
    });
  if (run.unwatched.size > 0)
    waits.push({
      ms: Math.max(1, run.lookAt + lookAfterMs(run) - Date.now()),
      why: 'look after silent tasks',
      look: () => lookAfterSilent(run),
    });
  if (crew.isStarved)
    waits.push({
      ms: TASK_DEFAULTS.waitSeconds * 1_000,
      why: 'waits for budget',
      look: async () => crew.giveUpOnBudget('stuck'),
    });
  return waits.toSorted((a, b) => a.ms - b.ms)[0] ?? null;
}

/** Nothing is lost: who runs is told where to report, and who has ended meanwhile is heard first. */
async function continueAsNew(run: JobRun, crew: Crew): Promise<void> {
  // Who is being started can be told only when it is there.
  await crew.untilQuiet();
  await crew.handOver();
  await crew.untilQuiet(allHandlersFinished);
  // What was said meanwhile is written first, by the next round.
  if (run.registry.isOver || run.cut.size > 0 || (run.hasEntries && !run.isOne)) return;
  const carried = run.carry();
  run.isTooLarge = carried === null;
  if (carried === null) return;
  const { memo } = workflowInfo();
  const options = memo === undefined ? {} : { memo };
  const next = makeContinueAsNewFunc<(input: JobInput) => Promise<JobResult>>(options);
  await next({ ...run.input, carried });
}

function show(run: JobRun): void {
  const [only] = run.spec.tasks;
  setCurrentDetails(
    run.isOne && run.registry.size === 1 && only !== undefined
      ? `Task \`${run.taskId(only.id)}\`: ${titleOf(only.content)}`
      : describeJob(run.status()),
  );
}
