/** What the ledger names by reference is in the artifact store, once, in the very words that were sent and answered. */
import { createCallModel } from '../../src/activities/call-model.js';
import type { Called, CallInput } from '../../src/activities/contract.js';
import { addToConversation, readConversation } from '../../src/activities/conversations.js';
import type { CallRow } from '../../src/ports.js';
import { API_KEY, type ModelBench, openModelBench } from '../adapters/model/model-world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { LINEAGE } from './paid-answer.js';
import { gatesOf, portsWithProvider, PROVIDER } from './provider-settings.js';

let world: ActivityWorld;
let bench: ModelBench;
beforeAll(async () => {
  bench = await openModelBench();
});
afterAll(() => bench.close());
beforeEach(() => {
  world = openActivityWorld();
});
afterEach(() => world.clear());

async function call(more: Partial<CallInput>): Promise<Called> {
  const prompt = await world.ports.artifacts.put('prompt', JSON.stringify([{ role: 'user', content: 'The task.' }]));
  const provider = { ...PROVIDER, level: 'tools', baseUrl: bench.endpoint.baseUrl } as const;
  const ports = portsWithProvider({ ports: { ...world.ports, model: bench.model } }, provider);
  const input = { lineage: LINEAGE, name: 'a1.t1', prompt, provider: 'p', model: 'm', repairs: null, ...more };
  return await world.run(() => createCallModel(ports, gatesOf(ports))(input));
}

async function rowOf({ callId }: Called): Promise<CallRow> {
  const row = (await bench.model.ledger(LINEAGE)).find((one) => one.callId === callId);
  if (row === undefined) throw new Error('the call is not in the ledger');
  return row;
}

const textOf = async (sha256 = ''): Promise<string> => (await world.ports.artifacts.get({ sha256 })).toString('utf8');
const lastWords = (): readonly string[] => {
  const { body } = bench.endpoint.requests().at(-1) ?? {};
  return (body as { readonly messages: readonly { readonly content: string }[] }).messages.map(
    ({ content }) => content,
  );
};

it('a prompt is the artifact that it came from, and the answer the one it becomes', async () => {
  bench.endpoint.setScript([{ answers: [{ kind: 'text', text: `No JSON, and ${API_KEY}.` }] }]);
  const called = await call({ name: 'a1.t1' });
  const row = await rowOf(called);
  expect(JSON.parse(await textOf(row.promptSha256))).toEqual([{ role: 'user', content: 'The task.' }]);
  expect(row.answerSha256).toBe(called.answer.sha256);
  expect(await textOf(row.answerSha256)).toBe('No JSON, and [redacted].');
  expect(row).toMatchObject({ tryNumber: 1, latencyMs: expect.any(Number) });
});

it('a repair turn is a node of what it adds to the prompt', async () => {
  bench.endpoint.setScript([{ answers: [{ kind: 'text', text: 'Still no JSON.' }] }]);
  const first = await call({ name: 'a2.t1' });
  const second = await call({ name: 'a2.t2', repairs: { callId: first.callId, complaint: 'Send JSON.' } });
  const { promptSha256 = '' } = await rowOf(second);
  const node = JSON.parse(await textOf(promptSha256)) as { readonly parent: { readonly sha256: string } };
  expect(node.parent.sha256).toBe((await rowOf(first)).promptSha256);
  const told = await readConversation(world.ports.artifacts, {
    kind: 'conversation',
    sha256: promptSha256,
    sizeBytes: 0,
  });
  expect(told.map(({ content }) => content)).toEqual(lastWords());
  expect(told.length).toBe(3);
});

it('a conversation is its last node, and an answer with calls of tools is named as it is stored', async () => {
  bench.endpoint.setScript([
    { answers: [{ kind: 'tools', calls: [{ name: 'list', arguments: { path: '.' } }], text: 'I look.' }] },
  ]);
  const { artifacts } = world.ports;
  const prompt = await artifacts.put('prompt', JSON.stringify([{ role: 'user', content: 'The task.' }]));
  const conversation = await addToConversation(artifacts, prompt, [{ role: 'user', content: 'Go on.' }]);
  const called = await call({ name: 'a3.t1', expects: 'tools', conversation, purpose: 'candidate' });
  const row = await rowOf(called);
  expect(row).toMatchObject({
    promptSha256: conversation.sha256,
    purpose: 'candidate',
    answerSha256: called.answer.sha256,
  });
});
