/** Whether a job as it comes in can be carried at all: any Temporal client may start one, and not every client parses it first. */
import { graphOf, sayGraphFault } from './dependency-graph.js';
import { JOB_TASKS_MAX, type JobSpec } from './job.js';
import { fieldOf } from './task.js';
import { isMap } from './plain-object.js';

/** Whoever mends ten has understood. */
const FAULTS_MAX = 10;

/** Every reason why not, in words; empty if it can. The tasks' own contents are validated by their first steps. */
export function jobFaults(job: unknown): readonly string[] {
  const shape = shapeFaults(job);
  if (shape.length > 0) return shape.slice(0, FAULTS_MAX);
  const { tasks } = job as JobSpec;
  const ids = tasks.map(({ id }) => id);
  const doubled = ids.filter((id, index) => ids.indexOf(id) < index).map((id) => `tasks: two are called ${id}`);
  const graph = graphOf(tasks);
  const faults = graph.kind === 'ok' ? [] : graph.faults.map(sayGraphFault);
  return [...doubled, ...faults].slice(0, FAULTS_MAX);
}

function shapeFaults(job: unknown): readonly string[] {
  const tasks = fieldOf(job, 'tasks');
  if (!Array.isArray(tasks) || tasks.length === 0) return ['tasks: must be a list of tasks'];
  if (tasks.length > JOB_TASKS_MAX) return [`tasks: has ${tasks.length}; ${JOB_TASKS_MAX} are the most`];
  return [
    ...(typeof fieldOf(job, 'title') === 'string' ? [] : ['title: must be a text']),
    ...(isMap(fieldOf(job, 'defaults')) ? [] : ['defaults: must be a map of task fields']),
    ...(isMap(fieldOf(job, 'budget')) ? [] : ['budget: must be a map with whenSpent']),
    ...(isWhole(fieldOf(job, 'concurrency')) ? [] : ['concurrency: must be a whole number above 0']),
    ...(Array.isArray(fieldOf(job, 'tags')) ? [] : ['tags: must be a list']),
    ...tasks.flatMap((task: unknown, index) => taskFaults(task).map((says) => `tasks[${index}].${says}`)),
  ];
}

function taskFaults(task: unknown): readonly string[] {
  const [id, dependsOn] = [fieldOf(task, 'id'), fieldOf(task, 'dependsOn')];
  return [
    // `0` is the task of a job of one.
    ...(typeof id === 'string' && /^[a-z0-9-]{1,40}$/.test(id) && id !== '0'
      ? []
      : ['id: must be 1 to 40 of a-z, 0-9 and -, and not 0']),
    ...(isMap(fieldOf(task, 'content')) ? [] : ['content: must be a map of task fields']),
    ...(Array.isArray(dependsOn) && dependsOn.every((edge) => typeof fieldOf(edge, 'on') === 'string')
      ? []
      : ['dependsOn: must be a list of {on, whenFailed}']),
  ];
}

const isWhole = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value) && value > 0;
