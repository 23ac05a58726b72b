/**
 * Recorded histories of every path, replayed on the present workflows: a change that breaks one would break the tasks that
 * are open when it is deployed. Record new ones with `WEAVER_RECORD_HISTORIES=1 npm test -- tests/e2e`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { HISTORIES, recordedHistories } from './recorded-histories';
import { replayHistories } from './replayed-histories';

const BUNDLE = resolve(__dirname, '../../dist/workflow-bundle.js');
const histories = recordedHistories();

let faults: ReadonlyMap<string, string | null>;

beforeAll(async () => {
  faults = await replayHistories(BUNDLE, HISTORIES);
}, 240_000);

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

it.each(histories.map(({ name }) => name))('replays %s', (name) => {
  expect(faults.get(name)).toBeNull();
});

it('notices a history that the workflows would not have made, and only that one', async () => {
  const [one, other] = histories.filter(({ name }) => name.startsWith('codingTask'));
  if (one === undefined || other === undefined) throw new Error('no histories of tasks');
  const forged = JSON.stringify(one).replaceAll('"openWorkspace"', '"somethingElse"');
  const folder = mkdtempSync(join(tmpdir(), 'weaver-forged-'));
  const texts = [JSON.stringify(other), forged, JSON.stringify(one)];
  for (const [at, text] of texts.entries()) {
    const named = JSON.stringify({ ...(JSON.parse(text) as object), name: String(at) });
    writeFileSync(join(folder, `${at}.json.gz`), gzipSync(named));
  }
  const found = await replayHistories(BUNDLE, folder);
  rmSync(folder, { recursive: true });
  expect([...found]).toEqual([
    ['0', null],
    ['1', expect.stringMatching(/[Nn]ondeterminism|DeterminismViolation/)],
    ['2', null],
  ]);
});

function endingIn(history: unknown): string {
  const { events } = history as { readonly events: readonly { readonly eventType: string }[] };
  return events.at(-1)?.eventType ?? '';
}
