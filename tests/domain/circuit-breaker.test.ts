/** The breaker: opens after failures in a row, lets one request through after the pause, and closes with its answer. */
import {
  afterEnd,
  CLOSED,
  letPass,
  ofEndpoint,
  refusedUntil,
  shownBy,
  stateOf,
  type Breaker,
} from '../../src/domain/circuit-breaker.js';

const RULE = { failures: 5, pauseMs: 30_000 };
const fail = (breaker: Breaker, atMs: number): Breaker => afterEnd(breaker, RULE, 'modelServer', atMs);
const failTimes = (times: number, atMs: number): Breaker =>
  Array.from({ length: times }).reduce((breaker: Breaker) => fail(breaker, atMs), CLOSED);
const OPEN = failTimes(5, 1_000);

it('lets everything pass until five requests in a row have failed', () => {
  expect(refusedUntil(failTimes(4, 1_000), RULE, 1_001)).toBeNull();
  expect(refusedUntil(OPEN, RULE, 1_001)).toBe(31_000);
  expect(stateOf(OPEN, 1_001)).toBe('open');
});

it('counts anew after an answer', () => {
  const mended = afterEnd(failTimes(4, 1_000), RULE, null, 2_000);
  expect(mended).toMatchObject({ failures: 0, lastSuccessAt: 2_000, lastFailure: { code: 'modelServer', at: 1_000 } });
  expect(refusedUntil(fail(mended, 3_000), RULE, 3_000)).toBeNull();
});

it('lets one request pass after the pause, and the others look again', () => {
  expect(refusedUntil(OPEN, RULE, 31_000)).toBeNull();
  const probing = letPass(OPEN, 31_000);
  expect(stateOf(probing, 31_000)).toBe('halfOpen');
  expect(refusedUntil(probing, RULE, 31_001)).toBe(41_001);
});

it('closes with the answer of that one', () => {
  const closed = afterEnd(letPass(OPEN, 31_000), RULE, null, 32_000);
  expect(stateOf(closed, 32_000)).toBe('closed');
  expect(refusedUntil(closed, RULE, 32_000)).toBeNull();
});

it('stays open for another pause if that one fails too', () => {
  const again = fail(letPass(OPEN, 31_000), 33_000);
  expect(refusedUntil(again, RULE, 33_001)).toBe(63_000);
});

it('lets another one pass if that one was cancelled, or is not heard of any more', () => {
  const probing = letPass(OPEN, 31_000);
  expect(refusedUntil(afterEnd(probing, RULE, 'cancelled', 32_000), RULE, 32_000)).toBeNull();
  expect(refusedUntil(probing, RULE, 31_000 + 60_000)).toBeNull();
});

it('is not kept open by requests that had left before it opened', () => {
  expect(refusedUntil(fail(OPEN, 20_000), RULE, 31_000)).toBeNull();
});

it('closes with an answer to a request that had left before it opened', () => {
  expect(refusedUntil(afterEnd(OPEN, RULE, null, 2_000), RULE, 2_001)).toBeNull();
});

it.each([
  [null, 'alive'],
  ['modelCredentials', 'alive'],
  ['modelRequestInvalid', 'alive'],
  ['contextOverflow', 'alive'],
  ['modelServer', 'failing'],
  ['modelTimeout', 'failing'],
  ['modelUnreachable', 'failing'],
  ['rateLimited', 'nothing'],
  ['cancelled', 'nothing'],
] as const)('takes the end %s as a sign that the endpoint is %s', (code, shown) => {
  expect(shownBy(code)).toBe(shown);
});

it('keeps what the endpoint said last, also after an answer', () => {
  const failed = afterEnd(CLOSED, RULE, 'modelServer', 1_000, '502 Bad gateway');
  const lastFailure = { code: 'modelServer', at: 1_000, says: '502 Bad gateway' };
  expect([failed, afterEnd(failed, RULE, null, 2_000)]).toMatchObject([{ lastFailure }, { lastFailure }]);
});

it('is that of one endpoint: another address by the same name is not left alone for it', () => {
  const open = ofEndpoint(OPEN, 'old');
  expect(refusedUntil(ofEndpoint(open, 'old'), RULE, 1_001)).toBe(31_000);
  expect(ofEndpoint(open, 'new')).toEqual({ ...CLOSED, endpoint: 'new' });
  // Workers of before do not say which it is.
  expect(ofEndpoint(open, undefined)).toBe(open);
  expect(afterEnd(open, RULE, null, 2_000).endpoint).toBe('old');
});
