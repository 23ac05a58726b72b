/**
 * Jobs that call what one task of a model never calls: an agent that searches, a script that works in the work tree, a join of
 * both whose signed commit gets a pull request at a played forge, and a cancel that takes back what was pushed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ScriptedAnswer, ScriptedToolCall } from '../../src/adapters/model/scripted';
import { NAME, OWNER, playForge, TOKEN } from '../adapters/forge/played-forge';
import { serveGit } from '../adapters/forge/served-git';
import { newSshKey, verifySigned } from '../adapters/git/signing-keys';
import { answerValue, branchesOf, commitsOn, git, makeRepository, until, valueFiles } from '../e2e/world';
import { decisionsOf, type Ended, type Story } from './under-fire';

export type Kind = 'joined' | 'takenBack';

export interface Account {
  readonly state: string;
  /** Tasks by state. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of each task. */
  readonly decisions: Readonly<Record<string, readonly string[]>>;
  /** Requests that the endpoint got. */
  readonly requests: number;
  /** Requests that weaver has booked. */
  readonly booked: number;
  readonly inDoubt: number;
  /** Every one but `main`. */
  readonly branches: readonly Branch[];
  /** What the forge was asked to make, and what it has then. */
  readonly pulls: { readonly made: number; readonly are: readonly object[] };
}

export interface Branch {
  readonly name: string;
  readonly commits: number;
  readonly parents: number;
  /** Its content. */
  readonly tree: string;
}

/** A worker that starts and carries out a task, on a busy machine. */
const SAID_WITHIN_MS = 120_000;

const VALUE = { name: 'value', run: 'sh check.sh', timeoutSeconds: 20 };
const OTHER = { name: 'other', run: 'test -e other.txt', timeoutSeconds: 20 };

const call = (name: string, given: unknown): ScriptedToolCall => ({ name, arguments: given });
const tools = (...calls: readonly ScriptedToolCall[]): ScriptedAnswer => ({ kind: 'tools', calls });

const CONVERSATION: readonly ScriptedAnswer[] = [
  tools(
    call('search', { regex: 'wrong', glob: null, page: 1 }),
    call('run', { what: 'cat value.txt', timeoutSeconds: null }),
  ),
  tools(call('edit_file', { path: 'value.txt', edits: [{ search: 'wrong', replace: 'right', all: false }] })),
  tools(
    call('finish', {
      summary: 'The value is right now.',
      commitMessage: 'Make the value right',
      criteria: [],
      question: null,
    }),
  ),
];

const jobOf = (title: string, url: string, tasks: readonly Readonly<Record<string, unknown>>[]): string =>
  JSON.stringify({
    title,
    repo: { url },
    tasks: tasks.map((task) => ({ title: `${title} ${String(task['id'])}`, description: 'Do your part.', ...task })),
  });

const joined: Story<Account> = {
  rules: (title) => [{ when: { contains: title }, answers: CONVERSATION }],
  async prepare({ title, folder }) {
    const bare = join(folder, 'served', OWNER, `${NAME}.git`);
    const forge = await playForge({
      kind: 'gitea',
      shaOf: (branch) => git(bare, 'rev-parse', branch),
      other: (request, response) => serveGit(request, response, join(folder, 'served')),
    });
    mkdirSync(dirname(bare), { recursive: true });
    makeRepository(bare, valueFiles());
    git(bare, 'config', 'http.receivepack', 'true');
    const key = newSshKey('', folder);
    const config = join(folder, 'weaver.config.yaml');
    writeFileSync(
      config,
      [
        'forges:',
        `  '${new URL(forge.origin).host}': { kind: gitea, apiUrl: '${forge.apiUrl}', tokenEnv: FORGE_TOKEN }`,
        `commit: { sign: { key: '${key.settings.key}' } }`,
        '',
      ].join('\n'),
    );
    const script = { run: 'sleep 0.1; echo other > other.txt', timeoutSeconds: 20 };
    return {
      text: jobOf(title, `${forge.origin}/${OWNER}/${NAME}.git`, [
        { id: 'agent', handler: 'agent', repo: { branch: 'agent' }, checks: [VALUE] },
        { id: 'script', handler: 'script', repo: { branch: 'script' }, checks: [OTHER], script },
        {
          id: 'join',
          handler: 'join',
          repo: { branch: 'join' },
          dependsOn: ['agent', 'script'],
          checks: [VALUE, OTHER],
          landing: { pullRequest: true },
        },
      ]),
      env: { WEAVER_CONFIG: config, FORGE_TOKEN: TOKEN },
      stop: () => forge.stop(),
      async account(ended) {
        const account = await accountOf(ended, bare, ['agent', 'script', 'join']);
        for (const { name } of account.branches) verifySigned(bare, git(bare, 'rev-parse', name), key);
        const are = forge.pulls.map(({ title: named, branch, base, state, sha }) => {
          const isTip = sha === git(bare, 'rev-parse', branch);
          return { isNamed: named === `${title} join`, branch, base, state, isTip };
        });
        return { ...account, pulls: { made: forge.count('POST', '/pulls'), are } };
      },
    };
  },
};

const takenBack: Story<Account> = {
  rules: (title) => [{ when: { contains: title }, answers: [{ kind: 'json', value: answerValue('right') }] }],
  prepare({ title, folder }) {
    const bare = makeRepository(join(folder, 'remote.git'), valueFiles());
    return {
      text: jobOf(title, bare, [
        { id: 'done', repo: { branch: 'done' }, checks: [VALUE] },
        { id: 'open', handler: 'human', repo: { branch: 'open' }, checks: [OTHER] },
      ]),
      async say(client, jobId) {
        const stateOf = async (path: string): Promise<string> => (await client.status(`${jobId}/t/${path}`)).state;
        await until(async () => (await stateOf('done')) === 'succeeded', 'one task has landed', SAID_WITHIN_MS);
        await until(async () => (await stateOf('open')) === 'blocked', 'the other waits for a person', SAID_WITHIN_MS);
        await client.stop(jobId, { reason: 'All for nothing.', deleteBranches: true });
      },
      account: (ended) => accountOf(ended, bare, ['done', 'open']),
    };
  },
};

export const STORIES: Readonly<Record<Kind, Story<Account>>> = { joined, takenBack };

async function accountOf(
  { client, result: { jobId, state, summary }, requests }: Ended,
  bare: string,
  paths: readonly string[],
): Promise<Account> {
  if (summary === undefined) throw new Error(`${jobId} ended without an account`);
  const decisions = paths.map(async (path) => [path, await decisionsOf(client, `${jobId}/t/${path}`)] as const);
  return {
    state,
    counts: summary.counts,
    decisions: Object.fromEntries(await Promise.all(decisions)),
    requests,
    booked: summary.spending.callsSent,
    inDoubt: summary.spending.callsInDoubt,
    branches: branchesOf(bare)
      .filter((name) => name !== 'main')
      .map((name) => branchIn(bare, name)),
    pulls: { made: 0, are: [] },
  };
}

const branchIn = (bare: string, name: string): Branch => ({
  name,
  commits: commitsOn(bare, name),
  parents: git(bare, 'rev-parse', `${name}^@`).split('\n').length,
  tree: git(bare, 'rev-parse', `${name}^{tree}`),
});
