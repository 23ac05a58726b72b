/** One request to a forge's API: bounded in time and size, to its own address alone, its endings told apart. */
import { isMap } from '../../domain/plain-object.js';
import { PortFault } from '../../ports.js';

export interface ForgeApi {
  /** Of the API, without a slash at its end. */
  readonly apiUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ForgeRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below `apiUrl`, with its query. */
  readonly path: string;
  readonly body?: unknown;
}

export type ForgeAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  /** It understood, and does not want to; in its words. */
  | { readonly kind: 'refused'; readonly status: number; readonly says: string };

/** Fifty pull requests with a page of text each; a list of a hundred is some megabytes at most. */
const ANSWER_BYTES_MAX = 8 * 1_024 * 1_024;
const SAYS_CHARACTERS_MAX = 300;
/** GitHub's limit of an hour at most; longer pauses are not believed. */
const RETRY_AFTER_MAX_MS = 60 * 60_000;
/** A secondary limit without a time: what GitHub asks for then. */
const RETRY_AFTER_DEFAULT_MS = 60_000;

/** Faults: forgeUnreachable, forgeCredentials, forgeRefused (a redirect). */
export async function askForge(api: ForgeApi, request: ForgeRequest): Promise<ForgeAnswer> {
  const { status, headers, text } = await exchange(api, request);
  const what = `${request.method} ${request.path.split('?', 1)[0]}: HTTP ${status}`;
  if (status >= 200 && status < 300) return { kind: 'done', value: jsonOf(text, what) };
  const says = wordsOf(text);
  const told = says === '' ? what : `${what}, ${says}`;
  if (status >= 300 && status < 400)
    throw new PortFault('forgeRefused', `${what}, it has moved; name its new address in repo.url or apiUrl.`, false);
  const pauseMs = status === 403 || status === 429 ? limitOf(status, headers, says) : null;
  if (pauseMs !== null) throw new PortFault('forgeUnreachable', told, true, { retryAfterMs: pauseMs });
  if (status === 401 || status === 403) throw new PortFault('forgeCredentials', told, false);
  // A forge hides what the token may not see.
  if (status === 404) throw new PortFault('forgeCredentials', `${told}: not there, or hidden from the token.`, false);
  if (status >= 500 || status === 408) throw new PortFault('forgeUnreachable', told, true);
  return { kind: 'refused', status, says: told };
}

interface Exchanged {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function exchange(api: ForgeApi, { method, path, body }: ForgeRequest): Promise<Exchanged> {
  const timeout = AbortSignal.timeout(api.timeoutMs);
  try {
    const response = await fetch(`${api.apiUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { ...api.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      // The token belongs to this address alone.
      redirect: 'manual',
      signal: AbortSignal.any([api.signal, timeout]),
    });
    return { status: response.status, headers: response.headers, text: await readBounded(response) };
  } catch (thrown) {
    if (thrown instanceof PortFault) throw thrown;
    if (api.signal.aborted) throw api.signal.reason;
    const says = timeout.aborted ? `no answer within ${api.timeoutMs / 1_000} s` : reasonOf(thrown);
    throw new PortFault('forgeUnreachable', `${method} ${path.split('?', 1)[0]}: ${says}`, true);
  }
}

async function readBounded({ body }: Response): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX)
      throw new PortFault('forgeUnreachable', `an answer of more than ${ANSWER_BYTES_MAX / 1_048_576} MB`, true);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string, what: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    // A page of whatever stands in front of the forge.
    throw new PortFault('forgeUnreachable', `${what}, and no JSON`, true);
  }
}

/** Null if it is no limit of requests but a lack of rights. */
function limitOf(status: number, headers: Headers, says: string): number | null {
  const asked = headers.get('retry-after');
  if (asked !== null) return bounded(/^\d+$/.test(asked) ? Number(asked) * 1_000 : Date.parse(asked) - Date.now());
  if (headers.get('x-ratelimit-remaining') === '0')
    return bounded(Number(headers.get('x-ratelimit-reset')) * 1_000 - Date.now());
  return status === 429 || /rate limit/i.test(says) ? RETRY_AFTER_DEFAULT_MS : null;
}

const bounded = (ms: number): number =>
  Number.isFinite(ms) ? Math.min(Math.max(1_000, ms), RETRY_AFTER_MAX_MS) : RETRY_AFTER_DEFAULT_MS;

/** `message` and the messages of `errors`, of GitHub as of Gitea. */
function wordsOf(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return '';
  }
  if (!isMap(value)) return '';
  const errors: readonly unknown[] = Array.isArray(value['errors']) ? value['errors'] : [];
  const said = [value['message'], ...errors.map((one) => (isMap(one) ? (one['message'] ?? one['code']) : one))];
  return said
    .filter((words) => typeof words === 'string')
    .join('; ')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .slice(0, SAYS_CHARACTERS_MAX);
}

/** fetch hides the reason behind "fetch failed". */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : null;
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'the connection broke';
}
