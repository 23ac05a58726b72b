/** A task on a real repository, for activities that work in its work tree. */
import { join } from 'node:path';
import type { ActivityPorts } from '../../src/activities/activity-ports.js';
import type { WorkInput } from '../../src/activities/contract.js';
import { taskBrief } from '../../src/domain/task-brief.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { git, makeRepository } from '../e2e/world.js';
import { aSpec } from '../client/specs.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';

export interface WorkWorld extends ActivityWorld {
  readonly url: string;
  readonly baseTree: string;
  /** What an activity of a task of this name is given. */
  input(changes: Partial<TaskSpec>, lineage?: string): Promise<WorkInput>;
  text(tree: string, path: string): Promise<string | undefined>;
  log(ref: Parameters<ActivityPorts['artifacts']['get']>[0]): Promise<string>;
}

export async function openWorkWorld(files: Readonly<Record<string, string>>): Promise<WorkWorld> {
  const world = openActivityWorld();
  const url = makeRepository(join(world.folder, 'remote.git'), files);
  const [baseCommit = '', baseTree = ''] = ['main', 'main^{tree}'].map((name) => git(url, 'rev-parse', name));
  await world.ports.git.open({ url, branch: 'weaver/x' });
  return {
    ...world,
    url,
    baseTree,
    async input(changes, lineage = 'one') {
      const spec = aSpec({ ...changes, repo: { url } });
      return {
        taskId: `job/${lineage}/t/0`,
        lineage,
        attempt: 1,
        spec: await world.spec(spec),
        baseCommit,
        baseTree,
        baseBranch: 'main',
        branch: 'weaver/x',
        brief: await world.ports.artifacts.put('prompt', JSON.stringify(taskBrief({ spec, last: null }))),
      };
    },
    text: async (tree, path) => (await world.ports.git.read(url, tree, [path])).get(path)?.bytes.toString('utf8'),
    log: async (ref) => (await world.ports.artifacts.get(ref)).toString('utf8'),
  };
}
