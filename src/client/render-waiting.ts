/** Words for a person about what waits; pure. */
import type { Question } from '../domain/outcome.js';
import { duration, oneLine } from './render-task.js';
import { answersTo } from './answer-commands.js';
import type { Waiting } from './waiting.js';

/** A few lines for each: what waits, what is asked, what to type. */
export const waitingLines = (all: readonly Waiting[], nowMs: number): readonly string[] =>
  all.flatMap((each, index) => [...(index === 0 ? [] : ['']), ...linesOf(each, nowMs)]);

function linesOf(waiting: Waiting, nowMs: number): readonly string[] {
  const { taskId, jobId, title, waitingOn, says, question, paused, until, commands } = waiting;
  return [
    `${taskId ?? jobId}  ${oneLine(title)}`.trimEnd(),
    `  waits for ${waitingOn}${until === null || until < nowMs ? '' : `, ${untilWords(question, until - nowMs)}`}`,
    ...(paused === null ? [] : [`  paused by ${oneLine(paused.by)}: ${oneLine(paused.why)}`]),
    ...(question === null ? [`  ${oneLine(says)}`] : questionLines(question)),
    ...commands.map((command) => `  $ ${command}`),
  ];
}

/** What happens then depends on the question. */
function untilWords(question: Question | null, leftMs: number): string {
  if (question === null) return `tried again in ${duration(leftMs)}`;
  return question.default === null
    ? `stuck if nobody answers in ${duration(leftMs)}`
    : `“${oneLine(question.default)}” is taken in ${duration(leftMs)}`;
}

const questionLines = ({ id, text, options }: Question): readonly string[] => [
  ...text.split('\n').map((line, index) => `  ${index === 0 ? `${id}: ` : '  '}${oneLine(line)}`.trimEnd()),
  ...(options.length === 0 ? [] : [`  one of: ${options.map(oneLine).join(' | ')}`]),
];

/** A question as it comes up while somebody watches: it is answered from elsewhere. */
export const askedLines = (taskId: string, question: Question): readonly string[] => [
  'The task asks:',
  ...questionLines(question),
  'Answer from another terminal:',
  ...answersTo(taskId, question).map((command) => `  $ ${command}`),
  ...(question.about === null || question.kind !== 'approval'
    ? []
    : [`See what it is about: weaver diff ${taskId}, weaver logs ${taskId}`]),
];
