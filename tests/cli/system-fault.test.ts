import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { systemFault } from '../../src/client/cli/system-fault.js';

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('it did not throw');
}

it('calls a full disk a full disk, however deep it is wrapped', () => {
  const cause = thrownBy(() => writeFileSync('/dev/full', 'x'));
  expect(systemFault(new Error('outer', { cause }))).toMatchObject({ code: 'diskFull', exitCode: 9 });
});

it('names the variable where a folder cannot be made', () => {
  const fault = systemFault(thrownBy(() => mkdirSync('/dev/null/home', { recursive: true })));
  expect(fault).toMatchObject({
    code: 'badConfiguration',
    exitCode: 3,
    message: expect.stringContaining('/dev/null/home'),
    next: expect.stringContaining('WEAVER_HOME'),
  });
});

it('leaves what is not there, and what is no matter of files, to others', () => {
  for (const work of [() => readFileSync('/nowhere'), () => statSync('/nowhere'), () => process.kill(1, 'nothing')])
    expect(systemFault(thrownBy(work))).toBeNull();
});
