/** An answer with calls of tools, as one text: its artifact, and what the ledger names that by. */
import type { ToolCall } from './tools.js';

export const answerText = ({
  text,
  toolCalls = [],
  finishReason,
}: {
  readonly text: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly finishReason: string;
}): string => JSON.stringify({ text, toolCalls, finishReason });
