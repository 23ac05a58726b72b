/** The register of deciders, and who decides. Ids in names: the acceptance cases of the engine that weaver replaces. */
import { failure } from '../../src/domain/failures';
import type { Outcome } from '../../src/domain/outcome';
import { beginRecord, recordOutcome } from '../../src/domain/record';
import {
  briefRecord,
  decideAs,
  knownDeciders,
  registerActivityDecider,
  registerDecider,
  unknownDeciders,
  type Advice,
  type Decider,
} from '../../src/workflows/deciders';

const START = 1_000_000;
const red: Outcome = { kind: 'failed', failure: failure('checksFailed'), signature: 'x' };
const record = recordOutcome(
  beginRecord({ attempts: 3, wallTimeSeconds: 60, outageSeconds: 60 }, [], START),
  red,
  START,
);

const end =
  (reason: string): Decider =>
  () => ({ kind: 'markDead', reason, failure: failure('noProgress') });

registerDecider('ends@1', end('first'));
registerDecider('ends@2', end('second'));
registerDecider('abstains@1', () => null);
registerDecider('throws@1', () => {
  throw new Error('no idea');
});
registerDecider('spoils@1', (mine, outcome) => {
  Object.assign(mine, { attempts: 99 });
  Object.assign(outcome, { kind: 'succeeded' });
  return null;
});
registerActivityDecider('asks@1', 'advise');

const decide = (names: string, advice?: ReadonlyMap<string, Advice>) => decideAs(names, [record, red, START], advice);

describe('the register', () => {
  it('WT-03 gives the decider that was registered under a name', () => {
    expect(decide('ends@1')).toMatchObject({ decider: 'ends@1', decision: { reason: 'first' } });
  });

  it('WT-04 refuses a second decider of the same name', () => {
    expect(() => registerDecider('ends@1', end('third'))).toThrow('there is a decider ends@1 already');
    expect(() => registerActivityDecider('ends@1', 'advise')).toThrow('there is a decider ends@1 already');
    expect(() => registerDecider('default@1', end('third'))).toThrow('there is a decider default@1 already');
    expect(decide('ends@1')).toMatchObject({ decision: { reason: 'first' } });
  });

  it('WT-05 lists what is registered', () => {
    expect(knownDeciders()).toEqual(['default@1', 'ends@1', 'ends@2', 'abstains@1', 'throws@1', 'spoils@1', 'asks@1']);
  });

  it('WT-06 keeps two versions side by side', () => {
    expect(decide('ends@2')).toMatchObject({ decider: 'ends@2', decision: { reason: 'second' } });
    expect(decide('ends@1')).toMatchObject({ decider: 'ends@1', decision: { reason: 'first' } });
  });

  it('refuses names without a version, and such as could not be joined', () => {
    for (const name of ['ends', 'ends@', 'a+b@1', 'Ends@1', 'ends@one', ''])
      expect(() => registerDecider(name, end('x'))).toThrow(/name@version/);
  });

  it('WT-02 names the decider that is not there', () => {
    expect(unknownDeciders('ends@1+nobody@1+default@1')).toEqual(['nobody@1']);
    expect(() => decide('nobody@1')).toThrow("no decider nobody@1 in this worker's bundle");
  });
});

describe('of several names', () => {
  it('the first that does not abstain decides', () => {
    expect(decide('abstains@1+ends@2+ends@1')).toMatchObject({ decider: 'ends@2' });
  });

  it('the default one decides where all abstain', () => {
    expect(decide('abstains@1')).toMatchObject({ decider: 'default@1', decision: { kind: 'retry', delayMs: 2_000 } });
  });

  it('one that throws is passed over, on record', () => {
    expect(decide('throws@1+ends@1')).toMatchObject({
      decider: 'ends@1',
      notes: ['throws@1 was passed over: it threw no idea'],
    });
  });

  it('none spoils what the others see', () => {
    expect(decide('spoils@1')).toEqual(
      expect.objectContaining({ decision: expect.objectContaining({ kind: 'retry' }) }),
    );
    expect(record.attempts).toBe(1);
    expect(red.kind).toBe('failed');
  });

  it('the same question has the same answer', () => {
    expect(decide('throws@1+abstains@1')).toEqual(decide('throws@1+abstains@1'));
  });
});

describe('one that is an activity', () => {
  it('is asked when its turn comes, and not before', () => {
    expect(decide('ends@1+asks@1')).toMatchObject({ kind: 'decided', decider: 'ends@1' });
    expect(decide('abstains@1+asks@1')).toEqual({ kind: 'pending', name: 'asks@1', activity: 'advise' });
  });

  it('decides by its answer', () => {
    const answer = { kind: 'markStuck', reason: 'it says so' };
    expect(decide('asks@1', new Map([['asks@1', { kind: 'answered', answer }]]))).toMatchObject({
      decider: 'asks@1',
      decision: { kind: 'markStuck', failure: failure('checksFailed') },
    });
  });

  it('abstains with null', () => {
    const advice = new Map([['asks@1', { kind: 'answered', answer: null }]]) as ReadonlyMap<string, Advice>;
    expect(decide('asks@1+ends@1', advice)).toMatchObject({ decider: 'ends@1' });
  });

  it('is passed over with the reason if it failed', () => {
    expect(decide('asks@1', new Map([['asks@1', { kind: 'failed', why: 'advise: down' }]]))).toMatchObject({
      decider: 'default@1',
      notes: ['asks@1 was passed over: advise: down'],
    });
  });

  it('sees a record that fits into a payload', () => {
    const long = { ...record, signatures: Array.from({ length: 100 }, (_, n) => `${n} ${'x'.repeat(400)}`) };
    const brief = briefRecord({ ...long, calls: { 'a1.t1': record.spending } });
    expect(JSON.stringify(brief).length).toBeLessThan(8_192);
    expect(brief.signatures.at(-1)).toMatch(/^99 x+$/);
    expect(brief.spending).toEqual(record.spending);
  });
});
