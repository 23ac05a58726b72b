/**
 * The catalogue of everything that can go wrong for a task: one code, one sentence, one next step.
 * The family decides the exit code; `heals` decides what the decider may do about it.
 */
import { cutToBytes } from './payload-limit.js';

/** Which kind of trouble it is; each family has one exit code (see EXIT_CODES). */
export type FailureFamily =
  'gate' | 'input' | 'configuration' | 'network' | 'model' | 'rateLimit' | 'budget' | 'person' | 'time' | 'cancelled';

/**
 * What can cure it: `attempt` another try with the evidence in the prompt; `model` only another model;
 * `outage` waiting until the other side is back; `never` nothing weaver can do.
 */
export type Heals = 'attempt' | 'model' | 'outage' | 'never';

/** Shown while a task waits for the end of an outage, and also of a task that has ended of it: true of both. */
const afterOutage = (cure: string): string =>
  `${cure}; a task that waits then goes on by itself, one that has ended has to be submitted again.`;

interface CatalogueEntry {
  readonly family: FailureFamily;
  readonly heals: Heals;
  readonly says: string;
  readonly next: string;
}

const catalogue = {
  checksFailed: {
    family: 'gate',
    heals: 'attempt',
    says: 'The checks failed after the edits.',
    next: 'Read the check log (weaver logs ID); sharpen the description or raise limits.attempts.',
  },
  baselineBroken: {
    family: 'gate',
    heals: 'attempt',
    says: 'The checks fail at the base already and still fail the same way after the edits.',
    next: 'If that is none of the business of this task, mend the base branch, leave these checks out or set allowOldFailures; if it is, read the check log (weaver logs ID) and sharpen the description.',
  },
  stillFailing: {
    family: 'gate',
    heals: 'attempt',
    says: 'What failed at the base still fails in the same way after the edits.',
    next: 'Read the check log (weaver logs ID); sharpen the description or raise limits.attempts. If it is not for this task to mend, name checks that pass at the base.',
  },
  checkTimedOut: {
    family: 'gate',
    heals: 'attempt',
    says: 'A check ran out of its time and was stopped.',
    next: 'Raise checks[].timeoutSeconds, or find what hangs in the check log.',
  },
  testsVanished: {
    family: 'gate',
    heals: 'attempt',
    says: 'Tests of the base are not run any more: they are gone, renamed or skipped.',
    next: 'Read which (weaver decisions ID); if the task is to change them, set protect[] to allow for their files.',
  },
  baseTestsFail: {
    family: 'gate',
    heals: 'attempt',
    says: 'The checks pass, but not with the tests and the test settings of the base.',
    next: 'Read which fail (weaver decisions ID); if the task is to change those files, set protect[] to allow for them.',
  },
  notReproduced: {
    family: 'gate',
    heals: 'attempt',
    says: 'The task wants a test that fails before the change and passes after it, and there is none.',
    next: 'Read why (weaver decisions ID); leave reproduceFirst out if there is nothing to reproduce.',
  },
  criteriaUnmet: {
    family: 'gate',
    heals: 'attempt',
    says: 'An acceptance criterion is not met.',
    next: 'Read the evidence (weaver decisions ID); sharpen the criterion if it asks for something else.',
  },
  placeholderText: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change has placeholders in place of code.',
    next: 'weaver tries again with the lines in the prompt; if they are wanted, set guards.placeholder to allow.',
  },
  massDeletion: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change removes much more than the task asks for.',
    next: 'If that is wanted, say so in the description, or set guards.massDeletion to allow.',
  },
  whitespaceOnly: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change does nothing but move white space.',
    next: 'If that is wanted, say so in the description, or set guards.whitespaceOnly to allow.',
  },
  leftovers: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change leaves something behind that no repository wants.',
    next: 'weaver tries again with the lines in the prompt; if they are wanted, set guards.leftovers (or guards.debugStatements) to allow.',
  },
  weakenedTests: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change switches tests off or makes them say less.',
    next: 'If the task is to change those tests, set protect[] to allow for their files.',
  },
  syntaxError: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change makes a file unreadable for its language.',
    next: 'weaver tries again with the fault in the prompt; if the file is broken on purpose, set guards.syntax to allow.',
  },
  nothingToCommit: {
    family: 'gate',
    heals: 'attempt',
    says: 'The answer changes nothing in the repository.',
    next: 'Check whether the task is done already; if not, describe what should change.',
  },
  editsRejected: {
    family: 'gate',
    heals: 'attempt',
    says: 'The edits do not fit the files.',
    next: 'List the files concerned in relatedFiles so that the model sees their exact text.',
  },
  mergeConflict: {
    family: 'gate',
    heals: 'attempt',
    says: 'The branches change the same places in different ways.',
    next: 'Read the conflict in the evidence of the attempt (weaver decisions ID); order the tasks with dependsOn, or merge by hand.',
  },
  hookFailed: {
    family: 'gate',
    heals: 'attempt',
    says: 'A hook of the repository refused the commit.',
    next: 'Read what it printed (weaver decisions ID), which the next attempt is told; commit.hooks: skip lands without hooks.',
  },
  secretInDiff: {
    family: 'gate',
    heals: 'attempt',
    says: 'The change contains something that looks like a secret and was not pushed.',
    next: 'Read the answer of the attempt; name a placeholder in the task where a secret belongs.',
  },
  protectedFile: {
    family: 'gate',
    heals: 'attempt',
    says: 'The edits touch files that the task protects.',
    next: 'Change protect[] if the edit is wanted.',
  },
  workRefused: {
    family: 'gate',
    heals: 'attempt',
    says: 'What was left in the work tree cannot be landed.',
    next: 'Read what is named (weaver decisions ID); leftovers of builds belong into .gitignore, clones outside the work tree.',
  },
  scriptFailed: {
    family: 'gate',
    heals: 'attempt',
    says: 'The script ended with a failure.',
    next: 'Read what it printed (weaver decisions ID); it is given that as lastFailure in its next attempt.',
  },
  scriptRefused: {
    family: 'gate',
    heals: 'never',
    says: 'The script says that the task can never be done (exit code 3).',
    next: 'Read why (weaver decisions ID) and change the task.',
  },
  programMissing: {
    family: 'configuration',
    heals: 'never',
    says: 'A program that the task needs is not on this host.',
    next: 'Install it where the worker runs, or declare a fallback of the agent (docs/how-to/ways-to-execute.md).',
  },
  checkProgramMissing: {
    family: 'configuration',
    heals: 'never',
    says: 'A check runs a program that is not there, so no edit can make it pass.',
    next: 'Correct the command of the check; or install the program where the worker runs, or by a step of setup.',
  },
  playbookFailed: {
    family: 'gate',
    heals: 'attempt',
    says: 'A step of the playbook failed.',
    next: 'Read what it printed (weaver decisions ID) and mend the step, or set failFast and when.',
  },
  invalidPlaybook: {
    family: 'input',
    heals: 'never',
    says: 'The playbook is not valid.',
    next: 'Mend the lines named (docs/how-to/playbooks.md) and submit the task again.',
  },
  workLost: {
    family: 'person',
    heals: 'attempt',
    says: 'The work tree that a person worked in is gone.',
    next: 'weaver makes a new one and asks again; do not remove folders below the weaver home.',
  },
  invalidTask: {
    family: 'input',
    heals: 'never',
    says: 'The task file is not valid.',
    next: 'Mend the fields named and submit it again.',
  },
  refusedPath: {
    family: 'input',
    heals: 'never',
    says: 'The answer tried to write outside the repository or into its control files.',
    next: 'Look at the answer (weaver decisions ID); this model or prompt is not to be trusted with this task.',
  },
  protectedBranch: {
    family: 'input',
    heals: 'never',
    says: 'The branch may not be pushed to.',
    next: 'Name another repo.branch, or let the remote accept pushes to this one.',
  },
  remoteRule: {
    family: 'input',
    heals: 'never',
    says: 'A rule of the remote refuses the commit.',
    next: 'Its own words are above. Change what it asks for in the task file, mostly commit.message, commit.trailers, author or repo.branch, and submit it again; or change the rule, then weaver retry ID --from land pushes what is there.',
  },
  baseMoved: {
    family: 'gate',
    heals: 'attempt',
    says: 'The base branch has gone on, and the change does not fit it any more.',
    next: 'Nothing: the next attempt starts from the new tip. If it happens again and again, order the tasks with dependsOn.',
  },
  branchMoved: {
    family: 'input',
    heals: 'attempt',
    says: 'The branch on the remote has commits that this work is not built on.',
    next: 'weaver starts over from the tip of the branch; to keep them apart name another repo.branch.',
  },
  missingRepository: {
    family: 'input',
    heals: 'never',
    says: 'There is no repository at this address, or none that these credentials may see.',
    next: 'Mend repo.url; a private repository needs its token (git.tokenEnv, default WEAVER_GIT_TOKEN), or a key that its host knows.',
  },
  missingBaseBranch: {
    family: 'input',
    heals: 'never',
    says: 'The base branch does not exist on the remote.',
    next: 'Name an existing branch in repo.baseBranch, or leave it out to use the default branch.',
  },
  missingBranch: {
    family: 'input',
    heals: 'never',
    says: 'A branch that this task needs is not on the remote any more.',
    next: 'Push it again, or retry the task that made it (weaver retry ID).',
  },
  emptyRepository: {
    family: 'input',
    heals: 'never',
    says: 'The repository has no commit yet.',
    next: 'Push a first commit to it.',
  },
  keyTaken: {
    family: 'input',
    heals: 'never',
    says: 'Another task was submitted under this key.',
    next: 'Use another key, or leave it out.',
  },
  remoteCredentials: {
    family: 'configuration',
    heals: 'never',
    says: 'The git remote refused the credentials.',
    next: 'Set the token that weaver.config.yaml names for this remote (git.tokenEnv, default WEAVER_GIT_TOKEN).',
  },
  signingFailed: {
    family: 'configuration',
    heals: 'never',
    says: 'The commit could not be signed, so it was not pushed.',
    next: 'Mend the key or its passphrase (commit.sign in weaver.config.yaml; docs/how-to/landing.md), then weaver retry ID.',
  },
  forgeUnknown: {
    family: 'configuration',
    heals: 'never',
    says: 'The task wants a pull request, and weaver does not know the forge of its repository.',
    next: 'Name the host under forges in weaver.config.yaml (docs/how-to/landing.md), or leave landing.pullRequest out.',
  },
  forgeCredentials: {
    family: 'configuration',
    heals: 'never',
    says: 'The forge refused the credentials for the pull request.',
    next: 'Set the token that forges names for this host, with the right to write pull requests; then weaver retry ID --from land.',
  },
  forgeRefused: {
    family: 'input',
    heals: 'never',
    says: 'The forge refused the pull request.',
    next: 'Read its words, mend landing.pullRequest or the branch, then weaver retry ID --from land; or open it by hand.',
  },
  modelCredentials: {
    family: 'configuration',
    heals: 'never',
    says: 'The model endpoint refused the key.',
    next: 'Set the key variable of the provider (OPENAI_API_KEY by default).',
  },
  modelNotFound: {
    family: 'configuration',
    heals: 'model',
    says: 'The endpoint does not know the model.',
    next: 'Name a model that the endpoint serves (WEAVER_MODEL or models[]); Ollama has to pull it first.',
  },
  unknownProvider: {
    family: 'configuration',
    heals: 'never',
    says: 'The task names a provider that the configuration does not have.',
    next: 'Add it under providers in weaver.config.yaml.',
  },
  notRecorded: {
    family: 'configuration',
    heals: 'never',
    says: 'No recorded answer fits the request, and answers are only replayed.',
    next: 'Record it (recordings.mode: record), or let the rest be asked (mode: fall-through); docs/how-to/replay.md tells more.',
  },
  unknownAgent: {
    family: 'configuration',
    heals: 'never',
    says: 'The task names an agent that the configuration does not have.',
    next: 'Add it under agents in weaver.config.yaml.',
  },
  disabledAgent: {
    family: 'configuration',
    heals: 'never',
    says: 'The task names an agent that the configuration has disabled.',
    next: 'Set enabled: true under agents in weaver.config.yaml, or name another agent.',
  },
  agentUnusable: {
    family: 'configuration',
    heals: 'never',
    says: 'The agent lacks what it needs, and none of its fallbacks has it.',
    next: 'Set the key, or configure the provider that is named; a fallback is declared under agents in weaver.config.yaml.',
  },
  unknownDecider: {
    family: 'configuration',
    heals: 'never',
    says: 'The task names a decider that its worker does not have.',
    next: 'Start a worker whose workflows file registers it (docs/how-to/deciders.md), or leave the field out.',
  },
  ownWorkflows: {
    family: 'configuration',
    heals: 'never',
    says: 'The workflows file of this worker cannot be used.',
    next: "Mend what is named; the file must be JavaScript that Node can load, and export * from 'weaver/workflows' (docs/how-to/deciders.md).",
  },
  searchAttributesMissing: {
    family: 'configuration',
    heals: 'never',
    says: 'The Temporal namespace lacks the search attributes of weaver, and they could not be added.',
    next: 'Add them: temporal operator search-attribute create --name NAME --type TYPE.',
  },
  rulesMissing: {
    family: 'configuration',
    heals: 'never',
    says: 'Open tasks name a handler or a decider that this worker does not have.',
    next: 'Start the worker that has it (the weaver version, or the module with registerDecider, of when they were submitted), or cancel these tasks.',
  },
  otherHome: {
    family: 'configuration',
    heals: 'never',
    says: 'Workers of another weaver home poll this task queue: each would lack what the other one has stored.',
    next: 'Let both share one home (WEAVER_HOME), or give this worker and the commands that submit to it a queue of its own (WEAVER_TASK_QUEUE). If the other one has been stopped, start this one again in a minute and a half (docs/how-to/operate.md).',
  },
  sandboxMissing: {
    family: 'configuration',
    heals: 'never',
    says: 'The configuration requires a sandbox and this host has none.',
    next: 'Install bubblewrap, or set sandbox to auto.',
  },
  setupFailed: {
    family: 'configuration',
    heals: 'never',
    says: 'A setup step failed.',
    next: 'Read its log (weaver logs ID) and mend the step.',
  },
  remoteUnreachable: {
    family: 'network',
    heals: 'outage',
    says: 'The git remote cannot be reached.',
    next: afterOutage('Check repo.url and the network'),
  },
  forgeUnreachable: {
    family: 'network',
    heals: 'outage',
    says: 'The forge cannot be reached, or has no time for the pull request now.',
    next: 'The commit is on its branch. When the forge is back: weaver retry ID --from land, or open the pull request by hand.',
  },
  temporalUnreachable: {
    family: 'network',
    heals: 'outage',
    says: 'The Temporal server cannot be reached.',
    next: 'Start it (weaver up) or set TEMPORAL_ADDRESS.',
  },
  diskFull: {
    family: 'time',
    heals: 'outage',
    says: 'The disk of the worker is full.',
    next: afterOutage('Free space below the weaver home'),
  },
  infrastructure: {
    family: 'time',
    heals: 'outage',
    says: 'A step could not be done, for a reason outside the task.',
    next: afterOutage('Read the cause in the record (weaver decisions ID) and mend it'),
  },
  modelUnreachable: {
    family: 'model',
    heals: 'outage',
    says: 'The model endpoint cannot be reached.',
    next: afterOutage('Check OPENAI_BASE_URL and the endpoint'),
  },
  modelTimeout: {
    family: 'model',
    heals: 'outage',
    says: 'The model endpoint did not answer in time.',
    next: afterOutage('Check the endpoint, or raise callTimeoutSeconds of the provider'),
  },
  modelServer: {
    family: 'model',
    heals: 'outage',
    says: 'The model endpoint failed.',
    next: afterOutage('Check the endpoint'),
  },
  modelRequestInvalid: {
    family: 'model',
    heals: 'model',
    says: 'The model endpoint rejected the request.',
    next: 'Check the model, its capability level and its maxOutputTokens in weaver.config.yaml; weaver doctor --probe finds out.',
  },
  contextOverflow: {
    family: 'model',
    heals: 'model',
    says: 'The prompt is larger than the context window of the model.',
    next: 'Name fewer relatedFiles, lower maxOutputTokens of the provider, or name a model with a larger window.',
  },
  contentFiltered: {
    family: 'model',
    heals: 'model',
    says: 'The endpoint filtered the content.',
    next: 'Rephrase the task, or name another model.',
  },
  modelRefused: {
    family: 'model',
    heals: 'model',
    says: 'The model refused the task.',
    next: 'Rephrase the task, or name another model.',
  },
  truncatedAnswer: {
    family: 'model',
    heals: 'attempt',
    says: 'The answer was cut off by its length limit; nothing of it was applied.',
    next: 'Make the task smaller, or raise maxOutputTokens of the provider.',
  },
  malformedAnswer: {
    family: 'model',
    heals: 'attempt',
    says: 'The answer is not in the form asked for, also after the repair turns.',
    next: 'Name a model that follows a JSON schema, or set the capability level of the provider.',
  },
  noConsensus: {
    family: 'model',
    heals: 'attempt',
    says: 'The models that were asked did not come to one answer.',
    next: 'Read what each of them said (weaver decisions ID); lower ask.vote.quorum, or name a judge in ask.judge.',
  },
  loopDetected: {
    family: 'model',
    heals: 'attempt',
    says: 'The model went in circles: the same calls with the same results, also after it was told so.',
    next: 'Read the conversation of the attempt (weaver decisions ID); sharpen the description, or name another model in models[].',
  },
  rateLimited: {
    family: 'rateLimit',
    heals: 'outage',
    says: 'The model endpoint limits the rate of requests.',
    next: 'Wait, or lower the concurrency of the provider.',
  },
  providerBusy: {
    family: 'rateLimit',
    heals: 'outage',
    says: 'The limits of the provider leave no room for the call now.',
    next: 'Wait; or raise requestsPerMinute, tokensPerMinute or concurrency of the provider, if the endpoint allows more.',
  },
  circuitOpen: {
    family: 'model',
    heals: 'outage',
    says: 'The model endpoint has failed again and again and is left alone for a while.',
    next: afterOutage('Check the endpoint (weaver doctor shows what it fails with)'),
  },
  quotaExhausted: {
    family: 'rateLimit',
    heals: 'model',
    says: 'The quota or credit at the model endpoint is used up.',
    next: 'Add credit, or name another provider in models[].',
  },
  budgetCost: {
    family: 'budget',
    heals: 'never',
    says: 'The money limit of the task is reached.',
    next: 'Raise limits.costUsd.',
  },
  budgetTokens: {
    family: 'budget',
    heals: 'never',
    says: 'The token limit of the task is reached.',
    next: 'Raise limits.tokens.',
  },
  providerBudget: {
    family: 'budget',
    heals: 'model',
    says: 'The budget of the provider has no room for the call.',
    next: 'Wait until it is free again, raise budget of the provider in weaver.config.yaml (then weaver retry-now ID), lower its maxOutputTokens, or name another provider in models[].',
  },
  wallTime: {
    family: 'time',
    heals: 'never',
    says: 'The task ran out of its time.',
    next: 'Raise limits.wallTimeSeconds.',
  },
  noProgress: {
    family: 'time',
    heals: 'never',
    says: 'The same failure came again and again.',
    next: 'Change the task: the model does not find the way by itself.',
  },
  invalidPlan: {
    family: 'gate',
    heals: 'attempt',
    says: 'The proposed child tasks cannot be started.',
    next: 'Read the plan (weaver decisions ID); describe the parts in the task, or write them as a job file.',
  },
  dependencyFailed: {
    family: 'gate',
    heals: 'never',
    says: 'A task that this one depends on ended badly, so it was not begun.',
    next: 'Mend the prerequisite (weaver retry ID) and submit this task again, or set whenFailed on the edge.',
  },
  skipped: {
    family: 'cancelled',
    heals: 'never',
    says: 'A task that this one depends on ended badly, and the job file says to skip it then.',
    next: 'Retry it when the prerequisite is mended.',
  },
  refusedDependency: {
    family: 'input',
    heals: 'attempt',
    says: 'The task cannot wait for the task that it named.',
    next: 'Read the reason; dependencies must not form a cycle.',
  },
  budgetAttempts: {
    family: 'budget',
    heals: 'never',
    says: 'The job has no attempts left.',
    next: 'Raise budget.attempts (weaver set-budget JOB --attempts N).',
  },
  attemptLimit: {
    family: 'budget',
    heals: 'attempt',
    says: 'The attempt reached one of its own limits.',
    next: 'Raise the limit that is named: limits.turns, or one of limits.attempt.',
  },
  deadline: {
    family: 'time',
    heals: 'never',
    says: 'The deadline of the job has passed.',
    next: 'Raise budget.deadlineSeconds, or split the job.',
  },
  rejectedByPerson: {
    family: 'person',
    heals: 'attempt',
    says: 'A person has rejected the work.',
    next: 'Read why (weaver decisions ID); weaver tries again with the reason in the prompt.',
  },
  unanswered: {
    family: 'person',
    heals: 'never',
    says: 'Nobody has answered the question in time.',
    next: 'Retry the task (weaver retry ID) and answer it, or set people.waitSeconds and people.unanswered.',
  },
  needsPerson: {
    family: 'person',
    heals: 'never',
    says: 'The task waits for a person.',
    next: 'Answer it.',
  },
  cancelled: {
    family: 'cancelled',
    heals: 'never',
    says: 'The task was cancelled.',
    next: 'If it is still wanted, weaver retry ID goes on with it.',
  },
  terminated: {
    family: 'cancelled',
    heals: 'never',
    says: 'The task was terminated from outside, without clean-up.',
    next: 'If it is still wanted, weaver retry ID goes on with it. What it has left is removed in an hour or two (weaver clean).',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type FailureCode = keyof typeof catalogue;

/** A failure as it is recorded: the code, and what exactly happened this time. At most 1,000 bytes of detail. */
export interface Failure {
  readonly code: FailureCode;
  readonly detail: string;
}

/** A failure as it is shown to a person. */
export interface ShownFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly next: string;
}

