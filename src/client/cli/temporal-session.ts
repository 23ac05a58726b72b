/** Which Temporal a command talks to: the one that is configured, else the embedded server of the weaver home. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionOptions } from '@temporalio/client';
import type { Config } from '../../config.js';
import type { WeaverClient } from '../weaver-client.js';
import { catalogueFault, unknownTask, type WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import type { EmbeddedServer, House, Opening, Where } from './house.js';

/** `start` the embedded server if need be, `join` one that runs, or `startIfUsed`: start it only where a database shows that it ever ran. */
export type Need = 'start' | 'join' | 'startIfUsed';

export interface TemporalSession {
  readonly where: Where;
  readonly address: string;
  readonly uiUrl: string | null;
  /** The embedded server of this home; null with a configured Temporal. */
  readonly embedded: { readonly reused: boolean } | null;
  /** Leaves the embedded server, which ends when nobody else uses it. Harmless twice. */
  leave(): Promise<void>;
}

export type Ports = Omit<Opening, 'stays'>;

/** A port taken by a passing connection is free within a second; a disk that is full stays so until somebody comes. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** Null if the embedded server is not to be started and does not run. */
export async function openTemporal(
  house: House,
  config: Config,
  need: Need,
  opening: Opening = {},
): Promise<TemporalSession | null> {
  if (config.temporal.configured) return await configuredTemporal(house, config);
  if (need === 'join' && (await house.findServer(config)) === null) return null;
  if (need === 'startIfUsed' && !house.hasDatabase(config)) return null;
  return await embeddedTemporal(house, config, opening);
}

/** Its Web UI is known if it is this home's own server, or if the configuration names it. */
async function configuredTemporal(house: House, config: Config): Promise<TemporalSession> {
  const { namespace, connection } = config.temporal;
  const address = addressOf(connection);
  const own = await house.findServer(config);
  return {
    where: { namespace, connection },
    address,
    uiUrl: own?.address === address ? own.uiUrl : config.uiUrl,
    embedded: null,
    leave: async () => {},
  };
}

const addressOf = (connection: Readonly<Record<string, unknown>>): string =>
  typeof connection['address'] === 'string' ? connection['address'] : 'localhost:7233';

async function embeddedTemporal(house: House, config: Config, opening: Opening): Promise<TemporalSession> {
  const server = await house.startServer(config, opening);
  const leave = keepAlive(house, config, server, opening);
  return {
    where: { namespace: config.temporal.namespace, connection: { address: server.address } },
    address: server.address,
    uiUrl: server.uiUrl,
    embedded: { reused: server.reused },
    leave,
  };
}

/** A server that dies is started again on its ports: workers and clients find it there, and every task goes on. */
function keepAlive(house: House, config: Config, first: EmbeddedServer, opening: Opening): () => Promise<void> {
  let serving = Promise.resolve(first);
  let left: Promise<void> | null = null;
  const leaving = new AbortController();
  const again = { ...opening, port: portOf(first.address), uiPort: portOf(first.uiUrl) };
  const watch = async (): Promise<void> => {
    for (;;) {
      await (
        await serving
      ).exited;
      if (left !== null) return;
      house.terminal.note('The Temporal server has ended; it is started again.');
      serving = insist(house, () => house.startServer(config, again), leaving.signal);
    }
  };
  // It only ends in a fault when nobody needs the server any more.
  watch().catch(() => undefined);
  // Also one that is just being started; one that cannot be started need not be stopped.
  return () => {
    leaving.abort();
    return (left ??= serving.then(
      (server) => server.stop(),
      () => undefined,
    ));
  };
}

/** Until it serves or nobody needs it: another process may have taken one of its ports, or the disk may be full, for a while. */
async function insist(
  house: House,
  start: () => Promise<EmbeddedServer>,
  leaving: AbortSignal,
): Promise<EmbeddedServer> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await start();
    } catch (thrown) {
      if (leaving.aborted) throw thrown;
      const says = thrown instanceof Error ? thrown.message : String(thrown);
      house.terminal.note(`The Temporal server could not be started again; next try in ${pauseMs / 1_000} s: ${says}`);
      await pause(pauseMs, undefined, { signal: leaving });
    }
  }
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** A client over the session; loaded late, because the library takes its time. */
export async function connectClient(session: TemporalSession, config: Config): Promise<WeaverClient> {
  const { WeaverClient: Loaded } = await import('../weaver-client.js');
  return await Loaded.connect({
    connection: session.where.connection as ConnectionOptions,
    namespace: session.where.namespace,
    taskQueue: config.taskQueue,
    requester: config.requester,
    uiUrl: session.uiUrl,
  });
}

/** For commands that make no sense without a server. */
export const noServerHere = ({ house, config }: Pick<Context, 'house' | 'config'>): WeaverFault =>
  catalogueFault(
    'temporalUnreachable',
    `None is configured, and none runs on ${config.home}${house.hasDatabase(config) ? ', whose jobs are kept' : ''}.`,
  );

/** Whether a server was there before this command. */
export const isServed = async ({ house, config }: Pick<Context, 'house' | 'config'>): Promise<boolean> =>
  config.temporal.configured || (await house.findServer(config)) !== null;

/** A server that this command alone has started carries nothing on. */
export async function sayKept({ terminal, config }: Context, client: WeaverClient | null): Promise<void> {
  const open = client === null ? 0 : await client.countOthersOpen('');
  if (open === 0) return;
  const tasks = open === 1 ? '1 open task is' : `${open} open tasks are`;
  terminal.note(`No Temporal server runs on ${config.home}: ${tasks} kept, and carried on by \`weaver up\`.`);
}

/** Nobody was asked: without a server only a home that no server ever ran on is known to have no such task. */
export const notKnownHere = (context: Pick<Context, 'house' | 'config'>, id: string): WeaverFault =>
  context.config.temporal.configured || !context.house.hasDatabase(context.config)
    ? unknownTask(id)
    : noServerHere(context);
