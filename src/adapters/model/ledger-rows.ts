/** The rows of one call in the ledger, and what can be computed from them. Pure. */
import type { PaidRequest, Price } from '../../domain/costs.js';
import { isFailureCode, type FailureCode } from '../../domain/failures.js';
import { isObject } from '../../domain/plain-object.js';
import { addSpending, NOTHING_SPENT, type Spending, type Tokens } from '../../domain/record.js';
import type { ToolCall } from '../../domain/tools.js';
import type { CallPurpose, CallResult, CallRow, FinishReason, SentRequest } from '../../ports.js';
import { costOf } from './price.js';

/** Written and synced before the request leaves. */
export interface IntentRow {
  readonly kind: 'intent';
  /** 1 for the first request of the call. */
  readonly send: number;
  readonly provider: string;
  readonly model: string;
  readonly startedAt: number;
  readonly requestSha256: string;
  readonly price: Price | null;
  readonly priceDate: string | null;
  readonly promptTokensEstimated: number;
  /** When the answer was recorded that is given in place of asking: nothing is sent. */
  readonly replays?: string;
  /** Artifact with the messages that were sent. */
  readonly promptSha256?: string;
  readonly tryNumber?: number;
  /** Absent = the work of the task. */
  readonly purpose?: CallPurpose;
  /** What it could cost, noted where the provider has a budget. */
  readonly mostUsdMicros?: number;
}

export interface AnsweredRow {
  readonly kind: 'answered';
  readonly send: number;
  readonly text: string;
  /** Absent if it calls no tool. */
  readonly toolCalls?: readonly ToolCall[];
  readonly finishReason: FinishReason;
  /** Name of the artifact that the answer becomes. */
  readonly answerSha256?: string;
  readonly model: string;
  readonly usage: Tokens;
  /** True if the endpoint sent no usage. */
  readonly usageEstimated: boolean;
  readonly latencyMs: number;
  readonly costUsdMicros: number;
  readonly unpriced: boolean;
  readonly endedAt: number;
}

export interface FailedRow {
  readonly kind: 'failed';
  readonly send: number;
  readonly code: FailureCode;
  readonly says: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly httpStatus?: number;
  /** True if surely nothing of the request left this host; absent in older ledgers. */
  readonly unsent?: boolean;
  /** Estimated, if the endpoint had begun to work before it failed. */
  readonly usage?: Tokens;
  readonly costUsdMicros: number;
  readonly unpriced: boolean;
  readonly endedAt: number;
}

/** The request of this number left no end behind: its request process died with it. */
export interface InDoubtRow {
  readonly kind: 'inDoubt';
  readonly send: number;
  readonly foundAt: number;
}

export type EndRow = AnsweredRow | FailedRow;
export type LedgerRow = IntentRow | EndRow | InDoubtRow;

/** Reads a line of the file; null if it is none of ours. */
export function parseRow(line: string): LedgerRow | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null; // the caller decides whether a line that is no JSON is a torn one
  }
  return isRow(value) ? value : null;
}

/** The answer, if the call has one: it is final, whatever stands around it. */
export const answerIn = (rows: readonly LedgerRow[]): AnsweredRow | null =>
  rows.find((row): row is AnsweredRow => row.kind === 'answered') ?? null;

/** The intent whose request has no end in the ledger. */
export function openIntent(rows: readonly LedgerRow[]): IntentRow | null {
  const last = rows.at(-1);
  return last?.kind === 'intent' && last.replays === undefined ? last : null;
}

/** Requests put on the wire for the call so far. */
function sendsIn(rows: readonly LedgerRow[]): number {
  const unsent = new Set(rows.filter(neverLeft).map(({ send }) => send));
  return rows.filter((row) => row.kind === 'intent' && row.replays === undefined && !unsent.has(row.send)).length;
}

const neverLeft = (row: LedgerRow): boolean => row.kind === 'failed' && row.unsent === true;

/** Number of the next request. */
export const nextSend = (rows: readonly LedgerRow[]): number => Math.max(0, ...rows.map(({ send }) => send)) + 1;

/** Everything spent on the call, all its requests together, those in doubt estimated. */
export function spendingOf(rows: readonly LedgerRow[]): Spending {
  const counted = { ...NOTHING_SPENT, callsSent: sendsIn(rows) };
  return rows.map((row) => spendingOfRow(row, rows)).reduce(addSpending, counted);
}

/** Each request of the call by itself, with what it is booked at; a recorded answer is none, nor what never left. */
export function requestsOf(lineage: string, callId: string, rows: readonly LedgerRow[]): readonly PaidRequest[] {
  return rows.flatMap((intent, index) => {
    if (intent.kind !== 'intent' || intent.replays !== undefined) return [];
    const { send, provider, model, startedAt, purpose = 'real' } = intent;
    const end = rows.slice(index).find((row): row is EndRow | InDoubtRow => row.kind !== 'intent' && row.send === send);
    if (end !== undefined && neverLeft(end)) return [];
    const { tokens, costUsdMicros, unpriced } = end === undefined ? NOTHING_SPENT : spendingOfRow(end, rows);
    const state = end?.kind ?? 'open';
    const most = intent.mostUsdMicros === undefined ? {} : { mostUsdMicros: intent.mostUsdMicros };
    const request = { lineage, callId, send, provider, model, purpose, startedAt };
    return [{ ...request, state, tokens, costUsdMicros, unpriced, ...most }];
  });
}

/** What the caller is given when the rows end in `end`. */
export function resultOf(end: EndRow, rows: readonly LedgerRow[]): CallResult {
  const spent = { spending: spendingOf(rows), ...sentOf(end, rows) };
  if (end.kind === 'answered') {
    const { text, toolCalls, finishReason, model, latencyMs } = end;
    const calls = toolCalls === undefined ? {} : { toolCalls };
    return { kind: 'answered', text, ...calls, finishReason, model, latencyMs, ...spent };
  }
  const { code, says, retryable, retryAfterMs } = end;
  return { kind: 'failed', code, says, retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }), ...spent };
}

