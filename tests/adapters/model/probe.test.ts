import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLedger } from '../../../src/adapters/model/ledger';
import { probeEndpoint } from '../../../src/adapters/model/probe';
import { keepProbe, readProbes, withProbe } from '../../../src/adapters/model/probes';
import { startScriptedEndpoint, type ScriptedEndpoint, type ScriptRule } from '../../../src/adapters/model/scripted';
import type { EndpointProbe, ProviderSettings } from '../../../src/ports';
import { API_KEY, removeFolder, requestTo, temporaryFolder } from './model-world';

let endpoint: ScriptedEndpoint;
let home = '';
beforeAll(async () => {
  const models = [{ id: 'scripted-1', max_model_len: 32_768 }];
  endpoint = await startScriptedEndpoint({ script: [], models });
  home = temporaryFolder();
});
afterAll(async () => {
  await endpoint.stop();
  removeFolder(home);
});

const providerWith = (more: Partial<ProviderSettings> = {}): ProviderSettings =>
  requestTo(endpoint.baseUrl, 'ab', { autoLevel: true, level: 'tools', ...more }).provider;

const redact = (text: string) => text;

function probe(script: readonly ScriptRule[], more: Partial<ProviderSettings> = {}): Promise<EndpointProbe> {
  endpoint.setScript(script);
  const signal = new AbortController().signal;
  const ledger = createLedger(home, redact);
  return probeEndpoint(providerWith(more), { ledger, apiKey: API_KEY, headers: {}, redact, signal });
}

const refusing = (asks: string, message: string): ScriptRule => ({
  when: { asks },
  answers: [{ kind: 'status', status: 400, body: { error: { message } } }],
});
const WORD: ScriptRule = {
  when: { contains: 'Say hello' },
  answers: [{ kind: 'json', value: { word: 'hello' }, usage: { prompt: 10, completion: 5 } }],
};
const CHATTY: ScriptRule = { when: { contains: 'Say hello' }, answers: [{ kind: 'text', text: 'Hello there!' }] };
const CALL: ScriptRule = {
  when: { contains: 'list_files' },
  answers: [
    {
      kind: 'tools',
      calls: [{ name: 'list_files', arguments: { glob: '**', page: 1 } }],
      usage: { prompt: 40, completion: 10 },
    },
  ],
};
const NO_CALL: ScriptRule = { when: { contains: 'list_files' }, answers: [{ kind: 'text', text: 'I cannot.' }] };

