/**
 * What the calls of a provider cost in one month, day by day: `<home>/budgets/<provider>/<month>.jsonl`. The file is there
 * exactly while it is complete: made from the ledger where it is missing, removed by a call that is not booked in it. Only
 * the request process writes.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dayOf, monthOf, standingsOf, type BudgetUse, type Standing } from '../../domain/costs.js';
import { isObject } from '../../domain/plain-object.js';
import { PortFault, type ProviderSettings } from '../../ports.js';
import { writeWhole } from '../artifacts/durable-file.js';
import type { Ledger } from './ledger.js';
import { answerIn, requestsOf } from './ledger-rows.js';
import { walkLedger } from './ledger-walk.js';

/** A request of the ledger: where its rows are. */
export interface RequestPlace {
  readonly lineage: string;
  readonly callId: string;
  readonly send: number;
}

/** What a call that was let through may still cost. */
export interface Held extends RequestPlace {
  readonly day: string;
  readonly usdMicros: number;
}

export interface BudgetBook {
  readonly month: string;
  /** Micro-dollars by day. */
  readonly days: Map<string, number>;
  /** By `nameOf`. */
  readonly held: Map<string, Held>;
}

export type BookLine =
  | { readonly kind: 'month'; readonly month: string }
  | { readonly kind: 'day'; readonly day: string; readonly usdMicros: number }
  | ({ readonly kind: 'held' } & Held)
  | ({ readonly kind: 'settled'; readonly usdMicros: number } & RequestPlace);

export const nameOf = ({ lineage, callId, send }: RequestPlace): string => `${lineage}/${callId}/${send}`;

export function budgetFolder(home: string, provider: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(provider)) return join(home, 'budgets', provider);
  throw new PortFault('infrastructure', 'The name of the provider cannot be a folder name of the budgets.', false);
}

export const bookFile = (home: string, provider: string, month: string): string =>
  join(budgetFolder(home, provider), `${month}.jsonl`);

/** Whose book it is. */
export interface BookParts {
  readonly home: string;
  readonly ledger: Pick<Ledger, 'read'>;
  readonly provider: string;
}

/**
 * For the process that writes, before it sends anything: what a process that has died still held is looked up in the ledger,
 * and the file is written anew with one line a day. A request whose end nobody knows stays held: it may have cost that much.
 */
export async function openBook(parts: BookParts, nowMs: number): Promise<BudgetBook> {
  const { home, provider, ledger } = parts;
  const month = monthOf(nowMs);
  const book = (await readBook(home, provider, month)) ?? (await bookFromLedger(parts, month));
  for (const held of book.held.values()) {
    const rows = await ledger.read(held.lineage, held.callId);
    const request = requestsOf(held.lineage, held.callId, rows).find(({ send }) => send === held.send);
    if (request === undefined)
      book.held.delete(nameOf(held)); // it was never sent
    else if (request.state === 'answered' || request.state === 'failed' || answerIn(rows) !== null)
      settle(book, held, request.costUsdMicros);
  }
  await writeBook(home, provider, book);
  await removeOlder(budgetFolder(home, provider), month);
  return book;
}

export const writeBook = (home: string, provider: string, book: BudgetBook): Promise<void> =>
  writeWhole(bookFile(home, provider, book.month), textOf(book), { durable: true });

/** True if it was held. */
export function settle(book: BudgetBook, place: RequestPlace, usdMicros: number): boolean {
  const name = nameOf(place);
  const held = book.held.get(name);
  if (held === undefined) return false;
  book.held.delete(name);
  book.days.set(held.day, (book.days.get(held.day) ?? 0) + usdMicros);
  return true;
}

/** For readers; where there is no book, its content is made from the ledger and not kept. */
export async function standingsIn(
  parts: Pick<BookParts, 'home' | 'ledger'>,
  { name: provider, budget = {} }: Pick<ProviderSettings, 'name' | 'budget'>,
  nowMs: number,
): Promise<readonly Standing[]> {
  const month = monthOf(nowMs);
  const book = (await readBook(parts.home, provider, month)) ?? (await bookFromLedger({ ...parts, provider }, month));
  return standingsOf(
    budget,
    useOf(book, dayOf(nowMs), () => true),
    nowMs,
  );
}

