/** Handler `agent`: a conversation with tools until the model says that it is done; then the checks, the landing. */
import type { Called, Checked, Finish, Opened, ToolsDone } from '../../activities/contract.js';
import { limitReached } from '../../domain/decide.js';
import { failure, type FailureCode } from '../../domain/failures.js';
import { loopIn, TRACES_KEPT } from '../../domain/loop-detector.js';
import type { ArtifactRef, Outcome } from '../../domain/outcome.js';
import { TASK_DEFAULTS } from '../../domain/task.js';
import { beginConversation, type Conversation } from '../conversation.js';
import { NO_JUDGE, unmetCriteria } from '../judge-criteria.js';
import { codeOfFault } from '../faults.js';
import { askStep, lookAtTools, wordsOf } from '../modes/ask-step.js';
import { compactConversation, runQuickTools, runTools, say } from '../proxies.js';
import { checkBaseline, checkTree, gateOutcome, landWork, paidCall, setupOutcome } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { isFree, mayAsk, mayBeRefused, unheld, unpaidOutcome } from '../wait.js';
import { approval } from './approval.js';
import { proposal } from './plan.js';
import { askInWords, QUESTIONS_MAX } from './talk-over.js';

/** A precise complaint helps at once or not at all. */
const MALFORMED_MAX = 3;
/** How often red checks go back into the conversation; after that a new one from a clean tree has better chances. */
const GATES_MAX = 3;
const COMPACTIONS_A_TURN_MAX = 2;
/** Answers that the attempt's record names; the conversation holds all of them. */
const CALLS_KEPT = 20;

export async function agent(run: TaskRun, opened: Opened): Promise<Outcome> {
  const baseline = checkBaseline(run, opened);
  // Its fault is met where its verdict is needed.
  baseline.catch(() => undefined);
  try {
    return await converse(run, opened, baseline);
  } finally {
    // A check must not run on behind an attempt that has ended.
    await baseline.catch(() => undefined);
  }
}

async function converse(run: TaskRun, opened: Opened, baseline: Promise<Checked>): Promise<Outcome> {
  run.enter('working', `attempt ${run.attempt}: ${opened.model} begins`);
  for (;;) {
    const turn = await takeTurn(run, opened, baseline);
    if (turn.kind === 'ended') return turn.outcome;
    if (turn.finish === null) continue;
    const outcome = await finished(run, opened, baseline, turn.finish);
    if (outcome !== null) return outcome;
  }
}

/** Null if the conversation goes on. */
async function finished(
  run: TaskRun,
  opened: Opened,
  baseline: Promise<Checked>,
  finish: Finish,
): Promise<Outcome | null> {
  switch (finish.kind) {
    case 'question':
      return await askPerson(run, finish);
    case 'plan':
      return await proposal(run, opened, { answer: finish.answer });
    case 'work':
      return await judgeWork(run, opened, await baseline, finish);
    default:
      throw new TypeError(`unknown finish ${JSON.stringify(finish satisfies never)}`);
  }
}

type Turn =
  { readonly kind: 'ended'; readonly outcome: Outcome } | { readonly kind: 'taken'; readonly finish: Finish | null };

const ended = (outcome: Outcome): Turn => ({ kind: 'ended', outcome });

/** One call of the model and what it asks for. What was done before an outage is not done again. */
async function takeTurn(run: TaskRun, opened: Opened, baseline: Promise<Checked>): Promise<Turn> {
  const { waiting } = stateOf(run, opened);
  if (waiting !== null) return { kind: 'taken', finish: waiting };
  if (!isFree(run)) await unheld(run);
  const call = stateOf(run, opened).pending ?? (await nextCall(run, opened));
  if ('outcome' in call) return ended(call.outcome);
  const { verdict } = call;
  if (verdict.kind !== 'tools') {
    const unusable = verdict.kind === 'unusable' ? verdict : { code: 'malformedAnswer' as const, detail: verdict.kind };
    return ended(failed(unusable.code, unusable.detail, call.answer));
  }
  if (verdict.runs) {
    // Both work in the one work tree of the task.
    const base = await baseline;
    if (base.kind === 'setupFailed') return ended(setupOutcome(base));
  }
  const done = await carryOut(run, opened, call, verdict);
  const stop = await afterTurn(run, done, call);
  return stop === null ? { kind: 'taken', finish: done.finish ?? null } : ended(stop);
}

