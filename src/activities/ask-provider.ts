/**
 * Places in the windows of a provider that all its workers share: asks the workflow that keeps them, starting it where it does
 * not run. Of a provider without limits it runs only while the endpoint has asked for a pause, and is asked only then.
 * Harmless twice: a place that was asked for again is booked as used, so that what is sent can only be less.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { ApplicationFailureCategory, WorkflowNotFoundError } from '@temporalio/common';
import { randomUUID } from 'node:crypto';
import {
  EXCHANGE_MAX,
  EXCHANGE_UPDATE,
  keepsPauseOnly,
  limitsOf,
  pauseLimitsOf,
  PROVIDER_LIMITS_WORKFLOW,
  providerKeeperOf,
  sayLimit,
  type EndedCall,
  type LimitsExchange,
  type ProviderLimits,
  type Reserved,
  type ReserveRequest,
  type Settlement,
} from '../domain/provider-limits.js';
import type { FailureCode } from '../domain/failures.js';
import { PortFault, type CallResult, type ProviderSettings, type SendGate } from '../ports.js';
import type { CallFaultDetails } from './contract.js';

/** Why a call was not sent, and when to come again: epoch milliseconds of the server. */
export interface Refusal {
  readonly at: number;
  readonly why: string;
  /** The endpoint is left alone because of this. */
  readonly because?: FailureCode;
}

/** The gate of one call. */
export interface ProviderGate extends SendGate {
  /** Null if it was not refused. Throws what went wrong with the question itself. */
  refusal(): Refusal | null;
  /** Tells what became of it; null = it ended without a result. */
  ended(result: CallResult | null): void;
}

export type GateOf = (context: Context, provider: ProviderSettings, callId: string) => ProviderGate;

/** Above so many calls a second a worker collects its questions for a tenth of a second. */
const RATE = { asksASecond: 5, collectMs: 100 } as const;
/** What has ended is told with the next question, or so long after. */
const TELL = { ms: 500, part: 10 } as const;
/** Told late it is of no use any more. */
const SETTLED_MAX = 1_000;
/** A keeper answers within milliseconds, unless every worker is busy with other workflows. */
const ANSWER_MS_MAX = 20_000;
/** The beginning of a call's id tells calls apart, that of a random one the reservations of a call. */
const KEY_CHARACTERS = 16;
const RESERVATION_CHARACTERS = 8;
/** Whether a keeper is there is looked at so often at most: a pause holds for all so soon, and thousands of calls cost two looks a second. */
const LOOK_MS = 500;
/** A server that does not answer must not keep a call back that needs no leave. */
const LOOK_MS_MAX = 2_000;
/** A call that needs no leave may take so long to be sent. */
const FREE_MS = 60_000;
/** A shorter pause is over before the others have heard of it. */
const PAUSE_TOLD_MS_MIN = 1_000;
/** What the endpoint itself has said: other failures name a time that is not its. */
const FROM_ENDPOINT: ReadonlySet<string> = new Set<FailureCode>(['rateLimited', 'modelServer', 'modelTimeout']);

/** One a worker process: its calls share their questions. */
export function createProviderGates(): GateOf {
  const desks = new Map<string, Desk>();
  return (context, provider, callId) => {
    const { taskQueue, attempt } = context.info;
    const keeper = providerKeeperOf(taskQueue, provider.name);
    const desk = desks.get(keeper) ?? new Desk(linesTo(context, { keeper, taskQueue, name: provider.name }));
    desks.set(keeper, desk);
    desk.limits = limitsOf(provider) ?? pauseLimitsOf(provider);
    // Known by the time the request may leave, so that it costs the call nothing.
    void desk.isKept();
    return new Gate(desk, provider, callId.slice(0, KEY_CHARACTERS), attempt > 1);
  };
}

/** What can be asked of the server about a keeper. The client is taken when it is needed: not everywhere is there one. */
interface Lines {
  exchange(exchange: LimitsExchange): Promise<readonly Reserved[]>;
  /** Whether the keeper runs. */
  isThere(): Promise<boolean>;
}

