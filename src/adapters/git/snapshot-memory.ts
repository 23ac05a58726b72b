/** What one worker remembers of its mirrors. An id never changes its meaning, so nothing here can be out of date, only missing. */
import type { DiffStat } from '../../ports.js';
import type { Listing } from './listing.js';
import type { Mirror } from './mirror.js';
import { Remembered } from './remembered.js';

export interface SnapshotMemory {
  readonly listings: Remembered<Listing>;
  readonly blobs: Remembered<Buffer>;
  /** Commits that the mirror has; the parent only of those made here. */
  readonly commits: Remembered<{ readonly tree: string; readonly parent?: string }>;
  /** Trees that the mirror has. */
  readonly trees: Remembered<true>;
  /** Figures of the difference between two trees. */
  readonly stats: Remembered<DiffStat>;
}

/** Files in remembered listings, over all of them: about 40 MB. */
const LISTED_FILES_MAX = 200_000;

/** Bytes of remembered files: what a prompt shows is what the edits are then applied to. */
const BLOB_BYTES_MAX = 16 * 1024 * 1024;

/** Remembered ids; a task has a handful. */
const IDS_MAX = 10_000;

export const createSnapshotMemory = (): SnapshotMemory => ({
  listings: new Remembered(LISTED_FILES_MAX),
  blobs: new Remembered(BLOB_BYTES_MAX),
  commits: new Remembered(IDS_MAX),
  trees: new Remembered(IDS_MAX),
  stats: new Remembered(IDS_MAX),
});

/** An object that one mirror has another may lack. */
export const placed = (mirror: Mirror, id: string): string => `${mirror.directory}\n${id}`;
