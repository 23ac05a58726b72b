/** A Temporal server on which no worker does any work: what needs one is tested end to end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTemporalServer, type TemporalServer } from '../../src/adapters/server/temporal-server.js';
import { searchAttributeTypes } from '../../src/workflows/messages.js';

export interface LoneServer {
  readonly server: TemporalServer;
  /** Of the server's files; gone with it. */
  readonly folder: string;
  stop(): Promise<void>;
}

export async function startLoneServer(): Promise<LoneServer> {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-lone-'));
  const server = await startTemporalServer({
    binary: process.env['WEAVER_TEMPORAL_BINARY'] ?? 'temporal',
    databaseFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'server.log'),
    namespace: 'default',
    searchAttributes: searchAttributeTypes(),
    environment: { PATH: process.env['PATH'] ?? '', HOME: folder },
  });
  return {
    server,
    folder,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
