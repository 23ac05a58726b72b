/** A task carried by a conversation with tools: from the first look to one commit, and every way in which that goes wrong. */
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { ScriptedAnswer, ScriptedToolCall } from '../../src/adapters/model/scripted';
import { startCollector, type CollectedSpan, type Collector } from '../adapters/telemetry/collector';
import { API_KEY, branchesOf, CHECK, commitsOn, git, until, valueFiles, World } from './world';

const call = (name: string, given: unknown): ScriptedToolCall => ({ name, arguments: given });
const tools = (...calls: readonly ScriptedToolCall[]): ScriptedAnswer => ({ kind: 'tools', calls });
const rule = (title: string, ...answers: readonly ScriptedAnswer[]) => ({ when: { contains: title }, answers });

const list = call('list_files', { glob: '**', page: 1 });
const read = (path: string) => call('read_file', { path, from: 1, to: null });
const edit = (path: string, search: string, replace: string) =>
  call('edit_file', { path, edits: [{ search, replace, all: false }] });
const run = (what: string) => call('run', { what, timeoutSeconds: null });
const finish = (more: Readonly<Record<string, unknown>> = {}) =>
  call('finish', {
    summary: 'The value is right now.',
    commitMessage: 'Make the value right\n\nIt was wrong.',
    criteria: [],
    question: null,
    ...more,
  });
const mend = tools(edit('value.txt', 'wrong', 'right'));

const CONVERSATION = [
  tools(list, read('value.txt')),
  tools(edit('value.txt', 'wrong', 'nearly')),
  tools(run('value')),
  tools(edit('value.txt', 'nearly', 'right')),
  tools(run('value')),
  tools(finish()),
];

const TOO_LONG: ScriptedAnswer = {
  kind: 'status',
  status: 400,
  body: { error: { code: 'context_length_exceeded', message: 'The maximum context length is 8192 tokens.' } },
};

let world: World;
let client: Client;
let collector: Collector;

