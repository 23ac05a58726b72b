/** What a plan proposes, and why a proposal cannot be started. */
import { graphOf, showCycle, type GraphFault } from './dependency-graph.js';
import { DECOMPOSITION } from './job.js';
import type { ProposedChild } from './outcome.js';
import type { TaskSpec } from './task.js';

/** A plan as the model wrote it. */
export interface Plan {
  readonly children: readonly PlannedChild[];
  /** Merge the children's branches and run the parent's checks on the whole at the end. */
  readonly join: boolean;
  readonly notes: string;
  readonly question?: string;
}

export interface PlannedChild {
  readonly title: string;
  readonly description: string;
  readonly acceptanceCriteria: readonly string[];
  readonly relatedFiles: readonly string[];
  /** Commands; none = those of the parent. */
  readonly checks: readonly string[];
  /** Numbers of siblings, counted from 1 in the order of the plan. */
  readonly dependsOn: readonly number[];
}

/** What a person says goes through the server: twenty children with a page of text each do not fit, twenty of half a page do. */
export const PROPOSAL_CHARACTERS_MAX = 100_000;

/** Where a proposal is made. */
export interface ProposalPlace {
  /** Of the task that proposes: 0 for one of the job file. */
  readonly depth: number;
  /** Tasks that were proposed and granted in this job so far. */
  readonly proposedInJob: number;
  readonly parentFingerprint: string;
}

/** Every reason why the children cannot be started; empty if they can. */
export function proposalFaults(children: readonly ProposedChild[], place: ProposalPlace): readonly string[] {
  if (children.length === 0) return ['decomposition without children'];
  return [...boundFaults(children.length, place), ...siblingFaults(children), ...equalFaults(children, place)];
}

type Sibling = Pick<ProposedChild, 'id' | 'dependsOn'>;

/** What a plan says wrong about its own children, before anything is known of the job. */
export function siblingFaults(children: readonly Sibling[]): readonly string[] {
  const { childrenMax } = DECOMPOSITION;
  const many = children.length > childrenMax ? [`${children.length} children; at most ${childrenMax} are allowed`] : [];
  const tasks = children.map(({ id, dependsOn }) => ({ id, dependsOn: dependsOn.map((on) => ({ on })) }));
  const built = graphOf(tasks);
  return built.kind === 'ok' ? many : [...many, ...built.faults.map(sayFault)];
}

function sayFault(fault: GraphFault): string {
  switch (fault.kind) {
    case 'unknown':
      return `child ${fault.task} depends on ${fault.on}, which is no child of this plan`;
    case 'self':
      return `child ${fault.task} depends on itself`;
    case 'cycle':
      return `the children wait for each other in a circle: ${showCycle(fault.path)}`;
    default:
      throw new TypeError(`unknown fault ${JSON.stringify(fault satisfies never)}`);
  }
}

function boundFaults(count: number, { depth, proposedInJob }: ProposalPlace): readonly string[] {
  const { depthMax, proposedMax } = DECOMPOSITION;
  const total = proposedInJob + count;
  return [
    ...(depth + 1 > depthMax
      ? [`the children would be at depth ${depth + 1}; the deepest allowed is ${depthMax}`]
      : []),
    ...(total > proposedMax
      ? [`${total} tasks would have been proposed in this job; at most ${proposedMax} are allowed`]
      : []),
  ];
}

function equalFaults(children: readonly ProposedChild[], { parentFingerprint }: ProposalPlace): readonly string[] {
  const first = new Map<string, string>();
  const faults: string[] = [];
  for (const { id, fingerprint } of children) {
    const twin = first.get(fingerprint);
    if (fingerprint === parentFingerprint) faults.push(`child ${id} is the task itself again`);
    else if (twin !== undefined) faults.push(`child ${id} is the same as child ${twin}`);
    else first.set(fingerprint, id);
  }
  return faults;
}

/** Whether a model is offered to split the task in place of doing it: only where the file says so, and where children may be. */
export const mayBeSplit = ({ maySplit }: Pick<TaskSpec, 'maySplit'>, taskId: string): boolean =>
  maySplit === true && depthOf(taskId) < DECOMPOSITION.depthMax;

/** How often what the task comes from was split: `<job>/t/a.2.1` is at depth 2. */
export const depthOf = (taskId: string): number => taskId.slice(taskId.lastIndexOf('/') + 1).split('.').length - 1;
