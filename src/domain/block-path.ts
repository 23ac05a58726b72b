/** The line that names the file of a block: a path alone, in the decoration that models like to put around it. */

export type PathLine =
  | { readonly kind: 'path'; readonly path: string }
  /** In words for the model. */
  | { readonly kind: 'none'; readonly says: string };

/**
 * A path with blanks in it must stand in quotes (a JSON string) or between backticks: without them a sentence would be taken
 * for the name of a new file.
 */
export function readPathLine(line: string): PathLine {
  const text = line.trim();
  const exact = jsonText(text);
  if (exact !== null) return path(exact);
  const plain = text
    .replace(/^#{1,6}\s+/, '')
    .replace(/^(?:file(?:name)?|path):\s+/i, '')
    .replace(/^\*\*(.+)\*\*:?$/, '$1');
  const [, ticked] = /^`([^`]+)`:?$/.exec(plain) ?? [];
  if (ticked !== undefined) return path(ticked);
  const bare = plain.replace(/:$/, '');
  return /\s/.test(bare) ? none(text) : path(bare);
}

function path(found: string): PathLine {
  return found.trim() === '' ? none('') : { kind: 'path', path: found };
}

/** As much of a line as tells which one is meant. */
const SHOWN_CHARACTERS_MAX = 80;

const none = (text: string): PathLine => ({
  kind: 'none',
  says: `${JSON.stringify(text.slice(0, SHOWN_CHARACTERS_MAX).toWellFormed())} is no path alone on its line. A path with blanks stands in double quotes.`,
});

function jsonText(text: string): string | null {
  if (!text.startsWith('"') || !text.endsWith('"')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
