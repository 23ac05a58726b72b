import { createHash } from 'node:crypto';
import type { CallInput, Called } from '../../src/activities/contract.js';
import { createCallModel } from '../../src/activities/call-model.js';
import { createModel, type RunningModel } from '../../src/adapters/model/model.js';
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../src/adapters/model/scripted.js';
import { buildPrompt } from '../../src/domain/prompt.js';
import type { ProviderSettings } from '../../src/ports.js';
import { removeFolder, REQUEST_PROCESS, requestProcessesOf, temporaryFolder } from '../adapters/model/model-world.js';
import { aSpec } from '../client/specs.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { LINEAGE } from './paid-answer.js';
import { gatesOf, portsWithProvider, PROVIDER } from './provider-settings.js';

let endpoint: ScriptedEndpoint;
let world: ActivityWorld;
let model: RunningModel;
let home: string;
beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());
beforeEach(() => {
  world = openActivityWorld();
  home = temporaryFolder();
  const options = { home, redact: (text: string) => text, apiKeyOf: () => 'key', onWarning: () => undefined };
  model = createModel({ ...options, requestProcessPath: REQUEST_PROCESS, idleSeconds: 5 });
});
afterEach(() => {
  model.close();
  for (const pid of requestProcessesOf(home)) process.kill(pid, 'SIGKILL');
  removeFolder(home);
  world.clear();
});

const EDIT = { op: 'write', path: 'a.txt', content: 'a', search: null, replace: null, to: null };
const CHILD = { title: 'One', description: 'Do it.' };

/** Each text is the answer to one call, in turn; gives what the endpoint was asked last. */
const answers = (...texts: readonly (string | object)[]): void =>
  endpoint.setScript([
    {
      answers: texts.map((text) => (typeof text === 'string' ? { kind: 'text', text } : { kind: 'json', value: text })),
    },
  ]);

async function call(more: Partial<CallInput> = {}, settings: Partial<ProviderSettings> = {}): Promise<Called> {
  const prompt = await world.ports.artifacts.put('prompt', JSON.stringify([{ role: 'user', content: 'The task.' }]));
  const ports = portsWithProvider(
    { ports: { ...world.ports, model } },
    {
      ...PROVIDER,
      baseUrl: endpoint.baseUrl,
      ...settings,
    },
  );
  const input = { lineage: LINEAGE, name: 'a1.t1', prompt, provider: 'p', model: 'm', repairs: null, ...more };
  return await world.run(() => createCallModel(ports, gatesOf(ports))(input));
}

const lastRequest = () => {
  const body = endpoint.requests().at(-1)?.body as {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly response_format: { readonly json_schema: { readonly name: string } };
  };
  return body;
};

describe('the id of a call', () => {
  it('is what it was before there were settings, so that paid answers are found', async () => {
    answers('ok');
    const asked = [LINEAGE, 'a1.t1', 'p', 'm', [{ role: 'user', content: 'The task.' }]];
    const id = createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 40);
    expect((await call()).callId).toBe(id);
    expect((await call({}, { contextWindow: 9_000, api: 'chat', kind: 'vllm' })).callId).toBe(id);
  });

  it('LS-67 is another one for other settings: the answer would be another', async () => {
    answers('one', 'two', 'three');
    const cold = await call({}, { sampling: { temperature: 0 } });
    const warm = await call({}, { sampling: { temperature: 1 } });
    const again = await call({}, { sampling: { temperature: 0 } });
    expect(warm.callId).not.toBe(cold.callId);
    expect(again).toMatchObject({ callId: cold.callId, answer: cold.answer });
  });
});

describe('an answer with edits', () => {
  it('is usable', async () => {
    answers({ edits: [EDIT], commitMessage: '', notes: '', question: null });
    expect((await call()).verdict).toEqual({ kind: 'usable', edits: 1, files: ['a.txt'] });
    expect(lastRequest().response_format.json_schema.name).toBe('answer');
  });

  it('is usable though it asks: whoever works has decided', async () => {
    answers({ edits: [EDIT], commitMessage: '', notes: '', question: 'Right?' });
    expect((await call()).verdict).toMatchObject({ kind: 'usable' });
  });
});

const blockPrompt = () =>
  world.ports.artifacts.put(
    'prompt',
    JSON.stringify(
      buildPrompt({
        spec: aSpec(),
        instructions: [],
        structure: ['a.txt'],
        files: [],
        last: null,
        fence: 'c0ffee123456',
      }),
    ),
  );
