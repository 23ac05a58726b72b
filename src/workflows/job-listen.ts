/** What a job can be asked and told, by people and by its tasks. */
import { setHandler } from '@temporalio/workflow';
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
  setJobBudgetUpdate,
  stopUpdate,
} from './definitions.js';
import type { JobRun } from './job-run.js';
import { limitWords, refusalOfJobLimits, refusalOfStop, refusalOfWords, refuse } from './refusals.js';

export function listenToJob(run: JobRun, crew: Crew): void {
  setHandler(cancelSignal, (request) => void crew.stopAll(request));
  setHandler(reportSignal, ({ path, result }) => {
    if (run.registry.has(path)) run.ended(path, result);
  });
  setHandler(announceSignal, (announcement) => crew.announce(announcement));
  setHandler(askBudgetSignal, (question) => crew.askBudget(question));
  setHandler(dependSignal, (request) => crew.depend(request));
  setHandler(jobStatusQuery, () => run.status());
  setHandler(jobTasksQuery, (request) => run.tasks(request));
  listenToPeople(run, crew);
}

function listenToPeople(run: JobRun, crew: Crew): void {
  setHandler(
    holdJobUpdate,
    (said) => {
      crew.hold(said, true);
      return run.status();
    },
    { validator: (said) => refuse(over(run) ?? refusalOfWords(said)), description: 'Begins nothing new until resume.' },
  );
  setHandler(
    releaseJobUpdate,
    (said) => {
      crew.hold(said, false);
      return run.status();
    },
    {
      validator: (said) =>
        refuse(over(run) ?? refusalOfWords(said) ?? (run.paused === null ? 'The job is not paused.' : null)),
      description: 'Goes on after a pause.',
    },
  );
  setHandler(
    setJobBudgetUpdate,
    (request) => {
      const { by, why, ...limits } = request;
      run.changeBudget(request);
      run.book({ kind: 'said', update: 'setBudget', by, why, detail: limitWords(limits) });
      return run.status();
    },
    {
      validator: (request) => refuse(over(run) ?? refusalOfJobLimits(request) ?? refusalOfWords(request)),
      description: 'New limits of the whole job.',
    },
  );
  setHandler(
    stopUpdate,
    ({ path, reason, requester, deleteBranches }) =>
      path === undefined
        ? crew.stopAll({ reason, requester }, deleteBranches === true)
        : crew.stop(path, { reason, requester }, deleteBranches === true),
    {
      validator: (request) => refuse(refusalOfStop(run, request)),
      description: 'Cancels a task with all that came of it, or the whole job.',
    },
  );
}

const over = ({ registry }: JobRun): string | null => (registry.isOver ? 'The job has ended.' : null);
