/** Sends events to an address over HTTP, one CloudEvent or a batch of them a request. */
import { createHmac } from 'node:crypto';
import type { StoredEvent } from '../../ports.js';
import type { Receipt, Sink } from './sender.js';

export interface WebhookOptions {
  readonly url: string;
  /** Key of the signature; null sends without one. Asked for at each request: it may be changed while the worker runs. */
  readonly secret: () => string | null;
  readonly headers: () => Readonly<Record<string, string>>;
  /** Events in one request; above 1 they go as a batch. */
  readonly batch: number;
  readonly timeoutMs: number;
}

/** It is this very event that the receiver does not want; anything else may be mended on its side. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422]);
/** Longer pauses are not believed. */
const RETRY_AFTER_MAX_MS = 10 * 60_000;

export function createWebhook(options: WebhookOptions): Sink {
  return {
    kind: 'webhook',
    target: new URL(options.url).origin,
    identity: options.url,
    batch: options.batch,
    deliver: (events, signal) => send(options, events, signal),
  };
}

async function send(options: WebhookOptions, events: readonly StoredEvent[], signal: AbortSignal): Promise<Receipt> {
  const { batch, timeoutMs, url } = options;
  const lines = events.map(({ line }) => line);
  const body = batch > 1 ? `[${lines.join(',')}]` : lines.join('');
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        ...options.headers(),
        'content-type': `application/cloudevents${batch > 1 ? '-batch' : ''}+json; charset=utf-8`,
        ...signature(options.secret(), events, body),
      },
      // Elsewhere neither the headers nor the events belong.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await response.body?.cancel();
    return receipt(response);
  } catch (thrown) {
    return { kind: 'unavailable', says: reasonOf(thrown, timeoutMs) };
  }
}

/** Of the Standard Webhooks specification, so that receivers find libraries that check it. */
function signature(
  secret: string | null,
  events: readonly StoredEvent[],
  body: string,
): Readonly<Record<string, string>> {
  const id = events.at(-1)?.event.id ?? '';
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const named = { 'webhook-id': encodeURIComponent(id), 'webhook-timestamp': timestamp };
  if (secret === null) return named;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret;
  const signed = createHmac('sha256', key).update(`${named['webhook-id']}.${timestamp}.${body}`).digest('base64');
  return { ...named, 'webhook-signature': `v1,${signed}` };
}

function receipt({ status, ok, headers }: Response): Receipt {
  if (ok) return { kind: 'taken' };
  const says = `HTTP ${status}`;
  if (REFUSALS.has(status)) return { kind: 'refused', says };
  const retryAfterMs = pauseOf(headers.get('retry-after'));
  return { kind: 'unavailable', says, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}

/** Seconds, or a date. */
function pauseOf(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS) : null;
}

/** fetch hides the reason behind "fetch failed". Never with the address: its path may be the secret. */
function reasonOf(thrown: unknown, timeoutMs: number): string {
  if (typeof thrown !== 'object' || thrown === null) return 'the request failed';
  if ('name' in thrown && thrown.name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} s`;
  const cause = 'cause' in thrown ? thrown.cause : null;
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code);
  return 'the request failed';
}
