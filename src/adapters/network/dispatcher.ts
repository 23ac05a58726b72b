/** What Node's fetch sends its requests with: through the proxies that the environment names, which Node 20 does not look at. */
import type { Socket } from 'node:net';
import { namesProxy, proxyFor, type Variables } from './proxy-choice.js';
import { openTunnel } from './tunnel.js';

/** Where Node keeps the agent behind its own fetch, once that has been loaded. */
const NODE_AGENT = Symbol.for('undici.globalDispatcher.1');

export interface Dispatcher {
  dispatch(options: { readonly origin?: unknown }, handler: unknown): boolean;
}

/**
 * Node does not export its agent, so others are made of the same class. Null where it is not to be had: fetch then does as it
 * always does.
 */
export function makeDispatcher(env: Variables, settings: Readonly<Record<string, unknown>> = {}): Dispatcher | null {
  const direct = makeAgent(settings);
  if (direct === null || !namesProxy(env)) return direct;
  const tunnelled = makeAgent({ ...settings, connect: connector(env) });
  const of = (origin: unknown): Dispatcher =>
    tunnelled === null || proxyFor(new URL(String(origin)), env) === null ? direct : tunnelled;
  return { dispatch: (options, handler) => of(options.origin).dispatch(options, handler) };
}

/** From now on every fetch of this process goes the way that the environment names. Nothing changes where it names no proxy. */
export function useProxies(env: Variables): void {
  if (!namesProxy(env)) return;
  const dispatcher = makeDispatcher(env);
  if (dispatcher !== null) Reflect.set(globalThis, NODE_AGENT, dispatcher);
}

function makeAgent(settings: Readonly<Record<string, unknown>>): Dispatcher | null {
  void globalThis.Response; // loads what fetch is made of
  const standard: unknown = Reflect.get(globalThis, NODE_AGENT);
  if (typeof standard !== 'object' || standard === null) return null;
  const made: unknown = Reflect.construct(standard.constructor, [settings]);
  return isDispatcher(made) ? made : null;
}

const isDispatcher = (value: unknown): value is Dispatcher =>
  typeof value === 'object' && value !== null && 'dispatch' in value && typeof value.dispatch === 'function';

interface Wanted {
  readonly hostname: string;
  readonly protocol: string;
  readonly port?: string;
}

type Connected = (error: Error | null, socket: Socket | null) => void;

const connector =
  (env: Variables) =>
  ({ hostname, protocol, port }: Wanted, connected: Connected): void => {
    const secure = protocol === 'https:';
    const target = { hostname: hostname.replace(/^\[|\]$/g, ''), port: port || (secure ? '443' : '80'), secure };
    const proxy = proxyFor(new URL(`${protocol}//${hostname}:${target.port}`), env);
    if (proxy === null) return connected(new Error(`no proxy for ${hostname}`), null);
    openTunnel(proxy, target).then(
      (socket) => connected(null, socket),
      (error: unknown) => connected(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