function sentOf(
  { send, usage, costUsdMicros, unpriced, endedAt }: EndRow,
  rows: readonly LedgerRow[],
): { readonly sent?: SentRequest } {
  const intent = rows.find((row): row is IntentRow => row.kind === 'intent' && row.send === send);
  if (intent === undefined || intent.replays !== undefined) return {};
  const { startedAt } = intent;
  const tokens = usage === undefined ? {} : { tokens: usage };
  return { sent: { number: send, startedAt, endedAt, ...tokens, costUsdMicros, unpriced } };
}

/** What the model has said, with known secrets taken out: of calls they stand in a text of JSON, whose form stays. */
export function withoutSecrets(
  { text, toolCalls }: Pick<AnsweredRow, 'text' | 'toolCalls'>,
  redact: (text: string) => string,
): Pick<AnsweredRow, 'text' | 'toolCalls'> {
  if (toolCalls === undefined) return { text: redact(text) };
  const calls = toolCalls.map(({ id, name, arguments: given, signature }) => ({
    id: redact(id),
    name: redact(name),
    arguments: redact(given),
    ...(signature === undefined ? {} : { signature: redact(signature) }),
  }));
  return { text: redact(text), toolCalls: calls };
}

/** The call as a line of the ledger that people read; null if it has no request yet. */
export function callRowOf(callId: string, rows: readonly LedgerRow[]): CallRow | null {
  const intents = rows.filter((row): row is IntentRow => row.kind === 'intent');
  const [first, latest] = [intents[0], intents.at(-1)];
  const last = rows.at(-1);
  if (first === undefined || latest === undefined || last === undefined) return null;
  const { callsSent: sends, callsInDoubt: inDoubt, tokens, costUsdMicros, unpriced } = spendingOf(rows);
  const { provider, model } = latest;
  const spent = { sends, inDoubt, tokens, costUsdMicros, unpriced };
  const call = { callId, provider, model, ...spent, startedAt: first.startedAt, ...notedOf(latest, rows) };
  switch (last.kind) {
    case 'intent':
      return { ...call, state: 'started', endedAt: null };
    case 'inDoubt':
      return { ...call, state: 'inDoubt', endedAt: last.foundAt };
    case 'answered':
    case 'failed':
      return { ...call, state: last.kind, endedAt: last.endedAt };
    default:
      return last satisfies never;
  }
}

/** What older ledgers do not tell is left out. */
function notedOf(
  { priceDate, promptSha256, tryNumber, purpose, replays }: IntentRow,
  rows: readonly LedgerRow[],
): Pick<CallRow, 'priceDate' | 'promptSha256' | 'tryNumber' | 'purpose' | 'replayed' | 'latencyMs' | 'answerSha256'> {
  const answer = answerIn(rows);
  return {
    ...(priceDate === null ? {} : { priceDate }),
    ...(promptSha256 === undefined ? {} : { promptSha256 }),
    ...(tryNumber === undefined ? {} : { tryNumber }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(replays === undefined ? {} : { replayed: true }),
    ...(answer === null ? {} : { latencyMs: answer.latencyMs }),
    ...(answer?.answerSha256 === undefined ? {} : { answerSha256: answer.answerSha256 }),
  };
}

function spendingOfRow(row: LedgerRow, rows: readonly LedgerRow[]): Spending {
  switch (row.kind) {
    case 'intent':
      return NOTHING_SPENT;
    case 'answered':
    case 'failed':
      return {
        ...NOTHING_SPENT,
        tokens: row.usage ?? NOTHING_SPENT.tokens,
        costUsdMicros: row.costUsdMicros,
        unpriced: row.unpriced,
      };
    case 'inDoubt':
      return { ...bookInDoubt(row, rows), callsInDoubt: 1 };
    default:
      return row satisfies never;
  }
}

/** Booked in full: as much as the same prompt used when it was sent again, else the prompt's estimate. */
function bookInDoubt({ send }: InDoubtRow, rows: readonly LedgerRow[]): Spending {
  const intent = rows.find((row): row is IntentRow => row.kind === 'intent' && row.send === send);
  const estimate = { ...NOTHING_SPENT.tokens, prompt: intent?.promptTokensEstimated ?? 0 };
  const tokens = answerIn(rows)?.usage ?? estimate;
  return { ...NOTHING_SPENT, tokens, ...costOf(tokens, intent?.price ?? null) };
}

function isRow(value: unknown): value is LedgerRow {
  if (!isObject(value) || typeof value['send'] !== 'number') return false;
  switch (value['kind']) {
    case 'intent':
      return areStrings(value, 'provider', 'model') && areNumbers(value, 'startedAt', 'promptTokensEstimated');
    case 'answered':
      return (
        areStrings(value, 'text', 'finishReason', 'model') &&
        areNumbers(value, 'costUsdMicros', 'endedAt') &&
        isObject(value['usage'])
      );
    case 'failed':
      return (
        typeof value['code'] === 'string' &&
        isFailureCode(value['code']) &&
        areNumbers(value, 'costUsdMicros', 'endedAt')
      );
    case 'inDoubt':
      return areNumbers(value, 'foundAt');
    default:
      return false;
  }
}

const areStrings = (value: Readonly<Record<string, unknown>>, ...names: readonly string[]): boolean =>
  names.every((name) => typeof value[name] === 'string');
const areNumbers = (value: Readonly<Record<string, unknown>>, ...names: readonly string[]): boolean =>
  names.every((name) => typeof value[name] === 'number');
