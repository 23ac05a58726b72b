/** Handler `human`: a person does the work in a work tree of the host, says that it is done, and hears what the checks say. */
import { patched } from '@temporalio/workflow';
import type { HandedOver, Made, Opened } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import { DONE, UNDONE, type Answered, type ArtifactRef, type Outcome } from '../../domain/outcome.js';
import { handOver, takeWork } from '../proxies.js';
import { checkBaseline, setupOutcome } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { isFree, unheld } from '../wait.js';
import { bookWork, landMade, redOutcome, workFailed, workInput } from './made-work.js';
import { proposal } from './plan.js';

/** A person does not give up after a few red checks; after so many the task's own limits decide. */
const ROUNDS_MAX = 20;
const WHY_CHARACTERS = 600;

type Failed = Extract<Outcome, { kind: 'failed' }>;

export async function human(run: TaskRun, opened: Opened): Promise<Outcome> {
  const baseline = await checkBaseline(run, opened);
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  if (run.steps.proposed !== undefined) return await proposal(run, opened, {});
  for (;;) {
    const round = roundOf(run);
    const said = run.talk.answerTo(round.id) ?? unreadPlan(run);
    if (said === null) return await ask(run, opened, round);
    const isNobody = said.by === 'nobody';
    if (said.answer === UNDONE) return unanswered('');
    const work = run.steps.made ?? (await take(run, opened, round, isNobody ? { ...said, why: '' } : said));
    if (work.kind === 'plan') return await proposal(run, opened, { answer: work.answer });
    // A plan that is refused is not sent again by itself.
    run.talk.dropPlan();
    const red = work.kind === 'made' ? await redOutcome(run, opened, baseline, work) : workFailed(work);
    if (red === null && work.kind === 'made') return await landMade(run, opened, work);
    if (red === null) throw new TypeError('work that was not made is not good');
    if (red.kind !== 'failed' || red.failure.code === 'workLost' || round.number >= ROUNDS_MAX) return red;
    // Who has not come will not come for the next round either.
    if (isNobody) return unanswered(`${red.failure.code}: ${red.failure.detail}`);
    goBack(run, round, red);
  }
}

/** A person who has sent a plan is not asked again because the attempt had to begin anew. Histories from before this have. */
function unreadPlan({ talk }: TaskRun): Answered | null {
  const said = talk.unreadPlan();
  return said !== null && patched(UNREAD_PLAN_PATCH) ? said : null;
}

const UNREAD_PLAN_PATCH = 'unread-plan';

interface Round {
  readonly number: number;
  readonly id: string;
  /** What was wrong with the round before; null in the first. */
  readonly found: { readonly says: string; readonly evidence: ArtifactRef | null } | null;
}

function roundOf({ attempt, steps }: TaskRun): Round {
  const number = (steps.rounds ?? 0) + 1;
  return { number, id: `a${attempt}.h${number}`, found: steps.found ?? null };
}

/** The next round knows nothing of this one's snapshot, and the person everything of what was found. */
function goBack(run: TaskRun, { number }: Round, { failure: { code, detail }, evidence }: Failed): void {
  delete run.steps.made;
  delete run.steps.checked;
  const says = `${code}: ${detail}`.slice(0, WHY_CHARACTERS);
  run.bookStep({ rounds: number, found: { says, evidence: evidence ?? null } });
}

async function ask(run: TaskRun, opened: Opened, round: Round): Promise<Outcome> {
  const { path, host } = await place(run, opened, round);
  const unanswered = opened.people?.unanswered ?? 'stuck';
  const before = round.found === null ? '' : `Not done yet: ${round.found.says}\n`;
  return run.talk.ask({
    id: round.id,
    kind: 'work',
    text: `${before}${opened.title}\nWork in ${path} on ${host}; TASK.md beside it has the whole task.`,
    options: [],
    default: unanswered === 'stuck' ? null : unanswered === 'approve' ? DONE : UNDONE,
    about: round.found?.evidence ?? null,
    path,
  });
}

async function place(run: TaskRun, opened: Opened, { number, found }: Round): Promise<HandedOver> {
  if (!isFree(run)) await unheld(run);
  const { attempt } = run;
  run.enter('working', `attempt ${attempt}: a work tree for a person`);
  const options = { activityId: `a${attempt}.h${number}.place`, summary: `attempt ${attempt}: hand over` };
  const request = { ...workInput(run, opened), evidence: found?.evidence ?? null };
  return await handOver.executeWithOptions(options, [request]);
}

/** What the work tree holds now, or the plan that the person has sent in its place. */
async function take(
  run: TaskRun,
  opened: Opened,
  { number }: Round,
  { questionId, why: message }: Answered,
): Promise<Exclude<Made, { kind: 'question' }>> {
  const { attempt } = run;
  run.enter('verifying', `attempt ${attempt}: takes the work of the person`);
  const options = { activityId: `a${attempt}.h${number}.take`, summary: `attempt ${attempt}: take the work` };
  const plan = run.talk.planFor(questionId);
  const made = await takeWork.executeWithOptions(options, [{ ...workInput(run, opened), message }, ...plan]);
  if (made.kind === 'question') throw new TypeError('taking work asks nothing');
  return made.kind === 'made' ? bookWork(run, made) : made;
}

/** The time was up, and there is no work, or none that is good. */
const unanswered = (detail: string): Outcome => ({
  kind: 'failed',
  failure: failure('unanswered', detail),
  signature: 'unanswered',
});
