/** What the workflow `compareModels` and its callers say to each other. */
import type { OpenedCase } from '../activities/contract.js';
import type { CompareSpec } from '../domain/compare.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { Spending } from '../domain/record.js';

export const COMPARE_WORKFLOW = 'compareModels';
export const COMPARE_PROGRESS_QUERY = 'compareProgress';

/** Start input; at most 256 KB. */
export interface CompareInput {
  readonly schemaVersion: 1;
  readonly spec: CompareSpec;
  /** Events of one run after which it continues as new; 4,000 if absent. */
  readonly eventsMax?: number;
  /** Commits that coding tasks start from, by the places of the cases: where they did before the comparison was stopped. */
  readonly bases?: Readonly<Record<string, string>>;
  /** Set by the workflow itself when it continues as new. */
  readonly carried?: CompareCarried;
}

/** How far a comparison has come. */
export interface CompareProgress {
  readonly questions: number;
  readonly done: number;
  /** Of those that are kept already. */
  readonly passed: number;
  readonly failed: number;
  readonly spending: Spending;
}

export interface CompareCarried extends CompareProgress {
  readonly lastPage: ArtifactRef | null;
  readonly opened?: OpenedCases;
}

/** Coding tasks as they were opened, by the places of the cases; absent where there are none. */
export type OpenedCases = Readonly<Record<string, OpenedCase>>;

/** Why not every question was asked. */
export type CompareStop =
  /** With who asked for it and why, where that was said. */
  | { readonly kind: 'cancelled'; readonly by?: string; readonly why?: string }
  | { readonly kind: 'spent'; readonly costUsdMicros: number; readonly limit: number };

export interface CompareResult extends CompareProgress {
  /** The last page of rows, which names the one before; null if nothing was answered. */
  readonly lastPage: ArtifactRef | null;
  readonly opened?: OpenedCases;
  readonly stopped: CompareStop | null;
}
