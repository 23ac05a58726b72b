/**
 * Conversations as nodes in the artifact store: each holds the messages of one turn and names the node before it, the
 * first one is the prompt. A history carries the name of the last node, whatever has been said.
 */
import { createHash } from 'node:crypto';
import type { ArtifactRef } from '../domain/outcome.js';
import type { ToolCall } from '../domain/tools.js';
import { PortFault, type ArtifactStore, type ChatMessage, type FinishReason } from '../ports.js';

interface Node {
  readonly parent: ArtifactRef | null;
  readonly messages: readonly ChatMessage[];
}

/** Above a turn and what is said between two, 1,000 times over. */
const NODES_MAX = 5_000;
/** Characters of nodes that a worker remembers: a node never changes, and each turn reads all of those before it. */
const REMEMBERED_CHARACTERS_MAX = 32_000_000;

const store = () => ({ nodes: new Map<string, { readonly node: Node; readonly characters: number }>(), characters: 0 });
/** By store, so that no worker of a test sees another's. */
const memories = new WeakMap<ArtifactStore, ReturnType<typeof store>>();

/** Every message up to the node, oldest first. */
export async function readConversation(artifacts: ArtifactStore, last: ArtifactRef): Promise<readonly ChatMessage[]> {
  const turns: (readonly ChatMessage[])[] = [];
  let at: ArtifactRef | null = last;
  while (at !== null) {
    if (turns.length >= NODES_MAX)
      throw new PortFault('infrastructure', `A conversation has more than ${NODES_MAX} parts.`, false);
    const node: Node = await readNode(artifacts, at);
    turns.push(node.messages);
    at = node.parent;
  }
  return turns.toReversed().flat();
}

/** The node that goes on with another one. The next turn reads it, mostly on this very worker. */
export async function addToConversation(
  artifacts: ArtifactStore,
  parent: ArtifactRef,
  messages: readonly ChatMessage[],
): Promise<ArtifactRef> {
  const node: Node = { parent, messages };
  const text = JSON.stringify(node);
  const ref = await artifacts.put('conversation', text);
  // What had a secret in it is another text in the store, and that one counts.
  if (ref.sha256 === createHash('sha256').update(text).digest('hex')) remember(artifacts, ref, node, text.length);
  return ref;
}

/** A conversation that starts anew with these messages. */
export const beginConversation = (artifacts: ArtifactStore, messages: readonly ChatMessage[]): Promise<ArtifactRef> =>
  artifacts.put('conversation', JSON.stringify({ parent: null, messages } satisfies Node));

async function readNode(artifacts: ArtifactStore, ref: ArtifactRef): Promise<Node> {
  const known = memories.get(artifacts)?.nodes.get(ref.sha256);
  if (known !== undefined) return known.node;
  const text = (await artifacts.get(ref)).toString('utf8');
  // Written by `addToConversation` or, as the first one, by openWorkspace; named by their content.
  const value = JSON.parse(text) as Node | readonly ChatMessage[];
  const node: Node = 'messages' in value ? value : { parent: null, messages: value };
  remember(artifacts, ref, node, text.length);
  return node;
}

function remember(artifacts: ArtifactStore, { sha256 }: ArtifactRef, node: Node, length: number): void {
  const memory = memories.get(artifacts) ?? store();
  memories.set(artifacts, memory);
  if (memory.nodes.has(sha256)) return;
  memory.nodes.set(sha256, { node, characters: length });
  memory.characters += length;
  for (const [oldest, { characters }] of memory.nodes) {
    if (memory.characters <= REMEMBERED_CHARACTERS_MAX) break;
    memory.nodes.delete(oldest);
    memory.characters -= characters;
  }
}

/** Endpoints refuse a conversation with a message of nothing. */
export const saidBefore = (text: string | null): string => (text === null || text.trim() === '' ? '(nothing)' : text);

/** An answer with calls, as it is stored. */
export interface ToolAnswer {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
}

export const readToolAnswer = async (artifacts: ArtifactStore, ref: ArtifactRef): Promise<ToolAnswer> =>
  JSON.parse((await artifacts.get(ref)).toString('utf8')) as ToolAnswer;
