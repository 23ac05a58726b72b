/**
 * Places in the windows of a provider, and money of its budget, that all its workers share: asks the workflow that keeps them,
 * starting it where it does not run. Of a provider with neither it runs only while the endpoint fails or has asked for a
 * pause, and is asked only then.
 * Harmless twice: a place that was asked for again is booked as used, so that what is sent can only be less; money that was
 * held before is paid or given back with the first end that is told.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { ApplicationFailureCategory, WorkflowNotFoundError } from '@temporalio/common';
import { randomUUID } from 'node:crypto';
import {
  EXCHANGE_MAX,
  EXCHANGE_UPDATE,
  keepsTroubleOnly,
  KEEPERS_QUEUE,
  limitsOf,
  PROVIDER_LIMITS_WORKFLOW,
  providerKeeperOf,
  sayLimit,
  troubleLimitsOf,
  type EndedCall,
  type LimitsExchange,
  type ProviderLimits,
  type Reserved,
  type ReserveRequest,
  type Settlement,
} from '../domain/provider-limits.js';
import { shownBy } from '../domain/circuit-breaker.js';
import { sayRefusal, type Spent } from '../domain/costs.js';
import type { FailureCode } from '../domain/failures.js';
import {
  PortFault,
  type CallResult,
  type Costs,
  type Departing,
  type ProviderSettings,
  type SendGate,
} from '../ports.js';
import type { CallFaultDetails } from './contract.js';

/** Why a call was not sent, and when to come again: epoch milliseconds of the server. */
export type Refusal =
  | { readonly kind: 'busy'; readonly at: number; readonly why: string }
  /** The endpoint is left alone because of this. */
  | { readonly kind: 'open'; readonly at: number; readonly why: string; readonly because: FailureCode }
  /** Null = coming again would not help: not even the whole budget is enough. */
  | { readonly kind: 'spent'; readonly at: number | null; readonly why: string };

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
/** A server or a keeper that does not answer must not keep a call back that needs no leave. */
const LOOK_MS_MAX = 2_000;
/** A call that needs no leave may take so long to be sent. */
const FREE_MS = 60_000;
/** A shorter pause is over before the others have heard of it. */
const PAUSE_TOLD_MS_MIN = 1_000;
/** A keeper that has not answered is let alone for so long where nobody needs its leave: its workers may be gone. */
const SILENT_MS = 60_000;
/** Trouble is over within minutes, or somebody has to look after it. */
const TROUBLE_LIFE = '1 day';
/** A single failure among answers is no trouble, and nothing is told of it. */
const TOLD_FROM = 2;
/** What the endpoint itself has said: other failures name a time that is not its. */
const FROM_ENDPOINT: ReadonlySet<string> = new Set<FailureCode>(['rateLimited', 'modelServer', 'modelTimeout']);

type Account = Pick<Costs, 'home' | 'spent'>;

/** One a worker process: its calls share their questions. `costs` are those of its home. */
export function createProviderGates(costs: Account): GateOf {
  const desks = new Map<string, Desk>();
  return (context, provider, callId) => {
    const { taskQueue, attempt } = context.info;
    const { name } = provider;
    const limits = limitsOf(provider) ?? troubleLimitsOf(provider);
    const desk = desks.get(name) ?? new Desk(name, limits, linesTo(context, name), costs);
    desks.set(name, desk);
    desk.limits = limits;
    desk.taskQueue = taskQueue;
    // Known by the time the request may leave, so that it costs the call nothing.
    void desk.isKept();
    return new Gate(desk, provider, callId.slice(0, KEY_CHARACTERS), attempt > 1);
  };
}

/** What can be asked of the server about a keeper. The client is taken when it is needed: not everywhere is there one. */
interface Lines {
  /** @param taskQueue of a keeper that has to be started; null = none has to be: then there is no answer where none runs */
  exchange(exchange: LimitsExchange, taskQueue: string | null): Promise<readonly Reserved[] | null>;
  /** Whether the keeper runs. */
  isThere(): Promise<boolean>;
}

