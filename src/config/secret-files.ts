/** Secrets that come as files, as Docker and Kubernetes mount them: `NAME_FILE` is the path of what `NAME` would say. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { KINDS } from '../domain/provider-kinds.js';
import type { ConfigFile, FileProvider } from './config-shape.js';
import { forgeTokenVariables } from './forges.js';

export interface SecretFiles {
  /** Variables that the files stand for. */
  readonly values: Readonly<Record<string, string>>;
  /** Where they are, absolute: no command may see what is there. */
  readonly paths: readonly string[];
  readonly faults: readonly string[];
}

export const DEFAULT_GIT_TOKEN_VARIABLE = 'WEAVER_GIT_TOKEN';

/** A token of an identity provider has a few kilobytes; more is another file. */
const BYTES_MAX = 64 * 1_024;

/** Every variable that holds a secret of ours; Temporal's are known to its own reader. */
export function secretVariables({ providers, git, events, forges, commit }: ConfigFile): readonly string[] {
  const tokens = git?.tokenEnv ?? DEFAULT_GIT_TOKEN_VARIABLE;
  return [
    ...new Set([
      'OPENAI_API_KEY',
      DEFAULT_GIT_TOKEN_VARIABLE,
      ...Object.values(providers).flatMap(variablesOf),
      ...(typeof tokens === 'string' ? [tokens] : Object.values(tokens)),
      ...forgeTokenVariables(forges),
      ...(commit.sign?.passphraseEnv === undefined ? [] : [commit.sign.passphraseEnv]),
      ...(events.webhook?.secretEnv === undefined ? [] : [events.webhook.secretEnv]),
      ...Object.values(events.webhook?.headersEnv ?? {}),
    ]),
  ];
}

/** Those of a provider: of its key, and of headers. */
const variablesOf = ({ keyVariable, kind = 'other', headersEnv = {} }: FileProvider): readonly string[] => [
  keyVariable ?? KINDS[kind].keyVariable,
  ...Object.values(headersEnv),
];

/** A file that is named must give a secret: going on without it would fail later, with words that lead astray. */
export function readSecretFiles(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): SecretFiles {
  const values: Record<string, string> = {};
  const paths: string[] = [];
  const faults: string[] = [];
  for (const name of names) {
    const variable = `${name}_FILE`;
    const path = env[variable];
    if (path === undefined) continue;
    if (env[name] !== undefined) {
      faults.push(`${variable} stands beside ${name}: set one of them`);
      continue;
    }
    const read = readSecret(resolve(cwd, path));
    paths.push(secretPlace(resolve(cwd, path)));
    if ('says' in read) faults.push(`${variable} names ${path}, which ${read.says}`);
    else values[name] = read.secret;
  }
  return { values, paths, faults };
}

/** The file; of a mount of Kubernetes all of it, for there a secret that is renewed is another file in another folder. */
export const secretPlace = (path: string): string => (existsSync(join(dirname(path), '..data')) ? dirname(path) : path);

/** Never says what is in it. */
function readSecret(path: string): { readonly secret: string } | { readonly says: string } {
  try {
    const found = statSync(path);
    // A pipe would be waited for.
    if (!found.isFile()) return { says: 'is no file' };
    if (found.size > BYTES_MAX) return { says: `is larger than ${BYTES_MAX / 1_024} KB: that is no secret` };
    const secret = readFileSync(path, 'utf8').trim();
    if (secret === '') return { says: 'is empty' };
    if (/[\r\n]/.test(secret)) return { says: 'has more than one line' };
    return { secret };
  } catch (thrown) {
    const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : 'unknown';
    return { says: code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})` };
  }
}
