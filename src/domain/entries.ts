/** Entries of the account that a task or a job writes of itself, in the order of their sequence numbers. */
import type { AskMode } from './ask-mode.js';
import type { Strategy, Tally } from './consensus.js';
import type { Decision } from './decision.js';
import type { FailureFamily } from './failures.js';
import type { JobState, JobTaskRow } from './job.js';
import type { Answered, ArtifactRef, Question } from './outcome.js';
import type { AttemptRecord, DecisionRecord, Spending } from './record.js';
import type { Handler, TaskState } from './task.js';

export type Entry =
  | ({ readonly kind: 'attempt' } & AttemptRecord)
  | ({ readonly kind: 'decision' } & DecisionRecord)
  | CancelledEntry
  | QuestionEntry
  | ({ readonly kind: 'answered'; readonly sequence: number } & Answered)
  | SaidEntry
  | HandlerEntry
  | AskedEntry
  | NoteEntry
  | NoticeEntry
  | CreatedEntry
  | JobEntry
  | TasksEntry;

/** An entry as it is booked: number and time come with the booking. */
export type NewEntry = { [K in Entry['kind']]: Omit<Extract<Entry, { kind: K }>, 'sequence' | 'at'> }[Entry['kind']];

export interface CancelledEntry {
  readonly kind: 'cancelled';
  readonly sequence: number;
  readonly at: number;
  readonly reason: string;
  readonly requester: string;
}

/** A question was put; its answer is an entry of its own. */
export interface QuestionEntry {
  readonly kind: 'question';
  readonly sequence: number;
  readonly at: number;
  readonly question: Question;
  /** When its default is taken, epoch milliseconds; null = never. */
  readonly until: number | null;
}

/** What a person has told a task or a job while it ran. */
export interface SaidEntry {
  readonly kind: 'said';
  readonly sequence: number;
  readonly at: number;
  /** Name of the update: `pause`, `resume`, `retryNow`, `setBudget`, `addInstruction`. */
  readonly update: string;
  readonly by: string;
  readonly why: string;
  /** The instruction, or the new limits in words. */
  readonly detail: string;
}

/** Rules or a model have chosen the handler of a task. */
export interface HandlerEntry {
  readonly kind: 'handlerChosen';
  readonly sequence: number;
  readonly at: number;
  readonly handler: Handler;
  readonly reason: string;
}

/** Several models were asked one question. */
export interface AskedEntry {
  readonly kind: 'asked';
  readonly sequence: number;
  readonly at: number;
  /** `a1.t1`. */
  readonly turn: string;
  readonly mode: AskMode | 'candidates';
  /** In the order of asking. */
  readonly answers: readonly AskedAnswer[];
  /** Place of the one that was taken; null if none was. */
  readonly winner: number | null;
  /** Why it was taken, or why none was. */
  readonly reason: string;
  /** What a judge has cost, in micro-dollars; absent if there was none. */
  readonly judgeUsdMicros?: number;
  /** Of a consensus. */
  readonly vote?: AskedVote;
}

/** How a vote has gone, without the words that were voted on. */
export interface AskedVote {
  readonly strategy: Strategy;
  readonly quorum: number | 'all';
  readonly voters: number;
  /** Those who said what was taken; 0 if nothing was. */
  readonly votesFor: number;
  readonly abstained: readonly { readonly index: number; readonly why: string }[];
  /** Those who said the same, the most first; members by their places. */
  readonly tally: readonly Pick<Tally, 'votes' | 'weight' | 'score' | 'members'>[];
  readonly rounds: number;
  /** What broke the tie; null if there was none. */
  readonly tieBreak: string | null;
  readonly judged: boolean;
  /** Score of what was taken; null if nothing is scored. */
  readonly winnerScore: number | null;
}

