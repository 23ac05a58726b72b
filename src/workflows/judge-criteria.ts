/** Acceptance criteria that no command tells are put to a model, after the checks; what it says can only refuse. */
import type { Called, NamedModel, Opened } from '../activities/contract.js';
import { limitReached } from '../domain/decide.js';
import { failure } from '../domain/failures.js';
import type { ArtifactRef, Outcome } from '../domain/outcome.js';
import type { Judged } from './found-criteria.js';
import { askStep, wordsOf } from './modes/ask-step.js';
import { lookAtVerdict, type Looked } from './modes/run-mode.js';
import { criteriaPrompt } from './proxies.js';
import { paidCall } from './steps.js';
import type { TaskRun } from './task-run.js';
import { mayAsk, mayBeRefused } from './wait.js';

/** A judge that does not keep to the form after one precise complaint is no judge. */
const REPAIRS_MAX = 1;

/** Null if all of them are met, or if nobody is to judge. */
export async function unmetCriteria(
  run: TaskRun,
  opened: Opened,
  { tree, diff }: { readonly tree: string; readonly diff: ArtifactRef },
): Promise<Outcome | null> {
  const { judge } = opened;
  if (judge === undefined) return null;
  const known = run.steps.judged;
  const judged = known?.tree === tree ? known : await judgeTree(run, opened, judge, { tree, diff });
  if ('outcome' in judged) return judged.outcome;
  run.bookStep({ judged });
  const { unmet, answer } = judged;
  if (unmet.length === 0) return null;
  return {
    kind: 'failed',
    failure: failure('criteriaUnmet', `Criterion ${unmet.join(', ')}, in the judgement of ${judgeWords(opened)}.`),
    signature: `criteriaUnmet ${unmet.join(' ')}`,
    evidence: answer,
  };
}

async function judgeTree(
  run: TaskRun,
  opened: Opened,
  judge: NonNullable<Opened['judge']>,
  { tree, diff }: { readonly tree: string; readonly diff: ArtifactRef },
): Promise<Judged | { readonly outcome: Outcome }> {
  const refused = mayBeRefused(run) ? await mayAsk(run) : null;
  if (refused !== null) return { outcome: refused };
  const { attempt, input } = run;
  run.enter('verifying', `attempt ${attempt}: ${judgeWords(opened)} judges the acceptance criteria`);
  const { checked } = run.steps;
  const isChecked = checked?.kind === 'checked';
  const prompt = await criteriaPrompt.executeWithOptions({ summary: `attempt ${attempt}: ask about the criteria` }, [
    {
      lineage: input.lineage,
      spec: opened.spec,
      criteria: judge.criteria,
      diff,
      checks: isChecked ? checked.verdicts.map(({ name, passed }) => `${name}: ${passed ? 'passed' : 'failed'}`) : [],
      counts: isChecked ? (checked.gated?.counts ?? null) : null,
    },
  ]);
  const judged = { spec: opened.spec, tree, baseTree: opened.baseTree };
  const about = { lineage: input.lineage, prompt, purpose: 'judge', expects: 'criteria', judged } as const;
  const what = `attempt ${attempt}: judge the criteria`;
  let repairs: { readonly callId: string; readonly complaint: string } | null = null;
  let of: NamedModel = judge;
  for (let turn = 0; ; turn += 1) {
    // Named by what is judged: asked again after an outage it is the same call, and is not paid twice.
    const name = `a${attempt}.criteria.${tree.slice(0, 12)}${turn === 0 ? '' : `.r${turn}`}`;
    const several = turn === 0 ? opened.steps?.judge : undefined;
    let call: Called;
    if (several === undefined) {
      const { provider, model } = of;
      call = await paidCall(run, `${what} (${model})`, { ...about, name, provider, model, repairs });
    } else {
      const look = (answered: Called) => lookAtCriteria(answered, judge.criteria);
      const asked = await askStep(run, several, { name, what, request: { ...about, repairs }, look });
      if (asked.kind === 'none') return { outcome: ofJudge(asked.outcome) };
      ({ call, of } = asked);
    }
    const complaint = complaintOf(call, judge.criteria);
    if (complaint === null && call.verdict.kind === 'criteria')
      return { tree, met: call.verdict.met, unmet: call.verdict.unmet, answer: call.answer };
    const mayRepair = turn < REPAIRS_MAX && limitReached(run.record, Date.now()) === null;
    if (!mayRepair) return { outcome: unusable(call, complaint ?? '') };
    repairs = { callId: call.callId, complaint: complaint ?? '' };
  }
}

const judgeWords = ({ judge, steps }: Opened): string =>
  steps?.judge === undefined ? (judge?.model ?? '') : wordsOf(steps.judge);

/** Judgements are the same if the same criteria are met. */
async function lookAtCriteria(call: Called, asked: readonly number[]): Promise<Looked> {
  const { verdict } = call;
  if (verdict.kind === 'unusable') return await lookAtVerdict(call);
  const complaint = complaintOf(call, asked);
  if (complaint !== null || verdict.kind !== 'criteria')
    return { kind: 'bad', failure: failure('malformedAnswer', complaint ?? '') };
  const met = [...verdict.met].toSorted((a, b) => a - b);
  return { kind: 'good', key: JSON.stringify(met), text: `met: ${met.join(', ') || 'none'}` };
}

/** Nothing that the model which does the work could mend. */
const ofJudge = (outcome: Outcome): Outcome =>
  outcome.kind === 'failed' ? { ...outcome, signature: `${NO_JUDGE}${outcome.signature}` } : outcome;

/** Null if the answer says of each criterion whether it is met, and of no other. */
function complaintOf({ verdict }: Called, asked: readonly number[]): string | null {
  if (verdict.kind === 'malformed') return verdict.complaint;
  if (verdict.kind !== 'criteria') return 'It is no judgement of the criteria.';
  const told = [...verdict.met, ...verdict.unmet];
  const missing = asked.filter((number) => !told.includes(number));
  const foreign = told.filter((number) => !asked.includes(number));
  if (missing.length > 0) return `It says nothing of criterion ${missing.join(', ')}.`;
  return foreign.length > 0 ? `Nobody has asked about criterion ${foreign.join(', ')}.` : null;
}

/** What the signature of an outcome begins with where the judge could not be used. */
export const NO_JUDGE = 'judge ';

/** Nobody has said that the criteria are met, so they are not. */
function unusable({ verdict, answer }: Called, complaint: string): Outcome {
  const code = verdict.kind === 'unusable' ? verdict.code : 'malformedAnswer';
  const detail = verdict.kind === 'unusable' ? verdict.detail : `The judge: ${complaint}`;
  return { kind: 'failed', failure: failure(code, detail), signature: `${NO_JUDGE}${code}`, evidence: answer };
}
