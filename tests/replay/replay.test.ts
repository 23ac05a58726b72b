/**
 * Recorded histories of every path, replayed on the present workflows: a change that breaks one would break the tasks that
 * are open when it is deployed. Record new ones with `WEAVER_RECORD_HISTORIES=1 npm test -- tests/e2e`.
 */
import { resolve } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { recordedHistories, type RecordedHistory } from './recorded-histories';

const codePath = resolve(__dirname, '../../dist/workflow-bundle.js');
const histories = recordedHistories();

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

const replay = ({ history, workflowId }: Pick<RecordedHistory, 'history' | 'workflowId'>): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle: { codePath }, replayName: 'recorded' }, history, workflowId);

it('has histories of all workflows, of every ending', () => {
  const names = histories.map(({ name }) => name.split('.')[0]);
  expect(new Set(names)).toEqual(
    new Set([
      'job',
      'codingTask',
      'permits',
      'scheduledJob',
      'janitor',
      'askModels',
      'shadowCall',
      'compareModels',
      'providerLimits',
    ]),
  );
  const endings = new Set(histories.map(({ history }) => endingIn(history)));
  expect(endings).toEqual(
    new Set(['EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED', 'EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED']),
  );
});

it.each(histories)('replays $name', async (recorded) => {
  await expect(replay(recorded)).resolves.toBeUndefined();
});

it('notices a history that the workflows would not have made', async () => {
  const recorded = histories.find(({ name }) => name.startsWith('codingTask'));
  const text = JSON.stringify(recorded?.history).replaceAll('"openWorkspace"', '"somethingElse"');
  await expect(replay({ workflowId: recorded?.workflowId ?? '', history: JSON.parse(text) })).rejects.toThrow(
    /[Nn]ondeterminism|DeterminismViolation/,
  );
});

function endingIn(history: unknown): string {
  const { events } = history as { readonly events: readonly { readonly eventType: string }[] };
  return events.at(-1)?.eventType ?? '';
}
