/** What tidies the home of this host, for the janitor's worker and for `weaver clean`, which needs no worker. */
import { createRecords } from './adapters/artifacts/records.js';
import { createGit } from './adapters/git/create-git.js';
import { createHousekeeping } from './adapters/home/housekeeping.js';
import { createRedactor } from './adapters/redact.js';
import type { Config } from './config.js';
import type { Housekeeping } from './ports.js';

export function createHousekeeper({ home, environment, gitTokenOf, secrets }: Config): Housekeeping {
  const { redact } = createRedactor({ secrets });
  const git = createGit({ home, environment, tokenOf: gitTokenOf, redact });
  return createHousekeeping({
    home,
    records: createRecords({ home, redact }),
    closeWorkspace: (name) => git.close(name),
  });
}
