/**
 * A forge over HTTP that plays the parts of GitHub's and Gitea's API that weaver uses, in the shapes of their answers. It keeps
 * pull requests as the real ones do: one open for each pair of branches, a second one is refused in its own way.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ForgeKind } from '../../../src/adapters/forge/dialect';

export const OWNER = 'ada';
export const NAME = 'value';
export const TOKEN = 'ghp_playedTokenOfTheForge0123456789ab';

export interface PlayedPull {
  readonly number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  readonly branch: string;
  readonly base: string;
  readonly sha: string;
  readonly draft: boolean;
  /** `owner/name` that has the branch. */
  readonly from: string;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** Answers in the forge's place; false leaves it to the forge. */
export type Interception = (request: SeenRequest, response: ServerResponse) => boolean;

export interface PlayedForge {
  readonly origin: string;
  readonly apiUrl: string;
  readonly pulls: PlayedPull[];
  readonly requests: SeenRequest[];
  readonly labels: unknown[];
  readonly reviewers: unknown[];
  /** Asked for each request until it answers one, then forgotten. */
  intercept(next: Interception): void;
  count(method: string, end: string): number;
  stop(): Promise<void>;
}

export interface PlayedOptions {
  readonly kind: ForgeKind;
  /** Commit of a branch. */
  readonly shaOf?: (branch: string) => string;
  /** What is no API. */
  readonly other?: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function playForge({ kind, shaOf = () => 'c0ffee', other }: PlayedOptions): Promise<PlayedForge> {
  const pulls: PlayedPull[] = [];
  const requests: SeenRequest[] = [];
  const [labels, reviewers]: [unknown[], unknown[]] = [[], []];
  const waiting: Interception[] = [];
  const prefix = kind === 'github' ? '/api/v3' : '/api/v1';

  const shape = (pull: PlayedPull) => ({
    number: pull.number,
    html_url: `${origin}/${OWNER}/${NAME}/${kind === 'github' ? 'pull' : 'pulls'}/${pull.number}`,
    state: pull.state,
    title: pull.title,
    // Gitea gives null to nobody, GitHub where the body is empty.
    body: pull.body === '' && kind === 'github' ? null : pull.body,
    draft: pull.draft,
    head: { label: pull.branch, ref: pull.branch, sha: pull.sha, repo: { full_name: pull.from } },
    base: { label: pull.base, ref: pull.base, repo: { full_name: `${OWNER}/${NAME}` } },
  });

  const list = (query: URLSearchParams): readonly unknown[] => {
    const page = Number(query.get('page') ?? '1');
    const size = Number(query.get(kind === 'github' ? 'per_page' : 'limit') ?? '30');
    const head = kind === 'github' ? query.get('head') : null;
    const state = query.get('state') ?? 'open';
    return pulls
      .filter((pull) => state === 'all' || pull.state === state)
      .filter((pull) => head === null || head === `${pull.from.split('/')[0]}:${pull.branch}`)
      .toSorted((a, b) => b.number - a.number)
      .slice((page - 1) * size, page * size)
      .map(shape);
  };

  const make = (body: Readonly<Record<string, string>>, response: ServerResponse): void => {
    const { title = '', head = '', base = '', body: text = '' } = body;
    if (
      pulls.some(
        (pull) =>
          pull.state === 'open' && pull.branch === head && pull.base === base && pull.from === `${OWNER}/${NAME}`,
      )
    ) {
      const message = `A pull request already exists for ${OWNER}:${head}.`;
      if (kind === 'github')
        send(response, 422, {
          message: 'Validation Failed',
          errors: [{ resource: 'PullRequest', code: 'custom', message }],
          documentation_url: 'https://docs.example.org',
        });
      else send(response, 409, { message: 'pull request already exists for these targets', url: origin });
      return;
    }
    const made = { number: pulls.length + 1, title, body: text, state: 'open', branch: head, base } as const;
    pulls.push({
      ...made,
      sha: shaOf(head),
      draft: (body as Readonly<Record<string, unknown>>)['draft'] === true,
      from: `${OWNER}/${NAME}`,
    });
    send(response, 201, shape(pulls.at(-1) as PlayedPull));
  };

  const api = (seen: SeenRequest, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(seen.path, origin);
    const place = `${prefix}/repos/${OWNER}/${NAME}`;
    if (!seen.authorization.endsWith(TOKEN)) return send(response, 401, { message: 'Bad credentials' });
    if (!pathname.startsWith(place)) return send(response, 404, { message: 'Not Found' });
    const rest = pathname.slice(place.length);
    const body = seen.body as Readonly<Record<string, string>>;
    if (rest === '/pulls' && seen.method === 'GET') return send(response, 200, list(searchParams));
    if (rest === '/pulls' && seen.method === 'POST') return make(body, response);
    const pull = pulls.find(({ number }) => rest.split('/')[2] === String(number));
    if (pull === undefined) return send(response, 404, { message: 'Not Found' });
    if (seen.method === 'PATCH') {
      pull.title = body['title'] ?? pull.title;
      pull.body = body['body'] ?? pull.body;
      pull.state = body['state'] === 'closed' ? 'closed' : pull.state;
      return send(response, kind === 'github' ? 200 : 201, shape(pull));
    }
    (rest.endsWith('/labels') ? labels : reviewers).push(seen.body);
    send(response, kind === 'github' && rest.endsWith('/labels') ? 200 : 201, []);
  };

  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (!path.startsWith(prefix)) return other === undefined ? send(response, 404, {}) : other(request, response);
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    request.on('end', () => {
      const body: unknown = text === '' ? null : JSON.parse(text);
      const seen = { method: request.method ?? '', path, authorization: request.headers.authorization ?? '', body };
      requests.push(seen);
      const taken = waiting.findIndex((next) => next(seen, response));
      if (taken >= 0) waiting.splice(taken, 1);
      else api(seen, response);
    });
  });
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    apiUrl: `${origin}${prefix}`,
    pulls,
    requests,
    labels,
    reviewers,
    intercept: (next) => void waiting.push(next),
    count: (method, end) =>
      requests.filter((seen) => seen.method === method && seen.path.split('?', 1)[0]?.endsWith(end) === true).length,
    stop: () =>
      new Promise<void>((settle) => {
        server.close(() => settle());
        server.closeAllConnections();
      }),
  };
}

export function send(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}
