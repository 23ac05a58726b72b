import {
  beginningOf,
  callEnded,
  cloudEvent,
  EVENT_NAMES,
  eventsOf,
  eventType,
  type Account,
  type CallEnd,
} from '../../src/domain/events';
import type { Entry } from '../../src/domain/entries';
import { failure } from '../../src/domain/failures';
import type { Outcome } from '../../src/domain/outcome';
import { NOTHING_SPENT } from '../../src/domain/record';
import { attempt, BEGIN, child, decision, failed, succeeded } from '../client/report-example';
import { MODEL_EVENTS } from './model-events';

const TASK = 'job/x/t/a';
const SECOND = 1_000;
const account = (entries: readonly Entry[], more: Partial<Account> = {}): Account => ({
  taskId: TASK,
  status: { title: 'Mend it' },
  result: { state: 'running' },
  entries,
  history: entries,
  at: BEGIN + 99 * SECOND,
  ...more,
});
const result = (state: string, more: object = {}): unknown => ({
  taskId: TASK,
  state,
  branch: 'weaver/a',
  landing: null,
  attempts: 1,
  spending: { ...NOTHING_SPENT, callsSent: 2, costUsdMicros: 30 },
  failure: null,
  ...more,
});
const spent = { calls: 2, callsInDoubt: 0, tokensPrompt: 0, tokensCompletion: 0, costUsdMicros: 30, unpriced: false };
const told = (given: Account) => eventsOf(given).map(({ name, id }) => [name, id]);

