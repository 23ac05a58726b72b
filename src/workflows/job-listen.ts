/** What a job can be asked and told, by people and by its tasks. */
import { patched, setHandler } from '@temporalio/workflow';
import type { Crew } from './crew.js';
import {
  announceSignal,
  askBudgetSignal,
  cancelSignal,
  dependSignal,
  holdJobUpdate,
  jobStatusQuery,
  jobTasksQuery,
  releaseJobUpdate,
  reportSignal,
  restSignal,
  setJobBudgetUpdate,
  stopUpdate,
} from './definitions.js';
import { onUpdate } from './heard.js';
import type { JobRun } from './job-run.js';
import type { BudgetRequest, JobStatus, Said, StopAnswer, StopRequest } from './messages.js';
import { limitWords, refusalOfJobLimits, refusalOfStop, refusalOfWords } from './refusals.js';

export function listenToJob(run: JobRun, crew: Crew): void {
  setHandler(cancelSignal, (request) => void crew.stopAll(request));
  setHandler(reportSignal, ({ path, result }) => {
    if (run.registry.has(path)) run.ended(path, result);
  });
  setHandler(announceSignal, (announcement) => crew.announce(announcement));
  setHandler(askBudgetSignal, (question) => crew.askBudget(question));
  setHandler(dependSignal, (request) => crew.depend(request));
  setHandler(restSignal, (request) => crew.rest(request));
  setHandler(jobStatusQuery, () => ({ ...run.status(), live: run.liveTasks() }));
  setHandler(jobTasksQuery, (request) => run.tasks(request));
  listenToPeople(run, crew);
}

function listenToPeople(run: JobRun, crew: Crew): void {
  const { heard } = run;
  const held = (said: Said, isHeld: boolean): JobStatus => {
    crew.hold(said, isHeld);
    return run.status();
  };
  onUpdate(heard, holdJobUpdate, (said) => held(said, true), {
    refusal: (said) => over(run) ?? refusalOfWords(said),
    description: 'Begins nothing new until resume.',
  });
  onUpdate(heard, releaseJobUpdate, (said) => held(said, false), {
    refusal: (said) => over(run) ?? refusalOfWords(said) ?? (run.paused === null ? 'The job is not paused.' : null),
    description: 'Goes on after a pause.',
  });
  onUpdate(heard, setJobBudgetUpdate, (request) => changed(run, crew, request), {
    refusal: (request) => over(run) ?? refusalOfJobLimits(request) ?? refusalOfWords(request),
    description: 'New limits of the whole job.',
  });
  onUpdate(heard, stopUpdate, (request) => stopped(crew, request), {
    refusal: (request) => refusalOfStop(run, request),
    description: 'Cancels a task with all that came of it, or the whole job.',
  });
}

function stopped(crew: Crew, { path, reason, requester, deleteBranches }: StopRequest): StopAnswer {
  const request = { reason, requester };
  return path === undefined
    ? crew.stopAll(request, deleteBranches === true)
    : crew.stop(path, request, deleteBranches === true);
}

const DEADLINE_PATCH = 'tells-deadline';
/** Jobs of before told nobody that there is less. */
const RECALL_PATCH = 'recalls-slices';

function changed(run: JobRun, crew: Crew, request: BudgetRequest): JobStatus {
  const { by, why, ...limits } = request;
  const isLess = run.changeBudget(request);
  run.book({ kind: 'said', update: 'setBudget', by, why, detail: limitWords(limits) });
  if (request.deadlineSeconds !== undefined && patched(DEADLINE_PATCH)) crew.tellDeadline();
  if (isLess && patched(RECALL_PATCH)) crew.recallSlices();
  return run.status();
}

const over = ({ registry }: JobRun): string | null => (registry.isOver ? 'The job has ended.' : null);
