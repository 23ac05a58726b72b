/** The work of a program or a person: judged and landed as a model's is. */
import type { Checked, Made, Opened, WorkInput } from '../../activities/contract.js';
import type { Outcome } from '../../domain/outcome.js';
import { unmetCriteria } from '../judge-criteria.js';
import { checkTree, gateOutcome, landWork } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { approval } from './approval.js';

export type Work = Extract<Made, { kind: 'made' }>;

export const workInput = (run: TaskRun, opened: Opened): WorkInput => ({
  taskId: run.taskId,
  lineage: run.input.lineage,
  attempt: run.attempt,
  spec: opened.spec,
  baseCommit: opened.baseCommit,
  baseTree: opened.baseTree,
  baseBranch: opened.baseBranch,
  branch: opened.branch,
  brief: opened.prompt,
});

/** A worker that dies later finds the work again; the account names its snapshot as it does an edited one. */
export function bookWork(run: TaskRun, made: Work): Work {
  const { tree, diff, stat, subject, notes } = made;
  const noted = notes === undefined ? {} : { notes };
  run.bookStep({ made, edited: { kind: 'edited', tree, diff, stat, subject, ...noted } });
  return made;
}

export const workFailed = ({ failure, signature, evidence }: Extract<Made, { kind: 'failed' }>): Outcome => ({
  kind: 'failed',
  failure,
  signature,
  evidence,
});

/** Null if the gate is passed. */
export const redOutcome = async (
  run: TaskRun,
  opened: Opened,
  baseline: Checked,
  { tree, diff }: Work,
): Promise<Outcome | null> =>
  gateOutcome(baseline, await checkTree(run, opened, tree)) ??
  (opened.judge ? await unmetCriteria(run, opened, { tree, diff }) : null);

export async function landMade(run: TaskRun, opened: Opened, { tree, diff, subject, message }: Work): Promise<Outcome> {
  const held = approval(run, opened, 'push', diff);
  return held ?? (await landWork(run, opened, { tree, callId: null, subject, message }));
}
