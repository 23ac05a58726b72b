/**
 * Permits for what tasks share: a branch that one task writes to, a repository that a few may work on. The book of one such
 * thing says who has a permit and who waits; the workflow `permits` keeps it. Pure.
 */
import { fnv1a } from './lineage.js';
import { fieldText } from './task.js';

/** Names of the workflow and its signals, for the activity that starts it. */
export const PERMITS_WORKFLOW = 'permits';
export const ASK_PERMIT_SIGNAL = 'askPermit';
export const RETURN_PERMIT_SIGNAL = 'returnPermit';

/** What a task wants to have before it goes on. */
export interface PermitWish {
  /** `branch/<hash>` or `repo/<hash>`. */
  readonly name: string;
  /** Tasks that may have it at once. */
  readonly capacity: number;
  /** What people read: `branch main of app.git`. At most 200 characters. */
  readonly words: string;
}

export interface PermitRequest {
  readonly taskId: string;
  /** New for each time a task asks; a return names it, so that a late one takes no later permit away. */
  readonly requestId: string;
  readonly capacity: number;
  /** 1 (first) to 5 (last). */
  readonly priority: number;
}

export interface PermitHolder {
  readonly taskId: string;
  readonly requestId: string;
  /** Whether the task has been told. */
  readonly told: boolean;
}

export interface PermitWaiter extends Omit<PermitHolder, 'told'> {
  readonly priority: number;
  /** How many later ones went before it. */
  readonly overtaken: number;
  /** The holder that it was told of; null before it has been told anything. */
  readonly toldOf: string | null;
}

export interface PermitBook {
  readonly capacity: number;
  /** In the order of the grants. */
  readonly holders: readonly PermitHolder[];
  /** In the order of the requests. */
  readonly waiting: readonly PermitWaiter[];
  /** Asked when the queue was full; they are told so, and ask again. */
  readonly refused: readonly Pick<PermitHolder, 'taskId' | 'requestId'>[];
}

/** What the keeper says to a task. */
export type PermitAnswer =
  | { readonly kind: 'granted'; readonly requestId: string }
  /** `holder` is a task that has a permit; `ahead` are those that asked before. */
  | { readonly kind: 'waits'; readonly requestId: string; readonly holder: string; readonly ahead: number }
  | { readonly kind: 'full'; readonly requestId: string };

/** With ids of 200 characters the book still fits into the 256 KB of a start input when the workflow continues as new. */
export const PERMIT_WAITERS_MAX = 500;

/** Urgent tasks go first, but nobody is passed by more often than this: a stream of them must not starve the others. */
const OVERTAKEN_MAX = 10;

export const NO_PERMITS: PermitBook = { capacity: 1, holders: [], waiting: [], refused: [] };

export const isUnused = ({ holders, waiting, refused }: PermitBook): boolean =>
  holders.length === 0 && waiting.length === 0 && refused.length === 0;

/** Asking twice is asking once; a task that was reset asks anew and keeps its place, or its permit. */
export function askFor(book: PermitBook, { taskId, requestId, capacity, priority }: PermitRequest): PermitBook {
  const known = { ...book, capacity: Math.max(1, capacity) };
  if (book.holders.some((holder) => holder.taskId === taskId))
    return {
      ...known,
      holders: book.holders.map((one) => (one.taskId === taskId ? { taskId, requestId, told: false } : one)),
    };
  const waiter: PermitWaiter = { taskId, requestId, priority, overtaken: 0, toldOf: null };
  if (book.waiting.some((waiting) => waiting.taskId === taskId))
    return {
      ...known,
      waiting: book.waiting.map((one) => (one.taskId === taskId ? { ...waiter, overtaken: one.overtaken } : one)),
    };
  if (book.waiting.length >= PERMIT_WAITERS_MAX) return { ...known, refused: [...book.refused, { taskId, requestId }] };
  return { ...known, waiting: [...book.waiting, waiter] };
}

/** A permit, or a place in the queue, that is not known (any more) changes nothing. */
export function giveBack(book: PermitBook, requestId: string): PermitBook {
  const others = <T extends { readonly requestId: string }>(all: readonly T[]): readonly T[] =>
    all.filter((one) => one.requestId !== requestId);
  return { ...book, holders: others(book.holders), waiting: others(book.waiting), refused: others(book.refused) };
}

/** Gives what is free to those whose turn it is. */
export function grantFree(book: PermitBook): PermitBook {
  let now = book;
  while (now.holders.length < now.capacity && now.waiting.length > 0) now = grantNext(now);
  return now;
}

/** What has to be said now, each with the task that it is for. */
export function answersDue(book: PermitBook): readonly { readonly taskId: string; readonly answer: PermitAnswer }[] {
  const { holders, waiting, refused } = book;
  return [
    ...holders
      .filter(({ told }) => !told)
      .map(({ taskId, requestId }) => ({ taskId, answer: { kind: 'granted', requestId } as const })),
    ...waiting.flatMap((waiter, ahead) =>
      isToBeTold(book, waiter, ahead)
        ? [
            {
              taskId: waiter.taskId,
              answer: { kind: 'waits', requestId: waiter.requestId, holder: firstHolder(book), ahead } as const,
            },
          ]
        : [],
    ),
    ...refused.map(({ taskId, requestId }) => ({ taskId, answer: { kind: 'full', requestId } as const })),
  ];
}

