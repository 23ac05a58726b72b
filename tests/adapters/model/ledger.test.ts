import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLedger } from '../../../src/adapters/model/ledger';
import {
  answerIn,
  callRowOf,
  requestsOf,
  spendingOf,
  type AnsweredRow,
  type FailedRow,
  type IntentRow,
  type LedgerRow,
} from '../../../src/adapters/model/ledger-rows';
import { API_KEY, removeFolder, temporaryFolder } from './model-world';
import { describeWhere } from '../../where';

const CALL = 'ab'.repeat(20);
const intent = (send: number): IntentRow => ({
  kind: 'intent',
  send,
  provider: 'test',
  model: 'm',
  startedAt: 1_000 + send,
  requestSha256: '00',
  price: { promptUsdMicros: 1_000_000, cachedUsdMicros: 100_000, completionUsdMicros: 2_000_000, date: '2026-11-01' },
  priceDate: '2026-11-01',
  promptTokensEstimated: 50,
});
const answered = (send: number, text = 'yes'): AnsweredRow => ({
  kind: 'answered',
  send,
  text,
  finishReason: 'stop',
  model: 'm',
  usage: { prompt: 100, cached: 0, completion: 10, reasoning: 0 },
  usageEstimated: false,
  latencyMs: 5,
  costUsdMicros: 120,
  unpriced: false,
  endedAt: 2_000 + send,
});
const failed = (send: number): FailedRow => ({
  kind: 'failed',
  send,
  code: 'modelServer',
  says: 'oops',
  retryable: true,
  costUsdMicros: 0,
  unpriced: false,
  endedAt: 1_500 + send,
});

let home: string;
beforeEach(() => {
  home = temporaryFolder();
});
afterEach(() => removeFolder(home));

const ledgerOf = (folder = home) => createLedger(folder, (text) => text.replaceAll(API_KEY, '[redacted]'));
const fileOf = (folder = home, callId = CALL): string => join(folder, 'ledger', 'task-1', `${callId}.jsonl`);
const appendAll = async (...rows: readonly LedgerRow[]): Promise<void> => {
  for (const row of rows) await ledgerOf().append('task-1', CALL, row);
};

describe('rows', () => {
  it('come back in the order they were written, to any reader', async () => {
    const rows = [intent(1), failed(1), intent(2), answered(2)];
    await appendAll(...rows);
    expect(await ledgerOf().read('task-1', CALL)).toEqual(rows);
    expect(await ledgerOf().list('task-1')).toEqual([[CALL, rows]]);
  });

  it('are none for a call or a task that nobody knows', async () => {
    expect(await ledgerOf().read('task-1', CALL)).toEqual([]);
    expect(await ledgerOf().list('nobody')).toEqual([]);
  });

  it('lose known secrets before JSON could hide them', async () => {
    const kept = await ledgerOf().append('task-1', CALL, answered(1, `the key is "${API_KEY}"`));
    expect(kept.text).toBe('the key is "[redacted]"');
    await ledgerOf().append('task-1', CALL, { ...failed(2), says: `bad ${API_KEY}` });
    expect(readFileSync(fileOf(), 'utf8')).not.toContain(API_KEY);
  });

  it('hold the calls of tools, without known secrets', async () => {
    const call = { id: 'c1', name: 'run', arguments: `{"what": "curl -H ${API_KEY}"}` };
    await appendAll(intent(1), { ...answered(1, 'I look.'), toolCalls: [call] });
    const [, kept] = await ledgerOf().read('task-1', CALL);
    expect(kept).toMatchObject({ toolCalls: [{ ...call, arguments: '{"what": "curl -H [redacted]"}' }] });
    expect(readFileSync(fileOf(), 'utf8')).not.toContain(API_KEY);
  });

  it('are for the eyes of their user only', async () => {
    await appendAll(intent(1));
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'ledger', 'task-1')).mode & 0o777).toBe(0o700);
  });
});

describe('a crash in the middle of a write', () => {
  it('leaves a torn last line that readers pass over', async () => {
    await appendAll(intent(1));
    appendFileSync(fileOf(), '{"kind":"answered","send":1,"te');
    expect(await ledgerOf().read('task-1', CALL)).toEqual([intent(1)]);
  });

  it('leaves a torn last line that the next writer cuts off', async () => {
    await appendAll(intent(1));
    const whole = readFileSync(fileOf(), 'utf8');
    appendFileSync(fileOf(), '{"kind":"answered","send":1,"te');
    expect(await ledgerOf().recover('task-1', CALL)).toEqual([intent(1)]);
    expect(readFileSync(fileOf(), 'utf8')).toBe(whole);
    await appendAll(answered(1));
    expect(await ledgerOf().read('task-1', CALL)).toEqual([intent(1), answered(1)]);
  });

  it('may leave nothing but a torn line', async () => {
    mkdirSync(join(home, 'ledger', 'task-1'), { recursive: true });
    writeFileSync(fileOf(), '{"kind":"int');
    expect(await ledgerOf().recover('task-1', CALL)).toEqual([]);
    expect(statSync(fileOf()).size).toBe(0);
  });
});

