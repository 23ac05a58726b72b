/**
 * Carries calls to their answers, each at most once at a time: finds the answer in the ledger, attaches to a request under
 * way, or sends one between an intent row and an end row. Who asked may leave; the request goes on.
 */
import { createHash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { priceOn } from '../../domain/costs.js';
import { estimateTokens } from '../../domain/token-estimate.js';
import { sayLimit } from '../../domain/provider-limits.js';
import { answerText } from '../../domain/tool-answer.js';
import {
  PortFault,
  type CallRequest,
  type CallResult,
  type ChatMessage,
  type Departing,
  type RecordingSettings,
  type SendGate,
} from '../../ports.js';
import type { CallClaims } from './call-claims.js';
import type { Gathered } from './gathered.js';
import { busyFor, mayDepart, type Refused } from './departure.js';
import { dialectOf, lasting, type Dialect } from './dialect.js';
import { sayable } from './endpoint-errors.js';
import { ledgerFault, type Ledger } from './ledger.js';
import {
  answerIn,
  openIntent,
  resultOf,
  nextSend,
  spendingOf,
  withoutSecrets,
  type EndRow,
  type IntentRow,
  type LedgerRow,
} from './ledger-rows.js';
import { tokensIn, type LiveTail } from './live-tail.js';
import type { EndpointRequest, EndpointResult } from './openai-endpoint.js';
import { costOf } from './price.js';
import { createRecordedCalls, type Recorded } from './recorded-calls.js';
import { createSlots } from './slots.js';
import { mostOf, uncounted } from './most-cost.js';

export interface Order {
  readonly request: CallRequest;
  readonly apiKey: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent = the endpoint is asked, and nothing is recorded. */
  readonly recordings?: RecordingSettings;
}

export type CallEnd =
  | { readonly kind: 'result'; readonly result: CallResult; readonly warnings: readonly string[] }
  | { readonly kind: 'fault'; readonly fault: PortFault };

export interface Listener {
  onProgress(bytes: number, tokens: number): void;
  /** Called once, unless the listener has left. */
  onEnd(end: CallEnd): void;
  /** Absent = the request leaves unasked. */
  readonly gate?: SendGate;
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
  /** Absent = nobody watches. */
  readonly tail?: Pick<LiveTail, 'begin'>;
  /** Absent = nobody else carries calls of this home. */
  readonly claims?: Pick<CallClaims, 'take'>;
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
  /** What the request under way has brought so far. */
  gathered: Readonly<Gathered> | null;
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
      gathered: null,
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

/** Strict replay: nothing is sent. */
const notRecorded = (rows: readonly LedgerRow[], says: string): CallEnd => ({
  kind: 'result',
  result: { kind: 'failed', code: 'notRecorded', says, retryable: false, spending: spendingOf(rows) },
  warnings: [],
});

/** It did not leave: whoever asked is told why, and the ledger knows nothing of it. */
const refusedCall = (rows: readonly LedgerRow[], { result }: Refused): CallEnd => ({
  kind: 'result',
  result: { ...result, spending: spendingOf(rows) },
  warnings: [],
});

const full = (provider: CallRequest['provider']): string => sayLimit(provider.name, provider, 'concurrency');

interface Carrier {
  /** Never rejects. */
  run(key: string, order: Order, entry: Entry): Promise<CallEnd>;
  hasUnsaved(): boolean;
}

function createCarrier(parts: CourierParts): Carrier {
  const { ledger, redact, claims } = parts;
  const slots = createSlots();
  const recorded = createRecordedCalls(redact);
  const books = createBooks(ledger);
  const sender = createSender(parts, books);

  /** Books a recorded answer as one that cost nothing. */
  const replay = async (
    key: string,
    { request }: Order,
    entry: Entry,
    { answer, recordedAt }: Extract<Recorded, { kind: 'found' }>,
  ): Promise<void> => {
    const intent = { ...intentOf(request, nextSend(entry.rows)), replays: recordedAt };
    await books.append(request, entry, intent);
    const end = named(request, endOf(intent, { kind: 'answered', ...answer }), redact);
    await books.save(key, request, entry, { ...end, costUsdMicros: 0, unpriced: false });
  };

  /** What is found in the ledger means something only while nobody else can add to it. */
  const run = async (key: string, order: Order, entry: Entry): Promise<CallEnd> => {
    if (claims === undefined) return await runClaimed(key, order, entry);
    const { provider, lineage, callId } = order.request;
    try {
      const release = await claims.take(key, provider.callTimeoutSeconds * 1_000, entry.controller.signal);
      if (release === null) return cancelled(await ledger.read(lineage, callId));
      return await runClaimed(key, order, entry).finally(release);
    } catch (error) {
      return { kind: 'fault', fault: ledgerFault(error) };
    }
  };

  const runClaimed = async (key: string, order: Order, entry: Entry): Promise<CallEnd> => {
    const warnings: string[] = [];
    try {
      await books.recover(key, order.request, entry, warnings);
      const known = answerIn(entry.rows) === null ? await recorded.look(order.request, order.recordings) : null;
      if (known?.kind === 'missing') return notRecorded(entry.rows, sayable(known.says, redact));
      if (known?.kind === 'found') await replay(key, order, entry, known);
      if (known?.kind === 'ask') {
        if (known.warning !== undefined) warnings.push(known.warning);
        const { provider } = order.request;
        const release = await slots.take(provider, key, entry.controller.signal);
        if (release === null) return cancelled(entry.rows);
        if (typeof release === 'object') return refusedCall(entry.rows, busyFor(release, full(provider)));
        const unsent = await sender.send(key, order, entry, warnings).finally(release);
        if (unsent !== null) return unsent === 'unwanted' ? cancelled(entry.rows) : refusedCall(entry.rows, unsent);
      }
      const end = endIn(entry.rows);
      const unkept = known?.kind === 'found' ? null : await recorded.keep(order.request, order.recordings, end);
      if (unkept !== null) warnings.push(unkept);
      return { kind: 'result', result: resultOf(end, entry.rows), warnings };
    } catch (error) {
      return { kind: 'fault', fault: ledgerFault(error) };
    }
  };

  return { run, hasUnsaved: books.hasUnsaved };
}

interface Sender {
  /** Null if the rows now end in what became of it. */
  send(key: string, order: Order, entry: Entry, warnings: string[]): Promise<Refused | 'unwanted' | null>;
}

function createSender({ home, ask, redact, tail }: CourierParts, books: Books): Sender {
  const dialects = new Map<string, Dialect>();

  /** Null if nobody wanted it any more before it left; refused if it may not leave now. */
  const sendOnce = async (
    key: string,
    { request, apiKey, headers = {} }: Order,
    entry: Entry,
    dialect: Dialect,
  ): Promise<EndpointResult | Refused | null> => {
    await requireRoom(home);
    const { signal } = entry.controller;
    if (signal.aborted) return null;
    const permit = await mayDepart(request.provider, () => gatesOf(entry), departingOf(request, entry.rows), signal);
    if ('kind' in permit) return permit;
    if (signal.aborted) return null;
    entry.sent = true; // before the intent is written: from there on the ledger counts a request, unless its end says otherwise
    const intent = intentOf(request, nextSend(entry.rows));
    await books.append(request, entry, intent);
    const onBytes = (bytes: number): void => tellProgress(entry, bytes);
    const heard = hear(tail, request, intent.send, entry);
    const { onGrowth } = heard;
    permit.left();
    const result = await heard.until(ask({ ...request, apiKey, headers, dialect, redact, signal, onBytes, onGrowth }));
    await books.save(key, request, entry, named(request, endOf(intent, result), redact));
    return result;
  };

  const send: Sender['send'] = async (key, order, entry, warnings) => {
    const { provider } = order.request;
    const { baseUrl, model, level, api, kind, dialect: probed } = provider;
    const endpoint = JSON.stringify([baseUrl, model, level, api, kind, probed]);
    let dialect = dialects.get(endpoint) ?? dialectOf(provider);
    const says = uncounted(order.request);
    if (says !== null) warnings.push(says);
    for (let adaptations = 0; ; adaptations += 1) {
      const result = await sendOnce(key, order, entry, dialect);
      if (result === null) return 'unwanted';
      if (result.kind === 'refused') {
        if (adaptations > 0) dialects.set(endpoint, lasting(dialect)); // it begins with that when it may leave
        return result;
      }
      if (result.kind === 'answered') {
        dialects.set(endpoint, lasting(dialect));
        if (result.usageEstimated) warnings.push(`${provider.name} reports no usage; its tokens are estimated.`);
        return null;
      }
      if (result.adapted === undefined || adaptations >= ADAPTATIONS_MAX || entry.controller.signal.aborted)
        return null;
      warnings.push(`${provider.name} refused ${changeTo(result.adapted, dialect)}: ${result.says}`);
      dialect = result.adapted;
    }
  };

  return { send };
}

function changeTo({ answerTokensMax, contextWindow, room }: Dialect, before: Dialect): string {
  const isAboutLength =
    room !== before.room || answerTokensMax !== before.answerTokensMax || contextWindow !== before.contextWindow;
  return isAboutLength
    ? 'so long an answer (maxOutputTokens) and was asked again for a shorter one'
    : 'a field of the request and was asked again without it';
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
  const tokens = entry.gathered === null ? 0 : tokensIn(entry.gathered);
  for (const listener of entry.listeners) listener.onProgress(bytes, tokens);
}

/** Listens to one request, for its progress and for those who watch. */
function hear(
  tail: CourierParts['tail'],
  { callId, lineage, name = '', provider }: CallRequest,
  send: number,
  entry: Entry,
): {
  readonly onGrowth: (gathered: Readonly<Gathered>) => void;
  until(result: Promise<EndpointResult>): Promise<EndpointResult>;
} {
  const call = `${callId}.${send}`;
  const tailed = tail?.begin({ call, lineage, name, provider: provider.name, model: provider.model });
  entry.gathered = null;
  // News of an answer that is there at once would only keep its end waiting: a heartbeat is a trip to the server.
  entry.toldAt = Date.now();
  return {
    onGrowth: (gathered) => {
      entry.gathered = gathered;
      tailed?.grew(gathered);
    },
    async until(result) {
      let how = 'infrastructure';
      try {
        const ended = await result;
        how = ended.kind === 'answered' ? 'answered' : ended.code;
        return ended;
      } finally {
        tailed?.ended(how);
      }
    },
  };
}

/** The row that is written before a request leaves. */
export function intentOf(request: CallRequest, send: number): IntentRow {
  const { provider, messages, schema, tools, promptSha256, tryNumber, purpose } = request;
  const form = [schema ?? null, ...(tools === undefined ? [] : [tools])];
  // Of calls that set nothing the digest stays what it was.
  const chosen = provider.sampling === undefined ? [] : [provider.sampling];
  const { baseUrl, model, maxOutputTokens } = provider;
  const asked = JSON.stringify([baseUrl, model, maxOutputTokens, messages, ...form, ...chosen]);
  const startedAt = Date.now();
  const price = priceOn(provider.price, startedAt);
  return {
    kind: 'intent',
    send,
    provider: provider.name,
    model: provider.model,
    startedAt,
    requestSha256: createHash('sha256').update(asked).digest('hex'),
    price,
    priceDate: price?.date ?? null,
    promptTokensEstimated: promptTokensOf(request),
    ...(promptSha256 === undefined ? {} : { promptSha256 }),
    ...(tryNumber === undefined ? {} : { tryNumber }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(provider.budget === undefined ? {} : { mostUsdMicros: mostOf(request) }),
  };
}

/** With the name that the answer has as an artifact: what is stored has lost its secrets, and calls of tools are stored with it. */
function named({ tools }: CallRequest, row: EndRow, redact: (text: string) => string): EndRow {
  if (row.kind === 'failed') return row;
  const { text, toolCalls } = withoutSecrets(row, redact);
  const calls = toolCalls === undefined ? {} : { toolCalls };
  const stored = tools === undefined ? text : answerText({ text, ...calls, finishReason: row.finishReason });
  return { ...row, answerSha256: createHash('sha256').update(stored).digest('hex') };
}

const promptTokensOf = ({ messages }: CallRequest): number =>
  estimateTokens(messages.reduce((sum, message) => sum + lengthOf(message), 0));

const departingOf = (request: CallRequest, rows: readonly LedgerRow[]): Departing => ({
  promptTokens: promptTokensOf(request),
  mostUsdMicros: mostOf(request),
  spentUsdMicros: spendingOf(rows).costUsdMicros,
});

const gatesOf = ({ listeners }: Entry): readonly SendGate[] =>
  [...listeners].flatMap(({ gate }) => (gate === undefined ? [] : [gate]));

const lengthOf = ({ content, toolCalls = [] }: ChatMessage): number =>
  toolCalls.reduce((sum, { arguments: given }) => sum + given.length, content.length);

/** The row that is written when it has come to an end. */
export function endOf(intent: IntentRow, result: EndpointResult): EndRow {
  const endedAt = Date.now();
  const { send } = intent;
  if (result.kind === 'answered') {
    const cost = costOf(result.usage, intent.price);
    return { ...result, send, latencyMs: endedAt - intent.startedAt, ...cost, endedAt };
  }
  const { code, says, retryable, retryAfterMs, httpStatus, unsent, usage } = result;
  return {
    kind: 'failed',
    send,
    code,
    says,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(unsent === true ? { unsent } : {}),
    ...(usage === undefined ? { costUsdMicros: 0, unpriced: false } : { usage, ...costOf(usage, intent.price) }),
    endedAt,
  };
}
