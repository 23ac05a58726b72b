/** One turn of a task: its model is asked, or several are, as the task says; the answer to go on with comes back. */
import { patched } from '@temporalio/workflow';
import type { Called, CallInput, Edited, EditInput, Opened } from '../../activities/contract.js';
import type { AskSpec, ModelResult, ModeResult } from '../../domain/ask-mode.js';
import { VOTE_DEFAULTS } from '../../domain/consensus.js';
import type { AskedAnswer, AskedEntry, NewEntry } from '../../domain/entries.js';
import { catalogueEntry, failure, type Failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import { defined } from '../../domain/plain-object.js';
import { totalTokens } from '../../domain/record.js';
import type { ModelChoice } from '../../domain/task.js';
import { untilFree } from '../faults.js';
import { applyEdits, callModel, callOneOfSeveral } from '../proxies.js';
import { ask, paidCall, type Asked } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { isFree, mayAsk, mayBeRefused, unheld } from '../wait.js';
import { digestLook, judgeOf, scored } from './judging.js';
import { lookAtVerdict, runMode, type Asking, type Looked } from './run-mode.js';

export type About = Parameters<typeof ask>[3];

/** Where edits are put that mend a conflict: on the files with its marks. */
export type Marked = Required<Pick<EditInput, 'baseTree' | 'resolves' | 'wholeBase'>>;

/**
 * As `ask`; a repair, or the answer to a question, goes to the model that gave rise to it.
 * @param marked absent = the edits are for the base
 */
export const askTurn = (run: TaskRun, opened: Opened, turn: number, about: About, marked?: Marked): Promise<Asked> =>
  // Without a tick in between: recorded histories know of no modes.
  opened.ask === undefined
    ? ask(run, opened, turn, about)
    : askInMode(run, opened.ask, { opened, turn, about, ...(marked === undefined ? {} : { marked }) });

async function askInMode(run: TaskRun, spec: AskSpec, question: Question): Promise<Asked> {
  const { opened, turn, about } = question;
  const repaired = about.repairs == null ? undefined : run.steps.askedOf?.at(-1);
  if (repaired !== undefined) return await ask(run, { ...opened, ...repaired }, turn, about);
  const known = run.steps.calls[turn - 1];
  if (known !== undefined) return { kind: 'asked', call: known };
  if (!isFree(run)) await unheld(run);
  const refused = mayBeRefused(run) ? await mayAsk(run) : null;
  if (refused !== null) return { kind: 'none', outcome: refused };
  return await askSeveral(run, spec, question);
}

async function askSeveral(run: TaskRun, spec: AskSpec, question: Question): Promise<Asked> {
  const budget = budgetOf(run);
  const { turn } = question;
  run.enter('working', `attempt ${run.attempt}: asking ${spec.models.length} models (${spec.mode})`);
  const asked = await runMode(spec, { ...askingOf(run, spec, question, budget), mayCall: budget.mayCall });
  const taken = asked.winner ?? mendable(asked);
  const entry = entryOf(nameOf(run, turn), spec, asked);
  if (taken === null) {
    const outcome = budget.refused() ?? outcomeOf(run, asked);
    // What is only waited for is asked again, and on record then.
    if (outcome.kind !== 'blocked') run.book(entry);
    return { kind: 'none', outcome };
  }
  run.book(entry);
  const { provider, model } = spec.models[taken.index] ?? {};
  const of = { provider: provider ?? taken.provider, model: model ?? taken.call.model };
  run.steps.calls.push(taken.call);
  run.bookStep({ askedOf: [...(run.steps.askedOf ?? []), of] });
  return { kind: 'asked', call: taken.call };
}

export const entryOf = (
  turn: string,
  spec: AskSpec,
  asked: ModeResult<Called>,
): Extract<NewEntry, { kind: 'asked' }> => ({
  kind: 'asked',
  turn,
  mode: asked.mode,
  answers: asked.results.map(answerOf),
  winner: asked.winner?.index ?? null,
  reason: reasonOf(asked),
  ...judgeCost(asked),
  ...voteOf(spec, asked),
});

/** A line of the record: whoever wants to know more has the answers. */
const WHY_CHARACTERS_MAX = 100;

/** The words that were voted on stand in the answers. */
function voteOf({ vote: rules }: AskSpec, { vote }: ModeResult<Called>): Pick<AskedEntry, 'vote'> {
  if (vote === null) return {};
  const decided = vote.kind === 'decided' ? vote : null;
  const { strategy, voters, abstained, tally, rounds, tieBreak } = vote;
  return {
    vote: {
      strategy,
      quorum: rules?.quorum ?? VOTE_DEFAULTS.quorum,
      voters,
      votesFor: decided?.votes ?? 0,
      abstained: abstained.map(({ index, why }) => ({ index, why: why.slice(0, WHY_CHARACTERS_MAX) })),
      tally: tally.map(({ votes, weight, score, members }) => ({ votes, weight, score, members })),
      rounds,
      tieBreak,
      judged: decided?.judged ?? false,
      winnerScore: decided?.score ?? null,
    },
  };
}

/** Also what a judge has cost that has not answered. */
function judgeCost({ judging, lostUsdMicros }: ModeResult<Called>): Pick<AskedEntry, 'judgeUsdMicros'> {
  if (judging.length === 0 && lostUsdMicros === undefined) return {};
  return { judgeUsdMicros: costOf(judging) + (lostUsdMicros ?? 0) };
}

interface Question {
  readonly opened: Opened;
  readonly turn: number;
  readonly about: About;
  readonly marked?: Marked;
}

const JUDGES_ASK_PATCH = 'judges-ask-budget';

function askingOf(run: TaskRun, spec: AskSpec, question: Question, budget: ReturnType<typeof budgetOf>): Asking {
  const { opened, turn } = question;
  const look = lookerOf(run, spec, question);
  const mayCall = () => (mayBeRefused(run) && patched(JUDGES_ASK_PATCH) ? budget.mayCall() : null);
  const judged = { run, lineage: run.input.lineage, prompt: opened.prompt, name: nameOf(run, turn), mayCall };
  const { strategy } = spec.vote ?? {};
  const isScored = strategy === 'maxScore' || strategy === 'scoreSum';
  return {
    call: (choice, index) => callOf(run, spec, question, choice, index),
    look: spec.mode === 'consensus' && isScored && spec.judge !== undefined ? scored(judged, spec.judge, look) : look,
    ...(spec.judge === undefined || isScored ? {} : { judge: judgeOf(judged, spec.judge) }),
  };
}

async function callOf(
  run: TaskRun,
  spec: AskSpec,
  { opened, turn, about }: Question,
  { provider, model = '' }: ModelChoice,
  index: number,
): Promise<Called> {
  const { repairs = null, earlier, expects = 'edits', maySplit } = about;
  const request: CallInput = {
    lineage: run.input.lineage,
    name: `${nameOf(run, turn)}.m${index + 1}`,
    prompt: opened.prompt,
    provider,
    model,
    repairs,
    ...(earlier === undefined ? {} : { earlier }),
    ...(expects === 'edits' ? {} : { expects }),
    ...(maySplit === undefined ? {} : { maySplit }),
    ...(isAlone(spec) ? {} : { purpose: 'candidate' }),
  };
  const summary = `attempt ${run.attempt}: ${spec.mode}, ${index + 1} of ${spec.models.length} (${model})`;
  return await paidCall(run, summary, request, isAlone(spec) ? callModel : callOneOfSeveral);
}

/** Nobody is asked beside it. */
export const isAlone = ({ mode }: AskSpec): boolean => mode === 'single' || mode === 'fallback';

type Look = NonNullable<Asking['look']>;

/** Edits are good if they apply, and the same if they make the same tree; other answers, plans too, if they say the same. */
function lookerOf(run: TaskRun, spec: AskSpec, { opened, about, marked }: Question): Look {
  if (isAlone(spec)) return lookAtVerdict;
  const look = digestLook(run.input.lineage);
  if (about.expects === 'plan') return look;
  return (call, ...more) =>
    call.verdict.kind === 'plan' ? look(call, ...more) : lookAtEdits(run, { ...opened, ...marked }, call);
}

/**
 * What the edits of an answer make of the base.
 * @param keep given all that is known of them, good or not
 */
export const lookAtEdits = (
  run: TaskRun,
  base: EditBase,
  call: Called,
  keep?: (edited: Edited) => void,
): Promise<Looked> => lookAtEditsOf({ lineage: run.input.lineage, what: `attempt ${run.attempt}` }, base, call, keep);

type EditBase = Pick<Opened, 'spec' | 'baseTree'> & Partial<Marked>;

/** The same without a task. @param of the lineage in whose ledger the call is */
export async function lookAtEditsOf(
  { lineage, what }: { readonly lineage: string; readonly what: string },
  { spec, baseTree, resolves, wholeBase }: EditBase,
  call: Called,
  keep: (edited: Edited) => void = () => undefined,
): Promise<Looked> {
  const said = await lookAtVerdict(call);
  if (said.kind === 'bad') return said;
  const options = { summary: `${what}: apply edits of ${call.model}`.slice(0, 120) };
  const put = { baseTree, ...defined({ resolves, wholeBase }) };
  const request = { lineage, callId: call.callId, spec, ...put };
  const edited = await applyEdits.executeWithOptions(options, [request]);
  keep(edited);
  if (edited.kind === 'rejected') return { kind: 'bad', failure: edited.failure };
  return { kind: 'good', key: edited.tree, text: edited.subject.slice(0, 200), content: edited.diff };
}

/** One after the other: the job is asked for one slice at a time. */
export function budgetOf(run: TaskRun) {
  let refused: Outcome | null = null;
  let before: Promise<unknown> = Promise.resolve();
  const look = async (): Promise<Failure | null> => {
    refused ??= mayBeRefused(run) ? await mayAsk(run) : null;
    return refused !== null && 'failure' in refused ? refused.failure : null;
  };
  return {
    mayCall: (): Promise<Failure | null> => {
      const looked = before.then(look);
      before = looked;
      return looked;
    },
    refused: (): Outcome | null => refused,
  };
}

/** An answer that is no good one, but can be mended, or asks something. Not beside good ones that did not agree. */
export function mendable({ results }: ModeResult<Called>) {
  if (results.some(({ status }) => status === 'ok')) return null;
  const answered = results.flatMap((result) =>
    result.status === 'failed' && result.call !== null ? [{ ...result, call: result.call }] : [],
  );
  return answered.find(({ call }) => call.verdict.kind !== 'unusable') ?? answered[0] ?? null;
}

export function outcomeOf(run: TaskRun, { failure: aggregated }: Pick<ModeResult<Called>, 'failure'>): Outcome {
  const failed = aggregated?.failure ?? failure('noConsensus');
  const until = run.record.limits.whenSpent === 'die' ? null : untilFree(failed, aggregated ?? {});
  if (until !== null) return until;
  const { retryAfterMs } = aggregated ?? {};
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (catalogueEntry(failed.code).heals === 'outage')
    return { kind: 'blocked', waitingOn: 'resource', failure: failed, ...pause };
  return { kind: 'failed', failure: failed, signature: failed.code };
}

const nameOf = ({ attempt }: TaskRun, turn: number): string => `a${attempt}.t${turn}`;

const reasonOf = ({ vote, failure: failed, winner, stopped, mode }: ModeResult<Called>): string => {
  if (failed !== null) return failed.failure.detail.slice(0, 500);
  const why = vote?.kind === 'decided' ? vote.reason : `${winner?.provider ?? mode} has answered`;
  return stopped === null || stopped === why ? why : `${why}; ${stopped}`;
};

const costOf = (calls: readonly Called[]): number =>
  calls.reduce((sum, { spending }) => sum + spending.costUsdMicros, 0);

export function answerOf(result: ModelResult<Called>): AskedAnswer {
  const { index, provider, model, status } = result;
  const call = 'call' in result ? result.call : null;
  const spending = 'spending' in result ? result.spending : null;
  return {
    index,
    provider,
    model,
    status,
    why:
      result.status === 'failed'
        ? `${result.failure.code}: ${result.failure.detail}`
        : 'why' in result
          ? result.why
          : '',
    ...(result.status === 'failed' ? { family: result.failure.family } : {}),
    latencyMs: 'latencyMs' in result ? result.latencyMs : null,
    costUsdMicros: spending?.costUsdMicros ?? null,
    unpriced: spending?.unpriced ?? false,
    tokens: spending === null ? null : totalTokens(spending),
    answer: call?.answer ?? null,
    diff: null,
  };
}
