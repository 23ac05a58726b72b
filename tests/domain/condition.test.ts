/** Conditions of playbooks: what holds, what does not, and what is none. */
import { conditionFault, holds } from '../../src/domain/condition';

const VARIABLES = { mode: 'fast', count: '10', lint: 'true', off: 'no', empty: '', odd: 'perhaps' };
const NAMES = new Set(Object.keys(VARIABLES));

const held = (text: string): boolean | string => {
  const result = holds(text, VARIABLES);
  return result.kind === 'ok' ? result.holds : result.says;
};

// AR-P-10, AR-P-11, AR-P-12, AR-P-15
it.each([
  ['true', true],
  ['false', false],
  ['mode == fast', true],
  ['mode == "fast"', true],
  ["mode == 'slow'", false],
  ['${mode} == fast', true],
  ['"fast" == mode', true],
  ['count > 5', true],
  ['count > 30', false],
  ['count == 10.0', true],
  ['lint == true', true],
  ['lint', true],
  ['off', false],
  ['empty', false],
  ['count', true],
  ['empty == ""', true],
  ['mode == "a == b"', false],
])('%s is %s', (text, expected) => {
  expect(held(text)).toBe(expected);
});

// AR-P-13
it.each([
  ['==', [false, true, false]],
  ['!=', [true, false, true]],
  ['<=', [true, true, false]],
  ['>=', [false, true, true]],
  ['<', [true, false, false]],
  ['>', [false, false, true]],
])('compares 9, 10 and 11 with ten by %s', (operator, expected) => {
  expect(['9', '10', '11'].map((number) => held(`${number} ${operator} count`))).toEqual(expected);
});

it('compares as texts what are not both numbers', () => {
  expect([held('mode > count'), held('mode < "zebra"')]).toEqual([true, true]);
});

it.each([
  ['unknown == 1', /unknown, which is no variable/],
  ['unknwon', /unknwon, which is no variable/],
  ['mode == fast and lint', /no condition/],
  ['(lint)', /no condition/],
  ['1 < count < 20', /more than one comparison/],
  ['mode ==', /lacks a side/],
  ['mode == "fast', /no condition/],
  ['$(touch /tmp/x)', /no condition/],
])('refuses %s in place of taking the step', (text, says) => {
  expect(conditionFault(text, NAMES)).toMatch(says);
  expect(held(text)).toMatch(says);
});

it('does not guess whether a word means yes', () => {
  expect(held('odd')).toMatch(/neither true nor false/);
  expect(conditionFault('odd', NAMES)).toBeNull();
});
