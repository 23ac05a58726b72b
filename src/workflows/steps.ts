/**
 * The steps of an attempt. Each is asked for once an attempt: after an outage or an answer the attempt goes on where it
 * stopped (`run.steps`).
 */
import { CancellationScope } from '@temporalio/workflow';
import type { Called, CallInput, Checked, LandInput, Opened, OpenContext } from '../activities/contract.js';
import { judge } from '../domain/gate.js';
import type { Outcome } from '../domain/outcome.js';
import { textParts } from '../domain/text-parts.js';
import { spendingOfFault } from './faults.js';
import { callModel, land, openWorkspace, runChecks } from './proxies.js';
import type { TaskRun } from './task-run.js';
import { isFree, mayAsk, mayBeRefused, unheld } from './wait.js';

export async function open(run: TaskRun): Promise<Opened> {
  const { attempt, taskId, input, handler } = run;
  if (!isFree(run)) await unheld(run);
  run.enter('opening', `attempt ${attempt}: opening the workspace`);
  const options = { activityId: `a${attempt}.open`, summary: `attempt ${attempt}: open workspace` };
  const request = {
    taskId,
    lineage: input.lineage,
    attempt,
    suffix: input.suffix,
    last: run.lastFailed,
    ...(handler === null ? {} : { handler }),
  };
  const context: OpenContext = {
    spec: input.spec,
    ...(input.specRef === undefined ? {} : { specRef: input.specRef }),
    prerequisites: run.prerequisites,
    instructions: run.talk.instructions,
    ...(run.stacksOn.length === 0 ? {} : { stackOn: run.stacksOn }),
  };
  return run.bookOpened(await openWorkspace.executeWithOptions(options, [request, ...textParts(context)]));
}

export type Asked =
  { readonly kind: 'asked'; readonly call: Called } | { readonly kind: 'none'; readonly outcome: Outcome };

/** One turn. What was answered before is not asked again; what there is no budget for is not asked at all. */
export async function ask(
  run: TaskRun,
  opened: Opened,
  turn: number,
  {
    repairs = null,
    earlier,
    expects = 'edits',
  }: Partial<Pick<CallInput, 'repairs' | 'earlier'>> & { readonly expects?: 'edits' | 'plan' },
): Promise<Asked> {
  const known = run.steps.calls[turn - 1];
  if (known !== undefined) return { kind: 'asked', call: known };
  if (!isFree(run)) await unheld(run);
  const refused = mayBeRefused(run) ? await mayAsk(run) : null;
  if (refused !== null) return { kind: 'none', outcome: refused };
  const { attempt, input } = run;
  const name = `a${attempt}.t${turn}`;
  const what = `attempt ${attempt}${whatFor(repairs)}`;
  run.enter('working', `${what}: asking ${opened.model}`);
  const { provider, model, prompt } = opened;
  const call = await paidCall(run, `${what} (${model})`, {
    lineage: input.lineage,
    name,
    prompt,
    provider,
    model,
    repairs,
    ...(earlier === undefined ? {} : { earlier }),
    ...(expects === 'edits' ? {} : { expects }),
  });
  run.steps.calls.push(call);
  run.bookStep({});
  return { kind: 'asked', call };
}

/** Every call of a model goes through here: what it has spent is booked, also where it failed. */
export async function paidCall(run: TaskRun, summary: string, request: CallInput): Promise<Called> {
  try {
    const call = await callModel.executeWithOptions({ activityId: request.name, summary }, [request]);
    run.bookCall(request.name, call.spending);
    return call;
  } catch (thrown) {
    const spent = spendingOfFault(thrown);
    if (spent !== null) run.bookCall(spent.name, spent.spending);
    throw thrown;
  }
}

function whatFor(repairs: CallInput['repairs']): string {
  if (repairs === null) return '';
  return repairs.answered === true ? ': with the answer to its question' : ': repair the answer';
}

/** The checks at the base run while the model is asked: they cost no waiting. */
export async function checkBaseline(run: TaskRun, opened: Opened): Promise<Checked> {
  if (run.steps.baseline !== undefined) return run.steps.baseline;
  const options = { activityId: `a${run.attempt}.baseline`, summary: `attempt ${run.attempt}: checks at the base` };
  const baseline = await runChecks.executeWithOptions(options, [checkInput(run, opened, opened.baseTree)]);
  run.bookStep({ baseline });
  return baseline;
}

export async function checkTree(run: TaskRun, opened: Opened, tree: string): Promise<Checked> {
  if (run.steps.checked !== undefined) return run.steps.checked;
  if (!isFree(run)) await unheld(run);
  const { attempt } = run;
  run.enter('verifying', `attempt ${attempt}: running the checks`);
  const options = {
    activityId: `a${attempt}.checks`,
    summary: `attempt ${attempt}: ${opened.checks.join(', ')}`.slice(0, 120),
  };
  const checked = await runChecks.executeWithOptions(options, [checkInput(run, opened, tree)]);
  run.bookStep({ checked });
  return checked;
}

/** Null if the gate is passed. */
export function gateOutcome(baseline: Checked, checked: Checked): Outcome | null {
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  if (checked.kind === 'setupFailed') return setupOutcome(checked);
  const gate = judge(baseline.verdicts, checked.verdicts);
  if (gate.kind === 'passed') return null;
  const evidence = checked.evidence === null ? {} : { evidence: checked.evidence };
  return { kind: 'failed', failure: gate.failure, signature: gate.signature, ...evidence };
}

export const setupOutcome = ({ failure: failed, log }: Extract<Checked, { kind: 'setupFailed' }>): Outcome => ({
  kind: 'failed',
  failure: failed,
  signature: failed.code,
  evidence: log,
});

/** What is landed, beside where it goes. */
export type Work = Pick<LandInput, 'tree' | 'callId'> & Partial<LandInput> & { readonly subject: string };

export async function landWork(run: TaskRun, opened: Opened, { subject, ...work }: Work): Promise<Outcome> {
  if (!isFree(run)) await unheld(run);
  const { attempt, taskId, input } = run;
  run.enter('landing', `attempt ${attempt}: pushing ${opened.branch}`);
  const { spec, baseBranch, branch, baseCommit, baseTree, branchTip } = opened;
  const options = { activityId: `a${attempt}.land`, summary: `push ${branch}: ${subject}`.slice(0, 120) };
  const place = { spec, baseBranch, branch, baseCommit, baseTree, branchTip, dateSeconds: run.landingSeconds() };
  const parents = work.parents ?? opened.parents;
  const request: LandInput = {
    taskId,
    lineage: input.lineage,
    ...place,
    ...work,
    subject,
    ...(parents === undefined ? {} : { parents }),
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

/** Both to their end before either's fault goes on: a check must not run on behind an attempt that has ended. */
export async function bothSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<readonly [A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}
