/** What an error answer says, whichever way it is built: the error objects of endpoints differ more than the answers. Pure. */
import { isMap } from '../../domain/plain-object.js';
import { durationMs, limitEndOf } from './retry-after.js';

export interface Said {
  /** Of a body that comes with 200, or of an event: gateways put the status of the server behind them there. */
  readonly status: number | undefined;
  /** The endpoint's own code, type and state, apart by blanks. */
  readonly code: string;
  readonly words: string;
  readonly retryAfterMs: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** An error of the server behind, in the words of the one before it, and no further. */
const NESTED_MAX = 2;

/** `{message, code, type}`, Google's `{message, code, status, details}` in a list, a bare `detail`, a bare text. */
export function saidIn(body: unknown, depth = 0): Said {
  const first: unknown = Array.isArray(body) ? body[0] : body;
  if (typeof first === 'string') return nestedIn(first, depth) ?? { ...NOTHING_SAID, words: first };
  if (!isMap(first)) return NOTHING_SAID;
  if (Array.isArray(body) && first['error'] !== undefined) return saidIn(first['error'], depth);
  const words = [first['message'], first['detail']].find((one): one is string => typeof one === 'string');
  const metadata = isMap(first['metadata']) ? first['metadata'] : {};
  const own = {
    status: statusOf(first['code']),
    code: [...texts(first['code'], first['type'], first['status']), ...quotasIn(first['details'])].join(' '),
    words: [words ?? JSON.stringify(first), ...texts(metadata['raw'])].join(': '),
    retryAfterMs: retryDelayIn(first['details']) ?? limitEndIn(metadata['headers']),
  };
  const inner = words === undefined ? null : nestedIn(words, depth);
  return inner === null ? own : together(own, inner);
}

const NOTHING_SAID: Said = { status: undefined, code: '', words: '', retryAfterMs: undefined };

const together = (outer: Said, inner: Said): Said => ({
  status: outer.status ?? inner.status,
  code: `${outer.code} ${inner.code}`.trim(),
  words: inner.words,
  retryAfterMs: outer.retryAfterMs ?? inner.retryAfterMs,
});

/** A text that is itself the JSON of an error. */
function nestedIn(text: string, depth: number): Said | null {
  if (depth >= NESTED_MAX || !/^\s*[{[]/.test(text)) return null;
  try {
    const value: unknown = JSON.parse(text);
    const first: unknown = Array.isArray(value) ? value[0] : value;
    if (!isMap(first)) return null;
    return saidIn(first['error'] ?? first, depth + 1);
  } catch {
    return null;
  }
}

const texts = (...values: readonly unknown[]): readonly string[] =>
  values.filter((value): value is string => typeof value === 'string' && value !== '');

/** Numbers of HTTP, also as texts. */
function statusOf(code: unknown): number | undefined {
  const number = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code;
  return typeof number === 'number' && number >= 400 && number < 600 ? number : undefined;
}

const detailsIn = (details: unknown): readonly Fields[] => (Array.isArray(details) ? details.filter(isMap) : []);

/** Google's RetryInfo: "34.07s". */
function retryDelayIn(details: unknown): number | undefined {
  const delay = detailsIn(details).flatMap((detail) => texts(detail['retryDelay']))[0];
  return delay === undefined ? undefined : durationMs(delay);
}

/** Google's QuotaFailure: which limits it was. */
const quotasIn = (details: unknown): readonly string[] =>
  detailsIn(details)
    .flatMap((detail) => detailsIn(detail['violations']))
    .flatMap((violation) => texts(violation['quotaId']));

/** OpenRouter puts the headers about its limits into the body. */
function limitEndIn(headers: unknown): number | undefined {
  if (!isMap(headers)) return undefined;
  const pairs = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    /^[A-Za-z-]{1,60}$/.test(name) && /^[\w.:+-]{1,60}$/.test(String(value)) ? [[name, String(value)]] : [],
  );
  return limitEndOf(new Headers(pairs), Date.now());
}
