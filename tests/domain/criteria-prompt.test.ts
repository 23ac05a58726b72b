import { buildCriteriaPrompt } from '../../src/domain/criteria-prompt';

const spec = {
  title: 'Sum',
  description: 'It is wrong.',
  acceptanceCriteria: ['adds', 'is told by a command', 'is fast'],
};
const parts = { spec, criteria: [1, 3], diff: '+a\n', checks: ['test: passed'], counts: null, fence: 'f00' };
const asked = (more: Partial<typeof parts> = {}): string =>
  buildCriteriaPrompt({ ...parts, ...more })[1]?.content ?? '';

it('asks about the criteria that no command tells, under their own numbers', () => {
  expect(asked()).toContain('# Acceptance criteria\n1. adds\n3. is fast\n');
});

it('shows the results and the change, fenced as data', () => {
  expect(asked()).toContain('# Checks\ntest: passed\n');
  expect(asked()).toContain('<<<f00 diff\n+a\n\nf00>>>');
});

it('is bounded, however large the change is', () => {
  expect(asked({ diff: '+a\n'.repeat(1_000_000) }).length).toBeLessThan(125_000);
});
