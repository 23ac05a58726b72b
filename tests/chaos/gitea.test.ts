/** Pull requests at a real Gitea, pushed to by the real adapter of git. In a soak only: the server is built first. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createForge } from '../../src/adapters/forge/create-forge';
import { createGit } from '../../src/adapters/git/create-git';
import type { Forge, Git, PullRequestWish } from '../../src/ports';
import { aWish } from '../adapters/forge/wishes';
import { BUILD, NAME, OWNER, startGitea, type GiteaWorld } from './gitea-world';
import { keepFigures } from './keep-figures';

const SOAK = process.env['WEAVER_SOAK'] === '1';
/** Of each kind, for the figures. */
const TIMES = 20;
const START_TIMEOUT_MS = 60 * 60_000;

interface Pull {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly state: string;
  readonly labels: readonly { readonly name: string }[] | null;
  readonly requested_reviewers: readonly { readonly login: string }[] | null;
  readonly head: { readonly ref: string; readonly sha: string };
}

it('says what is missing where Gitea cannot be built', () => {
  const cache = mkdtempSync(join(tmpdir(), 'weaver-gitea-cache-'));
  const env = { PATH: cache, XDG_CACHE_HOME: cache };
  const { status, stderr } = spawnSync(process.execPath, [BUILD], { env, encoding: 'utf8' });
  rmSync(cache, { recursive: true, force: true });
  expect(status).toBe(3);
  expect(stderr).toMatch(/Gitea could not be built: go mod: .*ENOENT[^]*Install Go 1\.26 and a C compiler/);
});

const moreDone = (present: string): string => present.replace('What was done.', 'More was done.');

const took = async (work: () => Promise<unknown>): Promise<number> => {
  const from = performance.now();
  await work();
  return performance.now() - from;
};

const median = (all: readonly number[]): number => Math.round(all.toSorted((a, b) => a - b)[TIMES / 2] ?? 0);

const inSoak = SOAK ? describe : () => undefined;