function stateOf(run: TaskRun, opened: Opened): Conversation {
  const { steps, talk } = run;
  if (steps.conversation === undefined) {
    // What is left of a conversation that is had again is of another tree.
    delete steps.checked;
    delete steps.edited;
    steps.conversation = beginConversation(opened.prompt, opened.baseTree, talk.instructions.length);
  }
  return steps.conversation;
}

/** Every change of the state goes through here. */
function update(run: TaskRun, changes: Partial<Conversation>): Conversation {
  const { conversation } = run.steps;
  if (conversation === undefined) throw new TypeError('the conversation has not begun');
  const updated = { ...conversation, ...changes };
  run.bookStep({ conversation: updated });
  return updated;
}

async function nextCall(run: TaskRun, opened: Opened): Promise<Answered> {
  const refused = mayBeRefused(run) ? await mayAsk(run) : null;
  if (refused !== null) return { outcome: refused };
  const stop = limitOutcome(run);
  if (stop !== null) return { outcome: stop };
  await tellInstructions(run);
  if (isNearlyFull(run)) await compact(run);
  const call = await askModel(run, opened);
  if ('outcome' in call) return call;
  run.steps.calls = [...run.steps.calls, call].slice(-CALLS_KEPT);
  update(run, { pending: call });
  return call;
}

/** The limits of the task and the number of turns; those of time stop the attempt by themselves. */
function limitOutcome(run: TaskRun): Outcome | null {
  const unpaid = unpaidOutcome(run);
  if (unpaid !== null) return unpaid;
  const reached = run.record.waitsOnBudget === true ? null : limitReached(run.record, Date.now());
  if (reached !== null) return failed(reached, '', null);
  const turnsMax = run.record.limits.turns ?? TASK_DEFAULTS.turns;
  const { turns = 0 } = run.steps.conversation ?? {};
  return turns < turnsMax ? null : failed('attemptLimit', `${turnsMax} turns (limits.turns).`, null, 'turns');
}

/** What people have added since the attempt began. */
async function tellInstructions(run: TaskRun): Promise<void> {
  const told = run.steps.conversation?.instructions ?? 0;
  for (const [index, text] of run.talk.instructions.entries()) {
    if (index < told) continue;
    await speak(run, { text: `A person adds: ${text}` });
    update(run, { instructions: index + 1 });
  }
}

type Answered = Called | { readonly outcome: Outcome };

/** A conversation that has become too long is made shorter and goes on; half of it twice is a quarter, then it is hopeless. */
async function askModel(run: TaskRun, opened: Opened): Promise<Answered> {
  for (let compactions = 0; ; compactions += 1) {
    try {
      const answered = await askOnce(run, opened);
      if (!overflows(answered) || compactions >= COMPACTIONS_A_TURN_MAX || !(await compact(run))) return answered;
    } catch (thrown) {
      const isTooLong = codeOfFault(thrown) === 'contextOverflow';
      if (!isTooLong || compactions >= COMPACTIONS_A_TURN_MAX || !(await compact(run))) throw thrown;
    }
  }
}

const overflows = (answered: Answered): boolean =>
  'outcome' in answered && answered.outcome.kind === 'failed' && answered.outcome.failure.code === 'contextOverflow';

