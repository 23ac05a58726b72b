/** Where a text leaves the grammar of its language. */
import type { SyntaxNode } from './syntax-node.js';

const SHOWN_CHARACTERS_MAX = 60;

/** The first such place, in one sentence; null if there is none. */
export function firstFault(root: SyntaxNode): string | null {
  const node = firstError(root);
  if (node === null) return null;
  const line = node.startPosition.row + 1;
  if (node.isMissing) return `Line ${line} cannot be read: ${JSON.stringify(node.type)} is missing.`;
  const [first = ''] = node.text.trimStart().split('\n');
  return `It cannot be read from line ${line} on: ${JSON.stringify(first.trim().slice(0, SHOWN_CHARACTERS_MAX))}`;
}

/** Not by recursion: what is nested deeply has as many levels. */
function firstError(root: SyntaxNode): SyntaxNode | null {
  for (let at: SyntaxNode | null = root; at?.hasError === true;) {
    if (at.isError || at.isMissing) return at;
    at = at.children.find((child) => child !== null && (child.hasError || child.isMissing)) ?? null;
    if (at?.isMissing === true) return at;
  }
  return null;
}
