/** Pull requests at a forge that is played over real HTTP, in both dialects. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createForge } from '../../../src/adapters/forge/create-forge';
import type { ForgeKind } from '../../../src/adapters/forge/dialect';
import { repositoryOf } from '../../../src/adapters/forge/repository';
import { PortFault, type Forge, type PullRequestWish } from '../../../src/ports';
import { NAME, OWNER, playForge, send, TOKEN, type Interception, type PlayedForge } from './played-forge';
import { aWish } from './wishes';

const BRANCH = 'weaver/make-it-right-ab12cd34';
const COMMIT = 'c0ffee';
const KINDS: readonly ForgeKind[] = ['github', 'gitea'];

const faultOf = async (opening: Promise<unknown>): Promise<PortFault> => {
  const thrown: unknown = await opening.catch((fault: unknown) => fault);
  if (!(thrown instanceof PortFault)) throw new Error(`no fault: ${JSON.stringify(thrown)}`);
  return thrown;
};

const onPost =
  (answer: Interception): Interception =>
  (request, response) =>
    request.method === 'POST' && request.path.endsWith('/pulls') && answer(request, response);

const bare = () => ({
  title: 'Theirs',
  body: '',
  state: 'open' as const,
  base: 'main',
  draft: false,
  from: `${OWNER}/${NAME}`,
});

describe.each(KINDS)('a pull request at %s', (kind) => {
  let played: PlayedForge;
  beforeEach(async () => {
    played = await playForge({ kind, shaOf: () => COMMIT });
  });
  afterEach(() => played.stop());

  const forgeWith = (token: string | null = TOKEN, timeoutMs = 5_000): Forge =>
    createForge({
      forgeOf: (host) =>
        played.origin.endsWith(host) ? { kind, apiUrl: played.apiUrl, tokenVariable: 'FORGE_TOKEN' } : undefined,
      tokenOf: (variable) => (variable === 'FORGE_TOKEN' ? (token ?? undefined) : undefined),
      redact: (text) => text.replaceAll(TOKEN, '[secret]'),
      timeoutMs,
    });
  const wish = (changes: Partial<PullRequestWish> = {}): PullRequestWish =>
    aWish({ url: `${played.origin}/${OWNER}/${NAME}.git`, branch: BRANCH, commit: COMMIT }, changes);
  const open = (changes: Partial<PullRequestWish> = {}) => forgeWith().open(wish(changes));

  it('is made from the branch onto its base', async () => {
    const opened = await open();
    expect(opened).toEqual({ number: 1, url: expect.stringContaining(`/${OWNER}/${NAME}/pull`), notes: [] });
    expect(played.pulls).toMatchObject([
      { branch: BRANCH, base: 'main', title: 'Make it right', body: 'What was done.' },
    ]);
  });

  it('stays alone though somebody makes one in the same moment, where the forge lets that happen', async () => {
    // As Gitea shows it to who looks again: another one, alike, and made a little earlier; and one of a person.
    played.intercept(({ method, path }) => {
      const [made] = played.pulls;
      if (method !== 'GET' || made === undefined || !path.includes('state=open')) return false;
      if (played.pulls.length === 1) played.pulls.push({ ...made, number: 0 }, { ...made, number: 7, title: "Ada's" });
      return false;
    });
    expect((await open()).number).toBe(kind === 'gitea' ? 0 : 1);
    expect(played.pulls.map(({ number, state }) => `${number} ${state}`)).toEqual(
      kind === 'gitea' ? ['1 closed', '0 open', '7 open'] : ['1 open'],
    );
  });

  it('is found the second time, and brought up to date beside what people wrote', async () => {
    await open();
    const [pull] = played.pulls;
    if (pull !== undefined) [pull.title, pull.body] = ["Ada's title", 'What was done. I looked.'];
    const again = await open({ body: (present) => present.replace('What was done.', 'More was done.') });
    expect(again.number).toBe(1);
    expect(played.pulls).toMatchObject([{ title: "Ada's title", body: 'More was done. I looked.' }]);
    await open({ title: 'Asked for', setsTitle: true, body: (present) => present });
    expect(played.pulls).toMatchObject([{ title: 'Asked for', body: 'More was done. I looked.' }]);
    expect(played.count('POST', '/pulls')).toBe(1);
  });

  it('changes nothing where nothing is different', async () => {
    await open();
    await open();
    expect(played.count('PATCH', '')).toBe(0);
  });

  it('is one, however many open it at once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => open()));
    expect(new Set(all.map(({ number }) => number))).toEqual(new Set([1]));
    expect(played.pulls).toHaveLength(1);
  });

  it('is found again when the answer to its making was lost', async () => {
    played.intercept(
      onPost((_request, response) => {
        played.pulls.push({ ...bare(), number: 1, branch: BRANCH, sha: COMMIT });
        response.destroy();
        return true;
      }),
    );
    const fault = await faultOf(open());
    expect([fault.code, fault.retryable]).toEqual(['forgeUnreachable', true]);
    expect((await open()).number).toBe(1);
    expect(played.pulls).toHaveLength(1);
  });

  it('that somebody closed stays closed, and a later commit gets a new one', async () => {
    played.pulls.push({ ...bare(), number: 1, branch: BRANCH, sha: COMMIT, state: 'closed' });
    expect((await open()).number).toBe(1);
    expect(played.count('POST', '/pulls')).toBe(0);
    expect((await open({ commit: 'beef' })).number).toBe(2);
  });

  it('is not taken for that of a fork with a branch of the same name', async () => {
    played.pulls.push({ ...bare(), number: 1, branch: BRANCH, sha: COMMIT, from: 'eve/value' });
    expect((await open()).number).toBe(2);
  });

  it('gets labels and reviewers, and stands without those that the forge refuses', async () => {
    const asked = { labels: ['bot'], reviewers: ['grace', 'house/readers'] };
    expect((await open(asked)).notes).toEqual([]);
    expect(played.labels).toEqual([{ labels: ['bot'] }]);
    expect(played.reviewers).toEqual([{ reviewers: ['grace'], team_reviewers: ['readers'] }]);
    played.intercept((request, response) => {
      if (!request.path.endsWith('requested_reviewers')) return false;
      send(response, 422, { message: 'Reviews may only be requested from collaborators.' });
      return true;
    });
    expect((await open(asked)).notes).toEqual([
      expect.stringMatching(/^reviewers: .*HTTP 422, Reviews may only be requested from collaborators\.$/),
    ]);
  });

  it('is a draft where that is asked for', async () => {
    await open({ draft: true });
    expect(played.pulls).toMatchObject([
      kind === 'github' ? { title: 'Make it right', draft: true } : { title: 'WIP: Make it right' },
    ]);
  });

  it('fails for want of a token, of the right one, and of the repository', async () => {
    const unset = await faultOf(forgeWith(null).open(wish()));
    expect(played.requests).toEqual([]);
    const wrong = await faultOf(forgeWith('ghp_anotherToken').open(wish()));
    const hidden = await faultOf(open({ url: `${played.origin}/eve/other.git` }));
    for (const fault of [unset, wrong, hidden])
      expect([fault.code, fault.retryable]).toEqual(['forgeCredentials', false]);
    expect(wrong.message).toContain('Bad credentials');
  });

  it.each([
    ['429 with Retry-After', 429, { 'retry-after': '7' }, 'slow down', 7_000],
    ['403 with Retry-After', 403, { 'retry-after': '2' }, 'You have exceeded a secondary rate limit', 2_000],
    ['403 without a time', 403, {}, 'API rate limit exceeded', 60_000],
    ['403 that is held back for a day', 403, { 'retry-after': '86400' }, 'no', 3_600_000],
  ])('waits as long as a limit says: %s', async (_name, status, headers, message, pauseMs) => {
    played.intercept((_request, response) => (send(response, status, { message }, headers), true));
    const fault = await faultOf(open());
    expect([fault.code, fault.retryable, fault.retryAfterMs]).toEqual(['forgeUnreachable', true, pauseMs]);
  });

  it('waits until the limit is lifted that x-ratelimit-reset names', async () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1_000) + 90) };
    played.intercept((_request, response) => (send(response, 403, { message: 'no more' }, headers), true));
    const { retryAfterMs = 0 } = await faultOf(open());
    expect(retryAfterMs).toBeGreaterThan(60_000);
    expect(retryAfterMs).toBeLessThanOrEqual(91_000);
  });

  it('says that the token lacks a right where 403 is no limit', async () => {
    played.intercept((_request, response) => (send(response, 403, { message: 'Resource not accessible' }), true));
    expect((await faultOf(open())).code).toBe('forgeCredentials');
  });

  it('is refused in the words of the forge, without the token', async () => {
    played.intercept(onPost((_request, response) => (send(response, 422, { message: `No commits, ${TOKEN}` }), true)));
    const fault = await faultOf(open());
    expect([fault.code, fault.retryable]).toEqual(['forgeRefused', false]);
    expect(fault.message).toContain('HTTP 422, No commits, [secret]');
  });

  it.each<[string, Interception]>([
    ['fails', (_request, response) => (send(response, 502, { message: 'bad gateway' }), true)],
    ['hangs', () => true],
    ['hangs up', (_request, response) => (response.destroy(), true)],
    ['answers with a page', (_request, response) => (response.end('<html>maintenance</html>'), true)],
    ['answers with something else', (_request, response) => (send(response, 200, { pulls: [] }), true)],
    ['answers without end', (_request, response) => (pour(response), true)],
  ])('is tried again when the forge %s', async (_name, answer) => {
    played.intercept(answer);
    const fault = await faultOf(forgeWith(TOKEN, 1_000).open(wish()));
    expect([fault.code, fault.retryable]).toEqual(['forgeUnreachable', true]);
  });

  it('does not follow a redirect with the token', async () => {
    const heard: string[] = [];
    const elsewhere = createServer((request, response) => {
      heard.push(request.headers.authorization ?? '');
      response.end('[]');
    });
    await new Promise<void>((settle) => elsewhere.listen(0, '127.0.0.1', settle));
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    played.intercept((_request, response) => (send(response, 301, { message: 'Moved' }, { location }), true));
    const fault = await faultOf(open());
    expect([fault.code, heard]).toEqual(['forgeRefused', []]);
    await new Promise<void>((settle) => elsewhere.close(() => settle()));
  });

  it('stops when it is cancelled', async () => {
    const cancel = new AbortController();
    played.intercept(() => (cancel.abort(new Error('stop')), true));
    await expect(open({ signal: cancel.signal })).rejects.toThrow('stop');
  });

  it('is refused before anybody is asked where no forge is known', () => {
    expect(() => forgeWith().ensureKnown('https://example.org/ada/value.git')).toThrow('example.org');
    expect(() => forgeWith().ensureKnown('/srv/git/value.git')).toThrow(PortFault);
    expect(() => forgeWith().ensureKnown(wish().url)).not.toThrow();
    expect(played.requests).toEqual([]);
  });
});

it('finds the pull request of a branch among hundreds where the forge has no filter', async () => {
  const played = await playForge({ kind: 'gitea', shaOf: () => COMMIT });
  for (let number = 1; number <= 130; number += 1)
    played.pulls.push({ ...bare(), number, branch: `b${number}`, sha: COMMIT });
  const forge = createForge({
    forgeOf: () => ({ kind: 'gitea', apiUrl: played.apiUrl, tokenVariable: 'T' }),
    tokenOf: () => TOKEN,
    redact: (text) => text,
  });
  const { number } = await forge.open({
    url: `${played.origin}/${OWNER}/${NAME}`,
    branch: 'b3',
    baseBranch: 'main',
    commit: COMMIT,
    title: 'Make it right',
    setsTitle: false,
    body: (present) => present,
    draft: false,
    labels: [],
    reviewers: [],
    signal: new AbortController().signal,
  });
  expect(number).toBe(3);
  expect(played.count('GET', '/pulls')).toBe(3);
  await played.stop();
});

it.each([
  ['https://github.com/Ada/value.git', { host: 'github.com', owner: 'Ada', name: 'value' }],
  ['https://user@GitHub.com/Ada/value/', { host: 'github.com', owner: 'Ada', name: 'value' }],
  ['git@github.com:Ada/value.git', { host: 'github.com', owner: 'Ada', name: 'value' }],
  ['ssh://git@forge.example.org:2222/Ada/value.git', { host: 'forge.example.org', owner: 'Ada', name: 'value' }],
  [
    'https://forge.example.org:3000/below/Ada/value.git',
    { host: 'forge.example.org:3000', owner: 'Ada', name: 'value' },
  ],
  ['/srv/git/value.git', null],
  ['file:///srv/git/value.git', null],
  ['https://github.com/value.git', null],
  ['git@github.com:../value.git', null],
])('reads host, owner and name from %s', (url, expected) => {
  expect(repositoryOf(url)).toEqual(expected);
});

/** More than anybody keeps. */
function pour(response: ServerResponse): void {
  const part = Buffer.alloc(1_048_576, ' ');
  const more = (): void => {
    if (!response.destroyed) response.write(part, () => setImmediate(more));
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  more();
}
