/**
 * Taking up an ended task again: `retry` goes on with its work, `reset` with what was there after a turn, `rerun` does it
 * differently. Each is a new job that shares the old one's ledger, so that nothing is paid twice.
 */
import type { ArtifactRef } from '../domain/outcome.js';
import { defined, isMap } from '../domain/plain-object.js';
import { fieldOf, fieldText, type TaskSpec } from '../domain/task.js';
import { parseStored } from '../schemas.js';
import { RESUME_QUERY, type ResumePoint, type ResumeRequest, type TaskResult } from '../workflows/messages.js';
import { budgetJobOf, isSpendingLimit, withinBudget, type Bounded } from './budget-left.js';
import type { Follower } from './followers.js';
import { patiently } from './patiently.js';
import { namesTask } from './people.js';
import { startInputOf } from './start-input.js';
import { invalidTask } from './task-faults.js';
import { idsOf } from './task-id.js';
import { asking } from './temporal-faults.js';
import { describe, type Speaker } from './updates.js';
import { notBegun, unknownTask, usageFault, WeaverFault } from './weaver-fault.js';

export type Again =
  | { readonly kind: 'retry'; readonly from: 'attempt' | 'checks' | 'land' }
  | { readonly kind: 'reset'; readonly attempt: number; readonly turn: number }
  /** `path=value`, as for a task file. */
  | { readonly kind: 'rerun'; readonly sets: readonly string[] };

/** Specifications of proposed children are in the store, which a client has no part in. */
export type ReadSpec = (reference: ArtifactRef) => Promise<unknown>;

/** What the new job is started with. */
export interface Taken {
  readonly spec: TaskSpec;
  readonly resume: ResumePoint;
}

const ANSWER_TIMEOUT_MS = 5_000;

/** @param followers all that have gone on with tasks of the same job */
export async function takeUp(
  speaker: Speaker,
  id: string,
  again: Again,
  { followers, readSpec }: { readonly followers: readonly Follower[]; readonly readSpec: ReadSpec | null },
): Promise<Taken> {
  const taskId = await endedTask(speaker, id);
  const input = await startInputOf(speaker, taskId);
  const sets = again.kind === 'rerun' ? again.sets : [];
  const asked = await specOf(input, sets, readSpec, taskId);
  if (again.kind !== 'rerun') mustBeFirst(followers, taskId);
  // Who names limits has been asked for money.
  const budgetOf = sets.some(isSpendingLimit) ? null : await budgetJobOf(speaker, input);
  const { spec, ...bounded } = await boundedBy(speaker, asked, budgetOf, { taskId, followers, again });
  if (again.kind === 'rerun') {
    const { baseCommit, resume } = await differently(speaker, taskId, spec, input);
    return { spec: { ...spec, ...baseCommit }, resume: { ...resume, ...bounded } };
  }
  const resume = await resumePoint(speaker, taskId, requestOf(again));
  if (resume === null) throw nothingThere(taskId, again);
  return { spec, resume: { ...resume, ...bounded } };
}

async function boundedBy(
  speaker: Speaker,
  asked: TaskSpec,
  budgetOf: string | null,
  {
    taskId,
    followers,
    again,
  }: { readonly taskId: string; readonly followers: readonly Follower[]; readonly again: Again },
): Promise<Bounded & { readonly budgetOf?: string }> {
  if (budgetOf === null) return { spec: asked };
  // The work is there: checks and pushes pay for nothing.
  const isDone = again.kind === 'retry' && again.from !== 'attempt';
  return { ...(await withinBudget(speaker, asked, { taskId, budgetOf, followers, isDone })), budgetOf };
}

const requestOf = (again: Exclude<Again, { kind: 'rerun' }>): ResumeRequest =>
  again.kind === 'retry' ? { from: again.from } : { from: 'turn', attempt: again.attempt, turn: again.turn };

/** `a2.t1`: the second attempt, kept up to its first turn. */
export function turnOf(text: string): { readonly attempt: number; readonly turn: number } {
  const [, attempt, turn] = /^a([1-9]\d{0,5})\.t([1-9]\d{0,5})$/.exec(text) ?? [];
  if (attempt === undefined || turn === undefined)
    throw usageFault(`“${text.slice(0, 40)}” names no turn.`, 'Write it as a2.t1: attempt 2, turn 1.');
  return { attempt: Number(attempt), turn: Number(turn) };
}

/** Two that go on with the same work would push the same branch. */
function mustBeFirst(followers: readonly Follower[], taskId: string): void {
  const running = followers.find(({ runs, of }) => runs && of === taskId);
  if (running !== undefined)
    throw new WeaverFault(
      {
        code: 'stillRuns',
        message: `${running.jobId} goes on with ${taskId} already.`,
        next: `Follow it with weaver watch ${running.jobId}, or cancel it first.`,
      },
      2,
    );
}