const blockWith = (divider: string): string =>
  ['a.txt', '<<<<<<< SEARCH c0ffee123456', 'a', divider, 'b', '>>>>>>> REPLACE c0ffee123456'].join('\n');

describe('a model that keeps to no schema', () => {
  const TEXT = { level: 'text' } as const;

  it('is asked for blocks with a word at their marks, and for no JSON', async () => {
    answers(blockWith('======= c0ffee123456'));
    const { verdict } = await call({ prompt: await blockPrompt() }, TEXT);
    expect(verdict).toEqual({ kind: 'usable', edits: 1, files: ['a.txt'] });
    const { response_format: format, messages } = lastRequest();
    expect(format).toBeUndefined();
    expect(messages[0]?.content).toContain('\n<<<<<<< SEARCH c0ffee123456\n');
    expect(messages[0]?.content).not.toContain('JSON object');
    expect(messages[1]?.content).toContain('# Structure of the repository');
  });

  it('is told how blocks are mended, and asked for them again', async () => {
    answers(blockWith('-------'), blockWith('======= c0ffee123456'));
    const wrong = await call({ prompt: await blockPrompt() }, TEXT);
    if (wrong.verdict.kind !== 'malformed') throw new Error(wrong.verdict.kind);
    expect(wrong.verdict.complaint).toBe('line 2: the SEARCH block has no line "======= c0ffee123456".');
    const repairs = { callId: wrong.callId, complaint: wrong.verdict.complaint };
    const mended = await call({ prompt: await blockPrompt(), name: 'a1.t2', repairs }, TEXT);
    expect(mended.verdict).toMatchObject({ kind: 'usable' });
    expect(lastRequest().messages.at(-1)?.content).toMatch(/mended, in blocks\.$/);
  });

  it('is not told that it has said nothing by a message of nothing, which endpoints refuse', async () => {
    answers(' ', blockWith('======= c0ffee123456'));
    const { callId } = await call({ prompt: await blockPrompt() }, TEXT);
    const repairs = { callId, complaint: 'The answer is empty.' };
    await call({ prompt: await blockPrompt(), name: 'a1.t2', repairs }, TEXT);
    expect(lastRequest().messages.at(-2)).toMatchObject({ role: 'assistant', content: '(nothing)' });
  });

  it('may ask in a block, and is told that it has sent none', async () => {
    answers('<<<<<<< QUESTION c0ffee123456\nWhich port?\n>>>>>>> QUESTION c0ffee123456', 'I have changed a.txt.');
    expect((await call({ prompt: await blockPrompt() }, TEXT)).verdict).toEqual({
      kind: 'question',
      text: 'Which port?',
    });
    expect((await call({ prompt: await blockPrompt(), name: 'a1.t2' }, TEXT)).verdict).toEqual({
      kind: 'malformed',
      complaint: expect.stringContaining('has no block'),
    });
  });

  it('is asked for plans in JSON all the same', async () => {
    answers({ children: [CHILD], join: false, notes: '', question: null });
    expect((await call({ expects: 'plan' }, TEXT)).verdict).toEqual({ kind: 'plan', children: 1 });
  });
});

describe('a question', () => {
  it('in place of edits is for a person', async () => {
    answers({ edits: [], commitMessage: '', notes: '', question: ' Which port? ' });
    expect((await call()).verdict).toEqual({ kind: 'question', text: 'Which port?' });
  });

  it('in place of a plan is too', async () => {
    answers({ children: [], join: false, notes: '', question: 'Which one?' });
    expect((await call({ expects: 'plan' })).verdict).toEqual({ kind: 'question', text: 'Which one?' });
  });

  it('is cut where nobody would read on', async () => {
    answers({ edits: [], commitMessage: '', notes: '', question: '?'.repeat(9_000) });
    const { verdict } = await call();
    expect(Buffer.byteLength(verdict.kind === 'question' ? verdict.text : '')).toBeLessThanOrEqual(2_000);
  });

  it('is followed by the words of the person, not by a complaint', async () => {
    answers(
      { edits: [], commitMessage: '', notes: '', question: 'Which port?' },
      { edits: [EDIT], commitMessage: '', notes: '', question: null },
    );
    const { callId } = await call();
    const repairs = { callId, complaint: '8080, as always', answered: true };
    expect((await call({ name: 'a1.t2', repairs })).verdict).toMatchObject({ kind: 'usable' });
    const { messages } = lastRequest();
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(messages[1]?.content).toContain('Which port?');
    expect(messages[2]?.content).toMatch(/^A person has answered your question:\n8080, as always\n/);
    expect(messages[2]?.content).not.toContain('could not be used');
  });

  it('and its answer stay in the conversation when the answer after them has to be repaired', async () => {
    answers({ edits: [], commitMessage: '', notes: '', question: 'Which port?' }, 'No JSON at all.', 'Still none.');
    const first = await call();
    const answered = { callId: first.callId, complaint: '8080', answered: true };
    const second = await call({ name: 'a1.t2', repairs: answered });
    await call({ name: 'a1.t3', repairs: { callId: second.callId, complaint: 'Send JSON.' }, earlier: [answered] });
    const said = lastRequest().messages.map(({ content }) => content);
    expect(said).toEqual([
      'The task.',
      expect.stringContaining('Which port?'),
      expect.stringContaining('8080'),
      'No JSON at all.',
      expect.stringContaining('Send JSON.'),
    ]);
  });
});

