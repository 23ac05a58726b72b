/** What was found of acceptance criteria, in words. */
import type { CriteriaVerdict } from './record.js';

/** `1, 2 met (check); 3 met (judge); 4 unmet (judge)`; empty if none was looked at. */
export function criteriaWords({ byCheck, byJudge }: CriteriaVerdict): string {
  return [
    ...part(byCheck.met, 'met (check)'),
    ...part(byCheck.unmet, 'unmet (check)'),
    ...part(byJudge.met, 'met (judge)'),
    ...part(byJudge.unmet, 'unmet (judge)'),
  ].join('; ');
}

const part = (numbers: readonly number[], words: string): readonly string[] =>
  numbers.length === 0 ? [] : [`${numbers.join(', ')} ${words}`];

/** A line of the commit's message; none if no criterion was looked at. */
export function criteriaTrailer(criteria: CriteriaVerdict): readonly string[] {
  const words = criteriaWords(criteria);
  return words === '' ? [] : [`Weaver-Criteria: ${words}`];
}
