import { spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEventLog } from '../../../src/adapters/events/event-log';
import { createOutbox, type Outbox } from '../../../src/adapters/events/outbox';
import { until } from '../../client/until';
import { someEvents } from './receiver';

let home: string;
let warnings: string[];
const openOutbox = (redact = (text: string): string => text): Outbox =>
  createOutbox({ home, source: 'weaver/host', redact, keepDays: 30, onWarning: (says) => warnings.push(says) });
const lines = (): readonly string[] =>
  readdirSync(join(home, 'events'))
    .filter((name) => name.endsWith('.jsonl'))
    .toSorted()
    .flatMap((name) =>
      readFileSync(join(home, 'events', name), 'utf8')
        .split('\n')
        .slice(0, -1),
    );

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'weaver-events-'));
  warnings = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the outbox', () => {
  it('numbers events without gaps, in one line each', async () => {
    await openOutbox().emit(someEvents(3));
    expect(lines().map((line) => JSON.parse(line) as unknown)).toEqual(
      [1, 2, 3].map((number) => ({
        specversion: '1.0',
        id: `job/x/t/0#${number}`,
        source: 'weaver/host',
        type: 'dev.weaver.task.changed',
        subject: 'job/x/t/0',
        time: new Date(1_700_000_000_000 + number - 1).toISOString(),
        datacontenttype: 'application/json',
        sequence: `00000000000${number}`,
        data: { update: 'pause', by: 'ana', why: 'lunch', detail: '' },
      })),
    );
  });

  it('goes on with the number after the last, also in another process', async () => {
    await openOutbox().emit(someEvents(2));
    await openOutbox().emit(someEvents(2, 3));
    expect(await openEventLog(home).last()).toBe(4);
  });

  it('tells nothing twice that was told a short while ago', async () => {
    const outbox = openOutbox();
    await outbox.emit(someEvents(2));
    await outbox.emit(someEvents(3));
    expect((await openEventLog(home).read(0, 10)).map(({ event }) => event.id)).toEqual(
      [1, 2, 3].map((number) => `job/x/t/0#${number}`),
    );
  });

  it('LS-45 numbers every event once when several write at the same time', async () => {
    const writers = [openOutbox(), openOutbox(), openOutbox()];
    await Promise.all(
      Array.from({ length: 60 }, (_, at) => writers[at % 3]?.emit(someEvents(1, at + 1)) ?? Promise.resolve()),
    );
    const stored = await openEventLog(home).read(0, 100);
    expect(stored.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
    expect(new Set(stored.map(({ event }) => event.id)).size).toBe(60);
  });

  it('cuts off what a killed writer has left of a line', async () => {
    await openOutbox().emit(someEvents(1));
    appendFileSync(join(home, 'events', '000000000001.jsonl'), '{"specversion":"1.0","id":"half');
    expect(await openEventLog(home).read(0, 10)).toHaveLength(1);
    await openOutbox().emit(someEvents(1, 2));
    expect(lines()).toHaveLength(2);
    expect(await openEventLog(home).last()).toBe(2);
  });

  it('keeps secrets out', async () => {
    await openOutbox((text) => text.replaceAll('lunch', '[redacted]')).emit(someEvents(1));
    expect(lines()[0]).toContain('[redacted]');
    expect(lines()[0]).not.toContain('lunch');
  });

  it('begins a new file when one is full, and keeps a bounded number of them', async () => {
    const outbox = openOutbox();
    mkdirSync(join(home, 'events'));
    const full = JSON.stringify({ id: 'x', type: 'y', sequence: '000000000019', data: 'a'.repeat(4_000_000) });
    for (let at = 0; at < 19; at += 1) {
      writeFileSync(join(home, 'events', `${String(at + 1).padStart(12, '0')}.jsonl`), at === 18 ? `${full}\n` : '');
    }
    await outbox.emit(someEvents(2));
    const files = readdirSync(join(home, 'events')).filter((name) => name.endsWith('.jsonl'));
    expect(files).toHaveLength(16);
    expect(files.at(-1)).toBe('000000000020.jsonl');
    expect((await openEventLog(home).read(19, 10)).map(({ number }) => number)).toEqual([20, 21]);
  });

  it('keeps events while the disk takes none, without making anybody wait', async () => {
    const outbox = openOutbox();
    writeFileSync(join(home, 'events'), 'in the way');
    await outbox.emit(someEvents(2));
    await outbox.emit(someEvents(1, 3));
    expect(warnings).toEqual([expect.stringMatching(/cannot be written and wait in memory: EEXIST|ENOTDIR/)]);
    rmSync(join(home, 'events'));
    await until(() => warnings.at(-1) === 'Events are written again.', 'the disk is seen to work', 10_000);
    expect(await openEventLog(home).last()).toBe(3);
  });

  it('takes over from a writer that was killed while it held the lock', async () => {
    mkdirSync(join(home, 'events'));
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((settle) => child.once('exit', settle));
    writeFileSync(join(home, 'events', 'write.lock'), JSON.stringify({ host: hostname(), pid: child.pid, began: '1' }));
    await openOutbox().emit(someEvents(1));
    expect(await openEventLog(home).last()).toBe(1);
    expect(warnings).toEqual([]);
  });
});

describe('the log', () => {
  it('is read from any number on, and followed without reading twice', async () => {
    const outbox = openOutbox();
    await outbox.emit(someEvents(5));
    const log = openEventLog(home);
    expect((await log.read(2, 2)).map(({ number }) => number)).toEqual([3, 4]);
    expect((await log.read(4, 9)).map(({ number }) => number)).toEqual([5]);
    expect(await log.read(5, 9)).toEqual([]);
    await outbox.emit(someEvents(1, 6));
    expect((await log.read(5, 9)).map(({ number }) => number)).toEqual([6]);
    expect((await log.read(0, 9)).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is empty where nothing was told', async () => {
    expect(await openEventLog(home).read(0, 10)).toEqual([]);
    expect(await openEventLog(home).last()).toBe(0);
  });

  it('says that there is more as soon as there is', async () => {
    const outbox = openOutbox();
    await outbox.emit(someEvents(1));
    const changed = openEventLog(home).changed(AbortSignal.timeout(5_000));
    await outbox.emit(someEvents(1, 2));
    await changed;
    expect(await openEventLog(home).last()).toBe(2);
  });

  it('is readable for nobody else', async () => {
    await openOutbox().emit(someEvents(1));
    expect(lines()).toHaveLength(1);
    expect(statSync(join(home, 'events')).mode & 0o777).toBe(0o700);
    expect(statSync(join(home, 'events', '000000000001.jsonl')).mode & 0o777).toBe(0o600);
  });
});
