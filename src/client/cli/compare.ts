/** `weaver compare`: cases, models and modes of a file, compared; as a table, a page, and lines for programs. */
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { missedThresholds, regressions, type Contestant, type Regression } from '../../domain/compare-summary.js';
import { callsOf, type CompareSpec } from '../../domain/compare.js';
import { EXIT_CODES } from '../../domain/failures.js';
import { isMap } from '../../domain/plain-object.js';
import { ATTENDED_OUTAGE_SECONDS } from '../../domain/task.js';
import { parseCompare } from '../../schemas.js';
import type { CompareResult } from '../../workflows/compare-messages.js';
import type { Comparisons, ComparisonHandle } from '../comparisons.js';
import { readComparison, type Comparison } from '../read-comparison.js';
import {
  callsAsLines,
  compareLines,
  compareProgressLine,
  missedLine,
  movingLine,
  regressionLine,
  stopLine,
} from '../render-compare.js';
import { comparePage } from '../report/compare-page.js';
import { invalidTask } from '../task-faults.js';
import { usageFault, WeaverFault } from '../weaver-fault.js';
import { workerFailure } from './carry-out.js';
import type { Context } from './context.js';
import { INTERRUPTED } from './goes-on.js';
import { readInput } from './input-file.js';
import { aborted, listenForInterrupts } from './interrupts.js';
import { writeOutput } from './output-file.js';
import { queueForRecordings, refuseElsewhere } from './recorded.js';
import { setUp, takeDown, type Stand } from './stand.js';

export interface CompareFlags {
  readonly key?: string;
  readonly html?: string;
  readonly jsonl?: string;
  /** What an earlier comparison has printed with --json. */
  readonly baseline?: string;
  readonly worker?: boolean;
  readonly record?: string;
  readonly replay?: string;
}

const MISSED = 1;
const LOOK_EVERY_MS = 1_000;
const REDRAW_MS = 100;
/** A line for each tenth, where nobody watches a terminal. */
const NOTES = 10;
/** Calls under way are stopped within seconds. */
const CANCEL_WAIT_MS = 30_000;

export async function compare(context: Context, file: string, flags: CompareFlags): Promise<number> {
  refuseElsewhere(flags, context.config);
  const spec = readSpec(file);
  const before = flags.baseline === undefined ? null : readBaseline(flags.baseline);
  const interrupts = listenForInterrupts(() => context.terminal.clearProgress());
  const ownQueue = queueForRecordings(flags, context.config);
  const stand = await setUp(context, { worker: flags.worker === true, detach: false, ownQueue });
  try {
    const { comparisons } = stand.client;
    const begun = await comparisons.begin(spec, {
      taskQueue: stand.taskQueue,
      ...(flags.key === undefined ? {} : { key: flags.key }),
    });
    const size = `${callsOf(spec)} calls`;
    context.terminal.note(`${begun.started ? 'submitted' : 'there already:'} ${begun.id} (${size})`);
    const result = await untilEnded(stand, comparisons, begun, interrupts.signal);
    const read = await readRows(context, result);
    const verdict = judge(spec, read, before);
    await show(context, { begun, result, read, flags, ...verdict });
    if (interrupts.signal.aborted) return INTERRUPTED;
    return exitCodeFor(result, verdict);
  } finally {
    interrupts.stop();
    await takeDown(stand);
  }
}

function readSpec(file: string): CompareSpec {
  const parsed = parseCompare(readInput(file, 'The file of cases'), { cwd: dirname(resolve(file)) });
  if (parsed.kind === 'faults') throw invalidTask(parsed.faults, file, 'the comparison');
  return parsed.spec;
}

type Earlier = readonly Pick<Contestant, 'mode' | 'asked' | 'success' | 'determinism'>[];

function readBaseline(file: string): Earlier {
  const noBaseline = usageFault(
    `${file} is no earlier comparison.`,
    'Make one with: weaver compare FILE --json > earlier.json',
  );
  let value: unknown;
  try {
    value = JSON.parse(readInput(file, 'The earlier comparison'));
  } catch (thrown) {
    throw thrown instanceof WeaverFault ? thrown : noBaseline;
  }
  const contestants: unknown = isMap(value) ? value['contestants'] : null;
  if (!Array.isArray(contestants) || !contestants.every(isEarlier)) throw noBaseline;
  return contestants;
}

const isEarlier = (one: unknown): one is Earlier[number] =>
  isMap(one) &&
  typeof one['mode'] === 'string' &&
  typeof one['asked'] === 'string' &&
  typeof one['success'] === 'number';

