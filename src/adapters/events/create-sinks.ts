/** The receivers of events that the configuration names. */
import type { Sink } from './sender.js';
import { createEventFile } from './event-file.js';
import { createWebhook } from './webhook.js';

export interface SinkSettings {
  readonly webhook: {
    readonly url: string;
    readonly secretVariable: string | null;
    readonly headerVariables: Readonly<Record<string, string>>;
    readonly batch: number;
    readonly timeoutMs: number;
  } | null;
  readonly file: string | null;
}

/** @param valueOf value of a variable of the environment */
export function createSinks(
  { webhook, file }: SinkSettings,
  valueOf: (variable: string) => string | undefined,
): readonly Sink[] {
  return [
    ...(webhook === null ? [] : [webhookOf(webhook, valueOf)]),
    ...(file === null ? [] : [createEventFile(file)]),
  ];
}

function webhookOf(
  { secretVariable, headerVariables, ...settings }: NonNullable<SinkSettings['webhook']>,
  valueOf: (variable: string) => string | undefined,
): Sink {
  const headers = Object.entries(headerVariables);
  const variables = [...(secretVariable === null ? [] : [secretVariable]), ...headers.map(([, variable]) => variable)];
  const sink = createWebhook({
    ...settings,
    secret: () => (secretVariable === null ? null : (valueOf(secretVariable) ?? null)),
    headers: () => Object.fromEntries(headers.map(([name, variable]) => [name, valueOf(variable) ?? ''])),
  });
  return {
    ...sink,
    // Unsigned, or without its password, it would be taken for somebody else's.
    deliver: (events, signal) => {
      const missing = variables.find((variable) => valueOf(variable) === undefined);
      if (missing === undefined) return sink.deliver(events, signal);
      return Promise.resolve({ kind: 'unavailable', says: `${missing} is not set` });
    },
  };
}
