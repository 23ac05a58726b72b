import { failure } from '../../src/domain/failures';
import type { ArtifactRef, Outcome, Question } from '../../src/domain/outcome';
import { beginRecord, recordOutcome } from '../../src/domain/record';

const log: ArtifactRef = { kind: 'log', sha256: 'ab'.repeat(32), sizeBytes: 12 };
const question: Question = { id: 'a1.t1', kind: 'text', text: 'é?', options: [], default: null, about: null };
const landing = { branch: 'weaver/x', commit: 'c', base: 'b', filesChanged: 1, insertions: 1, deletions: 0 };

const OUTCOMES: readonly Outcome[] = [
  { kind: 'succeeded', landing },
  { kind: 'failed', failure: failure('checksFailed', 'ä "quoted"\n'), signature: 's', evidence: log },
  { kind: 'blocked', waitingOn: 'human', failure: failure('needsPerson'), question },
  {
    kind: 'proposed',
    children: [],
    join: false,
    joinSpec: null,
    faults: ['decomposition without children'],
    plan: log,
  },
];

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

it('WT-64 an outcome says in one word what it is', () => {
  expect(OUTCOMES.map(({ kind }) => kind)).toEqual(['succeeded', 'failed', 'blocked', 'proposed']);
});

it.each(OUTCOMES)('WT-65 an outcome that $kind comes back the same from JSON, and is booked the same', (outcome) => {
  expect(throughJson(outcome)).toEqual(outcome);
  const record = beginRecord({ attempts: 5, wallTimeSeconds: 60, outageSeconds: 60 }, [], 1_000);
  expect(recordOutcome(record, throughJson(outcome), 2_000)).toEqual(recordOutcome(record, outcome, 2_000));
});

it('WT-66 an artifact is its kind and the name of its content', () => {
  expect(JSON.parse(JSON.stringify(log))).toEqual({ kind: 'log', sha256: 'ab'.repeat(32), sizeBytes: 12 });
});

it('D-07 an outcome that is blocked leaves the attempts as they were', () => {
  const record = beginRecord({ attempts: 5, wallTimeSeconds: 60, outageSeconds: 60 }, [], 1_000);
  const attempts = OUTCOMES.map((outcome) => recordOutcome(record, outcome, 2_000).attempts);
  expect(attempts).toEqual([1, 1, 0, 1]);
});
