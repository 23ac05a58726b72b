/**
 * A call beside the real one: the same question to another model, its work compared with what the task has made, and kept.
 * It lives on its own: no task waits for it, pays for it or hears of its failures, and nothing of it is ever pushed.
 */
import { setCurrentDetails } from '@temporalio/workflow';
import type { Called, Checked, Edited } from '../activities/contract.js';
import { compare, type ShadowRecord, type Side } from '../domain/shadow.js';
import { NOTHING_SPENT, type Spending } from '../domain/record.js';
import { codeOfFault, spendingOfFault } from './faults.js';
import { applyEdits, callModel, closeWorkspace, recordShadow, runChecks } from './proxies.js';
import { checkOn, gateOutcome, paidCall } from './steps.js';
import type { ShadowCallInput } from './shadow-messages.js';

export async function shadowCall(input: ShadowCallInput): Promise<ShadowRecord> {
  const { taskId, name, primary } = input;
  const shadow = await sideOf(input);
  const compared = compare(primary, shadow);
  const record: ShadowRecord = { kind: 'shadow', taskId, name, at: Date.now(), primary, shadow, compared };
  await recordShadow({ record });
  setCurrentDetails(`Shadow of \`${name}\`: **${compared.agreement}**, ${compared.latencyGapMs} ms apart.`);
  return record;
}

async function sideOf(input: ShadowCallInput): Promise<Side> {
  const startedAt = Date.now();
  const { provider, model } = input.shadow;
  const nothing = { provider, model, tree: null, passed: null, spending: NOTHING_SPENT };
  let call: Called;
  try {
    call = await ask(input);
  } catch (thrown) {
    const code = codeOfFault(thrown);
    if (code === null) throw thrown;
    const spending: Spending = spendingOfFault(thrown)?.spending ?? NOTHING_SPENT;
    return { ...nothing, failure: code, latencyMs: Date.now() - startedAt, spending };
  }
  const { spending } = call;
  const of = { ...nothing, model: call.model, spending, latencyMs: call.endedAt - call.startedAt };
  const { verdict } = call;
  if (verdict.kind !== 'usable')
    return { ...of, failure: verdict.kind === 'unusable' ? verdict.code : 'malformedAnswer' };
  const edited = await edit(input, call);
  if (edited.kind === 'rejected') return { ...of, failure: edited.failure.code };
  return { ...of, tree: edited.tree, failure: null, passed: input.shadow.gate ? await gate(input, edited.tree) : null };
}

/** The call is named after the real one, so that both stand side by side in the ledger. */
function ask({ lineage, name, prompt, shadow: { provider, model } }: ShadowCallInput): Promise<Called> {
  const request = { lineage, name: `${name}.s`, prompt, provider, model, repairs: null, purpose: 'shadow' } as const;
  return paidCall(NOBODY, `shadow of ${name} (${model})`, request, callModel);
}

/** The ledger knows what it has cost; no task's budget does. */
const NOBODY = { bookCall: (): void => undefined };

async function edit({ lineage, spec, baseTree, name }: ShadowCallInput, { callId }: Called): Promise<Edited> {
  const options = { summary: `shadow of ${name}: apply edits` };
  return await applyEdits.executeWithOptions(options, [{ lineage, callId, spec, baseTree }]);
}

/** In a work tree of its own, which is gone afterwards. */
async function gate(input: ShadowCallInput, tree: string): Promise<boolean | null> {
  const { taskId, name, spec, baseCommit, baseTree } = input;
  const lineage = `${input.lineage}~shadow~${name}`;
  const ground = { taskId: `${taskId}/shadow`, lineage, spec, baseCommit, baseTree };
  const run = (what: string, checked: string, base?: Checked): Promise<Checked> =>
    runChecks.executeWithOptions({ activityId: `${name}.${what}`, summary: `shadow of ${name}: ${what}` }, [
      checkOn(ground, checked, base),
    ]);
  try {
    const before = await run('baseline', baseTree);
    if (before.kind !== 'checked') return null;
    const after = await run('checks', tree, before);
    return after.kind === 'checked' ? gateOutcome(before, after) === null : null;
  } catch (thrown) {
    if (codeOfFault(thrown) === null) throw thrown;
    return null; // the checks could not be run: nothing is known of the gate
  } finally {
    await closeWorkspace({ lineage });
  }
}
