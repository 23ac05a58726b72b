/** A worker's ports over a home of its own: real git, files and processes; an activity is run as Temporal runs it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityPorts } from '../../src/activities/activity-ports.js';
import { createArtifactStore } from '../../src/adapters/artifacts/artifact-store.js';
import { createRecords } from '../../src/adapters/artifacts/records.js';
import { createForge } from '../../src/adapters/forge/create-forge.js';
import { createGit } from '../../src/adapters/git/create-git.js';
import { createLedger, type Ledger } from '../../src/adapters/model/ledger.js';
import { createCosts } from '../../src/adapters/model/costs';
import { createModel } from '../../src/adapters/model/model.js';
import { createRedactor } from '../../src/adapters/redact.js';
import { runCommand } from '../../src/adapters/sandbox/run-command.js';
import { syntaxFault } from '../../src/adapters/syntax/syntax-fault.js';
import { createSourceParser } from '../../src/adapters/source/source-parser.js';
import { createTestReports } from '../../src/adapters/test-reports/create-test-reports.js';
import { createPlainSandbox } from '../../src/adapters/sandbox/plain.js';
import type { TaskSpec } from '../../src/domain/task.js';
import type { ArtifactRef } from '../../src/domain/outcome.js';
import { PortFault } from '../../src/ports.js';
import { parseSpec } from '../../src/schemas.js';
import { aSpec } from '../client/specs.js';

export interface ActivityWorld {
  readonly folder: string;
  readonly ports: ActivityPorts;
  readonly ledger: Ledger;
  spec(changes: Partial<TaskSpec>): Promise<ArtifactRef>;
  run<T>(activity: () => Promise<T>): Promise<T>;
  clear(): void;
}

export function openActivityWorld(): ActivityWorld {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-activities-'));
  const home = join(folder, 'home');
  const environment = { PATH: process.env['PATH'] ?? '', HOME: folder };
  const redactor = createRedactor({ secrets: () => [] });
  const artifacts = createArtifactStore({ home, redactor });
  const ports: ActivityPorts = {
    artifacts,
    records: createRecords({ home, redact: redactor.redact }),
    git: createGit({ home, environment, tokenOf: () => undefined, redact: redactor.redact }),
    model: createModel({ home, redact: redactor.redact, apiKeyOf: () => undefined, onWarning: () => {} }),
    costs: createCosts(home),
    sandbox: createPlainSandbox(environment, runCommand),
    sandboxWarning: null,
    // None of the activities tested here tells anybody outside of its work.
    events: { emit: () => Promise.resolve() },
    forge: createForge({ forgeOf: () => undefined, tokenOf: () => undefined, redact: redactor.redact }),
    findSecrets: redactor.findSecrets,
    taskFolder: (lineage) => join(home, 'tasks', lineage),
    setupFolder: join(home, 'setups'),
    roomForGround: () => Promise.resolve(),
    alone: (_lineage, work) => work(),
    testReports: createTestReports(),
    syntax: syntaxFault,
    sourceParser: createSourceParser(),
    detectChecks: () => [],
    pathsForDetection: [],
    settings: {
      provider: ({ provider }) => {
        throw new PortFault('unknownProvider', provider, false);
      },
      defaultModels: [],
      protect: [],
      mapTokens: 1_024,
      author: 'weaver <weaver@localhost>',
      identity: '1@host',
      parseSpec,
      limits: {},
    },
  };
  return {
    folder,
    ports,
    ledger: createLedger(home, redactor.redact),
    spec: (changes) => artifacts.put('spec', JSON.stringify(aSpec(changes))),
    run: (activity) => new MockActivityEnvironment().run(activity),
    clear: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
