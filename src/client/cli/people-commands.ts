/** The commands by which people have a say: what waits, answers, limits, stopping, taking up again. Only parsed here. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ResetFlags, RerunFlags, RetryFlags } from './again.js';
import type { CancelFlags } from './cancel.js';
import type { Context } from './context.js';
import type { AnswerFlags, ApproveFlags, BudgetFlags, DoneFlags, SayFlags } from './people.js';

export type PeopleOrder =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'answer'; readonly id: string; readonly text: string; readonly flags: AnswerFlags }
  | { readonly kind: 'approve'; readonly id: string; readonly flags: ApproveFlags }
  | { readonly kind: 'done'; readonly id: string; readonly flags: DoneFlags }
  | { readonly kind: 'instruct'; readonly id: string; readonly text: string; readonly flags: SayFlags }
  | { readonly kind: 'pause'; readonly id: string; readonly flags: SayFlags }
  | { readonly kind: 'resume'; readonly id: string; readonly flags: SayFlags }
  | { readonly kind: 'retry-now'; readonly id: string; readonly flags: SayFlags }
  | { readonly kind: 'set-budget'; readonly id: string; readonly flags: BudgetFlags }
  | { readonly kind: 'cancel'; readonly id: string; readonly flags: CancelFlags }
  | { readonly kind: 'retry'; readonly id: string; readonly flags: RetryFlags }
  | { readonly kind: 'rerun'; readonly id: string; readonly flags: RerunFlags }
  | { readonly kind: 'reset'; readonly id: string; readonly flags: ResetFlags }
  | { readonly kind: 'tree'; readonly id: string };

export const PEOPLE_EXAMPLES: Readonly<Record<PeopleOrder['kind'], readonly string[]>> = {
  waiting: ['weaver waiting', 'weaver waiting --json'],
  answer: [
    "weaver answer login-fix 'Keep the old cookie name'",
    "weaver answer job/login-fix/t/0 'yes' --question a1.t2 --why 'as agreed on Monday'",
  ],
  approve: ['weaver approve login-fix', "weaver approve login-fix --reject --why 'It changes the public interface'"],
  done: [
    "weaver done login-fix --message 'Keep the session over midnight'",
    'weaver done job/login-fix/t/0',
    'weaver done login-fix --children parts.yaml',
  ],
  instruct: ["weaver instruct login-fix 'Do not touch the migrations'"],
  pause: ["weaver pause login-fix --why 'release today'", 'weaver pause job/spring-cleaning/t/names'],
  resume: ['weaver resume login-fix'],
  'retry-now': ['weaver retry-now login-fix'],
  'set-budget': [
    'weaver set-budget login-fix --cost 5',
    "weaver set-budget job/spring-cleaning --cost 20 --deadline 7200 --why 'worth it'",
  ],
  cancel: [
    "weaver cancel login-fix --reason 'not wanted any more'",
    "weaver cancel job/spring-cleaning/t/names --reason 'done by hand' --delete-branch --wait",
    "weaver cancel compare/spring --reason 'the wrong model'",
  ],
  retry: ['weaver retry login-fix', 'weaver retry login-fix --from checks --detach'],
  rerun: [
    'weaver rerun login-fix --set limits.attempts=8',
    "weaver rerun login-fix --set 'description=Only the form.'",
  ],
  reset: ['weaver reset login-fix --to a2.t1'],
  tree: ['weaver tree spring-cleaning', 'weaver tree spring-cleaning --json'],
};

/** Of program.ts: a command with its examples, and the way from its arguments to an order. */
export interface Adding {
  readonly add: (usage: string, description: string) => Command;
  readonly order: <Given extends readonly unknown[]>(
    make: (...given: Given) => PeopleOrder,
  ) => (this: Command, ...given: Given) => Promise<void>;
}

export function addPeople(adding: Adding): void {
  addTelling(adding);
  addLimits(adding);
  addStopping(adding);
  addAgain(adding);
}

const said = (command: Command): Command =>
  command
    .option('--why <text>', 'why; it is recorded')
    .option('--id <id>', 'name of this saying: said again under the same name, it counts once');

