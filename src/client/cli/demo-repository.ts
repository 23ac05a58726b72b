/** A bare repository with one commit on `main`, written by git itself in two processes. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { WeaverFault } from '../weaver-fault.js';

/** Nothing of the user's or the system's git settings has a say. */
const ISOLATED = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  LC_ALL: 'C',
} as const;

export async function makeDemoRepository(
  bare: string,
  files: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  mkdirSync(bare, { recursive: true });
  const env = { ...environment, ...ISOLATED };
  await git(['-c', 'init.defaultBranch=main', 'init', '--quiet', '--bare', '--template=', '.'], {
    cwd: bare,
    env,
    input: '',
  });
  await git(['fast-import', '--quiet'], { cwd: bare, env, input: importStream(files) });
}

/** The format of `git fast-import`; sizes are bytes. */
function importStream(files: Readonly<Record<string, string>>): string {
  const message = 'Example project\n';
  return [
    'commit refs/heads/main\n',
    'author weaver demo <weaver@localhost> 1700000000 +0000\n',
    'committer weaver demo <weaver@localhost> 1700000000 +0000\n',
    data(message),
    ...Object.entries(files).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`),
    'done\n',
  ].join('');
}

const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;

async function git(
  args: readonly string[],
  { cwd, env, input }: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly input: string },
): Promise<void> {
  const child = spawn('git', args, { cwd, env, stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((settle, fail) => child.once('error', fail).once('close', settle));
  child.stdin.on('error', () => {}); // it ended before it read everything: its exit code says so
  child.stdin.end(input);
  const [code, says] = await Promise.all([ended.catch(() => null), textOf(child.stderr)]);
  if (code === 0) return;
  throw new WeaverFault(
    {
      code: 'notThere',
      message: `git ${args[0] === '-c' ? 'init' : args[0]} failed: ${says.trim() || 'it cannot be started'}`,
      next: 'Install git; weaver doctor checks it.',
    },
    3,
  );
}
