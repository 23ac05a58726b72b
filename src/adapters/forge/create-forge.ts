/**
 * Pull requests at GitHub and at Gitea or Forgejo, whose APIs are nearly the same; dialect.ts has the rest.
 * Looked for by the branch, made if there is none, looked for again where the making is refused: then somebody was faster, or a
 * request whose answer was lost.
 */
import {
  PortFault,
  type Forge,
  type ForgeSettings,
  type OpenedPullRequest,
  type PullRequestWish,
} from '../../ports.js';
import { DIALECTS, PAGE_SIZE, seenPullRequest, type ForgeKind, type SeenPullRequest } from './dialect.js';
import { askForge, type ForgeAnswer, type ForgeApi, type ForgeRequest } from './forge-request.js';
import { repositoryOf, type ForgeRepository } from './repository.js';

export interface ForgeOptions {
  /** By host, in lower case, with or without its port. */
  readonly forgeOf: (host: string) => ForgeSettings | undefined;
  readonly tokenOf: (variable: string) => string | undefined;
  readonly redact: (text: string) => string;
  readonly timeoutMs?: number;
}

/** A forge answers in a second or two; this is one on a bad day. */
const TIMEOUT_MS = 30_000;

interface Place {
  readonly repository: ForgeRepository;
  readonly kind: ForgeKind;
  /** `/repos/owner/name` */
  readonly path: string;
  readonly api: ForgeApi;
}

export function createForge(options: ForgeOptions): Forge {
  return {
    ensureKnown: (url) => void known(options, url),
    async open(wish) {
      try {
        return await open(placeOf(options, wish), wish);
      } catch (thrown) {
        if (!(thrown instanceof PortFault)) throw thrown;
        const { code, message, retryable, retryAfterMs } = thrown;
        const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
        // Without its cause, whose words are those of the forge.
        throw new PortFault(code, options.redact(message), retryable, pause);
      }
    },
  };
}

function known({ forgeOf, tokenOf }: ForgeOptions, url: string) {
  const repository = repositoryOf(url);
  if (repository === null) throw new PortFault('forgeUnknown', 'Its address names no host, owner and name.', false);
  const { host } = repository;
  const settings = forgeOf(host) ?? forgeOf(host.replace(/:\d+$/, ''));
  if (settings === undefined) throw new PortFault('forgeUnknown', `forges names no ${host}.`, false);
  const token = tokenOf(settings.tokenVariable);
  if (token === undefined) throw new PortFault('forgeCredentials', `${settings.tokenVariable} is not set.`, false);
  return { repository, settings, token };
}

function placeOf(options: ForgeOptions, { url, signal }: PullRequestWish): Place {
  const { repository, settings, token } = known(options, url);
  const { kind, apiUrl } = settings;
  const { owner, name } = repository;
  return {
    repository,
    kind,
    path: `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`,
    api: { apiUrl, headers: DIALECTS[kind].headers(token), timeoutMs: options.timeoutMs ?? TIMEOUT_MS, signal },
  };
}

async function open(place: Place, wish: PullRequestWish): Promise<OpenedPullRequest> {
  const found = (await find(place, wish)) ?? (await create(place, wish));
  if (!found.isOpen) return { ...idOf(found), notes: [] };
  await update(place, wish, found);
  return { ...idOf(found), notes: await decorate(place, wish, found.number) };
}

const idOf = ({ url, number }: SeenPullRequest) => ({ url, number });

/** The open one of the branch; else the closed one of this very commit, which somebody has finished with. */
async function find(place: Place, wish: PullRequestWish): Promise<SeenPullRequest | null> {
  const { repository, kind } = place;
  const own = `${repository.owner}/${repository.name}`.toLowerCase();
  const isOurs = ({ branch, from }: SeenPullRequest) => branch === wish.branch && from?.toLowerCase() === own;
  const ended: SeenPullRequest[] = [];
  for (const { query, pagesMax } of DIALECTS[kind].lists(repository, wish.branch))
    for (let page = 1; page <= pagesMax; page += 1) {
      const seen = await list(place, `${query}&page=${page}`);
      const ours = seen.filter(isOurs);
      const opened = ours.find(({ isOpen }) => isOpen);
      if (opened !== undefined) return opened;
      ended.push(...ours.filter(({ commit }) => commit === wish.commit));
      if (seen.length === 0) break;
    }
  return ended[0] ?? null;
}

