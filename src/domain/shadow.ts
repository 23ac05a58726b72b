/** A model beside the one that works: which calls are sampled, how its work compares, what many of them say. Pure. */
import { fnv1a } from './lineage.js';
import type { Spending } from './record.js';
import { quantile, sum } from './statistics.js';
import type { ModelChoice } from './task.js';

export interface ShadowSpec {
  readonly model: ModelChoice;
  /** Share of the calls that are asked a second time, 0 to 1. */
  readonly rate: number;
  /** Whether the checks run on the shadow's work too. */
  readonly gate: boolean;
}

/** The same answer for the same call, whoever asks and however often. */
export function isSampled({ rate }: Pick<ShadowSpec, 'rate'>, call: string): boolean {
  const share = Number.parseInt(fnv1a(call).slice(0, SHARE_DIGITS), 16) / 16 ** SHARE_DIGITS;
  return share < rate;
}

/** As many as a number holds exactly. */
const SHARE_DIGITS = 12;

/** What became of one side: the tree that its edits make, or why there is none. */
export interface Side {
  readonly provider: string;
  readonly model: string;
  /** Null if there is no change. */
  readonly tree: string | null;
  /** Code of the failure, where there is no change. */
  readonly failure: string | null;
  /** Null if no check has run. */
  readonly passed: boolean | null;
  readonly latencyMs: number;
  readonly spending: Spending;
}

export type Agreement = 'same' | 'different' | 'shadowFailed' | 'primaryFailed' | 'bothFailed';

export interface Compared {
  readonly agreement: Agreement;
  /** Whether both passed the gate, or neither did; null where one of them was not checked. */
  readonly sameGate: boolean | null;
  /** Of the shadow, less that of the primary. */
  readonly latencyGapMs: number;
  readonly costGapUsdMicros: number;
}

/** By content: two answers are the same if their edits make the same tree. */
export function compare(primary: Side, shadow: Side): Compared {
  const sameGate = primary.passed === null || shadow.passed === null ? null : primary.passed === shadow.passed;
  return {
    agreement: agreementOf(primary, shadow),
    sameGate,
    latencyGapMs: shadow.latencyMs - primary.latencyMs,
    costGapUsdMicros: shadow.spending.costUsdMicros - primary.spending.costUsdMicros,
  };
}

function agreementOf(primary: Side, shadow: Side): Agreement {
  if (primary.tree === null) return shadow.tree === null ? 'bothFailed' : 'primaryFailed';
  if (shadow.tree === null) return 'shadowFailed';
  return primary.tree === shadow.tree ? 'same' : 'different';
}

/** A shadow call as it is kept. */
export interface ShadowRecord {
  readonly kind: 'shadow';
  readonly taskId: string;
  /** Name of the call that it stands beside, e.g. `a1.t1`. */
  readonly name: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly primary: Side;
  readonly shadow: Side;
  readonly compared: Compared;
}

/** Under which name the shadow calls of a task are kept. */
export const shadowsOf = (taskId: string): string => `${taskId}/shadow`;

/** Of `a2.t3`: different for every call of a task. */
export function shadowSequence(name: string): number {
  const [, attempt = '0', turn = '0'] = /^a(\d+)\.t(\d+)/.exec(name) ?? [];
  return Number(attempt) * TURNS_MAX + Number(turn);
}

/** More than an attempt has turns. */
const TURNS_MAX = 10_000;

/** What the calls of one shadow model say together. */
export interface ShadowSummary {
  readonly provider: string;
  readonly model: string;
  readonly calls: number;
  readonly agreements: Readonly<Record<Agreement, number>>;
  /** Calls that both sides' checks ran on, and in how many of them both passed or both failed. */
  readonly gated: number;
  readonly sameGate: number;
  readonly costUsdMicros: number;
  /** True if a part of it has no price. */
  readonly unpriced: boolean;
  readonly primaryCostUsdMicros: number;
  readonly latencyMs: { readonly median: number; readonly p95: number };
  readonly latencyGapMs: { readonly median: number };
}

/** One a shadow model, in the order of their names. */
export function summarise(records: readonly ShadowRecord[]): readonly ShadowSummary[] {
  const byModel = new Map<string, ShadowRecord[]>();
  for (const record of records) {
    const name = JSON.stringify([record.shadow.provider, record.shadow.model]);
    byModel.set(name, [...(byModel.get(name) ?? []), record]);
  }
  return [...byModel].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, all]) => summaryOf(all));
}

function summaryOf(records: readonly ShadowRecord[]): ShadowSummary {
  const [first] = records;
  const count = (agreement: Agreement): number =>
    records.filter(({ compared }) => compared.agreement === agreement).length;
  const gated = records.filter(({ compared }) => compared.sameGate !== null);
  const latencies = records.map(({ shadow }) => shadow.latencyMs);
  return {
    provider: first?.shadow.provider ?? '',
    model: first?.shadow.model ?? '',
    calls: records.length,
    agreements: {
      same: count('same'),
      different: count('different'),
      shadowFailed: count('shadowFailed'),
      primaryFailed: count('primaryFailed'),
      bothFailed: count('bothFailed'),
    },
    gated: gated.length,
    sameGate: gated.filter(({ compared }) => compared.sameGate === true).length,
    costUsdMicros: sum(records.map(({ shadow }) => shadow.spending.costUsdMicros)),
    unpriced: records.some(({ shadow }) => shadow.spending.unpriced),
    primaryCostUsdMicros: sum(records.map(({ primary }) => primary.spending.costUsdMicros)),
    latencyMs: { median: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) },
    latencyGapMs: {
      median: quantile(
        records.map(({ compared }) => compared.latencyGapMs),
        0.5,
      ),
    },
  };
}
