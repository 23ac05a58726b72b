import { loopIn, type TurnTrace } from '../../src/domain/loop-detector';

const turn = (call: string, result = call, error: string | null = null): TurnTrace => ({ call, result, error });
const times = (count: number, trace: TurnTrace): readonly TurnTrace[] => Array.from({ length: count }, () => trace);

describe('a conversation goes in circles', () => {
  it.each<[string, readonly TurnTrace[], RegExp]>([
    ['the same call and result four times', times(4, turn('a')), /same calls gave the same results 4 times/],
    [
      'the same error three times, whatever was called',
      [turn('a', '1', 'e'), turn('b', '2', 'e'), turn('c', '3', 'e')],
      /same error came 3 times/,
    ],
    ['two turns by turns', [turn('a'), turn('b'), turn('a'), turn('b')], /same two turns/],
    ['at the end of something better', [turn('x'), turn('y'), ...times(4, turn('a'))], /same calls/],
  ])('after %s', (_what, traces, says) => {
    expect(loopIn(traces)).toMatch(says);
  });
});

describe('a conversation goes on', () => {
  it.each<[string, readonly TurnTrace[]]>([
    ['at its beginning', []],
    ['after the same call three times', times(3, turn('a'))],
    ['while the same call gives something else', [1, 2, 3, 4].map((n) => turn('a', String(n)))],
    ['after two equal errors', times(2, turn('a', 'a', 'e'))],
    [
      'when an error was followed by something else',
      [turn('a', 'a', 'e'), turn('b'), ...times(2, turn('a', 'a', 'e'))],
    ],
    ['when the second round gives another result', [turn('a'), turn('b'), turn('a'), turn('b', 'new')]],
    ['when the circle was left', [...times(4, turn('a')), turn('b')]],
  ])('%s', (_what, traces) => {
    expect(loopIn(traces)).toBeNull();
  });
});