const linesTo = (context: Context, keeper: Keeper): Lines => ({
  exchange: async (exchange) => await askKeeper(context.client.workflow, keeper, exchange),
  isThere: async () => {
    try {
      return (await context.client.workflow.getHandle(keeper.keeper).describe()).status.name === 'RUNNING';
    } catch {
      return false; // not there, or the server is away: then nobody can be asked, and nobody has to be
    }
  },
});

/** The call through its gate, which learns how it ended. */
export async function throughGate(gate: ProviderGate, call: () => Promise<CallResult>): Promise<CallResult> {
  let result: CallResult | null = null;
  try {
    result = await call();
    return result;
  } finally {
    gate.ended(result);
  }
}

/** Null if the call was not kept back. No retry of the step helps: the workflow waits. */
export function faultOfGate(
  gate: ProviderGate,
  name: string,
  { code, says, retryAfterMs, spending }: Extract<CallResult, { kind: 'failed' }>,
): ApplicationFailure | null {
  if (code !== 'providerBusy') return null;
  // The request process has no place for it, and says when to come again; or the keeper has refused it.
  const full = retryAfterMs === undefined ? null : { at: Date.now() + retryAfterMs, why: says };
  const { at, why, because }: Refusal = full ?? gate.refusal() ?? { at: Date.now() + MISSED_MS, why: says };
  const isOpen = because !== undefined;
  const details: CallFaultDetails = {
    name,
    spending,
    ...(isOpen ? { retryAfterMs: Math.max(0, at - Date.now()), because } : { busy: { at, why } }),
  };
  const type: FailureCode = isOpen ? 'circuitOpen' : 'providerBusy';
  // Nothing is wrong: it is no warning in the log of the worker, and no failure in its figures.
  const category = isOpen ? {} : { category: ApplicationFailureCategory.BENIGN };
  return ApplicationFailure.create({ type, message: why, nonRetryable: true, details: [details], ...category });
}

/** A host that was too busy for its moments gets some breath. */
const MISSED_MS = 1_000;

interface Keeper {
  readonly keeper: string;
  readonly taskQueue: string;
  readonly name: string;
}

async function askKeeper(
  workflows: Context['client']['workflow'],
  { keeper, taskQueue, name }: Keeper,
  exchange: LimitsExchange,
): Promise<readonly Reserved[]> {
  // Under one id it is carried out once, however often it is delivered.
  const options = { args: [exchange] as [LimitsExchange], updateId: randomUUID() };
  const update = (): Promise<readonly Reserved[]> =>
    workflows.getHandle(keeper).executeUpdate<readonly Reserved[], [LimitsExchange]>(EXCHANGE_UPDATE, options);
  try {
    return await update();
  } catch (thrown) {
    if (!(thrown instanceof WorkflowNotFoundError)) throw thrown;
  }
  await workflows.start(PROVIDER_LIMITS_WORKFLOW, {
    workflowId: keeper,
    taskQueue,
    args: [],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `limits of provider ${name}`,
  });
  return await update();
}

interface Question {
  readonly request: ReserveRequest;
  readonly settle: (answer: Answered) => void;
  readonly fail: (error: unknown) => void;
}

interface Answered {
  readonly reserved: Reserved;
  /** When it was asked, of this host's clock. */
  readonly askedAt: number;
}

/** What the calls of a worker have to say to one keeper: a message at a time, so that few are under way (the server takes ten). */
class Desk {
  limits: ProviderLimits | null = null;
  private questions: Question[] = [];
  private settled: Settlement[] = [];
  private ended: EndedCall[] = [];
  private there: Promise<boolean> = Promise.resolve(false);
  private lookedAt = 0;
  private isAsking = false;
  private timer: NodeJS.Timeout | null = null;
  private due = Infinity;

  constructor(private readonly lines: Lines) {}

  get keepsPauseOnly(): boolean {
    return this.limits === null || keepsPauseOnly(this.limits);
  }

  /** Whether anybody has to be asked before a call. */
  async isKept(): Promise<boolean> {
    if (!this.keepsPauseOnly) return true;
    if (Date.now() - this.lookedAt >= LOOK_MS) {
      this.lookedAt = Date.now();
      this.there = within(LOOK_MS_MAX, this.lines.isThere()).catch(() => false);
    }
    return await this.there;
  }

