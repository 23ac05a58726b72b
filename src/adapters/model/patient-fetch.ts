/** Fetch that leaves the limits of time to its caller, and goes through the proxies that the environment names. */
import { makeDispatcher, type Dispatcher } from '../network/dispatcher.js';

/**
 * Node's fetch gives up after 300 s without a header or a byte, whatever limit the caller set: a large model on a small
 * machine takes longer to read its prompt, and would be asked in vain again and again.
 */
export function createPatientFetch(env: Readonly<Record<string, string | undefined>> = {}): typeof fetch {
  let dispatcher: Dispatcher | null = null;
  return (url, init) => {
    dispatcher ??= makeDispatcher(env, { headersTimeout: 0, bodyTimeout: 0 });
    return fetch(url, dispatcher === null ? init : ({ ...init, dispatcher } as unknown as RequestInit));
  };
}
