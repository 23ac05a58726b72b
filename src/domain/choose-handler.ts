/** Which handler carries a task out: by rules over its text, else the one that the task names. */
import type { FreeHandler, HandlerCondition, HandlerRule, TaskSpec } from './task.js';

export interface HandlerChoice {
  readonly handler: FreeHandler;
  /** Why this one. */
  readonly reason: string;
}

/**
 * The first rule whose conditions all hold; null if none does.
 * @param globMatches whether a path is named by a glob
 */
export function chooseByRule(
  spec: TaskSpec,
  rules: readonly HandlerRule[],
  globMatches: (path: string, glob: string) => boolean,
): HandlerChoice | null {
  for (const [index, rule] of rules.entries()) {
    const because = reasonFor(spec, rule.when, globMatches);
    if (because === null) continue;
    return { handler: rule.handler, reason: `rule ${index + 1}: ${rule.reason ?? because}` };
  }
  return null;
}

/** What holds, in words; null if something does not. */
function reasonFor(
  spec: TaskSpec,
  { title, description, tag, file, filesAbove, sizeAbove }: HandlerCondition,
  globMatches: (path: string, glob: string) => boolean,
): string | null {
  const { relatedFiles } = spec;
  const found = file === undefined ? undefined : relatedFiles.find((path) => globMatches(path, file));
  const size = sizeOf(spec);
  const held: readonly (string | false)[] = [
    title !== undefined && has(spec.title, title) && `the title says "${title}"`,
    description !== undefined && has(spec.description, description) && `the description says "${description}"`,
    tag !== undefined && spec.tags.includes(tag) && `the tag ${tag}`,
    found !== undefined && `the file ${found}`,
    filesAbove !== undefined && relatedFiles.length > filesAbove && `${relatedFiles.length} related files`,
    sizeAbove !== undefined && size > sizeAbove && `${size} characters`,
  ];
  const asked = [title, description, tag, file, filesAbove, sizeAbove].filter((condition) => condition !== undefined);
  const holding = held.filter((words) => words !== false);
  return asked.length > 0 && holding.length === asked.length ? holding.join(', ') : null;
}

/** Characters of what the task says: its title, description and criteria. */
export const sizeOf = ({ title, description, acceptanceCriteria }: TaskSpec): number =>
  [title, description, ...acceptanceCriteria].reduce((sum, text) => sum + text.length, 0);

/** Plain text, in whatever case: an expression from a file could keep a worker busy for ever. */
const has = (text: string, words: string): boolean => text.toLowerCase().includes(words.toLowerCase());
