/** A task's side of the permits (src/workflows/permits.ts is the other): asks, waits for its turn, gives back. */
import {
  CancellationScope,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  setHandler,
  sleep,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { PermitAnswer, PermitRequest, PermitWish } from '../domain/permits.js';
import { ASK_PERMIT_SIGNAL, PERMITS_WORKFLOW, RETURN_PERMIT_SIGNAL } from '../domain/permits.js';
import { askPermit } from './proxies.js';

export const askPermitSignal = defineSignal<[PermitRequest]>(ASK_PERMIT_SIGNAL);
export const returnPermitSignal = defineSignal<[{ readonly requestId: string }]>(RETURN_PERMIT_SIGNAL);
/** `keeper` is the workflow that answers. */
export const permitAnswerSignal = defineSignal<[PermitAnswer & { readonly keeper: string }]>('permitAnswer');

export interface Asking {
  /** Workflow id of the task: the keeper answers it, and looks whether it is still there. */
  readonly taskId: string;
  /** 1 (first) to 5 (last); what is none of these, as a specification may say before it is validated, is 3. */
  readonly priority: unknown;
  /** What it waits for and who has it; null when it goes on. Called only if it has to wait, and awaited. */
  readonly onWaiting: (words: string | null, wish: PermitWish) => unknown;
}

const PERMITS_PATCH = 'permits';

const MIDDLE_PRIORITY = 3;
const isPriority = (value: unknown): value is number => typeof value === 'number' && value >= 1 && value <= 5;

/** A keeper that was ended by force has forgotten its queue: whoever waits asks again from time to time. */
const ASK_AGAIN_MS = 10 * 60_000;

/** Hundreds wait already: the queue moves slowly. */
const FULL_PAUSE_MS = 60_000;

/** One a task, made before its first permit. Costs no event until something is wished for. */
export class Permits {
  /** Answers to the requests that this task still stands by. */
  private readonly wanted = new Map<string, PermitAnswer[]>();
  /** Who has granted each of them: a task that goes on with a newer weaver may call its keeper by another name than it asked. */
  private readonly grantors = new Map<string, string>();

  constructor(private readonly asking: Asking) {
    setHandler(permitAnswerSignal, (answer) => {
      const answers = this.wanted.get(answer.requestId);
      if (answers !== undefined) {
        if (answer.kind === 'granted') this.grantors.set(answer.requestId, answer.keeper);
        answers.push(answer);
      }
      // A request that was delivered again after its permit had been given back.
      else if (answer.kind === 'granted') void giveBack(answer.keeper, answer.requestId);
    });
  }

  /**
   * Does the work with a permit for each wish, and gives them back however it ends. Permits are taken one after the other, so
   * every task must wish in the same order (the branch, then the repository), else two would wait for each other.
   */
  async during<T>(wishes: readonly PermitWish[], work: () => Promise<T>): Promise<T> {
    const [wish, ...others] = wishes;
    // Tasks that began before there were permits go on without.
    if (wish === undefined || !patched(PERMITS_PATCH)) return await work();
    const requestId = uuid4();
    this.wanted.set(requestId, []);
    try {
      await this.untilGranted(wish, requestId);
      return await this.during(others, work);
    } finally {
      this.wanted.delete(requestId);
      const keeper = this.grantors.get(requestId) ?? keeperOf(wish);
      this.grantors.delete(requestId);
      await CancellationScope.nonCancellable(() => giveBack(keeper, requestId));
    }
  }

  private async untilGranted(wish: PermitWish, requestId: string): Promise<void> {
    let waited = false;
    for (;;) {
      await this.ask(wish, requestId);
      const answer = await this.decisive(requestId, async (waits) => {
        waited = true;
        await this.asking.onWaiting(sayWaiting(wish, waits), wish);
      });
      if (answer === 'granted') break;
      if (answer === 'full')
        await sleep(FULL_PAUSE_MS, { summary: `the queue for ${wish.words} is full`.slice(0, 120) });
    }
    if (waited) await this.asking.onWaiting(null, wish);
  }

  private async ask(wish: PermitWish, requestId: string): Promise<void> {
    const { taskId, priority: wished } = this.asking;
    const priority = isPriority(wished) ? wished : MIDDLE_PRIORITY;
    const { words, capacity } = wish;
    const { taskQueue } = workflowInfo();
    const request = { taskId, requestId, capacity, priority };
    const options = { summary: `permit: ${words}`.slice(0, 120) };
    await askPermit.executeWithOptions(options, [{ keeper: keeperOf(wish), taskQueue, words, request }]);
  }

  /** The answer that ends the waiting; null if none came for so long that the keeper may have forgotten us. */
  private async decisive(
    requestId: string,
    onWaits: (answer: Waits) => Promise<void>,
  ): Promise<'granted' | 'full' | null> {
    const answers = this.wanted.get(requestId) ?? [];
    for (;;) {
      const heard = await condition(() => answers.length > 0, ASK_AGAIN_MS, { summary: 'ask for the permit again' });
      if (!heard) return null;
      for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
        if (answer.kind !== 'waits') return answer.kind;
        await onWaits(answer);
      }
    }
  }
}

type Waits = Extract<PermitAnswer, { kind: 'waits' }>;

/** With the queue in it: tasks of another queue have other workers, and must not wait for a keeper that nobody carries out. */
const keeperOf = ({ name }: PermitWish): string => `${PERMITS_WORKFLOW}/${workflowInfo().taskQueue}/${name}`;

const sayWaiting = ({ words }: PermitWish, { holder, ahead }: Waits): string =>
  `waiting for ${words}: ${holder} has it${ahead > 0 ? `, ${ahead} wait before this task` : ''}`;

async function giveBack(keeper: string, requestId: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(keeper).signal(returnPermitSignal, { requestId });
  } catch (thrown) {
    // A keeper that is gone has nothing to take back.
    if (isCancellation(thrown)) throw thrown;
  }
}
