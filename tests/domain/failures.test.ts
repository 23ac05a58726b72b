import { catalogueEntry, failureCodes } from '../../src/domain/failures';

describe('what to do next', () => {
  // A failure is shown while its task waits and when the task has ended of it: one sentence has to be true of both.
  it.each(failureCodes.filter((code) => /goes on by itself/.test(catalogueEntry(code).next)))(
    'after %s says when the task goes on by itself and when it does not',
    (code) => {
      expect(catalogueEntry(code).next).toMatch(
        /a task that waits then goes on by itself, one that has ended has to be submitted again/,
      );
    },
  );

  it.each([
    'remoteUnreachable',
    'diskFull',
    'infrastructure',
    'modelUnreachable',
    'modelServer',
    'modelTimeout',
  ] as const)('after %s never promises that an ended task goes on', (code) => {
    expect(catalogueEntry(code).next).toContain('one that has ended has to be submitted again');
  });
});