  ask(request: ReserveRequest): Promise<Answered> {
    return new Promise((settle, fail) => {
      this.questions.push({ request, settle, fail });
      this.plan(this.isFast ? RATE.collectMs : 0);
    });
  }

  tell(settlement: Settlement): void {
    this.settled = [...this.settled, settlement].slice(-SETTLED_MAX);
    if (settlement.pauseMs === undefined) return this.planTelling();
    // Nobody may go on asking meanwhile: whoever comes next asks the keeper, which hears of the pause first.
    [this.there, this.lookedAt] = [Promise.resolve(true), Date.now()];
    this.plan(0);
  }

  tellEnd(call: EndedCall): void {
    this.ended = [...this.ended, call].slice(-SETTLED_MAX);
    this.planTelling();
  }

  private planTelling(): void {
    this.plan(Math.min(TELL.ms, (this.limits?.windowMs ?? TELL.ms) / TELL.part));
  }

  private get isFast(): boolean {
    const { limits } = this;
    return limits?.requests != null && limits.requests / (limits.windowMs / 1_000) > RATE.asksASecond;
  }

  private plan(inMs: number): void {
    const due = Date.now() + inMs;
    if (this.isAsking || (this.timer !== null && this.due <= due)) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => void this.say(), inMs);
    // A worker that has nothing else to do any more need not stay for it.
    this.timer.unref();
  }

  private async say(): Promise<void> {
    this.timer = null;
    const { limits } = this;
    const questions = this.questions.splice(0, EXCHANGE_MAX);
    const settled = this.settled.splice(0, EXCHANGE_MAX);
    const ended = this.ended.splice(0, EXCHANGE_MAX);
    if (limits === null || questions.length + settled.length + ended.length === 0) return;
    this.isAsking = true;
    const askedAt = Date.now();
    const asked = questions.map(({ request }) => request);
    try {
      const told = { limits, settled, ...(ended.length === 0 ? {} : { ended }), asked };
      const answers = await within(ANSWER_MS_MAX, this.lines.exchange(told));
      questions.forEach(({ settle, fail }, index) => {
        const reserved = answers[index];
        if (reserved === undefined) fail(noAnswer('it gave too few answers'));
        else settle({ reserved, askedAt });
      });
    } catch (thrown) {
      // Told again: a settlement that is not known any more changes nothing.
      this.settled = [...settled, ...this.settled].slice(-SETTLED_MAX);
      this.ended = [...ended, ...this.ended].slice(-SETTLED_MAX);
      for (const { fail } of questions)
        fail(noAnswer(thrown instanceof Error ? thrown.message : String(thrown), thrown));
    } finally {
      this.isAsking = false;
      if (this.questions.length > 0) this.plan(this.isFast ? RATE.collectMs : 0);
      else if (this.settled.length + this.ended.length > 0) this.plan(TELL.ms);
    }
  }
}

const noAnswer = (says: string, cause?: unknown): PortFault =>
  new PortFault('infrastructure', `The keeper of the provider's limits does not answer: ${says}`, true, { cause });

/** The promise, or a fault after that time. */
function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((settle, fail) => {
    const timer = setTimeout(() => fail(new Error(`no answer within ${limitMs / 1_000} s`)), limitMs);
    promise.then(settle, fail).finally(() => clearTimeout(timer));
  });
}

interface Granted {
  readonly reservation: string;
  readonly askedAt: number;
}

class Gate implements ProviderGate {
  private readonly begunAt = Date.now();
  private granted: Granted | null = null;
  private leftAt: number | null = null;
  private wasLost = false;
  private refused: Refusal | null = null;
  private fault: unknown = null;

  constructor(
    private readonly desk: Desk,
    private readonly provider: ProviderSettings,
    private readonly key: string,
    /** An earlier try of the step may have reserved a place, and died. */
    private readonly isAgain: boolean,
  ) {}