describe('a probe', () => {
  it('finds an endpoint that can everything, in two calls, and says what they cost', async () => {
    expect(await probe([WORD, CALL])).toEqual({
      kind: 'probed',
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      baseUrl: endpoint.baseUrl,
      model: 'scripted-1',
      api: 'chat',
      listed: true,
      contextWindow: 32_768,
      level: 'tools',
      dialect: { level: 'json-schema', tokensField: 'max_tokens', streaming: 'usage' },
      countsTokens: true,
      calls: 2,
      tokens: 65,
      costUsdMicros: 80,
      unpriced: false,
    });
  });

  it.each<[string, readonly ScriptRule[], object]>([
    [
      'that refuses the schema and takes JSON',
      [refusing('"json_schema"', 'response_format json_schema is not supported'), WORD, CALL],
      { level: 'tools', dialect: { level: 'json-object' }, calls: 3 },
    ],
    [
      'that takes the schema and does not keep to it',
      [{ when: { asks: '"json_schema"', contains: 'Say hello' }, answers: CHATTY.answers }, WORD, CALL],
      { level: 'tools', dialect: { level: 'json-object' }, calls: 3 },
    ],
    ['that keeps to no form', [CHATTY, NO_CALL], { level: 'text', dialect: { level: 'text' }, calls: 3 }],
    [
      'that refuses tools',
      [refusing('"tools"', 'm does not support tools'), WORD],
      { level: 'json-schema', dialect: { level: 'json-schema' }, calls: 2 },
    ],
    ['that answers in place of calling', [WORD, NO_CALL], { level: 'json-schema', calls: 2 }],
    [
      'that refuses to say its usage, and strict tools',
      [
        refusing('"stream_options"', 'Unknown parameter: stream_options'),
        refusing('"strict":true}}]', "Unsupported parameter: 'strict'"),
        WORD,
        CALL,
      ],
      { level: 'tools', dialect: { streaming: 'bare', without: ['strict'] }, calls: 4 },
    ],
  ])('finds an endpoint %s', async (_, script, expected) => {
    const before = endpoint.count;
    expect(await probe(script)).toMatchObject({ kind: 'probed', ...expected });
    expect(endpoint.count - before).toBeLessThanOrEqual(4);
  });

  it('asks no more than four times whatever is refused', async () => {
    const before = endpoint.count;
    const everything = [
      refusing('"stream_options"', 'Unknown parameter: stream_options'),
      refusing('"json_schema"', 'response_format is not supported'),
      refusing('"json_object"', 'response_format is not supported'),
      refusing('"max_tokens"', "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
      WORD,
      CALL,
    ];
    const result = await probe(everything);
    expect(endpoint.count - before).toBe(4);
    expect(result).toMatchObject({ kind: 'failed', calls: 4 });
  });

  it('that gets no answer says why, and is no finding', async () => {
    const refused = [{ answers: [{ kind: 'status', status: 401, body: { error: { message: 'no' } } }] }] as const;
    expect(await probe(refused)).toMatchObject({ kind: 'failed', code: 'modelCredentials', says: 'no', calls: 1 });
    expect(await probe([WORD, { answers: [{ kind: 'status', status: 429 }] }])).toMatchObject({
      kind: 'failed',
      code: 'rateLimited',
      calls: 2,
    });
  });

  it('asks in the protocol that is configured', async () => {
    expect(await probe([WORD, CALL], { api: 'responses' })).toMatchObject({
      kind: 'probed',
      api: 'responses',
      level: 'tools',
    });
  });

  it('says when the list of models does not have the model', async () => {
    expect(await probe([WORD, CALL], { model: 'other' })).toMatchObject({ listed: false });
  });

  it('books each of its calls in the ledger', async () => {
    const before = (await createLedger(home, redact).list('probe')).length;
    await probe([WORD, CALL]);
    const calls = await createLedger(home, redact).list('probe');
    expect(calls.length - before).toBe(2);
    expect(calls.every(([, rows]) => rows.map(({ kind }) => kind).join() !== 'intent')).toBe(true);
  });
});

async function found() {
  const result = await probe([WORD, CALL]);
  if (result.kind === 'failed') throw new Error(result.says);
  return result;
}

describe('what a probe has found', () => {
  it('is what a provider with the level auto is asked with, at that address, model and protocol only', async () => {
    const result = await found();
    await keepProbe(home, { ...result, level: 'json-object', dialect: { ...result.dialect, streaming: 'none' } });
    const probes = await readProbes(home);
    expect(withProbe(providerWith(), probes)).toMatchObject({
      level: 'json-object',
      dialect: { streaming: 'none' },
      contextWindow: 32_768,
    });
    expect(withProbe(providerWith({ contextWindow: 8_000 }), probes)).toMatchObject({ contextWindow: 8_000 });
    const others = [{ model: 'other' }, { api: 'responses' as const }, { autoLevel: false }];
    for (const other of others) expect(withProbe(providerWith(other), probes)).toEqual(providerWith(other));
  });

  it('replaces what was found before', async () => {
    const result = await found();
    await keepProbe(home, result);
    await keepProbe(home, { ...result, model: 'second' });
    await keepProbe(home, { ...result, level: 'text' });
    const levels = [...(await readProbes(home)).values()].map(({ model, level }) => [model, level]);
    expect(levels).toEqual([
      ['second', 'tools'],
      ['scripted-1', 'text'],
    ]);
  });

  it.each(['', 'nonsense', '{"version":1,"probes":[{"kind":"probed"}]}', '{"version":9,"probes":[]}'])(
    'is nothing where the file says %j',
    async (text) => {
      writeFileSync(join(home, 'probes.json'), text);
      expect((await readProbes(home)).size).toBe(0);
      rmSync(join(home, 'probes.json'));
      expect((await readProbes(home)).size).toBe(0);
    },
  );
});
