/** The story of a task in words, from its record alone: the same record gives the same words. Pure. */
import type { Decision } from '../domain/decision.js';
import { timeOf, type Entry } from '../domain/entries.js';
import { showFailure, type Failure } from '../domain/failures.js';
import type { Outcome } from '../domain/outcome.js';
import { pullRequestWords } from '../domain/pull-request.js';
import { addSpending, NOTHING_SPENT, totalTokens, type AttemptRecord, type Spending } from '../domain/record.js';
import { usd } from '../domain/report.js';
import { isTerminalState } from '../domain/task.js';
import type { TaskStatus } from '../workflows/messages.js';
import { answersTo } from './answer-commands.js';
import { checkWords, entryLines } from './render-record.js';
import { duration, oneLine, statOf } from './render-task.js';
import { counted, shortened } from './report/html.js';

export interface ExplainParts {
  readonly taskId: string;
  readonly status: Omit<TaskStatus, 'attemptsMax'>;
  readonly entries: readonly Entry[];
  /** Of the specification, where it is still there. */
  readonly asked: AskedFor | null;
  /** Paths that a patch changes, by the patch's SHA-256; a patch that is gone is absent. */
  readonly changed: ReadonlyMap<string, readonly string[]>;
}

export interface AskedFor {
  readonly description: string;
  readonly acceptanceCriteria: readonly string[];
  readonly checks: readonly string[];
}

export interface Story {
  readonly taskId: string;
  readonly title: string;
  readonly state: string;
  readonly asked: readonly string[];
  readonly chapters: readonly Chapter[];
  readonly spent: string;
  readonly end: string;
  /** What to do now; empty if there is nothing. */
  readonly next: readonly string[];
}

/** One thing that happened: a sentence, and what belongs to it. */
export interface Chapter {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly kind: Entry['kind'];
  readonly says: string;
  readonly details: readonly string[];
}

export function storyOf(parts: ExplainParts): Story {
  const { taskId, status, entries, asked } = parts;
  return {
    taskId,
    title: oneLine(status.title),
    state: status.state,
    asked: asked === null ? [] : askedLines(asked),
    chapters: entries.map((entry) => chapterOf(entry, parts.changed)),
    spent: spentWords(status.spending, entries),
    end: endWords(status, entries),
    next: nextSteps(status),
  };
}

export function storyLines(story: Story): readonly string[] {
  return [
    `${story.title} (${story.taskId})`,
    ...(story.asked.length === 0 ? [] : ['', 'What was asked', ...story.asked.map(indented)]),
    ...(story.chapters.length === 0 ? [] : ['', 'What happened']),
    ...story.chapters.flatMap(({ at, says, details }) => [
      `  ${clock(at)}  ${says}`,
      ...details.map((line) => `             ${line}`),
    ]),
    '',
    story.end,
    story.spent,
    ...story.next.map((step) => `Next: ${step}`),
  ];
}

const indented = (line: string): string => `  ${line}`;
/** UTC: the same words on every machine. */
const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** The task is in the file that was submitted; this is to know it again. */
const DESCRIPTION_CHARACTERS_MAX = 400;
/** A change of more files is described by their number. */
const FILES_NAMED = 5;

function askedLines({ description, acceptanceCriteria, checks }: AskedFor): readonly string[] {
  return [
    shortened(oneLine(description), DESCRIPTION_CHARACTERS_MAX),
    ...acceptanceCriteria.map((criterion, index) => `${index + 1}. ${shortened(oneLine(criterion), 200)}`),
    ...(checks.length === 0 ? [] : [`checked by ${checks.map(oneLine).join(', ')}`]),
  ];
}

