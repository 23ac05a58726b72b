/** A job of one task: starts it, passes a cancel on, sums up. */
import {
  CancellationScope,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  type ChildWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  TerminatedFailure,
  Trigger,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import { failure } from '../domain/failures.js';
import { lineageOf } from '../domain/lineage.js';
import { fieldOf, fieldText, titleOf, type TaskSpec } from '../domain/task.js';
import type { codingTask } from './coding-task.js';
import { cancelSignal } from './definitions.js';
import {
  CANCELLED_WITHOUT_REASON,
  SEARCH_ATTRIBUTES,
  unreported,
  type CancelRequest,
  type JobInput,
  type JobResult,
  type TaskInput,
  type TaskResult,
} from './messages.js';

export async function job(input: JobInput): Promise<JobResult> {
  const { workflowId } = workflowInfo();
  const taskId = `${workflowId}/t/0`;
  const stop = new Trigger<CancelRequest>();
  setHandler(cancelSignal, (request) => stop.resolve(request));
  const { cancelRequested } = CancellationScope.current();
  cancelRequested.catch(() => stop.resolve(CANCELLED_WITHOUT_REASON));
  setCurrentDetails(`Task \`${taskId}\`: ${titleOf(input?.spec)}`);
  const task = await CancellationScope.nonCancellable(() => carry(input, taskId, stop));
  const result: JobResult = { jobId: workflowId, state: stateOf(task), task };
  if (result.state === 'cancelled') throw new CancelledFailure(task.failure?.detail ?? 'cancelled', [result]);
  return result;
}

/**
 * Starts the task and waits for its end. A cancel reaches it after its reason (they would overtake each other), through the
 * scope that it was started in.
 */
async function carry(input: JobInput, taskId: string, stop: PromiseLike<CancelRequest>): Promise<TaskResult> {
  const life = new CancellationScope();
  return await life.run(async () => {
    const child = await startTask(taskInput(input, taskId), taskId);
    void stop.then((request) => tell(child, request)).then(() => life.cancel());
    return await resultOf(child, taskId);
  });
}

async function tell(child: ChildWorkflowHandle<typeof codingTask>, request: CancelRequest): Promise<void> {
  try {
    await child.signal(cancelSignal, request);
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** ABANDON: ending the job by force must not tear the task away from its clean-up; a cancel reaches it through the scope. */
const startTask = (input: TaskInput, taskId: string): Promise<ChildWorkflowHandle<typeof codingTask>> =>
  startChild<typeof codingTask>('codingTask', {
    workflowId: taskId,
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: titleOf(input.spec),
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTES.phase, value: 'opening' },
      { key: SEARCH_ATTRIBUTES.repo, value: fieldText(fieldOf(input.spec, 'repo'), 'url').slice(0, 250) },
      { key: SEARCH_ATTRIBUTES.requester, value: input.requester },
      { key: SEARCH_ATTRIBUTES.handler, value: (fieldText(input.spec, 'handler') || 'one-shot').slice(0, 40) },
      { key: SEARCH_ATTRIBUTES.tags, value: tagsOf(input) },
    ],
  });

async function resultOf(child: ChildWorkflowHandle<typeof codingTask>, taskId: string): Promise<TaskResult> {
  try {
    return await child.result();
  } catch (thrown) {
    if (!(thrown instanceof ChildWorkflowFailure)) throw thrown;
    const { cause } = thrown;
    if (cause instanceof CancelledFailure || isCancellation(thrown)) {
      const [result] = cause instanceof CancelledFailure ? (cause.details ?? []) : [];
      return (result as TaskResult | undefined) ?? unreported(taskId, 'cancelled', failure('cancelled'));
    }
    if (cause instanceof TerminatedFailure) return unreported(taskId, 'dead', failure('terminated'));
    return unreported(taskId, 'dead', failure('infrastructure', cause?.message ?? ''));
  }
}

/** Any client may start a job, so anything may come in: what is no specification is refused by the task's first step. */
function taskInput(input: JobInput | undefined, taskId: string): TaskInput {
  return {
    schemaVersion: 1,
    spec: (fieldOf(input, 'spec') ?? {}) as TaskSpec,
    requester: (fieldText(input, 'requester') || 'unknown').slice(0, 100),
    lineage: lineageOf(taskId),
    suffix: uuid4().slice(0, 8),
  };
}

function tagsOf({ spec }: TaskInput): string[] {
  const tags = fieldOf(spec, 'tags');
  const texts = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  return texts.map((tag) => tag.slice(0, 100)).slice(0, 20);
}

function stateOf({ state }: TaskResult): JobResult['state'] {
  if (state === 'succeeded' || state === 'decomposed') return 'completed';
  if (state === 'cancelled' || state === 'stuck') return state;
  return 'failed';
}
