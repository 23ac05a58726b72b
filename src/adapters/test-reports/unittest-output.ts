/** What Python's unittest prints, and what prints as it does (Django, nose): with names of all tests only if it is asked to. */
import type { ReportedCase, TestState } from '../../domain/test-results.js';

export interface UnittestReport {
  readonly cases: readonly ReportedCase[];
  /** Tests that passed or failed, after its own count. */
  readonly ran: number;
}

const SUMMARY = /^Ran (\d+) tests? in \d/;
const SKIPPED = /^(?:OK|FAILED) \([^)]*\bskipped=(\d+)/;
/** With `-v`: a test begins, its docstring on a line of its own; how it ended may come later, behind what it prints. */
const BEGIN = /^(\w+) \(([\w.<>]+)\)(?: \.\.\. (.*))?$/;
const AGAIN = /^.{0,400}? \.\.\. (.*)$/;
const END = /^(ok|FAIL|ERROR|skipped\b.*|expected failure|unexpected success)$/;
/** Behind the tests each failure once more, also one of a part of a test or of what a class needs. */
const FAILURE = /^(?:FAIL|ERROR|UNEXPECTED SUCCESS): (\w+) \(([\w.<>]+)\)/;

/** Null if it has no summary: then it is another program's output, or the run has ended before its time. */
export function readUnittest(text: string): UnittestReport | null {
  const found = new Map<string, ReportedCase>();
  let ran = 0;
  let summaries = 0;
  let open: readonly string[] | null = null;
  const say = (names: readonly string[], state: TestState): void => {
    const key = names.join('\n');
    const known = found.get(key)?.state;
    if (known === undefined || WORSE[state] > WORSE[known]) found.set(key, { names, state });
  };
  for (const line of text.split('\n')) {
    const [, count] = SUMMARY.exec(line) ?? [];
    if (count !== undefined) {
      summaries += 1;
      ran += Number(count);
      open = null;
      continue;
    }
    ran -= Number(SKIPPED.exec(line)?.[1] ?? 0);
    const [, failing = '', where] = FAILURE.exec(line) ?? [];
    if (where !== undefined) {
      say(namesOf(failing, where), 'failed');
      continue;
    }
    const [, name = '', place, rest] = BEGIN.exec(line) ?? [];
    if (place !== undefined) open = namesOf(name, place);
    if (open === null) continue;
    const state = stateIn(rest ?? AGAIN.exec(line)?.[1] ?? line);
    if (state === null) continue;
    say(open, state);
    open = null;
  }
  return summaries === 0 ? null : { cases: [...found.values(), RUN], ran: Math.max(0, ran) };
}

/** That it ran at all: a table of dots would have no line otherwise. */
const RUN: ReportedCase = { names: ['unittest'], state: 'passed' };

const WORSE: Readonly<Record<TestState, number>> = { passed: 0, skipped: 1, failed: 2 };

/** From Python 3.11 on the name stands in the brackets too. */
const namesOf = (name: string, place: string): readonly string[] => [
  place.endsWith(`.${name}`) ? place.slice(0, -name.length - 1) : place,
  name,
];

function stateIn(words: string): TestState | null {
  const [, word] = END.exec(words.trim()) ?? [];
  if (word === undefined) return null;
  if (word === 'ok' || word === 'expected failure') return 'passed';
  return word.startsWith('skipped') ? 'skipped' : 'failed';
}
