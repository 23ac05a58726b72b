/** The list of an endpoint's models does not everywhere take the key in the place where an answer takes it. */
import type { ProviderSettings } from '../../ports.js';
import { factsOf } from './dialect.js';

/** How the list of models wants to be asked for. */
export function listHeaders(
  provider: Pick<ProviderSettings, 'kind' | 'baseUrl'>,
  apiKey: string | undefined,
): Readonly<Record<string, string>> {
  const { listHeaders: wanted, headers } = factsOf(provider);
  if (apiKey === undefined) return { ...headers, ...wanted.others };
  const signed = wanted.key === null ? { authorization: `Bearer ${apiKey}` } : { [wanted.key]: apiKey };
  return { ...headers, ...wanted.others, ...signed };
}