/** Its end. The first signal cancels it: nothing more is paid, and what was answered is shown. */
async function untilEnded(
  stand: Stand,
  comparisons: Comparisons,
  { id }: ComparisonHandle,
  interrupted: AbortSignal,
): Promise<CompareResult> {
  const over = new AbortController();
  const following = follow(stand, comparisons, id, over.signal);
  try {
    const ended = resultOf(stand, comparisons, id, over.signal);
    const cancelled = aborted(interrupted).then(async () => {
      stand.context.terminal.note(`Stopping ${id}; the same --key goes on with it.`);
      await comparisons.cancel(id);
      await pause(CANCEL_WAIT_MS, undefined, { ref: false });
      throw usageFault(`${id} has not stopped yet.`, 'Look at it again with the same --key when a worker runs.');
    });
    return await Promise.race([ended, cancelled, workerFailure(stand)]);
  } finally {
    over.abort();
    await following;
  }
}

/** A server that is away for a moment is waited for. */
async function resultOf(
  { context }: Stand,
  comparisons: Comparisons,
  id: string,
  signal: AbortSignal,
): Promise<CompareResult> {
  let silentSince: number | null = null;
  for (;;) {
    try {
      return await comparisons.result(id, signal);
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof WeaverFault) || thrown.code !== 'temporalUnreachable') throw thrown;
      if (silentSince === null) context.terminal.note(`${thrown.message} Waiting for it.`);
      silentSince ??= Date.now();
      if (Date.now() - silentSince > ATTENDED_OUTAGE_SECONDS * 1_000) throw thrown;
      await pause(LOOK_EVERY_MS);
    }
  }
}

/** One line drawn again and again on a terminal, else a line for each tenth. */
async function follow({ context }: Stand, comparisons: Comparisons, id: string, signal: AbortSignal): Promise<void> {
  const { terminal } = context;
  const startedAt = Date.now();
  let latest = null as Awaited<ReturnType<Comparisons['progress']>>;
  let frame = 0;
  const redraw = (): void => {
    if (latest !== null) terminal.progress(movingLine(latest, Date.now() - startedAt, (frame += 1)));
  };
  const timer = terminal.live ? setInterval(redraw, REDRAW_MS) : null;
  let said = 0;
  try {
    while (!signal.aborted) {
      // Whoever waits for the result tells of a server that is away.
      latest = (await comparisons.progress(id).catch(() => null)) ?? latest;
      const tenth = latest === null ? 0 : Math.floor((latest.done / latest.questions) * NOTES);
      if (latest !== null && !terminal.live && tenth > said && !signal.aborted)
        terminal.note(compareProgressLine(latest));
      said = Math.max(said, tenth);
      await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined); // its end came first
    }
  } finally {
    if (timer !== null) clearInterval(timer);
    terminal.clearProgress();
  }
}

async function readRows({ house, config }: Context, { lastPage }: CompareResult): Promise<Comparison> {
  const { artifacts } = await house.openStores(config);
  try {
    return await readComparison(artifacts, lastPage);
  } catch (cause) {
    throw new WeaverFault(
      {
        code: 'notThere',
        message: `What the comparison has kept is not in the weaver home of this host: ${cause instanceof Error ? cause.message : String(cause)}`,
        next: 'Run weaver compare with the same --key on the host of the workers, or with their weaver home (WEAVER_HOME).',
      },
      2,
      { cause },
    );
  }
}

interface Verdict {
  readonly missed: ReturnType<typeof missedThresholds>;
  readonly regressions: readonly Regression[] | null;
}

const judge = ({ thresholds }: CompareSpec, { summary }: Comparison, before: Earlier | null): Verdict => ({
  missed: missedThresholds(summary, thresholds),
  regressions: before === null ? null : regressions(summary.contestants, before),
});

function exitCodeFor({ stopped }: CompareResult, { missed, regressions: compared }: Verdict): number {
  if (missed.length > 0 || (compared ?? []).some(({ verdict }) => verdict === 'fail')) return MISSED;
  if (stopped === null) return 0;
  return stopped.kind === 'spent' ? EXIT_CODES.budget : EXIT_CODES.cancelled;
}

interface Shown extends Verdict {
  readonly begun: ComparisonHandle;
  readonly result: CompareResult;
  readonly read: Comparison;
  readonly flags: CompareFlags;
}

async function show(context: Context, { begun, result, read, flags, ...verdict }: Shown): Promise<void> {
  const { terminal, json, house } = context;
  const { missed, regressions: compared } = verdict;
  const quiet = { ...context, json: false };
  if (flags.jsonl !== undefined) await writeOutput(quiet, flags.jsonl, callsAsLines(read.rows), {});
  if (flags.html !== undefined) {
    const page = comparePage({ id: begun.id, madeAt: Date.now(), version: house.version, ...read, ...verdict });
    await writeOutput(quiet, flags.html, page, {});
  }
  if (json) {
    const { questions, done, spending, stopped } = result;
    terminal.json({ id: begun.id, questions, done, spending, stopped, ...read.summary, missed, regressions: compared });
  } else for (const line of compareLines(read.summary, terminal.columns)) terminal.out(line);
  for (const each of compared ?? []) terminal.note(regressionLine(each));
  if (result.stopped !== null) terminal.note(`${stopLine(result.stopped, result)} The same --key goes on with it.`);
  for (const each of missed) terminal.note(`${terminal.paintNote('red', 'missed')} ${missedLine(each)}`);
}
