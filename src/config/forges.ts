/** Which forge has the pull requests of a host, and which variable its token. */
import { z } from 'zod';
import type { ForgeSettings } from '../ports.js';

/** GitHub's own words for it, as its command line and its actions read it. */
const GITHUB_TOKEN = 'GITHUB_TOKEN';

export const forgeKind = z.enum(['github', 'gitea']);

interface FileForge {
  readonly kind: ForgeSettings['kind'];
  readonly apiUrl?: string | undefined;
  readonly tokenEnv: string;
}

type FileForges = Readonly<Record<string, FileForge>>;

/** github.com is known without being named. */
export const forgesOf = (forges: FileForges): ReadonlyMap<string, ForgeSettings> =>
  new Map([
    ['github.com', { kind: 'github', apiUrl: 'https://api.github.com', tokenVariable: GITHUB_TOKEN }],
    ...Object.entries(forges).map(
      ([host, forge]) => [host.toLowerCase(), settingsOf(host.toLowerCase(), forge)] as const,
    ),
  ]);

export const forgeTokenVariables = (forges: FileForges): readonly string[] => [
  GITHUB_TOKEN,
  ...Object.values(forges).map(({ tokenEnv }) => tokenEnv),
];

const settingsOf = (host: string, { kind, apiUrl, tokenEnv }: FileForge): ForgeSettings => ({
  kind,
  apiUrl: apiUrl ?? usualApi(host, kind),
  tokenVariable: tokenEnv,
});

function usualApi(host: string, kind: ForgeSettings['kind']): string {
  if (kind === 'gitea') return `https://${host}/api/v1`;
  return host === 'github.com' ? 'https://api.github.com' : `https://${host}/api/v3`;
}
