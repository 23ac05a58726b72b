/**
 * Compares answers with what was expected of them, and keeps both as a page.
 * Harmless twice: the same rows make the same page, stored by content.
 */
import { runInNewContext } from 'node:vm';
import type { Expectation, JudgedRow, TrialGate, TrialPage, TrialRow } from '../domain/compare.js';
import { canonicalJson } from '../domain/consensus.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { fromTextParts } from '../domain/text-parts.js';
import { schemaFaults } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import type { KeptTrials } from './contract.js';

interface TrialsToKeep {
  readonly lineage: string;
  readonly previous: ArtifactRef | null;
  readonly rows: readonly TrialRow[];
  /** By the names of the cases. */
  readonly expected: readonly (readonly [string, Expectation])[];
}

/** @param parts a TrialsToKeep as text, cut */
export const createKeepTrials =
  ({ artifacts, model }: ActivityPorts) =>
  async (...parts: readonly string[]): Promise<KeptTrials> => {
    // Written by the workflow, which has the rows from its own steps.
    const { lineage, previous, rows, expected } = fromTextParts(parts) as TrialsToKeep;
    const expectations = new Map(expected);
    const textOf = async ({ calls, winner }: TrialRow): Promise<string | null> => {
      const { callId = null, answer = null } = calls[winner ?? -1] ?? {};
      if (callId === null || answer === null) return null;
      // The ledger has the answer as it came; the store cuts secrets out of it.
      return (await model.answer(lineage, callId)) ?? (await artifacts.get(answer)).toString('utf8');
    };
    const whyOf = async (row: TrialRow): Promise<string | null> => {
      if (row.gate) return await whyRefused(artifacts, row.gate);
      const text = await textOf(row);
      return text === null ? whyNoAnswer(row) : whyNot(text, expectations.get(row.case));
    };
    const judged: JudgedRow[] = [];
    for (const row of rows) judged.push(judgedRow(row, await whyOf(row)));
    const page: TrialPage = { previous, rows: judged };
    const passed = judged.filter((row) => row.passed).length;
    return {
      page: await artifacts.put('record', JSON.stringify(page)),
      passed,
      failed: judged.length - passed,
    };
  };

const judgedRow = (row: TrialRow, why: string | null): JudgedRow => ({
  ...row,
  passed: why === null,
  why: why === null ? null : why.slice(0, WHY_CHARACTERS_MAX),
});

const whyNoAnswer = ({ failure }: TrialRow): string =>
  `${failure?.code ?? 'no answer'} ${failure?.detail ?? ''}`.trim();

/** Null if the gate was passed. */
async function whyRefused(
  artifacts: Pick<ActivityPorts['artifacts'], 'get'>,
  { refused }: TrialGate,
): Promise<string | null> {
  if (refused === null) return null;
  const { code, detail, evidence } = refused;
  const printed = evidence === null ? '' : firstWords((await artifacts.get(evidence)).toString('utf8'));
  return `${code} ${detail} ${printed}`.trim();
}

/** The first line that says something: commands that were run are there to be found again. */
const firstWords = (evidence: string): string =>
  evidence.split('\n').find((each) => each.trim() !== '' && !each.startsWith('$ ')) ?? '';

const WHY_CHARACTERS_MAX = 300;

/** Null if the answer is as expected. */
export function whyNot(text: string, expected: Expectation | undefined): string | null {
  if (expected === undefined) return null;
  switch (expected.kind) {
    case 'literal':
      return text.trim() === expected.text.trim() ? null : 'is another text';
    case 'regex':
      return whyNoMatch(text, expected);
    case 'json':
      return whyOtherJson(text, expected.value);
    case 'schema': {
      const faults = schemaFaults(text, expected.schema);
      return faults.length === 0 ? null : faults.join('; ');
    }
    default:
      throw new TypeError(`unknown expectation ${JSON.stringify(expected satisfies never)}`);
  }
}

/** A worker does nothing else meanwhile; a pattern that is no trap needs a thousandth of it. */
const MATCH_TIMEOUT_MS = 1_000;

/** The virtual machine is there for its time limit: a pattern can take hours over a text. */
function whyNoMatch(text: string, { pattern, flags }: Extract<Expectation, { kind: 'regex' }>): string | null {
  try {
    const matches: unknown = runInNewContext(
      'new RegExp(pattern, flags).test(text)',
      { pattern, flags, text },
      { timeout: MATCH_TIMEOUT_MS },
    );
    return matches === true ? null : 'does not match';
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
    if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return `the pattern takes more than ${MATCH_TIMEOUT_MS} ms`;
    return `the pattern cannot be used: ${String(thrown)}`;
  }
}

function whyOtherJson(text: string, wanted: unknown): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  return canonicalJson(value) === canonicalJson(wanted) ? null : 'is other JSON';
}
