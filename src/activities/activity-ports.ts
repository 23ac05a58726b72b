/** What the activities are given by the wiring. */
import type { CheckSpec, LimitsSpec, ModelChoice, ProtectSpec, TaskSpec } from '../domain/task.js';
import type { ArtifactStore, Events, Git, Model, ProviderSettings, Records, Sandbox } from '../ports.js';

export interface ActivityPorts {
  readonly git: Git;
  readonly model: Model;
  readonly sandbox: Sandbox;
  /** Said in every check's outcome when the sandbox is weaker than wished for; null otherwise. */
  readonly sandboxWarning: string | null;
  readonly artifacts: ArtifactStore;
  readonly records: Records;
  readonly events: Events;
  readonly settings: ActivitySettings;
  /** Secrets found in text that is about to leave the host, by rule and line. */
  readonly findSecrets: (text: string) => readonly { readonly rule: string; readonly line: number }[];
  /** Folder of a task's own files outside its work tree: the commands' home, logs before they are stored. */
  readonly taskFolder: (lineage: string) => string;
  readonly detectChecks: (
    files: ReadonlySet<string>,
    read: (path: string) => string | undefined,
  ) => readonly CheckSpec[];
  readonly pathsForDetection: readonly string[];
}

/** The part of the configuration that activities need, already resolved. */
export interface ActivitySettings {
  /** Rejects (PortFault unknownProvider) if there is no such provider. */
  readonly provider: (choice: ModelChoice) => ProviderSettings;
  readonly defaultModels: readonly ModelChoice[];
  readonly protect: readonly ProtectSpec[];
  readonly author: string;
  readonly identity: string;
  readonly parseSpec: (value: unknown) => TaskSpec;
  readonly limits: Partial<LimitsSpec>;
  /** Tasks that may work on one repository at once; absent = no limit. */
  readonly repositoryPlaces?: number;
}
