/** What a retry or a reset takes over from an ended task. */
import type { ArtifactRef } from '../domain/outcome.js';
import type { Failure } from '../domain/failures.js';
import { PREREQUISITES_MAX, type Prerequisite } from '../domain/job.js';
import type { ResumePoint, ResumeRequest } from './messages.js';
import type { Steps } from './task-run.js';

interface Past {
  readonly of: string;
  readonly lineage: string;
  readonly last: { readonly failure: Failure; readonly evidence: ArtifactRef | null } | null;
  /** Steps of the attempts that have ended, by number. */
  readonly done: ReadonlyMap<number, Steps>;
  readonly prerequisites?: readonly Prerequisite[];
  readonly stackOn?: readonly string[];
}

/** Null if the attempt has not come as far as that. */
export function resumePointOf(request: ResumeRequest, past: Past): ResumePoint | null {
  const point = workOf(request, past);
  const { prerequisites = [], stackOn = [] } = past;
  if (point === null || prerequisites.length === 0) return point;
  const told = { ...point, prerequisites: prerequisites.slice(0, PREREQUISITES_MAX) };
  return stackOn.length === 0 ? told : { ...told, stackOn };
}

function workOf(request: ResumeRequest, { of, lineage, last, done }: Past): ResumePoint | null {
  const newest = Math.max(0, ...done.keys());
  if (request.from === 'attempt') return { of, lineage, attempts: newest, last };
  const attempt = request.attempt ?? newest;
  const steps = done.get(attempt);
  const kept = steps === undefined ? null : keptOf(steps, request);
  return kept === null ? null : { of, lineage, attempts: attempt - 1, steps: kept, last: null };
}

function keptOf(steps: Steps, { from, turn = 1 }: ResumeRequest): Steps | null {
  const { opened, baseline, calls, askedOf, startedAt, edited, made, merged, checked, conversation, landed } = steps;
  if (opened === undefined) return null;
  const asked = askedOf === undefined ? {} : { askedOf };
  const before = { startedAt, opened, ...asked, ...(baseline?.kind === 'checked' ? { baseline } : {}) };
  if (from === 'turn') return turn > calls.length ? null : { ...before, calls: calls.slice(0, turn) };
  const spoken = conversation === undefined ? {} : { conversation };
  const byHand = made === undefined ? {} : { made };
  const work =
    edited?.kind === 'edited' ? { edited, ...spoken, ...byHand } : merged?.kind === 'merged' ? { merged } : null;
  if (work === null) return null;
  if (from === 'checks') return { ...before, calls, ...work };
  const isGreen = checked?.kind === 'checked' && checked.verdicts.every(({ passed }) => passed);
  // What is on its branch is not pushed again: only what comes after it is done.
  const onBranch = landed?.kind === 'landed' ? { landed } : {};
  return isGreen ? { ...before, calls, ...work, checked, ...onBranch } : null;
}
