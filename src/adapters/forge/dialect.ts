/** In what the APIs of the forges differ. */
import { isMap } from '../../domain/plain-object.js';
import type { ForgeSettings, PullRequestWish } from '../../ports.js';
import type { ForgeRepository } from './repository.js';

export type ForgeKind = ForgeSettings['kind'];

/** A pull request, as far as it matters. */
export interface SeenPullRequest {
  readonly number: number;
  readonly url: string;
  readonly isOpen: boolean;
  readonly branch: string;
  /** `owner/name` of where the branch is; null if that is gone. */
  readonly from: string | null;
  readonly commit: string;
  readonly title: string;
  readonly body: string;
}

export interface Dialect {
  headers(token: string): Readonly<Record<string, string>>;
  /** Queries of the lists to look through, the open ones first. */
  lists(repository: ForgeRepository, branch: string): readonly { readonly query: string; readonly pagesMax: number }[];
  /** Whether two may be made at the same moment. */
  readonly makesTwins: boolean;
  /** What is posted to make one. */
  creation(wish: PullRequestWish, body: string): Readonly<Record<string, unknown>>;
}

/** The most that both give at once. */
export const PAGE_SIZE = 50;
/** A thousand open ones: a forge without a filter by branch is read through, newest first. */
const PAGES_MAX = 20;

export const DIALECTS: Readonly<Record<ForgeKind, Dialect>> = {
  github: {
    headers: (token) => ({
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      'user-agent': 'weaver',
    }),
    lists: ({ owner }, branch) => [
      { query: `state=all&head=${encodeURIComponent(`${owner}:${branch}`)}`, pagesMax: 1 },
    ],
    makesTwins: false,
    creation: ({ title, branch, baseBranch, draft }, body) => ({ title, head: branch, base: baseBranch, body, draft }),
  },
  gitea: {
    headers: (token) => ({ authorization: `token ${token}`, accept: 'application/json', 'user-agent': 'weaver' }),
    lists: () => [
      { query: 'state=open', pagesMax: PAGES_MAX },
      { query: 'state=closed&sort=recentupdate', pagesMax: 1 },
    ],
    makesTwins: true,
    // A draft there is a word in front of the title.
    creation: ({ title, branch, baseBranch, draft }, body) => ({
      title: draft ? `WIP: ${title}` : title,
      head: branch,
      base: baseBranch,
      body,
    }),
  },
};

/** Null if it is not the shape that both forges give. */
export function seenPullRequest(value: unknown): SeenPullRequest | null {
  if (!isMap(value)) return null;
  const { number, html_url: url, state, head, title, body } = value;
  if (typeof number !== 'number' || typeof url !== 'string' || !isMap(head)) return null;
  const { ref, sha, repo } = head;
  const from = isMap(repo) && typeof repo['full_name'] === 'string' ? repo['full_name'] : null;
  return {
    number,
    url: /^https?:\/\//.test(url) ? url.slice(0, URL_CHARACTERS_MAX) : '',
    isOpen: state === 'open',
    branch: typeof ref === 'string' ? ref : '',
    from,
    commit: typeof sha === 'string' ? sha : '',
    title: typeof title === 'string' ? title : '',
    body: typeof body === 'string' ? body : '',
  };
}

const URL_CHARACTERS_MAX = 1_000;
