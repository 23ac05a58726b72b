/** The last lines of runners that name nothing that passes, unless they are asked to: how many tests have run. */
import type { ReportedCase } from '../../domain/test-results.js';

export interface SummaryReport {
  readonly cases: readonly ReportedCase[];
  /** Those that passed or failed, of all runs together. */
  readonly ran: number;
}

interface Summary {
  readonly runner: string;
  readonly line: RegExp;
  /** From what the line has captured. */
  readonly ran: (...counts: readonly string[]) => number;
}

/** Null if none of them has come to its end: then it is another program's output, or the run has ended before its time. */
export function readSummaries(text: string): SummaryReport | null {
  const plain = text.replaceAll(COLOURS, '');
  const found = SUMMARIES.flatMap(({ runner, line, ran }) =>
    [...plain.matchAll(line)].map(([, ...counts]) => ({ runner, ran: ran(...counts.map((count) => count ?? '')) })),
  );
  if (found.length === 0) return null;
  const runners = [...new Set(found.map(({ runner }) => runner))];
  return {
    // That it ran at all: what fails is not told apart, so the exit code says that.
    cases: runners.map((runner) => ({ names: [runner], state: 'passed' })),
    ran: found.reduce((sum, each) => sum + Math.max(0, each.ran), 0),
  };
}

// eslint-disable-next-line no-control-regex -- they begin with a control character
const COLOURS = /\u001B\[[\d;]*m/g;

/** `1 failed, 2 skipped, 3 passed` */
const ranIn = (words = ''): number =>
  [...words.matchAll(/(\d+) (?:failed|passed)\b/g)].reduce((sum, [, count]) => sum + Number(count), 0);

const difference = (all = '', ...less: readonly string[]): number =>
  less.reduce((left, count) => left - Number(count), Number(all));

/** Lines are no longer than this; what is searched beyond is somebody's data. */
const SUMMARIES: readonly Summary[] = [
  { runner: 'jest', line: /^Tests: {2,20}([\w, ]{0,200}) total$/gm, ran: ranIn },
  { runner: 'vitest', line: /^ {2,12}Tests {2}([\w| ]{0,200}) \(\d+\)$/gm, ran: ranIn },
  { runner: 'mocha', line: /^ {2}(\d+) (?:passing \(.{1,20}\)|failing)$/gm, ran: Number },
  { runner: 'specs', line: /^(\d+) (?:examples?|specs?), \d+ failures?(?:, (\d+) pending)?/gm, ran: difference },
  {
    runner: 'minitest',
    line: /^(\d+) (?:runs|tests), \d+ assertions, \d+ failures, \d+ errors, (\d+) skips$/gm,
    ran: difference,
  },
  { runner: 'phpunit', line: /^OK \((\d+) tests?, \d+ assertions?\)$/gm, ran: Number },
  {
    runner: 'phpunit',
    line: /^Tests: (\d+), Assertions: \d+(?:, (?:Errors|Failures|Warnings|Deprecations): \d+)*(?:, Skipped: (\d+))?/gm,
    ran: difference,
  },
];
