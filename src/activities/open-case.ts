/**
 * Opens a case of a comparison that is a coding task: what its prompt, its edits and its checks start from.
 * Harmless twice: it opens as an attempt is opened, which changes nothing, and nobody is told of an attempt.
 */
import { fnv1a } from '../domain/lineage.js';
import type { ModelChoice, TaskSpec } from '../domain/task.js';
import { fromTextParts, textParts } from '../domain/text-parts.js';
import { PortFault } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CaseInput, NamedModel, OpenContext, OpenedCase } from './contract.js';
import { createOpenWorkspace } from './open-workspace.js';
import { readSpec } from './stored-spec.js';
import { namedModels } from './store-question.js';

/** @param parts the task as text, cut */
export const createOpenCase =
  (ports: ActivityPorts) =>
  async ({ taskId, lineage, model, baseCommit }: CaseInput, ...parts: readonly string[]): Promise<OpenedCase> => {
    // The workflow's own input, validated again below.
    const task = fromTextParts(parts) as TaskSpec;
    const spec = {
      ...task,
      models: [model],
      // Nothing is committed: a host without the key can compare.
      commit: { ...task.commit, sign: false },
      ...(baseCommit === undefined ? {} : { baseCommit }),
    };
    const context: OpenContext = { spec, prerequisites: [], instructions: [] };
    // The branch is only a name, which must be nobody's: a branch that exists is gone on with.
    const request = { taskId, lineage, attempt: 1, suffix: fnv1a(lineage), last: null };
    const opened = await createOpenWorkspace(ports)(request, ...textParts(context));
    const { checks = [], criterionChecks = [] } = await readSpec(ports.artifacts, opened.spec);
    if (checks.length + criterionChecks.length === 0)
      throw new PortFault(
        'invalidTask',
        'The repository shows no check, so no answer could be judged: name checks.',
        false,
      );
    const { prompt, baseTree } = opened;
    return { spec: opened.spec, prompt, baseCommit: opened.baseCommit, baseTree };
  };

/** Who is asked, by name. Harmless twice: the names follow from the configuration. */
export const createNameModels =
  ({ settings }: ActivityPorts) =>
  (choices: readonly ModelChoice[]): Promise<readonly NamedModel[]> =>
    Promise.resolve(namedModels(settings, choices));
