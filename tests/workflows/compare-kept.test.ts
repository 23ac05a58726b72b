/** What a comparison does while its rows are kept: a real server, and activities whose moment the test chooses. */
import { ApplicationFailure } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { NOTHING_SPENT } from '../../src/domain/record';
import type { CompareInput, CompareResult } from '../../src/workflows/compare-messages';
import { startOwnWorkflows, type OwnWorkflows } from './own-workflows';

const QUEUE = 'comparing';
const PAGE = { sha256: 'ab'.repeat(32), bytes: 1, mediaType: 'application/json' };

let workflows: OwnWorkflows;
let client: Client;
let onStore: (asked: string) => void;
let onKeep: () => Promise<void>;
let pages: number[];

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
      callModel: async () => {
        const verdict = { kind: 'text', digest: { key: 'k', text: 'x' } };
        return { callId: 'c', model: 'm', provider: 'a', answer: PAGE, verdict, spending, startedAt: 1, endedAt: 2 };
      },
      keepTrials: async (...parts: readonly string[]) => {
        const { rows } = JSON.parse(parts.join('')) as { rows: readonly unknown[] };
        await onKeep();
        pages.push(rows.length);
        return { page: PAGE, passed: rows.length, failed: 0 };
      },
    },
  });
}, 60_000);

beforeEach(() => {
  pages = [];
  onStore = () => undefined;
  onKeep = async () => undefined;
});

afterAll(() => workflows?.stop());

const start = (key: string, { repeats = 1, eventsMax = 4_000, cases = ['one'] }) => {
  const input: CompareInput = {
    schemaVersion: 1,
    eventsMax,
    spec: {
      cases: cases.map((name) => ({ name, messages: [{ role: 'user', content: `question ${name}` }] })),
      models: [{ provider: 'a', model: 'm' }],
      modes: [{ mode: 'single' }],
      repeats,
      concurrency: 1,
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
  await expect((await start('faulty', { cases: ['one', 'two'] })).result()).rejects.toThrow(
    'Workflow execution failed',
  );
  expect(pages).toEqual([1]);
}, 30_000);
