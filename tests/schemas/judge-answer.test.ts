import { parseChoice, parseScore, schemaFaults } from '../../src/schemas';

describe('a choice', () => {
  it('LC-28 is the field of an object, or the first number of what was said', () => {
    expect(parseChoice('{"choice": 2, "reason": "1 is wrong"}')).toEqual({ kind: 'ok', choice: 2 });
    expect(parseChoice('2')).toEqual({ kind: 'ok', choice: 2 });
    expect(parseChoice('Answer 3, because 1 and 2 are wrong.')).toEqual({ kind: 'ok', choice: 3 });
    expect(parseChoice('I would say:\n\nnumber 4')).toEqual({ kind: 'ok', choice: 4 });
    expect(parseChoice('```json\n{"choice": 1, "reason": "short"}\n```')).toEqual({ kind: 'ok', choice: 1 });
  });

  it.each(['both are fine', '{"choice": 0, "reason": ""}', '{"choice": "two"}', '100', '0', '{"choice": 1.5}'])(
    'is none in %s',
    (text) => expect(parseChoice(text).kind).toBe('malformed'),
  );
});

describe('a score', () => {
  it('LC-25 is the field of an object, or the first number from 0 to 1', () => {
    expect(parseScore('{"score": 0.75, "reason": "almost"}')).toEqual({ kind: 'ok', score: 0.75 });
    expect(parseScore('0.9, since it is right')).toEqual({ kind: 'ok', score: 0.9 });
    expect(parseScore('1')).toEqual({ kind: 'ok', score: 1 });
  });

  it.each(['good', '{"score": 7, "reason": ""}', '8 of 10', '{"score": "high"}'])('is none in %s', (text) =>
    expect(parseScore(text).kind).toBe('malformed'),
  );
});

describe('a schema for answers', () => {
  const schema = {
    type: 'object',
    properties: { name: { type: 'string' }, size: { type: 'integer', minimum: 1 } },
    required: ['name', 'size'],
  };

  it('LS-49 names what is missing or wrong, and says where there is no JSON at all', () => {
    expect(schemaFaults('{"name": "a", "size": 1}', schema)).toEqual([]);
    expect(schemaFaults('{"name": "a"}', schema)).toEqual([expect.stringMatching(/^size: /)]);
    expect(schemaFaults('{"name": 1, "size": 0}', schema)).toHaveLength(2);
    expect(schemaFaults('oops', schema)).toEqual([expect.stringMatching(/^invalid JSON: /)]);
  });

  it('that is none is refused', () => {
    expect(() => schemaFaults('{}', 'text')).toThrow(/schema/i);
    expect(() => schemaFaults('{}', { type: 'no such type' })).toThrow(/schema/i);
  });
});