function chapterOf(entry: Entry, changed: ExplainParts['changed']): Chapter {
  const { kind } = entry;
  const at = timeOf(entry);
  switch (kind) {
    case 'attempt':
      return { at, kind, ...attemptWords(entry, changed) };
    case 'decision': {
      const { decision, notes = [] } = entry;
      return { at, kind, says: decisionWords(decision), details: [...changeWords(decision), ...notes.map(oneLine)] };
    }
    case 'question':
      return { at, kind, says: `It asked a person: ${oneLine(entry.question.text)}`, details: [] };
    case 'answered':
      return { at, kind, says: `${by(entry.by)} answered: ${oneLine(entry.answer)}`, details: reasons(entry.why) };
    case 'said':
      return {
        at,
        kind,
        says: `${by(entry.by)} said ${entry.update}${entry.detail === '' ? '' : `: ${oneLine(entry.detail)}`}`,
        details: reasons(entry.why),
      };
    case 'handlerChosen':
      return { at, kind, says: `The handler ${entry.handler} was chosen: ${oneLine(entry.reason)}`, details: [] };
    case 'cancelled':
      return { at, kind, says: `${by(entry.requester)} cancelled it: ${oneLine(entry.reason)}`, details: [] };
    default: {
      // The others are said in words already, behind their time.
      const [first = '', ...details] = entryLines(entry);
      return {
        at,
        kind,
        says: first.replace(/^[\d-]{10} [\d:]{8} {2}/, ''),
        details: details.map((line) => line.trim()),
      };
    }
  }
}

const by = (who: string): string => (who === 'nobody' ? 'Nobody' : oneLine(who));
const reasons = (why: string): readonly string[] => (why === '' ? [] : [`because ${oneLine(why)}`]);

function attemptWords(attempt: AttemptRecord, changed: ExplainParts['changed']): Pick<Chapter, 'says' | 'details'> {
  const { number, model } = { number: attempt.attempt, model: attempt.model };
  const took = duration(attempt.endedAt - attempt.startedAt);
  const calls = counted(attempt.spending.callsSent, 'call');
  return {
    says: `Attempt ${number}${model === '' ? '' : ` with ${oneLine(model)}`} (${calls}, ${totalTokens(attempt.spending)} tokens, ${usd(attempt.spending)}, ${took}) ${outcomeWords(attempt.outcome)}`,
    details: [
      ...filesWords(attempt, changed),
      ...(attempt.notes ?? []).map(oneLine),
      ...attempt.checks.map(checkWords),
      ...failureWords(attempt.outcome),
    ],
  };
}

function outcomeWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'succeeded':
      return 'succeeded.';
    case 'failed':
      return 'failed.';
    case 'blocked':
      return `could not go on: it waits for ${WAITED[outcome.waitingOn]}.`;
    case 'proposed':
      return `proposed ${counted(outcome.children.length, 'task')}.`;
    default:
      throw new TypeError(`unknown outcome ${JSON.stringify(outcome satisfies never)}`);
  }
}

const WAITED = {
  human: 'a person',
  budget: 'its budget',
  dependency: 'another task',
  resource: 'something outside',
} as const;

function filesWords({ artifacts }: AttemptRecord, changed: ExplainParts['changed']): readonly string[] {
  const paths = [...new Set(artifacts.flatMap(({ sha256 }) => changed.get(sha256) ?? []))];
  if (paths.length === 0) return [];
  const named = paths.slice(0, FILES_NAMED).map(oneLine).join(', ');
  const more = paths.length - FILES_NAMED;
  return [`changed ${named}${more > 0 ? ` and ${counted(more, 'more file')}` : ''}`];
}

function failureWords(outcome: Outcome): readonly string[] {
  if (outcome.kind === 'proposed') return outcome.faults.map(oneLine);
  return outcome.kind === 'succeeded' ? [] : [saying(outcome.failure)];
}

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);
const saying = (failed: Failure): string => `${failed.code}: ${oneLine(showFailure(failed).message)}`;

