/** Starts the shadow of a call, where the task wants one: nothing waits for it but its start, and nothing fails of it. */
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { Called, Opened } from '../../activities/contract.js';
import { isSampled } from '../../domain/shadow.js';
import type { shadowCall } from '../shadow-call.js';
import type { ShadowCallInput } from '../shadow-messages.js';
import type { TaskRun } from '../task-run.js';
import { unpaidOutcome } from '../wait.js';

/** What the task itself has made of the answer. */
export interface Primary {
  readonly call: Called;
  readonly tree: string;
  readonly passed: boolean;
}

/** Null where there is none: then nothing is waited for, not even a tick. */
export function startShadow(run: TaskRun, opened: Opened, done: Primary): Promise<void> | null {
  const { shadow } = opened;
  const name = `a${run.attempt}.t${run.steps.calls.length}`;
  if (shadow === undefined || run.steps.hasShadow === true || !isSampled(shadow, done.call.callId)) return null;
  if (unpaidOutcome(run) !== null) return null;
  run.steps.hasShadow = true;
  return start(run, inputOf(run, opened, shadow, name, done));
}

async function start(run: TaskRun, input: ShadowCallInput): Promise<void> {
  const { provider, model } = input.shadow;
  try {
    // ABANDON: the end of the task is not that of its shadow. The id is of the call: started twice is started once.
    await startChild<typeof shadowCall>('shadowCall', {
      workflowId: `${run.taskId}/shadow/${input.name}`,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: `shadow of ${input.name}: ${provider}/${model}`.slice(0, 120),
      // A queue without a worker must not keep it for ever.
      workflowExecutionTimeout: '1 day',
    });
  } catch (thrown) {
    // It is not on the task's path, so it cannot stop it either; that it is missing is said.
    const says = thrown instanceof Error ? thrown.message : String(thrown);
    run.book({
      kind: 'note',
      about: 'shadow',
      text: `${input.name}: the shadow call was not started: ${says}`.slice(0, 300),
    });
  }
}

function inputOf(
  run: TaskRun,
  opened: Opened,
  { gate, provider, model }: NonNullable<Opened['shadow']>,
  name: string,
  { call, tree, passed }: Primary,
): ShadowCallInput {
  const { spec, prompt, baseCommit, baseTree } = opened;
  const of = run.steps.askedOf?.at(-1) ?? opened;
  return {
    taskId: run.taskId,
    lineage: run.input.lineage,
    name,
    spec,
    prompt,
    baseCommit,
    baseTree,
    shadow: { provider, model, gate },
    primary: {
      provider: of.provider,
      model: call.model,
      tree,
      failure: null,
      passed,
      latencyMs: call.endedAt - call.startedAt,
      spending: call.spending,
    },
  };
}
