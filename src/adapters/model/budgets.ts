/**
 * Lets calls through as far as the budget of their provider goes: what a call may cost is held back before it is sent, on
 * the disk too, and booked for what it has cost afterwards. So a budget is passed only by what calls cost beyond their
 * estimate. Whoever finds nothing left but what calls under way hold waits for their ends for a moment, in turn, and comes
 * again then.
 */
import { rm } from 'node:fs/promises';
import {
  dayOf,
  monthOf,
  permissionFor,
  standingsOf,
  type BudgetUse,
  type PaidRequest,
  type Permission,
} from '../../domain/costs.js';
import type { CallRequest, ProviderSettings } from '../../ports.js';
import {
  bookFile,
  budgetFolder,
  hold,
  nameOf,
  openBook,
  settle,
  useOf,
  writeBook,
  type BookLine,
  type BudgetBook,
  type RequestPlace,
} from './budget-book.js';
import { appendLine, ledgerFault, type Ledger } from './ledger.js';
import { answerIn, requestsOf, type LedgerRow } from './ledger-rows.js';
import { Line, type Away } from './line.js';

export type Reserved = Extract<Permission, { kind: 'granted' | 'refused' }> | Away;

export interface Budgets {
  /**
   * Whether the request may be sent, or when to ask again; null if the signal aborts before that is known. Once granted, it
   * has to be settled.
   * Rejects with a PortFault if the book cannot be written.
   */
  reserve(
    request: Pick<CallRequest, 'lineage' | 'callId' | 'provider'>,
    about: { readonly send: number; readonly mostUsdMicros: number },
    signal: AbortSignal,
  ): Promise<Reserved | null>;
  /**
   * Books what has become of a request that was let through, and of earlier ones of its call; by `rows`, it may never have been
   * sent. Never rejects: what is not written down stays held, until the ledger is read again.
   */
  settle(
    request: Pick<CallRequest, 'lineage' | 'callId' | 'provider'>,
    send: number,
    rows: readonly LedgerRow[],
  ): Promise<void>;
}

/** After so many lines a book is written anew, with one line a day: a process may live for months. */
const LINES_MAX = 10_000;

interface Account {
  readonly book: BudgetBook;
  /** Names of held requests that this process has let through. */
  readonly underWay: Set<string>;
  readonly waiting: Line<Turn>;
  lines: number;
  /** Writes follow each other. */
  written: Promise<void>;
}

interface Asked {
  readonly provider: ProviderSettings;
  readonly place: RequestPlace;
  readonly mostUsdMicros: number;
}

/** `nextMonth`: the book that was waited at is closed. */
type Turn = Exclude<Reserved, Away> | 'nextMonth';

