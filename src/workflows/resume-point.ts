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
  const { opened, baseline, calls, askedOf, startedAt, edited, made, merged, checked, judged, conversation, landed } =
    steps;
  if (opened === undefined) return null;
  const asked = askedOf === undefined ? {} : { askedOf };
  const before = { startedAt, opened, ...asked, ...(baseline?.kind === 'checked' ? { baseline } : {}) };
  if (from === 'turn') {
    const kept = upToTurn(steps, turn);
    return kept === null ? null : { ...before, ...kept };
  }
  const spoken = conversation === undefined ? {} : { conversation };
  const byHand = made === undefined ? {} : { made };
  const work =
    edited?.kind === 'edited' ? { edited, ...spoken, ...byHand } : merged?.kind === 'merged' ? { merged } : null;
  if (work === null) return null;
  if (from === 'checks') return { ...before, calls, ...work };
  // What is on its branch is not pushed again: only what comes after it is done.
  const onBranch = landed?.kind === 'landed' ? { landed } : {};
  // Nor is a judge asked again of the same change.
  const said = judged === undefined ? {} : { judged };
  return isGreen(checked) ? { ...before, calls, ...work, checked, ...said, ...onBranch } : null;
}

/** As the gate has judged: failures of the base may stay where the task says so. Histories from before it have exit codes. */
function isGreen(checked: Steps['checked']): checked is NonNullable<Steps['checked']> {
  if (checked?.kind !== 'checked') return false;
  const { gated, verdicts } = checked;
  return gated === undefined ? verdicts.every(({ passed }) => passed) : gated.refused === null;
}

/** A conversation as it was then; of one that a run before has had, only its answers are known, and it is had again. */
function upToTurn(
  { calls, spoken = [] }: Steps,
  turn: number,
): Pick<Steps, 'calls'> | Pick<Steps, 'calls' | 'conversation'> | null {
  if (spoken.length === 0) return turn > calls.length ? null : { calls: calls.slice(0, turn) };
  const conversation = spoken.find(({ turns }) => turns === turn);
  return conversation === undefined ? null : { calls: [], conversation };
}
