/** What a shadow call is started with, by the task whose shadow it is. */
import type { ArtifactRef } from '../domain/outcome.js';
import type { Side } from '../domain/shadow.js';

export interface ShadowCallInput {
  readonly taskId: string;
  /** Of the task: the call is in its ledger, with a purpose of its own. */
  readonly lineage: string;
  /** Of the call that it stands beside, e.g. `a1.t1`. */
  readonly name: string;
  readonly spec: ArtifactRef;
  readonly prompt: ArtifactRef;
  readonly baseCommit: string;
  readonly baseTree: string;
  readonly shadow: { readonly provider: string; readonly model: string; readonly gate: boolean };
  /** What the task's own call has come to. */
  readonly primary: Side;
}
