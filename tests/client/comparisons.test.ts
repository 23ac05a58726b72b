/** Comparisons under their keys, against a real server. No worker does any work. */
import { WeaverClient } from '../../src/client/index.js';
import type { CompareSpec } from '../../src/domain/compare.js';
import { startLoneServer, type LoneServer } from './lone-server.js';

let lone: LoneServer;
let client: WeaverClient;

beforeAll(async () => {
  lone = await startLoneServer();
  const { address, uiUrl } = lone.server;
  client = await WeaverClient.connect({ connection: { address }, namespace: 'default', requester: 'ana@desk', uiUrl });
});

afterAll(async () => {
  await client?.close();
  await lone?.stop();
});

const specOf = (name: string): CompareSpec => ({
  cases: [{ name, messages: [{ role: 'user', content: 'yes or no?' }] }],
  models: [{ provider: 'a', model: 'm' }],
  modes: [{ mode: 'single' }],
  repeats: 1,
  concurrency: 1,
  thresholds: { success: 1 },
  limits: {},
});

it.each(['running', 'terminated'])('a comparison that is %s keeps its key from another one', async (state) => {
  const { comparisons } = client;
  expect(await comparisons.begin(specOf('one'), { key: state })).toMatchObject({ started: true });
  if (state === 'terminated') await client.temporal.workflow.getHandle(`compare/${state}`).terminate('not wanted');
  await expect(comparisons.begin(specOf('other'), { key: state })).rejects.toMatchObject({ code: 'keyTaken' });
  // The same one goes on where it has come to an end before its time.
  expect(await comparisons.begin(specOf('one'), { key: state })).toMatchObject({ started: state === 'terminated' });
});
