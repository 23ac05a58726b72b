/** Reads what test runners write, whichever of them it was. */
import { tableOf, type ReportedCase, type ReportFormat } from '../../domain/test-results.js';
import type { ReadReport, TestReports } from '../../ports.js';
import { readGoEvents, readJsonReport } from './json-reports.js';
import { parseJunit } from './junit-xml.js';
import { readSummaries } from './summary-output.js';
import { readTap } from './tap-output.js';
import { readTextReports } from './text-reports.js';
import { readUnittest } from './unittest-output.js';

export function createTestReports(): TestReports {
  return {
    readFiles(files, root) {
      const read = files.map(({ path, text }) => readFile(path, text));
      const corrupt = read.flatMap((each, index) =>
        each.kind === 'corrupt' ? [`${files[index]?.path ?? ''}: ${each.says}`] : [],
      );
      if (corrupt.length > 0) return { kind: 'corrupt', says: corrupt.join('; ').slice(0, SAYS_MAX) };
      const found = read.flatMap((each) => (each.kind === 'cases' ? [each] : []));
      const first = found[0];
      if (first === undefined) return { kind: 'none' };
      return tableIn(
        first.format,
        found.flatMap(({ cases }) => cases),
        true,
        root,
      );
    },
    readOutput: (text, root) => readOutput(text, root),
  };
}

/** A fault is one line of a prompt. */
const SAYS_MAX = 500;

type ReadFile =
  | { readonly kind: 'cases'; readonly format: ReportFormat; readonly cases: readonly ReportedCase[] }
  | { readonly kind: 'corrupt'; readonly says: string };

function readFile(path: string, text: string): ReadFile {
  if (/\.json$/i.test(path)) return readJsonFile(text);
  if (/\.xml$/i.test(path) || text.trimStart().startsWith('<')) {
    const report = parseJunit(text);
    return report.kind === 'corrupt' ? report : { kind: 'cases', format: 'junit', cases: report.cases };
  }
  const tap = readTap(text);
  if (tap !== null) return { kind: 'cases', format: 'tap', cases: tap };
  return { kind: 'corrupt', says: 'it is no report that weaver knows' };
}

function readJsonFile(text: string): ReadFile {
  const events = readGoEvents(text);
  if (events !== null) return { kind: 'cases', ...events };
  const report = readJsonReport(parsedOrNull(text));
  return report === null
    ? { kind: 'corrupt', says: 'it is no report that weaver knows' }
    : { kind: 'cases', ...report };
}

/** Which of several tables is the runner's, and which one was only printed by what it runs, cannot be told. */
function readOutput(text: string, root: string): ReadReport {
  const [events, json, tap] = [readGoEvents(text), jsonIn(text), readTap(text)];
  const found = [
    ...(events === null ? [] : [{ ...events, complete: true }]),
    ...(json === null ? [] : [{ ...json, complete: true }]),
    ...(tap === null ? [] : [{ format: 'tap' as const, cases: tap, complete: true }]),
    ...readTextReports(text),
  ].filter(({ cases }) => cases.length > 0);
  const first = found[0];
  if (first === undefined) return countedIn(text, root);
  const formats = [...new Set(found.map(({ format }) => format))];
  if (formats.length > 1) return { kind: 'corrupt', says: `the output has tables of ${formats.join(' and ')}` };
  return tableIn(first.format, first.cases, first.complete, root);
}

/** Of a check with another runner beside it the other one's table stands: it names what passes, too. */
function countedIn(text: string, root: string): ReadReport {
  const report = readUnittest(text);
  if (report !== null) return tableIn('unittest', report.cases, false, root, report.ran);
  const summary = readSummaries(text);
  return summary === null ? { kind: 'none' } : tableIn('summary', summary.cases, false, root, summary.ran);
}

/**
 * A report among other output: on a line of its own, or over several from a lone brace to a lone brace. All of them count: the
 * first may have been printed by what is tested.
 */
function jsonIn(text: string): ReturnType<typeof readJsonReport> {
  if (!text.includes('"testResults"') && !text.includes('"stats"')) return null;
  const lines = text.split('\n').filter((line) => line.startsWith('{') && line.length > 2);
  const [from, to] = [text.search(/^\{\s*$/m), text.lastIndexOf('\n}')];
  const texts = from < 0 || to < from ? lines : [...lines, text.slice(from, to + 2)];
  const reports = texts.map((each) => readJsonReport(parsedOrNull(each))).filter((report) => report !== null);
  const [first] = reports;
  return first === undefined ? null : { format: first.format, cases: reports.flatMap(({ cases }) => cases) };
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // Whoever asks says what there is instead of a report.
    return null;
  }
}

/** The same test has the same name in every work tree. */
function tableIn(
  format: ReportFormat,
  cases: readonly ReportedCase[],
  complete: boolean,
  root: string,
  ran?: number,
): ReadReport {
  const folder = root.endsWith('/') ? root : `${root}/`;
  const relative = (text: string): string => text.replaceAll(folder, '');
  const placed = cases.map((each) => ({
    ...each,
    names: each.names.map(relative),
    ...(each.file === undefined ? {} : { file: relative(each.file) }),
  }));
  const table = tableOf(format, placed, complete, ran);
  return table === null ? { kind: 'none' } : { kind: 'read', table };
}
