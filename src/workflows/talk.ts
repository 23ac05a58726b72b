/** What is said to a task while it runs: answers, instructions, pauses; words of the job. State only, no waiting. */
import { failure } from '../domain/failures.js';
import type { Prerequisite } from '../domain/job.js';
import type { Answered, Outcome, Question } from '../domain/outcome.js';
import type { Used } from '../domain/job-budget.js';
import type { CarriedTalk } from './carried-task.js';
import type { Allowance, AllowanceAnswer, Go, Grant, Hold, Said } from './messages.js';

/** As parts of JSON, for the question that asked for work. */
export interface SentPlan {
  readonly questionId: string;
  readonly parts: readonly string[];
}

/** A prompt holds no more, and a person who says more should write a new task. */
export const INSTRUCTIONS_MAX = 20;
export const INSTRUCTION_CHARACTERS_MAX = 4_000;
const ANSWERS_KEPT = 20;

export class Talk {
  question: Question | null = null;
  paused: Said | null = null;
  held: Said | null = null;
  /** Set by retryNow, taken back by the pause that it ends. */
  isWoken = false;
  readonly instructions: string[] = [];
  readonly answered: Answered[] = [];
  grant: Grant | null = null;
  go: Go | null = null;
  allowance: Allowance | null = null;
  allowanceLeft: Exclude<AllowanceAnswer['left'], 'ask'> | null = null;
  /** The slice was taken back after the last question: what is left is to be asked for. */
  isRecalled = false;
  /** What the job was last asked for. */
  wants: readonly (keyof Used)[] = [];
  /** Waits for which the task has given its place to others, and the last of them after which it had one again. */
  rests = 0;
  private seatedAfter = 0;
  private readonly answers = new Map<string, Answered>();
  /** The plan that has come in place of work and has not been read yet. An attempt that begins anew reads it in its turn. */
  private plan: SentPlan | null = null;
  /** Milliseconds for which the clock of each question that has no answer yet has run. */
  private readonly open = new Map<string, number>();
  private arrived: Prerequisite[] = [];
  /** What the job has said last, by what it is about. */
  private readonly orders = new Map<string, number>();

  carry(): CarriedTalk {
    const { paused, held, instructions, answered, go, allowance, rests, plan } = this;
    const kept = plan === null ? {} : { plan };
    return { paused, held, instructions, answered, go, allowance, rests, orders: [...this.orders], ...kept };
  }

  takeOver({ instructions, answered, orders = [], ...state }: CarriedTalk): void {
    Object.assign(this, state);
    // It waits for nobody when it continues as new.
    this.seatedAfter = this.rests;
    this.instructions.push(...instructions);
    for (const each of answered) this.answer(each);
    for (const [about, order] of orders) this.orders.set(about, order);
  }

  /** Whether its place is another one's. */
  get isResting(): boolean {
    return this.seatedAfter < this.rests;
  }

  hearPlace(number: number): void {
    this.seatedAfter = Math.max(this.seatedAfter, number);
  }

  get isHeld(): Said | null {
    return this.paused ?? this.held;
  }

  answerTo(questionId: string): Answered | null {
    return this.answers.get(questionId) ?? null;
  }

  /** Empty if there is none. */
  planFor(questionId: string): readonly string[] {
    return this.plan?.questionId === questionId ? this.plan.parts : [];
  }

  /** What was said with a plan that an earlier attempt did not come to read; null if there is none. */
  unreadPlan(): Answered | null {
    return this.plan === null ? null : this.answerTo(this.plan.questionId);
  }

  /** Without parts the work itself is done, and whatever was sent before is of no use any more. */
  hearPlan(questionId: string, parts: readonly string[]): void {
    this.plan = parts.length === 0 ? null : { questionId, parts };
  }

  /** It was read: it is a proposal now, or was refused. */
  dropPlan(): void {
    this.plan = null;
  }

  /** Opens a question; what follows if nobody answers is the decider's business. */
  ask(question: Question): Extract<Outcome, { kind: 'blocked' }> {
    this.question = question;
    return { kind: 'blocked', waitingOn: 'human', failure: failure('needsPerson', question.text), question };
  }

  bookOpen(questionId: string, ms: number): void {
    this.open.set(questionId, this.openMs(questionId) + ms);
  }

  openMs(questionId: string): number {
    return this.open.get(questionId) ?? 0;
  }

  answer(answered: Answered): void {
    this.open.delete(answered.questionId);
    this.answers.set(answered.questionId, answered);
    this.answered.push(answered);
    if (this.answered.length > ANSWERS_KEPT) this.answered.shift();
    this.question = null;
  }

  /** Signals come in parts, in any order; what they say together counts. */
  hearGo(go: Go): void {
    this.arrived.push(...go.prerequisites);
    const isWhole = go.total === undefined ? go.more !== true : this.arrived.length >= go.total;
    if (!isWhole) return;
    this.go = { ...go, prerequisites: this.arrived };
    this.arrived = [];
  }

  hearHold({ held, order, ...said }: Hold): void {
    if (this.isLate('hold', order)) return;
    this.held = held ? said : null;
  }

  /** Signals that are sent one after the other may overtake each other. */
  isLate(about: 'hold' | 'allowance' | 'deadline', order: number | undefined): boolean {
    if (order === undefined) return false;
    if (order < (this.orders.get(about) ?? 0)) return true;
    this.orders.set(about, order);
    return false;
  }

  hearAllowance({ allowance, left, order }: AllowanceAnswer): void {
    if (this.isLate('allowance', order)) return;
    this.allowance = allowance;
    this.isRecalled = left === 'ask';
    // It is no answer: that may have been overtaken by this, so whoever waits for one asks again.
    if (left !== 'ask') this.allowanceLeft = left;
  }

  /** Whether what the job has given covers a further call, or a further attempt. */
  covers(kinds: readonly (keyof Used)[], used: Used): boolean {
    const { allowance } = this;
    return allowance === null || kinds.every((kind) => allowance[kind] === null || used[kind] < (allowance[kind] ?? 0));
  }
}
