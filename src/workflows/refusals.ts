/** Why something that is said to a task or a job is refused; null if it is not. Anything may come in from any client. */
import { PAYLOAD_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import { PROPOSAL_CHARACTERS_MAX } from '../domain/proposal.js';
import { fieldOf } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import type { AnswerRequest, InstructionRequest } from './messages.js';
import { INSTRUCTION_CHARACTERS_MAX, INSTRUCTIONS_MAX } from './talk.js';
import type { JobRun } from './job-run.js';
import type { TaskRun } from './task-run.js';

/** A validator refuses by throwing. */
export function refuse(why: string | null): void {
  if (why !== null) throw new Error(why);
}

/** Recorded in history: enough for a paragraph. */
const WHY_CHARACTERS_MAX = 1_000;
const BY_CHARACTERS_MAX = 100;
const ANSWER_CHARACTERS_MAX = 4_000;

export function refusalOfSaid({ isOver, record }: TaskRun, said: unknown): string | null {
  if (isOver) return `The task has ended: ${record.state}.`;
  return refusalOfWords(said);
}

export function refusalOfWords(said: unknown): string | null {
  const [by, why] = [fieldOf(said, 'by'), fieldOf(said, 'why')];
  if (typeof by !== 'string' || by === '' || by.length > BY_CHARACTERS_MAX)
    return `“by” must name who says it, in at most ${BY_CHARACTERS_MAX} characters.`;
  if (typeof why !== 'string' || why.length > WHY_CHARACTERS_MAX)
    return `“why” must be a text of at most ${WHY_CHARACTERS_MAX} characters.`;
  return null;
}

export function refusalOfAnswer(
  run: TaskRun,
  request: Omit<AnswerRequest, 'answer'> & { answer: unknown },
): string | null {
  const said = refusalOfSaid(run, request);
  if (said !== null) return said;
  const { questionId, answer } = request;
  const { question } = run.talk;
  const before = typeof questionId === 'string' ? run.talk.answerTo(questionId) : null;
  if (before !== null) return `Question ${questionId} was answered by ${before.by}: ${before.answer}`;
  if (question === null) return 'The task asks nothing.';
  if (question.kind === 'work') return `Question ${question.id} is about work: weaver done says that it is done.`;
  if (questionId !== undefined && questionId !== question.id) return `The open question is ${question.id}.`;
  if ('approved' in request && typeof request.approved !== 'boolean') return '“approved” must be true or false.';
  if ('approved' in request && question.kind !== 'approval')
    return `Question ${question.id} wants an answer in words, not an approval.`;
  if (typeof answer !== 'string' || answer.trim() === '' || answer.length > ANSWER_CHARACTERS_MAX)
    return `The answer must be a text of at most ${ANSWER_CHARACTERS_MAX} characters.`;
  const options = question.kind === 'approval' ? ['approve', 'reject'] : question.options;
  if (question.kind !== 'text' && !options.includes(answer)) return `The answer must be one of ${options.join(', ')}.`;
  return null;
}

export function refusalOfDone(run: TaskRun, said: unknown): string | null {
  const refused = refusalOfSaid(run, said);
  if (refused !== null) return refused;
  const { question } = run.talk;
  if (question === null) return 'The task waits for nobody’s work.';
  return question.kind === 'work' ? null : `Question ${question.id} wants an answer, not work.`;
}

/** Only its size and its form: what it says is read by the step that takes it. */
export function refusalOfPlan(parts: readonly unknown[]): string | null {
  if (parts.length === 0) return null;
  const texts = parts.filter((part) => typeof part === 'string');
  const isLarge = texts.some((part) => utf8Bytes(JSON.stringify(part)) > PAYLOAD_BYTES_MAX);
  if (texts.length < parts.length || isLarge) return 'The plan must be JSON, cut into texts of at most 8 KB.';
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  if (characters > PROPOSAL_CHARACTERS_MAX)
    return `The plan has ${characters} characters; ${PROPOSAL_CHARACTERS_MAX} are the most.`;
  try {
    fromTextParts(texts);
    return null;
  } catch {
    return 'The plan is no JSON.';
  }
}

export function refusalOfInstruction(run: TaskRun, request: InstructionRequest): string | null {
  const text: unknown = fieldOf(request, 'text');
  if (typeof text !== 'string' || text.trim() === '' || text.length > INSTRUCTION_CHARACTERS_MAX)
    return `The instruction must be a text of at most ${INSTRUCTION_CHARACTERS_MAX} characters.`;
  if (run.talk.instructions.length >= INSTRUCTIONS_MAX)
    return `The task has ${INSTRUCTIONS_MAX} instructions already; a new task would be clearer.`;
  return refusalOfSaid(run, request);
}

const LIMITS = ['costUsdMicros', 'tokens', 'attempts', 'wallTimeSeconds', 'deadlineSeconds'] as const;

export function refusalOfBudget(run: TaskRun, request: unknown): string | null {
  if (fieldOf(request, 'deadlineSeconds') !== undefined) return 'A deadline belongs to the job, not to a task.';
  return refusalOfLimits(request) ?? refusalOfSaid(run, request);
}

/** As in a file; of a job in all. */
const MOST = {
  costUsdMicros: 1_000_000_000_000,
  tokens: 1_000_000_000_000,
  attempts: 1_000_000,
  wallTimeSeconds: 31 * 86_400,
  deadlineSeconds: 31 * 86_400,
} as const;

export const refusalOfJobLimits = (request: unknown): string | null =>
  fieldOf(request, 'wallTimeSeconds') === undefined
    ? refusalOfLimits(request)
    : 'A wall time belongs to a task, not to the job.';

export function refusalOfLimits(request: unknown): string | null {
  const named = LIMITS.filter((limit) => fieldOf(request, limit) !== undefined);
  if (named.length === 0) return `Name a limit: ${LIMITS.join(', ')}.`;
  const wrong = named.find((limit) => {
    const value = fieldOf(request, limit);
    return typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > MOST[limit];
  });
  return wrong === undefined ? null : `${wrong} must be a whole number from 1 to ${MOST[wrong]}.`;
}

export function refusalOfStop({ registry }: JobRun, request: unknown): string | null {
  const [path, reason, requester] = [
    fieldOf(request, 'path'),
    fieldOf(request, 'reason'),
    fieldOf(request, 'requester'),
  ];
  if (path !== undefined && (typeof path !== 'string' || !registry.has(path)))
    return `There is no task ${String(path).slice(0, 100)} in the job.`;
  return refusalOfWords({ by: requester, why: reason });
}

/** Limits as the account shows them. */
export const limitWords = (limits: object): string =>
  Object.entries(limits)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
