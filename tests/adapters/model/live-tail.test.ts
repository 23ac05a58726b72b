import { connect, createServer, type Socket } from 'node:net';
import { createCourier, type Courier } from '../../../src/adapters/model/courier';
import { courierPlaces } from '../../../src/adapters/model/courier-protocol';
import { createFollowTail } from '../../../src/adapters/model/follow-tail';
import { createLedger } from '../../../src/adapters/model/ledger';
import { createLiveTail, type LiveTail } from '../../../src/adapters/model/live-tail';
import { askEndpoint } from '../../../src/adapters/model/openai-endpoint';
import {
  startScriptedEndpoint,
  type ScriptedAnswer,
  type ScriptedEndpoint,
} from '../../../src/adapters/model/scripted';
import { createSecrets } from '../../../src/adapters/model/secrets';
import type { CallRequest, TailEvent, TailWanted } from '../../../src/ports';
import {
  API_KEY,
  everythingIn,
  removeFolder,
  requestProcessesOf,
  requestTo,
  startWorkerProcess,
  temporaryFolder,
  until,
} from './model-world';

const WORDS = 'one two three four five six seven eight nine ten eleven twelve';
const ALL: TailWanted = { lineages: ['task-1'], prefixes: [] };

let endpoint: ScriptedEndpoint;
let home: string;
beforeAll(async () => {
  endpoint = await startScriptedEndpoint({ script: [] });
});
afterAll(() => endpoint.stop());
beforeEach(() => {
  home = temporaryFolder();
});
afterEach(() => removeFolder(home));

const script = (...answers: readonly ScriptedAnswer[]): void => endpoint.setScript([{ answers }]);
const request = (more: Partial<CallRequest> = {}): CallRequest => ({
  ...requestTo(endpoint.baseUrl, 'ab'.repeat(8)),
  name: 'a1.t2',
  ...more,
});
/** A home whose socket leads to that of another one, over connections that can be broken. */
async function breakable(behindIt: string) {
  const front = temporaryFolder();
  const [{ socket: there }, { socket: here }] = await Promise.all([courierPlaces(behindIt), courierPlaces(front)]);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const behind = connect(there);
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      sockets.add(one);
      one.pipe(other).on('error', () => undefined);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
  });
  await new Promise<void>((listening) => void server.listen(here, listening));
  return {
    home: front,
    connections: () => connections,
    breakAll: () => sockets.forEach((socket) => socket.destroy()),
    stop: async () => {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((closed) => server.close(closed));
      removeFolder(front);
    },
  };
}

