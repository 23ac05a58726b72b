/** Handler `join`: merges the branches of the tasks it depends on and runs the checks on the whole. */
import { patched } from '@temporalio/workflow';
import type { Merged, Opened } from '../../activities/contract.js';
import type { ArtifactRef, Outcome } from '../../domain/outcome.js';
import { unmetCriteria } from '../judge-criteria.js';
import { mergeBranches } from '../proxies.js';
import { bothSettled, checkBaseline, checkTree, gateOutcome, landWork } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { approval } from './approval.js';

export async function join(run: TaskRun, opened: Opened): Promise<Outcome> {
  const [merged, baseline] = await bothSettled(merge(run, opened), checkBaseline(run, opened));
  if (merged.kind === 'conflict') return conflictOutcome(run, merged);
  const failed = gateOutcome(baseline, await checkTree(run, opened, merged.tree));
  if (failed !== null) return failed;
  const unmet = opened.judge ? await unmetOfMerge(run, opened, merged) : null;
  if (unmet !== null) return unmet;
  const held = approval(run, opened, 'push', merged.diff);
  if (held !== null) return held;
  const { tree, subject, merged: parents } = merged;
  return await landWork(run, opened, { tree, callId: null, subject, parents });
}

/** The criteria hold for the whole, and parts that meet theirs may not meet them together. Old histories have no such step. */
export const unmetOfMerge = async (
  run: TaskRun,
  opened: Opened,
  work: { readonly tree: string; readonly diff: ArtifactRef },
): Promise<Outcome | null> => (patched(JUDGED_MERGE_PATCH) ? await unmetCriteria(run, opened, work) : null);

const JUDGED_MERGE_PATCH = 'judged-merge';

export async function merge(run: TaskRun, { spec, baseCommit, baseTree }: Opened): Promise<Merged> {
  const known = run.steps.merged;
  if (known !== undefined) return known;
  const branches = run.prerequisites.flatMap(({ branch }) => (branch === null ? [] : [branch]));
  const options = {
    activityId: `a${run.attempt}.merge`,
    summary: `attempt ${run.attempt}: merge ${branches.length} branches`,
  };
  const merged = await mergeBranches.executeWithOptions(options, [
    { taskId: run.taskId, spec, baseCommit, baseTree, branches },
  ]);
  run.bookStep({ merged });
  return merged;
}

/** Resolving it is a task of its own, proposed as the only child of this one. */
function conflictOutcome(run: TaskRun, merged: Extract<Merged, { kind: 'conflict' }>): Outcome {
  const { child, evidence, failure: failed } = merged;
  if (child === null) return { kind: 'failed', failure: failed, signature: failed.code, evidence };
  return { kind: 'proposed', children: [child], join: false, joinSpec: null, plan: evidence, faults: [] };
}
