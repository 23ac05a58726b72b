/** `weaver run`: a task file, a job file, or flags in their place, to pushed commits. */
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config.js';
import { ATTENDED_OUTAGE_SECONDS, type LimitsSpec, type TaskSpec } from '../../domain/task.js';
import { parseFile, taskFromFlags, type ParsedFile, type ParsedTask } from '../../schemas.js';
import { jobEndLines } from '../render-job.js';
import { endLines } from '../render-task.js';
import { invalidTask } from '../task-faults.js';
import { usageFault } from '../weaver-fault.js';
import { carryOut } from './carry-out.js';
import type { Context } from './context.js';
import type { JobReport, RunReport } from '../run-report.js';
import type { JobResult } from '../../workflows/messages.js';
import { inputName, readInputOrStdin } from './input-file.js';
import { namesIn, refuseUnknownAgents } from './known-agents.js';
import { refuseMissingRepositories, repositoriesIn } from './known-repositories.js';
import { queueForRecordings, refuseElsewhere } from './recorded.js';
import { jobWork, splitWork, type Work } from './work.js';

export interface RunFlags {
  readonly set?: readonly string[];
  readonly detach?: boolean;
  readonly repo?: string;
  readonly title?: string;
  readonly description?: string;
  readonly check?: readonly string[];
  readonly key?: string;
  readonly timeout?: number;
  readonly worker?: boolean;
  readonly record?: string;
  readonly replay?: string;
}

export async function run(context: Context, file: string | undefined, flags: RunFlags): Promise<number> {
  const { config } = context;
  refuseElsewhere(flags, config);
  const read = await readWork(file, flags, config);
  const rest = {
    key: flags.key ?? read.key,
    timeoutMs: flags.timeout === undefined ? null : flags.timeout * 1_000,
    worker: flags.worker === true,
    detach: flags.detach === true,
    ownQueue: queueForRecordings(flags, config),
    show: (report: RunReport | JobReport, result: JobResult | null) => showEnd(context, report, result),
  };
  return await carryOut<RunReport | JobReport>(context, { ...rest, work: read.work });
}

/** What a person or a program is told at the end. */
export function showEnd({ terminal, json }: Context, report: RunReport | JobReport, result: JobResult | null): void {
  if (json) {
    terminal.json(report);
    return;
  }
  const colour = report.exitCode === 0 ? 'green' : 'red';
  terminal.out(terminal.paint(colour, report.state));
  const lines =
    'counts' in report ? jobEndLines(report, result, terminal.columns - INDENT.length) : endLines(report, result);
  for (const line of lines) terminal.out(line === '' ? '' : `${INDENT}${line}`);
}

const INDENT = '  ';

interface Read {
  readonly key: string | undefined;
  readonly work: Work<RunReport | JobReport>;
}

async function readWork(file: string | undefined, flags: RunFlags, config: Config): Promise<Read> {
  const limits = limitsOf(config, flags.detach === true);
  if (file === undefined) {
    const parsed = fromFlags(flags, limits);
    if (parsed.kind === 'faults') throw invalidTask(parsed.faults);
    refuseUnknownAgents(config.agents, [parsed.spec]);
    refuseMissingRepositories(config, [parsed.spec.repo.url]);
    return { key: parsed.spec.key, work: workOf(parsed.spec) };
  }
  const parsed = await fromFile(file, flags, limits);
  if (parsed.kind === 'faults') throw invalidTask(parsed.faults, inputName(file), parsed.whole);
  refuseUnknownAgents(config.agents, parsed.kind === 'job' ? namesIn(parsed.job) : [parsed.spec]);
  refuseMissingRepositories(config, parsed.kind === 'job' ? repositoriesIn(parsed.job) : [parsed.spec.repo.url]);
  if (parsed.kind === 'job') return { key: parsed.job.key, work: jobWork(parsed.job) };
  return { key: parsed.spec.key, work: workOf(parsed.spec) };
}

const workOf = (spec: TaskSpec): Work<RunReport | JobReport> =>
  splitWork((client, options) => client.submit(spec, options));

/** Somebody waits in front of a `run`: an outage is given up sooner. */
const limitsOf = (config: Config, detached: boolean): Partial<LimitsSpec> =>
  detached ? config.limits : { outageSeconds: ATTENDED_OUTAGE_SECONDS, ...config.limits };

function fromFlags(
  { repo, title, description, check = [], set = [] }: RunFlags,
  limits: Partial<LimitsSpec>,
): ParsedTask {
  if (repo === undefined && title === undefined && description === undefined) {
    throw usageFault(
      'There is no task to run.',
      'Name a task file (or - for standard input), or give --repo, --title and --description.',
    );
  }
  const flags = {
    ...(repo === undefined ? {} : { repo }),
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    checks: check,
    sets: set,
  };
  return taskFromFlags(flags, { limits, cwd: process.cwd() });
}

/** Flags beside a file stand for --set of their field. A relative repo.url is relative to the file. */
async function fromFile(file: string, flags: RunFlags, limits: Partial<LimitsSpec>): Promise<ParsedFile> {
  if (flags.check !== undefined)
    throw usageFault('--check cannot be used beside a task file.', 'Name the checks in the file.');
  const text = await readInputOrStdin(file, 'The task file');
  const sets = [
    ...(flags.repo === undefined ? [] : [`repo.url=${flags.repo}`]),
    ...(flags.title === undefined ? [] : [`title=${flags.title}`]),
    ...(flags.description === undefined ? [] : [`description=${flags.description}`]),
    ...(flags.set ?? []),
  ];
  return parseFile(text, { sets, limits, cwd: file === '-' ? process.cwd() : dirname(resolve(file)) });
}