beforeAll(async () => {
  collector = await startCollector();
  world = await World.start({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
    },
    script: [
      rule('Six turns', ...CONVERSATION),
      rule(
        'Malformed then mended',
        tools(call('edit_file', '{"path": "value.txt", "edits": ['), read('value.txt')),
        tools(call('reed_file', { path: 'value.txt' })),
        mend,
        tools(finish()),
      ),
      rule('Malformed for ever', tools(call('edit_file', { path: 'value.txt' }))),
      rule('Cut for ever', { ...tools(list), finishReason: 'length' } as ScriptedAnswer),
      rule('Only words', { kind: 'text', text: 'I am done.' }),
      rule('Lost in folders', tools(read('src/value.txt')), mend, tools(finish())),
      rule(
        'Cut off',
        {
          ...tools(call('write_file', { path: 'value.txt', content: 'torn answer\n' })),
          finishReason: 'length',
        } as ScriptedAnswer,
        mend,
        tools(finish()),
      ),
      rule('In circles', tools(read('value.txt'))),
      rule('Changes nothing', tools(finish())),
      rule('Out of the circle', ...Array.from({ length: 4 }, () => tools(list)), mend, tools(finish())),
      rule(
        'Red gate',
        tools(edit('value.txt', 'wrong', 'nearly')),
        tools(finish()),
        tools(edit('value.txt', 'nearly', 'right')),
        tools(finish()),
      ),
      rule('Never green', tools(edit('value.txt', 'wrong', 'nearly'), finish()), tools(finish())),
      rule('Few turns', tools(list), tools(read('value.txt')), tools(read('check.sh')), mend, tools(finish())),
      rule('Leaves traces', tools(run('echo right > value.txt; touch stray.txt')), mend, tools(finish())),
      rule('Edits the check', tools(edit('check.sh', 'grep', 'true; grep')), mend, tools(finish())),
      rule('Asks first', tools(finish({ question: 'Which value is right?' })), mend, tools(finish())),
      rule(
        'Grows too long',
        tools(read('long.txt')),
        tools(call('read_file', { path: 'long.txt', from: 200, to: null })),
        tools(read('value.txt')),
        TOO_LONG,
        mend,
        tools(finish()),
      ),
      rule('Too long from the start', TOO_LONG),
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
  await collector.stop();
}, 60_000);

const task = (title: string, url: string, more: Readonly<Record<string, unknown>> = {}) => ({
  title,
  description: 'Make the value right.',
  repo: { url },
  handler: 'agent',
  checks: [CHECK],
  ...more,
});

const once = { limits: { attempts: 1 } };
const messagesTo = (title: string): readonly string[] =>
  world.endpoint
    .requests()
    .map(({ body }) => JSON.stringify(body))
    .filter((body) => body.includes(title));

describe('a conversation that goes well', () => {
  let sixTurns = '';

  it('lands what it has edited, as one commit with its message', async () => {
    const url = world.repository('six', valueFiles());
    const result = await world.carryOut(task('Six turns', url));
    expect(result).toMatchObject({ state: 'succeeded', attempts: 1, calls: { sent: 6, inDoubt: 0 } });
    sixTurns = result.taskId;
    const branch = result.branch ?? '';
    expect(commitsOn(url, branch)).toBe(1);
    expect(git(url, 'log', '-1', '--format=%B', branch)).toBe(
      `Make the value right\n\nIt was wrong.\n\nWeaver-Task: ${result.taskId}`,
    );
    expect(git(url, 'show', `${branch}:value.txt`)).toBe('right');
    const history = await client.workflow.getHandle(result.taskId).fetchHistory();
    expect(Math.max(...payloadSizes(JSON.parse(historyToJSON(history))))).toBeLessThanOrEqual(8_192);
  }, 60_000);

  it('tells the model what its calls gave, each in its place', () => {
    const last = JSON.parse(messagesTo('Six turns').at(-1) ?? '') as {
      readonly messages: readonly Message[];
      readonly tools: unknown[];
    };
    expect(last.tools).toHaveLength(8);
    expect(last.messages.map(({ role }) => role).join(' ')).toBe(
      'system user assistant tool tool assistant tool assistant tool assistant tool assistant tool',
    );
    const results = last.messages.filter(({ role }) => role === 'tool');
    expect(results.map(({ content }) => content)).toEqual([
      expect.stringContaining('value.txt 6'),
      '1| wrong',
      'done',
      'exit code 1\nvalue is nearly',
      'done',
      'exit code 0\n(no output)',
    ]);
    const asked = last.messages.flatMap(({ tool_calls: calls = [] }) => calls.map(({ id }) => id));
    expect(results.map(({ tool_call_id: id }) => id)).toEqual(asked);
  });

  it('is told as spans and figures to who collects them: calls and tools below their steps, and not a word of it', async () => {
    const { runId, workflowId } = await client.workflow.getHandle(sixTurns).describe();
    const traced = (): readonly CollectedSpan[] =>
      collector.spans().filter(({ traceId }) => traceId === runId.replaceAll('-', ''));
    await until(() => traced().some(({ name }) => name === 'attempt'), 'the attempt is told of');
    const spans = new Map(traced().map((span) => [span.spanId, span]));
    const above = ({ parentSpanId }: CollectedSpan) => spans.get(parentSpanId ?? '');
    const told = [...spans.values()].filter(({ attributes }) => 'gen_ai.operation.name' in attributes);
    expect(told.map((span) => `${above(span)?.name} > ${span.name}`).toSorted()).toEqual([
      ...Array.from({ length: 6 }, () => 'callModel > chat scripted-1'),
      'runTools > execute_tool edit_file',
      'runTools > execute_tool edit_file',
      'runTools > execute_tool finish',
      'runTools > execute_tool list_files',
      'runTools > execute_tool read_file',
      'runTools > execute_tool run',
      'runTools > execute_tool run',
    ]);
    const calls = told.flatMap((span) => (span.kind === 'client' ? [above(span)] : []));
    expect(calls.map((step) => step && above(step)?.name)).toEqual(Array.from({ length: 6 }, () => 'attempt'));
    expect([...spans.values()].every(({ attributes }) => attributes['weaver.task.id'] === workflowId)).toBe(true);
    await until(
      () => collector.points('gen_ai.client.operation.duration').some(({ count }) => count >= 6),
      'the calls are counted',
    );
    const everything = collector.requests.map(({ body }) => body.toString('utf8')).join('\n');
    expect(everything).not.toMatch(new RegExp(`${API_KEY}|Make the value right|value\\.txt|nearly`));
  });

  it('keeps what commands do to files out of the commit', async () => {
    const url = world.repository('traces', valueFiles());
    const { branch, state } = await world.carryOut(task('Leaves traces', url));
    expect(state).toBe('succeeded');
    expect(git(url, 'diff', '--name-only', 'main', branch ?? '')).toBe('value.txt');
  }, 60_000);
});

describe('a conversation that stumbles', () => {
  it('mends malformed calls, none of whose neighbours was carried out', async () => {
    const url = world.repository('malformed', valueFiles());
    const result = await world.carryOut(task('Malformed then mended', url, once));
    expect(result).toMatchObject({ state: 'succeeded', calls: { sent: 4 } });
    const said = messagesTo('Malformed then mended').at(-1) ?? '';
    expect(said).toContain('edit_file: the arguments are no JSON');
    expect(said).toContain('Not carried out: another call of this answer is malformed');
    expect(said).toContain('There is no tool');
  }, 60_000);

  it.each([
    ['Malformed for ever', 'malformedAnswer'],
    ['Only words', 'malformedAnswer'],
    ['Cut for ever', 'truncatedAnswer'],
  ])(
    'ends after three answers without a valid call: %s',
    async (title, code) => {
      const url = world.repository(title.replaceAll(' ', '-'), valueFiles());
      const result = await world.carryOut(task(title, url, once));
      expect(result).toMatchObject({ state: 'dead', failure: { code }, calls: { sent: 3 } });
    },
    60_000,
  );

  it('is told which paths are similar to one that is not there', async () => {
    const url = world.repository('lost', valueFiles());
    expect((await world.carryOut(task('Lost in folders', url, once))).state).toBe('succeeded');
    expect(messagesTo('Lost in folders').at(-1)).toContain('src/value.txt does not exist. Similar paths: value.txt');
  }, 60_000);

  it('carries out nothing of an answer that was cut off', async () => {
    const url = world.repository('cut', valueFiles());
    const result = await world.carryOut(task('Cut off', url, once));
    expect(result).toMatchObject({ state: 'succeeded', calls: { sent: 3 } });
    const [, second = ''] = messagesTo('Cut off');
    expect(second).toContain('nothing of it was carried out');
    expect(second).not.toContain('torn answer');
  }, 60_000);

  it('is told once that it goes in circles, and ended the second time', async () => {
    const url = world.repository('circles', valueFiles());
    const result = await world.carryOut(task('In circles', url, once));
    expect(result).toMatchObject({ state: 'dead', failure: { code: 'loopDetected' }, calls: { sent: 8 } });
    expect(messagesTo('In circles').at(4)).toContain('You are going in circles');
    const refused = await world.carryOut(task('Changes nothing', url, once));
    expect(refused).toMatchObject({ state: 'dead', failure: { code: 'nothingToCommit' }, calls: { sent: 6 } });
    const saved = await world.carryOut(task('Out of the circle', url, once));
    expect(saved.state).toBe('succeeded');
  }, 60_000);

  it('goes on with what the checks print, and ends after three red gates', async () => {
    const url = world.repository('gate', valueFiles());
    const result = await world.carryOut(task('Red gate', url, once));
    expect(result).toMatchObject({ state: 'succeeded', calls: { sent: 4 } });
    expect(messagesTo('Red gate').at(-1)).toContain('value is nearly');
    const never = await world.carryOut(task('Never green', url, once));
    expect(never).toMatchObject({ state: 'dead', failure: { code: 'checksFailed' }, calls: { sent: 3 } });
  }, 60_000);

  it('ends at its number of turns', async () => {
    const url = world.repository('few', valueFiles());
    const result = await world.carryOut(task('Few turns', url, { limits: { attempts: 1, turns: 3 } }));
    expect(result).toMatchObject({ state: 'dead', failure: { code: 'attemptLimit' }, calls: { sent: 3 } });
    expect(branchesOf(url)).toEqual(['main']);
  }, 60_000);

  it('cannot touch what the task protects', async () => {
    const url = world.repository('protected', valueFiles());
    const protect = [{ glob: 'check.sh', policy: 'deny' }];
    const { branch, state } = await world.carryOut(task('Edits the check', url, { ...once, protect }));
    expect(state).toBe('succeeded');
    expect(git(url, 'diff', '--name-only', 'main', branch ?? '')).toBe('value.txt');
    expect(messagesTo('Edits the check').at(-1)).toContain('does not allow changes to this file');
  }, 60_000);
});

describe('a conversation that no longer fits the model', () => {
  it('is made shorter, says so in the account, and goes on', async () => {
    const lines = Array.from({ length: 400 }, (_, n) => `line ${n} of a file with many of them\n`).join('');
    const url = world.repository('long', { ...valueFiles(), 'long.txt': lines });
    const result = await world.carryOut(task('Grows too long', url, once));
    expect(result).toMatchObject({ state: 'succeeded', attempts: 1, calls: { sent: 6 } });
    const [tooLong = '', shorter = ''] = messagesTo('Grows too long').slice(3);
    expect(shorter.length).toBeLessThan(tooLong.length * 0.6);
    expect(shorter).toContain('To make room, the turns before this point are not shown any more');
    expect(shorter).toContain('1| wrong');
    const { stdout } = await world.cli(['decisions', result.taskId]);
    expect(stdout).toMatch(/compaction: attempt 1, turn 4: \d+ characters of conversation became \d+/);
  }, 60_000);

  it('ends the task where the task alone is too long', async () => {
    const url = world.repository('too-long', valueFiles());
    const result = await world.carryOut(task('Too long from the start', url, once));
    expect(result).toMatchObject({ state: 'dead', failure: { code: 'contextOverflow' }, calls: { sent: 1 } });
  }, 60_000);
});

it('waits for the answer to a question, and goes on in the same conversation', async () => {
  const url = world.repository('asks', valueFiles());
  const running = world.carryOut(task('Asks first', url, { ...once, key: 'asks-first' }));
  const id = 'job/asks-first/t/0';
  await until(async () => {
    const { stdout } = await world.cli(['status', id, '--json']);
    return stdout.includes('Which value is right?') && stdout.includes('blocked');
  }, 'the question is open');
  const answered = await world.cli(['answer', id, 'the word right', '--json']);
  expect(answered.exitCode).toBe(0);
  expect(await running).toMatchObject({ state: 'succeeded', attempts: 1, calls: { sent: 3 } });
  expect(messagesTo('Asks first').at(-1)).toContain('A person has answered: the word right');
}, 60_000);

it('is done in one answer where the provider has no tools, and says so', async () => {
  const other = await World.start({
    script: [
      {
        when: { contains: 'Without tools' },
        answers: [
          {
            kind: 'json',
            value: {
              edits: [{ op: 'write', path: 'value.txt', content: 'right\n', search: null, replace: null, to: null }],
              commitMessage: 'Right',
              notes: '',
            },
          },
        ],
      },
    ],
    config:
      'providers:\n  plain: { baseUrl: "{endpoint}", model: scripted-1, level: json-schema }\ndefaultProvider: plain\n',
  });
  try {
    const url = other.repository('plain', valueFiles());
    const result = await other.carryOut(task('Without tools', url));
    expect(result).toMatchObject({ state: 'succeeded', calls: { sent: 1 } });
    const { stdout } = await other.cli(['decisions', result.taskId]);
    expect(stdout).toContain('plain has no tools (level json-schema)');
  } finally {
    await other.stop();
  }
}, 120_000);

interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly tool_calls?: readonly { readonly id: string }[];
  readonly tool_call_id?: string;
}

/** Bytes of every payload of a history as JSON. */
function payloadSizes(value: unknown): readonly number[] {
  if (typeof value !== 'object' || value === null) return [];
  const data = 'data' in value && 'metadata' in value ? value.data : undefined;
  const own = typeof data === 'string' ? [Buffer.from(data, 'base64').length] : [];
  return [...own, ...Object.values(value).flatMap(payloadSizes)];
}
