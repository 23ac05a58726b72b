/** What a task is: the specification as validated, and the states of its life. */
import type { AskRules, StepModes } from './ask-mode.js';
import type { GuardPolicies } from './guards/change.js';
import { isObject } from './plain-object.js';
import type { Playbook, PlaybookFile, Variables } from './playbook.js';
import type { PullRequestSpec } from './pull-request.js';
import type { ShadowSpec } from './shadow.js';

/** What a task may change in files that a glob names. */
export type ProtectPolicy = 'allow' | 'add-only' | 'deny';

export interface RepoSpec {
  /** What git accepts as a remote: https, ssh, file URL or absolute path. Never with a password in it. */
  readonly url: string;
  /** Branch to start from; the remote's HEAD if absent. */
  readonly baseBranch?: string;
  /** Branch to push; `weaver/<slug>-<id>` if absent. */
  readonly branch?: string;
}

export interface CheckSpec {
  readonly name: string;
  /** A line for the shell (`sh -c`), run at the top of the repository. */
  readonly run: string;
  readonly timeoutSeconds: number;
  /** Glob of the files that the check's runner writes its results to; absent = the usual places, and what it prints. */
  readonly report?: string;
}

/** An acceptance criterion that a command tells: it is met if that ends with exit code 0. */
export interface CriterionCheck {
  /** Number of the criterion, from 1. */
  readonly criterion: number;
  readonly run: string;
  readonly timeoutSeconds: number;
}

export interface SetupSpec extends CheckSpec {
  /** Whether the step may use the network; checks never may. */
  readonly network: boolean;
}

export interface ProtectSpec {
  readonly glob: string;
  readonly policy: ProtectPolicy;
}

export interface LimitsSpec {
  /** Attempts of the handler, the first one included. */
  readonly attempts: number;
  /** Money in micro-dollars; absent = no limit. */
  readonly costUsdMicros?: number;
  /** Tokens of all calls, prompt and completion; absent = no limit. */
  readonly tokens?: number;
  /** Turns of one attempt of the handler `agent`; TASK_DEFAULTS.turns if absent. */
  readonly turns?: number;
  /** Time spent running (not blocked), in seconds. */
  readonly wallTimeSeconds: number;
  /** How long an outage of the remote, the endpoint or the disk is waited for, in seconds. */
  readonly outageSeconds: number;
  /** The same for one attempt: reaching one ends the attempt, not the task. Absent = no limit. */
  readonly attempt?: AttemptLimits;
  /** When money or tokens are spent: wait until somebody raises the limit, or die of it, which is the default. */
  readonly whenSpent?: 'wait' | 'die';
}

export interface AttemptLimits {
  readonly costUsdMicros?: number;
  readonly tokens?: number;
  readonly wallTimeSeconds?: number;
}

/**
 * How a task is carried out. `agent` works with tools until it says that it is done, `one-shot` gives one answer with edits. `join` merges the branches of the tasks it depends on and runs the checks on the whole;
 * `resolve` does the same where they conflict, with a model's help: weaver makes it itself, no file names it. `script`, `human`
 * and `playbook` ask no model: a program, a person or a list of commands works in the task's work tree.
 */
export const HANDLERS = ['one-shot', 'agent', 'plan', 'join', 'resolve', 'script', 'human', 'playbook'] as const;
export type Handler = (typeof HANDLERS)[number];

/** Handlers that do for any task; the others need what only weaver's own tasks have, or tasks to come after. */
export const FREE_HANDLERS = ['one-shot', 'agent', 'plan'] as const satisfies readonly Handler[];
export type FreeHandler = (typeof FREE_HANDLERS)[number];

/** Handlers that ask no model. */
const WITHOUT_MODEL: readonly Handler[] = ['script', 'human', 'playbook'];
export const asksModel = (handler: Handler): boolean => !WITHOUT_MODEL.includes(handler);

/** The program of the handler `script`: a line for the shell, with the task as JSON on its standard input. */
export interface ScriptSpec {
  readonly run: string;
  readonly timeoutSeconds: number;
  readonly network: boolean;
}

/** All that is named must hold. */
export interface HandlerCondition {
  /** A part of the title, in whatever case. */
  readonly title?: string;
  /** A part of the description, in whatever case. */
  readonly description?: string;
  readonly tag?: string;
  /** A glob that one of the related files matches. */
  readonly file?: string;
  /** More related files than this. */
  readonly filesAbove?: number;
  /** More characters than this in title, description and criteria. */
  readonly sizeAbove?: number;
}

