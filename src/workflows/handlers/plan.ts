/** Handler `plan`: asks for child tasks instead of edits. Nothing is started here: the decider agrees first. */
import type { Called, Opened, ProposeInput } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import { totalTokens } from '../../domain/record.js';
import { proposalFaults } from '../../domain/proposal.js';
import { propose } from '../proxies.js';
import { askTurn } from '../modes/ask-turn.js';
import type { TaskRun } from '../task-run.js';
import { approval } from './approval.js';
import { mayRepair, remembered, talkOver, type Turned } from './talk-over.js';

export async function plan(run: TaskRun, opened: Opened): Promise<Outcome> {
  const turned: Turned[] = [];
  for (let turn = 1; ; turn += 1) {
    const asked = await askTurn(run, opened, turn, { ...remembered(turned), expects: 'plan' });
    if (asked.kind === 'none') return asked.outcome;
    const { call } = asked;
    const { callId, verdict } = call;
    if (verdict.kind === 'plan') return await proposal(run, opened, { callId });
    if (verdict.kind === 'question') {
      const said = talkOver(run, call, turn, verdict.text);
      if (said.kind === 'none') return said.outcome;
      turned.push(said.repairs);
      continue;
    }
    if (verdict.kind !== 'malformed' || !mayRepair(run, turned)) return unusable(call);
    turned.push({ callId, complaint: verdict.complaint });
  }
}

function unusable({ verdict, answer }: Called): Outcome {
  const code = verdict.kind === 'unusable' ? verdict.code : 'malformedAnswer';
  const detail =
    verdict.kind === 'malformed' ? verdict.complaint : verdict.kind === 'unusable' ? verdict.detail : verdict.kind;
  return { kind: 'failed', failure: failure(code, detail), signature: code, evidence: answer };
}

/** From an answer that is a plan, wherever it came from, to children that may be started. Looked at again, it is known. */
export async function proposal(
  run: TaskRun,
  opened: Opened,
  where: Pick<ProposeInput, 'callId' | 'answer'>,
): Promise<Outcome> {
  const { lineage } = run.input;
  const { costUsdMicros } = run.record.spending;
  const spent = { costUsdMicros, tokens: totalTokens(run.record.spending) };
  const options = { summary: `attempt ${run.attempt}: read the plan` };
  const proposed =
    run.steps.proposed ??
    (await propose.executeWithOptions(options, [{ lineage, ...where, spec: opened.spec, spent }]));
  // Booked once: a step that is done ends a wait, and the question below must not begin anew each time it is looked at.
  if (run.steps.proposed === undefined) run.bookStep({ proposed });
  run.talk.dropPlan();
  const { children, join, joinSpec, plan: whole, parentFingerprint } = proposed;
  const faults = proposalFaults(children, { depth: run.depth, proposedInJob: 0, parentFingerprint });
  if (faults.length > 0) return { kind: 'proposed', children, join, joinSpec, plan: whole, faults };
  const held = approval(run, opened, 'plan', whole);
  if (held !== null) return held;
  return { kind: 'proposed', children, join, joinSpec, plan: whole, faults: [] };
}