inSoak('pull requests at a real Gitea', () => {
  let gitea: GiteaWorld;
  let home: string;
  let git: Git;
  let forge: Forge;
  const figures: Record<string, number> = {};

  beforeAll(async () => {
    gitea = await startGitea();
    home = mkdtempSync(join(tmpdir(), 'weaver-gitea-home-'));
    const { host } = new URL(gitea.origin);
    git = newGit();
    forge = createForge({
      forgeOf: (asked) =>
        asked === host ? { kind: 'gitea', apiUrl: `${gitea.origin}/api/v1`, tokenVariable: 'T' } : undefined,
      tokenOf: () => gitea.token,
      redact: (text) => text.replaceAll(gitea.token, '[secret]'),
    });
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    keepFigures('gitea', { version: gitea.version, ...figures });
    await gitea.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const newGit = (token = gitea.token): Git =>
    createGit({
      home,
      environment: { PATH: process.env['PATH'] ?? '' },
      tokenOf: () => token,
      redact: (text) => text.replaceAll(token, '[secret]'),
    });

  /** One commit more on a branch, which is made from `main` if it is not there. */
  async function landed(branch: string, text: string): Promise<string> {
    const { url } = gitea;
    const { baseTree, baseCommit, branchTip } = await git.open({ url, branch });
    const tree = await git.write(url, baseTree, [['value.txt', { mode: '100644', bytes: Buffer.from(`${text}\n`) }]]);
    const request = { tree, parent: baseCommit, message: text, author: 'Ada <ada@example.org>', dateSeconds: 1 };
    const commit = await git.commit(url, request);
    expect(await git.push({ url, commit, branch, expected: branchTip })).toEqual({ kind: 'pushed' });
    return commit;
  }

  const wish = (branch: string, commit: string, changes?: Partial<PullRequestWish>): PullRequestWish =>
    aWish({ url: gitea.url, branch, commit }, changes);

  const pulls = async (branch: string): Promise<readonly Pull[]> => {
    const all = (await gitea.api('GET', `/repos/${OWNER}/${NAME}/pulls?state=all&limit=50`)) as readonly Pull[];
    return all.filter(({ head }) => head.ref === branch);
  };

  it('are made once, and found and brought up to date by later landings', async () => {
    const first = await landed('weaver/one', 'one');
    const opened = await forge.open(wish('weaver/one', first));
    expect(opened).toEqual({
      number: expect.any(Number),
      url: `${gitea.origin}/${OWNER}/${NAME}/pulls/${opened.number}`,
      notes: [],
    });
    await gitea.api('PATCH', `/repos/${OWNER}/${NAME}/pulls/${opened.number}`, {
      title: "Ada's title",
      body: 'What was done. I looked.',
    });
    const second = await landed('weaver/one', 'two');
    expect(await forge.open(wish('weaver/one', second, { body: moreDone }))).toEqual(opened);
    expect(await pulls('weaver/one')).toMatchObject([
      { title: "Ada's title", body: 'More was done. I looked.', state: 'open', head: { sha: second } },
    ]);
    await forge.open(wish('weaver/one', second, { title: 'Asked for', setsTitle: true, body: moreDone }));
    expect((await pulls('weaver/one')).map(({ title }) => title)).toEqual(['Asked for']);
  });

  it('are one, from however many places they are opened at once', async () => {
    const commit = await landed('weaver/crowd', 'crowd');
    const opened = await Promise.all(Array.from({ length: 8 }, () => forge.open(wish('weaver/crowd', commit))));
    const isOpen = (await pulls('weaver/crowd')).filter(({ state }) => state === 'open');
    expect(isOpen).toHaveLength(1);
    expect(opened.map(({ number }) => number)).toContain(isOpen[0]?.number);
    expect((await forge.open(wish('weaver/crowd', commit))).number).toBe(isOpen[0]?.number);
  });

  it('have labels and reviewers, and say what was not taken', async () => {
    const commit = await landed('weaver/asked', 'asked');
    const asked = { labels: ['weaver'], reviewers: [gitea.reviewer] };
    expect((await forge.open(wish('weaver/asked', commit, asked))).notes).toEqual([]);
    const [pull] = await pulls('weaver/asked');
    expect([pull?.labels?.map(({ name }) => name), pull?.requested_reviewers?.map(({ login }) => login)]).toEqual([
      ['weaver'],
      [gitea.reviewer],
    ]);
    const { notes } = await forge.open(wish('weaver/asked', commit, { reviewers: ['nobody-knows-them'] }));
    expect(notes).toEqual([expect.stringMatching(/^reviewers: /)]);
  });

  it('are drafts by the word that Gitea knows', async () => {
    const commit = await landed('weaver/draft', 'draft');
    await forge.open(wish('weaver/draft', commit, { draft: true }));
    expect(await pulls('weaver/draft')).toMatchObject([{ title: 'WIP: Make it right', draft: true }]);
  });

  it('that somebody has merged stay as they are, and a later commit gets another one', async () => {
    const commit = await landed('weaver/merged', 'merged');
    const { number } = await forge.open(wish('weaver/merged', commit));
    await gitea.api('POST', `/repos/${OWNER}/${NAME}/pulls/${number}/merge`, { Do: 'merge' });
    expect((await forge.open(wish('weaver/merged', commit))).number).toBe(number);
    const more = await landed('weaver/merged', 'and more');
    expect((await forge.open(wish('weaver/merged', more))).number).not.toBe(number);
  });

  it('are refused for a token that is none, without showing it', async () => {
    const commit = await landed('weaver/refused', 'refused');
    const wrong = createForge({
      forgeOf: () => ({ kind: 'gitea', apiUrl: `${gitea.origin}/api/v1`, tokenVariable: 'T' }),
      tokenOf: () => 'not-the-token-at-all',
      redact: (text) => text,
    });
    const fault = await wrong.open(wish('weaver/refused', commit)).catch((thrown: unknown) => thrown);
    expect(fault).toMatchObject({ code: 'forgeCredentials' });
    expect(String(fault)).not.toContain('not-the-token');
    await expect(
      newGit('not-the-token-at-all').open({ url: gitea.url.replace(NAME, 'hidden'), branch: 'x' }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^remote/),
    });
  });

  it('take milliseconds to be made, found and brought up to date', async () => {
    const [pushed, made, found, renewed]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let n = 0; n < TIMES; n += 1) {
      const branch = `weaver/timed-${n}`;
      let commit = '';
      pushed.push(await took(async () => (commit = await landed(branch, branch))));
      made.push(await took(() => forge.open(wish(branch, commit))));
      found.push(await took(() => forge.open(wish(branch, commit))));
      renewed.push(await took(() => forge.open(wish(branch, commit, { body: () => `Renewed ${n}.` }))));
    }
    Object.assign(figures, {
      pushMs: median(pushed),
      madeMs: median(made),
      foundMs: median(found),
      renewedMs: median(renewed),
    });
    expect(Math.max(figures['madeMs'] ?? 0, figures['foundMs'] ?? 0, figures['renewedMs'] ?? 0)).toBeLessThan(5_000);
  });
});