describe('a plan', () => {
  it('is asked for with its own schema, and counted', async () => {
    answers({ children: [CHILD, { ...CHILD, title: 'Two', dependsOn: [1] }], join: true, notes: '', question: null });
    expect((await call({ expects: 'plan' })).verdict).toEqual({ kind: 'plan', children: 2 });
    expect(lastRequest().response_format.json_schema.name).toBe('plan');
  });

  it('without children is a plan all the same: the decider refuses it', async () => {
    answers({ children: [], join: false, notes: '', question: null });
    expect((await call({ expects: 'plan' })).verdict).toEqual({ kind: 'plan', children: 0 });
  });

  it('that cannot be carried out is sent back with what is wrong', async () => {
    answers({ children: [{ ...CHILD, dependsOn: [1] }], join: false, notes: '', question: null });
    expect((await call({ expects: 'plan' })).verdict).toEqual({
      kind: 'malformed',
      complaint: expect.stringContaining('child 1 depends on itself'),
    });
  });

  it('in place of edits is one where the task may be split, and asked for with a schema that has both', async () => {
    const split = { edits: [], commitMessage: '', notes: '', question: null, children: [CHILD], join: false };
    answers(split, { ...split, edits: [EDIT] }, { ...split, edits: [EDIT], children: null });
    expect((await call({ maySplit: true })).verdict).toEqual({ kind: 'plan', children: 1 });
    expect(JSON.stringify(lastRequest().response_format)).toContain(
      '"required":["edits","commitMessage","notes","question","children","join"]',
    );
    const both = await call({ maySplit: true, name: 'a1.t2' });
    expect(both.verdict).toEqual({
      kind: 'malformed',
      complaint: 'It has edits and children; a task is done or split.',
    });
    expect((await call({ maySplit: true, name: 'a1.t3' })).verdict).toMatchObject({ kind: 'usable', edits: 1 });
  });

  it('in place of edits is malformed', async () => {
    answers({ children: [CHILD], join: false, notes: '' });
    expect((await call()).verdict).toMatchObject({ kind: 'malformed' });
  });
});

const read = { name: 'read_file', arguments: { path: 'a.txt', from: 1, to: null } };
const finish = (summary: string, question: string | null = null) => ({
  name: 'finish',
  arguments: { summary, commitMessage: summary, criteria: [], question },
});

describe('a turn that calls tools', () => {
  const turn = async (...calls: readonly { readonly name: string; readonly arguments: unknown }[]) => {
    endpoint.setScript([{ answers: [{ kind: 'tools', calls }] }]);
    turns += 1;
    const { verdict } = await call({ name: `a1.t${turns}`, expects: 'tools' }, { level: 'tools' });
    return verdict.kind === 'tools' ? verdict.key : undefined;
  };
  let turns = 0;
  it('is the same as another one that does the same, however it is written', async () => {
    const key = await turn(read);
    expect(key).toMatch(/^[0-9a-f]{40}$/);
    expect(await turn({ name: 'read_file', arguments: { to: null, from: 1, path: 'a.txt' } })).toBe(key);
    expect(await turn({ ...read, arguments: { ...read.arguments, path: 'b.txt' } })).not.toBe(key);
    expect(await turn(read, read)).not.toBe(key);
    expect(await turn(finish('Done.'))).toBe(await turn(finish('All is well.')));
    expect(await turn(finish('Done.', 'Which?'))).not.toBe(await turn(finish('Done.')));
  });

  it('is like no other where a call is none', async () => {
    expect(await turn(read, { name: 'reed_file', arguments: {} })).toBeNull();
  });
});
