/** `weaver diff` and `weaver logs`: what a task has made and what its checks have printed, from the store of this host. */
import type { ArtifactRef } from '../../domain/outcome.js';
import type { AttemptRecord } from '../../domain/record.js';
import { checkWords } from '../render-record.js';
import { attemptsOf, lastDiff, readEntries } from '../stored-task.js';
import { idsOf } from '../task-id.js';
import { unknownTask, usageFault, WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import type { Stores } from './house.js';
import { findView } from './look.js';

export async function diff(context: Context, id: string): Promise<number> {
  const { taskId } = idsOf(id);
  const stores = await context.house.openStores(context.config);
  const ref = lastDiff(await readEntries(stores.records, taskId));
  if (ref === null) throw await nothingThere(context, id, 'diff');
  const patch = await readArtifact(stores, ref, 'diff');
  if (context.json) context.terminal.json({ taskId, sha256: ref.sha256, patch });
  else context.terminal.raw(patch);
  return 0;
}

export interface LogFlags {
  readonly attempt?: number;
  readonly check?: string;
}

interface Log {
  readonly attempt: number;
  readonly check: string;
  readonly passed: boolean;
  readonly exitCode: number | null;
  readonly heading: string;
  readonly ref: ArtifactRef;
}

export async function logs(context: Context, id: string, flags: LogFlags): Promise<number> {
  const { taskId } = idsOf(id);
  const stores = await context.house.openStores(context.config);
  const attempts = attemptsOf(await readEntries(stores.records, taskId));
  const found = chooseLogs(attempts, flags);
  if (found.length === 0) throw await nothingThere(context, id, 'log');
  const shown = await Promise.all(
    found.map(async (log) => ({ log, text: await readArtifact(stores, log.ref, 'log') })),
  );
  if (context.json) {
    context.terminal.json(
      shown.map(({ log: { attempt, check, passed, exitCode }, text }) => ({
        attempt,
        check,
        passed,
        exitCode,
        log: text,
      })),
    );
    return 0;
  }
  for (const { log, text } of shown) {
    context.terminal.out(context.terminal.paint('bold', `== attempt ${log.attempt} · ${log.heading}`));
    context.terminal.raw(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  }
  return 0;
}

/** Of the attempt named, else of the last one that got as far as a log. */
function chooseLogs(attempts: readonly AttemptRecord[], { attempt, check }: LogFlags): readonly Log[] {
  const logged = attempts.map((one) => ({ number: one.attempt, logs: logsOf(one) }));
  if (attempt !== undefined && attempts.length > 0 && !logged.some(({ number }) => number === attempt)) {
    throw usageFault(
      `There is no attempt ${attempt}.`,
      `The attempts are ${logged.map(({ number }) => number).join(', ')}.`,
    );
  }
  const chosen =
    attempt === undefined
      ? logged.findLast((one) => one.logs.length > 0)
      : logged.findLast(({ number }) => number === attempt);
  const all = chosen?.logs ?? [];
  if (check === undefined) return all;
  const named = all.filter((log) => log.check === check);
  if (named.length === 0 && all.length > 0)
    throw usageFault(`There is no check “${check}”.`, `The checks are ${all.map((log) => log.check).join(', ')}.`);
  return named;
}

function logsOf(attempt: AttemptRecord): readonly Log[] {
  const checks = attempt.checks.map((verdict) => ({
    attempt: attempt.attempt,
    check: verdict.name,
    passed: verdict.passed,
    exitCode: verdict.exitCode,
    heading: checkWords(verdict),
    ref: verdict.log,
  }));
  const known = new Set(checks.map(({ ref }) => ref.sha256));
  const others = attempt.artifacts.filter(({ kind, sha256 }) => kind === 'log' && !known.has(sha256));
  return [
    ...checks,
    ...others.map((ref) => ({
      attempt: attempt.attempt,
      check: 'setup',
      passed: false,
      exitCode: null,
      heading: 'setup',
      ref,
    })),
  ];
}

async function readArtifact({ artifacts }: Stores, ref: ArtifactRef, what: string): Promise<string> {
  try {
    return (await artifacts.get(ref)).toString('utf8');
  } catch (cause) {
    throw notThere(
      `The ${what} (${ref.sha256.slice(0, 12)}) is not in the store of this host any more.`,
      'Artifacts are kept for some days, on the host whose worker made them.',
      cause,
    );
  }
}

/** Says whether there is such a task at all. */
export async function nothingThere(context: Context, id: string, what: string): Promise<WeaverFault> {
  const view = await findView(context, id);
  if (view === null) return unknownTask(id);
  return notThere(
    `${view.taskId} (${view.state}) has no ${what} on this host.`,
    'It may not have come so far yet, or its worker runs on another host: see weaver status.',
  );
}

const notThere = (message: string, next: string, cause?: unknown): WeaverFault =>
  new WeaverFault({ code: 'notThere', message, next }, 2, cause === undefined ? undefined : { cause });
