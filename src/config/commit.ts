/** How commits are made where a task says nothing of it: whose key signs them, and which hooks are asked. */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { HooksSpec } from '../domain/task.js';
import type { SigningSettings } from '../ports.js';
import type { ConfigFile } from './config-shape.js';

type Environment = Readonly<Record<string, string | undefined>>;

export function commitOf(
  { commit }: Pick<ConfigFile, 'commit'>,
  env: Environment,
  cwd: string,
): { readonly signing?: SigningSettings; readonly hooks?: HooksSpec } {
  const { sign, hooks = 'skip' } = commit;
  return {
    ...(sign === undefined ? {} : { signing: signingOf(sign, env, cwd) }),
    ...(hooks === 'skip' ? {} : { hooks }),
  };
}

function signingOf(
  { format, key, passphraseEnv, gnupgHome }: NonNullable<ConfigFile['commit']['sign']>,
  env: Environment,
  cwd: string,
): SigningSettings {
  const home = env['HOME'] ?? homedir();
  const placed = (path: string): string => resolve(cwd, path.replace(/^~(?=\/)/, home));
  return {
    format,
    key: format === 'ssh' ? placed(key) : key,
    passphraseVariable: passphraseEnv ?? null,
    // Looked up at each use, and never kept beside the key.
    passphrase: () => (passphraseEnv === undefined ? undefined : env[passphraseEnv]),
    gnupgHome: gnupgHome === undefined ? (env['GNUPGHOME'] ?? null) : placed(gnupgHome),
  };
}

/** What no command may see of it: the file of the key, the folder of a key ring. */
export const secretPathsOf = (signing: SigningSettings | undefined): readonly string[] =>
  signing === undefined
    ? []
    : [...(signing.format === 'ssh' ? [signing.key] : []), ...(signing.gnupgHome === null ? [] : [signing.gnupgHome])];
