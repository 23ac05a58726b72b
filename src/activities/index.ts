/** All activities, made from the ports they need. */
import { createApplyEdits } from './apply-edits.js';
import { createAskPermit, createOpenTasks } from './ask-permit.js';
import type { GateOf } from './ask-provider.js';
import { createCallModel } from './call-model.js';
import { createCloseWorkspace } from './close-workspace.js';
import { createDigestAnswer } from './digest-answer.js';
import { createJudgePrompt } from './judge-prompt.js';
import { createCompactConversation } from './compact-conversation.js';
import { createHandOver, createTakeWork } from './hand-over.js';
import { createKeepTrials } from './keep-trials.js';
import { createLand } from './land.js';
import { createLastWords } from './last-words.js';
import { createMergeBranches } from './merge-branches.js';
import { createLookAfter } from './look-after.js';
import { createNameModels, createOpenCase } from './open-case.js';
import { createOpenPullRequest } from './open-pull-request.js';
import { createOpenWorkspace } from './open-workspace.js';
import { createPropose } from './propose.js';
import { createPauseAfterFailures } from './pause-after-failures.js';
import { createRecord } from './record.js';
import { createRecordShadow } from './record-shadow.js';
import { createCriteriaPrompt } from './judge-criteria.js';
import { createRunChecks } from './run-checks.js';
import { createRunPlaybook } from './run-playbook.js';
import { createRunScript } from './run-script.js';
import { createRunTools } from './run-tools.js';
import { createSay } from './say.js';
import { createStoreQuestion } from './store-question.js';
import { createSweep } from './sweep.js';
import { createUnpublish } from './unpublish.js';
import { tellBeginning } from './tell-beginning.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Housekeeping } from '../ports.js';

export function createActivities(ports: ActivityPorts, gateOf: GateOf) {
  return {
    openWorkspace: tellBeginning(ports, createOpenWorkspace(ports)),
    callModel: createCallModel(ports, gateOf),
    applyEdits: createApplyEdits(ports),
    digestAnswer: createDigestAnswer(ports),
    storeQuestion: createStoreQuestion(ports),
    nameModels: createNameModels(ports),
    openCase: createOpenCase(ports),
    judgePrompt: createJudgePrompt(ports),
    keepTrials: createKeepTrials(ports),
    runChecks: createRunChecks(ports),
    criteriaPrompt: createCriteriaPrompt(ports),
    runTools: createRunTools(ports),
    runScript: createRunScript(ports),
    runPlaybook: createRunPlaybook(ports),
    handOver: createHandOver(ports),
    takeWork: createTakeWork(ports),
    say: createSay(ports),
    compactConversation: createCompactConversation(ports),
    land: createLand(ports),
    openPullRequest: createOpenPullRequest(ports),
    propose: createPropose(ports),
    mergeBranches: createMergeBranches(ports),
    closeWorkspace: createCloseWorkspace(ports),
    record: createRecord(ports),
    recordShadow: createRecordShadow(ports),
    pauseAfterFailures: createPauseAfterFailures(),
    lookAfter: createLookAfter(),
    lastWords: createLastWords(),
    unpublish: createUnpublish(ports),
    askPermit: createAskPermit(),
    openTasks: createOpenTasks(),
  };
}

export type Activities = ReturnType<typeof createActivities>;

/** Those that concern one host, on the queue of that host. */
export const createHostActivities = (ports: { readonly housekeeping: Housekeeping }) => ({ sweep: createSweep(ports) });

export type HostActivities = ReturnType<typeof createHostActivities>;