describe('what must not happen', () => {
  it('does not pass over a damaged line in the middle', async () => {
    await appendAll(intent(1));
    appendFileSync(fileOf(), 'garbage\n');
    await appendAll(answered(1));
    await expect(ledgerOf().read('task-1', CALL)).rejects.toMatchObject({
      code: 'infrastructure',
      retryable: false,
      message: expect.stringContaining('Line 2'),
    });
  });

  it.each(['..', '.', '../x', 'a/b', '', 'x'.repeat(201)])('takes no task called %j', async (lineage) => {
    await expect(ledgerOf().append(lineage, CALL, intent(1))).rejects.toMatchObject({ code: 'infrastructure' });
  });

  it.each(['../../x', 'abc', 'zz'.repeat(8)])('takes no call called %j', async (callId) => {
    await expect(ledgerOf().append('task-1', callId, intent(1))).rejects.toMatchObject({ code: 'infrastructure' });
  });

  it('does not write through a link', async () => {
    const other = join(home, 'other');
    writeFileSync(other, '');
    mkdirSync(join(home, 'ledger', 'task-1'), { recursive: true });
    symlinkSync(other, fileOf());
    await expect(appendAll(intent(1))).rejects.toMatchObject({ code: 'infrastructure' });
    expect(readFileSync(other, 'utf8')).toBe('');
  });
});

const mounted = mountSmall();
const onSmallDisk = describeWhere(mounted !== null, 'a disk of its own: root, who may mount one');

onSmallDisk('a full disk', () => {
  afterAll(() => {
    if (mounted === null) return;
    execFileSync('umount', [mounted]);
    rmSync(mounted, { recursive: true });
  });

  it('takes no half row, and says that it is full', async () => {
    const folder = mounted ?? '';
    const ledger = ledgerOf(folder);
    await ledger.append('task-1', CALL, intent(1));
    const large = answered(1, 'x'.repeat(2_000_000));
    await expect(ledger.append('task-1', CALL, large)).rejects.toMatchObject({ code: 'diskFull', retryable: true });
    expect(await ledger.recover('task-1', CALL)).toEqual([intent(1)]);
    expect(readFileSync(fileOf(folder), 'utf8')).toBe(`${JSON.stringify(intent(1))}\n`);
    await ledger.append('task-1', CALL, answered(1));
    expect(await ledger.read('task-1', CALL)).toEqual([intent(1), answered(1)]);
  });
});

/** A file system of one megabyte, or null where it may not be mounted. */
function mountSmall(): string | null {
  const folder = temporaryFolder();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  if (status === 0) return folder;
  removeFolder(folder);
  return null;
}

describe('the account of a call', () => {
  it('adds up every request of it', () => {
    expect(spendingOf([intent(1), failed(1), intent(2), answered(2)])).toEqual({
      callsSent: 2,
      callsInDoubt: 0,
      tokens: { prompt: 100, cached: 0, completion: 10, reasoning: 0 },
      costUsdMicros: 120,
      unpriced: false,
    });
  });

  it('knows of no request where nothing has left', () => {
    const rows: readonly LedgerRow[] = [intent(1), { ...failed(1), unsent: true }, intent(2), answered(2)];
    expect(spendingOf(rows)).toMatchObject({ callsSent: 1, costUsdMicros: 120 });
    expect(requestsOf('lineage', CALL, rows).map(({ send }) => send)).toEqual([2]);
  });

  it('books a request in doubt in full: as the one that took its place', () => {
    const rows: readonly LedgerRow[] = [intent(1), { kind: 'inDoubt', send: 1, foundAt: 5 }, intent(2), answered(2)];
    expect(spendingOf(rows)).toMatchObject({
      callsSent: 2,
      callsInDoubt: 1,
      tokens: { prompt: 200, completion: 20 },
      costUsdMicros: 240,
    });
  });

  it('books a request in doubt by its estimated prompt until another has an answer', () => {
    expect(spendingOf([intent(1), { kind: 'inDoubt', send: 1, foundAt: 5 }])).toMatchObject({
      callsSent: 1,
      callsInDoubt: 1,
      tokens: { prompt: 50, completion: 0 },
      costUsdMicros: 50,
    });
  });

  it('shows the state that the last row says', () => {
    const lost: LedgerRow = { kind: 'inDoubt', send: 1, foundAt: 5 };
    const states = [[intent(1)], [intent(1), failed(1)], [intent(1), lost], [intent(1), lost, intent(2), answered(2)]];
    expect(states.map((rows) => callRowOf(CALL, rows)?.state)).toEqual(['started', 'failed', 'inDoubt', 'answered']);
    expect(callRowOf(CALL, [])).toBeNull();
    expect(callRowOf(CALL, [intent(1), lost, intent(2), answered(2)])).toMatchObject({
      sends: 2,
      inDoubt: 1,
      unpriced: false,
      startedAt: 1_001,
      endedAt: 2_002,
    });
  });

  it('holds an answer for final, whatever stands behind it', () => {
    expect(answerIn([intent(1), answered(1), intent(2)])).toEqual(answered(1));
  });
});
