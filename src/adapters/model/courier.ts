/**
 * Carries calls to their answers, each at most once at a time: finds the answer in the ledger, attaches to a request under
 * way, or sends one between an intent row and an end row. Who asked may leave; the request goes on.
 */
import { createHash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { PortFault, type CallRequest, type CallResult, type ChatMessage } from '../../ports.js';
import { dialectOf, type Dialect } from './dialect.js';
import { ledgerFault, type Ledger } from './ledger.js';
import {
  answerIn,
  openIntent,
  resultOf,
  sendsIn,
  spendingOf,
  type EndRow,
  type IntentRow,
  type LedgerRow,
} from './ledger-rows.js';
import type { EndpointRequest, EndpointResult } from './openai-endpoint.js';
import { costOf, estimateTokens } from './price.js';
import { createSlots } from './slots.js';

export interface Order {
  readonly request: CallRequest;
  readonly apiKey: string | undefined;
}

export type CallEnd =
  | { readonly kind: 'result'; readonly result: CallResult; readonly warnings: readonly string[] }
  | { readonly kind: 'fault'; readonly fault: PortFault };

export interface Listener {
  onProgress(bytes: number): void;
  /** Called once, unless the listener has left. */
  onEnd(end: CallEnd): void;
}

export interface Attachment {
  /** Wants no answer any more. Stops the request if nobody else waits for it. */
  abort(): void;
  /** Is gone, without an opinion: a request on the wire goes on and its answer is kept. */
  leave(): void;
}

export interface Courier {
  join(order: Order, listener: Listener): Attachment;
  /** Whether stopping now would lose something paid for. */
  isBusy(): boolean;
}

export interface CourierParts {
  readonly home: string;
  readonly ledger: Ledger;
  readonly ask: (request: EndpointRequest) => Promise<EndpointResult>;
  readonly redact: (text: string) => string;
}

/** Below this no request is sent: its answer (8 MB at most, more as JSON) might find no room. */
const FREE_BYTES_MIN = 16 * 1024 * 1024;
/** One for each field that an endpoint may not understand. */
const ADAPTATIONS_MAX = 4;
/** Often enough for a heartbeat, seldom enough to cost nothing. */
const PROGRESS_EVERY_MS = 200;
/** An answer that could not be written is kept in memory for so long, for a retry to bring it to the disk. */
const UNSAVED_MS_MAX = 3_600_000;

interface Entry {
  readonly listeners: Set<Listener>;
  readonly controller: AbortController;
  rows: readonly LedgerRow[];
  /** Its request is on the way to the wire, or was there: from now on only an abort stops it. */
  sent: boolean;
  toldAt: number;
  ended: Promise<void>;
}

interface Unsaved {
  readonly row: EndRow;
  readonly since: number;
}

export function createCourier(parts: CourierParts): Courier {
  const entries = new Map<string, Entry>();
  const carry = createCarrier(parts);

  const finish = async (key: string, order: Order, entry: Entry): Promise<void> => {
    const end = await carry.run(key, order, entry);
    entries.delete(key); // first, so that who asks again on hearing the end starts anew
    for (const listener of entry.listeners) listener.onEnd(end);
  };

  const begin = (key: string, order: Order): Entry => {
    const entry: Entry = {
      listeners: new Set(),
      controller: new AbortController(),
      rows: [],
      sent: false,
      toldAt: 0,
      ended: Promise.resolve(),
    };
    entries.set(key, entry);
    entry.ended = finish(key, order, entry);
    return entry;
  };

  return {
    join: (order, listener) =>
      attach(entries, keyOf(order.request), () => begin(keyOf(order.request), order), listener),
    isBusy: () => entries.size > 0 || carry.hasUnsaved(),
  };
}

const keyOf = ({ lineage, callId }: CallRequest): string => `${lineage}/${callId}`;

function attach(entries: ReadonlyMap<string, Entry>, key: string, begin: () => Entry, listener: Listener): Attachment {
  let entry: Entry | null = null;
  let gone = false;
  const enter = (): void => {
    if (gone) return;
    const found = entries.get(key);
    // One that is being stopped will end as cancelled; whoever comes now did not ask for that.
    if (found?.controller.signal.aborted === true) return void found.ended.then(enter);
    entry = found ?? begin();
    entry.listeners.add(listener);
  };
  enter();
  return {
    abort() {
      gone = true;
      if (entry !== null && entry.listeners.size <= 1) return entry.controller.abort();
      entry?.listeners.delete(listener);
      listener.onEnd(cancelled(entry?.rows ?? []));
    },
    leave() {
      gone = true;
      entry?.listeners.delete(listener);
      if (entry !== null && entry.listeners.size === 0 && !entry.sent) entry.controller.abort();
    },
  };
}

const cancelled = (rows: readonly LedgerRow[]): CallEnd => ({
  kind: 'result',
  result: { kind: 'failed', code: 'cancelled', says: 'Cancelled.', retryable: false, spending: spendingOf(rows) },
  warnings: [],
});

interface Carrier {
  /** Never rejects. */
  run(key: string, order: Order, entry: Entry): Promise<CallEnd>;
  hasUnsaved(): boolean;
}

function createCarrier({ home, ledger, ask, redact }: CourierParts): Carrier {
  const slots = createSlots();
  const books = createBooks(ledger);
  const dialects = new Map<string, Dialect>();

  /** Null if nobody wanted it any more before it left. */
  const sendOnce = async (
    key: string,
    { request, apiKey }: Order,
    entry: Entry,
    dialect: Dialect,
  ): Promise<EndpointResult | null> => {
    await requireRoom(home);
    if (entry.controller.signal.aborted) return null;
    entry.sent = true; // before the intent is written: once it is, the ledger counts a request
    const intent = intentOf(request, sendsIn(entry.rows) + 1);
    await books.append(request, entry, intent);
    const onBytes = (bytes: number): void => tellProgress(entry, bytes);
    const result = await ask({ ...request, apiKey, dialect, redact, signal: entry.controller.signal, onBytes });
    await books.save(key, request, entry, endOf(intent, result));
    return result;
  };

  /** Whether the rows now end in what became of it. */
  const send = async (key: string, order: Order, entry: Entry, warnings: string[]): Promise<boolean> => {
    const { provider } = order.request;
    const endpoint = `${provider.baseUrl} ${provider.model} ${provider.level}`;
    let dialect = dialects.get(endpoint) ?? dialectOf(provider);
    for (let adaptations = 0; ; adaptations += 1) {
      const result = await sendOnce(key, order, entry, dialect);
      if (result === null) return false;
      if (result.kind === 'answered') {
        dialects.set(endpoint, dialect);
        if (result.usageEstimated) warnings.push(`${provider.name} reports no usage; its tokens are estimated.`);
        return true;
      }
      if (result.adapted === undefined || adaptations >= ADAPTATIONS_MAX || entry.controller.signal.aborted)
        return true;
      warnings.push(`${provider.name} refused a field of the request and was asked again without it: ${result.says}`);
      dialect = result.adapted;
    }
  };

  const run = async (key: string, order: Order, entry: Entry): Promise<CallEnd> => {
    const warnings: string[] = [];
    try {
      await books.recover(key, order.request, entry, warnings);
      if (answerIn(entry.rows) === null) {
        const release = await slots.take(order.request.provider, entry.controller.signal);
        if (release === null) return cancelled(entry.rows);
        const isSent = await send(key, order, entry, warnings).finally(release);
        if (!isSent) return cancelled(entry.rows);
      }
      return { kind: 'result', result: resultOf(endIn(entry.rows), entry.rows), warnings };
    } catch (error) {
      return { kind: 'fault', fault: ledgerFault(error) };
    }
  };

  return { run, hasUnsaved: books.hasUnsaved };
}

/** The rows of the calls, on the disk; an end row also in memory while the disk has no room for it. */
interface Books {
  append(request: CallRequest, entry: Entry, row: LedgerRow): Promise<void>;
  /** What the ledger has, made whole: an answer that found no room before is written now, a lost request is said to be lost. */
  recover(key: string, request: CallRequest, entry: Entry, warnings: string[]): Promise<void>;
  save(key: string, request: CallRequest, entry: Entry, row: EndRow): Promise<void>;
  hasUnsaved(): boolean;
}

function createBooks(ledger: Ledger): Books {
  const unsaved = new Map<string, Unsaved>();

  const append: Books['append'] = async (request, entry, row) => {
    const kept = await ledger.append(request.lineage, request.callId, row);
    entry.rows = [...entry.rows, kept];
  };

  const recover: Books['recover'] = async (key, request, entry, warnings) => {
    entry.rows = await ledger.recover(request.lineage, request.callId);
    const pending = unsaved.get(key);
    if (pending !== undefined) await append(request, entry, pending.row);
    unsaved.delete(key);
    const lost = openIntent(entry.rows);
    if (lost === null) return;
    await append(request, entry, { kind: 'inDoubt', send: lost.send, foundAt: Date.now() });
    warnings.push(
      `A request to ${lost.provider} is in doubt: the request process died before its answer. It is sent again.`,
    );
  };

  const save: Books['save'] = async (key, request, entry, row) => {
    try {
      await append(request, entry, row);
    } catch (error) {
      unsaved.set(key, { row, since: Date.now() });
      throw error;
    }
  };

  return {
    append,
    recover,
    save,
    hasUnsaved: () => {
      for (const [key, { since }] of unsaved) if (Date.now() - since >= UNSAVED_MS_MAX) unsaved.delete(key);
      return unsaved.size > 0;
    },
  };
}

function endIn(rows: readonly LedgerRow[]): EndRow {
  const end = answerIn(rows) ?? rows.at(-1);
  if (end?.kind === 'answered' || end?.kind === 'failed') return end;
  throw new PortFault('infrastructure', 'A call ended without an end row.', false);
}

async function requireRoom(home: string): Promise<void> {
  const { bavail, bsize } = await statfs(home);
  if (bavail * bsize >= FREE_BYTES_MIN) return;
  throw new PortFault(
    'diskFull',
    `Less than ${FREE_BYTES_MIN} bytes are free below the weaver home; no call is sent.`,
    true,
  );
}

function tellProgress(entry: Entry, bytes: number): void {
  const now = Date.now();
  if (now - entry.toldAt < PROGRESS_EVERY_MS) return;
  entry.toldAt = now;
  for (const listener of entry.listeners) listener.onProgress(bytes);
}

function intentOf(request: CallRequest, send: number): IntentRow {
  const { provider, messages, schema, tools } = request;
  const form = [schema ?? null, ...(tools === undefined ? [] : [tools])];
  const asked = JSON.stringify([provider.baseUrl, provider.model, provider.maxOutputTokens, messages, ...form]);
  return {
    kind: 'intent',
    send,
    provider: provider.name,
    model: provider.model,
    startedAt: Date.now(),
    requestSha256: createHash('sha256').update(asked).digest('hex'),
    price: provider.price ?? null,
    priceDate: provider.price?.date ?? null,
    promptTokensEstimated: estimateTokens(messages.reduce((sum, message) => sum + lengthOf(message), 0)),
  };
}

const lengthOf = ({ content, toolCalls = [] }: ChatMessage): number =>
  toolCalls.reduce((sum, { arguments: given }) => sum + given.length, content.length);

function endOf(intent: IntentRow, result: EndpointResult): EndRow {
  const endedAt = Date.now();
  const { send } = intent;
  if (result.kind === 'answered') {
    const cost = costOf(result.usage, intent.price);
    return { ...result, send, latencyMs: endedAt - intent.startedAt, ...cost, endedAt };
  }
  const { code, says, retryable, retryAfterMs, httpStatus, usage } = result;
  return {
    kind: 'failed',
    send,
    code,
    says,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(usage === undefined ? { costUsdMicros: 0, unpriced: false } : { usage, ...costOf(usage, intent.price) }),
    endedAt,
  };
}
