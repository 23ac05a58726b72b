/** What the activities are given by the wiring. */
import type { AgentSpec } from '../domain/agents.js';
import type { ShadowSpec } from '../domain/shadow.js';
import type { CheckSpec, HooksSpec, LimitsSpec, ModelChoice, ProtectSpec, TaskSpec } from '../domain/task.js';
import type { SyntaxCheck } from '../domain/guards/syntax-errors.js';
import type {
  ArtifactStore,
  Costs,
  Events,
  Forge,
  Git,
  Model,
  ProviderSettings,
  Records,
  Sandbox,
  SourceParser,
  TestReports,
} from '../ports.js';

export interface ActivityPorts {
  readonly git: Git;
  readonly model: Model;
  readonly sandbox: Sandbox;
  /** Said in every check's outcome when the sandbox is weaker than wished for; null otherwise. */
  readonly sandboxWarning: string | null;
  readonly artifacts: ArtifactStore;
  readonly testReports: TestReports;
  readonly syntax: SyntaxCheck;
  readonly sourceParser: SourceParser;
  readonly records: Records;
  /** What this home has paid, for the keepers of budgets. */
  readonly costs: Pick<Costs, 'home' | 'spent'>;
  readonly events: Events;
  readonly forge: Forge;
  readonly settings: ActivitySettings;
  /** Secrets found in text that is about to leave the host, by rule and line. */
  readonly findSecrets: (text: string) => readonly { readonly rule: string; readonly line: number }[];
  /** Folder of a task's own files outside its work tree: the commands' home, logs before they are stored. */
  readonly taskFolder: (lineage: string) => string;
  /** What set-up steps have fetched, for tasks to come. */
  readonly setupFolder: string;
  /** Runs `work` while nobody else works in the task's work tree: no other process of this home, no other step of this one. */
  readonly alone: <T>(lineage: string, work: () => Promise<T>) => Promise<T>;
  /**
   * Before a ground is made for a task: waiting tasks give theirs up if the disk is nearly full or they are too many.
   * Faults: diskFull (retryable), infrastructure (retryable).
   */
  readonly roomForGround: (lineage: string, signal?: AbortSignal) => Promise<void>;
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
  /** Of a prompt, for the map of the repository; 0 = none. */
  readonly mapTokens: number;
  /** Of tasks that name none. */
  readonly shadow?: ShadowSpec;
  readonly author: string;
  /** True if commits are signed whose task says nothing else; absent = they are not. */
  readonly signs?: boolean;
  /** Hooks of the repository that are asked where the task says nothing else; absent = none. */
  readonly hooks?: HooksSpec;
  readonly identity: string;
  /** Where people see a task in the Web UI; absent = nowhere that others reach. */
  readonly webUrlOf?: (taskId: string) => string;
  readonly parseSpec: (value: unknown) => TaskSpec;
  readonly limits: Partial<LimitsSpec>;
  /** Named agents, and what one of them lacks on this host, in words. Absent = there are none. */
  readonly agents?: { readonly known: readonly AgentSpec[]; readonly lacks: (agent: AgentSpec) => string | null };
  /** Tasks that may work on one repository at once; absent = no limit. */
  readonly repositoryPlaces?: number;
}
