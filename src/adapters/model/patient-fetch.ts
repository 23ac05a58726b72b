/** Fetch that leaves the limits of time to its caller. */

/** Where Node keeps the agent behind its own fetch, once that has been used. */
const NODE_AGENT = Symbol.for('undici.globalDispatcher.1');

/**
 * Node's fetch gives up after 300 s without a header or a byte, whatever limit the caller set: a large model on a small
 * machine takes longer to read its prompt, and would be asked in vain again and again. Node does not export its agent, so
 * another one is made of the same class; where that is not to be had, the 300 s stay.
 */
export function createPatientFetch(): typeof fetch {
  let agent: object | null = null;
  return (url, init) => {
    agent ??= makeAgent();
    return fetch(url, agent === null ? init : ({ ...init, dispatcher: agent } as RequestInit));
  };
}

function makeAgent(): object | null {
  const standard: unknown = Reflect.get(globalThis, NODE_AGENT);
  if (typeof standard !== 'object' || standard === null) return null;
  const made: unknown = Reflect.construct(standard.constructor, [{ headersTimeout: 0, bodyTimeout: 0 }]);
  return typeof made === 'object' ? made : null;
}
