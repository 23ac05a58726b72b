/** All activities, made from the ports they need. */
import { createApplyEdits } from './apply-edits.js';
import { createCallModel } from './call-model.js';
import { createCloseWorkspace } from './close-workspace.js';
import { createLand } from './land.js';
import { createOpenWorkspace } from './open-workspace.js';
import { createRecord } from './record.js';
import { createRunChecks } from './run-checks.js';
import type { ActivityPorts } from './activity-ports.js';

export function createActivities(ports: ActivityPorts) {
  return {
    openWorkspace: createOpenWorkspace(ports),
    callModel: createCallModel(ports),
    applyEdits: createApplyEdits(ports),
    runChecks: createRunChecks(ports),
    land: createLand(ports),
    closeWorkspace: createCloseWorkspace(ports),
    record: createRecord(ports),
  };
}

export type Activities = ReturnType<typeof createActivities>;
