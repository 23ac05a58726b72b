import { whyNot } from '../../src/activities/keep-trials.js';
import type { Expectation } from '../../src/domain/compare.js';

const regex = (pattern: string, flags = 'u'): Expectation => ({ kind: 'regex', pattern, flags });
const json = (value: unknown): Expectation => ({ kind: 'json', value });
const schema: Expectation = {
  kind: 'schema',
  schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

it.each<[string, string, Expectation | undefined, string | null]>([
  ['any text where nothing is expected', 'x', undefined, null],
  ['the same text with blanks around it', ' Paris\n', { kind: 'literal', text: 'Paris' }, null],
  ['another text', 'Rome', { kind: 'literal', text: 'Paris' }, 'is another text'],
  ['a text that matches', 'It is 42.', regex('\\b42\\b'), null],
  ['a text in another case, with the flag', 'PARIS', regex('paris', 'iu'), null],
  ['a text that does not match', '142', regex('\\b42\\b'), 'does not match'],
  ['JSON with its fields in another order', '{"b":[1],"a":null}', json({ a: null, b: [1] }), null],
  ['other JSON', '{"a":1}', json({ a: 2 }), 'is other JSON'],
  ['no JSON', 'a: 1', json({ a: 1 }), 'is no JSON'],
  ['JSON of the form', '{"city":"Paris"}', schema, null],
])('%s', (_, text, expected, why) => {
  expect(whyNot(text, expected)).toBe(why);
});

it('says what an answer lacks that has not the form', () => {
  expect(whyNot('{}', schema)).toContain('city');
});

it('stops a pattern that takes hours', () => {
  const startedAt = Date.now();
  expect(whyNot(`${'a'.repeat(40)}b`, regex('^(a+)+$'))).toBe('the pattern takes more than 1000 ms');
  expect(Date.now() - startedAt).toBeLessThan(10_000);
});
