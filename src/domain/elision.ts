/** Lines that stand for code which was left out: `// ... existing code ...`. */

/**
 * The first line of `text` that stands for something left out and that `old` does not have; null if there is none.
 * @param old what the text replaces; null for a new file, which has nothing that a bare `// ...` could stand for
 */
export function elisionIn(text: string, old: string | null): string | null {
  const suspects = text.split('\n').filter((line) => isElision(line, old !== null));
  if (suspects.length === 0) return null;
  const known = new Set(old?.split(/\r\n|\r|\n/).map((line) => line.trim()));
  return suspects.find((line) => !known.has(line.trim())) ?? null;
}

/** Elisions are short; a bound for minified lines. */
const LINE_CHARACTERS_MAX = 160;

const COMMENT_START = /^(?:\/\/+|#+|\{?\/\*+|\*+|<!--|--+|;+|%+)\s*/;
const COMMENT_END = /\s*(?:\*\/\}?|-->)$/;
const DOTS = '(?:\\.{3,}|\\u2026)';
const LEFT_OUT =
  /\b(?:existing|rest|remaining|remainder|unchanged|omitted|as before|previous code|other (?:code|methods|functions|imports|tests))\b/i;

/** Dots, then words only: a spread (`...rest`) has no space after its dots, other code has other signs. */
const PLAIN = new RegExp(`^[[(<]?${DOTS}\\s+[\\p{L}\\s,'’-]+${DOTS}?[\\])>]?$`, 'u');
const COMMENTED = new RegExp(`^[[(<]?${DOTS}`, 'u');
const BARE = new RegExp(`^${DOTS}$`, 'u');
const SENTENCE = new RegExp(
  '^(?:the )?(?:rest|remainder) of (?:the |this |your )?(?:code|file|class|function|method|module|imports|content|implementation)' +
    `(?: (?:is |are |remains? |stays? |goes )?(?:unchanged|the same|here|as before|omitted|as is))?\\.?${DOTS}?$` +
    `|^(?:the )?(?:rest|code|everything else) (?:is |are |remains? |stays? )?(?:unchanged|omitted)\\.?${DOTS}?$` +
    `|^existing (?:code|content|imports|methods)(?: (?:here|unchanged|goes here))?\\.?${DOTS}?$`,
  'i',
);

function isElision(line: string, replacing: boolean): boolean {
  if (line.length > LINE_CHARACTERS_MAX) return false;
  const trimmed = line.trim();
  const body = trimmed.replace(COMMENT_START, '').replace(COMMENT_END, '').trim();
  if (body === trimmed) return PLAIN.test(body) && LEFT_OUT.test(body);
  return (COMMENTED.test(body) && LEFT_OUT.test(body)) || SENTENCE.test(body) || (replacing && BARE.test(body));
}
