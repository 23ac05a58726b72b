/** A model that judges the answers of others: it chooses one, or scores each. */
import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import type { Called, CallInput } from '../../activities/contract.js';
import type { Failure } from '../../domain/failures.js';
import type { ArtifactRef } from '../../domain/outcome.js';
import type { Spending } from '../../domain/record.js';
import type { ModelChoice } from '../../domain/task.js';
import { spendingOfFault } from '../faults.js';
import { digestAnswer, judgePrompt } from '../proxies.js';
import { paidCall, type Payer } from '../steps.js';
import { lookAtVerdict, type Asking, type Judged, type Looked } from './run-mode.js';

/** What is judged, and who pays. */
export interface Judging {
  readonly run: Payer;
  readonly lineage: string;
  /** What was asked. */
  readonly prompt: ArtifactRef;
  /** Name of the turn; the calls of the judge are named after it. */
  readonly name: string;
  /** Before each call. A promise of null if it may be made; null itself where nobody has to be asked. */
  readonly mayCall?: () => Promise<Failure | null> | null;
}

/** Chooses one of several. What cannot be understood leaves the vote as it is. */
export const judgeOf =
  (judging: Judging, judge: ModelChoice): NonNullable<Asking['judge']> =>
  async (among): Promise<Judged> => {
    const answers = among.map(({ content }) => content);
    const asked = judging.mayCall?.() ?? null;
    const refused = asked === null ? null : await asked;
    if (refused !== null) return { word: { kind: 'unclear', says: saidBy(refused) }, call: null };
    try {
      const call = await askJudge(judging, judge, answers, 'choice', `${judging.name}.j`);
      const { verdict } = call;
      const chosen = verdict.kind === 'choice' ? among[verdict.choice - 1] : undefined;
      if (chosen !== undefined) return { word: { kind: 'chosen', index: chosen.index }, call };
      const says = verdict.kind === 'choice' ? `it chose ${verdict.choice} of ${among.length}` : verdict.kind;
      return { word: { kind: 'unclear', says }, call };
    } catch (thrown) {
      return { word: { kind: 'unclear', says: saysOf(thrown) }, call: null, ...lostBy(thrown) };
    }
  };

/** Looks at an answer, and lets the judge score it. An answer without a score takes part with none. */
export const scored =
  (judging: Judging, judge: ModelChoice, look: NonNullable<Asking['look']>): NonNullable<Asking['look']> =>
  async (call, index, mayScore): Promise<Looked> => {
    const looked = await look(call, index, mayScore);
    if (looked.kind === 'bad' || (looked.faults ?? []).length > 0 || !mayScore()) return looked;
    const asked = judging.mayCall?.() ?? null;
    if (asked !== null && (await asked) !== null) return looked;
    try {
      const answers = [looked.content ?? call.answer];
      const scoredBy = await askJudge(judging, judge, answers, 'score', `${judging.name}.s${index + 1}`);
      const { verdict } = scoredBy;
      return { ...looked, scoredBy, ...(verdict.kind === 'score' ? { score: verdict.score } : {}) };
    } catch (thrown) {
      saysOf(thrown); // throws on what is not the judge's failure
      return { ...looked, ...lostBy(thrown) };
    }
  };

/** Answers that are text are the same if they say the same. */
export const digestLook =
  (lineage: string): NonNullable<Asking['look']> =>
  async (call): Promise<Looked> => {
    const said = await lookAtVerdict(call);
    if (said.kind === 'bad') return said;
    const { callId, answer, verdict } = call;
    return {
      kind: 'good',
      ...(verdict.kind === 'text' ? verdict.digest : await digestAnswer({ lineage, callId, answer })),
    };
  };

async function askJudge(
  { run, lineage, prompt, name }: Judging,
  { provider, model = '' }: ModelChoice,
  answers: readonly ArtifactRef[],
  wants: 'choice' | 'score',
  callName: string,
): Promise<Called> {
  const judged = await judgePrompt.executeWithOptions({ summary: `${name}: what the judge is asked` }, [
    { lineage, prompt, answers, wants },
  ]);
  const request: CallInput = {
    lineage,
    name: callName,
    prompt: judged,
    provider,
    model,
    repairs: null,
    expects: wants,
    purpose: 'judge',
  };
  return await paidCall(run, `judge: ${wants} (${model})`, request);
}

/** Without it, what was spent in vain is not counted. */
const LOST_COUNTS_PATCH = 'lost-judges-count';

/** What a judge has cost that has not answered. */
function lostBy(thrown: unknown): { readonly lost?: Spending } {
  const spending = spendingOfFault(thrown)?.spending;
  return spending === undefined || spending.callsSent === 0 || !patched(LOST_COUNTS_PATCH) ? {} : { lost: spending };
}

const saidBy = ({ code, detail }: Failure): string => `${code}: ${detail}`.slice(0, 200);

/** A judge that cannot be asked decides nothing; anything but a failed step is ours. */
function saysOf(thrown: unknown): string {
  if (isCancellation(thrown) || !(thrown instanceof ActivityFailure)) throw thrown;
  return (thrown.cause?.message ?? thrown.message).slice(0, 200);
}
