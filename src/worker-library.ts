/** The library of a project that has a worker of its own: `import { startWorker } from 'weaver/worker'`. */
import { join } from 'node:path';
import { findRunningServer } from './adapters/server/temporal-server.js';
import type { Where } from './client/cli/house.js';
import type { Config } from './config.js';
import { PortFault } from './ports.js';

export { startWorker, type OwnParts } from './worker.js';
export { currentConfig, loadConfig, type Config, type Loaded } from './config.js';
export type { RunningWorker, Where } from './client/cli/house.js';

/** The configured Temporal, else the server that runs on this weaver home. Rejects (temporalUnreachable) if there is neither. */
export async function temporalOf({ temporal, home }: Config): Promise<Where> {
  const { configured, namespace, connection } = temporal;
  if (configured) return { namespace, connection };
  const running = await findRunningServer(join(home, 'temporal'));
  if (running !== null) return { namespace, connection: { address: running.address } };
  throw new PortFault('temporalUnreachable', 'None is configured, and none runs on this weaver home.', false);
}
