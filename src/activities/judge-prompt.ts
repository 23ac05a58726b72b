/**
 * Writes the prompt of a call that judges answers.
 * Harmless twice: the same question and answers give the same prompt, stored by content.
 */
import { createHash } from 'node:crypto';
import { buildJudgePrompt } from '../domain/judge-prompt.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { PromptMessage } from '../domain/prompt.js';
import type { ActivityPorts } from './activity-ports.js';
import type { JudgeInput } from './contract.js';

export const createJudgePrompt =
  ({ artifacts }: ActivityPorts) =>
  async ({ lineage, prompt, answers, wants }: JudgeInput): Promise<ArtifactRef> => {
    const read = async (ref: ArtifactRef): Promise<string> => (await artifacts.get(ref)).toString('utf8');
    const messages = JSON.parse(await read(prompt)) as readonly PromptMessage[];
    const question = messages.map(({ content }) => content).join('\n\n');
    const texts = await Promise.all(answers.map(read));
    // Of what is judged, so that no answer can hold it.
    const fence = createHash('sha256')
      .update(JSON.stringify([lineage, question, texts]))
      .digest('hex')
      .slice(0, 12);
    return await artifacts.put('prompt', JSON.stringify(buildJudgePrompt(wants, question, texts, fence)));
  };
