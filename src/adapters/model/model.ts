/** The model port on the worker's side: asks the request process, starting it when there is none. */
import { realpath, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { spendingOf, answerIn, callRowOf, withoutSecrets } from './ledger-rows.js';
import { createLedger, type Ledger } from './ledger.js';
import { CourierLost, createCourierLink, type CourierLink } from './courier-link.js';
import {
  PortFault,
  type CallRequest,
  type CallResult,
  type CallRow,
  type Model,
  type ProviderSettings,
  type RecordingSettings,
  type SendGate,
} from '../../ports.js';

export interface ModelOptions {
  /** The weaver home; made if it is missing. */
  readonly home: string;
  /** Takes known secrets out of what is handed on. */
  readonly redact: (text: string) => string;
  /** Value of the environment variable that a provider names. */
  readonly apiKeyOf: (variable: string) => string | undefined;
  /** Further values that must not reach the ledger, such as git tokens. The key of a call is always among them. */
  readonly secrets?: () => readonly string[];
  /** Absent = every call is asked, and none is recorded. */
  readonly recordings?: RecordingSettings;
  /** Compiled program of the request process. */
  readonly requestProcessPath?: string;
  /** Environment of the request process: what Node needs to reach endpoints, such as NODE_EXTRA_CA_CERTS. Never keys. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long the request process stays when nobody is connected. */
  readonly idleSeconds?: number;
  /** Name of where it runs, among the hosts and containers that share the home. Absent = it is found out. */
  readonly place?: string;
  readonly onWarning: (warning: string) => void;
}

export interface RunningModel extends Model {
  /** Starts the request process and connects to it, so that the first call need not wait. */
  prewarm(): Promise<void>;
  /** Ends the connection. Requests under way go on; calls that wait for them reject with a retryable fault. */
  close(): void;
}

/** A home's request process may die under a call so many times before the call is given back. */
const LOST_MAX = 3;
/** A cancelled call does not wait longer than this to hear what became of its request. */
const ABORT_WAIT_MS = 3_000;

export function createModel(options: ModelOptions): RunningModel {
  const { redact } = options;
  const opened = once(() => open(options));
  return {
    call: async (request, signal, onProgress, gate) => {
      const { link, ledger } = await opened();
      const asked = { request, signal, onProgress, ...(gate === undefined ? {} : { gate }) };
      return redacted(await carry(options, link, ledger, asked), redact);
    },
    answer: async (lineage, callId) => {
      const answer = answerIn(await (await opened()).ledger.read(lineage, callId));
      return answer === null ? null : redact(answer.text);
    },
    ledger: async (lineage) => (await (await opened()).ledger.list(lineage)).flatMap(toRow).toSorted(byAge),
    prewarm: async () => (await opened()).link.connect(),
    close: () => void opened().then(({ link }) => link.close(), ignoreUnopened),
  };
}

interface Opened {
  readonly link: CourierLink;
  readonly ledger: Ledger;
}

/** The home by its real name: two names of one home would be two request processes. */
async function open(options: ModelOptions): Promise<Opened> {
  await mkdir(options.home, { recursive: true, mode: 0o700 });
  const home = await realpath(resolve(options.home));
  const link = createCourierLink({
    home,
    program: options.requestProcessPath ?? join(__dirname, 'request-process.js'),
    environment: options.environment ?? {},
    idleSeconds: options.idleSeconds ?? 60,
    ...(options.place === undefined ? {} : { place: options.place }),
  });
  return { link, ledger: createLedger(home, options.redact) };
}

interface Asked {
  readonly request: CallRequest;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number, tokens: number) => void;
  readonly gate?: SendGate;
}

/** Asks until there is an end: when the request process dies, the next one finds in the ledger what became of the call. */
async function carry(options: ModelOptions, link: CourierLink, ledger: Ledger, asked: Asked): Promise<CallResult> {
  const { request, ...asking } = asked;
  const { signal } = asked;
  const cancelled = async (): Promise<CallResult> => ({
    kind: 'failed',
    code: 'cancelled',
    says: 'Cancelled.',
    retryable: false,
    spending: spendingOf(await ledger.read(request.lineage, request.callId)),
  });
  const refused = async (says: string): Promise<CallResult> => ({
    ...(await cancelled()),
    kind: 'failed',
    code: 'modelCredentials',
    says,
    retryable: false,
  });
  for (let lost = 1; !signal.aborted; lost += 1) {
    try {
      const apiKey = options.apiKeyOf(request.provider.keyVariable) ?? null;
      const { headers, missing } = headersFor(request.provider, options.apiKeyOf);
      if (missing !== undefined) return await refused(`${missing} is not set.`);
      const { recordings } = options;
      const kept = recordings === undefined ? {} : { recordings };
      const question = { request, apiKey, headers, secrets: options.secrets?.() ?? [], ...kept };
      const end = await link.ask(question, { ...asking, abortWaitMs: ABORT_WAIT_MS });
      if (end === null) {
        // It was cancelled, and the request process has not said in time whether it had left.
        asking.gate?.lost();
        return cancelled();
      }
      for (const warning of end.warnings) options.onWarning(options.redact(warning));
      return end.result;
    } catch (error) {
      if (!(error instanceof CourierLost)) throw error;
      asking.gate?.lost();
      if (lost >= LOST_MAX)
        throw new PortFault('infrastructure', `The request process died ${lost} times during a call.`, true, {
          cause: error,
        });
    }
  }
  return cancelled();
}

/** Without one of them the endpoint would take us for somebody else. */
function headersFor(
  { headersEnv = {} }: ProviderSettings,
  valueOf: (variable: string) => string | undefined,
): { readonly headers: Readonly<Record<string, string>>; readonly missing?: string } {
  const missing = Object.values(headersEnv).find((variable) => valueOf(variable) === undefined);
  if (missing !== undefined) return { headers: {}, missing };
  return {
    headers: Object.fromEntries(Object.entries(headersEnv).map(([name, variable]) => [name, valueOf(variable) ?? ''])),
  };
}

function redacted(result: CallResult, redact: (text: string) => string): CallResult {
  return result.kind === 'answered'
    ? { ...result, ...withoutSecrets(result, redact) }
    : { ...result, says: redact(result.says) };
}

function toRow([callId, rows]: Awaited<ReturnType<Ledger['list']>>[number]): readonly CallRow[] {
  const row = callRowOf(callId, rows);
  return row === null ? [] : [row];
}

const byAge = (a: CallRow, b: CallRow): number => a.startedAt - b.startedAt || (a.callId < b.callId ? -1 : 1);

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null; // a home that could not be made may be possible later
      throw error instanceof PortFault
        ? error
        : new PortFault('infrastructure', 'The weaver home cannot be used.', true, { cause: error });
    });
    return made;
  };
}

/** Who could not open has said so to its caller; there is nothing to close. */
const ignoreUnopened = (): void => undefined;