export interface HandlerRule {
  readonly when: HandlerCondition;
  readonly handler: FreeHandler;
  /** In place of what holds, in words. */
  readonly reason?: string;
}

/** Who chooses the handler: the first rule that holds, else the model, else it is the one that the task names. */
export interface ChooseHandlerSpec {
  readonly rules: readonly HandlerRule[];
  readonly model?: ModelChoice;
}

/** Where a person has a say, and what happens if nobody comes. */
export interface PeopleSpec {
  /** `plan`: before children are started; `push`: before the commit is pushed. */
  readonly approve: readonly ('plan' | 'push')[];
  /** How long a question stays open, in seconds. */
  readonly waitSeconds: number;
  /** When the time is up: the question's default is taken (an approval's default is this field's own word), or the task is stuck. */
  readonly unanswered: 'approve' | 'reject' | 'stuck';
}

export interface LandingSpec {
  /** When the base branch has gone on meanwhile: put the change on top of it and check it there, or keep it where it is. */
  readonly onMovedBase: 'rebase' | 'keep';
  /** Opened when the commit is pushed, and kept up to date. Absent = none. */
  readonly pullRequest?: PullRequestSpec;
}

/** A provider of weaver.config.yaml, with the model to ask it for (its own default if absent). */
export interface ModelChoice {
  readonly provider: string;
  readonly model?: string;
}

export interface CommitSpec {
  /** `Name <address>`. */
  readonly author?: string;
  readonly trailers: readonly string[];
  /** Replaces the message that the model proposes. */
  readonly message?: string;
  /** Whether it is signed; absent = if the configuration names a key. */
  readonly sign?: boolean;
  /** The repository's own hooks; absent = as the configuration says, which is `skip` by itself. */
  readonly hooks?: 'skip' | HooksSpec;
}

/** Hooks of the repository that judge a commit before it is pushed. */
export interface HooksSpec {
  /** Their folder; absent = `.husky` or `.githooks`. */
  readonly path?: string;
  /** Of each. */
  readonly timeoutSeconds: number;
}

/** A task as validated; every default but the detected ones is filled in. */
export interface TaskSpec {
  readonly title: string;
  readonly description: string;
  readonly acceptanceCriteria: readonly string[];
  readonly repo: RepoSpec;
  readonly handler: Handler;
  /** Absent = `handler` it is. Asked once, for the first attempt. */
  readonly chooseHandler?: ChooseHandlerSpec;
  /** Name of an agent of the configuration, which says how the task is carried out. */
  readonly agent?: string;
  /** Of the handler `script`. */
  readonly script?: ScriptSpec;
  /** Of the handler `playbook`: its steps, or a file of the repository; absent = the repository's own, or the default one. */
  readonly playbook?: Playbook | PlaybookFile;
  /** Values for the playbook's variables. */
  readonly variables?: Variables;
  /** Absent = detected from the files of the repository. */
  readonly checks?: readonly CheckSpec[];
  /** Those of the criteria that a command tells. */
  readonly criterionChecks?: readonly CriterionCheck[];
  /** Who tells of the others whether they are met: the task's own model, or another one. Absent = nobody. */
  readonly judge?: true | ModelChoice;
  /** The change must bring a test that fails without the rest of it. */
  readonly reproduceFirst?: true;
  /** Tests that fail at the base may go on failing, if others of them are mended. */
  readonly allowOldFailures?: true;
  /** A model that is to do the task may propose to split it. Programs and people may in any case. */
  readonly maySplit?: true;
  /** What guards do that find something in a change; absent = what each does by itself. */
  readonly guards?: GuardPolicies;
  readonly relatedFiles: readonly string[];
  readonly protect: readonly ProtectSpec[];
  readonly limits: LimitsSpec;
  /** The ladder: attempt n asks the n-th, the last one from then on. Empty = the configured default. */
  readonly models: readonly ModelChoice[];
  /** Asks all of `models` in each turn, in this way, in place of climbing the ladder. */
  readonly ask?: AskRules;
  /** Steps that are asked in a way of their own. */
  readonly modes?: StepModes;
  /** Answers to one question, each checked, of which the best is landed. Absent = 1. */
  readonly candidates?: number;
  /** A second model is asked beside the first, and only compared. */
  readonly shadow?: ShadowSpec;
  readonly setup: readonly SetupSpec[];
  readonly commit: CommitSpec;
  /** Absent = a moved base is built upon. */
  readonly landing?: LandingSpec;
  readonly tags: readonly string[];
  readonly key?: string;
  /** Absent = nobody is asked unless the model asks. */
  readonly people?: PeopleSpec;
  /** Handlers to try when this one does not get on, in this order. */
  readonly alternatives?: readonly Handler[];
  /** `name@version` of the decider; absent = the default one. Several, joined by `+`: the first that does not abstain. */
  readonly decider?: string;
  /** A second decider whose decisions are only recorded where they differ. */
  readonly shadowDecider?: string;
  /** Commit to start from in place of the tip of the base branch: a rerun starts where its predecessor did. */
  readonly baseCommit?: string;
  /**
   * True where the base may hold work that nobody has taken over yet (a sibling's branch, one of the task's own): what its set-up
   * runs and leaves is no other task's. Written when the workspace is opened; not for task files.
   */
  readonly ownSetup?: true;
  /** Of a `resolve`: the branches that it merges, beside those of its prerequisites. Not for task files. */
  readonly merge?: readonly string[];
  /** Of a `resolve`: the files in which the branches do not fit. Not for task files. */
  readonly conflicts?: readonly string[];
  /** 1 (first) to 5 (last). */
  readonly priority?: number;
}

