import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI, { APIConnectionError } from 'openai';
import { DEMO_FILES, DEMO_SCRIPT, DEMO_TASK } from '../../../src/adapters/model/demo-script';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
  type ScriptRule,
} from '../../../src/adapters/model/scripted';
import { removeFolder, temporaryFolder, until } from './model-world';

let endpoint: ScriptedEndpoint;

beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());

const answering = (...answers: readonly ScriptedAnswer[]): ScriptedEndpoint => {
  endpoint.setScript([{ answers }]);
  return endpoint;
};
const clientOf = ({ baseUrl }: ScriptedEndpoint, apiKey = 'none'): OpenAI =>
  new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0, logLevel: 'off' });
const say = (text: string): ScriptedAnswer => ({ kind: 'text', text });
const post = (path: string, body: string): Promise<Response> =>
  fetch(`${endpoint.baseUrl}${path}`, { method: 'POST', body });
const question = (content: string) => ({ model: 'any', messages: [{ role: 'user' as const, content }] });
const ask = (content = 'hello') => clientOf(endpoint).chat.completions.create(question(content));
const textOf = async (content: string): Promise<string | null> =>
  (await ask(content)).choices[0]?.message.content ?? null;

async function streamed(content = 'hello') {
  const stream = await clientOf(endpoint).chat.completions.create({
    ...question(content),
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return {
    text: chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''),
    finish: chunks.map(({ choices }) => choices[0]?.finish_reason).find((reason) => typeof reason === 'string'),
    usage: chunks.at(-1)?.usage,
    pieces: chunks.length,
  };
}

describe('the protocol', () => {
  it('answers with one object, counting four characters a token', async () => {
    answering({ kind: 'text', text: 'twelve chars' });
    const answer = await ask();
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'scripted-1' });
    expect(answer.choices).toEqual([
      { index: 0, message: { role: 'assistant', content: 'twelve chars', refusal: null }, finish_reason: 'stop' },
    ]);
    expect(answer.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 });
  });

  it('answers as a stream that makes the same text and reports usage at its end', async () => {
    const text = `ä€😀 ${'lorem ipsum '.repeat(20)}`;
    answering({ kind: 'text', text, usage: { prompt: 100, cached: 40, completion: 7, reasoning: 2 } });
    expect(await streamed()).toEqual({
      text,
      finish: 'stop',
      pieces: expect.any(Number),
      usage: {
        prompt_tokens: 100,
        completion_tokens: 7,
        total_tokens: 107,
        prompt_tokens_details: { cached_tokens: 40 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    });
  });

  it('says that it is scripted-1 and nothing else', async () => {
    const { data } = await clientOf(endpoint).models.list();
    expect(data.map(({ id }) => id)).toEqual(['scripted-1']);
  });

  it('sends a value as JSON, a refusal as a refusal and a cut answer with its reason', async () => {
    answering({ kind: 'json', value: { a: [1] } }, { kind: 'refusal', text: 'No.' }, { kind: 'truncated', text: 'ha' });
    expect(await textOf('1')).toBe('{"a":[1]}');
    expect((await ask()).choices[0]?.message).toEqual({ role: 'assistant', content: null, refusal: 'No.' });
    expect((await streamed()).finish).toBe('length');
  });

  it('wants the key if it has one', async () => {
    const locked = await startScriptedEndpoint({
      script: [{ answers: [{ kind: 'text', text: 'in' }] }],
      apiKey: 'k-1',
    });
    await expect(clientOf(locked, 'k-2').chat.completions.create(question('x'))).rejects.toMatchObject({ status: 401 });
    expect((await clientOf(locked, 'k-1').chat.completions.create(question('x'))).choices).toHaveLength(1);
    expect(locked.count).toBe(1);
    await locked.stop();
  });
});

describe('the script', () => {
  it('gives the answers of the first rule that matches in turn, the last one again and again', async () => {
    endpoint.setScript([
      { when: { contains: ['red', 'round'] }, answers: [say('apple')] },
      { when: { contains: 'red', lacks: ['cold', 'sour'] }, answers: [say('rose'), say('fire')] },
      { when: { contains: 'red' }, answers: [say('nose')] },
    ]);
    const texts = [];
    for (const content of ['red', 'red and round', 'red', 'red', 'red but cold']) texts.push(await textOf(content));
    expect(texts).toEqual(['rose', 'apple', 'fire', 'fire', 'nose']);
    expect(
      endpoint
        .requests()
        .slice(-5)
        .map(({ ruleIndex }) => ruleIndex),
    ).toEqual([1, 0, 1, 1, 2]);
  });

  it('refuses what no rule matches, and remembers that it did', async () => {
    endpoint.setScript([{ when: { contains: 'never' }, answers: [{ kind: 'hang' }] }]);
    await expect(ask()).rejects.toMatchObject({ status: 400, message: expect.stringContaining('No rule') });
    expect(endpoint.requests().at(-1)).toMatchObject({ ruleIndex: null, body: question('hello') });
  });

  it('refuses a rule without answers', () => {
    expect(() => endpoint.setScript([{ answers: [] }])).toThrow('Rule 1');
  });

  it('keeps the answers waiting as long as they say', async () => {
    answering({ kind: 'text', text: 'slow', delayMs: 120 }, { kind: 'text', text: 'drop by drop', latencyMs: 150 });
    for (const least of [110, 140]) {
      const from = performance.now();
      await streamed();
      expect(performance.now() - from).toBeGreaterThanOrEqual(least);
    }
  });
});