function addTelling({ add, order }: Adding): void {
  add('waiting', 'everything that waits, with the command that lets it go on').action(
    order(() => ({ kind: 'waiting' })),
  );
  said(add('answer <id> <text>', 'answer the question that a task asks').option('--question <id>', QUESTION)).action(
    order((id: string, text: string, flags: AnswerFlags) => ({ kind: 'answer', id, text, flags })),
  );
  said(
    add('approve <id>', 'approve what a task asks for')
      .option('--reject', 'reject it instead; why goes into the next prompt')
      .option('--question <id>', QUESTION),
  ).action(order((id: string, flags: ApproveFlags) => ({ kind: 'approve', id, flags })));
  add('done <id>', 'say that the work which a task asks a person for is done')
    .option('--message <text>', 'commit message (default: the title of the task)')
    .option('--children <file>', 'not done but to be split: a list of tasks as in a job file (or - for standard input)')
    .option('--id <id>', 'name of this saying: said again under the same name, it counts once')
    .action(order((id: string, flags: DoneFlags) => ({ kind: 'done', id, flags })));
  said(add('instruct <id> <text>', 'one more thing for the model to heed, from the next attempt on')).action(
    order((id: string, text: string, flags: SayFlags) => ({ kind: 'instruct', id, text, flags })),
  );
}

const QUESTION = 'this question only (default: the one that is open)';

function addLimits({ add, order }: Adding): void {
  said(add('pause <id>', 'let a task or a job begin nothing new')).action(
    order((id: string, flags: SayFlags) => ({ kind: 'pause', id, flags })),
  );
  said(add('resume <id>', 'let a paused task or job go on')).action(
    order((id: string, flags: SayFlags) => ({ kind: 'resume', id, flags })),
  );
  said(add('retry-now <id>', 'end the pause before the next attempt')).action(
    order((id: string, flags: SayFlags) => ({ kind: 'retry-now', id, flags })),
  );
  said(
    add('set-budget <id>', 'new limits of a task or a job that runs')
      .option('--cost <usd>', 'money, in dollars', dollars)
      .option('--tokens <number>', 'tokens of all calls', positive)
      .option('--attempts <number>', 'attempts', positive)
      .option('--seconds <number>', 'time of work, of a task', positive)
      .option('--deadline <seconds>', 'from the start of the job', positive),
  ).action(order((id: string, flags: BudgetFlags) => ({ kind: 'set-budget', id, flags })));
}

function addStopping({ add, order }: Adding): void {
  add('cancel <id>', 'stop a task with all that came of it, a job, or a comparison (compare/KEY)')
    .requiredOption('--reason <text>', 'why; it is recorded')
    .option('--delete-branch', 'delete the branches that were pushed')
    .addOption(new Option('--wait', 'see up to 10 s what is still stopping (default on a terminal)'))
    .addOption(new Option('--no-wait', 'do not look'))
    .action(order((id: string, flags: CancelFlags) => ({ kind: 'cancel', id, flags })));
  add('tree <job>', 'the tasks of a job, and what came of each').action(order((id: string) => ({ kind: 'tree', id })));
}

const waiting = (command: Command): Command =>
  command
    .option('--timeout <seconds>', 'stop waiting after this time; the task goes on', positive)
    .option('--detach', 'submit, and do not wait')
    .option('--worker', 'work in this process also when a Temporal server is configured');

function addAgain({ add, order }: Adding): void {
  waiting(
    add('retry <id>', 'take up an ended task again, in a new job').addOption(
      new Option('--from <point>', 'a new attempt, or the checks or the landing of the last one')
        .choices(['attempt', 'checks', 'land'])
        .default('attempt'),
    ),
  ).action(order((id: string, flags: RetryFlags) => ({ kind: 'retry', id, flags })));
  waiting(
    add('rerun <id>', 'carry an ended task out differently, from the same base').requiredOption(
      '--set <path=value>',
      'set a field of the task (repeatable)',
      collect,
    ),
  ).action(order((id: string, flags: RerunFlags) => ({ kind: 'rerun', id, flags })));
  waiting(
    add('reset <id>', 'go on from what an ended task had after a turn').requiredOption(
      '--to <turn>',
      'last turn that is kept, such as a2.t1',
    ),
  ).action(order((id: string, flags: ResetFlags) => ({ kind: 'reset', id, flags })));
}

/** Each command is loaded when it is asked for. */
export async function carryPeople(context: Context, order: PeopleOrder): Promise<number> {
  switch (order.kind) {
    case 'waiting':
      return await (await import('./waiting.js')).waiting(context);
    case 'tree':
      return await (await import('./tree.js')).tree(context, order.id);
    case 'cancel':
      return await (await import('./cancel.js')).cancel(context, order.id, order.flags);
    case 'retry':
    case 'rerun':
    case 'reset':
      return await (await import('./again.js')).again(context, order);
    default:
      return await (await import('./people.js')).say(context, order);
  }
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000_000_000)
    throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

/** Micro-dollars. */
function dollars(text: string): number {
  const micros = Math.round(Number(text) * 1_000_000);
  if (text.trim() === '' || !Number.isSafeInteger(micros) || micros < 1)
    throw new InvalidArgumentError('It must be an amount of dollars above 0.');
  return micros;
}