async function askOnce(run: TaskRun, opened: Opened): Promise<Answered> {
  const { attempt, input } = run;
  const { turns, last, compactions } = stateOf(run, opened);
  const { provider, model, prompt, steps, maySplit } = opened;
  const name = `a${attempt}.t${turns + 1}${compactions === undefined ? '' : `.c${compactions}`}`;
  const splitting = maySplit === undefined ? {} : { maySplit };
  const about = { lineage: input.lineage, prompt, repairs: null, expects: 'tools', conversation: last } as const;
  const request = { ...about, ...splitting };
  if (steps?.turn !== undefined) {
    run.tell(`attempt ${attempt}, turn ${turns + 1}: asking ${wordsOf(steps.turn)}`);
    const asked = await askStep(run, steps.turn, { name, what: `turn ${turns + 1}`, request, look: lookAtTools });
    return asked.kind === 'asked' ? asked.call : { outcome: asked.outcome };
  }
  run.tell(`attempt ${attempt}, turn ${turns + 1}: asking ${model}`);
  return await paidCall(run, `turn ${turns + 1} (${model})`, { ...request, name, provider, model });
}

/** Once a turn, however often the turn is begun after an outage. */
const isNearlyFull = ({ steps: { calls, conversation } }: TaskRun): boolean =>
  calls.at(-1)?.isNearlyFull === true && conversation?.compactedAfter !== conversation?.turns;

/** False if there is nothing in it that could go. */
async function compact(run: TaskRun): Promise<boolean> {
  const { last, turns = 0, compactions = 0 } = run.steps.conversation ?? {};
  if (last === undefined) return false;
  const options = { summary: `turn ${turns + 1}: make the conversation shorter` };
  const done = await compactConversation.executeWithOptions(options, [{ conversation: last }]);
  if (done.kind === 'impossible') return false;
  update(run, { last: done.conversation, compactions: compactions + 1, compactedAfter: turns });
  const text = `attempt ${run.attempt}, turn ${turns + 1}: ${done.before} characters of conversation became ${done.after}`;
  run.book({ kind: 'note', about: 'compaction', text });
  return true;
}

async function carryOut(
  run: TaskRun,
  opened: Opened,
  { answer }: Called,
  { words, runs }: { readonly words: string; readonly runs: boolean },
): Promise<ToolsDone> {
  const { attempt, taskId, input } = run;
  const { turns, last, tree } = stateOf(run, opened);
  const { spec, baseCommit, baseTree } = opened;
  run.tell(`attempt ${attempt}, turn ${turns + 1}: ${words}`);
  const summary = `turn ${turns + 1}: ${words}`.slice(0, 120).toWellFormed();
  const request = { taskId, lineage: input.lineage, spec, baseCommit, baseTree, tree, conversation: last, answer };
  if (!runs) return await runQuickTools.executeWithOptions({ summary }, [request]);
  const options = { activityId: `a${attempt}.t${turns + 1}.tools`, summary };
  return await runTools.executeWithOptions(options, [request]);
}

/** Books the turn. Null if the conversation may go on. */
async function afterTurn(run: TaskRun, done: ToolsDone, { answer }: Called): Promise<Outcome | null> {
  const before = run.steps.conversation;
  const state = update(run, {
    turns: (before?.turns ?? 0) + 1,
    last: done.conversation,
    tree: done.tree,
    pending: null,
    waiting: done.finish ?? null,
    malformedInARow: done.malformed ? (before?.malformedInARow ?? 0) + 1 : 0,
    traces: [...(before?.traces ?? []), done.trace].slice(-TRACES_KEPT),
  });
  run.steps.spoken = [...(run.steps.spoken ?? []), state];
  if (state.malformedInARow >= MALFORMED_MAX)
    return failed(
      done.failure?.code ?? 'malformedAnswer',
      `${MALFORMED_MAX} answers in a row: ${done.summary}.`,
      answer,
    );
  if (done.finish !== undefined || done.malformed) return null;
  const loop = loopIn(state.traces);
  if (loop === null) return null;
  if (state.wasNudged) return inCircles(state.turns, loop, done, answer);
  await speak(run, { text: nudge(loop) });
  update(run, { wasNudged: true, traces: [] });
  return null;
}

