/** What has been found of the acceptance criteria of an attempt's work. */
import type { Checked } from '../activities/contract.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { CriteriaVerdict } from '../domain/record.js';

/** A judge's word on the criteria of one snapshot. */
export interface Judged {
  readonly tree: string;
  readonly met: readonly number[];
  readonly unmet: readonly number[];
  /** In its own words, as JSON. */
  readonly answer: ArtifactRef;
}

interface Found {
  readonly checked?: Checked | undefined;
  readonly judged?: Judged | undefined;
}

/** By commands and by a judge; null if nobody has looked. */
export function criteriaOf({ checked, judged }: Found): CriteriaVerdict | null {
  const byCheck = checked?.kind === 'checked' ? checked.criteria : undefined;
  if (byCheck === undefined && judged === undefined) return null;
  const byJudge = judged === undefined ? NONE : { met: judged.met, unmet: judged.unmet };
  return { byCheck: byCheck ?? NONE, byJudge };
}

const NONE = { met: [], unmet: [] };