export interface BudgetParts {
  readonly home: string;
  readonly ledger: Pick<Ledger, 'read'>;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export function createBudgets(parts: BudgetParts): Budgets {
  const { home, now = Date.now } = parts;
  const accounts = createAccounts(parts);
  const unbooked = new Set<string>();

  /** A call that is not booked makes the book incomplete; it is made anew when there is a budget again. */
  const leaveBook = async (provider: string): Promise<void> => {
    if (unbooked.has(provider)) return;
    await rm(budgetFolder(home, provider), { recursive: true, force: true });
    accounts.drop(provider);
    unbooked.add(provider);
  };

  const permissionOf = async (asked: Asked, signal: AbortSignal): Promise<Reserved | null> => {
    for (;;) {
      const account = await accounts.open(asked.provider.name);
      const permission = await inTurn(account, asked, signal, now);
      if (permission === 'nextMonth') continue;
      if (permission?.kind !== 'granted') return permission;
      const held = { ...asked.place, day: dayOf(now()), usdMicros: asked.mostUsdMicros };
      await accounts
        .write(asked.provider.name, account, { kind: 'held', ...held }, true)
        .catch(async (error: unknown) => {
          await accounts.book(asked.provider.name, asked.place, 0);
          throw error;
        });
      return permission;
    }
  };

  return {
    async reserve({ lineage, callId, provider }, { send, mostUsdMicros }, signal) {
      try {
        if (provider.budget === undefined) {
          await leaveBook(provider.name);
          return { kind: 'granted' };
        }
        unbooked.delete(provider.name);
        return await permissionOf({ provider, place: { lineage, callId, send }, mostUsdMicros }, signal);
      } catch (error) {
        throw ledgerFault(error);
      }
    },
    async settle({ lineage, callId, provider: { name, budget } }, send, rows) {
      if (budget === undefined) return;
      const requests = requestsOf(lineage, callId, rows);
      for (const request of requests)
        if (isSettled(request, rows)) await accounts.book(name, request, request.costUsdMicros);
      const place = { lineage, callId, send };
      if (requests.some((request) => request.send === send)) await accounts.abandon(name, place);
      else await accounts.book(name, place, 0);
    },
  };
}

/** The books that this process has open, by provider and month. */
interface Accounts {
  open(provider: string): Promise<Account>;
  drop(provider: string): void;
  /** Puts the cost of a request in the place of what is held for it; nothing if nothing is. */
  book(provider: string, place: RequestPlace, usdMicros: number): Promise<void>;
  /** Nobody will settle it: what it holds counts as spent, and who waits for it need not. */
  abandon(provider: string, place: RequestPlace): Promise<void>;
  /** @param durable what is held must be known after a power cut; what is settled is found in the ledger */
  write(provider: string, account: Account, line: BookLine, durable: boolean): Promise<void>;
}

function createAccounts({ home, ledger, now = Date.now }: BudgetParts): Accounts {
  const opened = new Map<string, Promise<Account>>();

  const ofProvider = (provider: string): readonly string[] =>
    [...opened.keys()].filter((key) => key.startsWith(`${provider} `));

  const append = async (provider: string, account: Account, line: BookLine, durable: boolean): Promise<void> => {
    account.lines += 1;
    if (account.lines < LINES_MAX) return await appendLine(bookFile(home, provider, account.book.month), line, durable);
    await writeBook(home, provider, account.book);
    account.lines = 0;
  };

  const write: Accounts['write'] = (provider, account, line, durable) => {
    const written = account.written.then(() => append(provider, account, line, durable));
    account.written = written.catch(() => undefined); // the one whose line it is hears of it
    return written;
  };

  /** The one in which the request is held: it may have begun in the month before. */
  const holding = async (provider: string, place: RequestPlace): Promise<Account | null> => {
    for (const key of ofProvider(provider)) {
      const account = await opened.get(key)?.catch(() => null);
      if (account?.book.held.has(nameOf(place)) === true) return account;
    }
    return null;
  };

  return {
    write,
    open(provider) {
      const key = `${provider} ${monthOf(now())}`;
      const known = opened.get(key);
      if (known !== undefined) return known;
      const opening = openBook({ home, ledger, provider }, now()).then((book): Account => ({
        book,
        underWay: new Set(),
        // The money is kept for who is away: else small calls would pass a large one by for ever.
        waiting: new Line<Turn>({ keepsForAway: true }),
        lines: 0,
        written: Promise.resolve(),
      }));
      opened.set(key, opening);
      opening.catch(() => opened.delete(key)); // a disk that was full may have room later
      return opening;
    },
    drop(provider) {
      for (const key of ofProvider(provider)) opened.delete(key);
    },
    async book(provider, { lineage, callId, send }, usdMicros) {
      const place = { lineage, callId, send };
      const account = await holding(provider, place);
      if (account === null) return;
      settle(account.book, place, usdMicros);
      account.underWay.delete(nameOf(place));
      account.waiting.advance();
      // What is lost here is found in the ledger when the book is opened again.
      await write(provider, account, { kind: 'settled', ...place, usdMicros }, false).catch(() => undefined);
    },
    async abandon(provider, place) {
      const account = await holding(provider, place);
      if (account === null) return;
      account.underWay.delete(nameOf(place));
      account.waiting.advance();
    },
  };
}

/** What is in doubt may still turn out to have cost as much as the answer to the same prompt. */
const isSettled = ({ state }: PaidRequest, rows: readonly LedgerRow[]): boolean =>
  state === 'answered' || state === 'failed' || (state === 'inDoubt' && answerIn(rows) !== null);

/** When the ones before it have been let through and its own turn has come; the limits are those that it was asked with. */
function inTurn(
  { book, underWay, waiting }: Account,
  { provider, place, mostUsdMicros }: Asked,
  signal: AbortSignal,
  now: () => number,
): Promise<Turn | Away | null> {
  const tryNow = (claimed: number): Turn | null => {
    const nowMs = now();
    if (book.month !== monthOf(nowMs)) return 'nextMonth';
    const { day, month } = useOf(book, dayOf(nowMs), (name) => underWay.has(name));
    const use = { day: withClaims(day, claimed), month: withClaims(month, claimed) };
    const permission = permissionFor(standingsOf(provider.budget ?? {}, use, nowMs), mostUsdMicros);
    if (permission.kind === 'later') return null;
    if (permission.kind === 'granted') {
      // At once, so that the next in the queue sees it.
      hold(book, { ...place, day: dayOf(nowMs), usdMicros: mostUsdMicros });
      underWay.add(nameOf(place));
    }
    return permission;
  };
  const key = `${place.lineage}/${place.callId}`;
  return waiting.wait({ key, weight: mostUsdMicros, tryNow }, signal);
}

const withClaims = (use: BudgetUse, claimed: number): BudgetUse => ({
  ...use,
  reservedUsdMicros: use.reservedUsdMicros + claimed,
});