  /** Asked again in one call when the moment has passed, or when the endpoint has refused a field of the request. */
  async mayLeave(promptTokens: number): ReturnType<SendGate['mayLeave']> {
    this.settle('modelRequestInvalid', { prompt: 0, answer: 0 });
    this.leftAt = null;
    if (!(await this.desk.isKept())) return freeWindow();
    const reservation = randomUUID().slice(0, RESERVATION_CHARACTERS);
    try {
      const request = { key: this.key, reservation, promptTokens, answerTokensMax: this.provider.maxOutputTokens };
      const { reserved, askedAt } = await this.desk.ask(request);
      if (reserved.kind !== 'granted') return this.refuse(reserved);
      this.granted = { reservation, askedAt };
      // From when we know of it, until so long after we have asked: whatever lies between is on the safe side.
      return { fromMs: Date.now() + reserved.inMs, untilMs: askedAt + reserved.validMs };
    } catch (thrown) {
      // A pause of which nobody can tell keeps nobody.
      if (this.desk.keepsPauseOnly) return freeWindow();
      this.fault = thrown;
      return null;
    }
  }

  left(atMs: number): void {
    this.leftAt = atMs;
  }

  /** Not settled, it counts as sent at the latest moment. */
  lost(): void {
    this.wasLost ||= this.granted !== null;
    [this.granted, this.leftAt] = [null, null];
  }

  refusal(): Refusal | null {
    if (this.fault !== null) throw this.fault;
    return this.refused;
  }

  ended(result: CallResult | null): void {
    // This worker leaves, or cannot write: the request may go on without it, and the next try of the step tells of its end.
    if (result === null) return;
    if (this.granted === null) return this.endedElsewhere(result);
    if (result.kind === 'answered') {
      const { prompt, completion } = result.spending.tokens;
      return this.settle(null, { prompt, answer: completion });
    }
    const { code } = result;
    const isUnused = code === 'rateLimited' || code === 'modelUnreachable';
    this.settle(code, isUnused ? { prompt: 0, answer: 0 } : null, pauseOf(result));
  }

  /** What nobody has given leave for, or another try of the step has sent. */
  private endedElsewhere(result: CallResult): void {
    // It has not ended: its workflow comes again.
    if (result.kind === 'failed' && result.code === 'providerBusy') return;
    const { desk, key, wasLost } = this;
    const pauseMs = this.leftAt === null ? undefined : pauseOf(result);
    if (pauseMs !== undefined && pauseMs >= PAUSE_TOLD_MS_MIN)
      desk.tell({ key, reservation: '', ...NOTHING_SENT, code: 'rateLimited', pauseMs });
    // A place among those at once is held until somebody says that it is free.
    if (desk.limits?.concurrency != null && (this.isAgain || wasLost))
      desk.tellEnd({ key, begunMs: wasLost ? 0 : Date.now() - this.begunAt });
  }

  private refuse(reserved: Exclude<Reserved, { kind: 'granted' }>): null {
    const { at } = reserved;
    const { name } = this.provider;
    this.refused =
      reserved.kind === 'wait'
        ? { at, why: sayLimit(name, this.provider, reserved.why) }
        : {
            at,
            why: `${name} is left alone after ${reserved.failures} failures in a row`,
            because: reserved.code,
          };
    return null;
  }

  private settle(code: FailureCode | null, tokens: Settlement['tokens'], pauseMs?: number): void {
    if (this.granted === null) return;
    const { reservation, askedAt } = this.granted;
    const { leftAt } = this;
    this.granted = null;
    this.desk.tell({
      key: this.key,
      reservation,
      sentAfterMs: leftAt === null ? null : Math.max(0, leftAt - askedAt),
      endedAfterMs: Math.max(0, Date.now() - askedAt),
      tokens,
      code,
      ...(pauseMs === undefined ? {} : { pauseMs }),
    });
  }
}

const freeWindow = () => ({ fromMs: Date.now(), untilMs: Date.now() + FREE_MS });

/** Of a settlement that is of no reservation. */
const NOTHING_SENT = { sentAfterMs: 0, endedAfterMs: 0, tokens: { prompt: 0, answer: 0 } } as const;

const pauseOf = (result: CallResult): number | undefined =>
  result.kind === 'failed' && FROM_ENDPOINT.has(result.code) ? result.retryAfterMs : undefined;