/** @param isUnderWay what is held and is not under way counts as spent: it stays so */
export function useOf(
  { days, held }: BudgetBook,
  today: string,
  isUnderWay: (name: string) => boolean,
): { readonly day: BudgetUse; readonly month: BudgetUse } {
  const use = (isMeant: (day: string) => boolean): BudgetUse => {
    const all = [...held].filter(([, { day }]) => isMeant(day));
    const sum = (some: typeof all): number => some.reduce((total, [, { usdMicros }]) => total + usdMicros, 0);
    const booked = [...days].reduce((total, [day, usdMicros]) => total + (isMeant(day) ? usdMicros : 0), 0);
    return {
      spentUsdMicros: booked + sum(all.filter(([name]) => !isUnderWay(name))),
      reservedUsdMicros: sum(all.filter(([name]) => isUnderWay(name))),
    };
  };
  return { day: use((day) => day === today), month: use(() => true) };
}

/** Null if it is missing, or no book any more: the ledger knows it all. */
async function readBook(home: string, provider: string, month: string): Promise<BudgetBook | null> {
  const text = await readFile(bookFile(home, provider, month), 'utf8').catch(unlessMissing);
  if (text === null) return null;
  // A process that was killed leaves half a line at the end.
  const lines = text.split('\n').slice(0, -1).map(parseLine);
  const [first, ...rest] = lines;
  if (first?.kind !== 'month' || first.month !== month) return null;
  const book: BudgetBook = { month, days: new Map(), held: new Map() };
  for (const line of rest) {
    if (line === null) return null;
    if (line.kind === 'day') book.days.set(line.day, (book.days.get(line.day) ?? 0) + line.usdMicros);
    if (line.kind === 'held') hold(book, line);
    if (line.kind === 'settled') settle(book, line, line.usdMicros);
  }
  return book;
}

export function hold(book: BudgetBook, { lineage, callId, send, day, usdMicros }: Held): void {
  book.held.set(nameOf({ lineage, callId, send }), { lineage, callId, send, day, usdMicros });
}

async function bookFromLedger({ home, ledger, provider }: BookParts, month: string): Promise<BudgetBook> {
  const book: BudgetBook = { month, days: new Map(), held: new Map() };
  const sinceMs = Date.parse(`${month}-01T00:00:00Z`);
  for await (const found of walkLedger(home, ledger, { sinceMs, wants: () => true })) {
    // What cannot be read cannot be counted; `weaver costs` names it.
    if ('damaged' in found || found.provider !== provider || monthOf(found.startedAt) !== month) continue;
    const day = dayOf(found.startedAt);
    if (found.state === 'open') hold(book, { ...found, day, usdMicros: found.mostUsdMicros ?? found.costUsdMicros });
    else book.days.set(day, (book.days.get(day) ?? 0) + found.costUsdMicros);
  }
  return book;
}

const textOf = ({ month, days, held }: BudgetBook): string =>
  [
    { kind: 'month', month } as const,
    ...[...days].map(([day, usdMicros]) => ({ kind: 'day', day, usdMicros }) as const),
    ...[...held.values()].map((each) => ({ kind: 'held', ...each }) as const),
  ]
    .map((line: BookLine) => `${JSON.stringify(line)}\n`)
    .join('');

/** Null if it is none of ours. */
function parseLine(line: string): BookLine | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null; // the caller makes the book anew
  }
  return isBookLine(value) ? value : null;
}

function isBookLine(value: unknown): value is BookLine {
  if (!isObject(value)) return false;
  const { kind, month, day, usdMicros, lineage, callId, send } = value;
  const isPlace = typeof lineage === 'string' && typeof callId === 'string' && typeof send === 'number';
  switch (kind) {
    case 'month':
      return typeof month === 'string';
    case 'day':
      return typeof day === 'string' && typeof usdMicros === 'number';
    case 'held':
      return isPlace && typeof day === 'string' && typeof usdMicros === 'number';
    case 'settled':
      return isPlace && typeof usdMicros === 'number';
    default:
      return false;
  }
}

/** What is booked on the last day of a month may be settled on the first of the next. */
async function removeOlder(folder: string, month: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-\d{2}\.jsonl$/.test(name)).toSorted();
  const before = names.filter((name) => name < `${month}.jsonl`).slice(0, -1);
  await Promise.all(before.map((name) => rm(join(folder, name), { force: true })));
}

function unlessMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
