/** Which Temporal a command talks to: the one that is configured, else the embedded server of the weaver home. */
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
  const again = { ...opening, port: portOf(first.address), uiPort: portOf(first.uiUrl) };
  const watch = async (): Promise<void> => {
    for (;;) {
      await (
        await serving
      ).exited;
      if (left !== null) return;
      house.terminal.note('The Temporal server has ended; it is started again.');
      serving = house.startServer(config, again);
    }
  };
  watch().catch((thrown: unknown) =>
    house.terminal.note(
      `The Temporal server cannot be started again: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    ),
  );
  // Also one that is just being started; one that cannot be started need not be stopped.
  return () =>
    (left ??= serving.then(
      (server) => server.stop(),
      () => undefined,
    ));
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
