/** Handler `one-shot`: one structured answer, its edits, the checks, the landing. */
import type { Called, Edited, NamedModel, Opened } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import { askTurn } from '../modes/ask-turn.js';
import { bestOf } from '../modes/best-of.js';
import { startShadow } from '../modes/shadow.js';
import { unmetCriteria } from '../judge-criteria.js';
import { applyEdits } from '../proxies.js';
import { bothSettled, checkBaseline, checkTree, gateOutcome, landWork, setupOutcome } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { approval } from './approval.js';
import { proposal } from './plan.js';
import { mayRepair, remembered, talkOver, type Turned } from './talk-over.js';

export async function oneShot(run: TaskRun, opened: Opened): Promise<Outcome> {
  if (opened.candidates !== undefined) return await ofCandidates(run, opened, opened.candidates);
  const [answered, baseline] = await bothSettled(answer(run, opened), checkBaseline(run, opened));
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  if (answered.kind !== 'edited') return answered.outcome;
  const { call, edited } = answered;
  const checked = await checkTree(run, opened, edited.tree);
  const failed = gateOutcome(baseline, checked) ?? (opened.judge ? await unmetCriteria(run, opened, edited) : null);
  const shadow = startShadow(run, opened, { call, tree: edited.tree, passed: failed === null });
  try {
    if (failed !== null) return failed;
    const held = approval(run, opened, 'push', edited.diff);
    if (held !== null) return held;
    return await landWork(run, opened, { tree: edited.tree, callId: call.callId, subject: edited.subject });
  } finally {
    // Children are awaited to their start; this one starts while the work is landed.
    if (shadow !== null) await shadow;
  }
}

async function ofCandidates(run: TaskRun, opened: Opened, models: readonly NamedModel[]): Promise<Outcome> {
  const baseline = checkBaseline(run, opened);
  // Its fault is met where its verdict is needed.
  baseline.catch(() => undefined);
  try {
    return await bestOf(run, opened, models, baseline);
  } finally {
    // A check must not run on behind an attempt that has ended.
    await baseline.catch(() => undefined);
  }
}

type Answered =
  | { readonly kind: 'edited'; readonly call: Called; readonly edited: Extract<Edited, { kind: 'edited' }> }
  | { readonly kind: 'none'; readonly outcome: Outcome };

/** Asks until there is an answer whose edits fit, with at most one repair turn and a few questions to a person. */
async function answer(run: TaskRun, opened: Opened): Promise<Answered> {
  const turned: Turned[] = [];
  for (let turn = 1; ; turn += 1) {
    const asked = await askTurn(run, opened, turn, { ...remembered(turned), ...splitting(opened) });
    if (asked.kind === 'none') return asked;
    const { call } = asked;
    const { verdict } = call;
    const repairable = mayRepair(run, turned);
    switch (verdict.kind) {
      case 'unusable':
        return unusable(call, verdict.code, verdict.detail);
      case 'plan':
        if (opened.maySplit !== true) return unusable(call, 'malformedAnswer', 'A plan instead of edits.');
        return { kind: 'none', outcome: await proposal(run, opened, { callId: call.callId }) };
      case 'question': {
        const said = talkOver(run, call, turn, verdict.text);
        if ('outcome' in said) return said;
        turned.push(said.repairs);
        continue;
      }
      case 'malformed':
        if (!repairable) return unusable(call, 'malformedAnswer', verdict.complaint);
        turned.push({ callId: call.callId, complaint: verdict.complaint });
        continue;
      default:
    }
    const edited = await edit(run, opened, call);
    if (edited.kind === 'edited') return { kind: 'edited', call, edited };
    if (edited.complaint === null || !repairable) return rejected(edited, opened);
    turned.push({ callId: call.callId, complaint: edited.complaint });
  }
}

const splitting = ({ maySplit }: Opened): Pick<Opened, 'maySplit'> => (maySplit === true ? { maySplit } : {});

const unusable = (call: Called, code: Parameters<typeof failure>[0], detail: string): Answered => ({
  kind: 'none',
  outcome: { kind: 'failed', failure: failure(code, detail), signature: code, evidence: call.answer },
});

const rejected = (
  { failure: failed, signature, evidence }: Extract<Edited, { kind: 'rejected' }>,
  { alternatives }: Opened,
): Answered => ({
  kind: 'none',
  outcome: {
    kind: 'failed',
    failure: failed,
    signature,
    evidence,
    ...(alternatives === undefined ? {} : { alternatives }),
  },
});

async function edit(run: TaskRun, opened: Opened, call: Called): Promise<Edited> {
  const known = run.steps.edited;
  if (known?.kind === 'edited') return known;
  const request = { lineage: run.input.lineage, callId: call.callId, spec: opened.spec, baseTree: opened.baseTree };
  const options = { summary: `attempt ${run.attempt}: apply edits` };
  const edited = await applyEdits.executeWithOptions(options, [request]);
  run.bookStep({ edited });
  return edited;
}
