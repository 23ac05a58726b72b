/**
 * Handler `one-shot`: one structured answer, its edits, the checks, the landing. Each step is asked for once an attempt:
 * after an outage the attempt goes on where it stopped (`steps`).
 */
import { CancellationScope } from '@temporalio/workflow';
import type { Called, Checked, Edited, Opened } from '../../activities/contract.js';
import { judge } from '../../domain/gate.js';
import { failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import { limitReached } from '../../domain/decide.js';
import { textParts } from '../../domain/text-parts.js';
import { spendingOfFault } from '../faults.js';
import { applyEdits, callModel, land, openWorkspace, runChecks } from '../proxies.js';
import type { TaskRun } from '../task-run.js';

/** One precise repair of an answer that cannot be used; a second one rarely helps and always costs. */
const REPAIR_TURNS_MAX = 1;

export async function oneShot(run: TaskRun): Promise<Outcome> {
  const opened = run.steps.opened ?? (await open(run));
  const [answered, baseline] = await bothSettled(answer(run, opened), checkBaseline(run, opened));
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  if (answered.kind !== 'edited') return answered.outcome;
  const checked = await checkEdited(run, opened, answered.edited);
  if (checked.kind === 'setupFailed') return setupOutcome(checked);
  const gate = judge(baseline.verdicts, checked.verdicts);
  if (gate.kind === 'failed') {
    const evidence = checked.evidence === null ? {} : { evidence: checked.evidence };
    return { kind: 'failed', failure: gate.failure, signature: gate.signature, ...evidence };
  }
  return await landEdited(run, opened, answered.call, answered.edited);
}

async function open(run: TaskRun): Promise<Opened> {
  const { attempt, taskId, input } = run;
  run.enter('opening', `attempt ${attempt}: opening the workspace`);
  const options = { activityId: `a${attempt}.open`, summary: `attempt ${attempt}: open workspace` };
  const request = { taskId, attempt, suffix: input.suffix, last: run.lastFailed };
  return run.bookOpened(await openWorkspace.executeWithOptions(options, [request, ...textParts(input.spec)]));
}

type Answered =
  | { readonly kind: 'edited'; readonly call: Called; readonly edited: Extract<Edited, { kind: 'edited' }> }
  | { readonly kind: 'none'; readonly outcome: Outcome };

/** Asks until there is an answer whose edits fit, with at most one repair turn. */
async function answer(run: TaskRun, opened: Opened): Promise<Answered> {
  let repairs: { readonly callId: string; readonly complaint: string } | null = null;
  for (let turn = 1; ; turn += 1) {
    const call = await ask(run, opened, turn, repairs);
    const { verdict } = call;
    if (verdict.kind === 'unusable') {
      return none({
        kind: 'failed',
        failure: failure(verdict.code, verdict.detail),
        signature: verdict.code,
        evidence: call.answer,
      });
    }
    const mayRepair = turn <= REPAIR_TURNS_MAX && limitReached(run.record, Date.now()) === null;
    if (verdict.kind === 'malformed') {
      if (!mayRepair) {
        return none({
          kind: 'failed',
          failure: failure('malformedAnswer', verdict.complaint),
          signature: 'malformedAnswer',
          evidence: call.answer,
        });
      }
      repairs = { callId: call.callId, complaint: verdict.complaint };
      continue;
    }
    const edited = await edit(run, opened, call);
    if (edited.kind === 'edited') return { kind: 'edited', call, edited };
    if (edited.complaint === null || !mayRepair) {
      return none({ kind: 'failed', failure: edited.failure, signature: edited.signature, evidence: edited.evidence });
    }
    repairs = { callId: call.callId, complaint: edited.complaint };
  }
}

async function ask(
  run: TaskRun,
  opened: Opened,
  turn: number,
  repairs: { readonly callId: string; readonly complaint: string } | null,
): Promise<Called> {
  const known = run.steps.calls[turn - 1];
  if (known !== undefined) return known;
  const { attempt, input } = run;
  const name = `a${attempt}.t${turn}`;
  const what = repairs === null ? `attempt ${attempt}` : `attempt ${attempt}: repair the answer`;
  run.enter('working', `${what}: asking ${opened.model}`);
  const { provider, model, prompt } = opened;
  try {
    const options = { activityId: name, summary: `${what} (${model})` };
    const call = await callModel.executeWithOptions(options, [
      { lineage: input.lineage, name, prompt, provider, model, repairs },
    ]);
    run.bookCall(name, call.spending);
    run.steps.calls.push(call);
    run.bookStep({});
    return call;
  } catch (thrown) {
    const spent = spendingOfFault(thrown);
    if (spent !== null) run.bookCall(spent.name, spent.spending);
    throw thrown;
  }
}

async function edit(run: TaskRun, opened: Opened, call: Called): Promise<Edited> {
  const request = { lineage: run.input.lineage, callId: call.callId, spec: opened.spec, baseTree: opened.baseTree };
  const options = { summary: `attempt ${run.attempt}: apply edits` };
  const edited = await applyEdits.executeWithOptions(options, [request]);
  run.bookStep({ edited });
  return edited;
}

/** The checks at the base run while the model is asked: they cost no waiting. */
async function checkBaseline(run: TaskRun, opened: Opened): Promise<Checked> {
  if (run.steps.baseline !== undefined) return run.steps.baseline;
  const options = { activityId: `a${run.attempt}.baseline`, summary: `attempt ${run.attempt}: checks at the base` };
  const baseline = await runChecks.executeWithOptions(options, [checkInput(run, opened, opened.baseTree)]);
  run.bookStep({ baseline });
  return baseline;
}

async function checkEdited(
  run: TaskRun,
  opened: Opened,
  edited: Extract<Edited, { kind: 'edited' }>,
): Promise<Checked> {
  if (run.steps.checked !== undefined) return run.steps.checked;
  const { attempt } = run;
  run.enter('verifying', `attempt ${attempt}: running the checks`);
  const options = {
    activityId: `a${attempt}.checks`,
    summary: `attempt ${attempt}: ${opened.checks.join(', ')}`.slice(0, 120),
  };
  const checked = await runChecks.executeWithOptions(options, [checkInput(run, opened, edited.tree)]);
  run.bookStep({ checked });
  return checked;
}

async function landEdited(
  run: TaskRun,
  opened: Opened,
  call: Called,
  edited: Extract<Edited, { kind: 'edited' }>,
): Promise<Outcome> {
  const { attempt, taskId, input } = run;
  run.enter('landing', `attempt ${attempt}: pushing ${opened.branch}`);
  const { spec, baseBranch, branch, baseCommit, baseTree, branchTip } = opened;
  const options = { activityId: `a${attempt}.land`, summary: `push ${branch}: ${edited.subject}`.slice(0, 120) };
  const dateSeconds = run.landingSeconds();
  const request = {
    taskId,
    lineage: input.lineage,
    callId: call.callId,
    spec,
    baseBranch,
    branch,
    baseCommit,
    baseTree,
    branchTip,
    tree: edited.tree,
    dateSeconds,
  };
  // A push that is under way may have reached the remote: it is seen to its end, and success wins over a cancel.
  const landed = await CancellationScope.nonCancellable(() => land.executeWithOptions(options, [request]));
  run.bookStep({ landed });
  if (landed.kind === 'landed') return { kind: 'succeeded', landing: landed.landing };
  return { kind: 'failed', failure: landed.failure, signature: landed.failure.code };
}

const checkInput = (run: TaskRun, { spec, baseCommit, baseTree }: Opened, tree: string) => ({
  taskId: run.taskId,
  lineage: run.input.lineage,
  spec,
  baseCommit,
  baseTree,
  tree,
});

const none = (outcome: Outcome): Answered => ({ kind: 'none', outcome });

const setupOutcome = ({ failure: failed, log }: Extract<Checked, { kind: 'setupFailed' }>): Outcome => ({
  kind: 'failed',
  failure: failed,
  signature: failed.code,
  evidence: log,
});

/** Both to their end before either's fault goes on: a check must not run on behind an attempt that has ended. */
async function bothSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<readonly [A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}
