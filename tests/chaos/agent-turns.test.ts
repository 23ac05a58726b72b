/**
 * Turns of the agent: a worker killed in a random one, and a conversation of all the turns that it may have. `npm run soak`
 * kills 50 times and talks for 250 turns, `npm test` 3 times and for a twentieth of them.
 */
import { createHash } from 'node:crypto';
import type { ScriptedAnswer, ScriptedToolCall } from '../../src/adapters/model/scripted';
import type { TaskInput, TaskResult } from '../../src/workflows/messages';
import { branchesOf, commitsOn, git, until, type RunResult } from '../e2e/world';
import { JobsWorld } from './jobs-world';
import { keepFigures } from './keep-figures';
import { seededRandom } from './points';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const SEED = 20_261_122;
const CONVERSATIONS = SOAK ? 50 : 1;
const KILLS_EACH = SOAK ? 1 : 3;
/** The model thinks so long, so that there is a time in which a request is under way. */
const THINKING_MS = 150;
/** From the moment in which a turn's request arrives: it ends before the shortest turn does, of whose rest the checks are a part. */
const MOMENT_MS_MAX = 250;
/** The next turn after a kill waits for a heartbeat limit or that of a workflow task, and for a worker that starts. */
const RECOVERY_MS_MAX = 60_000;
const TIMEOUT_MS = SOAK ? 2 * 60 * 60_000 : 180_000;

/** As many as an attempt has by default. */
const TURNS = SOAK ? 250 : 13;
/** Design 3: 3,200 events and a megabyte in 250 turns, of which opening, checks and landing take the first part. */
const EVENTS_MAX = 60 + 12.5 * TURNS;
const BYTES_MAX = 50_000 + 3_800 * TURNS;
/** Whose conversations are made shorter every few turns. */
const CONTEXT_WINDOW = 12_000;
const ATTEMPTS = 3;
/** Of a run of a task that has several; 4,000 is what weaver takes by itself. */
const RUN_EVENTS_MAX = SOAK ? 4_000 : 200;

const call = (name: string, given: unknown): ScriptedToolCall => ({ name, arguments: given });
const tools = (...calls: readonly ScriptedToolCall[]): ScriptedAnswer => ({ kind: 'tools', calls });
const read = (path: string, from = 1, to: number | null = null) => call('read_file', { path, from, to });
const write = (path: string, content: string) => call('write_file', { path, content });
const search = (regex: string) => call('search', { regex, glob: null, page: 1 });
const run = (what: string) => call('run', { what, timeoutSeconds: null });
const edit = (path: string, from: string, to: string) =>
  call('edit_file', { path, edits: [{ search: from, replace: to, all: false }] });
const finish = call('finish', {
  summary: 'The value is right now.',
  commitMessage: 'Make the value right\n\nIt was wrong.',
  criteria: [],
  question: null,
});

/** Something of each kind; the first `finish` is sent back by the checks. */
const CONVERSATION: readonly ScriptedAnswer[] = [
  tools(call('list_files', { glob: '**', page: 1 }), read('value.txt')),
  tools(run('value')),
  tools(edit('value.txt', 'wrong', 'nearly'), write('notes.txt', 'The value was wrong.\n')),
  tools(run('value'), search('near')),
  tools(finish),
  tools(read('check.sh')),
  tools(edit('value.txt', 'nearly', 'right')),
  tools(call('move_or_delete', { path: 'notes.txt', to: 'docs/notes.txt' }), run('value')),
  tools(read('docs/notes.txt')),
  tools(finish),
].map((answer) => ({ ...answer, delayMs: THINKING_MS }));

/** Turns that find something new each time and end nothing. */
const looks = (count: number): readonly ScriptedAnswer[] =>
  Array.from({ length: count }, (_, n) => {
    switch (n % 4) {
      case 0:
        return tools(read('long.txt', 1 + n, 240 + n));
      case 1:
        return tools(run(`echo look ${n}`));
      case 2:
        return tools(write('notes.txt', `Looked ${n} times.\n`), search(`v.l${n}`));
      default:
        return tools(search(`line ${n} `), read('value.txt'));
    }
  });
const done = [tools(edit('value.txt', 'wrong', 'right')), tools(finish)];

const FILES = {
  'value.txt': 'wrong\n',
  'check.sh': 'sleep 0.15; grep -qx right value.txt || { echo "value is $(cat value.txt)"; exit 1; }\n',
  'long.txt': Array.from({ length: 600 }, (_, n) => `line ${n} of a file that has a great many lines\n`).join(''),
};

const CALM = 'Conversation without a kill.';
const killedTitle = (n: number): string => `Conversation ${String(n).padStart(3, '0')} under fire.`;
const LONG = 'Conversation of full length.';
const ANEW = 'Conversations of full length, one after the other.';

