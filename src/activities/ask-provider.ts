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
  SAYS_BYTES_MAX,
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
  type Telling,
} from '../domain/provider-limits.js';
import { shownBy } from '../domain/circuit-breaker.js';
import { sayRefusal, type Spent } from '../domain/costs.js';
import type { FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import {
  PortFault,
  type CallResult,
  type Costs,
  type Departing,
  type ProviderSettings,
  type SendGate,
} from '../ports.js';
import type { CallFaultDetails } from './contract.js';
import { hashOf } from './json-hash.js';

/** Why a call was not sent, and when to come again: at a time of the server, or so long from now where this host has to say it. */
export type Refusal =
  | { readonly kind: 'busy'; readonly at: number; readonly why: string }
  | { readonly kind: 'busyHere'; readonly inMs: number; readonly why: string }
  /** The endpoint is left alone because of this. */
  | { readonly kind: 'open'; readonly inMs: number; readonly why: string; readonly because: FailureCode }
  /** Null = coming again would not help: not even the whole budget is enough. */
  | { readonly kind: 'spent'; readonly inMs: number | null; readonly why: string };

/** The gate of one call. */
export interface ProviderGate extends SendGate {
  /** Null if it was not refused. Throws what went wrong with the question itself. */
  refusal(): Refusal | null;
  /** Tells what became of it; null = it ended without a result. */
  ended(result: CallResult | null): void;
}

export type GateOf = (context: Context, provider: ProviderSettings, callId: string) => ProviderGate;

export interface ProviderGates {
  readonly gateOf: GateOf;
  /** Before nobody can any more: tells the keepers what has ended since they were last told. Never rejects. */
  tellRest(limitMs: number): Promise<void>;
}

/** Above so many calls a second a worker collects its questions for a tenth of a second. */
const RATE = { asksASecond: 5, collectMs: 100 } as const;
/** What has ended is told with the next question, or so long after. */
const TELL = { ms: 500, part: 10 } as const;
/** Told late it is of no use any more. */
const SETTLED_MAX = 1_000;
/** A keeper answers within milliseconds, unless every worker is busy with other workflows. */
const ANSWER_MS_MAX = 20_000;
/** The beginning of a call's id tells calls apart, that of a random one the reservations of a call and who tells. */
const KEY_CHARACTERS = 16;
const RESERVATION_CHARACTERS = 8;
const TELLER_CHARACTERS = 8;
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
/**
 * An endpoint that is left alone is not asked about by each of thousands that wait for it: the keeper's answer holds so long for
 * all calls of this worker. When it answers again, some hear of it so much later.
 */
const OPEN_KNOWN_MS = 5_000;
/** A single failure among answers is no trouble, and nothing is told of it. */
const TOLD_FROM = 2;
/** What the endpoint itself has said: other failures name a time that is not its. */
const FROM_ENDPOINT: ReadonlySet<string> = new Set<FailureCode>(['rateLimited', 'modelServer', 'modelTimeout']);

type Account = Pick<Costs, 'home' | 'spent'>;

/**
 * One a worker process: its calls share their questions. `costs` are those of its home. `serve` makes the process carry out
 * keepers; it is told before each message to one, for perhaps nobody else is there to answer.
 */
export function createProviderGates(costs: Account, serve: () => void): ProviderGates {
  const desks = new Map<string, Desk>();
  return {
    gateOf: (context, provider, callId) => {
      const { name } = provider;
      const limits = limitsOf(provider) ?? troubleLimitsOf(provider);
      const desk = desks.get(name) ?? new Desk(name, limits, linesTo(context, name, serve), costs);
      desks.set(name, desk);
      desk.limits = limits;
      desk.endpoint = hashOf(provider.baseUrl, 16);
      // Known by the time the request may leave, so that it costs the call nothing.
      void desk.isKept();
      return new Gate(desk, provider, callId.slice(0, KEY_CHARACTERS), context.info.attempt > 1);
    },
    tellRest: async (limitMs) => {
      const rest = Promise.all([...desks.values()].map(async (desk) => await desk.tellRest()));
      // What is not told by then is with the requests of which nobody knows: others may spend what they hold.
      await within(limitMs, rest).catch(() => undefined);
    },
  };
}

/** What can be asked of the server about a keeper. The client is taken when it is needed: not everywhere is there one. */
interface Lines {
  /** @param mayStart a keeper where none runs; else there is no answer then */
  exchange(exchange: LimitsExchange, mayStart: boolean): Promise<readonly Reserved[] | null>;
  /** Whether the keeper runs. */
  isThere(): Promise<boolean>;
}

const linesTo = (context: Context, name: string, serve: () => void): Lines => ({
  exchange: async (exchange, mayStart) => {
    serve();
    return await askKeeper(context.client.workflow, { keeper: providerKeeperOf(name), mayStart, name }, exchange);
  },
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
  const full = retryAfterMs === undefined ? null : busyHere(retryAfterMs, says);
  const refusal = full ?? gate.refusal() ?? busyHere(MISSED_MS, says);
  const { type, told } = faultOf(refusal);
  const details: CallFaultDetails = { name, spending, ...told };
  // Nothing is wrong: it is no warning in the log of the worker, and no failure in its figures.
  const category = type === 'providerBusy' ? { category: ApplicationFailureCategory.BENIGN } : {};
  return ApplicationFailure.create({ type, message: refusal.why, nonRetryable: true, details: [details], ...category });
}

const busyHere = (inMs: number, why: string): Refusal => ({ kind: 'busyHere', inMs, why });

function faultOf(refusal: Refusal): {
  readonly type: FailureCode;
  readonly told: Pick<CallFaultDetails, 'busy' | 'retryAfterMs' | 'because'>;
} {
  switch (refusal.kind) {
    case 'busy':
      return { type: 'providerBusy', told: { busy: { at: refusal.at, why: refusal.why } } };
    case 'busyHere': {
      const { inMs, why } = refusal;
      return { type: 'providerBusy', told: { busy: { at: Date.now() + inMs, inMs, why } } };
    }
    case 'open':
      return { type: 'circuitOpen', told: { retryAfterMs: refusal.inMs, because: refusal.because } };
    case 'spent':
      return {
        type: 'providerBudget',
        told: refusal.inMs === null ? {} : { retryAfterMs: Math.max(1, refusal.inMs) },
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
  readonly mayStart: boolean;
  readonly name: string;
}

async function askKeeper(
  workflows: Context['client']['workflow'],
  { keeper, mayStart, name }: Keeper,
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
  if (!mayStart) return null;
  await workflows.start(PROVIDER_LIMITS_WORKFLOW, {
    workflowId: keeper,
    taskQueue: KEEPERS_QUEUE,
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

interface OpenAnswer {
  readonly reserved: Extract<Reserved, { kind: 'open' }>;
  readonly endpoint: string;
  /** When the keeper lets somebody try. */
  readonly probeAt: number;
  readonly untilMs: number;
}

interface Answered {
  readonly reserved: Reserved;
  /** When it was asked, of this host's clock. */
  readonly askedAt: number;
}

/** What the calls of a worker have to say to one keeper: a message at a time, so that few are under way (the server takes ten). */
class Desk {
  /** Set before the first call. */
  endpoint = '';
  private questions: Question[] = [];
  private settled: Settlement[] = [];
  private ended: EndedCall[] = [];
  /** Failures in a row of which nobody was told. */
  private untold: readonly Settlement[] = [];
  private spending: Spent | null = null;
  private there: Promise<boolean> = Promise.resolve(false);
  private isThere = false;
  private wasHeard = false;
  private lookedAt = 0;
  /** What was told in a message that got no answer. */
  private unanswered: Telling | null = null;
  private readonly teller = randomUUID().slice(0, TELLER_CHARACTERS);
  private tellings = 0;
  /** The last answer that the endpoint is left alone, where it may still be so. */
  private open: OpenAnswer | null = null;
  private isAsking = false;
  private saying: Promise<boolean> = Promise.resolve(true);
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

  /** The first answer is late where this process had to begin to carry keepers out for it: it is let alone no more. */
  private hearFirst(): void {
    if (!this.wasHeard) this.expectKeeper();
    this.wasHeard = true;
  }

  /** Where no leave is needed, a keeper that is silent keeps nobody for long. */
  private leaveAlone(): void {
    if (!this.keepsTroubleOnly) return;
    [this.isThere, this.there, this.lookedAt] = [false, Promise.resolve(false), Date.now() + SILENT_MS];
  }

  async ask(request: ReserveRequest): Promise<Answered> {
    const known = this.stillOpen(request);
    if (known !== null) return known;
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

  /** Known from another call of a moment ago; null = the keeper is to be asked. */
  private stillOpen({ key }: ReserveRequest): Answered | null {
    const { open, endpoint } = this;
    const askedAt = Date.now();
    if (open === null || open.endpoint !== endpoint || askedAt >= open.untilMs) return null;
    return { reserved: { ...open.reserved, key, inMs: open.probeAt - askedAt }, askedAt };
  }

  private noteOpen(reserved: Reserved): void {
    if (reserved.kind === 'granted') this.open = null;
    if (reserved.kind !== 'open') return;
    const now = Date.now();
    const inMs = reserved.inMs ?? fromNow(reserved.at);
    const untilMs = now + Math.min(OPEN_KNOWN_MS, inMs);
    this.open = { reserved, endpoint: this.endpoint, probeAt: now + inMs, untilMs };
  }

  tell(settlement: Settlement): void {
    if (shownBy(settlement.code) === 'alive') this.open = null;
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
    // A worker that has nothing else to do any more tells it before it leaves.
    this.timer.unref();
  }

  /** Until there is nothing to tell, or one message has got no answer. */
  async tellRest(): Promise<void> {
    await this.saying;
    while (this.hasToTell && (await this.say()));
  }

  private get hasToTell(): boolean {
    return this.unanswered !== null || this.settled.length + this.ended.length > 0;
  }

  private async say(): Promise<boolean> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.questions.length === 0 && !this.hasToTell) return true;
    this.isAsking = true;
    this.saying = this.exchange(this.questions.splice(0, EXCHANGE_MAX), this.takeTelling()).finally(() => {
      this.isAsking = false;
      if (this.questions.length > 0) this.plan(this.isFast ? RATE.collectMs : 0);
      else if (this.hasToTell) this.plan(TELL.ms);
    });
    return await this.saying;
  }

  /** False if there was no answer. */
  private async exchange(questions: readonly Question[], telling: Telling): Promise<boolean> {
    const { limits } = this;
    const askedAt = Date.now();
    const asked = questions.map(({ request }) => request);
    try {
      const exchange = { limits, endpoint: this.endpoint, ...(await this.homeOf()), ...telling, asked };
      const found = await within(ANSWER_MS_MAX, this.lines.exchange(exchange, this.needsKeeper(telling)));
      this.unanswered = null;
      if (found !== null) this.hearFirst();
      const answers = found ?? asked.map(freely);
      const isUnknown = answers.some(({ kind }) => kind === 'homeUnknown');
      this.spending = isUnknown ? await this.costs.spent(this.name, Date.now()) : null;
      this.hear(questions, answers, askedAt);
      return true;
    } catch (thrown) {
      for (const { fail } of questions)
        fail(noAnswer(thrown instanceof Error ? thrown.message : String(thrown), thrown));
      return false;
    }
  }

  /** Perhaps the keeper has heard what it did not answer: it knows that by its number, so nothing else may be told under it. */
  private takeTelling(): Telling {
    if (this.unanswered !== null) return this.unanswered;
    const settled = wordsOfLast(this.settled.splice(0, EXCHANGE_MAX));
    const ended = this.ended.splice(0, EXCHANGE_MAX);
    if (settled.length + ended.length === 0) return { settled };
    this.tellings += 1;
    const batch = { teller: this.teller, number: this.tellings };
    this.unanswered = { batch, settled, ...(ended.length === 0 ? {} : { ended }) };
    return this.unanswered;
  }

  /** Who has to be asked again, since the keeper does not know this home, is asked with what that has spent. */
  private hear(questions: readonly Question[], answers: readonly Reserved[], askedAt: number): void {
    const again: Question[] = [];
    questions.forEach((question, index) => {
      const reserved = answers[index];
      if (reserved === undefined) question.fail(noAnswer('it gave too few answers'));
      else if (reserved.kind === 'homeUnknown') again.push(question);
      else {
        this.noteOpen(reserved);
        question.settle({ reserved, askedAt });
      }
    });
    this.questions = [...again, ...this.questions];
  }

  /** Whether one is to be begun where none runs. */
  private needsKeeper({ settled }: Telling): boolean {
    return !this.keepsTroubleOnly || settled.some(isTrouble);
  }

  private async homeOf(): Promise<Pick<LimitsExchange, 'home' | 'spending'>> {
    const { budget = null } = this.limits;
    // One without a budget is counted, where others have one, also if it cannot say who it is.
    const home = await (budget === null ? this.costs.home().catch(() => null) : this.costs.home());
    if (home === null) return {};
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
  readonly mostUsdMicros: number;
}

class Gate implements ProviderGate {
  private readonly begunAt = Date.now();
  private granted: Granted | null = null;
  private leftAt: number | null = null;
  private wasLost = false;
  /** What a request may have cost of which nobody will know more. */
  private lostUsdMicros = 0;
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
    // What was lost before is in what the call has spent.
    [this.leftAt, this.lostUsdMicros] = [null, 0];
    if (!(await this.desk.isKept())) return freeWindow();
    const reservation = randomUUID().slice(0, RESERVATION_CHARACTERS);
    try {
      const request = { key: this.key, reservation, promptTokens, answerTokensMax: this.provider.maxOutputTokens };
      const { reserved, askedAt } = await this.desk.ask({ ...request, mostUsdMicros, spentUsdMicros });
      if (reserved.kind !== 'granted') return this.refuse(reserved, mostUsdMicros);
      this.granted = { reservation, askedAt, mostUsdMicros };
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
    this.lostUsdMicros = this.granted?.mostUsdMicros ?? this.lostUsdMicros;
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
    this.settle(code, isUnused ? { prompt: 0, answer: 0 } : null, costUsdMicros, {
      ...saysOf(result),
      ...pauseOf(result),
    });
  }

  /** What nobody has given leave for, or another try of the step has sent. */
  private endedElsewhere(result: CallResult): void {
    // It has not ended: its workflow comes again.
    if (result.kind === 'failed' && result.code === 'providerBusy') return;
    const { desk, key, wasLost } = this;
    const code = result.kind === 'failed' ? result.code : null;
    const shown = { key, reservation: '', ...NOTHING_SENT, code, ...saysOf(result) } as const;
    const { pauseMs } = pauseOf(result);
    if (this.leftAt !== null)
      if (pauseMs !== undefined && pauseMs >= PAUSE_TOLD_MS_MIN) desk.tell({ ...shown, pauseMs });
      else desk.tellShown(shown);
    // A place among those at once, or money, is held until somebody says what became of it.
    if (desk.counts && (this.isAgain || wasLost)) {
      // Cancelled, it is not asked for again: nobody finds out what became of its request.
      const unknown = code === 'cancelled' ? this.lostUsdMicros : 0;
      const spentUsdMicros = result.spending.costUsdMicros + unknown;
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
    told: Pick<Settlement, 'says' | 'pauseMs'> = {},
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
      ...told,
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
      return { kind: 'busy', at: reserved.at, why: sayLimit(name, provider, reserved.why) };
    case 'open': {
      const last = reserved.says === undefined ? '' : `, the last: ${reserved.says}`;
      const why = `${name} is left alone after ${reserved.failures} failures in a row${last}`;
      return { kind: 'open', inMs: reserved.inMs ?? fromNow(reserved.at), why, because: reserved.code };
    }
    case 'spent': {
      const { everTooLarge, standing, inMs = fromNow(standing.freeAt) } = reserved;
      return { kind: 'spent', inMs: everTooLarge ? null : inMs, why: sayRefusal(name, mostUsdMicros, reserved) };
    }
    case 'homeUnknown':
      return busyHere(MISSED_MS, `waits for the budget of ${name}`);
    default:
      throw new TypeError(`unknown answer ${JSON.stringify(reserved satisfies never)}`);
  }
}

const freeWindow = () => ({ fromMs: Date.now(), untilMs: Date.now() + FREE_MS });

/** What the endpoint said last is what is shown of it; the words of fifteen would be too much for one message. */
function wordsOfLast(settled: readonly Settlement[]): readonly Settlement[] {
  const last = settled.findLast(({ says }) => says !== undefined);
  return settled.map((one) => {
    const { says: _words, ...rest } = one;
    return one === last ? one : rest;
  });
}

/** Of what the breaker counts: the words of other failures are their task's own business. */
const saysOf = (result: CallResult): Pick<Settlement, 'says'> =>
  result.kind === 'failed' && shownBy(result.code) === 'failing' && result.says.trim() !== ''
    ? { says: cutToBytes(result.says.trim(), SAYS_BYTES_MAX) }
    : {};

/** Of a settlement that is of no reservation. */
const NOTHING_SENT = { sentAfterMs: 0, endedAfterMs: 0, tokens: { prompt: 0, answer: 0 } } as const;

const pauseOf = (result: CallResult): Pick<Settlement, 'pauseMs'> =>
  result.kind === 'failed' && FROM_ENDPOINT.has(result.code) && result.retryAfterMs !== undefined
    ? { pauseMs: result.retryAfterMs }
    : {};