export interface AskedAnswer {
  readonly index: number;
  readonly provider: string;
  readonly model: string | null;
  readonly status: 'ok' | 'failed' | 'cancelled' | 'skipped';
  /** What it failed of, or why it was left. */
  readonly why: string;
  readonly family?: FailureFamily;
  readonly latencyMs: number | null;
  /** Null where it is not known: who was left behind may have been paid for, and the ledger knows. */
  readonly costUsdMicros: number | null;
  readonly unpriced: boolean;
  readonly tokens: number | null;
  readonly answer: ArtifactRef | null;
  readonly diff: ArtifactRef | null;
}

/** Something that the task has done by itself, in words: a step that people want to know of and nothing else follows from. */
export interface NoteEntry {
  readonly kind: 'note';
  readonly sequence: number;
  readonly at: number;
  /**
   * `compaction`: a conversation was made shorter; `standIn`: an agent works in the place of another one; `candidate`: one whose
   * checks have passed is not taken.
   */
  readonly about: 'compaction' | 'standIn' | 'shadow' | 'pullRequest' | 'candidate';
  readonly text: string;
}

/** Most of a budget is used up. */
export interface NoticeEntry {
  readonly kind: 'notice';
  readonly sequence: number;
  readonly at: number;
  readonly budget: 'costUsdMicros' | 'tokens' | 'attempts' | 'deadline' | 'wallTime';
  readonly used: number;
  readonly limit: number;
}

/** Tasks that a job has taken on; a job of thousands writes several. */
export interface CreatedEntry {
  readonly kind: 'created';
  readonly sequence: number;
  readonly at: number;
  readonly tasks: readonly CreatedTask[];
}

export interface CreatedTask {
  readonly path: string;
  readonly title: string;
  readonly parent: string | null;
  /** Paths. */
  readonly dependsOn: readonly string[];
}

/** A job has begun (`running`) or ended. */
export interface JobEntry {
  readonly kind: 'job';
  readonly sequence: number;
  readonly at: number;
  readonly state: JobState;
  readonly title: string;
  readonly requester: string;
  readonly total: number;
  readonly counts: Readonly<Partial<Record<TaskState, number>>>;
  readonly spending: Spending;
  /** When it began, epoch milliseconds. */
  readonly startedAt: number;
}

/** A page of the tasks of an ended job, as its registry had them. */
export interface TasksEntry {
  readonly kind: 'tasks';
  readonly sequence: number;
  readonly at: number;
  /** Number of the first row. */
  readonly from: number;
  readonly rows: readonly JobTaskRow[];
}

const KINDS: ReadonlySet<unknown> = new Set<Entry['kind']>([
  'attempt',
  'decision',
  'cancelled',
  'question',
  'answered',
  'said',
  'handlerChosen',
  'asked',
  'note',
  'notice',
  'created',
  'job',
  'tasks',
]);

/** Written by this version or another one: only what every reader relies on is looked at. */
export const isEntry = (value: unknown): value is Entry =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  KINDS.has(value.kind) &&
  'sequence' in value &&
  typeof value.sequence === 'number';

/** When it was written down, epoch milliseconds. */
export function timeOf(entry: Entry): number {
  switch (entry.kind) {
    case 'attempt':
      return entry.endedAt;
    case 'decision':
      return entry.decidedAt;
    default:
      return entry.at;
  }
}

/** What a split task became: its children, and the one that joins them, which has the number after the last. */
export function childrenOf(path: string, title: string, { children, joinSpec }: Decomposition): readonly CreatedTask[] {
  const childOf = (id: string): string => `${path}.${id}`;
  const parts = children.map(({ id, title: named, dependsOn }) => ({
    path: childOf(id),
    title: named,
    parent: path,
    dependsOn: dependsOn.map(childOf),
  }));
  if (joinSpec === null) return parts;
  const last = { path: childOf(String(parts.length + 1)), title: `Join: ${title}`.slice(0, 100), parent: path };
  return [...parts, { ...last, dependsOn: parts.map((part) => part.path) }];
}

type Decomposition = Extract<Decision, { kind: 'decompose' }>;