let jobs: JobsWorld;
let url: string;

beforeAll(async () => {
  const killed = Array.from({ length: CONVERSATIONS }, (_, n) => killedTitle(n));
  const script = [
    ...[CALM, ...killed].map((title) => ({ when: { contains: title }, answers: CONVERSATION })),
    { when: { contains: LONG }, answers: [...looks(TURNS - 2), ...done] },
    {
      when: { contains: ANEW },
      answers: [...Array.from({ length: ATTEMPTS - 1 }, () => looks(TURNS)).flat(), ...looks(TURNS - 2), ...done],
    },
  ];
  const provider = `{ baseUrl: "{endpoint}", model: scripted-1, contextWindow: ${CONTEXT_WINDOW}, maxOutputTokens: 4000 }`;
  jobs = await JobsWorld.start({ script, config: `providers:\n  small: ${provider}\ndefaultProvider: small\n` });
  url = jobs.world.repository('turns', FILES);
}, 120_000);

afterAll(async () => jobs?.stop(), 60_000);

const task = (title: string, more: Readonly<Record<string, unknown>> = {}) => ({
  title,
  description: 'Make the value right.',
  repo: { url },
  handler: 'agent',
  checks: [{ name: 'value', run: 'sh check.sh', timeoutSeconds: 20 }],
  ...more,
});

const promptsOf = (title: string): readonly string[] =>
  jobs.world.endpoint
    .requests()
    .map(({ body }) => JSON.stringify(body))
    .filter((body) => body.includes(title));

describe('a worker is killed with SIGKILL', () => {
  let calm: Account;

  beforeAll(async () => {
    calm = accountOf(CALM, await jobs.world.carryOut(task(CALM)));
  }, 60_000);

  it('never, and the conversation goes as it should', () => {
    expect(calm).toEqual({
      state: 'succeeded',
      attempts: 1,
      calls: { sent: CONVERSATION.length, inDoubt: 0 },
      requests: CONVERSATION.length,
      repeated: 0,
      commits: 1,
      commit: expect.stringMatching(/^[0-9a-f]{40}$/) as unknown as string,
    });
  });

  it.each(momentsOf(CONVERSATIONS, KILLS_EACH))(
    'in the turns %j: the same commit, and every call paid once',
    async (moments, n) => {
      const title = killedTitle(n);
      let isOver = false;
      const running = jobs.world.carryOut(task(title)).finally(() => (isOver = true));
      // Awaited below, unless the fire fails first.
      running.catch(() => undefined);
      for (const { turn, afterMs } of moments) {
        await untilAsked(title, turn);
        await new Promise((wake) => setTimeout(wake, afterMs));
        if (isOver) throw new Error(`the task had ended before the kill in turn ${turn}`);
        await jobs.killWorker(0);
      }
      expect(accountOf(title, await running)).toEqual(calm);
    },
    TIMEOUT_MS,
  );

  it('leaves no branch beside those that were landed', () => {
    expect(branchesOf(url).length).toBe(1 + 1 + CONVERSATIONS);
  });
});

interface Moment {
  readonly turn: number;
  /** From the arrival of the turn's request. */
  readonly afterMs: number;
}

/** By the seed: of each conversation some turns, in their order, and a moment in each. */
function momentsOf(conversations: number, kills: number): readonly (readonly [readonly Moment[], number])[] {
  const random = seededRandom(SEED);
  return Array.from({ length: conversations }, (_, n) => {
    const turns = new Set<number>();
    while (turns.size < kills) turns.add(1 + Math.floor(random() * CONVERSATION.length));
    const inOrder = [...turns].toSorted((a, b) => a - b);
    return [inOrder.map((turn) => ({ turn, afterMs: Math.floor(random() * MOMENT_MS_MAX) })), n] as const;
  });
}

/** Looks at new requests only: those of a soak are many. */
async function untilAsked(title: string, turn: number): Promise<void> {
  let seen = 0;
  let asked = 0;
  const isAsked = (): boolean => {
    const fresh = jobs.world.endpoint.requests().slice(seen);
    seen += fresh.length;
    asked += fresh.filter(({ body }) => JSON.stringify(body).includes(title)).length;
    return asked >= turn;
  };
  await until(isAsked, `turn ${turn} of ${title} is asked for`, RECOVERY_MS_MAX);
}

interface Account {
  readonly state: string;
  readonly attempts: number;
  /** What weaver has paid for. */
  readonly calls: RunResult['calls'];
  /** What the endpoint got, and how much of it was the same again. */
  readonly requests: number;
  readonly repeated: number;
  readonly commits: number;
  readonly commit: string;
}

