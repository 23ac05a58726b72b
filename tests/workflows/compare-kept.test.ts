/**
 * What a comparison does with its rows and with its coding tasks: a real server, and activities whose moment and result the test
 * chooses.
 */
import { ApplicationFailure } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { CompareCase, TrialRow } from '../../src/domain/compare';
import { NOTHING_SPENT } from '../../src/domain/record';
import { parseSpec } from '../../src/schemas';
import type { CompareInput, CompareResult } from '../../src/workflows/compare-messages';
import { startOwnWorkflows, type OwnWorkflows } from './own-workflows';

const QUEUE = 'comparing';
const PAGE = { sha256: 'ab'.repeat(32), bytes: 1, mediaType: 'application/json' };

let workflows: OwnWorkflows;
let client: Client;
let onStore: (asked: string) => void;
let onKeep: () => Promise<void>;
let onOpen: () => void;
let check: (tree: string) => object;
let pages: number[];
let kept: TrialRow[];
/** What was done for coding tasks, in its order. */
let steps: string[];

beforeAll(async () => {
  workflows = await startOwnWorkflows();
  ({ client } = workflows);
  const spending = { ...NOTHING_SPENT, callsSent: 1 };
  await workflows.work({
    taskQueue: QUEUE,
    activities: {
      storeQuestion: async (...parts: readonly string[]) => {
        onStore(parts.join(''));
        const named = { provider: 'a', model: 'm' };
        return { prompt: PAGE, schema: null, models: [named, named] };
      },
      nameModels: async (choices: readonly unknown[]) => choices,
      openCase: async () => {
        steps.push('open');
        onOpen();
        return { spec: PAGE, prompt: PAGE, baseCommit: 'c'.repeat(40), baseTree: 'base' };
      },
      applyEdits: async () => {
        const stat = { filesChanged: 1, insertions: 1, deletions: 0 };
        return { kind: 'edited', tree: 'changed', diff: PAGE, stat, subject: 'Change it' };
      },
      runChecks: async ({ tree, baseline }: { readonly tree: string; readonly baseline?: unknown }) => {
        steps.push(`begin ${tree}${baseline === undefined ? '' : ' beside the base'}`);
        // Long enough for another one to come between, if it may.
        await new Promise((wake) => setTimeout(wake, 20));
        steps.push(`end ${tree}`);
        return check(tree);
      },
      closeWorkspace: async ({ lineage }: { readonly lineage: string }) => {
        steps.push(`close ${lineage}`);
        return { spending };
      },
      callModel: async ({ expects }: { readonly expects?: string }) => {
        if (expects === undefined) steps.push('ask');
        const digest = { kind: 'text', digest: { key: 'k', text: 'x' } };
        const verdict = expects === 'text' ? digest : { kind: 'usable', edits: 1, files: ['x'] };
        return { callId: 'c', model: 'm', provider: 'a', answer: PAGE, verdict, spending, startedAt: 1, endedAt: 2 };
      },
      keepTrials: async (...parts: readonly string[]) => {
        const { rows } = JSON.parse(parts.join('')) as { rows: readonly TrialRow[] };
        await onKeep();
        pages.push(rows.length);
        kept.push(...rows);
        return { page: PAGE, passed: rows.length, failed: 0 };
      },
    },
  });
}, 60_000);

beforeEach(() => {
  pages = [];
  kept = [];
  steps = [];
  onOpen = () => undefined;
  check = () => CHECKED;
  onStore = () => undefined;
  onKeep = async () => undefined;
});

afterAll(() => workflows?.stop());

const DONE = { by: 'test', startedAt: 1, endedAt: 2 };
const CHECKED = {
  ...DONE,
  kind: 'checked',
  verdicts: [],
  sandbox: 'none',
  warning: null,
  evidence: null,
  results: PAGE,
  gated: { refused: null, counts: { fresh: 0, old: 0, vanished: 0, flaky: 0 } },
  cached: false,
};

const inWords = (name: string): CompareCase => ({
  name,
  messages: [{ role: 'user', content: `question ${name}` }],
});
const coding = (name: string): CompareCase => ({
  name,
  task: parseSpec({ title: name, description: name, repo: { url: '/r' }, checks: ['true'] }),
});

