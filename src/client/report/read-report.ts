/** Reads what a report shows from the stores of this host, no more of it than a page can hold. */
import { isEntry, type Entry } from '../../domain/entries.js';
import type { JobTaskRow } from '../../domain/job.js';
import type { ArtifactRef } from '../../domain/outcome.js';
import type { ArtifactStore, Records } from '../../ports.js';
import type { JobRows } from '../job-rows.js';
import { bytes, counted } from './html.js';
import type { ReportData, ReportTask, ReportText } from './report-data.js';

/** All texts of a page together: with its other parts it stays below 20 MB, which every browser opens at once. */
const TEXTS_BYTES_MAX = 12_000_000;
const DIFF_BYTES_MAX = 200_000;
/** The end of a log says what was wrong. */
const FAILED_LOG_BYTES_MAX = 40_000;
const PASSED_LOG_BYTES_MAX = 4_000;
/** Tasks with a section of their own; all of them are in the table. */
const SECTIONS_MAX = 1_000;
/** Entries of one task: a hundred attempts with their decisions. */
const ENTRIES_MAX = 400;

export interface ReportStores {
  readonly artifacts: ArtifactStore;
  readonly records: Records;
}

export interface ReportAbout {
  readonly id: string;
  readonly madeAt: number;
  readonly version: string;
}

/** @param rows those of the view, or one of them */
export async function readReport(
  stores: ReportStores,
  view: JobRows,
  rows: readonly JobTaskRow[],
  about: ReportAbout,
): Promise<ReportData> {
  const reader = new TextReader(stores.artifacts);
  const tasks: ReportTask[] = [];
  const leftOut: string[] = [];
  for (const row of rows.slice(0, SECTIONS_MAX)) {
    const entries = (await stores.records.read(row.taskId)).filter(isEntry);
    if (entries.length > ENTRIES_MAX)
      leftOut.push(
        `Of ${row.taskId} the first ${entries.length - ENTRIES_MAX} entries: weaver decisions ${row.taskId}.`,
      );
    const kept = entries.slice(-ENTRIES_MAX);
    tasks.push({ row, entries: kept, texts: await reader.read(kept) });
  }
  if (rows.length > SECTIONS_MAX)
    leftOut.push(
      `The attempts of ${counted(rows.length - SECTIONS_MAX, 'task')} at the end of the table: weaver report TASK.`,
    );
  if (reader.left > 0)
    leftOut.push(
      `${counted(reader.left, 'diff or log', 'diffs and logs')}, ${bytes(reader.leftBytes)}: weaver diff TASK, weaver logs TASK.`,
    );
  const jobEntries = (await stores.records.read(view.jobId)).filter(isEntry).slice(-ENTRIES_MAX);
  const { title, state, status } = view;
  return { ...about, title, state, status, rows, tasks, jobEntries, leftOut };
}

class TextReader {
  left = 0;
  leftBytes = 0;
  private used = 0;

  constructor(private readonly artifacts: ArtifactStore) {}

  async read(entries: readonly Entry[]): Promise<ReadonlyMap<string, ReportText>> {
    const texts = new Map<string, ReportText>();
    for (const { ref, bytesMax, end } of entries.flatMap(wantedOf)) {
      if (!texts.has(ref.sha256)) texts.set(ref.sha256, await this.one(ref, bytesMax, end));
    }
    return texts;
  }

  private async one(ref: ArtifactRef, bytesMax: number, end: boolean): Promise<ReportText> {
    const { sizeBytes } = ref;
    if (this.used + Math.min(sizeBytes, bytesMax) > TEXTS_BYTES_MAX) {
      this.left += 1;
      this.leftBytes += sizeBytes;
      return { text: '', sizeBytes, note: `Left out, the page is full: ${bytes(sizeBytes)}.` };
    }
    try {
      const whole = await this.artifacts.get(ref);
      const cut = whole.length > bytesMax;
      const kept = cut ? (end ? whole.subarray(-bytesMax) : whole.subarray(0, bytesMax)) : whole;
      this.used += kept.length;
      const note = cut ? `${end ? 'The last' : 'The first'} ${bytes(kept.length)} of ${bytes(whole.length)}.` : null;
      return { text: kept.toString('utf8'), sizeBytes, note };
    } catch (thrown) {
      // Artifacts are kept for some days, on the host whose worker made them: the page says so in its place.
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      return { text: '', sizeBytes, note: `Not in the store of this host: ${why}` };
    }
  }
}

interface Wanted {
  readonly ref: ArtifactRef;
  readonly bytesMax: number;
  readonly end: boolean;
}

function wantedOf(entry: Entry): readonly Wanted[] {
  if (entry.kind === 'question') {
    const { about } = entry.question;
    return about === null ? [] : [{ ref: about, bytesMax: DIFF_BYTES_MAX, end: false }];
  }
  if (entry.kind !== 'attempt') return [];
  const diffs = entry.artifacts.filter(({ kind }) => kind === 'diff');
  const logs = entry.checks.map(({ log, passed }) => ({
    ref: log,
    bytesMax: passed ? PASSED_LOG_BYTES_MAX : FAILED_LOG_BYTES_MAX,
    end: true,
  }));
  return [...diffs.map((ref) => ({ ref, bytesMax: DIFF_BYTES_MAX, end: false })), ...logs];
}
