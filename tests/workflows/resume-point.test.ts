import type { CheckVerdict } from '../../src/domain/record';
import type { ResumeRequest } from '../../src/workflows/messages';
import { resumePointOf } from '../../src/workflows/resume-point';
import type { Steps } from '../../src/workflows/task-run';

/** What a step has brought does not matter here, only whether it has come to it. */
const opened = { title: 'opened' } as unknown as NonNullable<Steps['opened']>;
const call = (n: number) => ({ callId: `a1.t${n}` }) as Steps['calls'][number];
const edited = { kind: 'edited' } as NonNullable<Steps['edited']>;
const rejected = { kind: 'rejected' } as unknown as NonNullable<Steps['edited']>;
const merged = { kind: 'merged' } as NonNullable<Steps['merged']>;
const checked = (...passed: readonly boolean[]) =>
  ({ kind: 'checked', verdicts: passed.map((each) => ({ passed: each }) as CheckVerdict) }) as unknown as NonNullable<
    Steps['checked']
  >;
const setupFailed = { kind: 'setupFailed' } as NonNullable<Steps['checked']>;

const after = (turns: number) => ({ turns, tree: `t${turns}` }) as NonNullable<Steps['conversation']>;

const steps = (more: Partial<Steps>): Steps => ({ startedAt: 5, opened, calls: [], ...more });
const LAST = { failure: { code: 'checksFailed', detail: 'value is wrong' }, evidence: null } as const;

const pointOf = (request: ResumeRequest, ...done: readonly Steps[]) =>
  resumePointOf(request, {
    of: 'job/x/t/0',
    lineage: 'job~x~t~0',
    last: LAST,
    done: new Map(done.map((each, n) => [n + 1, each])),
  });

describe('a retry from a fresh attempt', () => {
  it('goes on counting after the last one, whose failure it shows', () => {
    expect(pointOf({ from: 'attempt' }, steps({}), steps({}))).toEqual({
      of: 'job/x/t/0',
      lineage: 'job~x~t~0',
      attempts: 2,
      last: LAST,
    });
  });

  it('of a task that has not come to an attempt begins with the first', () => {
    expect(pointOf({ from: 'attempt' })).toMatchObject({ attempts: 0 });
  });
});

describe('a task that had others before it', () => {
  const before = {
    id: 'a',
    title: 'A',
    state: 'succeeded',
    branch: 'weaver/a',
    commit: 'c0ffee',
    summary: 'Did.',
  } as const;
  const past = { of: 'job/x/t/b', lineage: 'job~x~t~b', last: null, done: new Map() };

  it('is told of them again, and builds on the same', () => {
    expect(resumePointOf({ from: 'attempt' }, { ...past, prerequisites: [before], stackOn: ['weaver/a'] })).toEqual({
      of: 'job/x/t/b',
      lineage: 'job~x~t~b',
      attempts: 0,
      last: null,
      prerequisites: [before],
      stackOn: ['weaver/a'],
    });
  });

  it('is told of as many as a start input holds', () => {
    const prerequisites = Array.from({ length: 300 }, () => before);
    expect(resumePointOf({ from: 'attempt' }, { ...past, prerequisites })?.prerequisites).toHaveLength(200);
  });
});

describe('a retry from the checks', () => {
  it('keeps what was paid for and edited, as the same attempt once more', () => {
    const all = steps({ baseline: checked(true), calls: [call(1), call(2)], edited, checked: checked(false) });
    expect(pointOf({ from: 'checks' }, steps({}), all)).toEqual({
      of: 'job/x/t/0',
      lineage: 'job~x~t~0',
      attempts: 1,
      steps: { startedAt: 5, opened, baseline: checked(true), calls: [call(1), call(2)], edited },
      last: null,
    });
  });

  it('keeps a merge where there was one in place of edits', () => {
    expect(pointOf({ from: 'checks' }, steps({ merged }))).toMatchObject({ steps: { merged } });
  });

  it('runs the checks at the base again where they could not be set up', () => {
    const kept = pointOf({ from: 'checks' }, steps({ baseline: setupFailed, edited }))?.steps;
    expect(kept).toEqual({ startedAt: 5, opened, calls: [], edited });
  });

  it.each([
    ['the repository was never opened', { startedAt: 5, calls: [], edited }],
    ['nothing was edited', steps({ calls: [call(1)] })],
    ['the edits were rejected', steps({ calls: [call(1)], edited: rejected })],
  ] as const)('is impossible where %s', (_, done) => expect(pointOf({ from: 'checks' }, done as Steps)).toBeNull());
});

