/**
 * Tests that are switched off or say less than before. What may change in tests at all is for `protect`; this looks at what
 * lines that may be added can do. A new test that is skipped hides nothing, so it is only written down.
 */
import { mayHoldTests, testLines } from '../inline/inline-tests.js';
import { addedIn, removedIn, type PatchLine } from '../patch.js';
import { quoted, type Change, type ChangedFile, type Finding } from './change.js';

export function weakenedTests({ files }: Change): readonly Finding[] {
  const tests = files.flatMap((file) => (file.isTest ? [file] : testsInside(file)));
  const off = tests
    .filter(({ change }) => change !== 'deleted')
    .flatMap((file) => switchedOff(file).map((finding) => weighed(file, finding)));
  return [...off, ...fewerAsserts(tests)];
}

/** Of a source with tests in it the lines that are of tests. */
function testsInside(file: ChangedFile): readonly ChangedFile[] {
  const { path, texts } = file;
  if (texts === undefined || !mayHoldTests(path)) return [];
  const [wasTest, isTest] = [testLines(path, texts.before ?? ''), testLines(path, texts.after ?? '')];
  /** By how many lines the file has grown so far. */
  let growth = 0;
  const lines = file.lines.filter(({ sign, line }) => {
    const isOfTest = sign === '-' ? wasTest(line - growth) : isTest(line);
    growth += sign === '+' ? 1 : sign === '-' ? -1 : 0;
    return isOfTest;
  });
  return lines.length === 0 ? [] : [{ ...file, lines }];
}

/** Of a file that the task is free to change it is only written down. */
const weighed = ({ isFree }: ChangedFile, finding: Finding): Finding =>
  isFree ? { ...finding, weight: 'warn' } : finding;

/** They leave out more than what they stand at: the rest of the file, or of the whole run. */
const FOR_ALL =
  /\b(?:describe|context|suite|it|test|specify)\.only\b|^\s*(?:fdescribe|fit|fcontext)\s*[.(]|\bpytestmark\s*=.*\bskip|allow_module_level\s*=\s*True/;
/** Ends the run with the code that it likes; in a file of its own it may be a program that a test starts. */
const EXIT =
  /^\s*(?:process\.(?:exit|reallyExit)|os\._exit|sys\.exit|exit|quit|os\.Exit|std::process::exit|System\.exit)\s*\(/;

/** On a line before the test. */
const BEFORE =
  /^\s*(?:@(?:pytest\.mark\.(?:skip|skipif|xfail)|unittest\.(?:skip|skipIf|skipUnless|expectedFailure)|skip|skipIf|expectedFailure|Disabled|Ignore|Ignored)\b|#\[(?:ignore|cfg\(any\(\)\))|\[(?:Ignore|Skip)|xfail\b)/;
/** In the body of the test. */
const INSIDE =
  /^\s*(?:(?:t|b|tb|s\.T\(\))\.(?:Skip|Skipf|SkipNow)\(|(?:this|t|ctx|context|self)\.skip(?:Test)?\(|pytest\.(?:skip|xfail)\(|raise (?:unittest\.)?SkipTest|skip(?:\s+['"]|\s*$)|pending(?:\s*\(|\s*$)|markTestSkipped\(|return;?\s*(?:\/\/.*|#.*)?$)/;
/** In place of the word that begins the test. */
const IN_NAME =
  /\b(?:x(?:it|describe|test|context|specify)\s*[.(]|(?:it|test|describe|context|suite|specify|bench)\.(?:skip|todo|fails|failing|skipIf)|skip\s*:\s*(?:true|['"`]))/;
const DECORATION = /^\s*(?:@|#\[|\/\/|#|$)/;

function switchedOff(file: ChangedFile): readonly Finding[] {
  const { lines, path } = file;
  const removed = removedIn(file);
  return lines.flatMap((line, at): readonly Finding[] => {
    if (line.sign !== '+' || line.text.length > 1_000) return [];
    const how = howOff(file, line, at, removed);
    if (how === null) return [];
    const says = `${quoted(line.text)} ${how === 'warn' ? 'leaves out a new test' : 'leaves out tests that were there'}.`;
    return [{ guard: 'weakenedTests', path, line: line.line, says, weight: how }];
  });
}

function howOff(
  { lines, change }: ChangedFile,
  { text }: PatchLine,
  at: number,
  removed: readonly PatchLine[],
): 'deny' | 'warn' | null {
  if (FOR_ALL.test(text)) return 'deny';
  const isNew = change === 'added';
  if (EXIT.test(text)) return isNew ? 'warn' : 'deny';
  if (BEFORE.test(text)) return !isNew && next(lines, at, DECORATION)?.sign === ' ' ? 'deny' : 'warn';
  if (INSIDE.test(text)) {
    const follows = !isNew && next(lines, at, /^\s*$/)?.sign === ' ' && continues(text, next(lines, at, /^\s*$/));
    // A return is an ordinary statement of a new test.
    return follows ? 'deny' : /^\s*return/.test(text) ? null : 'warn';
  }
  if (!IN_NAME.test(text)) return null;
  return removed.some((line) => bare(line.text) === bare(text)) ? 'deny' : 'warn';
}

/** The next line that matters, if the hunk shows it. */
const next = (lines: readonly PatchLine[], at: number, passOver: RegExp): PatchLine | undefined =>
  lines.slice(at + 1, at + 30).find(({ text, sign }) => sign !== '-' && !passOver.test(text));

/** The statement below stands in the same block: it was reached before. */
const continues = (text: string, below: PatchLine | undefined): boolean =>
  below !== undefined && blanks(below.text) >= blanks(text) && !/^\s*[})\]]/.test(below.text);

const blanks = (text: string): number => text.length - text.trimStart().length;

/** The line as it was before the test was switched off. */
const bare = (text: string): string =>
  text
    .replaceAll(/\.(?:skip|todo|only|fails|failing)\b/g, '')
    .replaceAll(/\bx(?=(?:it|describe|test|context|specify)\b)/g, '')
    .replaceAll(/,?\s*\{?\s*skip\s*:\s*(?:true|['"`][^'"`]*['"`])\s*\}?/g, '')
    .replaceAll(/\s+/g, '');

const ASSERT =
  /\b(?:assert\w*|expect\w*|should|require\.(?:Equal|NoError|True|False|Nil|Error)\w*|t\.(?:Error|Errorf|Fatal|Fatalf|is|equal|deepEqual|ok|same)|verify|must_\w+|assert_\w+!?)\s*[.(!]|^\s*assert\s|\bshould[. ]/;

const COMMENTED = /^\s*(?:\/\/|#|\/?\*|--)/;

/** Over all tests together: one that moves to another file takes its assertions along. */
function fewerAsserts(tests: readonly ChangedFile[]): readonly Finding[] {
  const lost = tests.map((file) => ({ file, asserts: assertsIn(removedIn(file)) - assertsIn(addedIn(file)) }));
  if (lost.reduce((sum, { asserts }) => sum + asserts, 0) <= 0) return [];
  return lost
    .filter(({ asserts }) => asserts > 0)
    .map(({ file, asserts }): Finding => {
      const says = `${asserts} ${asserts === 1 ? 'assertion is' : 'assertions are'} gone from its tests.`;
      return weighed(file, { guard: 'weakenedTests', path: file.path, line: null, says, weight: 'deny' });
    });
}

const assertsIn = (lines: readonly PatchLine[]): number =>
  lines.filter(({ text }) => ASSERT.test(text) && !COMMENTED.test(text)).length;