describe('the events of an account', () => {
  it('tell an attempt that failed, and that another one follows', () => {
    const outcome = failed('tests: 1 failed');
    const [ended, retried] = eventsOf(
      account([
        attempt(0, 1, [0, 19], outcome),
        decision(1, 20, outcome, { kind: 'retry', reason: 'the checks failed', delayMs: 2_000, changes: 'evidence' }),
      ]),
    );
    const shown = {
      code: 'checksFailed',
      message: 'The checks failed after the edits. tests: 1 failed',
      next: expect.any(String),
    };
    expect(ended).toEqual({
      name: 'AttemptEnded',
      id: `${TASK}#0`,
      subject: TASK,
      at: BEGIN + 19 * SECOND,
      data: {
        attempt: 1,
        outcome: 'failed',
        failure: shown,
        provider: 'openai',
        model: 'gpt-5-mini',
        durationMs: 19_000,
        spent: {
          calls: 1,
          callsInDoubt: 0,
          tokensPrompt: 3_920,
          tokensCompletion: 980,
          costUsdMicros: 9_800,
          unpriced: false,
        },
        checks: [{ name: 'tests', passed: false, durationMs: 2_410 }],
        sandbox: 'bubblewrap',
        workers: ['4711@build-2'],
      },
    });
    expect(retried).toEqual({
      name: 'TaskRetried',
      id: `${TASK}#1`,
      subject: TASK,
      at: BEGIN + 20 * SECOND,
      data: { attempt: 1, reason: 'the checks failed', delayMs: 2_000, changes: 'evidence', failure: shown },
    });
  });

  it('tell the success once, with branch, commit, artifacts and duration', () => {
    const first = attempt(0, 1, [0, 19], failed('red'));
    const second = attempt(2, 2, [21, 40], succeeded('weaver/a'));
    const landing = {
      branch: 'weaver/a',
      commit: '9'.repeat(40),
      base: 'a'.repeat(40),
      filesChanged: 1,
      insertions: 2,
      deletions: 3,
    };
    const events = eventsOf(
      account([second], { history: [first, second], result: result('succeeded', { landing, attempts: 2 }) }),
    );
    expect(events.map(({ name }) => name)).toEqual(['AttemptEnded', 'TaskSucceeded']);
    expect(events[1]).toEqual({
      name: 'TaskSucceeded',
      id: `${TASK}#ended`,
      subject: TASK,
      at: BEGIN + 40 * SECOND,
      data: {
        title: 'Mend it',
        branch: 'weaver/a',
        attempts: 2,
        spent,
        durationMs: 40_000,
        landing,
        artifacts: second.artifacts,
      },
    });
  });

  it.each([
    ['dead', 'TaskFailed'],
    ['stuck', 'TaskStuck'],
    ['cancelled', 'TaskCancelled'],
    ['decomposed', 'TaskDecomposed'],
  ])('tell the end of a task that is %s', (state, name) => {
    expect(told(account([], { result: result(state, { failure: failure('noProgress') }) }))).toEqual([
      [name, `${TASK}#ended`],
    ]);
  });

  it('tell who cancelled it, and why', () => {
    const cancelled: Entry = { kind: 'cancelled', sequence: 3, at: BEGIN, reason: 'not wanted', requester: 'ana' };
    const events = eventsOf(account([cancelled], { result: result('cancelled') }));
    expect(events).toMatchObject([{ name: 'TaskCancelled', data: { reason: 'not wanted', requester: 'ana' } }]);
  });

  it('tell the children of a split task with what they wait for, and the one that joins them', () => {
    const children = [child('1', 'First'), child('2', 'Second', ['1'])];
    const outcome: Outcome = {
      kind: 'proposed',
      children,
      join: false,
      joinSpec: null,
      faults: [],
      plan: children[0]?.spec ?? never(),
    };
    const joinSpec = children[0]?.spec ?? null;
    const decided = decision(1, 20, outcome, { kind: 'decompose', reason: 'two parts', children, joinSpec });
    const events = eventsOf(account([decided], { result: result('decomposed') }));
    expect(events).toMatchObject([
      {
        name: 'TaskCreated',
        id: `${TASK}.1#created`,
        subject: `${TASK}.1`,
        data: { title: 'First', parent: 'a', dependsOn: [] },
      },
      { name: 'TaskCreated', id: `${TASK}.2#created`, subject: `${TASK}.2`, data: { parent: 'a', dependsOn: ['a.1'] } },
      { name: 'TaskCreated', id: `${TASK}.3#created`, data: { title: 'Join: Mend it', dependsOn: ['a.1', 'a.2'] } },
      {
        name: 'TaskDecomposed',
        data: {
          reason: 'two parts',
          children: [{ taskId: `${TASK}.1`, title: 'First' }, { taskId: `${TASK}.2` }, { taskId: `${TASK}.3` }],
        },
      },
    ]);
    expect(told(account([decided]))).toEqual([]);
  });

  it('tell what a task waits for', () => {
    const blocked: Outcome = { kind: 'blocked', waitingOn: 'resource', failure: failure('diskFull') };
    const entries = [
      decision(0, 1, blocked, { kind: 'wait', reason: 'the disk is full', on: 'resource', probeMs: 5_000 }),
      decision(1, 2, blocked, { kind: 'addDependency', reason: 'it needs b', on: 'b' }),
    ];
    expect(eventsOf(account(entries))).toMatchObject([
      { name: 'TaskBlocked', data: { waitingOn: 'resource', reason: 'the disk is full', probeMs: 5_000, on: null } },
      { name: 'TaskBlocked', data: { waitingOn: 'dependency', on: 'b', probeMs: null } },
    ]);
  });

  it('tell questions, answers, words of people and budgets that run out', () => {
    const question = {
      id: 'a1.push',
      kind: 'approval',
      text: 'Push it?',
      options: [],
      default: 'reject',
      about: null,
    } as const;
    const entries: readonly Entry[] = [
      { kind: 'question', sequence: 0, at: BEGIN, question, until: BEGIN + SECOND },
      { kind: 'answered', sequence: 1, questionId: 'a1.push', answer: 'approve', by: 'ana', why: 'fine', at: BEGIN },
      { kind: 'said', sequence: 2, at: BEGIN, update: 'pause', by: 'ana', why: 'lunch', detail: '' },
      { kind: 'notice', sequence: 3, at: BEGIN, budget: 'costUsdMicros', used: 80, limit: 100 },
    ];
    expect(eventsOf(account(entries))).toMatchObject([
      {
        name: 'QuestionAsked',
        id: `${TASK}#0`,
        data: { questionId: 'a1.push', default: 'reject', until: '2026-11-21T09:30:13.000Z' },
      },
      { name: 'QuestionAnswered', id: `${TASK}#1`, data: { answer: 'approve', by: 'ana', why: 'fine' } },
      { name: 'TaskChanged', id: `${TASK}#2`, data: { update: 'pause', by: 'ana' } },
      { name: 'BudgetNotice', id: `${TASK}#3`, data: { used: 80, limit: 100, share: 0.8 } },
    ]);
  });

  it('tell the beginning and the end of a job, and its tasks', () => {
    const job = {
      total: 2,
      counts: { succeeded: 2 },
      title: 'Both',
      requester: 'ana',
      spending: NOTHING_SPENT,
      startedAt: BEGIN,
    };
    const tasks = [{ path: 'a', title: 'A', parent: null, dependsOn: [] }];
    const entries: readonly Entry[] = [
      { kind: 'job', sequence: 0, at: BEGIN, state: 'running', ...job },
      { kind: 'created', sequence: 1, at: BEGIN, tasks },
      { kind: 'job', sequence: 2, at: BEGIN + SECOND, state: 'failed', ...job },
    ];
    expect(told(account(entries, { taskId: 'job/x', result: { jobId: 'job/x', state: 'failed' } }))).toEqual([
      ['JobStarted', 'job/x#started'],
      ['TaskCreated', 'job/x/t/a#created'],
      ['JobFailed', 'job/x#ended'],
    ]);
  });

  it('tell of a job of one by its only task, unless that was split', () => {
    const only = { taskId: 'job/x/t/0' };
    expect(told(account([], { ...only, result: result('succeeded') }))).toEqual([
      ['TaskSucceeded', 'job/x/t/0#ended'],
      ['JobCompleted', 'job/x#ended'],
    ]);
    expect(told(account([], { ...only, result: result('decomposed') }))).toEqual([
      ['TaskDecomposed', 'job/x/t/0#ended'],
    ]);
  });

  it('have the same ids when the account is written again', () => {
    const outcome = failed('red');
    const given = account([attempt(0, 1, [0, 1], outcome)], { result: result('dead') });
    expect(eventsOf({ ...given, at: given.at + SECOND })).toEqual(eventsOf(given));
  });

  it('leave out what another version has written and nobody here understands', () => {
    const entries = [{ kind: 'dreamt', sequence: 0 }, null, 'x', { kind: 'attempt' }];
    expect(eventsOf(account([], { entries, history: entries, result: 7 }))).toEqual([]);
  });
});

