/** The adapter in a process of its own, so that it can be killed. */
import { transformFileSync } from '@swc/core';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { RemoteState } from '../../../src/ports.js';

const SOURCE = resolve(__dirname, '../../../src');

/** Compiles what the adapter consists of into a folder: the built one is not for every user to read. */
export function compileAdapter(folder: string): string {
  const names = [
    'ports.ts',
    'domain/charset.ts',
    'adapters/artifacts/durable-file.ts',
    ...readdirSync(join(SOURCE, 'adapters/git')).map((name) => `adapters/git/${name}`),
  ];
  for (const name of names) {
    const { code } = transformFileSync(join(SOURCE, name), {
      swcrc: false,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    });
    const file = join(folder, name.replace(/ts$/, 'js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  writeFileSync(join(folder, 'worker.js'), WORKER);
  return folder;
}

/** Does what its argument says, reports every step on a line of its own. */
const WORKER = `
const { createGit } = require('./adapters/git/create-git.js');
const { home, url, branch, workspace, text, steps, slowGit, recorded, key } = JSON.parse(process.argv[2]);
const signing = key && { format: 'ssh', key, passphraseVariable: null, passphrase: () => undefined, gnupgHome: null };
const git = createGit({ home, ...(signing && { signing }), environment: { PATH: (slowGit ? slowGit + ':' : '') + process.env.PATH }, tokenOf: () => undefined, redact: (x) => x });
const say = (step, value) => process.stdout.write(JSON.stringify([step, value ?? null]) + '\\n');
(async () => {
  say('begin');
  const found = await git.open({ url, branch });
  const state = recorded ?? found;
  say('open', state.baseCommit);
  const tree = await git.write(url, state.baseTree, [['src/sum.js', { mode: '100644', bytes: Buffer.from(text) }]]);
  say('write', tree);
  for (let round = 0; round < (steps ?? 1); round += 1) {
    for (const one of [tree, state.baseTree, tree]) say('checkout', await git.checkout({ url, workspace, tree: one, commit: state.baseCommit, keep: [] }));
  }
  const commit = await git.commit(url, { tree, parent: state.baseCommit, message: 'm', author: 'w <w@l>', dateSeconds: 1 });
  say('commit', commit);
  const landed = key ? await git.sign({ url, commit, folder: home + '/tasks/one' }) : commit;
  if (key) say('sign', landed);
  say('push', await git.push({ url, commit: landed, branch, expected: state.branchTip }));
  await git.close(workspace);
  say('close');
})().catch((cause) => { say('fault', { code: cause.code, message: cause.message, retryable: cause.retryable }); process.exitCode = 1; });
`;

export interface WorkerInput {
  readonly home: string;
  readonly url: string;
  readonly branch: string;
  readonly workspace: string;
  readonly text: string;
  readonly steps?: number;
  /** What the first opening found: a step that is done again gets the same input. */
  readonly recorded?: RemoteState;
  /** Signs the commit with this key of ssh before it is pushed. */
  readonly key?: string;
  /** Folder of another git, found first. */
  readonly slowGit?: string;
}

export interface OtherWorker {
  readonly child: ChildProcess;
  /** Resolves once the step has been reported, or the process has ended. */
  readonly reached: (step: string) => Promise<void>;
  readonly ended: Promise<readonly (readonly [string, unknown])[]>;
}

export function startWorker(compiled: string, input: WorkerInput, as?: { readonly uid: number }): OtherWorker {
  const child = spawn(process.execPath, [join(compiled, 'worker.js'), JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(as === undefined ? {} : { uid: as.uid, gid: as.uid }),
  });
  const said: (readonly [string, unknown])[] = [];
  const waiting = new Map<string, () => void>();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const entry = JSON.parse(line) as [string, unknown];
    said.push(entry);
    waiting.get(entry[0])?.();
  });
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(() => said);
  return {
    child,
    reached: (step) =>
      said.some(([name]) => name === step)
        ? Promise.resolve()
        : Promise.race([new Promise<void>((resolved) => waiting.set(step, resolved)), ended.then(() => undefined)]),
    ended,
  };
}
