/** The task as a program reads it: everything that a prompt would say, as JSON. */
import type { PromptParts } from './prompt.js';
import type { TaskSpec } from './task.js';

/** Recorded with every attempt; a change of the fields gets a new version. */
export const BRIEF_VERSION = 'brief@1';

export interface BriefParts extends Pick<PromptParts, 'prerequisites' | 'added' | 'last'> {
  readonly spec: Pick<
    TaskSpec,
    'title' | 'description' | 'acceptanceCriteria' | 'checks' | 'relatedFiles' | 'tags' | 'repo'
  >;
  /** Further words of the agent that carries the task out. */
  readonly agentPrompt?: string | undefined;
}

/** Fields may be added; none is renamed or changes its meaning within a version. */
export interface TaskBrief {
  readonly version: typeof BRIEF_VERSION;
  readonly title: string;
  readonly description: string;
  readonly acceptanceCriteria: readonly string[];
  readonly relatedFiles: readonly string[];
  readonly tags: readonly string[];
  readonly repository: string;
  readonly checks: readonly { readonly name: string; readonly run: string }[];
  /** What people have added while the task ran, oldest first. */
  readonly instructions: readonly string[];
  /** Words of the configured agent; empty if there are none. */
  readonly agentPrompt: string;
  readonly prerequisites: readonly { readonly id: string; readonly title: string; readonly summary: string }[];
  /** What the attempt before ended in, with the end of what was printed; null for the first one. */
  readonly lastFailure: { readonly code: string; readonly detail: string; readonly evidence: string | null } | null;
}

export const taskBrief = ({ spec, prerequisites = [], added = [], last, agentPrompt = '' }: BriefParts): TaskBrief => ({
  version: BRIEF_VERSION,
  title: spec.title,
  description: spec.description,
  acceptanceCriteria: spec.acceptanceCriteria,
  relatedFiles: spec.relatedFiles,
  tags: spec.tags,
  repository: spec.repo.url,
  checks: (spec.checks ?? []).map(({ name, run }) => ({ name, run })),
  instructions: added,
  agentPrompt,
  prerequisites: prerequisites.map(({ id, title, summary }) => ({ id, title, summary })),
  lastFailure: last === null ? null : { code: last.failure.code, detail: last.failure.detail, evidence: last.evidence },
});
