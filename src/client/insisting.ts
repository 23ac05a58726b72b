/** Questions to a server that is there and has too much to do: asked again, for a bounded time. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLate, temporalFault } from './temporal-faults.js';
import { WeaverFault } from './weaver-fault.js';

/** Twenty clients that come at once keep a small server busy for about a minute; nobody wants to wait for longer. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = { least: 250, most: 2_000 } as const;
/** The system itself takes connections, however busy the program is. */
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * The answer, asked for until it comes. Only for what may be asked twice: the server may have heard the question that it did
 * not answer in time. Where nothing listens at the address, nothing is asked again. What the server answers is thrown as it is.
 * @param ask with a deadline of its own
 */
export async function insisting<T>(address: string, ask: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const began = Date.now();
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (thrown) {
      if (!isLate(thrown)) throw thrown;
      const listens = await isListening(address);
      const waitedMs = Date.now() - began;
      if (!listens) throw temporalFault(thrown, address, waitedMs) ?? thrown;
      if (waitedMs >= patienceMs) throw tooBusy(address, waitedMs, thrown);
      await sleep(pauseMs(tries));
    }
  }
}

/** Longer each time, and not the same for all who were turned away together. */
const pauseMs = (tries: number): number =>
  Math.min(PAUSE_MS.least * 2 ** Math.min(tries - 1, 10), PAUSE_MS.most) * (0.5 + Math.random());

function isListening(address: string): Promise<boolean> {
  const [, bracketed, host = bracketed, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || port === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: CONNECT_TIMEOUT_MS });
    const settle = (listens: boolean) => (): void => {
      socket.destroy();
      resolve(listens);
    };
    socket.once('connect', settle(true)).once('error', settle(false)).once('timeout', settle(false));
  });
}

const tooBusy = (address: string, waitedMs: number, cause: unknown): WeaverFault =>
  new WeaverFault(
    {
      code: 'temporalUnreachable',
      message: `The Temporal server at ${address} is there, and has not answered in ${Math.round(waitedMs / 1_000)} s.`,
      next: 'Try again when it has less to do (what is submitted under the same key is started once), and check TEMPORAL_ADDRESS and TEMPORAL_TLS_*.',
    },
    4,
    { cause },
  );