async function endedTask(speaker: Speaker, id: string): Promise<string> {
  const { taskId, jobId } = idsOf(id);
  const job = await describe(speaker, jobId);
  if (!namesTask(id) && job?.memo?.['tasks'] !== undefined)
    throw usageFault(
      `${jobId} has several tasks.`,
      `Name the one to take up, such as ${jobId}/t/<path>; weaver tree ${jobId} shows them.`,
    );
  const task = await describe(speaker, taskId);
  if (task?.status.name === 'RUNNING' || (task === null && job?.status.name === 'RUNNING')) throw stillRuns(taskId);
  if (task === null) throw job === null ? unknownTask(id) : notBegun(taskId);
  return taskId;
}

const stillRuns = (taskId: string): WeaverFault =>
  new WeaverFault(
    {
      code: 'stillRuns',
      message: `${taskId} has not ended yet.`,
      next: `Cancel it first (weaver cancel ${taskId} --reason …), or let it end; weaver retry-now ends a pause.`,
    },
    2,
  );

/** The content that the task was started with; one that was proposed is in the store. */
async function specOf(
  input: unknown,
  sets: readonly string[],
  readSpec: ReadSpec | null,
  taskId: string,
): Promise<TaskSpec> {
  const reference = fieldOf(input, 'specRef');
  const content = reference === undefined ? fieldOf(input, 'spec') : await fromStore(reference, readSpec, taskId);
  const parsed = parseStored(withoutOtherUnit(content ?? {}, sets), { sets });
  if (parsed.kind === 'faults') throw invalidTask(parsed.faults);
  const { key: _, ...spec } = parsed.spec;
  return spec;
}

async function fromStore(reference: unknown, readSpec: ReadSpec | null, taskId: string): Promise<unknown> {
  if (readSpec === null)
    throw usageFault(
      `The specification of ${taskId} is in the artifact store.`,
      'Give readSpec, which reads it there; weaver retry on the host of the worker does.',
    );
  return await readSpec(reference as ArtifactRef);
}

/** The limit of money in the other of its two units gives way to the one that is set. */
function withoutOtherUnit(content: unknown, sets: readonly string[]): unknown {
  const limits = fieldOf(content, 'limits');
  if (!isMap(content) || !isMap(limits) || !sets.some((set) => /^limits\.costUsd(Micros)?=/.test(set))) return content;
  const { costUsd: _, costUsdMicros: __, ...others } = limits;
  return { ...content, limits: others };
}

/** From the old one's base, with what it was told; where it asks the same as the old one, the ledger answers. */
async function differently(speaker: Speaker, taskId: string, asked: TaskSpec, input: unknown) {
  const base = asked.baseCommit ?? (await baseOf(speaker, taskId));
  const told = isOfMany(input) ? await resumePoint(speaker, taskId, { from: 'attempt' }) : null;
  const { prerequisites, stackOn } = told ?? {};
  const resume: ResumePoint = {
    of: taskId,
    lineage: fieldText(input, 'lineage'),
    attempts: 0,
    ...defined({ prerequisites, stackOn }),
  };
  return { baseCommit: base === null ? {} : { baseCommit: base }, resume };
}

/** Whether it had others to wait for, or goes on with one that had. */
const isOfMany = (input: unknown): boolean =>
  fieldOf(input, 'place') !== undefined || fieldOf(fieldOf(input, 'resume'), 'prerequisites') !== undefined;

/** Null if it never got as far as having one. */
async function baseOf(speaker: Speaker, taskId: string): Promise<string | null> {
  const { temporal, address } = speaker;
  try {
    const { base } = await asking(address, () =>
      temporal.withDeadline(
        Date.now() + ANSWER_TIMEOUT_MS,
        () => temporal.workflow.getHandle(taskId).result() as Promise<TaskResult>,
      ),
    );
    return base;
  } catch (thrown) {
    if (thrown instanceof WeaverFault) throw thrown;
    // It was cancelled or terminated, and has no result: its history knows.
    const point = await resumePoint(speaker, taskId, { from: 'turn', turn: 1 });
    const commit = fieldText(fieldOf(point?.steps, 'opened'), 'baseCommit');
    return commit === '' ? null : commit;
  }
}

const resumePoint = (speaker: Speaker, taskId: string, request: ResumeRequest): Promise<ResumePoint | null> =>
  patiently<ResumePoint | null>(speaker, taskId, RESUME_QUERY, request);

function nothingThere(taskId: string, again: Again): WeaverFault {
  const what =
    again.kind === 'reset'
      ? `turn a${again.attempt}.t${again.turn}`
      : again.kind === 'retry' && again.from === 'land'
        ? 'a change whose checks have passed'
        : 'a change to check';
  return usageFault(
    `${taskId} has not got ${what} to go on with.`,
    `See its attempts with weaver decisions ${taskId}; weaver retry ${taskId} begins a new attempt.`,
  );
}
