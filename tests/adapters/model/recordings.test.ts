import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCourier, type CallEnd } from '../../../src/adapters/model/courier';
import { createLedger, type Ledger } from '../../../src/adapters/model/ledger';
import { callRowOf } from '../../../src/adapters/model/ledger-rows';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import type { CallRequest, CallResult, RecordingSettings } from '../../../src/ports';
import { API_KEY, everythingIn, removeFolder, requestTo, temporaryFolder } from './model-world';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9/v1';

let endpoint: ScriptedEndpoint;
let place: string;
let folder: string;
let homes: number;
let ledger: Ledger;

beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());
beforeEach(() => {
  place = temporaryFolder();
  folder = join(place, 'recordings');
  homes = 0;
});
afterEach(() => removeFolder(place));

const script = (...answers: readonly ScriptedAnswer[]): void => endpoint.setScript([{ answers }]);

const redact = (text: string): string => text.replaceAll(API_KEY, '[redacted]');

/** Each time in another home: nothing but the recordings is there. */
async function ask(
  request: CallRequest,
  mode: RecordingSettings['mode'],
): Promise<Extract<CallEnd, { kind: 'result' }>> {
  const home = join(place, `home-${(homes += 1)}`);
  mkdirSync(home);
  ledger = createLedger(home, redact);
  const courier = createCourier({ home, ledger, ask: askEndpoint, redact });
  const end = await new Promise<CallEnd>((onEnd) => {
    courier.join({ request, apiKey: API_KEY, recordings: { folder, mode } }, { onProgress: () => undefined, onEnd });
  });
  if (end.kind === 'fault') throw end.fault;
  return end;
}

const result = async (request: CallRequest, mode: RecordingSettings['mode']): Promise<CallResult> =>
  (await ask(request, mode)).result;
const request = (text: string, more: Partial<CallRequest> = {}): CallRequest => ({
  ...requestTo(endpoint.baseUrl, 'ab'.repeat(8), {}, text),
  ...more,
});
/** The same question of another task, on another day, to an endpoint that is down. */
const again = (text: string, more: Partial<CallRequest> = {}): CallRequest => ({
  ...requestTo(NOWHERE, 'cd'.repeat(8), { name: 'other', level: 'json-object', concurrency: 1 }, text),
  lineage: 'task-2',
  ...more,
});

describe('a recorded answer', () => {
  it('is given again with the endpoint down, whoever asks, and costs nothing', async () => {
    script({ kind: 'text', text: 'as said', usage: { prompt: 20, completion: 5 }, model: 'scripted-1b' });
    await ask(request('Say it.'), 'record');
    expect(await result(again('Say it.'), 'replay')).toMatchObject({
      kind: 'answered',
      text: 'as said',
      model: 'scripted-1b',
      finishReason: 'stop',
      spending: {
        callsSent: 0,
        callsInDoubt: 0,
        costUsdMicros: 0,
        unpriced: false,
        tokens: { prompt: 20, completion: 5 },
      },
    });
  });

  it('is in the ledger, marked as replayed', async () => {
    script({ kind: 'text', text: 'as said' });
    await ask(request('Say it.'), 'record');
    await ask(again('Say it.'), 'replay');
    const rows = await ledger.read('task-2', 'cd'.repeat(8));
    expect(rows.map(({ kind }) => kind)).toEqual(['intent', 'answered']);
    expect(callRowOf('cd'.repeat(8), rows)).toMatchObject({
      state: 'answered',
      replayed: true,
      sends: 0,
      costUsdMicros: 0,
    });
  });

  it('has the calls of tools, and why it ended', async () => {
    script({
      kind: 'tools',
      calls: [{ name: 'read_file', arguments: { path: 'a.ts' }, id: 'c1' }],
      finishReason: 'length',
    });
    await ask(request('Look.'), 'record');
    expect(await result(again('Look.'), 'replay')).toMatchObject({
      toolCalls: [{ id: 'c1', name: 'read_file', arguments: '{"path":"a.ts"}' }],
      finishReason: 'length',
    });
  });

  it('is one of several where the same was asked in several places of a task', async () => {
    script({ kind: 'text', text: 'first' }, { kind: 'text', text: 'second' });
    await ask(request('Vote.', { name: 'a1.t1.1' }), 'record');
    await ask(request('Vote.', { name: 'a1.t1.2' }), 'record');
    const texts = [];
    for (const name of ['a1.t1.2', 'a1.t1.1', 'a9.t9'])
      texts.push(await result(again('Vote.', { name }), 'replay').then((end) => end.kind === 'answered' && end.text));
    expect(texts).toEqual(['second', 'first', 'first']);
  });

  it('holds no secret, neither in the question nor in the answer', async () => {
    script({ kind: 'text', text: `the key is ${API_KEY}` });
    await ask(request(`Here is ${API_KEY}.`), 'record');
    expect(everythingIn(folder)).toContain('[redacted]');
    expect(everythingIn(folder)).not.toContain(API_KEY);
  });

  it('is not made of a failure', async () => {
    script({ kind: 'status', status: 500 });
    expect(await result(request('Say it.'), 'record')).toMatchObject({ kind: 'failed', code: 'modelServer' });
    expect(() => readdirSync(folder)).toThrow('ENOENT');
  });

  it('that cannot be written is given all the same, with a warning', async () => {
    script({ kind: 'text', text: 'paid' });
    writeFileSync(folder, 'a file in the place of the folder');
    const end = await ask(request('Say it.'), 'record');
    expect(end.result).toMatchObject({ kind: 'answered', text: 'paid' });
    expect(end.warnings).toEqual([expect.stringMatching(/could not be recorded in .*: (ENOTDIR|EEXIST)\./)]);
  });
});

describe('a request that is not recorded', () => {
  it('ends a strict replay, and says which recording comes nearest and what differs', async () => {
    script({ kind: 'text', text: 'as said' });
    await ask(request('Say it.\nThen stop.'), 'record');
    const [name] = readdirSync(folder);
    expect(await result(again('Say it.\nThen go on.'), 'replay')).toMatchObject({
      kind: 'failed',
      code: 'notRecorded',
      retryable: false,
      says: `The nearest recording is ${name}: message 2 of 2 (user) differs in line 2: "Then go on.", recorded is "Then stop.".`,
      spending: { callsSent: 0 },
    });
  });

  it('says so where nothing is recorded at all, or what is there is none', async () => {
    expect(await result(again('Say it.'), 'replay')).toMatchObject({ says: expect.stringContaining('no recording') });
    script({ kind: 'text', text: 'as said' });
    await ask(request('Say it.'), 'record');
    const file = join(folder, readdirSync(folder)[0] ?? '');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -40));
    expect(await result(again('Say it.'), 'replay')).toMatchObject({ code: 'notRecorded' });
  });

  it('falls through to the endpoint where that is wanted, and is recorded', async () => {
    script({ kind: 'text', text: 'asked' });
    expect(await result(request('Say it.'), 'fall-through')).toMatchObject({
      text: 'asked',
      spending: { callsSent: 1 },
    });
    expect(await result(again('Say it.'), 'fall-through')).toMatchObject({ text: 'asked', spending: { callsSent: 0 } });
  });

  it('differs by the model and the settings of the answer, not by the provider', async () => {
    script({ kind: 'text', text: 'as said' });
    await ask(request('Say it.'), 'record');
    const other = again('Say it.');
    for (const more of [{ model: 'another' }, { maxOutputTokens: 7 }, { sampling: { temperature: 1 } }])
      expect(await result({ ...other, provider: { ...other.provider, ...more } }, 'replay')).toMatchObject({
        code: 'notRecorded',
      });
  });
});