const linesTo = (context: Context, name: string): Lines => ({
  exchange: async (exchange, taskQueue) =>
    await askKeeper(context.client.workflow, { keeper: providerKeeperOf(name), taskQueue, name }, exchange),
  isThere: async () => {
    try {
      return (await context.client.workflow.getHandle(providerKeeperOf(name)).describe()).status.name === 'RUNNING';
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
  const full = retryAfterMs === undefined ? null : busyUntil(Date.now() + retryAfterMs, says);
  const refusal = full ?? gate.refusal() ?? busyUntil(Date.now() + MISSED_MS, says);
  const { type, told } = faultOf(refusal);
  const details: CallFaultDetails = { name, spending, ...told };
  // Nothing is wrong: it is no warning in the log of the worker, and no failure in its figures.
  const category = refusal.kind === 'busy' ? { category: ApplicationFailureCategory.BENIGN } : {};
  return ApplicationFailure.create({ type, message: refusal.why, nonRetryable: true, details: [details], ...category });
}

const busyUntil = (at: number, why: string): Refusal => ({ kind: 'busy', at, why });

function faultOf(refusal: Refusal): {
  readonly type: FailureCode;
  readonly told: Pick<CallFaultDetails, 'busy' | 'retryAfterMs' | 'because'>;
} {
  switch (refusal.kind) {
    case 'busy':
      return { type: 'providerBusy', told: { busy: { at: refusal.at, why: refusal.why } } };
    case 'open':
      return { type: 'circuitOpen', told: { retryAfterMs: fromNow(refusal.at), because: refusal.because } };
    case 'spent':
      return {
        type: 'providerBudget',
        told: refusal.at === null ? {} : { retryAfterMs: Math.max(1, fromNow(refusal.at)) },
      };
    default:
      throw new TypeError(`unknown refusal ${JSON.stringify(refusal satisfies never)}`);
  }
}

const fromNow = (at: number): number => Math.max(0, at - Date.now());

/** A host that was too busy for its moments gets some breath. */
const MISSED_MS = 1_000;

interface Keeper {
  readonly keeper: string;
  readonly taskQueue: string | null;
  readonly name: string;
}

async function askKeeper(
  workflows: Context['client']['workflow'],
  { keeper, taskQueue, name }: Keeper,
  exchange: LimitsExchange,
): Promise<readonly Reserved[] | null> {
  // Under one id it is carried out once, however often it is delivered.
  const options = { args: [exchange] as [LimitsExchange], updateId: randomUUID() };
  const update = (): Promise<readonly Reserved[]> =>
    workflows.getHandle(keeper).executeUpdate<readonly Reserved[], [LimitsExchange]>(EXCHANGE_UPDATE, options);
  try {
    return await update();
  } catch (thrown) {
    if (!(thrown instanceof WorkflowNotFoundError)) throw thrown;
  }
  if (taskQueue === null) return null;
  await workflows.start(PROVIDER_LIMITS_WORKFLOW, {
    workflowId: keeper,
    taskQueue,
    args: [],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `limits of provider ${name}`,
    // On a queue that nobody serves any more it must not stand in the way for ever.
    ...(keepsTroubleOnly(exchange.limits) ? { workflowExecutionTimeout: TROUBLE_LIFE } : {}),
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
  /** Of the worker, where a keeper is started that only looks after trouble. */
  taskQueue = '';
  private questions: Question[] = [];
  private settled: Settlement[] = [];
  private ended: EndedCall[] = [];
  /** Failures in a row of which nobody was told. */
  private untold: readonly Settlement[] = [];
  private spending: Spent | null = null;
  private there: Promise<boolean> = Promise.resolve(false);
  private isThere = false;
  private lookedAt = 0;
  private isAsking = false;
  private timer: NodeJS.Timeout | null = null;
  private due = Infinity;

  constructor(
    private readonly name: string,
    public limits: ProviderLimits,
    private readonly lines: Lines,
    private readonly costs: Account,
  ) {}

  get keepsTroubleOnly(): boolean {
    return keepsTroubleOnly(this.limits);
  }

  /** Whether it must be told what became of a call that it has given no leave for. */
  get counts(): boolean {
    const { concurrency, budget = null } = this.limits;
    return concurrency !== null || budget !== null;
  }

  /** Whether anybody has to be asked before a call. */
  async isKept(): Promise<boolean> {
    if (!this.keepsTroubleOnly) return true;
    if (Date.now() - this.lookedAt >= LOOK_MS) {
      this.lookedAt = Date.now();
      this.there = this.look();
    }
    return await this.there;
  }

  private async look(): Promise<boolean> {
    this.isThere = await within(LOOK_MS_MAX, this.lines.isThere()).catch(() => false);
    return this.isThere;
  }

  /** Nobody may go on asking meanwhile: whoever comes next asks the keeper, which hears first of what is to be told. */
  private expectKeeper(): void {
    [this.isThere, this.there, this.lookedAt] = [true, Promise.resolve(true), Date.now()];
  }

  /** Where no leave is needed, a keeper that is silent keeps nobody for long. */
  private leaveAlone(): void {
    if (!this.keepsTroubleOnly) return;
    [this.isThere, this.there, this.lookedAt] = [false, Promise.resolve(false), Date.now() + SILENT_MS];
  }

  async ask(request: ReserveRequest): Promise<Answered> {
    const answered = new Promise<Answered>((settle, fail) => {
      this.questions.push({ request, settle, fail });
      this.plan(this.isFast ? RATE.collectMs : 0);
    });
    if (!this.keepsTroubleOnly) return await answered;
    try {
      return await within(LOOK_MS_MAX, answered);
    } catch (thrown) {
      this.leaveAlone();
      throw thrown;
    }
  }

  tell(settlement: Settlement): void {
    this.settled = [...this.settled, settlement].slice(-SETTLED_MAX);
    if (!isTrouble(settlement)) return this.planTelling();
    this.expectKeeper();
    this.plan(0);
  }

  /** What a request has shown that needed no leave: that its endpoint answers is news only where somebody knows of trouble. */
  tellShown(settlement: Settlement): void {
    const shown = shownBy(settlement.code);
    if (shown === 'alive') {
      this.untold = [];
      if (this.isThere) this.tell(settlement);
    }
    if (shown !== 'failing') return;
    const { failures } = this.limits.breaker;
    this.untold = [...this.untold, settlement].slice(-failures);
    if (!this.isThere && this.untold.length < Math.min(TOLD_FROM, failures)) return;
    for (const one of this.untold) this.tell(one);
    this.untold = [];
  }

  tellEnd(call: EndedCall): void {
    this.ended = [...this.ended, call].slice(-SETTLED_MAX);
    this.planTelling();
  }

  private planTelling(): void {
    this.plan(Math.min(TELL.ms, this.limits.windowMs / TELL.part));
  }

  private get isFast(): boolean {
    const { limits } = this;
    return limits.requests !== null && limits.requests / (limits.windowMs / 1_000) > RATE.asksASecond;
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
    if (questions.length + settled.length + ended.length === 0) return;
    this.isAsking = true;
    const askedAt = Date.now();
    const asked = questions.map(({ request }) => request);
    try {
      const told = { limits, ...(await this.homeOf()), settled, ...(ended.length === 0 ? {} : { ended }), asked };
      const found = await within(ANSWER_MS_MAX, this.lines.exchange(told, this.queueFor(settled)));
      const answers = found ?? asked.map(freely);
      const isUnknown = answers.some(({ kind }) => kind === 'homeUnknown');
      this.spending = isUnknown ? await this.costs.spent(this.name, Date.now()) : null;
      this.hear(questions, answers, askedAt);
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

  /** Who has to be asked again, since the keeper does not know this home, is asked with what that has spent. */
  private hear(questions: readonly Question[], answers: readonly Reserved[], askedAt: number): void {
    const again: Question[] = [];
    questions.forEach((question, index) => {
      const reserved = answers[index];
      if (reserved === undefined) question.fail(noAnswer('it gave too few answers'));
      else if (reserved.kind === 'homeUnknown') again.push(question);
      else question.settle({ reserved, askedAt });
    });
    this.questions = [...again, ...this.questions];
  }

  /** A keeper that many need, for as long as a month, must not end with the workers of one queue. Null = none is needed. */
  private queueFor(settled: readonly Settlement[]): string | null {
    if (!this.keepsTroubleOnly) return KEEPERS_QUEUE;
    return settled.some(isTrouble) ? this.taskQueue : null;
  }

  private async homeOf(): Promise<Pick<LimitsExchange, 'home' | 'spending'>> {
    if ((this.limits.budget ?? null) === null) return {};
    const home = await this.costs.home();
    return this.spending === null ? { home } : { home, spending: { home, ...this.spending } };
  }
}

const isTrouble = ({ pauseMs, code }: Settlement): boolean => pauseMs !== undefined || shownBy(code) === 'failing';

/** The trouble is over, and its keeper has ended. */
const freely = ({ key }: ReserveRequest): Reserved => ({ kind: 'granted', key, inMs: 0, validMs: FREE_MS });

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
  async mayLeave({ promptTokens, mostUsdMicros, spentUsdMicros }: Departing): ReturnType<SendGate['mayLeave']> {
    this.settle('modelRequestInvalid', { prompt: 0, answer: 0 }, spentUsdMicros);
    this.leftAt = null;
    if (!(await this.desk.isKept())) return freeWindow();
    const reservation = randomUUID().slice(0, RESERVATION_CHARACTERS);
    try {
      const request = { key: this.key, reservation, promptTokens, answerTokensMax: this.provider.maxOutputTokens };
      const { reserved, askedAt } = await this.desk.ask({ ...request, mostUsdMicros, spentUsdMicros });
      if (reserved.kind !== 'granted') return this.refuse(reserved, mostUsdMicros);
      this.granted = { reservation, askedAt };
      // From when we know of it, until so long after we have asked: whatever lies between is on the safe side.
      return { fromMs: Date.now() + reserved.inMs, untilMs: askedAt + reserved.validMs };
    } catch (thrown) {
      // Trouble of which nobody can tell keeps nobody.
      if (this.desk.keepsTroubleOnly) return freeWindow();
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
    const { tokens, costUsdMicros } = result.spending;
    if (result.kind === 'answered')
      return this.settle(null, { prompt: tokens.prompt, answer: tokens.completion }, costUsdMicros);
    const { code } = result;
    const isUnused = code === 'rateLimited' || code === 'modelUnreachable';
    this.settle(code, isUnused ? { prompt: 0, answer: 0 } : null, costUsdMicros, pauseOf(result));
  }

  /** What nobody has given leave for, or another try of the step has sent. */
  private endedElsewhere(result: CallResult): void {
    // It has not ended: its workflow comes again.
    if (result.kind === 'failed' && result.code === 'providerBusy') return;
    const { desk, key, wasLost } = this;
    const code = result.kind === 'failed' ? result.code : null;
    const shown = { key, reservation: '', ...NOTHING_SENT, code } as const;
    const pauseMs = pauseOf(result);
    if (this.leftAt !== null)
      if (pauseMs !== undefined && pauseMs >= PAUSE_TOLD_MS_MIN) desk.tell({ ...shown, pauseMs });
      else desk.tellShown(shown);
    // A place among those at once, or money, is held until somebody says what became of it.
    if (desk.counts && (this.isAgain || wasLost)) {
      const spentUsdMicros = result.spending.costUsdMicros;
      desk.tellEnd({ key, begunMs: wasLost ? 0 : Date.now() - this.begunAt, spentUsdMicros });
    }
  }

  private refuse(reserved: Exclude<Reserved, { kind: 'granted' }>, mostUsdMicros: number): null {
    this.refused = refusalOf(this.provider, reserved, mostUsdMicros);
    return null;
  }

  private settle(
    code: FailureCode | null,
    tokens: Settlement['tokens'],
    spentUsdMicros: number,
    pauseMs?: number,
  ): void {
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
      spentUsdMicros,
      ...(pauseMs === undefined ? {} : { pauseMs }),
    });
  }
}

function refusalOf(
  provider: ProviderSettings,
  reserved: Exclude<Reserved, { kind: 'granted' }>,
  mostUsdMicros: number,
): Refusal {
  const { name } = provider;
  switch (reserved.kind) {
    case 'wait':
      return busyUntil(reserved.at, sayLimit(name, provider, reserved.why));
    case 'open': {
      const why = `${name} is left alone after ${reserved.failures} failures in a row`;
      return { kind: 'open', at: reserved.at, why, because: reserved.code };
    }
    case 'spent': {
      const at = reserved.everTooLarge ? null : reserved.standing.freeAt;
      return { kind: 'spent', at, why: sayRefusal(name, mostUsdMicros, reserved) };
    }
    case 'homeUnknown':
      return busyUntil(Date.now() + MISSED_MS, `waits for the budget of ${name}`);
    default:
      throw new TypeError(`unknown answer ${JSON.stringify(reserved satisfies never)}`);
  }
}

const freeWindow = () => ({ fromMs: Date.now(), untilMs: Date.now() + FREE_MS });

/** Of a settlement that is of no reservation. */
const NOTHING_SENT = { sentAfterMs: 0, endedAfterMs: 0, tokens: { prompt: 0, answer: 0 } } as const;

const pauseOf = (result: CallResult): number | undefined =>
  result.kind === 'failed' && FROM_ENDPOINT.has(result.code) ? result.retryAfterMs : undefined;
