/** Tests that stand in the files of the work itself, beside the code that they judge. */
import { mayBeTestModule, pythonExamples, pythonTests } from './python-tests.js';
import { rustExamples, rustTests } from './rust-tests.js';
import { patched, type Patch, type Span } from './spans.js';

/** Sources that people write have a tenth of it; of longer ones nothing is told. */
const CHARACTERS_MAX = 1_000_000;

/** Whether files of this name may have tests in them. */
export const mayHoldTests = (path: string): boolean => /\.(?:rs|py)$/.test(path);

/** The code of tests in a file that is no file of tests; examples in its documentation are not among it. */
const testsIn = (path: string, text: string): readonly Span[] => spansOf(path, text).filter(({ isCode }) => isCode);

/** Whether some of it is code of tests. */
export const holdsTests = (path: string, text: string): boolean => testsIn(path, text).length > 0;

/** Tells lines, counted from 1, that are code of tests. */
export function testLines(path: string, text: string): (line: number) => boolean {
  const lines = new Set<number>();
  let [line, at] = [1, 0];
  for (const { start, end } of testsIn(path, text)) {
    for (; at < end; at += 1) {
      if (at >= start) lines.add(line);
      if (text[at] === '\n') line += 1;
    }
  }
  return (each) => lines.has(each);
}

/**
 * The file as it is now with the tests that it had, in the places where they stand now; the same text if they are the same.
 * Tests that are new go with the others; new examples stay, since nothing that was there can be hidden by them.
 */
export function withInlineTestsOf(path: string, before: string, now: string): string {
  const [old, fresh] = [spansOf(path, before), spansOf(path, now)];
  if (
    old.length === fresh.length &&
    old.every(({ key, says }, at) => key === fresh[at]?.key && says === fresh[at].says)
  )
    return now;
  const left = new Map<string, Span[]>();
  for (const span of old) left.set(span.key, [...(left.get(span.key) ?? []), span]);
  const patches = fresh.flatMap(({ start, end, key, says, isCode }): readonly Patch[] => {
    const span = left.get(key)?.shift();
    if (span === undefined) return isCode ? [{ start, end, text: '' }] : [];
    return span.says === says ? [] : [{ start, end, text: before.slice(span.start, span.end) }];
  });
  const lost = [...left.values()].flat().filter(isPlaceable);
  const added = lost.map(({ start, end }) => `\n${before.slice(start, end)}\n`);
  return `${patched(now, patches)}${added.join('')}`;
}

/** An item at the top may stand at the end as well; of one inside another nobody knows where, and its runner misses it by name. */
const isPlaceable = ({ key, isCode }: Span): boolean => isCode && /^(?:0 |all$)/.test(key);

function spansOf(path: string, text: string): readonly Span[] {
  if (text.length > CHARACTERS_MAX) return [];
  if (path.endsWith('.rs')) return inOrder(rustTests(text), rustExamples(text));
  if (!path.endsWith('.py')) return [];
  return inOrder(mayBeTestModule(path) ? pythonTests(text) : [], pythonExamples(text));
}

/** Examples inside of tests go with those. */
const inOrder = (tests: readonly Span[], examples: readonly Span[]): readonly Span[] =>
  [
    ...tests,
    ...examples.filter(({ start }) => !tests.some((test) => test.start <= start && start < test.end)),
  ].toSorted((a, b) => a.start - b.start);