function accountOf(title: string, { state, attempts, calls, branch, commit, taskId }: RunResult): Account {
  const prompts = promptsOf(title);
  const name = branch ?? 'none has landed';
  if (git(url, 'rev-parse', name) !== commit) throw new Error(`${name} is not at ${commit}`);
  return {
    state,
    attempts,
    calls,
    requests: prompts.length,
    repeated: prompts.length - new Set(prompts).size,
    commits: commitsOn(url, name),
    commit: sameNamed(name, taskId),
  };
}

/** The id that the commit would have, had all of them landed in one second, and for one task: it depends on nothing else. */
function sameNamed(branch: string, taskId: string): string {
  const text = git(url, 'cat-file', 'commit', branch)
    .replaceAll(/^((?:author|committer) .*>) \d+ /gm, '$1 0 ')
    .replaceAll(taskId, 'task');
  return createHash('sha1')
    .update(`commit ${Buffer.byteLength(text) + 1}\0${text}\n`)
    .digest('hex');
}

describe('a conversation of full length', () => {
  let whole: RunResult;
  let long: Sizes;
  let result: TaskResult;
  let anew: readonly Sizes[];

  beforeAll(async () => {
    const several = startAnew();
    whole = await jobs.world.carryOut(task(LONG));
    [long] = await sizesOf(whole.taskId);
    result = await several;
    anew = await sizesOf(result.taskId);
  }, TIMEOUT_MS);

  it('takes at most 3,200 events and a megabyte of history for 250 turns, however often it is made shorter', () => {
    const compactions = compactionsOf(LONG);
    keepFigures('agent history', {
      turns: TURNS,
      compactions,
      ...long,
      eventsATurn: long.events / TURNS,
      bytesATurn: long.bytes / TURNS,
    });
    expect(whole).toMatchObject({ state: 'succeeded', attempts: 1, calls: { sent: TURNS, inDoubt: 0 } });
    expect(compactions).toBeGreaterThanOrEqual(Math.floor(TURNS / 13));
    expect(long.events).toBeLessThanOrEqual(EVENTS_MAX);
    expect(long.bytes).toBeLessThanOrEqual(BYTES_MAX);
  });

  it('goes on in a new run between two attempts, and pays nothing twice', () => {
    keepFigures('agent history of several attempts', { turns: TURNS, attempts: ATTEMPTS, runs: anew });
    expect(result).toMatchObject({
      state: 'succeeded',
      attempts: ATTEMPTS,
      spending: { callsSent: ATTEMPTS * TURNS, callsInDoubt: 0 },
    });
    expect(promptsOf(ANEW).length).toBe(ATTEMPTS * TURNS);
    expect(anew.length).toBeGreaterThanOrEqual(2);
    // The boundary is between attempts: a run has at most one more than fits.
    for (const { events } of anew) expect(events).toBeLessThanOrEqual(RUN_EVENTS_MAX + EVENTS_MAX);
  });
});

async function startAnew(): Promise<TaskResult> {
  const spec = task(ANEW, {
    repo: { url, branch: 'anew' },
    limits: { attempts: ATTEMPTS, turns: TURNS, wallTimeSeconds: 7_200, outageSeconds: 600 },
  });
  const input = {
    schemaVersion: 1,
    spec,
    requester: 'chaos',
    lineage: 'anew',
    suffix: 'abcd1234',
    eventsMax: RUN_EVENTS_MAX,
  };
  // The specification is looked at by the task itself.
  const args = [input as unknown as TaskInput];
  const options = { workflowId: 'job/anew/t/0', taskQueue: 'weaver', args };
  return (await jobs.client.workflow.execute('codingTask', options)) as TaskResult;
}

interface Sizes {
  readonly events: number;
  readonly bytes: number;
}

/** Of each run of a task, the newest first. */
async function sizesOf(taskId: string): Promise<readonly [Sizes, ...Sizes[]]> {
  const sizeOf = async (runId?: string): Promise<readonly [Sizes, string]> => {
    const handle = jobs.client.workflow.getHandle(taskId, runId);
    const { historyLength: events, historySize: bytes = 0 } = await handle.describe();
    const [started] = (await handle.fetchHistory()).events ?? [];
    return [{ events, bytes }, started?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? ''];
  };
  const sizes: Sizes[] = [];
  const [newest, last] = await sizeOf();
  let before = last;
  while (before !== '') {
    const [older, evenBefore] = await sizeOf(before);
    sizes.push(older);
    before = evenBefore;
  }
  return [newest, ...sizes];
}

/** How often the next question of a conversation was shorter than the one before. */
function compactionsOf(title: string): number {
  const lengths = promptsOf(title).map((prompt) => prompt.length);
  return lengths.filter((length, n) => length < (lengths[n - 1] ?? 0)).length;
}
