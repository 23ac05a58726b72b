/**
 * A task is split: announced to the job, granted, every child started. Children outlive it (ABANDON) under ids that follow
 * from its own, so whatever dies in between, none is made twice and none is lost.
 */
import { CancellationScope, condition, patched, uuid4, workflowInfo } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Decision } from '../domain/decision.js';
import { lineageOf } from '../domain/lineage.js';
import type { Outcome, ProposedChild } from '../domain/outcome.js';
import type { Handler, TaskSpec } from '../domain/task.js';
import { announceSignal } from './definitions.js';
import type { Announcement, Grant, TaskInput } from './messages.js';
import type { TaskRun } from './task-run.js';
import { startTask } from './start-task.js';
import { isTold } from './tell-job.js';

type Decomposition = Extract<Decision, { kind: 'decompose' }>;
type Proposal = Extract<Outcome, { kind: 'proposed' }>;

/** Null when all children have started; otherwise the outcome that the decider has to look at again. */
export async function decompose(
  run: TaskRun,
  proposed: Proposal,
  { children, joinSpec }: Decomposition,
): Promise<Outcome | null> {
  const place = placeOf(run);
  const all = joinSpec === null ? children : [...children, joinOf(children, joinSpec, run)];
  const { sequence } = run.record;
  run.enter('working', `splitting into ${all.length} tasks`);
  run.talk.grant = null;
  const announcement = {
    path: place.path,
    sequence,
    children: all.map(({ id, title, dependsOn }) => ({ id, title, dependsOn })),
    joins: joinSpec !== null,
  };
  const grant = await granted(run, place.jobId, announcement);
  if (typeof grant === 'string') return { ...proposed, faults: [grant] };
  // The job counts on them from now on: a cancel reaches them through it, not by leaving some unmade.
  const handlerOf = (child: ProposedChild): Handler =>
    run.status().handler === 'join' ? 'resolve' : child.spec === joinSpec ? 'join' : 'one-shot';
  await CancellationScope.nonCancellable(() =>
    Promise.all(all.map((child) => startOnce(inputOf(run, child, handlerOf(child), grant)))),
  );
  run.children = all.map(({ id }) => `${place.path}.${id}`);
  return null;
}

/** A job answers in its next step. Ten minutes are an outage, and a job that was ended by force after it had heard never does. */
const GRANT_WAIT_MS = 10 * 60_000;
/** An hour in all: so long a worker may be away that both need. */
const GRANT_TRIES = 6;
const GRANT_PATCH = 'grant-limit';

/** What the job grants, or in words why it does not. Announced again, the same is granted again. */
async function granted({ talk, record }: TaskRun, jobId: string, announcement: Announcement): Promise<Grant | string> {
  const { sequence } = announcement;
  const isHeard = (): boolean => talk.grant?.sequence === sequence;
  const waitMs = Math.min(GRANT_WAIT_MS, record.waitMs ?? Infinity);
  for (let tries = 0; tries < GRANT_TRIES && !isHeard(); tries += 1) {
    const isThere = await isTold(jobId, (job) => job.signal(announceSignal, announcement));
    if (!isThere) return 'the job has ended: nobody grants the children';
    if (patched(GRANT_PATCH)) await condition(isHeard, waitMs, { summary: 'waits for the grant of the job' });
    else await condition(isHeard);
  }
  const { grant } = talk;
  if (grant === null || !isHeard())
    return `the job has not answered for ${Math.round((GRANT_TRIES * waitMs) / 1_000)} s: nobody grants the children`;
  return grant.refused ?? grant;
}

/** The job of one does not say where its task stands. */
function placeOf({ input, taskId }: TaskRun): { readonly jobId: string; readonly path: string } {
  if (input.place !== undefined) return input.place;
  return { jobId: workflowInfo().parent?.workflowId ?? taskId.slice(0, taskId.indexOf('/t/')), path: '0' };
}

const joinOf = (children: readonly ProposedChild[], spec: ProposedChild['spec'], run: TaskRun): ProposedChild => ({
  id: String(children.length + 1),
  title: `Join: ${run.status().title}`.slice(0, 100),
  dependsOn: children.map(({ id }) => id),
  fingerprint: '',
  spec,
});

function inputOf(
  run: TaskRun,
  child: ProposedChild,
  handler: Handler,
  { allowance = null, queued = [], gatedAsk = false }: Partial<Grant>,
): TaskInput {
  const { input, deadline } = run;
  const { jobId, path } = placeOf(run);
  const childPath = `${path}.${child.id}`;
  const isQueued = queued.includes(child.id);
  const gated = isQueued || child.dependsOn.length > 0;
  return {
    schemaVersion: 1,
    spec: briefOf(input.spec, child, handler),
    specRef: child.spec,
    requester: input.requester,
    lineage: lineageOf(`${jobId}/t/${childPath}`),
    suffix: uuid4().slice(0, 8),
    place: {
      jobId,
      path: childPath,
      watched: false,
      gated,
      ...(isQueued ? { queued: true } : {}),
      // A conflict is resolved over the branches that its parent could not merge.
      prerequisites: run.prerequisites,
      allowance: gated && gatedAsk && allowance !== null ? NOTHING_YET : allowance,
      ...(deadline === null ? {} : { deadline }),
    },
  };
}

const NOTHING_YET = { costUsdMicros: 0, tokens: 0, attempts: 0 };

/** What the server shows of a child before its first step has read the rest. */
function briefOf(spec: TaskSpec, { title }: ProposedChild, handler: Handler): TaskSpec {
  const { limits, tags = [] } = spec;
  const { branch, ...base } = spec.repo;
  // Only whoever gathers the work up pushes the branch that was asked for.
  const repo = branch === undefined || handler === 'one-shot' ? base : { ...base, branch };
  return { title, repo, limits, tags, handler } as unknown as TaskSpec;
}

/** An id that is taken is our own child, started before the worker died. */
async function startOnce(input: TaskInput): Promise<void> {
  const { place } = input;
  if (place === undefined) return;
  try {
    await startTask(input, `${place.jobId}/t/${place.path}`, workflowInfo().priority ?? {});
  } catch (thrown) {
    if (!(thrown instanceof WorkflowExecutionAlreadyStartedError)) throw thrown;
  }
}
