/** The `task` of a case: the fields of a task file that say what to do where, and how it is judged. */
import type { CodingCase } from '../domain/compare.js';
import { isMap } from '../domain/plain-object.js';
import type { FieldNames, ShapeFault } from './faults.js';
import { crossFaults, withAbsoluteUrl } from './task-file.js';
import { taskFields, taskFileSchema, toSpec, type TaskFile } from './task-shape.js';

/** Whoever compares models says elsewhere whom to ask, how often and for how much; and nothing of it lands. */
export const compareTask = taskFileSchema.pick({
  title: true,
  description: true,
  acceptanceCriteria: true,
  repo: true,
  baseCommit: true,
  checks: true,
  setup: true,
  relatedFiles: true,
  protect: true,
  guards: true,
  reproduceFirst: true,
  allowOldFailures: true,
});

type CompareTask = Pick<TaskFile, keyof typeof compareTask.shape>;

const PLACE = 'cases[].task';
const REPO_FIELDS = ['url', 'baseBranch'];

/** By the place they are in, for the `task` of a case. */
export const compareTaskFields: FieldNames = Object.fromEntries(
  Object.entries(taskFields).flatMap(([place, names]) => {
    if (place === '') return [[PLACE, Object.keys(compareTask.shape)]];
    const isThere = Object.hasOwn(compareTask.shape, place.split(/[.[]/, 1)[0] ?? '');
    return isThere ? [[`${PLACE}.${place}`, place === 'repo' ? REPO_FIELDS : names]] : [];
  }),
);

/** What no field says alone. Looks at the raw content, so that other faults do not hide these. */
export function compareTaskFaults(task: unknown): readonly ShapeFault[] {
  if (!isMap(task)) return [];
  const { repo, checks, acceptanceCriteria } = task;
  const isBranchNamed = isMap(repo) && repo['branch'] !== undefined;
  const isUnjudged = Array.isArray(checks) && checks.length === 0 && !hasCommand(acceptanceCriteria);
  return [
    ...crossFaults(task),
    ...(isBranchNamed ? [{ path: ['repo', 'branch'], says: 'is for tasks that land: nothing is pushed here' }] : []),
    ...(isUnjudged ? [{ path: ['checks'], says: 'must not be empty: they tell which answer is right' }] : []),
  ];
}

const hasCommand = (criteria: unknown): boolean =>
  Array.isArray(criteria) && criteria.some((each: unknown) => isMap(each) && each['check'] !== undefined);

/** Cases whose relative repositories are made absolute. */
export const withAbsoluteUrls = (content: unknown, cwd: string | undefined): unknown => {
  if (!isMap(content) || !Array.isArray(content['cases'])) return content;
  const cases = content['cases'].map((one: unknown) =>
    isMap(one) && one['task'] !== undefined ? { ...one, task: withAbsoluteUrl(one['task'], cwd) } : one,
  );
  return { ...content, cases };
};

/** The specification, with the names and bounds that any task has. */
export const compareTaskSpec = (task: CompareTask): CodingCase['task'] => toSpec(taskFileSchema.parse(task), {});
