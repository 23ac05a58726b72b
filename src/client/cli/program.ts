/** The command line as commander knows it: commands, options, help with examples. It only parses; `execute` does. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { COST_GROUPS } from '../../domain/costs.js';
import type { WaitingOn } from '../../domain/outcome.js';
import { defined } from '../../domain/plain-object.js';
import type { ListFilters } from '../list-tasks.js';
import { LISTED_STATES } from '../listed-states.js';
import type { LogFlags } from './artifacts.js';
import type { CleanFlags } from './clean.js';
import type { CompareFlags } from './compare.js';
import type { CostFlags } from './costs.js';
import type { DoctorFlags } from './doctor.js';
import type { EventFlags } from './events.js';
import type { WatchFlags } from './look.js';
import type { GraphFlags } from './graph.js';
import { addPeople, PEOPLE_EXAMPLES, type PeopleOrder } from './people-commands.js';
import type { RunFlags } from './run.js';
import { addSchedules, SCHEDULE_EXAMPLES, type ScheduleOrder } from './schedule-program.js';
import type { ShadowFlags } from './shadow.js';
import type { Ports } from './temporal-session.js';

/** What was asked for. */
export type Order =
  | { readonly kind: 'run'; readonly file: string | undefined; readonly flags: RunFlags }
  | { readonly kind: 'up'; readonly ports: Ports }
  | { readonly kind: 'worker' }
  | { readonly kind: 'status'; readonly id: string }
  | { readonly kind: 'watch'; readonly id: string; readonly flags: WatchFlags }
  | { readonly kind: 'list'; readonly filters: ListFilters }
  | { readonly kind: 'decisions'; readonly id: string }
  | { readonly kind: 'diff'; readonly id: string }
  | { readonly kind: 'logs'; readonly id: string; readonly flags: LogFlags }
  | { readonly kind: 'explain'; readonly id: string }
  | { readonly kind: 'export'; readonly id: string; readonly flags: { readonly output?: string } }
  | { readonly kind: 'events'; readonly flags: EventFlags }
  | { readonly kind: 'graph'; readonly id: string; readonly flags: GraphFlags }
  | { readonly kind: 'report'; readonly id: string; readonly flags: { readonly output?: string } }
  | PeopleOrder
  | { readonly kind: 'schedule'; readonly order: ScheduleOrder }
  | { readonly kind: 'costs'; readonly flags: CostFlags }
  | { readonly kind: 'shadow'; readonly flags: ShadowFlags }
  | { readonly kind: 'compare'; readonly file: string; readonly flags: CompareFlags }
  | { readonly kind: 'clean'; readonly flags: CleanFlags }
  | { readonly kind: 'doctor'; readonly flags: DoctorFlags }
  | { readonly kind: 'demo' };

export interface GlobalFlags {
  readonly config?: string;
  readonly json: boolean;
  /** Folder that answers are recorded in. */
  readonly record?: string;
  /** Folder of recorded answers that take the place of the models. */
  readonly replay?: string;
}

export type Execute = (order: Order, flags: GlobalFlags) => Promise<void>;

