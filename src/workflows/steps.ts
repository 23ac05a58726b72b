/**
 * The steps of an attempt. Each is asked for once an attempt: after an outage or an answer the attempt goes on where it
 * stopped (`run.steps`).
 */
import { CancellationScope, sleep } from '@temporalio/workflow';
import type {
  Called,
  CallFaultDetails,
  CallInput,
  CheckInput,
  Checked,
  Landed,
  LandInput,
  Opened,
  OpenContext,
  Rebased,
} from '../activities/contract.js';
import { judge } from '../domain/gate.js';
import type { Failure } from '../domain/failures.js';
import type { Landing, Outcome } from '../domain/outcome.js';
import type { CheckVerdict } from '../domain/record.js';
import { textParts } from '../domain/text-parts.js';
import { spendingOfFault } from './faults.js';
import { criteriaOf } from './found-criteria.js';
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
    ...(run.passedOver.length === 0 ? {} : { passedOver: run.passedOver }),
  };
  const context: OpenContext = {
    spec: input.spec,
    ...(input.specRef === undefined ? {} : { specRef: input.specRef }),
    prerequisites: run.prerequisites,
    instructions: run.talk.instructions,
    ...(run.stacksOn.length === 0 ? {} : { stackOn: run.stacksOn }),
  };
  const opened = run.bookOpened(await openWorkspace.executeWithOptions(options, [request, ...textParts(context)]));
  run.tellAgent(opened);
  return opened;
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
    maySplit,
  }: Partial<Pick<CallInput, 'repairs' | 'earlier' | 'maySplit'>> & { readonly expects?: 'edits' | 'plan' },
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
    ...(maySplit === undefined ? {} : { maySplit }),
  });
  run.steps.calls.push(call);
  run.bookStep({});
  return { kind: 'asked', call };
}

/** Whoever pays for calls: a task, or what asks models without one. */
export type Payer = Pick<TaskRun, 'bookCall'> & Partial<Pick<TaskRun, 'bookNoRoom' | 'bookRoom' | 'waitForRoom'>>;

/**
 * Every call of a model goes through here: what it has spent is booked, also where it failed.
 * @param model `callOneOfSeveral` where others are asked beside it
 */
export async function paidCall(
  run: Payer,
  summary: string,
  request: CallInput,
  model: typeof callModel = callModel,
): Promise<Called> {
  for (;;) {
    try {
      const call = await model.executeWithOptions({ activityId: request.name, summary }, [request]);
      run.bookCall(request.name, call.spending);
      return call;
    } catch (thrown) {
      const spent = spendingOfFault(thrown);
      if (spent !== null) run.bookCall(spent.name, spent.spending);
      if (spent?.busy === undefined) throw thrown;
      await untilRoom(run, spent.busy);
    }
  }
}

