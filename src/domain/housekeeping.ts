/** What of a weaver home may go, and when. */
import { lineageOf } from './lineage.js';
import type { ArtifactKind } from './outcome.js';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** From the last time that somebody stored it. Logs are large and soon stale; what was asked and answered is the account of the money. */
export const ARTIFACT_KEPT_MS: Readonly<Record<ArtifactKind, number>> = {
  log: 7 * DAY_MS,
  test: 14 * DAY_MS,
  diff: 30 * DAY_MS,
  prompt: 90 * DAY_MS,
  answer: 90 * DAY_MS,
  record: 90 * DAY_MS,
  spec: 90 * DAY_MS,
  plan: 90 * DAY_MS,
  conversation: 90 * DAY_MS,
};

/** Nothing younger can be past its time, so nothing need be known of it. */
export const ARTIFACT_KEPT_MIN_MS = Math.min(...Object.values(ARTIFACT_KEPT_MS));

/** Of what no record names nobody knows the kind. */
export const ARTIFACT_KEPT_MAX_MS = Math.max(...Object.values(ARTIFACT_KEPT_MS));

/** A rerun finds its predecessor's paid calls this long. */
export const LEDGER_KEPT_MS = 90 * DAY_MS;

/** A task that began after the list of open ones was read must not lose its work tree; lists lag by seconds. */
export const LEFTOVER_KEPT_MS = HOUR_MS;

/** Where no server can be asked: longer than any question to a person stays open by default. */
const OFFLINE_KEPT_MS = 7 * DAY_MS;

/** A set-up of an ordinary project fits in, and what must be written down goes on. */
const FREE_BYTES_WANTED = 1_000_000_000;
/** Of a disk for which that would be too much. */
const FREE_SHARE_WANTED = 0.05;

/** What has to be free on the disk of the weaver home before a task gets a work tree; `configured`: null = by the disk's size. */
export const freeBytesWanted = (configured: number | null, diskBytes: number): number =>
  configured ?? Math.min(FREE_BYTES_WANTED, diskBytes * FREE_SHARE_WANTED);

/** Between two steps a model thinks, for two minutes as a rule. */
const STEPS_APART_MS = 5 * 60_000;

/** Whether a task waits, as far as its folder tells, which nobody has touched for `ageMs`. */
export const isResting = (ageMs: number): boolean => ageMs > STEPS_APART_MS;

/** What one sweep has removed, or would remove. Small: it is a payload. */
export interface Swept {
  readonly dryRun: boolean;
  readonly removed: {
    readonly workspaces: number;
    readonly taskFolders: number;
    readonly ledgers: number;
    readonly artifacts: number;
  };
  /** Lineages of which something was removed, at most 20. */
  readonly lineages: readonly string[];
  /** On the disk, of the artifacts. */
  readonly bytes: number;
  /** What could not be removed and why, at most 5. */
  readonly failed: readonly string[];
  /** True if a bound of the sweep was reached and there is more. */
  readonly more: boolean;
}

/** `asked`: what is not of an open task may go; `offline`: only what is of a task that is known to have ended. */
export type Tasks =
  | { readonly kind: 'asked'; readonly open: ReadonlySet<string> }
  | { readonly kind: 'offline'; readonly ended: ReadonlySet<string> };

/** Whether something of a lineage may go that nobody has touched for `ageMs`; `keptMs` is its own time. */
export function isPast(tasks: Tasks, lineage: string, ageMs: number, keptMs: number): boolean {
  if (tasks.kind === 'asked') return ageMs > keptMs && !tasks.open.has(lineage);
  return ageMs > Math.max(keptMs, OFFLINE_KEPT_MS) && tasks.ended.has(lineage);
}

/** Lineages that a task may work under: a rerun, `job/k~2/t/0`, goes on under its predecessors' (design 3). */
export function lineagesOf(taskId: string): readonly string[] {
  const [, job = '', path = ''] = /^([^]*?)(\/t\/[^]*)?$/.exec(taskId) ?? [];
  const ids = [taskId];
  for (let name = job; /~\d+$/.test(name);) {
    name = name.replace(/~\d+$/, '');
    ids.push(`${name}${path}`);
  }
  return ids.map(lineageOf);
}

/** Tasks as the store of the host knows them. A lineage has ended if every task that worked under it has. */
export function endedLineages(
  known: readonly { readonly taskId: string; readonly ended: boolean }[],
): ReadonlySet<string> {
  const open = new Set(known.filter(({ ended }) => !ended).flatMap(({ taskId }) => lineagesOf(taskId)));
  const all = known.filter(({ ended }) => ended).flatMap(({ taskId }) => lineagesOf(taskId));
  return new Set(all.filter((lineage) => !open.has(lineage)));
}

/** Artifacts that a value names, at any depth. */
export function artifactsIn(value: unknown): readonly (readonly [sha256: string, kind: ArtifactKind])[] {
  if (typeof value !== 'object' || value === null) return [];
  const { kind, sha256 } = value as { readonly kind?: unknown; readonly sha256?: unknown };
  const below = Object.values(value).flatMap(artifactsIn);
  return isKind(kind) && typeof sha256 === 'string' ? [[sha256, kind], ...below] : below;
}

const isKind = (kind: unknown): kind is ArtifactKind =>
  typeof kind === 'string' && Object.hasOwn(ARTIFACT_KEPT_MS, kind);
