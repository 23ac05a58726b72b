/** What a model is told of children, and of splitting a task that it is to do. */
import { DECOMPOSITION } from './job.js';

/** Stands beside the version of the prompt that it is a part of; a change of wording gets a new one. */
export const SPLIT_PROMPT_VERSION = 'split@1';

export const CHILD_RULES = `Each child is done by somebody who sees the repository and that child's own text, but neither this task nor the other children: its "description" says everything that is needed, and how its part fits with the others (names, signatures, formats they share).
- "title": one line of at most 100 characters, different for each child. "acceptanceCriteria": what must hold at its end, one sentence each.
- "relatedFiles": paths of files that the child has to read or change. Give two children that could run side by side different files to change.
- "checks": shell commands that must pass when this child alone is done, run at the top of the repository; [] for the checks of this task. They are compared with a run before the child's change.
- "dependsOn": numbers of the children that must be finished first, counted from 1 in the order of your list; [] for none. No circles. Depend only where the result is needed: independent children run at the same time.
A child is one change that a reviewer reads in one go, small enough to be written in one answer; it is not split again. A child never repeats the whole task.
"join": true if the children's branches are to be merged and this task's checks run on the whole at the end, as is right whenever there is more than one child.`;

/** @param depth of the task in its job: 0 for one of the job file */
export function splitBounds(depth: number): string {
  const { childrenMax, depthMax } = DECOMPOSITION;
  return `Between 1 and ${childrenMax} children; a plan outside these bounds is refused whole. This task is at depth ${depth} of its job, its children would be at depth ${depth + 1}; the deepest allowed is ${depthMax}.`;
}

/** A task that fits into an answer is worse off split: it costs more calls, and nobody sees the whole. */
const RARELY = `This task may be split into smaller tasks in place of being done. Do so only if it has several parts that each stand alone and together are too large for you; when in doubt, do it.`;

const FIELDS = '{"title","description","acceptanceCriteria","relatedFiles","checks","dependsOn"}';

const OF_ANSWER = `The object of the answer has two more fields, "children" and "join": null and false if you do the task. To split it leave "edits" empty, and give "children" as a list of ${FIELDS}; "notes" says why.`;

const OF_TOOLS = `The tool finish has two more fields, "children" and "join": null and false if you have done the task. To split it call finish with "children" as a list of ${FIELDS} and a "summary" that says why. What you have changed in files is thrown away then, so decide before you begin to edit.`;

/** What stands in a prompt below its own rules. */
const offer = (how: string, depth: number): string => [RARELY, how, CHILD_RULES, splitBounds(depth)].join('\n');

export const answerOffer = (depth: number): string => offer(OF_ANSWER, depth);
export const toolsOffer = (depth: number): string => offer(OF_TOOLS, depth);

/** The text without the offer at its beginning: who answers in blocks has no place for children. */
export function withoutOffer(text: string): string {
  const depths = Array.from({ length: DECOMPOSITION.depthMax }, (_, depth) => `\n${answerOffer(depth)}`);
  const made = depths.find((each) => text.startsWith(each));
  return made === undefined ? text : text.slice(made.length);
}
