/** Values of any size as arguments of an activity, none of which may be large. */

/** A payload holds at most 8 KB; escaped again as JSON, a character takes four bytes at most in practice. */
const PART_CHARACTERS = 2_000;

/** The value as JSON, cut. */
export function textParts(value: unknown): readonly string[] {
  const text = JSON.stringify(value);
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += PART_CHARACTERS) parts.push(text.slice(at, at + PART_CHARACTERS));
  return parts;
}

/** The value that was cut. Throws a SyntaxError if a part is missing. */
export const fromTextParts = (parts: readonly string[]): unknown => JSON.parse(parts.join(''));
