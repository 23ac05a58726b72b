/**
 * Makes a conversation shorter that no longer fits the model.
 * Harmless twice: a pure function of the conversation; the shorter one is stored by its content.
 */
import { charactersOf, compactConversation } from '../domain/compact-conversation.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Compacted, CompactInput } from './contract.js';
import { beginConversation, readConversation } from './conversations.js';

/** Half: less would have to be done again after a few turns, and each time the endpoint loses what it remembers of the prompt. */
const SHARE_LEFT = 0.5;

export const createCompactConversation =
  ({ artifacts }: ActivityPorts) =>
  async ({ conversation }: CompactInput): Promise<Compacted> => {
    const messages = await readConversation(artifacts, conversation);
    const before = charactersOf(messages);
    const shorter = compactConversation(messages, Math.floor(before * SHARE_LEFT));
    if (shorter === null) return { kind: 'impossible', characters: before };
    return {
      kind: 'compacted',
      conversation: await beginConversation(artifacts, shorter),
      before,
      after: charactersOf(shorter),
    };
  };