/** What a task ends of is what it does not get past, where that is known: going round is only how it has shown. */
function inCircles(turns: number, loop: string, { failure: refused }: ToolsDone, answer: ArtifactRef): Outcome {
  const words = `Turn ${turns}: ${loop}`;
  if (refused === undefined) return failed('loopDetected', `${words}.`, answer);
  const { code, detail } = refused;
  return failed(code, detail === '' ? `${words}.` : `${words}: ${detail}`, answer);
}

const nudge = (loop: string): string =>
  `You are going in circles: ${loop}. Repeating it will not change anything. Think about what you have learned, then do something different: read another file, test another assumption, or finish with a question if you cannot go on.`;

/** Says something to the model, as the result of a call or as a message of its own. */
async function speak(
  run: TaskRun,
  said: { readonly text: string; readonly toolCallId?: string; readonly evidence?: ArtifactRef },
): Promise<void> {
  const { last } = run.steps.conversation ?? {};
  if (last === undefined) throw new TypeError('the conversation has not begun');
  const { conversation } = await say({ conversation: last, ...said });
  update(run, { last: conversation });
}

/** Null when a person has answered, and the model has been told. */
async function askPerson(
  run: TaskRun,
  { callId, question }: Extract<Finish, { kind: 'question' }>,
): Promise<Outcome | null> {
  const { turns = 0, questions = 0 } = run.steps.conversation ?? {};
  if (questions >= QUESTIONS_MAX) return failed('malformedAnswer', `It only asks: ${question}`, null, 'onlyAsks');
  const id = `a${run.attempt}.t${turns}`;
  const known = run.talk.answerTo(id);
  if (known === null) {
    const about = run.steps.calls.at(-1)?.answer ?? null;
    return askInWords(run, id, question, about);
  }
  await speak(run, { toolCallId: callId, text: `A person has answered: ${known.answer}\nGo on with the task.` });
  update(run, { waiting: null, questions: questions + 1, traces: [] });
  return null;
}

/** The checks on what the model calls done. Null when they are red and the model has been told what they print. */
async function judgeWork(
  run: TaskRun,
  opened: Opened,
  baseline: Checked,
  { callId, diff, stat, subject, message, notes }: Extract<Finish, { kind: 'work' }>,
): Promise<Outcome | null> {
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  const { tree, gates } = stateOf(run, opened);
  run.bookStep({ edited: { kind: 'edited', tree, diff, stat, subject, ...(notes === undefined ? {} : { notes }) } });
  const checked = await checkTree(run, opened, tree);
  const red =
    gateOutcome(baseline, checked) ?? (opened.judge ? await unmetCriteria(run, opened, { tree, diff }) : null);
  if (red === null) {
    const held = approval(run, opened, 'push', diff);
    return held ?? (await landWork(run, opened, { tree, callId: null, subject, message }));
  }
  // A judge that cannot be used is nothing that the model could mend.
  const isMendable = red.kind === 'failed' && !red.signature.startsWith(NO_JUDGE);
  if (!isMendable || gates + 1 >= GATES_MAX || limitOutcome(run) !== null) return red;
  const text = `Not done: ${red.failure.detail} What was found is below. Mend it, then call finish again.`;
  await speak(run, {
    toolCallId: callId,
    text,
    ...(red.evidence === undefined ? {} : { evidence: red.evidence }),
  });
  update(run, { waiting: null, gates: gates + 1, traces: [] });
  // The next tree is checked anew.
  delete run.steps.checked;
  run.enter('working', `attempt ${run.attempt}: mends what the checks found`);
  return null;
}

const failed = (
  code: FailureCode,
  detail: string,
  evidence: ArtifactRef | null,
  signature: string = code,
): Outcome => ({
  kind: 'failed',
  failure: failure(code, detail),
  signature,
  ...(evidence === null ? {} : { evidence }),
});
