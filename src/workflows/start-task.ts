/** How every task is started, by its job or by the task that it comes of. */
import {
  ChildWorkflowCancellationType,
  type ChildWorkflowHandle,
  type ChildWorkflowOptions,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import { titleOf } from '../domain/task.js';
import { childAttributes } from './attributes.js';
import type { codingTask } from './coding-task.js';
import type { TaskInput } from './messages.js';

export type TaskHandle = ChildWorkflowHandle<typeof codingTask>;

/** ABANDON: the end of whoever started it must not tear the task away from its clean-up; a cancel is told to it by its job. */
export const startTask = (
  input: TaskInput,
  workflowId: string,
  priority: NonNullable<ChildWorkflowOptions['priority']> | null,
): Promise<TaskHandle> =>
  startChild<typeof codingTask>('codingTask', {
    workflowId,
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: titleOf(input.spec),
    typedSearchAttributes: childAttributes(input),
    ...(priority === null ? {} : { priority }),
  });