describe('trouble', () => {
  it('sends the status, the headers and the body it is told to', async () => {
    answering({ kind: 'status', status: 429, headers: { 'retry-after': '7' }, body: { error: { message: 'slow' } } });
    const error = await ask().then(
      () => null,
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ status: 429, error: { message: 'slow' } });
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('7');
  });

  it('drops the connection after the bytes it is told to', async () => {
    answering({ kind: 'cut', afterBytes: 60 }, { kind: 'cut', afterBytes: 0 });
    for (const bytes of [60, 0]) {
      const response = await fetch(`${endpoint.baseUrl}/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ ...question('x'), stream: true }),
      });
      let seen = 0;
      const read = async (): Promise<void> => {
        for await (const chunk of response.body ?? []) seen += (chunk as Uint8Array).length;
      };
      await expect(read()).rejects.toThrow('terminated');
      expect(seen).toBe(bytes);
    }
    expect(endpoint.requests().at(-1)?.aborted).toBe(false);
  });

  it('hangs until the client leaves, and says that it left', async () => {
    answering({ kind: 'hang' });
    const stop = new AbortController();
    const asked = clientOf(endpoint).chat.completions.create(question('hang'), { signal: stop.signal });
    const before = endpoint.count;
    await until(() => endpoint.count > before, 'the request has arrived');
    expect(endpoint.requests().at(-1)?.aborted).toBe(false);
    stop.abort();
    await expect(asked).rejects.toThrow('aborted');
    await until(() => endpoint.requests().at(-1)?.aborted === true, 'the endpoint has seen it leave');
  });

  it('sends bytes that are no JSON', async () => {
    answering({ kind: 'broken' });
    await expect(ask()).rejects.toMatchObject({ name: 'SyntaxError' });
    await expect(streamed()).rejects.toMatchObject({ name: 'SyntaxError' });
  });

  it('survives requests that are none', async () => {
    answering({ kind: 'text', text: 'still here' });
    expect((await post('/chat/completions', '{"messages":')).status).toBe(400);
    expect((await post('/chat/completions', '{"messages":7}')).status).toBe(400);
    expect((await post('/embeddings', '{}')).status).toBe(404);
    expect(await textOf('there?')).toBe('still here');
  });
});

describe('its place', () => {
  it('cannot be reached but over the loopback', async () => {
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4');
    if (outside === undefined) return; // a host without any other address is as closed as can be
    const refused = await new Promise<boolean>((settle) => {
      const socket = connect(Number(new URL(endpoint.baseUrl).port), outside.address);
      socket.once('connect', () => settle(false)).once('error', () => settle(true));
    });
    expect(refused).toBe(true);
  });

  it('counts on when it is not to remember', async () => {
    const forgetful = await startScriptedEndpoint({
      script: [{ answers: [{ kind: 'text', text: 'x' }] }],
      keepRequests: false,
    });
    for (let n = 0; n < 3; n += 1) await clientOf(forgetful).chat.completions.create(question('x'));
    expect([forgetful.count, forgetful.requests().length]).toEqual([3, 0]);
    await forgetful.stop();
  });

  it('stops although a client hangs', async () => {
    const other = await startScriptedEndpoint({ script: [{ answers: [{ kind: 'hang' }] }] });
    const asked = clientOf(other).chat.completions.create(question('x'));
    const failed = asked.catch((error: unknown) => error);
    await until(() => other.count === 1, 'the request has arrived');
    await other.stop();
    expect(await failed).toBeInstanceOf(APIConnectionError);
  });
});

describe('the example', () => {
  const recorded = DEMO_SCRIPT[0]?.answers[0];
  const answer = (recorded?.kind === 'json' ? recorded.value : null) as {
    readonly edits: readonly { path: string; search: string; replace: string }[];
  };

  it('has tests that fail, and that its recorded answer makes pass', () => {
    const folder = temporaryFolder();
    const files = new Map(Object.entries(DEMO_FILES));
    const exitCode = (): number | null => {
      for (const [path, text] of files) writeFileSync(join(folder, path), text);
      return spawnSync(process.execPath, ['--test'], { cwd: folder, env: {} }).status;
    };
    expect(exitCode()).toBe(1);
    for (const { path, search, replace } of answer.edits) {
      const [before, after, ...more] = files.get(path)?.split(search) ?? [];
      expect([before, after, more]).toEqual([expect.any(String), expect.any(String), []]);
      files.set(path, `${before}${replace}${after}`);
    }
    expect(exitCode()).toBe(0);
    removeFolder(folder);
  });

  it('is all that the endpoint knows, and it says what to do about that', async () => {
    endpoint.setScript(DEMO_SCRIPT satisfies readonly ScriptRule[]);
    expect(JSON.parse((await textOf(`${DEMO_TASK.title}: ${DEMO_TASK.description}`)) ?? '')).toEqual(answer);
    await expect(ask('Write a compiler')).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/only knows the example.*OPENAI_API_KEY.*OPENAI_BASE_URL/),
    });
  });
});