async function list(place: Place, query: string): Promise<readonly SeenPullRequest[]> {
  // GitHub says per_page, Gitea limit, and each ignores the other's.
  const path = `${place.path}/pulls?${query}&per_page=${PAGE_SIZE}&limit=${PAGE_SIZE}`;
  const value = valueOf(await askForge(place.api, { method: 'GET', path }));
  if (!Array.isArray(value)) throw new PortFault('forgeUnreachable', 'its list of pull requests is none', true);
  return value.map(seenPullRequest).filter((one) => one !== null);
}

async function create(place: Place, wish: PullRequestWish): Promise<SeenPullRequest> {
  const body = DIALECTS[place.kind].creation(wish, wish.body(''));
  const answer = await askForge(place.api, { method: 'POST', path: `${place.path}/pulls`, body });
  if (answer.kind === 'done') return await withoutTwins(place, shown(answer.value));
  const faster = await find(place, wish);
  if (faster !== null) return faster;
  throw new PortFault('forgeRefused', answer.says, false);
}

/**
 * Gitea looks for another one and makes its own in two steps: who asks in the same moment makes a second one. Then each of them
 * keeps the first and closes the others, whoever made them. They are alike to the last word, so none of them is a person's.
 */
async function withoutTwins(place: Place, made: SeenPullRequest): Promise<SeenPullRequest> {
  if (!DIALECTS[place.kind].makesTwins) return made;
  const keys = ['branch', 'from', 'commit', 'title', 'body'] as const;
  const seen = await list(place, 'state=open&page=1');
  const twins = seen.filter((one) => one.number !== made.number && keys.every((key) => one[key] === made[key]));
  const [first = made, ...others] = [made, ...twins].toSorted((a, b) => a.number - b.number);
  for (const { number } of others) {
    const path = `${place.path}/pulls/${number}`;
    // One that somebody has merged meanwhile is closed enough: whatever is said to it, the first is there.
    await askForge(place.api, { method: 'PATCH', path, body: { state: 'closed' } });
  }
  return first;
}

/** What has been made a moment ago is as it should be. */
async function update(place: Place, wish: PullRequestWish, { number, title, body }: SeenPullRequest): Promise<void> {
  const wanted = wish.body(body);
  const titles = [wish.title, String(DIALECTS[place.kind].creation(wish, '')['title'])];
  const changes = {
    ...(wanted === body.replaceAll('\r\n', '\n') ? {} : { body: wanted }),
    // A draft that somebody has made ready stays so.
    ...(!wish.setsTitle || titles.includes(title) ? {} : { title: wish.title }),
  };
  if (Object.keys(changes).length === 0) return;
  valueOf(await askForge(place.api, { method: 'PATCH', path: `${place.path}/pulls/${number}`, body: changes }));
}

/** Labels are added, reviewers asked: also the second time, for there is something new to look at. */
async function decorate(
  place: Place,
  { labels, reviewers }: PullRequestWish,
  number: number,
): Promise<readonly string[]> {
  const { path } = place;
  const team_reviewers = reviewers.flatMap((name) => name.split('/').slice(1));
  const users = reviewers.filter((name) => !name.includes('/'));
  const wishes: readonly (readonly [string, ForgeRequest])[] = [
    ...(labels.length === 0 ? [] : [['labels', post(`${path}/issues/${number}/labels`, { labels })] as const]),
    ...(reviewers.length === 0
      ? []
      : [
          [
            'reviewers',
            post(`${path}/pulls/${number}/requested_reviewers`, { reviewers: users, team_reviewers }),
          ] as const,
        ]),
  ];
  const notes: string[] = [];
  for (const [what, request] of wishes) {
    const says = await refusal(place, request);
    if (says !== null) notes.push(`${what}: ${says}`);
  }
  return notes;
}

const post = (path: string, body: unknown): ForgeRequest => ({ method: 'POST', path, body });

/** The pull request is there: a name that the forge does not know, or a right that the token lacks, is worth a line. */
async function refusal({ api }: Place, request: ForgeRequest): Promise<string | null> {
  try {
    const answer = await askForge(api, request);
    return answer.kind === 'refused' ? answer.says : null;
  } catch (thrown) {
    if (thrown instanceof PortFault && !thrown.retryable) return thrown.message;
    throw thrown;
  }
}

function valueOf(answer: ForgeAnswer): unknown {
  if (answer.kind === 'refused') throw new PortFault('forgeRefused', answer.says, false);
  return answer.value;
}

function shown(value: unknown): SeenPullRequest {
  const seen = seenPullRequest(value);
  if (seen === null) throw new PortFault('forgeUnreachable', 'its answer names no pull request', true);
  return seen;
}