const textOf = (events: readonly TailEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
const kindsOf = (events: readonly TailEvent[]): readonly string[] => [...new Set(events.map(({ kind }) => kind))];

describe('who watches a call', () => {
  let tail: LiveTail;
  let courier: Courier;
  beforeEach(() => {
    const secrets = createSecrets();
    secrets.learn([API_KEY]);
    tail = createLiveTail(secrets);
    courier = createCourier({
      home,
      ledger: createLedger(home, secrets.redact),
      ask: askEndpoint,
      redact: secrets.redact,
      tail,
    });
  });

  const watch = (wanted = ALL): readonly TailEvent[] => {
    const events: TailEvent[] = [];
    tail.watch(wanted, (event) => events.push(event));
    return events;
  };
  const ask = (asked = request()): Promise<void> =>
    new Promise((settle) => {
      courier.join({ request: asked, apiKey: API_KEY }, { onProgress: () => undefined, onEnd: () => settle() });
    });

  it('hears what is said while it is said, and how it ended', async () => {
    script({ kind: 'text', text: WORDS, latencyMs: 400 });
    const events = watch();
    const asked = ask();
    await until(() => textOf(events).length > 0, 'the first words');
    expect(events.some(({ kind }) => kind === 'ended')).toBe(false);
    await asked;
    expect(textOf(events)).toBe(WORDS);
    expect(events[0]).toMatchObject({ kind: 'began', lineage: 'task-1', name: 'a1.t2', model: 'scripted-1' });
    expect(events.at(-1)).toMatchObject({ kind: 'ended', how: 'answered', tokens: expect.any(Number) });
  });

  it('and comes late hears it from the beginning', async () => {
    script({ kind: 'text', text: WORDS, latencyMs: 400 });
    const first = watch();
    const asked = ask();
    await until(() => textOf(first).length > 10, 'some words');
    const late = watch();
    expect(textOf(late)).toBe(textOf(first));
    await asked;
    expect(textOf(late)).toBe(WORDS);
    expect(watch()).toEqual([]);
  });

  it('hears of the calls of tools in a few words, and of reasoning only that there is some', async () => {
    const edits = [{ search: 'a', replace: 'b'.repeat(5_000), all: false }];
    script({
      kind: 'tools',
      text: '<think>a secret plan</think>I will look.',
      calls: [
        { name: 'read_file', arguments: { path: 'src/a b.ts', from: 1, to: null } },
        { name: 'edit_file', arguments: { path: 'src/"b".ts', edits } },
        { name: 'list_files', arguments: { page: 1 } },
      ],
    });
    const events = watch();
    await ask();
    expect(textOf(events)).toBe('I will look.');
    expect(events.flatMap((event) => (event.kind === 'tool' ? [event.words] : []))).toEqual([
      'read_file src/a b.ts',
      'edit_file src/"b".ts',
      'list_files',
    ]);
    expect(kindsOf(events)).toEqual(['began', 'thinking', 'text', 'tool', 'ended']);
  });

  it('sees no part of a secret that the words of a call are cut in', async () => {
    const path = `${'d'.repeat(100)}/${API_KEY}`;
    script({ kind: 'tools', text: 'So.', calls: [{ name: 'read_file', arguments: { path } }] });
    const events = watch();
    await ask();
    const words = events.flatMap((event) => (event.kind === 'tool' ? [event.words] : []));
    expect(words).toEqual([expect.stringContaining('ddd/[')]);
    expect(words.join('')).not.toContain(API_KEY.slice(0, 4));
  });

  it('never sees a part of a secret, although the parts come one after the other', async () => {
    const text = `The key: ${API_KEY}, twice ${API_KEY}${API_KEY}.`;
    script({ kind: 'text', text, latencyMs: 600 });
    const events = watch();
    await ask();
    expect(textOf(events)).toBe('The key: [redacted], twice [redacted][redacted].');
    expect(events.filter((event) => event.kind === 'text' && /sk-|test-|0a1b|f9/.test(event.text))).toEqual([]);
  });

  it('hears of a failure, and of nothing that belongs to another task', async () => {
    script({ kind: 'status', status: 500 });
    const [mine, prefixed, others] = [
      watch(),
      watch({ lineages: [], prefixes: ['task-'] }),
      watch({ lineages: ['task-2'], prefixes: [] }),
    ];
    await ask();
    expect(mine.at(-1)).toMatchObject({ kind: 'ended', how: 'modelServer', tokens: 0 });
    expect(prefixed).toEqual(mine);
    expect(others).toEqual([]);
  });
});

describe('over the request process', () => {
  afterEach(async () => {
    for (const pid of requestProcessesOf(home)) process.kill(pid, 'SIGKILL');
    await until(() => requestProcessesOf(home).length === 0, 'the request process is gone');
  });

  it('a watcher waits for the first call, and goes on when the worker is killed', async () => {
    script({ kind: 'text', text: WORDS, latencyMs: 1_500 });
    const events: TailEvent[] = [];
    const over = new AbortController();
    const watching = (async () => {
      for await (const event of createFollowTail(home)(ALL, over.signal)) events.push(event);
    })();
    const worker = startWorkerProcess({ home, request: request() });
    await until(() => textOf(events).length > 0, 'the first words');
    await worker.kill();
    await until(() => events.at(-1)?.kind === 'ended', 'the end of the answer');
    over.abort();
    await watching;
    expect(textOf(events)).toBe(WORDS);
    expect(everythingIn(home)).not.toContain('"tail"');
  });

  it('a connection that breaks is made again, and nothing is told twice', async () => {
    script({ kind: 'text', text: WORDS, latencyMs: 2_000 });
    const between = await breakable(home);
    const events: TailEvent[] = [];
    const over = new AbortController();
    const watching = (async () => {
      for await (const event of createFollowTail(between.home)(ALL, over.signal)) events.push(event);
    })();
    const worker = startWorkerProcess({ home, request: request() });
    await until(() => textOf(events).length > 0, 'the first words');
    between.breakAll();
    await until(() => events.at(-1)?.kind === 'ended', 'the end of the answer');
    over.abort();
    await Promise.all([watching, worker.kill(), between.stop()]);
    expect(between.connections()).toBeGreaterThan(1);
    expect(textOf(events)).toBe(WORDS);
    expect(events.filter(({ kind }) => kind === 'began')).toHaveLength(1);
  });

  it('a watcher alone starts no process, and ends when it is told to', async () => {
    const over = new AbortController();
    const following = createFollowTail(home)(ALL, over.signal).next();
    expect(requestProcessesOf(home)).toEqual([]);
    over.abort();
    expect(await following).toEqual({ done: true, value: undefined });
  });
});
