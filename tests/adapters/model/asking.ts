/** Asks an endpoint as a call does, with what the test is about changed. */
import { dialectOf, type Dialect } from '../../../src/adapters/model/dialect';
import { askEndpoint, type EndpointResult } from '../../../src/adapters/model/openai-endpoint';
import type { ScriptedAnswer, ScriptedEndpoint } from '../../../src/adapters/model/scripted';
import type { CallRequest, ProviderSettings } from '../../../src/ports';
import { API_KEY, requestTo } from './model-world';

export interface Asked {
  readonly provider?: Partial<ProviderSettings>;
  readonly dialect?: Partial<Dialect>;
  readonly request?: Partial<CallRequest>;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

export function askAt(
  baseUrl: string,
  { provider = {}, dialect = {}, request: more = {}, headers = {}, ...rest }: Asked = {},
): Promise<EndpointResult> {
  const request = { ...requestTo(baseUrl, 'ab'.repeat(8), provider), ...more };
  return askEndpoint({
    ...request,
    headers,
    apiKey: rest.apiKey ?? API_KEY,
    dialect: { ...dialectOf(request.provider), ...dialect },
    redact: (text) => text.replaceAll(API_KEY, '[redacted]'),
    signal: rest.signal ?? new AbortController().signal,
    onBytes: rest.onBytes ?? (() => undefined),
  });
}

/** The endpoint gives this answer to whatever is asked. */
export function ask(endpoint: ScriptedEndpoint, answer: ScriptedAnswer, asked?: Asked): Promise<EndpointResult> {
  endpoint.setScript([{ answers: [answer] }]);
  return askAt(endpoint.baseUrl, asked);
}

export const status = (
  code: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): ScriptedAnswer => ({ kind: 'status', status: code, headers, ...(body === undefined ? {} : { body }) });

/** Exactly these bytes, with status 200. */
export const raw = (text: string, contentType: string): ScriptedAnswer =>
  status(200, text, { 'content-type': contentType });

export const sse = (...events: readonly unknown[]): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

/** A part of an answer in the chat protocol. */
export const delta = (fields: object, finish: string | null = null) => ({
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
});

/** What the endpoint was sent last. */
export const sentTo = (endpoint: ScriptedEndpoint) =>
  endpoint.requests().at(-1)?.body as Readonly<Record<string, unknown>>;
