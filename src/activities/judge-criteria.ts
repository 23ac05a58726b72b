/**
 * Writes what a judge is asked of the acceptance criteria. The call itself is `callModel`, like every other.
 * Harmless twice: the same change with the same results gives the same prompt, stored by content.
 */
import { createHash } from 'node:crypto';
import { buildCriteriaPrompt } from '../domain/criteria-prompt.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { ActivityPorts } from './activity-ports.js';
import type { CriteriaInput } from './contract.js';
import { readSpec } from './stored-spec.js';

export const createCriteriaPrompt =
  ({ artifacts }: ActivityPorts) =>
  async ({ lineage, spec: ref, criteria, diff, checks, counts }: CriteriaInput): Promise<ArtifactRef> => {
    const spec = await readSpec(artifacts, ref);
    const patch = (await artifacts.get(diff)).toString('utf8');
    const fence = createHash('sha256').update(`${lineage}\n${diff.sha256}`).digest('hex').slice(0, 12);
    const messages = buildCriteriaPrompt({ spec, criteria, diff: patch, checks, counts, fence });
    return await artifacts.put('prompt', JSON.stringify(messages));
  };
