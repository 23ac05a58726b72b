/** The first request through the client library takes 40 ms longer than the next ones; so it is made before anyone waits. */
import { dialectOf } from './dialect.js';
import { askEndpoint } from './openai-endpoint.js';
import { startScriptedEndpoint } from './scripted.js';
import type { ProviderSettings } from '../../ports.js';

/** Asks an endpoint of our own once. Whether it answers is of no interest: the code has run. */
export async function rehearse(): Promise<void> {
  const endpoint = await startScriptedEndpoint({ script: [{ answers: [{ kind: 'text', text: '{}' }] }] });
  const provider: ProviderSettings = {
    name: 'rehearsal',
    baseUrl: endpoint.baseUrl,
    keyVariable: '',
    model: 'scripted-1',
    level: 'text',
    concurrency: 1,
    // Without a loopback it ends soon.
    callTimeoutSeconds: 1,
    idleTimeoutSeconds: 1,
    maxOutputTokens: 1,
  };
  await askEndpoint({
    provider,
    messages: [{ role: 'user', content: 'rehearsal' }],
    apiKey: undefined,
    dialect: dialectOf(provider),
    redact: (text) => text,
    signal: new AbortController().signal,
    onBytes: () => undefined,
  });
  await endpoint.stop();
}
