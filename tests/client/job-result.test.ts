import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { NOTHING_SPENT } from '../../src/domain/record.js';
import { resultOfFailure } from '../../src/client/job-result.js';
import { reportOf } from '../../src/client/run-report.js';
import type { JobResult } from '../../src/workflows/messages.js';

const ids = { jobId: 'job/k', taskId: 'job/k/t/0' };
const failed = (cause: Error): WorkflowFailedError => new WorkflowFailedError('failed', cause, 'RETRY_POLICY_NOT_SET');

const cancelled: JobResult = {
  jobId: 'job/k',
  state: 'cancelled',
  task: {
    taskId: ids.taskId,
    state: 'cancelled',
    branch: 'weaver/x',
    landing: null,
    base: 'b',
    attempts: 2,
    spending: NOTHING_SPENT,
    failure: { code: 'cancelled', detail: 'ana: no' },
    diff: null,
  },
};

describe('a job that ended without a result', () => {
  it.each([
    ['was cancelled with its account', new CancelledFailure('no', [cancelled]), 'cancelled', 'cancelled', 10],
    ['was cancelled before it could give one', new CancelledFailure('no'), 'cancelled', 'cancelled', 10],
    ['was terminated', new TerminatedFailure('by hand'), 'dead', 'terminated', 10],
    [
      'ran into the time limit of the workflow',
      new TimeoutFailure('late', undefined, 'START_TO_CLOSE'),
      'stuck',
      'wallTime',
      9,
    ],
    ['failed with a code', ApplicationFailure.nonRetryable('no', 'invalidTask'), 'dead', 'invalidTask', 2],
    ['failed without one', ApplicationFailure.nonRetryable('oops', 'TypeError'), 'dead', 'infrastructure', 9],
  ])('%s', (_what, cause, state, code, exitCode) => {
    const result = resultOfFailure(failed(cause), ids);
    expect(result?.task.state).toBe(state);
    expect(result?.task.failure?.code).toBe(code);
    expect(reportOf(result ?? cancelled, null)).toMatchObject({ ...ids, state, exitCode, failure: { code } });
  });

  it('keeps what the task had done before it was cancelled', () => {
    expect(resultOfFailure(failed(new CancelledFailure('no', [cancelled])), ids)).toEqual(cancelled);
  });

  it('is not made up from an error that says nothing about the job', () => {
    expect(resultOfFailure(new Error('socket closed'), ids)).toBeNull();
  });
});

describe('the report of a run', () => {
  const landing = {
    branch: 'weaver/x',
    commit: 'c'.repeat(40),
    base: 'b'.repeat(40),
    filesChanged: 1,
    insertions: 2,
    deletions: 3,
  };
  const spending = {
    ...NOTHING_SPENT,
    callsSent: 2,
    callsInDoubt: 1,
    tokens: { prompt: 100, cached: 50, completion: 20, reasoning: 5 },
    costUsdMicros: 1_234,
  };
  const succeeded: JobResult = {
    jobId: ids.jobId,
    state: 'completed',
    task: {
      taskId: ids.taskId,
      state: 'succeeded',
      branch: 'weaver/x',
      landing,
      base: landing.base,
      attempts: 2,
      spending,
      failure: null,
      diff: null,
    },
  };

  it('of a success has all that a program needs', () => {
    expect(reportOf(succeeded, 'http://ui')).toEqual({
      ...ids,
      state: 'succeeded',
      exitCode: 0,
      branch: 'weaver/x',
      commit: landing.commit,
      base: landing.base,
      attempts: 2,
      calls: { sent: 2, inDoubt: 1 },
      tokens: 120,
      costUsdMicros: 1_234,
      failure: null,
      webUrl: 'http://ui',
    });
  });

  it('names a branch only where a commit is on it', () => {
    expect(reportOf(cancelled, null)).toMatchObject({ branch: null, commit: null });
  });

  it('never ends with 0 where nothing was achieved', () => {
    const odd: JobResult = {
      ...succeeded,
      state: 'failed',
      task: { ...succeeded.task, state: 'dead', landing: null, failure: null },
    };
    expect(reportOf(odd, null)).toMatchObject({ state: 'dead', exitCode: 1, commit: null, failure: null });
  });
});
