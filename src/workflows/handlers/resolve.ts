/** Handler `resolve`: the merge that a join could not do, with the conflicts mended by a model. */
import { patched } from '@temporalio/workflow';
import type { Called, Edited, Opened } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import type { ArtifactRef, Outcome } from '../../domain/outcome.js';
import { askTurn, type Marked } from '../modes/ask-turn.js';
import { applyEdits } from '../proxies.js';
import { ask, type Asked, bothSettled, checkBaseline, checkTree, gateOutcome, landWork } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { approval } from './approval.js';
import { merge, unmetOfMerge } from './join.js';
import { mayRepair, remembered, talkOver, type Turned } from './talk-over.js';

export async function resolve(run: TaskRun, opened: Opened): Promise<Outcome> {
  const [merged, baseline] = await bothSettled(merge(run, opened), checkBaseline(run, opened));
  const mended =
    merged.kind === 'merged'
      ? { tree: merged.tree, diff: merged.diff, callId: null, subject: merged.subject }
      : await mend(run, opened, merged.treeWithMarkers);
  if ('outcome' in mended) return mended.outcome;
  const failed = gateOutcome(baseline, await checkTree(run, opened, mended.tree));
  if (failed !== null) return failed;
  const { diff, ...work } = mended;
  const unmet = opened.judge ? await unmetOfMerge(run, opened, mended) : null;
  if (unmet !== null) return unmet;
  const held = asksFirst(opened) ? approval(run, opened, 'push', diff) : null;
  return held ?? (await landWork(run, opened, { ...work, parents: merged.merged }));
}

/** A person who wants to see what is pushed wants to see this too. Histories from before have not asked. */
const asksFirst = ({ people }: Opened): boolean =>
  people?.approve.includes('push') === true && patched(APPROVED_RESOLVE_PATCH);

const APPROVED_RESOLVE_PATCH = 'approved-resolve';

interface Whole {
  readonly tree: string;
  /** Of the whole, against the base. */
  readonly diff: ArtifactRef;
  readonly callId: string | null;
  readonly subject: string;
}

type Mended = Whole | { readonly outcome: Outcome };

async function mend(run: TaskRun, opened: Opened, baseTree: string): Promise<Mended> {
  const turned: Turned[] = [];
  for (let turn = 1; ; turn += 1) {
    const asked = await askToMend(run, opened, turn, remembered(turned), baseTree);
    if (asked.kind === 'none') return { outcome: asked.outcome };
    const { call } = asked;
    if (call.verdict.kind === 'question') {
      const said = talkOver(run, call, turn, call.verdict.text);
      if (said.kind === 'none') return said;
      turned.push(said.repairs);
      continue;
    }
    const complaint = await usable(run, opened, call, baseTree);
    if (typeof complaint !== 'string') return complaint;
    if (!mayRepair(run, turned)) return { outcome: failed(complaint, call) };
    turned.push({ callId: call.callId, complaint });
  }
}

/** As the task says for this step (`modes.resolve`), else its model. */
function askToMend(
  run: TaskRun,
  opened: Opened,
  turn: number,
  about: ReturnType<typeof remembered>,
  baseTree: string,
): Promise<Asked> {
  const spec = opened.steps?.resolve;
  // Without a tick in between: recorded histories know of no mode here.
  if (spec === undefined) return ask(run, opened, turn, about);
  return askTurn(run, { ...opened, ask: spec }, turn, about, marked(opened, baseTree));
}

const marked = ({ baseTree: wholeBase }: Opened, baseTree: string): Marked => ({ baseTree, resolves: true, wholeBase });

/** The work, or what a repair turn has to say. */
async function usable(run: TaskRun, opened: Opened, call: Called, baseTree: string): Promise<Mended | string> {
  const { verdict, callId } = call;
  if (verdict.kind === 'malformed') return verdict.complaint;
  if (verdict.kind !== 'usable') return { outcome: failed(verdict.kind, call) };
  const edited = run.steps.edited?.kind === 'edited' ? run.steps.edited : await edit(run, opened, callId, baseTree);
  if (edited.kind === 'edited') return { tree: edited.tree, diff: edited.diff, callId, subject: edited.subject };
  if (edited.complaint !== null) return edited.complaint;
  const { failure: why, signature, evidence } = edited;
  return { outcome: { kind: 'failed', failure: why, signature, evidence } };
}

async function edit(run: TaskRun, opened: Opened, callId: string, baseTree: string): Promise<Edited> {
  const options = { summary: `attempt ${run.attempt}: resolve the conflicts` };
  const request = { lineage: run.input.lineage, callId, spec: opened.spec, ...marked(opened, baseTree) };
  const edited = await applyEdits.executeWithOptions(options, [request]);
  run.bookStep({ edited });
  return edited;
}

const failed = (detail: string, { answer }: Called): Outcome => ({
  kind: 'failed',
  failure: failure('malformedAnswer', detail),
  signature: 'malformedAnswer',
  evidence: answer,
});
