/**
 * What a cancel says: on its way to a task who wants it and why, on the way back what the task has come to. Temporal has room for
 * both in the cancel itself and in the event of a cancelled end, which the SDK leaves empty; put there, each is one message in
 * place of two, and cannot be overtaken (docs/decisions/0008).
 */
import {
  defaultPayloadConverter,
  type getExternalWorkflowHandle,
  type WorkflowInterceptors,
  type WorkflowInternalsInterceptor,
} from '@temporalio/workflow';
import { fieldOf, fieldText } from '../domain/task.js';
import type { CancelRequest } from './messages.js';

interface Letters {
  /** By the id of the task that each goes to. */
  readonly leaving: Map<string, string>;
  heard: CancelRequest | null;
  last: unknown;
}

/** Workflows share the modules of their bundle; what is global each of them has for itself. */
const BOX = Symbol.for('weaver.cancel-message');
const box = (): Letters => {
  const own = globalThis as { [BOX]?: Letters };
  return (own[BOX] ??= { leaving: new Map(), heard: null, last: null });
};

/** Resolves when the cancel has been delivered; rejects as `cancel` does. */
export async function cancelWith(
  handle: ReturnType<typeof getExternalWorkflowHandle>,
  request: CancelRequest,
): Promise<void> {
  box().leaving.set(handle.workflowId, JSON.stringify(request));
  await handle.cancel();
}

/** Null where Temporal's cancel came from anybody but a job. */
export const heardWithCancel = (): CancelRequest | null => box().heard;

/** For whoever sees the end of this workflow, should it end as cancelled: a result it cannot have. */
export function leaveLastWord(word: unknown): void {
  box().last = word;
}

const post: WorkflowInternalsInterceptor = {
  activate(input, next) {
    const letters = box();
    for (const { cancelWorkflow } of input.activation.jobs ?? [])
      if (cancelWorkflow != null) letters.heard ??= requestIn(cancelWorkflow.reason ?? '');
    next(input);
  },
  concludeActivation(input, next) {
    const letters = box();
    for (const { requestCancelExternalWorkflowExecution: cancel, cancelWorkflowExecution: end } of input.commands) {
      const taskId = cancel?.workflowExecution?.workflowId ?? '';
      if (cancel != null) cancel.reason = letters.leaving.get(taskId) ?? '';
      letters.leaving.delete(taskId);
      if (end != null && letters.last !== null)
        end.details = { payloads: [defaultPayloadConverter.toPayload(letters.last)] };
    }
    return next(input);
  },
};

export const interceptors = (): WorkflowInterceptors => ({ internals: [post] });

/** Who sent it stands before it, in words of the SDK's core. Others may write anything there. */
function requestIn(text: string): CancelRequest | null {
  let value: unknown;
  try {
    value = JSON.parse(text.slice(Math.max(0, text.indexOf('{'))));
  } catch {
    return null;
  }
  const [reason, requester] = [fieldText(value, 'reason'), fieldText(value, 'requester')];
  if (reason === '' || requester === '') return null;
  return { reason, requester, ...(fieldOf(value, 'code') === 'deadline' ? { code: 'deadline' } : {}) };
}