const start = (
  key: string,
  { repeats = 1, eventsMax = 4_000, cases = ['one'].map(inWords), concurrency = 1, models = ['m'] },
) => {
  const input: CompareInput = {
    schemaVersion: 1,
    eventsMax,
    spec: {
      cases,
      models: models.map((model) => ({ provider: 'a', model })),
      modes: [{ mode: 'single' }],
      repeats,
      concurrency,
      limits: {},
      thresholds: { success: 0 },
    },
  };
  return client.workflow.start('compareModels', { taskQueue: QUEUE, workflowId: `compare/${key}`, args: [input] });
};

it('a wish to stop that comes while the last rows of a run are kept is heard', async () => {
  let isWished = false;
  onKeep = async () => {
    if (!isWished) await client.workflow.getHandle('compare/late').cancel();
    isWished = true;
  };
  const result = (await (await start('late', { repeats: 30, eventsMax: 20 })).result()) as CompareResult;
  expect([result.stopped, result.done < 30]).toEqual([{ kind: 'cancelled' }, true]);
}, 30_000);

it('rows that could not be kept are kept at the end', async () => {
  let tries = 0;
  onKeep = async () => {
    tries += 1;
    if (tries === 1) throw ApplicationFailure.nonRetryable('no room', 'diskFull');
  };
  await expect((await start('full', { repeats: 12 })).result()).rejects.toThrow('Workflow execution failed');
  expect(pages).toEqual([10]);
}, 30_000);

it('a fault does not lose what was answered before it', async () => {
  onStore = (parts) => {
    if (parts.includes('question two')) throw ApplicationFailure.nonRetryable('no such provider', 'invalidTask');
  };
  await expect((await start('faulty', { cases: ['one', 'two'].map(inWords) })).result()).rejects.toThrow(
    'Workflow execution failed',
  );
  expect(pages).toEqual([1]);
}, 30_000);

const of = (what: string): readonly string[] => steps.filter((step) => step.startsWith(what));

describe('a coding task', () => {
  it('is opened once and checked once at its base and for each change, one after the other', async () => {
    const models = ['m', 'n', 'o'];
    const result = await (
      await start('gated', { cases: [coding('one')], models, repeats: 2, concurrency: 3 })
    ).result();
    expect(result).toMatchObject({ done: 6, stopped: null });
    const checks = ['begin base', 'end base', 'begin changed beside the base', 'end changed'];
    expect(steps.filter((step) => step !== 'ask')).toEqual(['open', ...checks, 'close compare~gated.case1']);
    expect([of('ask').length, kept.map(({ gate }) => gate)]).toEqual([
      6,
      Array.from({ length: 6 }, () => ({ tree: 'changed', refused: null })),
    ]);
  }, 30_000);

  it('is asked in new runs as it was opened in the first one, and leaves no work tree in any', async () => {
    const result = await (await start('longer', { cases: [coding('one')], repeats: 6, eventsMax: 50 })).result();
    expect(result).toMatchObject({ done: 6, stopped: null });
    expect([of('open'), of('ask').length]).toEqual([['open'], 6]);
    expect(of('close').length).toBe(of('begin base').length);
    expect(of('close').length).toBeGreaterThan(1);
  }, 30_000);

  it('costs no call where its set-up fails, and its rows say so', async () => {
    check = () => ({
      ...DONE,
      kind: 'setupFailed',
      failure: { code: 'setupFailed', detail: 'npm ci' },
      log: PAGE,
      sandbox: '',
    });
    const result = await (await start('unset', { cases: [coding('one'), inWords('two')] })).result();
    expect(result).toMatchObject({ done: 2, stopped: null });
    expect(of('ask')).toEqual([]);
    expect(kept.map(({ asked, calls, gate, failure }) => [asked, calls.length, gate, failure])).toEqual([
      ['a/m', 0, null, { code: 'setupFailed', detail: 'npm ci' }],
      ['a/m', 1, undefined, null],
    ]);
  }, 30_000);

  it('is opened again for the next question after an outage', async () => {
    onOpen = () => {
      if (of('open').length === 1) throw ApplicationFailure.nonRetryable('no network', 'remoteUnreachable');
    };
    await (await start('outage', { cases: [coding('one')], repeats: 3 })).result();
    expect([of('open').length, of('ask').length, kept.map(({ failure }) => failure?.code)]).toEqual([
      2,
      2,
      ['remoteUnreachable', undefined, undefined],
    ]);
  }, 30_000);
});
