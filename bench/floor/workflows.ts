/**
 * The engine's own floor: workflows of the shape of `job` and `codingTask` with one one-shot attempt, whose steps do
 * nothing. What such a run takes is Temporal's; what weaver takes beyond it is weaver's.
 */
import {
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';

type Nothing = () => Promise<void>;
type Steps = Readonly<
  Record<'openWorkspace' | 'callModel' | 'applyEdits' | 'runChecks' | 'land' | 'record' | 'closeWorkspace', Nothing>
>;

const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;
const { openWorkspace, callModel, runChecks, land } = proxyActivities<Steps>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  cancellationType,
});
const { applyEdits, record, closeWorkspace } = proxyLocalActivities<Steps>({
  startToCloseTimeout: '60s',
  cancellationType,
});

/** As `job`: one child, and its result. */
export async function floorJob(): Promise<string> {
  const child = await startChild<typeof floorTask>('floorTask', { workflowId: `${workflowInfo().workflowId}/t/0` });
  return await child.result();
}

/** As `codingTask` with one attempt: the same steps in the same order, the same ones side by side. */
export async function floorTask(): Promise<string> {
  await openWorkspace();
  await Promise.all([callModel().then(() => applyEdits()), runChecks()]);
  await runChecks();
  await land();
  await Promise.all([record(), closeWorkspace()]);
  return 'landed';
}

/** As a conversation of the agent: a call in each turn, then its tools, which run a command or do not. */
export async function floorConversation(turns: readonly { readonly runs: boolean }[]): Promise<void> {
  for (const { runs } of turns) {
    await callModel();
    await (runs ? runChecks() : applyEdits());
  }
}
