import {
  artifactsIn,
  endedLineages,
  freeBytesWanted,
  isPast,
  isResting,
  lineagesOf,
} from '../../src/domain/housekeeping.js';
import { lineageOf } from '../../src/domain/lineage.js';

const HOUR_MS = 3_600_000;
const open = (...ids: readonly string[]) => ({ kind: 'asked', open: new Set(ids.flatMap(lineagesOf)) }) as const;

it('knows a rerun by the name of the first', () => {
  expect(lineagesOf('job/k~2~1/t/a.1')).toEqual(['job/k~2~1/t/a.1', 'job/k~2/t/a.1', 'job/k/t/a.1'].map(lineageOf));
  expect(lineagesOf('job/k~x/t/0')).toEqual([lineageOf('job/k~x/t/0')]);
  expect(lineagesOf('another workflow')).toEqual([lineageOf('another workflow')]);
});

it.each([
  ['of a task that is not open', 'job/gone/t/0', 2 * HOUR_MS, true],
  ['that is younger', 'job/gone/t/0', HOUR_MS / 2, false],
  ['of an open task', 'job/open/t/0', 2_000 * HOUR_MS, false],
  ['of the first run of an open rerun', 'job/again/t/0', 2 * HOUR_MS, false],
])('lets go what is %s: %s', (_, taskId, ageMs, goes) => {
  expect(isPast(open('job/open/t/0', 'job/again~1/t/0'), lineageOf(taskId), ageMs, HOUR_MS)).toBe(goes);
});

describe('without a server', () => {
  const ended = endedLineages([
    { taskId: 'job/ended/t/0', ended: true },
    { taskId: 'job/again/t/0', ended: true },
    { taskId: 'job/again~1/t/0', ended: false },
    { taskId: 'job/open/t/0', ended: false },
  ]);

  it.each([
    ['job/ended/t/0', 200, true],
    ['job/ended/t/0', 100, false],
    ['job/again/t/0', 200, false],
    ['job/open/t/0', 200, false],
    ['job/unknown/t/0', 200, false],
  ])('%s after %i hours: %s', (taskId, hours, goes) => {
    expect(isPast({ kind: 'offline', ended }, lineageOf(taskId), hours * HOUR_MS, HOUR_MS)).toBe(goes);
  });
});

it('finds the artifacts that a value names, at any depth', () => {
  const log = { kind: 'log', sha256: 'a'.repeat(64), sizeBytes: 1 };
  const diff = { kind: 'diff', sha256: 'b'.repeat(64), sizeBytes: 1 };
  const record = { kind: 'attempt', checks: [{ log }], outcome: { kind: 'failed', evidence: diff }, sha256: 'c' };
  expect(artifactsIn(record)).toEqual([
    [log.sha256, 'log'],
    [diff.sha256, 'diff'],
  ]);
});

it.each([
  ['a gigabyte of an ordinary disk', null, 250e9, 1e9],
  ['a twentieth of a small one', null, 64e6, 3.2e6],
  ['what is configured', 5e9, 64e6, 5e9],
  ['nothing where that is configured', 0, 250e9, 0],
])('wants free before a work tree is made: %s', (_, configured, diskBytes, wanted) => {
  expect(freeBytesWanted(configured, diskBytes)).toBe(wanted);
});

it('takes for resting whoever was not seen for longer than a model thinks', () => {
  expect([isResting(4 * 60_000), isResting(6 * 60_000)]).toEqual([false, true]);
});
