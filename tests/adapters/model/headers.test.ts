/** Headers from variables, on their way through the request process. */
import { createModel, type RunningModel } from '../../../src/adapters/model/model';
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../../src/adapters/model/scripted';
import {
  compileAdapter,
  everythingIn,
  removeFolder,
  requestProcessesOf,
  requestProcessOf,
  requestTo,
  temporaryFolder,
} from './model-world';

const TOKEN = 'team-token-0a1b2c3d4e5f';

let compiled: string;
let home: string;
let endpoint: ScriptedEndpoint;
let model: RunningModel;
beforeAll(async () => {
  compiled = compileAdapter(temporaryFolder());
  home = temporaryFolder();
  endpoint = await startScriptedEndpoint({ script: [{ answers: [{ kind: 'text', text: `You sent ${TOKEN}.` }] }] });
  model = createModel({
    home,
    redact: (text) => text.replaceAll(TOKEN, '[redacted]'),
    apiKeyOf: (variable) => (variable === 'TEAM_TOKEN' ? TOKEN : undefined),
    secrets: () => [TOKEN],
    requestProcessPath: requestProcessOf(compiled),
    idleSeconds: 5,
    onWarning: () => undefined,
  });
});
afterAll(async () => {
  model.close();
  for (const pid of requestProcessesOf(home)) process.kill(pid, 'SIGKILL');
  await endpoint.stop();
  removeFolder(home);
  removeFolder(compiled);
});

const call = (callId: string, headersEnv: Readonly<Record<string, string>>) =>
  model.call(
    requestTo(endpoint.baseUrl, callId.repeat(8), { headersEnv }),
    new AbortController().signal,
    () => undefined,
  );

it('go with the request, and their values stay out of the ledger', async () => {
  expect(await call('a', { 'X-Team': 'TEAM_TOKEN' })).toMatchObject({ kind: 'answered', text: 'You sent [redacted].' });
  expect(endpoint.requests().at(-1)?.headers['x-team']).toBe(TOKEN);
  expect(everythingIn(home)).not.toContain(TOKEN);
});

it('end the call before it is sent where a variable is not set', async () => {
  const before = endpoint.count;
  expect(await call('b', { 'X-Team': 'NO_TOKEN' })).toMatchObject({
    kind: 'failed',
    code: 'modelCredentials',
    says: 'NO_TOKEN is not set.',
    retryable: false,
  });
  expect(endpoint.count).toBe(before);
});
