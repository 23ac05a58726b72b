/** Calls of tools under ids that are unique in a conversation: endpoints make them so within an answer at most. Pure. */
import type { ChatMessage } from '../../ports.js';

/**
 * The messages with every call under an id of its own, and its result under the same. Strict endpoints refuse an id that comes
 * twice, and two results of one id could be taken for each other. What was sent before stays as it was.
 */
export function callsApart(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const taken = new Set<string>();
  let ofTurn: ReadonlyMap<string, string> = new Map();
  return messages.map((message) => {
    const { toolCalls, toolCallId } = message;
    if (toolCalls !== undefined) {
      ofTurn = new Map(toolCalls.map(({ id }) => [id, freshId(id, taken)]));
      return { ...message, toolCalls: toolCalls.map((call) => ({ ...call, id: ofTurn.get(call.id) ?? call.id })) };
    }
    return toolCallId === undefined ? message : { ...message, toolCallId: ofTurn.get(toolCallId) ?? toolCallId };
  });
}

function freshId(id: string, taken: Set<string>): string {
  let fresh = id;
  for (let number = taken.size + 1; taken.has(fresh); number += 1) fresh = `${id}_${number}`;
  taken.add(fresh);
  return fresh;
}
