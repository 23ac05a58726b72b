/** Texts that were escaped once too often on their way: `\n` in two characters, `&lt;`. */

/** The text with one kind of escapes undone, for each kind that it has. */
export const withoutEscapes = (text: string): readonly string[] =>
  [
    text.replaceAll(/\\([ntr"'\\])/g, (_, sign: string) => BACKSLASHED[sign] ?? sign),
    text.replaceAll(/&(lt|gt|amp|quot|#39|apos);/g, (_, name: string) => ENTITIES[name] ?? ''),
  ].filter((undone) => undone !== text && undone !== '');

const BACKSLASHED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'", apos: "'" };
