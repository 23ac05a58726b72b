/** The rows of a comparison from the artifact store, and what they say together. */
import type { JudgedRow, TrialPage } from '../domain/compare.js';
import { summariseRows, type CompareSummary } from '../domain/compare-summary.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { ArtifactStore } from '../ports.js';

export interface Comparison {
  /** In the order of asking. */
  readonly rows: readonly JudgedRow[];
  readonly summary: CompareSummary;
}

/** Answers of which determinism is told, in memory at once; about as much as a thousand long ones. */
const TEXT_CHARACTERS_MAX = 64_000_000;

/** Throws PortFault if the store of this host has not what the workers have kept. */
export async function readComparison(
  artifacts: Pick<ArtifactStore, 'get'>,
  lastPage: ArtifactRef | null,
): Promise<Comparison> {
  const rows: JudgedRow[] = [];
  for (let ref = lastPage; ref !== null;) {
    // Written by the activity keepTrials only, under the name of its content.
    const page = JSON.parse((await artifacts.get(ref)).toString('utf8')) as TrialPage;
    rows.push(...page.rows);
    ref = page.previous;
  }
  rows.sort((a, b) => a.number - b.number);
  const texts = await textsOf(artifacts, rows);
  return { rows, summary: summariseRows(rows, ({ number }) => texts.get(number) ?? null) };
}

/** Only answers to questions that were asked again are compared. */
async function textsOf(
  artifacts: Pick<ArtifactStore, 'get'>,
  rows: readonly JudgedRow[],
): Promise<ReadonlyMap<number, string>> {
  const texts = new Map<number, string>();
  if (rows.every(({ repeat }) => repeat === 1)) return texts;
  let characters = 0;
  for (const { number, calls, winner } of rows) {
    const answer = calls[winner ?? -1]?.answer ?? null;
    if (answer === null || characters > TEXT_CHARACTERS_MAX) continue;
    const text = (await artifacts.get(answer)).toString('utf8');
    characters += text.length;
    texts.set(number, text);
  }
  return texts;
}