/** Examples of each command; they stand in its help, and tests parse them. */
export const EXAMPLES: Readonly<Record<Order['kind'], readonly string[]>> = {
  run: [
    'weaver run task.yaml',
    'weaver run task.yaml --set limits.attempts=2 --set repo.branch=weaver/try',
    "weaver run --repo git@example.org:team/app.git --title 'Mend the login' --description 'It fails after midnight.' --check 'npm test'",
    'weaver run - --json --timeout 600',
    'weaver run task.yaml --detach --key login-fix',
    'weaver run task.yaml --record answers',
    'weaver run task.yaml --replay answers',
    "weaver run job.yaml --set 'tasks[0].limits.attempts=2' --set budget.costUsd=1",
  ],
  up: ['weaver up', 'weaver up --port 7233 --ui-port 8233'],
  worker: ['weaver worker', 'weaver worker --config /etc/weaver.config.yaml', 'weaver worker --replay answers'],
  status: ['weaver status login-fix', 'weaver status job/login-fix/t/0 --json'],
  watch: ['weaver watch login-fix', 'weaver watch login-fix --tokens', 'weaver watch login-fix --timeout 600'],
  list: [
    'weaver list',
    'weaver list --state failed --tag nightly --limit 50',
    'weaver list --requester ana@desk --json',
    'weaver list --job spring-cleaning --min-cost 0.50',
    'weaver list --waiting human',
    'weaver list --state open --due 2027-01-31T18:00:00Z',
  ],
  decisions: ['weaver decisions login-fix'],
  diff: ['weaver diff login-fix', 'weaver diff login-fix --json'],
  logs: ['weaver logs login-fix', 'weaver logs login-fix --attempt 1 --check unit'],
  explain: ['weaver explain login-fix', 'weaver explain job/login-fix/t/0 --json'],
  export: ['weaver export login-fix', 'weaver export login-fix --output login-fix'],
  events: [
    'weaver events',
    'weaver events --since 120 --job login-fix --type task.succeeded --json',
    'weaver events --follow',
  ],
  graph: ['weaver graph login-fix', 'weaver graph login-fix --format svg --output graph.svg'],
  report: ['weaver report login-fix', 'weaver report job/login-fix/t/0 --output report.html'],
  ...PEOPLE_EXAMPLES,
  schedule: SCHEDULE_EXAMPLES,
  costs: [
    'weaver costs',
    'weaver costs --job login-fix',
    'weaver costs --since 2026-11-01 --by day --csv',
    'weaver costs --task job/login-fix/t/0 --by model --json',
  ],
  shadow: ['weaver shadow', 'weaver shadow --job login-fix --json'],
  compare: [
    'weaver compare cases.yaml',
    'weaver compare cases.yaml --key spring --html compared.html --jsonl calls.jsonl',
    'weaver compare cases.yaml --baseline earlier.json --json',
    'weaver compare cases.yaml --record answers',
    'weaver compare cases.yaml --replay answers',
  ],
  clean: ['weaver clean --dry-run', 'weaver clean --json', 'weaver clean --offline'],
  doctor: ['weaver doctor', 'weaver doctor --json', 'weaver doctor --probe', 'weaver doctor --probe openai --json'],
  demo: ['weaver demo'],
};

const EXIT_CODES_HELP = `
Exit codes of run, watch and demo:
  0 succeeded            4 remote or Temporal unreachable   8 waits for a person
  1 checks failed        5 model endpoint                   9 stuck or out of time
  2 invalid input        6 rate limit                      10 cancelled
  3 configuration        7 budget                         124 not waited any longer
                                                          130 interrupted (the task goes on)`;

export function createProgram(version: string, execute: Execute): Command {
  const program = new Command('weaver')
    .description('Carries coding tasks to tested commits on pushed branches.')
    .version(version)
    .option('--config <file>', 'configuration file (default: weaver.config.yaml in this folder)')
    .option('--json', 'print JSON on stdout')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES_HELP)
    .helpCommand(true);
  const order: Ordering = (make) =>
    async function (...given): Promise<void> {
      const { config, json = false, record, replay } = this.optsWithGlobals<Partial<GlobalFlags>>();
      await execute(make(...given), { json, ...defined({ config, record, replay }) });
    };
  addRun(program, order);
  addProcesses(program, order);
  addLooking(program, order);
  addArtifacts(program, order);
  addPictures(program, order);
  addPeople({ add: (usage, description) => add(program, usage, description), order });
  addOthers(program, order);
  return program;
}

/** From what commander hands over (arguments, then options) to an order. */
type Ordering = <Given extends readonly unknown[]>(
  make: (...given: Given) => Order,
) => (this: Command, ...given: Given) => Promise<void>;

/** A command with its examples at the end of its help. */
const add = (program: Command, usage: string, description: string): Command => {
  const command = program.command(usage).description(description);
  const examples = EXAMPLES[command.name() as Order['kind']];
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
};