/** The provider is as it should be, only asked by many: no try and no attempt is used up, and no worker waits. */
async function untilRoom(run: Payer, { at, inMs, why }: NonNullable<CallFaultDetails['busy']>): Promise<void> {
  const untilMs = inMs === undefined ? at : Date.now() + inMs;
  const leftMs = (): number => Math.max(1, untilMs - Date.now());
  try {
    await run.bookNoRoom?.(why, leftMs());
    const options = { summary: why.slice(0, 120) };
    if (run.waitForRoom === undefined) await sleep(leftMs(), options);
    else await run.waitForRoom(leftMs(), options);
  } finally {
    run.bookRoom?.();
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
  const checked = await runChecks.executeWithOptions(options, [checkInput(run, opened, tree, run.steps.baseline)]);
  run.bookStep({ checked });
  return checked;
}

type Failed = Extract<Outcome, { kind: 'failed' }>;

/** Null if the gate is passed. */
export function gateOutcome(baseline: Checked, checked: Checked): Failed | null {
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  if (checked.kind === 'setupFailed') return setupOutcome(checked);
  const refused = refusalOf(baseline.verdicts, checked);
  if (refused === null) return null;
  const evidence = checked.evidence === null ? {} : { evidence: checked.evidence };
  return { kind: 'failed', ...refused, ...evidence };
}

/** Histories from before there were verdicts for each test are judged by their exit codes. */
function refusalOf(
  before: readonly CheckVerdict[],
  { gated, verdicts }: Extract<Checked, { kind: 'checked' }>,
): { readonly failure: Failure; readonly signature: string } | null {
  if (gated !== undefined) return gated.refused;
  const gate = judge(before, verdicts);
  return gate.kind === 'passed' ? null : { failure: gate.failure, signature: gate.signature };
}

export const setupOutcome = ({ failure: failed, log }: Extract<Checked, { kind: 'setupFailed' }>): Failed => ({
  kind: 'failed',
  failure: failed,
  signature: failed.code,
  evidence: log,
});

/** What is landed, beside where it goes. */
export type Work = Pick<LandInput, 'tree' | 'callId'> & Partial<LandInput> & { readonly subject: string };

export const succeeded = (landing: Landing, { checks }: Opened): Outcome => ({
  kind: 'succeeded',
  landing,
  ...(checks.length === 0 ? { unchecked: true } : {}),
});

export async function landWork(run: TaskRun, opened: Opened, work: Work): Promise<Outcome> {
  const known = run.steps.landed;
  if (known?.kind === 'landed') return succeeded(known.landing, opened);
  for (;;) {
    if (!isFree(run)) await unheld(run);
    const landed = await landOnce(run, opened, work);
    switch (landed.kind) {
      case 'landed':
        run.bookStep({ landed });
        return succeeded(landed.landing, opened);
      case 'refused': {
        run.bookStep({ landed });
        const { failure: failed, evidence } = landed;
        return {
          kind: 'failed',
          failure: failed,
          signature: failed.code,
          ...(evidence === undefined ? {} : { evidence }),
        };
      }
      case 'rebased': {
        const red = await checkRebased(run, opened, landed);
        if (red !== null) return red;
        continue;
      }
      default:
        throw new TypeError(`unknown end of a landing ${JSON.stringify(landed satisfies never)}`);
    }
  }
}

/** A base that moves faster than the checks run: after so many times the change lands where it was checked last. */
const REBASES_MAX = 3;

async function landOnce(run: TaskRun, opened: Opened, { subject, ...work }: Work): Promise<Landed> {
  const { attempt, taskId, input } = run;
  const { spec, baseBranch, branch, branchTip } = opened;
  const { times = 0, ...rebased } = run.steps.rebased ?? {};
  const { baseCommit, baseTree, tree } = { ...opened, ...work, ...rebased };
  run.enter('landing', `attempt ${attempt}: pushing ${branch}`);
  const activityId = `a${attempt}.land${times === 0 ? '' : `.r${times}`}`;
  const options = { activityId, summary: `push ${branch}: ${subject}`.slice(0, 120) };
  const parents = work.parents ?? opened.parents;
  const criteria = criteriaOf(run.steps);
  const request: LandInput = {
    taskId,
    lineage: input.lineage,
    spec,
    baseBranch,
    branch,
    branchTip,
    dateSeconds: run.landingSeconds(),
    ...work,
    baseCommit,
    baseTree,
    tree,
    subject,
    ...(parents === undefined ? {} : { parents }),
    ...(criteria === null ? {} : { criteria }),
    ...(opened.rebases === true && parents === undefined && times < REBASES_MAX ? { rebases: true } : {}),
  };
  // A push that is under way may have reached the remote: it is seen to its end, and success wins over a cancel.
  return await CancellationScope.nonCancellable(() => land.executeWithOptions(options, [request]));
}

/** What has merged without a conflict can be wrong all the same: the checks run on the new base, and on the change there. */
async function checkRebased(
  run: TaskRun,
  opened: Opened,
  { baseCommit, baseTree, tree }: Rebased,
): Promise<Outcome | null> {
  const times = (run.steps.rebased?.times ?? 0) + 1;
  const { attempt } = run;
  const place = { ...opened, baseCommit, baseTree };
  run.enter('verifying', `attempt ${attempt}: ${opened.baseBranch} has gone on, checking the change on top of it`);
  const check = (what: string, checked: string, base?: Checked): Promise<Checked> =>
    runChecks.executeWithOptions(
      { activityId: `a${attempt}.${what}.r${times}`, summary: `attempt ${attempt}: ${what} on the new base` },
      [checkInput(run, place, checked, base)],
    );
  const baseline = await check('baseline', baseTree);
  const checked = await check('checks', tree, baseline);
  const red = gateOutcome(baseline, checked);
  // The account tells of what lands, so its checks are those that ran on it.
  if (red === null) run.bookStep({ rebased: { times, baseCommit, baseTree, tree }, checked });
  return red;
}

/** @param base what the checks say at the base, for the gate to compare with */
export const checkInput = (run: TaskRun, { spec, baseCommit, baseTree }: Opened, tree: string, base?: Checked) =>
  checkOn({ taskId: run.taskId, lineage: run.input.lineage, spec, baseCommit, baseTree }, tree, base);

/** Where checks run, and what they are compared with: a task's own ground, or one beside it. */
export type CheckGround = Omit<CheckInput, 'tree' | 'baseline'>;

/** The same for whoever has no task of its own. */
export const checkOn = (ground: CheckGround, tree: string, base?: Checked): CheckInput => ({
  ...ground,
  tree,
  ...(base?.kind === 'checked' && base.results !== undefined ? { baseline: base.results } : {}),
});

/** Both to their end before either's fault goes on: a check must not run on behind an attempt that has ended. */
export async function bothSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<readonly [A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}
