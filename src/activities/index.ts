/** All activities, made from the ports they need. */
import { createApplyEdits } from './apply-edits.js';
import { createAskPermit, createOpenTasks } from './ask-permit.js';
import { createCallModel } from './call-model.js';
import { createCloseWorkspace } from './close-workspace.js';
import { createLand } from './land.js';
import { createMergeBranches } from './merge-branches.js';
import { createLookAfter } from './look-after.js';
import { createOpenWorkspace } from './open-workspace.js';
import { createPropose } from './propose.js';
import { createPauseAfterFailures } from './pause-after-failures.js';
import { createRecord } from './record.js';
import { createRunChecks } from './run-checks.js';
import { createRunTools } from './run-tools.js';
import { createSay } from './say.js';
import { createSweep } from './sweep.js';
import { createUnpublish } from './unpublish.js';
import { tellBeginning } from './tell-beginning.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Housekeeping } from '../ports.js';

export function createActivities(ports: ActivityPorts) {
  return {
    openWorkspace: tellBeginning(ports, createOpenWorkspace(ports)),
    callModel: createCallModel(ports),
    applyEdits: createApplyEdits(ports),
    runChecks: createRunChecks(ports),
    runTools: createRunTools(ports),
    say: createSay(ports),
    land: createLand(ports),
    propose: createPropose(ports),
    mergeBranches: createMergeBranches(ports),
    closeWorkspace: createCloseWorkspace(ports),
    record: createRecord(ports),
    pauseAfterFailures: createPauseAfterFailures(),
    lookAfter: createLookAfter(),
    unpublish: createUnpublish(ports),
    askPermit: createAskPermit(),
    openTasks: createOpenTasks(),
  };
}

export type Activities = ReturnType<typeof createActivities>;

/** Those that concern one host, on the queue of that host. */
export const createHostActivities = (ports: { readonly housekeeping: Housekeeping }) => ({ sweep: createSweep(ports) });

export type HostActivities = ReturnType<typeof createHostActivities>;
