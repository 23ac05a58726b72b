/** `weaver schedule …` as commander knows it. */
import { Option, type Command } from 'commander';

export interface CreateFlags {
  readonly cron?: readonly string[];
  readonly every?: readonly string[];
  readonly at?: readonly string[];
  readonly timezone?: string;
  readonly jitter?: string;
  readonly overlap?: string;
  readonly catchUp?: string;
  readonly pauseAfter?: string;
  readonly param?: readonly string[];
  readonly key?: string;
  readonly paused?: boolean;
}

export interface BackfillFlags {
  readonly from: string;
  readonly to: string;
  readonly overlap?: string;
  readonly max?: string;
}

export type ScheduleOrder =
  | { readonly kind: 'create'; readonly name: string; readonly file: string; readonly flags: CreateFlags }
  | { readonly kind: 'list' }
  | { readonly kind: 'describe'; readonly name: string }
  | { readonly kind: 'trigger'; readonly name: string; readonly flags: { readonly overlap?: string } }
  | { readonly kind: 'pause'; readonly name: string; readonly flags: { readonly why: string } }
  | { readonly kind: 'resume'; readonly name: string; readonly flags: { readonly why?: string } }
  | {
      readonly kind: 'backfill';
      readonly name: string;
      readonly flags: BackfillFlags;
    }
  | { readonly kind: 'delete'; readonly name: string };

export const SCHEDULE_EXAMPLES = [
  "weaver schedule create nightly task.yaml --cron '30 3 * * *' --timezone Europe/Berlin",
  "weaver schedule create tidy task.yaml --at 'mon-fri 18:00' --param repo=/path/to/repository.git --pause-after 3",
  'weaver schedule create often task.yaml --every 1h --jitter 5m --overlap buffer-one --catch-up 2h --paused',
  "weaver schedule create daily task.yaml --every 6h --key 'tidy-${date}'",
  'weaver schedule list',
  'weaver schedule describe nightly --json',
  'weaver schedule trigger nightly',
  "weaver schedule pause nightly --why 'the release is near'",
  'weaver schedule resume nightly',
  'weaver schedule backfill nightly --from 2026-11-01T00:00:00Z --to 2026-11-03T00:00:00Z',
  'weaver schedule delete nightly',
] as const;

const OVERLAP_NAMES = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'terminate-other', 'allow-all'];

/** What commander calls when a command is given: arguments, then options. */
type Action = (this: Command, ...given: unknown[]) => Promise<void>;

/** Adds the commands below `schedule`; `carry` makes an action of an order. */
export function addSchedules(schedule: Command, carry: (order: ScheduleOrder) => Action): void {
  const act = <Given extends readonly unknown[]>(make: (...given: Given) => ScheduleOrder) =>
    async function (this: Command, ...given: unknown[]): Promise<void> {
      await carry(make(...(given as unknown as Given))).call(this);
    };
  addCreate(schedule).action(
    act((name: string, file: string, flags: CreateFlags) => ({ kind: 'create', name, file, flags })),
  );
  add(schedule, 'list', 'every schedule, with its next time').action(act(() => ({ kind: 'list' })));
  add(schedule, 'describe <name>', 'when it fires next, what its last jobs came to').action(
    act((name: string) => ({ kind: 'describe', name })),
  );
  add(schedule, 'trigger <name>', 'one run now; prints the id of its job')
    .addOption(overlap('what becomes of it while another runs (default: as the schedule says)'))
    .action(act((name: string, flags: { overlap?: string }) => ({ kind: 'trigger', name, flags })));
  add(schedule, 'pause <name>', 'no more runs until resume')
    .requiredOption('--why <text>', 'the reason; it is shown')
    .action(act((name: string, flags: { why: string }) => ({ kind: 'pause', name, flags })));
  add(schedule, 'resume <name>', 'runs again; failures are counted anew')
    .option('--why <text>', 'the reason; it is shown')
    .action(act((name: string, flags: { why?: string }) => ({ kind: 'resume', name, flags })));
  add(schedule, 'backfill <name>', 'make up the runs between two times')
    .requiredOption('--from <time>', 'such as 2026-11-01T00:00:00Z; included')
    .requiredOption('--to <time>', 'the same; included')
    .addOption(overlap('what becomes of a run while another runs (default: buffer-all, one after the other)'))
    .option('--max <number>', 'refuse if there are more runs than this (default: 100)')
    .action(act((name: string, flags: BackfillFlags) => ({ kind: 'backfill', name, flags })));
  add(schedule, 'delete <name>', 'no more runs; jobs that run go on').action(
    act((name: string) => ({ kind: 'delete', name })),
  );
}

const addCreate = (schedule: Command): Command =>
  add(schedule, 'create <name> <file>', 'start the job of a file at these times (- reads it from standard input)')
    .option('--cron <expression>', 'minute hour day-of-month month day-of-week (repeatable)', collect)
    .option('--every <interval>', 'such as 1h (repeatable)', collect)
    .option('--at <calendar>', "'03:30', 'mon-fri 03:30' or '2026-12-24 18:00' (repeatable)", collect)
    .option('--timezone <zone>', 'IANA name (default: UTC)')
    .option('--jitter <duration>', 'each run up to so much later, by chance (default: 0s)')
    .addOption(overlap('while the job before still runs (default: skip)'))
    .option('--catch-up <duration>', 'how late a missed run may begin (default: 1h)')
    .option('--pause-after <number>', 'pause after so many failed jobs in a row, 1 to 10 (default: never)')
    .option('--param <name=value>', 'value of ${name} in the file (repeatable)', collect)
    .option('--key <template>', 'key of each job (default: ${schedule}-${scheduledTime})')
    .option('--paused', 'begin paused');

const overlap = (says: string): Option => new Option('--overlap <policy>', says).choices(OVERLAP_NAMES);

function add(schedule: Command, usage: string, description: string): Command {
  const command = schedule.command(usage).description(description).configureHelp({ showGlobalOptions: true });
  const examples = SCHEDULE_EXAMPLES.filter((example) => example.startsWith(`weaver schedule ${command.name()}`));
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];