describe('the beginning of an attempt', () => {
  const start = {
    taskId: 'job/x/t/0',
    attempt: 1,
    title: 'T',
    repository: 'file:///r.git',
    branch: 'b',
    provider: 'p',
    model: 'm',
    baseCommit: 'c',
    at: BEGIN,
  };

  it('is that of the task, and of a job of one, too', () => {
    expect(beginningOf(start).map(({ name, id }) => [name, id])).toEqual([
      ['JobStarted', 'job/x#started'],
      ['TaskCreated', 'job/x/t/0#created'],
      ['TaskStarted', 'job/x/t/0#started'],
      ['AttemptStarted', 'job/x/t/0#a1'],
    ]);
    expect(beginningOf({ ...start, taskId: TASK }).map(({ name }) => name)).toEqual(['TaskStarted', 'AttemptStarted']);
  });

  it('tells a later attempt alone', () => {
    expect(beginningOf({ ...start, attempt: 2 })).toEqual([
      {
        name: 'AttemptStarted',
        id: 'job/x/t/0#a2',
        subject: 'job/x/t/0',
        at: BEGIN,
        data: { attempt: 2, provider: 'p', model: 'm', baseCommit: 'c' },
      },
    ]);
  });
});

const askedOf = (index: number, more: object = {}) =>
  ({
    index,
    provider: 'p',
    model: 'm',
    status: 'ok',
    why: '',
    latencyMs: 5,
    costUsdMicros: 1,
    unpriced: false,
    tokens: 9,
    answer: { sha256: '12'.repeat(32), bytes: 3, kind: 'answer' },
    diff: null,
    ...more,
  }) as const;

