/** Tests in Python's sources: modules that only their content tells from others, and examples in documentation. */
import type { Span } from './spans.js';

/** What `unittest` takes for tests by its name (`testcalc.py`); so are `testing.py` and `testimonials.py` called. */
export const mayBeTestModule = (path: string): boolean => /(?:^|\/)test[^/]*\.py$/.test(path);

const isOfUnittest = (text: string): boolean => /\bTestCase\b/.test(text) && /^[ \t]+(?:async )?def test/m.test(text);
const isOfPytest = (text: string): boolean => /^(?:async )?def test_?\w/m.test(text) && /^[ \t]+assert\b/m.test(text);

export const pythonTests = (text: string): readonly Span[] =>
  isOfUnittest(text) || isOfPytest(text) ? [{ start: 0, end: text.length, key: 'all', says: text, isCode: true }] : [];

const TEXT = /#[^\n]*|"""|'''|"|'/g;

/** Documentation with lines of a session in it, which `doctest` runs. */
export function pythonExamples(text: string): readonly Span[] {
  const owners = ownersIn(text);
  const found: Span[] = [];
  let owner = -1;
  let from = 0;
  for (;;) {
    TEXT.lastIndex = from;
    const hit = TEXT.exec(text);
    if (hit === null) return found;
    const [mark] = hit;
    from = mark.startsWith('#') ? hit.index + mark.length : textEnd(text, mark, hit.index + mark.length);
    if (mark.length !== 3 || mark.startsWith('#')) continue;
    const says = sessionIn(text.slice(hit.index, from));
    if (says === '') continue;
    while ((owners[owner + 1]?.at ?? text.length) < hit.index) owner += 1;
    const key = `docs ${owners[owner]?.name ?? ''}`;
    found.push({ start: hit.index, end: from, key, says, isCode: false });
  }
}

/** What is typed and what is to come of it, without the words around. */
function sessionIn(documentation: string): string {
  let isOpen = false;
  const lines = documentation.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => {
      isOpen = line.startsWith('>>> ') || (isOpen && line !== '');
      return isOpen;
    })
    .join('\n');
}

function textEnd(text: string, mark: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(mark, at)) return at + mark.length;
    else if (mark.length === 1 && text[at] === '\n') return at;
  }
  return text.length;
}

interface Owner {
  readonly name: string;
  readonly at: number;
}

/** Functions and classes in their order, each with the names of those around it. */
function ownersIn(text: string): readonly Owner[] {
  const around: { readonly indent: number; readonly name: string }[] = [];
  return [...text.matchAll(/^([ \t]*)(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)/gm)].map(
    ({ 1: blanks = '', 2: name = '', index }) => {
      while ((around.at(-1)?.indent ?? -1) >= blanks.length) around.pop();
      around.push({ indent: blanks.length, name });
      return { name: around.map((each) => each.name).join('.'), at: index };
    },
  );
}
