import { parseCriteria } from '../../src/schemas';

const entry = (id: unknown, met: unknown = true, evidence: unknown = 'a.js, line 1') => ({ id, met, evidence });
const read = (...criteria: readonly unknown[]) => parseCriteria(JSON.stringify({ criteria }));
const faultsOf = (...criteria: readonly unknown[]): readonly string[] => {
  const parsed = read(...criteria);
  return parsed.kind === 'malformed' ? parsed.faults : [];
};

it('reads a judgement, in whatever form endpoints send JSON', () => {
  const criteria = [entry(2), entry(1, false, ' It is missing. ')];
  const expected = { kind: 'ok', criteria: [entry(2), entry(1, false, 'It is missing.')] };
  expect(read(...criteria)).toEqual(expected);
  expect(parseCriteria(`Here it is:\n\`\`\`json\n${JSON.stringify({ criteria })}\n\`\`\``)).toEqual(expected);
});

it('takes nothing for met without evidence', () => {
  expect(faultsOf(entry(1, true, '  '))).toEqual([
    'criteria[0]: evidence: must say where the criterion is met, or what is missing.',
  ]);
});

it.each([
  [entry('1'), 'criteria[0]: id: must be the number of a criterion.'],
  [entry(0), 'criteria[0]: id: must be the number of a criterion.'],
  [entry(1, 'yes'), 'criteria[0]: met: must be true or false.'],
  ['met', 'criteria[0]: must be an object with id, met and evidence.'],
])('says what is wrong with %j', (given, says) => {
  expect(faultsOf(given)).toEqual([says]);
});

it('refuses two words on one criterion, and an answer that is none', () => {
  expect(faultsOf(entry(1), entry(1, false))).toEqual(['criteria[1]: criterion 1 is judged twice.']);
  expect(parseCriteria('All of them are met.').kind).toBe('malformed');
  expect(parseCriteria('{"criteria": "all"}').kind).toBe('malformed');
});
