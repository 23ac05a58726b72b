/**
 * Best of several: each candidate is a call, a snapshot and a run of the checks of its own; the best one is landed, the
 * others stay on the record with what they lost by.
 */
import { patched } from '@temporalio/workflow';
import type { Called, CallInput, Checked, Edited, NamedModel, Opened } from '../../activities/contract.js';
import { aggregate, ASK_CONCURRENCY, type ModelResult } from '../../domain/ask-mode.js';
import { rank, type Rated, type Ranked } from '../../domain/candidates.js';
import type { AskedAnswer } from '../../domain/entries.js';
import type { Outcome } from '../../domain/outcome.js';
import { totalTokens } from '../../domain/record.js';
import { approval } from '../handlers/approval.js';
import { talkOver, type Turned } from '../handlers/talk-over.js';
import { unmetCriteria } from '../judge-criteria.js';
import { callOneOfSeveral, runChecks } from '../proxies.js';
import { checkInput, gateOutcome, landWork, paidCall, setupOutcome } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { isFree, unheld } from '../wait.js';
import { answerOf, budgetOf, lookAtEdits, outcomeOf } from './ask-turn.js';
import { runMode } from './run-mode.js';

/** One of them, as far as it has come. */
export interface Candidacy {
  readonly turn: number;
  readonly result: ModelResult<Called>;
  readonly edited: Edited | null;
  readonly checked: Checked | null;
  /** Its checks have passed and a judge has refused it. */
  readonly isPassedOver?: boolean;
}

type Works = Candidacy & {
  readonly result: Extract<ModelResult<Called>, { status: 'ok' }>;
  readonly edited: Extract<Edited, { kind: 'edited' }>;
};

export async function bestOf(
  run: TaskRun,
  opened: Opened,
  models: readonly NamedModel[],
  baseline: Promise<Checked>,
): Promise<Outcome> {
  const answered = await answers(run, opened, models);
  if ('outcome' in answered) return answered.outcome;
  const before = await baseline;
  if (before.kind === 'setupFailed') return setupOutcome(before);
  const all = await checkAll(run, opened, answered.candidates);
  const ranked = rank(all.map((candidate) => rated(before, candidate)));
  const works = ranked
    .flatMap(({ index }) => all.filter(isWork).find(({ result }) => result.index === index) ?? [])
    .filter(({ isPassedOver }) => isPassedOver !== true);
  for (const [at, best] of works.entries()) {
    if (best.checked === null) break;
    takeOver(run, all, best, ranked);
    const failed =
      gateOutcome(before, best.checked) ?? (opened.judge ? await unmetCriteria(run, opened, best.edited) : null);
    if (failed !== null && isOnlyJudged(before, failed, best, works[at + 1])) {
      passOver(run, best, failed);
      continue;
    }
    if (failed !== null) return failed;
    const { tree, diff, subject } = best.edited;
    const held = approval(run, opened, 'push', diff);
    return held ?? (await landWork(run, opened, { tree, callId: best.result.call.callId, subject }));
  }
  return outcomeOf(run, { failure: null });
}

/** The checks have passed, a judge has not: the next one whose checks have passed is judged. Old histories ended there. */
function isOnlyJudged(before: Checked, failed: Outcome, { checked }: Works, next: Works | undefined): boolean {
  const isJudged = failed.kind === 'failed' && failed.failure.code === 'criteriaUnmet';
  if (!isJudged || checked === null || gateOutcome(before, checked) !== null) return false;
  if (next?.checked == null || gateOutcome(before, next.checked) !== null) return false;
  return patched(NEXT_CANDIDATE_PATCH);
}

const NEXT_CANDIDATE_PATCH = 'next-candidate';

/** Not looked at again after an outage or an answer. */
function passOver(run: TaskRun, { turn, result }: Works, failed: Outcome): void {
  const why = failed.kind === 'failed' ? failed.failure.detail : '';
  run.book({ kind: 'note', about: 'candidate', text: `candidate ${result.index + 1}: ${why}`.slice(0, 300) });
  const isIt = (other: Candidacy): boolean => other.turn === turn && other.result.index === result.index;
  const candidates = (run.steps.candidates ?? []).map((each) => (isIt(each) ? { ...each, isPassedOver: true } : each));
  run.bookStep({ candidates });
}

type Answers = { readonly candidates: readonly Candidacy[] } | { readonly outcome: Outcome };

/** All of them, or a question that comes first. What was asked before an outage or an answer is not asked again. */
async function answers(run: TaskRun, opened: Opened, models: readonly NamedModel[]): Promise<Answers> {
  let turned: Turned | null = null;
  for (let turn = 1; ; turn += 1) {
    const known = (run.steps.candidates ?? []).filter((candidate) => candidate.turn === turn);
    const asked: Answers = known.length > 0 ? { candidates: known } : await askAll(run, opened, models, turn, turned);
    if ('outcome' in asked || asked.candidates.some(isWork)) return asked;
    const question = asked.candidates.map(questionOf).find((call) => call !== null);
    if (question === undefined || question === null) {
      const failed = aggregate(asked.candidates.map(({ result }) => result));
      return { outcome: outcomeOf(run, { failure: failed }) };
    }
    const said = talkOver(run, question.call, turn, question.text);
    if (said.kind === 'none') return said;
    turned = said.repairs;
  }
}

