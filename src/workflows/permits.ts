/**
 * Keeper of the permits for one shared thing: first come, first served within a priority. It begins with the first request and
 * ends when nobody wants anything for a while; the next request begins it again.
 */
import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  answered,
  answersDue,
  askFor,
  giveBack,
  grantFree,
  isUnused,
  NO_PERMITS,
  type PermitAnswer,
  type PermitBook,
} from '../domain/permits.js';
import { askPermitSignal, permitAnswerSignal, returnPermitSignal } from './permit.js';
import { openTasks } from './proxies.js';

/** Longer than the way from one task's return to the next one's request, so that a busy branch has one keeper. */
const LINGER_MS = 2_000;

/** A holder that was ended by force gives nothing back. The first look comes soon; one that goes on for hours costs few events. */
const LOOK = { firstMs: 5_000, factor: 2, maxMs: 5 * 60_000 } as const;

/** Far below the server's limit of 51,200, and replayed within a second. */
const EVENTS_MAX = 4_000;

/** Ids of one look fit into a payload of 8 KB. */
const HOLDERS_A_LOOK = 30;

export async function permits(carried: PermitBook = NO_PERMITS): Promise<void> {
  const desk = new Desk(carried);
  // Before anything is awaited: nothing that has arrived is missed.
  setHandler(askPermitSignal, (request) => desk.change((book) => askFor(book, request)));
  setHandler(returnPermitSignal, ({ requestId }) => desk.change((book) => giveBack(book, requestId)));
  for (;;) {
    await desk.answerAll();
    if (desk.unused) {
      const wanted = await condition(() => !desk.unused, LINGER_MS, { summary: 'nobody wants it' });
      if (!wanted && desk.unused) return;
      continue;
    }
    if (workflowInfo().historyLength > EVENTS_MAX) await continueAsNew<typeof permits>(desk.book);
    const pauseMs = desk.untilLook(Date.now());
    const changed = await condition(() => desk.unused || desk.due, pauseMs, { summary: 'next look at the holders' });
    if (!changed) await desk.look();
  }
}

/** The book with what is done about it. It is changed in one place; everything that is said follows from it. */
class Desk {
  private lookFrom = 0;
  private looks = 0;
  private wasContended: boolean | null = null;
  private lookAt = 0;

  constructor(public book: PermitBook) {}

  change(by: (book: PermitBook) => PermitBook): void {
    this.book = grantFree(by(this.book));
  }

  get unused(): boolean {
    return isUnused(this.book);
  }

  get due(): boolean {
    return answersDue(this.book).length > 0;
  }

  /** Milliseconds until the holders are looked after; soon when somebody begins to wait for them. */
  untilLook(nowMs: number): number {
    const contended = this.book.waiting.length > 0;
    if (contended !== this.wasContended) {
      this.wasContended = contended;
      this.looks = 0;
      this.planLook(nowMs);
    }
    return Math.max(1, this.lookAt - nowMs);
  }

  /** Ends when there is nothing more to say: a task that is gone gives its permit back with that, to the next one. */
  async answerAll(): Promise<void> {
    for (let due = answersDue(this.book); due.length > 0; due = answersDue(this.book)) {
      await Promise.all(due.map(({ taskId, answer }) => this.say(taskId, answer)));
    }
    const { capacity, holders, waiting } = this.book;
    const first = holders.slice(0, 5).map(({ taskId }) => `- \`${taskId}\``);
    setCurrentDetails([`${holders.length} of ${capacity} given, ${waiting.length} wait.`, ...first].join('\n'));
  }

  /** Frees what is held by tasks that have ended without a word. */
  async look(): Promise<void> {
    const { holders } = this.book;
    if (this.lookFrom >= holders.length) this.lookFrom = 0;
    const some = holders.slice(this.lookFrom, this.lookFrom + HOLDERS_A_LOOK);
    this.lookFrom += HOLDERS_A_LOOK;
    const open = await openTasks(some.map(({ taskId }) => taskId));
    const gone = some.filter(({ taskId }) => !open.includes(taskId));
    for (const { requestId } of gone) this.change((book) => giveBack(book, requestId));
    this.looks += 1;
    this.planLook(Date.now());
  }

  private planLook(nowMs: number): void {
    const soonMs = Math.min(LOOK.firstMs * LOOK.factor ** this.looks, LOOK.maxMs);
    this.lookAt = nowMs + (this.wasContended === true ? soonMs : LOOK.maxMs);
  }

  private async say(taskId: string, answer: PermitAnswer): Promise<void> {
    try {
      await getExternalWorkflowHandle(taskId).signal(permitAnswerSignal, {
        ...answer,
        keeper: workflowInfo().workflowId,
      });
      this.change((book) => answered(book, answer));
    } catch (thrown) {
      if (isCancellation(thrown)) throw thrown;
      // It has ended meanwhile: what it asked for goes to the next one.
      this.change((book) => giveBack(book, answer.requestId));
    }
  }
}
