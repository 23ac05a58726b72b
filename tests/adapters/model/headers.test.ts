/** Headers from variables, on their way through the request process. */
import { everythingIn, type ModelBench, openModelBench, requestTo } from './model-world';

const TOKEN = 'team-token-0a1b2c3d4e5f';

let bench: ModelBench;
beforeAll(async () => {
  const script = [{ answers: [{ kind: 'text', text: `You sent ${TOKEN}.` } as const] }];
  bench = await openModelBench(script, {
    redact: (text) => text.replaceAll(TOKEN, '[redacted]'),
    apiKeyOf: (variable) => (variable === 'TEAM_TOKEN' ? TOKEN : undefined),
    secrets: () => [TOKEN],
  });
});
afterAll(() => bench.close());

const call = (callId: string, headersEnv: Readonly<Record<string, string>>) =>
  bench.model.call(
    requestTo(bench.endpoint.baseUrl, callId.repeat(8), { headersEnv }),
    new AbortController().signal,
    () => undefined,
  );

it('go with the request, and their values stay out of the ledger', async () => {
  expect(await call('a', { 'X-Team': 'TEAM_TOKEN' })).toMatchObject({ kind: 'answered', text: 'You sent [redacted].' });
  expect(bench.endpoint.requests().at(-1)?.headers['x-team']).toBe(TOKEN);
  expect(everythingIn(bench.home)).not.toContain(TOKEN);
});

it('end the call before it is sent where a variable is not set', async () => {
  const before = bench.endpoint.count;
  expect(await call('b', { 'X-Team': 'NO_TOKEN' })).toMatchObject({
    kind: 'failed',
    code: 'modelCredentials',
    says: 'NO_TOKEN is not set.',
    retryable: false,
  });
  expect(bench.endpoint.count).toBe(before);
});
