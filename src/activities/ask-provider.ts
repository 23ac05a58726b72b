/**
 * Places in the windows of a provider that all its workers share: asks the workflow that keeps them, starting it where it does
 * not run. Harmless twice: a place that was asked for again is booked as used, so that what is sent can only be less.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { ApplicationFailureCategory, WorkflowNotFoundError } from '@temporalio/common';
import { randomUUID } from 'node:crypto';
import {
  EXCHANGE_MAX,
  EXCHANGE_UPDATE,
  limitsOf,
  PROVIDER_LIMITS_WORKFLOW,
  providerKeeperOf,
  sayLimit,
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

/** Undefined if the provider has no limits that workers share. */
export type GateOf = (context: Context, provider: ProviderSettings, callId: string) => ProviderGate | undefined;

/** Above so many calls a second a worker collects its questions for a tenth of a second. */
const RATE = { asksASecond: 5, collectMs: 100 } as const;
/** What has ended is told with the next question, or so long after. */
const TELL = { ms: 500, part: 10 } as const;
/** Told late it is of no use any more. */
const SETTLED_MAX = 1_000;
/** A keeper answers within milliseconds, unless every worker is busy with other workflows. */
const ANSWER_MS_MAX = 20_000;
/** The beginning of a call's id tells calls apart. */
const KEY_CHARACTERS = 16;

/** One a worker process: its calls share their questions. */
export function createProviderGates(): GateOf {
  const desks = new Map<string, Desk>();
  return (context, provider, callId) => {
    const limits = limitsOf(provider);
    if (limits === null) return undefined;
    const { client, info } = context;
    const keeper = providerKeeperOf(info.taskQueue, provider.name);
    const ask = async (exchange: LimitsExchange): Promise<readonly Reserved[]> =>
      await askKeeper(client.workflow, { keeper, taskQueue: info.taskQueue, name: provider.name }, exchange);
    const desk = desks.get(keeper) ?? new Desk(ask);
    desks.set(keeper, desk);
    desk.limits = limits;
    return new Gate(desk, provider, callId.slice(0, KEY_CHARACTERS));
  };
}

/** The call through its gate, which learns how it ended. */
export async function throughGate(
  gate: ProviderGate | undefined,
  call: () => Promise<CallResult>,
): Promise<CallResult> {
  let result: CallResult | null = null;
  try {
    result = await call();
    return result;
  } finally {
    gate?.ended(result);
  }
}

/** Null if it was not the gate that kept the call back. No retry of the step helps: the workflow waits. */
export function faultOfGate(
  gate: ProviderGate | undefined,
  name: string,
  { code, says, spending }: Extract<CallResult, { kind: 'failed' }>,
): ApplicationFailure | null {
  if (gate === undefined || code !== 'providerBusy') return null;
  const { at, why, because } = gate.refusal() ?? { at: Date.now() + MISSED_MS, why: says };
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
  private isAsking = false;
  private timer: NodeJS.Timeout | null = null;
  private due = Infinity;

  constructor(private readonly exchange: (exchange: LimitsExchange) => Promise<readonly Reserved[]>) {}

  ask(request: ReserveRequest): Promise<Answered> {
    return new Promise((settle, fail) => {
      this.questions.push({ request, settle, fail });
      this.plan(this.isFast ? RATE.collectMs : 0);
    });
  }

  tell(settlement: Settlement): void {
    this.settled = [...this.settled, settlement].slice(-SETTLED_MAX);
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
    if (limits === null || questions.length + settled.length === 0) return;
    this.isAsking = true;
    const askedAt = Date.now();
    const asked = questions.map(({ request }) => request);
    try {
      const answers = await within(ANSWER_MS_MAX, this.exchange({ limits, settled, asked }));
      questions.forEach(({ settle, fail }, index) => {
        const reserved = answers[index];
        if (reserved === undefined) fail(noAnswer('it gave too few answers'));
        else settle({ reserved, askedAt });
      });
    } catch (thrown) {
      // Told again: a settlement that is not known any more changes nothing.
      this.settled = [...settled, ...this.settled].slice(-SETTLED_MAX);
      for (const { fail } of questions)
        fail(noAnswer(thrown instanceof Error ? thrown.message : String(thrown), thrown));
    } finally {
      this.isAsking = false;
      if (this.questions.length > 0) this.plan(this.isFast ? RATE.collectMs : 0);
      else if (this.settled.length > 0) this.plan(TELL.ms);
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
  readonly askedAt: number;
  leftAt: number | null;
}

class Gate implements ProviderGate {
  private granted: Granted | null = null;
  private refused: Refusal | null = null;
  private fault: unknown = null;

  constructor(
    private readonly desk: Desk,
    private readonly provider: ProviderSettings,
    private readonly key: string,
  ) {}

  /** Asked again in one call when the moment has passed, or when the endpoint has refused a field of the request. */
  async mayLeave(promptTokens: number): ReturnType<SendGate['mayLeave']> {
    this.settle('modelRequestInvalid', { prompt: 0, answer: 0 });
    try {
      const request = { key: this.key, promptTokens, answerTokensMax: this.provider.maxOutputTokens };
      const { reserved, askedAt } = await this.desk.ask(request);
      if (reserved.kind !== 'granted') return this.refuse(reserved);
      this.granted = { askedAt, leftAt: null };
      // From when we know of it, until so long after we have asked: whatever lies between is on the safe side.
      return { fromMs: Date.now() + reserved.inMs, untilMs: askedAt + reserved.validMs };
    } catch (thrown) {
      this.fault = thrown;
      return null;
    }
  }

  left(atMs: number): void {
    if (this.granted !== null) this.granted.leftAt = atMs;
  }

  /** Not settled, it counts as sent at the latest moment. */
  lost(): void {
    this.granted = null;
  }

  refusal(): Refusal | null {
    if (this.fault !== null) throw this.fault;
    return this.refused;
  }

  ended(result: CallResult | null): void {
    if (result?.kind === 'answered') {
      const { prompt, completion } = result.spending.tokens;
      return this.settle(null, { prompt, answer: completion });
    }
    const code = result?.code ?? 'cancelled';
    const isUnused = code === 'rateLimited' || code === 'modelUnreachable';
    this.settle(code, isUnused ? { prompt: 0, answer: 0 } : null, result?.retryAfterMs);
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
    const { askedAt, leftAt } = this.granted;
    this.granted = null;
    this.desk.tell({
      key: this.key,
      sentAfterMs: leftAt === null ? null : Math.max(0, leftAt - askedAt),
      endedAfterMs: Math.max(0, Date.now() - askedAt),
      tokens,
      code,
      ...(pauseMs === undefined ? {} : { pauseMs }),
    });
  }
}