const gated = (refused: unknown, ...passed: readonly boolean[]) =>
  ({ ...checked(...passed), gated: { refused } }) as NonNullable<Steps['checked']>;

describe('a retry from the landing', () => {
  it('keeps the green checks too', () => {
    const done = steps({ edited, checked: checked(true, true) });
    expect(pointOf({ from: 'land' }, done)).toMatchObject({ attempts: 0, steps: { edited, checked: done.checked } });
  });

  it('keeps what a judge has said of the same change, so that none is paid again', () => {
    const judged = { tree: 't1', met: [1], unmet: [] } as unknown as NonNullable<Steps['judged']>;
    const done = steps({ edited, checked: checked(true), judged });
    expect(pointOf({ from: 'land' }, done)).toMatchObject({ steps: { judged } });
    expect(pointOf({ from: 'checks' }, done)?.steps).not.toHaveProperty('judged');
  });

  it('goes by the gate: failures of the base may stay where the task says so, and a green exit code may be refused', () => {
    expect(pointOf({ from: 'land' }, steps({ edited, checked: gated(null, false) }))).not.toBeNull();
    expect(pointOf({ from: 'land' }, steps({ edited, checked: gated({ failure: {} }, true) }))).toBeNull();
  });

  it('is possible without a check', () => {
    expect(pointOf({ from: 'land' }, steps({ edited, checked: checked() }))).not.toBeNull();
  });

  it.each([
    ['a check was red', checked(true, false)],
    ['the checks could not be set up', setupFailed],
  ])('is impossible where %s: success means that the gate passed', (_, verdicts) =>
    expect(pointOf({ from: 'land' }, steps({ edited, checked: verdicts }))).toBeNull(),
  );

  it('is impossible before any check', () => expect(pointOf({ from: 'land' }, steps({ edited }))).toBeNull());
});

describe('a reset', () => {
  const done = steps({ calls: [call(1), call(2), call(3)], edited, checked: checked(true) });

  it('keeps the turns up to the one that is named, and nothing that came of later ones', () => {
    expect(pointOf({ from: 'turn', attempt: 1, turn: 2 }, done, steps({}))).toMatchObject({ attempts: 0 });
    expect(pointOf({ from: 'turn', attempt: 1, turn: 2 }, done)?.steps).toEqual({
      startedAt: 5,
      opened,
      calls: [call(1), call(2)],
    });
  });

  it('is of the last attempt and its first turn where none is named', () => {
    expect(pointOf({ from: 'turn' }, steps({}), done)).toMatchObject({ attempts: 1, steps: { calls: [call(1)] } });
  });

  it('of a conversation keeps it as it was after any of its turns, however many there were', () => {
    const spoken = Array.from({ length: 60 }, (_, n) => after(n + 1));
    // The last twenty answers are all that a record names.
    const long = steps({ calls: Array.from({ length: 20 }, (_, n) => call(n + 41)), conversation: after(60), spoken });
    expect(pointOf({ from: 'turn', attempt: 1, turn: 33 }, long)?.steps).toEqual({
      startedAt: 5,
      opened,
      calls: [],
      conversation: after(33),
    });
    expect(pointOf({ from: 'turn', attempt: 1, turn: 61 }, long)).toBeNull();
  });

  it('to a turn or an attempt that has not been is impossible', () => {
    expect(pointOf({ from: 'turn', attempt: 1, turn: 4 }, done)).toBeNull();
    expect(pointOf({ from: 'turn', attempt: 2, turn: 1 }, done)).toBeNull();
  });
});
