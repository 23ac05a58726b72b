/** Who says whether a commit is signed: the task, else whether there is a key for it. */
import type { TaskSpec } from '../domain/task.js';
import type { ActivitySettings } from './activity-ports.js';

export const isSigned = ({ commit }: Pick<TaskSpec, 'commit'>, { signs }: Pick<ActivitySettings, 'signs'>): boolean =>
  commit.sign ?? signs === true;