/** Bytes of a detail: long enough for a compiler's complaint, and several fit into one payload. The full text is in the artifact. */
const DETAIL_BYTES_MAX = 1_000;

export const failure = (code: FailureCode, detail = ''): Failure => ({
  code,
  detail: cutToBytes(detail, DETAIL_BYTES_MAX),
});

export const catalogueEntry = (code: FailureCode): CatalogueEntry => catalogue[code];

export const failureCodes = Object.keys(catalogue) as readonly FailureCode[];

export const isFailureCode = (text: string): text is FailureCode => Object.hasOwn(catalogue, text);

export const showFailure = ({ code, detail }: Failure): ShownFailure => ({
  code,
  message: detail === '' ? catalogue[code].says : `${catalogue[code].says} ${detail}`,
  next: catalogue[code].next,
});

/** Exit codes of the command line, by family of the final failure. */
export const EXIT_CODES: Readonly<Record<FailureFamily, number>> = {
  gate: 1,
  input: 2,
  configuration: 3,
  network: 4,
  model: 5,
  rateLimit: 6,
  budget: 7,
  person: 8,
  time: 9,
  cancelled: 10,
};

export const exitCodeOf = (failed: Failure | null): number =>
  failed === null ? 0 : EXIT_CODES[catalogue[failed.code].family];
