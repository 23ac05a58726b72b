/** The specification of the attempt, as the first step stored it. */
import type { ArtifactRef } from '../domain/outcome.js';
import type { TaskSpec } from '../domain/task.js';
import type { ArtifactStore } from '../ports.js';

/** Written by openWorkspace after validation, named by its content: no need to validate it again. */
export const readSpec = async (artifacts: ArtifactStore, ref: ArtifactRef): Promise<TaskSpec> =>
  JSON.parse((await artifacts.get(ref)).toString('utf8')) as TaskSpec;
