/** What is said in a conversation with a model. */
import type { ToolCall } from './tools.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Of an assistant's message: every one of them is answered by a message of the role `tool`. */
  readonly toolCalls?: readonly ToolCall[];
  /** Of a `tool` message: the call that it answers. */
  readonly toolCallId?: string;
}