export type TerminalState = 'succeeded' | 'dead' | 'decomposed' | 'cancelled' | 'stuck';
export type TaskState = 'pending' | 'running' | 'retry_wait' | 'blocked' | TerminalState;

const TERMINAL: ReadonlySet<string> = new Set<TerminalState>(['succeeded', 'dead', 'decomposed', 'cancelled', 'stuck']);
export const isTerminalState = (state: string): state is TerminalState => TERMINAL.has(state);

/** Design section 10; every number here can be set in the task file. */
export const TASK_DEFAULTS = {
  attempts: 5,
  /** A task of a person's day takes some fifty; what has not ended after these goes in circles. */
  turns: 250,
  wallTimeSeconds: 30 * 60,
  outageSeconds: 12 * 60 * 60,
  checkTimeoutSeconds: 300,
  /** Hooks are made for somebody who waits in front of them. */
  hookTimeoutSeconds: 120,
  /** An hour: a script may be a whole agent of somebody else's. */
  scriptTimeoutSeconds: 60 * 60,
  /** A week: longer than any weekend. */
  waitSeconds: 7 * 24 * 60 * 60,
} as const;

/** An outage in front of a waiting person: `weaver run` gives up after ten minutes. */
export const ATTENDED_OUTAGE_SECONDS = 600;

/** Bounds of what Temporal shows; a title that is validated is shorter. */
const TITLE_CHARACTERS_MAX = 190;

/** Title of a specification that nobody has validated yet: anything may stand there, and it must not stop the task. */
export const titleOf = (spec: unknown): string => fieldText(spec, 'title').slice(0, TITLE_CHARACTERS_MAX);

/** A field of a value from outside, if it is text; else an empty text. */
export function fieldText(value: unknown, name: string): string {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : '';
}

export const fieldOf = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);

const LOWERED = ['costUsdMicros', 'tokens', 'attempts'] as const;

/** Limits of work that was done before, lowered to those of the specification that it is gone on with; nobody has validated it. */
export function loweredLimits(limits: LimitsSpec, spec: unknown): LimitsSpec {
  const claimed = fieldOf(spec, 'limits');
  const lower = LOWERED.flatMap((name) => {
    const value = fieldOf(claimed, name);
    const isLower = typeof value === 'number' && value > 0 && value < (limits[name] ?? Infinity);
    return isLower ? [[name, value] as const] : [];
  });
  if (lower.length === 0) return limits;
  const whenSpent = fieldOf(claimed, 'whenSpent');
  const isKnown = whenSpent === 'wait' || whenSpent === 'die';
  return { ...limits, ...Object.fromEntries(lower), ...(isKnown ? { whenSpent } : {}) };
}

/** Limits of a specification that nobody has validated yet: what is no sensible number is the default. */
export function claimedLimits(spec: unknown): LimitsSpec {
  const claimed = isObject(spec) && isObject(spec['limits']) ? spec['limits'] : {};
  const positive = (name: 'attempts' | 'wallTimeSeconds' | 'outageSeconds'): number => {
    const value = claimed[name];
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : TASK_DEFAULTS[name];
  };
  return {
    attempts: positive('attempts'),
    wallTimeSeconds: positive('wallTimeSeconds'),
    outageSeconds: positive('outageSeconds'),
  };
}