describe('what is told of models', () => {
  const end: CallEnd = {
    subject: TASK,
    runId: 'run-1',
    callId: 'ab'.repeat(20),
    name: 'a2.t3.m1',
    tryNumber: 2,
    purpose: 'candidate',
    provider: 'openai',
    model: 'gpt-5-mini',
    failed: null,
    retryAfterMs: null,
    latencyMs: 800,
    spending: { ...NOTHING_SPENT, callsSent: 3, costUsdMicros: 12 },
    promptSha256: 'cd'.repeat(32),
    answerSha256: 'ef'.repeat(32),
    startedAt: BEGIN,
    endedAt: BEGIN + SECOND,
  };
  const statusOf = (more: Partial<CallEnd>) => {
    const event = callEnded({ ...end, ...more });
    return event.name === 'CallEnded' ? event.data.status : event.name;
  };

  it('is each end of a call, with all that the schema names and nothing else', () => {
    const { name, id, subject, at, data } = callEnded(end);
    expect([name, subject, at]).toEqual(['CallEnded', TASK, BEGIN + SECOND]);
    expect(id).toBe(`${TASK}#call.${end.callId}.3.answered`);
    expect(MODEL_EVENTS['dev.weaver.call.ended'].parse(data)).toMatchObject({
      attempt: 2,
      call: 'a2.t3.m1',
      retries: 2,
      durationMs: 1_000,
      latencyMs: 800,
      status: 'answered',
      spent: { calls: 3, costUsdMicros: 12 },
    });
  });

  it.each([
    ['failed', 3],
    ['skipped', 0],
  ] as const)('says that it was %s where it has no answer, and why', (status, callsSent) => {
    const more = { failed: failure('rateLimited', 'slow down'), answerSha256: null, latencyMs: null, retryAfterMs: 9 };
    const { data } = callEnded({ ...end, ...more, spending: { ...NOTHING_SPENT, callsSent } });
    expect(MODEL_EVENTS['dev.weaver.call.ended'].parse(data)).toMatchObject({
      status,
      family: 'rateLimit',
      retryAfterMs: 9,
      answerSha256: null,
      failure: { code: 'rateLimited', message: expect.stringContaining('slow down') },
    });
    expect(statusOf({ failed: failure('cancelled') })).toBe('cancelled');
  });

  it('is an end of its own for each try that found no connection', () => {
    const unreached = { ...end, failed: failure('modelUnreachable', 'ECONNREFUSED'), spending: NOTHING_SPENT };
    const [first, second] = [1, 2].map((tryNumber) => callEnded({ ...unreached, tryNumber }));
    expect(first).toMatchObject({ id: `${TASK}#call.${end.callId}.0.1.failed`, data: { status: 'failed' } });
    expect(second?.id).toBe(`${TASK}#call.${end.callId}.0.2.failed`);
  });

  it('has the same id when the same end is told again, and another one for another', () => {
    const later = callEnded({ ...end, endedAt: BEGIN + 9 * SECOND, tryNumber: 3 });
    expect(later.id).toBe(callEnded(end).id);
    expect(callEnded({ ...end, spending: { ...end.spending, callsSent: 4 } }).id).not.toBe(later.id);
  });

  it('is how a vote has gone, without the words that were voted on', () => {
    const vote = {
      strategy: 'majority',
      quorum: 2,
      voters: 3,
      votesFor: 2,
      rounds: 2,
      tieBreak: 'latency (5)',
      abstained: [{ index: 3, why: 'invalid JSON' }],
      tally: [
        { votes: 2, weight: 2, score: null, members: [0, 2] },
        { votes: 1, weight: 1, score: null, members: [1] },
      ],
      judged: false,
      winnerScore: null,
    } as const;
    const failedOne = { status: 'failed', family: 'model', answer: null, latencyMs: null } as const;
    const entry = {
      kind: 'asked',
      sequence: 4,
      at: BEGIN,
      turn: 'a1.t2',
      mode: 'consensus',
      winner: 0,
      reason: 'majority, 2 of 3',
      judgeUsdMicros: 7,
      vote,
      answers: [askedOf(0), askedOf(1), askedOf(2), askedOf(3, failedOne)],
    } as unknown as Entry;
    const [event] = eventsOf(account([entry]));
    expect(event).toMatchObject({ name: 'ModelsAsked', id: `${TASK}#4` });
    expect(MODEL_EVENTS['dev.weaver.models.asked'].parse(event?.data)).toMatchObject({
      attempt: 1,
      winner: 0,
      judgeUsdMicros: 7,
      answers: [{ family: null }, {}, {}, { status: 'failed', family: 'model', answerSha256: null }],
      vote: { votesFor: 2, votesAgainst: 1, abstained: [{ index: 3 }] },
    });
    // Written by a version that kept no votes.
    const { vote: _, judgeUsdMicros: __, ...older } = entry as unknown as Record<string, unknown>;
    const [before] = eventsOf(account([older as unknown as Entry]));
    expect(MODEL_EVENTS['dev.weaver.models.asked'].parse(before?.data)).toMatchObject({ vote: null });
  });
});

describe('the envelope', () => {
  it('MD-11 is that of CloudEvents 1.0, with its time', () => {
    const [event] = beginningOf({
      taskId: TASK,
      attempt: 2,
      title: '',
      repository: '',
      branch: '',
      provider: 'p',
      model: 'm',
      baseCommit: 'c',
      at: BEGIN,
    });
    expect(cloudEvent(event ?? never(), 'weaver/host', 42)).toEqual({
      specversion: '1.0',
      id: `${TASK}#a2`,
      source: 'weaver/host',
      type: 'dev.weaver.attempt.started',
      subject: TASK,
      time: '2026-11-21T09:30:12.000Z',
      datacontenttype: 'application/json',
      sequence: '000000000042',
      data: { attempt: 2, provider: 'p', model: 'm', baseCommit: 'c' },
    });
  });

  it('has a type of its own for each event', () => {
    expect(new Set(EVENT_NAMES.map(eventType)).size).toBe(EVENT_NAMES.length);
    expect(eventType('TaskSucceeded')).toBe('dev.weaver.task.succeeded');
  });
});

function never(): never {
  throw new Error('not there');
}
