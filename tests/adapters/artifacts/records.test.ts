import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRecords, type LocalRecords } from '../../../src/adapters/artifacts/records';
import { createRedactor } from '../../../src/adapters/redact';

const SECRET = 'not-a-real "secret" value';

describe('records', () => {
  let home: string;
  let records: LocalRecords;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'weaver-records-'));
    records = createRecords({ home, redact: createRedactor({ secrets: () => [SECRET] }).redact });
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const folders = (): readonly string[] => readdirSync(join(home, 'records'));
  const onlyFolder = (): string => join(home, 'records', folders()[0] ?? '');

  it('are read in the order of their sequence, however they were written', async () => {
    for (const sequence of [10, 2, 1, 100_000_001, 3]) await records.append('job/a/t/0', sequence, { sequence });
    expect(await records.read('job/a/t/0')).toEqual([1, 2, 3, 10, 100_000_001].map((sequence) => ({ sequence })));
  });

  it('stay as they were first written', async () => {
    await records.append('task', 1, { first: true });
    await records.append('task', 1, { first: false });
    await Promise.all([2, 2, 2].map((sequence) => records.append('task', sequence, { sequence })));
    expect(await records.read('task')).toEqual([{ first: true }, { sequence: 2 }]);
  });

  it('are none for a task that nothing is known of', async () => expect(await records.read('job/none')).toEqual([]));

  it('keep tasks apart whatever their ids are', async () => {
    const ids = [
      'a/b',
      'a%2fb',
      'A/b',
      '..',
      '.',
      '',
      'a b',
      'ä',
      'x'.repeat(400),
      `${'x'.repeat(400)}y`,
      '../../escape',
      'a~b',
    ];
    for (const id of ids) await records.append(id, 1, { id });
    for (const id of ids) expect(await records.read(id)).toEqual([{ id }]);
    expect(new Set(folders().map((name) => name.toLowerCase())).size).toBe(ids.length);
    expect(readdirSync(home)).toEqual(['records']);
  });

  it('skip what is torn, empty or no entry, and write an empty one anew', async () => {
    await records.append('task', 1, { n: 1 });
    writeFileSync(join(onlyFolder(), '00000002.json'), '{"n":');
    writeFileSync(join(onlyFolder(), '00000003.json'), '');
    writeFileSync(join(onlyFolder(), '00000004.json.0123456789abcdef.draft'), '{}');
    writeFileSync(join(onlyFolder(), 'notes.txt'), '{}');
    expect(await records.read('task')).toEqual([{ n: 1 }]);
    await records.append('task', 3, { n: 3 });
    expect(await records.read('task')).toEqual([{ n: 1 }, { n: 3 }]);
  });

  it('hold no secret', async () => {
    await records.append('task', 1, { says: `it said ${SECRET}` });
    await records.remember('checks/x', { says: SECRET });
    expect(await records.read('task')).toEqual([{ says: 'it said [redacted]' }]);
    expect(await records.recall('checks/x')).toEqual({ says: '[redacted]' });
  });

  it('are for their user only', async () => {
    await records.append('task', 1, {});
    expect(statSync(join(onlyFolder(), '00000001.json')).mode & 0o777).toBe(0o600);
    expect(statSync(onlyFolder()).mode & 0o777).toBe(0o700);
  });

  it.each([-1, 1.5, Number.NaN])('refuse the sequence number %d', async (sequence) => {
    await expect(records.append('task', sequence, {})).rejects.toMatchObject({
      code: 'infrastructure',
      retryable: false,
    });
  });

  it('refuse an entry that is not what entries are for', async () => {
    const fault = { name: 'PortFault', code: 'infrastructure', retryable: false };
    await expect(records.append('task', 1, { text: 'x'.repeat(2_000_000) })).rejects.toMatchObject(fault);
  });

  it('report a folder that cannot be used as a fault', async () => {
    writeFileSync(join(home, 'records'), 'a file in the way');
    const fault = { name: 'PortFault', code: 'infrastructure', retryable: true };
    await expect(records.append('task', 1, {})).rejects.toMatchObject(fault);
  });
});

describe('remembered values', () => {
  let home: string;
  let records: LocalRecords;
  const open = (): LocalRecords => createRecords({ home, redact: (text) => text });
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'weaver-memory-'));
    records = open();
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('are recalled by name, the last one counts', async () => {
    await records.remember('checks/a', { n: 1 });
    await records.remember('checks/a', { n: 2 });
    await records.remember('without a kind', [1, null]);
    expect(await open().recall('checks/a')).toEqual({ n: 2 });
    expect(await open().recall('without a kind')).toEqual([1, null]);
    expect(await open().recall('checks/b')).toBeUndefined();
  });

  it('are forgotten when their file is damaged', async () => {
    await records.remember('checks/a', { n: 1 });
    const folder = join(home, 'memory/checks');
    const [name = ''] = readdirSync(folder);
    writeFileSync(join(folder, name), readFileSync(join(folder, name)).subarray(0, 9));
    expect(await records.recall('checks/a')).toBeUndefined();
  });

  it('never show half of a value to a reader', async () => {
    const value = { text: 'x'.repeat(50_000) };
    await records.remember('task/a', value);
    const writing = (async () => {
      for (let n = 0; n < 50; n += 1) await records.remember('task/a', value);
    })();
    for (let n = 0; n < 50; n += 1) expect(await records.recall('task/a')).toEqual(value);
    await writing;
  });

  it('list the tasks, the latest first', async () => {
    for (const id of ['one', 'two', 'three']) await records.remember(`task/${id}`, { taskId: id });
    await records.remember('checks/x', { not: 'a task' });
    const folder = join(home, 'memory/task');
    for (const name of readdirSync(folder)) {
      const { value } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { value: { taskId: string } };
      const seconds = 1_000 + ['two', 'one', 'three'].indexOf(value.taskId);
      utimesSync(join(folder, name), seconds, seconds);
    }
    expect(await records.listTasks()).toEqual([{ taskId: 'three' }, { taskId: 'one' }, { taskId: 'two' }]);
    expect(await createRecords({ home: join(home, 'other'), redact: (text) => text }).listTasks()).toEqual([]);
  });

  it('lose the oldest when there are too many', async () => {
    await records.remember('checks/0', 0);
    const folder = join(home, 'memory/checks');
    for (let n = 0; n < 5_001; n += 1) {
      const file = join(folder, `${String(n).padStart(64, '0')}.json`);
      writeFileSync(file, '{}');
      utimesSync(file, n, n);
    }
    await open().remember('checks/1', 1);
    expect(readdirSync(folder)).toHaveLength(4_000);
    expect([await records.recall('checks/0'), await records.recall('checks/1')]).toEqual([0, 1]);
  });
});
