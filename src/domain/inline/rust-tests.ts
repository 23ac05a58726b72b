/** Tests in Rust's sources: items that only exist for tests, and examples in documentation. */
import type { Span } from './spans.js';

/** Modules, functions and implementations with a body; what a declaration names is a file of its own. */
export function rustTests(text: string): readonly Span[] {
  const marks = marksOf(text);
  const found: Span[] = [];
  let depth = 0;
  for (let at = 0; at < marks.length; at += 1) {
    const { mark } = marks[at] ?? END;
    if (mark === '{') depth += 1;
    else if (mark === '}') depth -= 1;
    else if (mark === '#[') {
      const { span, last } = itemAt(text, marks, at, depth);
      if (span !== null) found.push(span);
      at = last;
    }
  }
  return found;
}

interface Mark {
  readonly mark: string;
  readonly at: number;
}

const END: Mark = { mark: '', at: 0 };

/** With `any` it is code that others use too. */
const ONLY_FOR_TESTS = /^#\[\s*(?:cfg\s*\(\s*(?:test\s*[,)]|all\s*\([^\]]*\btest\b)|(?:\w+\s*::\s*)*(?:test|rstest)\b)/;
const ITEM =
  /^(?:\/\/[^\n]*\n\s*)*(?:pub(?:\s*\([^)]*\))?\s+)?(?:(?:async|unsafe|const|extern(?:\s+"[^"]*")?)\s+)*(?:mod|fn|impl|trait)\b/;

/** The item below these attributes, if it is one for tests, and the last mark that was looked at. */
function itemAt(
  text: string,
  marks: readonly Mark[],
  first: number,
  depth: number,
): { readonly span: Span | null; readonly last: number } {
  let next = first;
  let isTest = false;
  while (marks[next]?.mark === '#[') {
    const close = closing(marks, next);
    isTest ||= ONLY_FOR_TESTS.test(between(text, marks, next, close).replaceAll(/"[^"]*"/g, ''));
    next = close + 1;
  }
  const none = { span: null, last: next - 1 };
  if (!isTest) return none;
  const headStart = (marks[next - 1]?.at ?? 0) + 1;
  let body = next;
  while (marks[body]?.mark === '[') body = closing(marks, body) + 1;
  const head = text.slice(headStart, marks[body]?.at ?? headStart).trim();
  if (marks[body]?.mark !== '{' || !ITEM.test(head)) return none;
  const last = closing(marks, body);
  const [start, end] = [marks[first]?.at ?? 0, (marks[last]?.at ?? text.length) + 1];
  const key = `${depth} ${head.replaceAll(/\s+/g, ' ')}`;
  return { span: { start, end, key, says: text.slice(start, end), isCode: true }, last };
}

const between = (text: string, marks: readonly Mark[], first: number, last: number): string =>
  text.slice(marks[first]?.at ?? 0, (marks[last]?.at ?? text.length) + 1);

const OPENS = new Set(['{', '[', '#[']);
const CLOSES = new Set(['}', ']']);

/** The mark that ends what this one begins; the last one of all if the text ends before. */
function closing(marks: readonly Mark[], open: number): number {
  let depth = 0;
  for (let at = open; at < marks.length; at += 1) {
    const { mark } = marks[at] ?? END;
    if (OPENS.has(mark)) depth += 1;
    else if (CLOSES.has(mark)) depth -= 1;
    if (depth === 0) return at;
  }
  return marks.length - 1;
}

const INTERESTING = /\/\/|\/\*|r#*"|"|'|#\[|[[\]{};]/g;
const CHARACTER = /'(?:\\(?:u\{[^}]{0,10}\}|x[^']{2}|[^])|[^\\'])'/uy;

/** Brackets, attributes and ends of statements that are no part of a comment or a text. */
function marksOf(text: string): readonly Mark[] {
  const marks: Mark[] = [];
  let from = 0;
  for (;;) {
    INTERESTING.lastIndex = from;
    const hit = INTERESTING.exec(text);
    if (hit === null) return marks;
    const [mark] = hit;
    if (OPENS.has(mark) || CLOSES.has(mark) || mark === ';') marks.push({ mark, at: hit.index });
    from = endOf(text, mark, hit.index);
  }
}

function endOf(text: string, mark: string, at: number): number {
  const after = at + mark.length;
  const past = (end: string): number => {
    const found = text.indexOf(end, after);
    return found < 0 ? text.length : found + end.length;
  };
  if (mark === '//') return past('\n');
  if (mark === '/*') return past('*/');
  if (mark === '"') return quoteEnd(text, after);
  if (mark.startsWith('r')) return past(`"${mark.slice(1, -1)}`);
  if (mark !== "'") return after;
  CHARACTER.lastIndex = at;
  // Else it is the name of a lifetime.
  return CHARACTER.test(text) ? CHARACTER.lastIndex : after;
}

function quoteEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

// ---------------------------------------------------------------- examples

const COMMENTS = /(?:^[ \t]*\/\/[/!][^\n]*\n)+/gm;
const EXAMPLES = /```[^`]*```/g;
const OWNER =
  /\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:\w+\s+)*?(fn|struct|enum|trait|mod|type|const|static|union|macro_rules!|impl)\s*([^\s({;=]+)/y;

/** Comments with code in them, which `cargo test` runs. */
export const rustExamples = (text: string): readonly Span[] =>
  [...text.matchAll(COMMENTS)].flatMap(({ index, 0: comment }): readonly Span[] => {
    const says = (comment.match(EXAMPLES) ?? []).join('\n');
    if (says === '') return [];
    OWNER.lastIndex = index + comment.length;
    const [, kind = '', name = ''] = OWNER.exec(text) ?? [];
    return [{ start: index, end: index + comment.length, key: `docs ${kind} ${name}`, says, isCode: false }];
  });
