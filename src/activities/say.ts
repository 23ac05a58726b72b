/**
 * Something is said to the model between two turns: what the checks said, a person's answer, a hint.
 * Harmless twice: the same words after the same conversation are the same node, stored by content.
 */
import { excerpt } from '../domain/check-output.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Said, SayInput } from './contract.js';
import { addToConversation } from './conversations.js';

/** Several stack traces; the whole is in the log. */
const EVIDENCE_CHARACTERS_MAX = 12_000;

export const createSay =
  ({ artifacts }: ActivityPorts) =>
  async ({ conversation, toolCallId, text, evidence }: SayInput): Promise<Said> => {
    const shown = evidence === undefined ? '' : (await artifacts.get(evidence)).toString('utf8');
    const content = shown === '' ? text : `${text}\n\n${excerpt(shown, EVIDENCE_CHARACTERS_MAX)}`;
    const message =
      toolCallId === undefined
        ? ({ role: 'user', content } as const)
        : ({ role: 'tool', content, toolCallId } as const);
    return { conversation: await addToConversation(artifacts, conversation, [message]) };
  };