/** Books that an answer has reached its task. */
export function answered(book: PermitBook, answer: PermitAnswer): PermitBook {
  const { requestId } = answer;
  switch (answer.kind) {
    case 'granted':
      return {
        ...book,
        holders: book.holders.map((one) => (one.requestId === requestId ? { ...one, told: true } : one)),
      };
    case 'waits':
      return {
        ...book,
        waiting: book.waiting.map((one) => (one.requestId === requestId ? { ...one, toldOf: answer.holder } : one)),
      };
    case 'full':
      return { ...book, refused: book.refused.filter((one) => one.requestId !== requestId) };
    default:
      throw new TypeError(`unknown answer ${JSON.stringify(answer satisfies never)}`);
  }
}

/** When it asks, and when it has become the first and the holder is another by then: at most two messages a waiter and holder. */
const isToBeTold = ({ holders }: PermitBook, { toldOf }: PermitWaiter, ahead: number): boolean =>
  toldOf === null || (ahead === 0 && !holders.some(({ taskId }) => taskId === toldOf));

const firstHolder = ({ holders }: PermitBook): string => holders[0]?.taskId ?? '';

function grantNext(book: PermitBook): PermitBook {
  const turn = whoseTurn(book.waiting);
  const next = book.waiting[turn];
  if (next === undefined) return book;
  const { taskId, requestId } = next;
  const waiting = book.waiting
    .map((one, at) => (at < turn ? { ...one, overtaken: one.overtaken + 1 } : one))
    .filter((one) => one !== next);
  return { ...book, waiting, holders: [...book.holders, { taskId, requestId, told: false }] };
}

function whoseTurn(waiting: readonly PermitWaiter[]): number {
  const patient = waiting.findIndex(({ overtaken }) => overtaken >= OVERTAKEN_MAX);
  if (patient >= 0) return patient;
  const urgent = Math.min(...waiting.map(({ priority }) => priority));
  return waiting.findIndex(({ priority }) => priority === urgent);
}

/** Only a task that names its branch can meet another on it: the names that weaver makes up are unique. `repo` is not validated yet. */
export function branchWishes(repo: unknown): readonly PermitWish[] {
  const [url, branch] = [fieldText(repo, 'url'), fieldText(repo, 'branch')];
  if (branch === '' || url === '') return [];
  const words = `branch ${branch} of ${repositoryName(url)}`.slice(0, WORDS_CHARACTERS_MAX);
  return [{ name: `${BRANCH_WISH}${fnv1a(`${repositoryKey(url)} ${branch}`)}`, capacity: 1, words }];
}

const BRANCH_WISH = 'branch/';

/** Held for as long as the task lives, also while it waits for somebody; a place at a repository only while it works. */
export const isHeldForLife = ({ name }: PermitWish): boolean => name.startsWith(BRANCH_WISH);

/** `capacity` tasks at once on a repository; without a limit nobody asks. */
export function repositoryWishes(url: string, capacity: number | undefined): readonly PermitWish[] {
  if (capacity === undefined || url === '') return [];
  const words = `one of ${capacity} places at ${repositoryName(url)}`.slice(0, WORDS_CHARACTERS_MAX);
  return [{ name: `repo/${fnv1a(repositoryKey(url))}`, capacity, words }];
}

const WORDS_CHARACTERS_MAX = 200;

/** What the server takes as a fairness key, in bytes. */
const FAIRNESS_KEY_BYTES_MAX = 64;

/** The repository as a fairness key: tasks of one repository take turns with those of others. ASCII, at most 64 bytes. */
export function fairnessKeyOf(url: string): string {
  const slug = repositoryName(url).replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  const hash = fnv1a(repositoryKey(url));
  return `${slug.slice(0, FAIRNESS_KEY_BYTES_MAX - hash.length - 1)}-${hash}`;
}

/**
 * One repository has several addresses: by https, by ssh, as `git@host:path`, as a folder or a file:// address, with a user, a
 * port that goes without saying, `.git`, slashes too many, or the host in capitals. Two that are taken for one by mistake
 * only wait for each other; one that is taken for two is worked on by two tasks at once.
 */
function repositoryKey(url: string): string {
  const [, scheme = '', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(url) ?? [];
  if (scheme.toLowerCase() === 'file') return pathKey(rest.replace(/^localhost\//i, '/'));
  if (scheme !== '') return hostKey(rest, PORTS[scheme.toLowerCase()]);
  // As git reads it: a colon before the first slash divides a host from a path.
  const [, host, path] = /^([^/:]+):(.*)$/s.exec(rest) ?? [];
  return host === undefined || path === undefined ? pathKey(rest) : hostKey(`${host}/${path}`, undefined);
}

/** The ports that an address need not name. */
const PORTS: Readonly<Record<string, string>> = {
  https: '443',
  http: '80',
  ssh: '22',
  'git+ssh': '22',
  git: '9418',
};

function hostKey(address: string, port: string | undefined): string {
  const slash = address.indexOf('/');
  const [authority, path] = slash < 0 ? [address, ''] : [address.slice(0, slash), address.slice(slash)];
  const host = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
  const short = port !== undefined && host.endsWith(`:${port}`) ? host.slice(0, -port.length - 1) : host;
  return `${short}${pathKey(`/${path}`)}`;
}

/** Without slashes and dots that lead nowhere. */
function pathKey(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  return `${path.startsWith('/') ? '/' : ''}${kept.join('/')}`.replace(/\.git$/, '');
}

const repositoryName = (url: string): string => url.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? url;