function decisionWords(decision: Decision): string {
  const reason = oneLine(decision.reason);
  switch (decision.kind) {
    case 'complete':
      return `That settled it: ${reason}`;
    case 'retry':
      return `It decided to try again after ${duration(decision.delayMs)}: ${reason}`;
    case 'wait':
      return `It decided to wait for ${WAITED[decision.on]}: ${reason}`;
    case 'decompose':
      return `It was split into ${counted(decision.children.length, 'task')}: ${reason}`;
    case 'addDependency':
      return `It decided to wait for ${oneLine(decision.on)}: ${reason}`;
    case 'markDead':
      return `It gave up: ${reason}`;
    case 'markStuck':
      return `It was stuck: ${reason}`;
    default:
      throw new TypeError(`unknown decision ${JSON.stringify(decision satisfies never)}`);
  }
}

/** A retry always changes something. */
function changeWords(decision: Decision): readonly string[] {
  if (decision.kind === 'decompose') return decision.children.map(({ id, title }) => `${id}: ${oneLine(title)}`);
  if (decision.kind !== 'retry') return [];
  const { changes, handler } = decision;
  return [changes === 'handler' ? `the next attempt uses the handler ${handler ?? 'chosen before'}` : CHANGES[changes]];
}

const CHANGES = {
  evidence: 'the next attempt is shown what failed',
  model: 'the next attempt asks the next model',
} as const;

function spentWords(spending: Spending, entries: readonly Entry[]): string {
  const attempts = entries.filter((entry) => entry.kind === 'attempt');
  const first = attempts[0]?.startedAt;
  const last = entries.map(timeOf).at(-1);
  const over = first === undefined || last === undefined ? '' : ` in ${duration(Math.max(0, last - first))}`;
  const doubt = spending.callsInDoubt === 0 ? '' : ` (${spending.callsInDoubt} in doubt)`;
  // A task whose worker is away may have told of attempts and not yet of their sum.
  const all =
    spending.callsSent > 0 ? spending : attempts.map((one) => one.spending).reduce(addSpending, NOTHING_SPENT);
  const calls = `${counted(all.callsSent, 'call')}${doubt}, ${totalTokens(all)} tokens, ${usd(all)}`;
  return `It took ${counted(attempts.length, 'attempt')}, ${calls}${over}.`;
}

const requestWords = (ended: TaskStatus['pullRequest']): string =>
  ended === undefined ? '' : ` Pull request: ${oneLine(pullRequestWords(ended))}${ended.kind === 'open' ? '.' : ''}`;

function endWords(
  { state, phase, failure: failed, branch, pullRequest }: ExplainParts['status'],
  entries: readonly Entry[],
): string {
  const landed = entries.flatMap((entry) =>
    entry.kind === 'attempt' && entry.outcome.kind === 'succeeded' ? [entry.outcome.landing] : [],
  );
  const landing = landed.at(-1);
  if (state === 'succeeded')
    return landing === undefined
      ? 'It succeeded.'
      : `It succeeded: commit ${landing.commit.slice(0, 12)} on ${oneLine(landing.branch)} (${statOf(landing)}).${requestWords(pullRequest)}`;
  if (state === 'decomposed') return 'It was split; its children do the work.';
  if (!isTerminalState(state)) return `It has not ended: ${state}, ${oneLine(phase)}.`;
  const where = branch === null ? '' : ` Nothing was landed on ${oneLine(branch)}.`;
  return `It ended ${state}${failed === null ? '.' : `, ${sentence(saying(failed))}`}${landing === undefined ? where : ''}`;
}

function nextSteps({ taskId, state, failure: failed, branch, question }: ExplainParts['status']): readonly string[] {
  if (question != null) return answersTo(taskId, question);
  if (state === 'succeeded')
    return branch === null ? [] : [`look at ${oneLine(branch)} (weaver diff ${taskId}) and merge it.`];
  if (state === 'decomposed') return [`weaver tree ${taskId.split('/t/')[0] ?? taskId}`];
  if (!isTerminalState(state)) return [`weaver watch ${taskId}`];
  return failed === null ? [] : [showFailure(failed).next];
}