function addRun(program: Command, order: Ordering): void {
  add(
    program,
    'run [file]',
    'carry out a task or a job file and wait for its end (- reads the file from standard input)',
  )
    .option('--set <path=value>', 'set a field of the file (repeatable)', collect)
    .option('--repo <url>', 'repository, in place of a file')
    .option('--title <text>', 'title, in place of a file')
    .option('--description <text>', 'description, in place of a file')
    .option('--check <command>', 'check, in place of a file (repeatable)', collect)
    .option('--key <key>', 'name of the job: the same task under the same key is the same job')
    .option('--timeout <seconds>', 'stop waiting after this time; the task goes on', positive)
    .option('--detach', 'submit, and do not wait')
    .option('--worker', 'work in this process also when a Temporal server is configured')
    .addOption(recordOption())
    .addOption(replayOption())
    .action(order((file: string | undefined, flags: RunFlags) => ({ kind: 'run', file, flags })));
}

function addProcesses(program: Command, order: Ordering): void {
  add(program, 'up', 'server, Web UI and worker, in the foreground')
    .option('--port <port>', 'port of the server, if it has to be started', port)
    .option('--ui-port <port>', 'port of the Web UI, if it has to be started', port)
    .addOption(recordOption())
    .addOption(replayOption())
    .action(order((ports: Ports) => ({ kind: 'up', ports })));
  add(program, 'worker', 'a worker alone, in the foreground')
    .addOption(recordOption())
    .addOption(replayOption())
    .action(order(() => ({ kind: 'worker' })));
}

/** Of commands that work themselves. */
const recordOption = (): Option =>
  new Option('--record <folder>', 'write every answer down there, for --replay').conflicts('replay');
const replayOption = (): Option =>
  new Option('--replay <folder>', 'answer every call from recordings; no model is asked');

function addLooking(program: Command, order: Ordering): void {
  add(program, 'status <id>', 'what a task or a job is doing, or how it ended').action(
    order((id: string) => ({ kind: 'status', id })),
  );
  add(program, 'watch <id>', 'follow a task or a job until it ends')
    .option('--tokens', 'print what the models say as it comes, of the calls of this host')
    .option('--timeout <seconds>', 'stop watching after this time; the task goes on', positive)
    .action(order((id: string, flags: WatchFlags) => ({ kind: 'watch', id, flags })));
  add(program, 'list', 'tasks, newest first')
    .addOption(new Option('--state <state>', 'only in this state').choices(LISTED_STATES))
    .option('--repo <url>', 'only of this repository')
    .option('--tag <tag>', 'only with this tag')
    .option('--requester <name>', 'only asked for by this person')
    .option('--model <name>', 'only with this model, once it has answered')
    .option('--handler <name>', 'only with this handler')
    .option('--min-cost <usd>', 'only those that have cost so much by now', dollars)
    .addOption(new Option('--waiting <for>', 'only those that wait for it').choices(WAITS))
    .option('--due <time>', 'only of jobs whose deadline is then or before (2027-01-31T18:00:00Z)')
    .option('--job <id>', 'only tasks of this job')
    .option('--limit <number>', 'at most this many', positive, 20)
    .action(order((filters: ListFilters) => ({ kind: 'list', filters })));
  add(program, 'decisions <id>', 'every attempt and decision of a task, with reasons').action(
    order((id: string) => ({ kind: 'decisions', id })),
  );
}

function addArtifacts(program: Command, order: Ordering): void {
  add(program, 'diff <id>', 'the last change that the task has made').action(
    order((id: string) => ({ kind: 'diff', id })),
  );
  add(program, 'logs <id>', 'what the checks have printed')
    .option('--attempt <number>', 'of this attempt (default: the last one with logs)', positive)
    .option('--check <name>', 'of this check only')
    .action(order((id: string, flags: LogFlags) => ({ kind: 'logs', id, flags })));
  add(program, 'explain <id>', 'the story of a task or a job in words, from its record').action(
    order((id: string) => ({ kind: 'explain', id })),
  );
  add(program, 'export <id>', 'all that is known of a task or a job, as an archive or a folder')
    .option('--output <path>', 'archive (.tar.gz) or new folder (default: export-<key>.tar.gz)')
    .action(order((id: string, flags: { readonly output?: string }) => ({ kind: 'export', id, flags })));
}

