/** `weaver answer`, `approve`, `instruct`, `pause`, `resume`, `retry-now` and `set-budget`: one saying each, to what runs. */
import type { JobStatus, TaskStatus } from '../../workflows/messages.js';
import { jobLine } from '../render-job.js';
import { viewOfJobStatus } from '../job-view.js';
import { phaseLine } from '../render-task.js';
import { viewOfStatus } from '../task-view.js';
import type { Told } from '../updates.js';
import { parseChildren } from '../../schemas.js';
import { invalidTask } from '../task-faults.js';
import { usageFault } from '../weaver-fault.js';
import type { WeaverClient } from '../weaver-client.js';
import type { Context } from './context.js';
import { inputName, readInputOrStdin } from './input-file.js';
import { withClient } from './look.js';
import type { PeopleOrder } from './people-commands.js';
import { noServerHere } from './temporal-session.js';

export interface SayFlags {
  readonly why?: string;
  readonly id?: string;
}

export interface DoneFlags {
  readonly message?: string;
  /** Name of a file of tasks to split the task into, or - for standard input. */
  readonly children?: string;
  readonly id?: string;
}

export interface AnswerFlags extends SayFlags {
  readonly question?: string;
}

export interface ApproveFlags extends AnswerFlags {
  readonly reject?: boolean;
}

export interface BudgetFlags extends SayFlags {
  /** Micro-dollars. */
  readonly cost?: number;
  readonly tokens?: number;
  readonly attempts?: number;
  readonly seconds?: number;
  readonly deadline?: number;
}

export type Saying = Extract<
  PeopleOrder,
  { kind: 'answer' | 'approve' | 'done' | 'instruct' | 'pause' | 'resume' | 'retry-now' | 'set-budget' }
>;

export async function say(context: Context, saying: Saying): Promise<number> {
  const { terminal, json } = context;
  await withClient(context, 'join', async (client) => {
    if (client === null) throw noServerHere(context);
    const { updateId, answer } = await toldTo(client, saying);
    if (json) terminal.json({ command: saying.kind, updateId, ...answer });
    else terminal.out(`${PAST[saying.kind](saying)}: ${await standing(client, saying, answer)}`);
  });
  return 0;
}

async function toldTo(client: WeaverClient, saying: Saying): Promise<Told<TaskStatus | JobStatus>> {
  const { id, flags } = saying;
  switch (saying.kind) {
    case 'answer':
      return await client.answer(id, saying.text, answerOptions(saying.flags));
    case 'approve':
      return await client.approve(id, saying.flags.reject !== true, answerOptions(saying.flags));
    case 'done':
      return await client.done(id, await doneOptions(saying.flags));
    case 'instruct':
      return await client.addInstruction(id, saying.text, sayOptions(flags));
    case 'pause':
      return await client.pause(id, sayOptions(flags));
    case 'resume':
      return await client.resume(id, sayOptions(flags));
    case 'retry-now':
      return await client.retryNow(id, sayOptions(flags));
    case 'set-budget':
      return await client.setBudget(id, limitsOf(saying.flags), sayOptions(flags));
    default:
      throw new TypeError(`unknown saying ${JSON.stringify(saying satisfies never)}`);
  }
}

const sayOptions = ({ why, id }: SayFlags) => ({
  ...(why === undefined ? {} : { why }),
  ...(id === undefined ? {} : { updateId: id }),
});

const doneOptions = async ({ message, children, id }: DoneFlags) => ({
  ...(message === undefined ? {} : { why: message }),
  ...(children === undefined ? {} : { children: await childrenIn(children) }),
  ...(id === undefined ? {} : { updateId: id }),
});

async function childrenIn(file: string): Promise<unknown> {
  const parsed = parseChildren(await readInputOrStdin(file, 'The file of children'));
  if (parsed.kind === 'faults') throw invalidTask(parsed.faults, inputName(file), 'the proposal');
  return parsed.plan;
}

const answerOptions = ({ question, ...flags }: AnswerFlags) => ({
  ...sayOptions(flags),
  ...(question === undefined ? {} : { questionId: question }),
});

function limitsOf({ cost, tokens, attempts, seconds, deadline }: BudgetFlags) {
  if ([cost, tokens, attempts, seconds, deadline].every((limit) => limit === undefined))
    throw usageFault('No limit is named.', 'Give --cost, --tokens, --attempts, --seconds or --deadline.');
  return {
    ...(cost === undefined ? {} : { costUsdMicros: cost }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(seconds === undefined ? {} : { wallTimeSeconds: seconds }),
    ...(deadline === undefined ? {} : { deadlineSeconds: deadline }),
  };
}

const PAST: Readonly<Record<Saying['kind'], (saying: Saying) => string>> = {
  answer: () => 'answered',
  approve: (saying) => (saying.kind === 'approve' && saying.flags.reject === true ? 'rejected' : 'approved'),
  done: (saying) => (saying.kind === 'done' && saying.flags.children !== undefined ? 'to be split' : 'done'),
  instruct: () => 'heard',
  pause: () => 'paused',
  resume: () => 'goes on',
  'retry-now': () => 'tried now',
  'set-budget': () => 'limits set',
};

/** How it stands just after. */
async function standing(client: WeaverClient, saying: Saying, answer: TaskStatus | JobStatus): Promise<string> {
  if (!('taskId' in answer)) return `${answer.jobId}, ${jobLine(viewOfJobStatus(answer, null))}`;
  // What ends a wait is accepted before the task has gone on from it: asked once more, it has.
  const view = ENDS_WAIT.has(saying.kind) ? await client.status(answer.taskId) : viewOfStatus(answer, 'worker', null);
  return `${answer.taskId}, ${phaseLine(view)}`;
}

const ENDS_WAIT: ReadonlySet<Saying['kind']> = new Set(['answer', 'approve', 'done']);