async function askAll(
  run: TaskRun,
  opened: Opened,
  models: readonly NamedModel[],
  turn: number,
  repairs: Turned | null,
): Promise<Answers> {
  if (!isFree(run)) await unheld(run);
  const budget = budgetOf(run);
  run.enter('working', `attempt ${run.attempt}: asking for ${models.length} candidates`);
  const edits = new Map<number, Edited>();
  const { results } = await runMode(
    { mode: 'all', models, concurrency: ASK_CONCURRENCY },
    {
      call: (model, index) => callOf(run, opened, { turn, repairs }, { model: '', ...model }, index),
      look: (call, index) => lookAtEdits(run, opened, call, (edited) => edits.set(index, edited)),
      mayCall: budget.mayCall,
    },
  );
  const made = results.map((result): Candidacy => {
    return { turn, result, edited: edits.get(result.index) ?? null, checked: null };
  });
  const isAnswered = made.some((candidate) => isWork(candidate) || questionOf(candidate) !== null);
  const refused = budget.refused();
  if (!isAnswered && refused !== null) return { outcome: refused };
  // Where nobody has answered, all are asked again after the outage; what was paid for is in the ledger.
  if (isAnswered) run.bookStep({ candidates: [...(run.steps.candidates ?? []), ...made] });
  return { candidates: made };
}

async function callOf(
  run: TaskRun,
  { prompt }: Opened,
  { turn, repairs }: { readonly turn: number; readonly repairs: Turned | null },
  { provider, model }: NamedModel,
  index: number,
): Promise<Called> {
  const name = `a${run.attempt}.t${turn}.c${index + 1}`;
  const request: CallInput = {
    lineage: run.input.lineage,
    name,
    prompt,
    provider,
    model,
    repairs,
    purpose: 'candidate',
  };
  const summary = `attempt ${run.attempt}: candidate ${index + 1} (${model})`;
  return await paidCall(run, summary, request, callOneOfSeveral);
}

/** One after the other, since they share the work tree of the task. */
async function checkAll(run: TaskRun, opened: Opened, candidates: readonly Candidacy[]): Promise<readonly Candidacy[]> {
  const done: Candidacy[] = [];
  for (const [at, candidate] of candidates.entries()) {
    const same = done.find(
      (other) => isWork(other) && isWork(candidate) && other.edited.tree === candidate.edited.tree,
    );
    const checked = candidate.checked ?? same?.checked ?? (await check(run, opened, candidate));
    done.push({ ...candidate, checked });
    if (checked !== candidate.checked) bookChecked(run, [...done, ...candidates.slice(at + 1)]);
  }
  return done;
}

/** What was booked of this turn is replaced, what was booked of others stays. */
function bookChecked(run: TaskRun, candidates: readonly Candidacy[]): void {
  const [first] = candidates;
  const others = (run.steps.candidates ?? []).filter(({ turn }) => turn !== first?.turn);
  run.bookStep({ candidates: [...others, ...candidates] });
}

async function check(run: TaskRun, opened: Opened, candidate: Candidacy): Promise<Checked | null> {
  if (!isWork(candidate)) return null;
  if (!isFree(run)) await unheld(run);
  const { attempt } = run;
  const number = candidate.result.index + 1;
  run.enter('verifying', `attempt ${attempt}: running the checks of candidate ${number}`);
  const options = {
    activityId: `a${attempt}.checks.c${number}`,
    summary: `attempt ${attempt}: checks of candidate ${number}`,
  };
  return await runChecks.executeWithOptions(options, [
    checkInput(run, opened, candidate.edited.tree, run.steps.baseline),
  ]);
}

/** From here on the attempt goes on as if the best had been the only one. */
function takeOver(run: TaskRun, all: readonly Candidacy[], best: Works, ranked: readonly Ranked[]): void {
  const isNew = run.steps.edited === undefined;
  const calls = all.flatMap(({ result }) => ('call' in result && result.call !== null ? [result.call] : []));
  // The last one is the one that counts.
  run.steps.calls = [...calls.filter((call) => call !== best.result.call), best.result.call];
  run.bookStep({ edited: best.edited, ...(best.checked === null ? {} : { checked: best.checked }) });
  if (!isNew) return;
  const whyOf = (index: number): string => ranked.find((one) => one.index === index)?.why ?? '';
  run.book({
    kind: 'asked',
    turn: `a${run.attempt}.t${best.turn}`,
    mode: 'candidates',
    answers: all.map((candidate) => answerWith(candidate, whyOf(candidate.result.index))),
    winner: best.result.index,
    reason: `candidate ${best.result.index + 1}: ${whyOf(best.result.index)}`,
  });
}

function answerWith({ result, edited }: Candidacy, why: string): AskedAnswer {
  const answer = answerOf(result);
  const said = answer.why === '' ? why : `${why}: ${answer.why}`;
  return { ...answer, why: said, diff: edited?.kind === 'edited' ? edited.diff : null };
}

function rated(before: Checked, { result, edited, checked }: Candidacy): Rated {
  const spending = 'spending' in result ? result.spending : null;
  const work = edited?.kind === 'edited' ? edited : null;
  return {
    index: result.index,
    gate: work === null || checked === null ? 'none' : gateOutcome(before, checked) === null ? 'passed' : 'failed',
    changedLines: work === null ? 0 : work.stat.insertions + work.stat.deletions,
    costUsdMicros: spending?.costUsdMicros ?? 0,
    unpriced: spending?.unpriced ?? false,
    tokens: spending === null ? 0 : totalTokens(spending),
    tree: work?.tree ?? null,
  };
}

const isWork = (candidate: Candidacy): candidate is Works =>
  candidate.result.status === 'ok' && candidate.edited?.kind === 'edited';

function questionOf({ result }: Candidacy): { readonly call: Called; readonly text: string } | null {
  const call = 'call' in result ? result.call : null;
  return call?.verdict.kind === 'question' ? { call, text: call.verdict.text } : null;
}