function addPictures(program: Command, order: Ordering): void {
  add(program, 'events', 'what was told on this host, oldest first')
    .option('--follow', 'wait for more')
    .option('--since <number>', 'only those after this number', natural)
    .option('--job <id>', 'only of this job and its tasks')
    .option('--type <type>', 'only of this type, such as task.succeeded')
    .action(order((flags: EventFlags) => ({ kind: 'events', flags })));
  add(program, 'graph <id>', 'tasks of a job and what they wait for, as a picture')
    .addOption(new Option('--format <format>', 'of the picture').choices(['mermaid', 'svg']).default('mermaid'))
    .option('--output <file>', 'write it there')
    .action(order((id: string, flags: GraphFlags) => ({ kind: 'graph', id, flags })));
  add(program, 'report <id>', 'all that is known of a job or a task, as one HTML page')
    .option('--output <file>', 'write it there (default: report-<key>.html; - is standard output)')
    .action(order((id: string, flags: { readonly output?: string }) => ({ kind: 'report', id, flags })));
}

function addOthers(program: Command, order: Ordering): void {
  addSchedules(add(program, 'schedule', 'jobs that are started again and again'), (schedule) =>
    order(() => ({ kind: 'schedule', order: schedule })),
  );
  add(program, 'costs', 'what calls have cost, from the ledger of this host, and what budgets have left')
    .option('--job <id>', 'only of this job')
    .option('--task <id>', 'only of this task')
    .option('--since <day>', 'only from this day (UTC) on, such as 2026-11-01')
    .addOption(
      new Option('--by <what>', 'a row for each (default: job; task of a job; model of a task)').choices(COST_GROUPS),
    )
    .option('--csv', 'print comma-separated values')
    .action(order((flags: CostFlags) => ({ kind: 'costs', flags })));
  add(program, 'shadow', 'what shadow calls have come to beside the real ones, by model, from the records of this host')
    .option('--job <id>', 'only of this job')
    .action(order((flags: ShadowFlags) => ({ kind: 'shadow', flags })));
  add(program, 'compare <file>', 'put the cases of a file to several models, and compare what they answer')
    .option('--key <key>', 'name of the comparison: the same cases under the same key go on where they stopped')
    .option('--html <file>', 'write a page with plots there')
    .option('--jsonl <file>', 'write a line of JSON for each call there')
    .option('--baseline <file>', 'an earlier comparison (its --json): fail where this one is worse')
    .option('--worker', 'work in this process also when a Temporal server is configured')
    .addOption(recordOption())
    .addOption(replayOption())
    .action(order((file: string, flags: CompareFlags) => ({ kind: 'compare', file, flags })));
  add(program, 'clean', 'remove what tasks left in the weaver home, and what is past its time')
    .option('--dry-run', 'only say what would go')
    .option('--offline', 'without asking a server: only what is known to have ended a week ago')
    .action(order((flags: CleanFlags) => ({ kind: 'clean', flags })));
  add(program, 'doctor', 'look for what is missing on this machine')
    .option('--probe [provider]', 'ask the models what they can, with up to four small calls each, and remember it')
    .action(order((flags: DoctorFlags) => ({ kind: 'doctor', flags })));
  add(program, 'demo', 'carry out an example task on an example repository').action(order(() => ({ kind: 'demo' })));
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const WAITS: readonly WaitingOn[] = ['human', 'budget', 'dependency', 'resource'];

function dollars(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1_000_000_000))
    throw new InvalidArgumentError('It must be an amount of dollars.');
  return value;
}

function natural(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > Number.MAX_SAFE_INTEGER)
    throw new InvalidArgumentError('It must be a whole number, 0 or above.');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000_000)
    throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('It must be a port number.');
  return value;
}
