/** What this home keeps of tasks. Apart from the worker: a command that only shows it need not load one. */
import { createArtifactStore } from './adapters/artifacts/artifact-store.js';
import { createRecords, type LocalRecords } from './adapters/artifacts/records.js';
import { createModel } from './adapters/model/model.js';
import { createRedactor, type Redactor } from './adapters/redact.js';
import type { Config } from './config.js';
import type { ArtifactStore, CallRow } from './ports.js';

/** Artifact store, records and call ledger of the home, for commands that show them. */
export function openStores(config: Config): {
  readonly artifacts: ArtifactStore;
  readonly records: LocalRecords;
  readonly ledger: (lineage: string) => Promise<readonly CallRow[]>;
} {
  const { home, keyOf, secrets } = config;
  const redactor = createRedactor({ secrets });
  const model = createModel({ home, redact: redactor.redact, apiKeyOf: keyOf, onWarning: () => undefined });
  return { ...stores(config, redactor), ledger: (lineage) => model.ledger(lineage) };
}

export const stores = (
  { home }: Pick<Config, 'home'>,
  redactor: Redactor,
): { readonly artifacts: ArtifactStore; readonly records: LocalRecords } => ({
  artifacts: createArtifactStore({ home, redactor }),
  records: createRecords({ home, redact: redactor.redact }),
});
