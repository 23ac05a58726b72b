/** A judge's evidence, held against the files it speaks of: what names nothing that is there has shown nothing. */
import { citedLine, citedPaths } from '../domain/cited-lines.js';
import type { JudgedCriterion } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CallInput } from './contract.js';
import { readSpec } from './stored-spec.js';

/** A name that is that of hundreds of files says little; the longest of these counts. */
const FILES_READ_MAX = 20;

/** What is wrong with it, a line each. What is not met has nothing to show. */
export async function evidenceFaults(
  { artifacts, git }: ActivityPorts,
  { spec, tree, baseTree }: NonNullable<CallInput['judged']>,
  criteria: readonly JudgedCriterion[],
): Promise<readonly string[]> {
  const { url } = (await readSpec(artifacts, spec)).repo;
  // What the change has removed can be named too.
  const sides = await Promise.all([tree, baseTree].map((side) => git.list(url, side)));
  const paths = [...new Set(sides.flat().map(({ path }) => path))];
  const faults: string[] = [];
  for (const { id, met, evidence } of criteria) {
    if (!met) continue;
    const named = citedPaths(evidence, paths).slice(0, FILES_READ_MAX);
    const line = citedLine(evidence);
    if (named.length === 0)
      faults.push(`criterion ${id}: the evidence names no file of the repository. Name the file and the lines.`);
    else if (line > 0) {
      const files = await Promise.all([tree, baseTree].map((side) => git.read(url, side, named)));
      const texts = files.flatMap((side) => [...side.values()].map(({ bytes }) => bytes.toString('utf8')));
      const lines = Math.max(0, ...texts.map((text) => text.split('\n').length));
      if (line > lines) faults.push(`criterion ${id}: ${named.join(', ')} has no line ${line}.`);
    }
  }
  return faults;
}
