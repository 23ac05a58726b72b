import { lineageOf, ownerOfWorkspace, workspaceOfCase, workspaceOfPerson } from '../../src/domain/lineage';

it('is a folder name for any workflow id', () => {
  for (const id of [
    'job/nightly-7/t/0',
    'job/nightly-2026-11-21T10:53:59Z/t/0',
    'job/ä ö\n/t/0',
    '-dash',
    '..',
    `job/${'x'.repeat(900)}/t/0`,
  ]) {
    expect(lineageOf(id)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,199}$/);
  }
});

it('reads like the id', () => {
  expect(lineageOf('job/nightly-7/t/0.1')).toBe('job~nightly-7~t~0.1');
});

it('differs for different ids', () => {
  const long = `job/${'x'.repeat(300)}`;
  const ids = ['a/b', 'a~b', 'a:b', 'a-b', 'a~3a~b', 'a b', `${long}/1`, `${long}/2`];
  expect(new Set(ids.map(lineageOf)).size).toBe(ids.length);
});

it('has a work tree for a person beside its own, which belongs to it too', () => {
  const lineage = lineageOf('job/login-fix/t/0');
  expect(workspaceOfPerson(lineage)).not.toBe(lineage);
  expect([lineage, workspaceOfPerson(lineage)].map(ownerOfWorkspace)).toEqual([lineage, lineage]);
});

it('has a work tree for each coding task of a comparison, which belongs to the comparison', () => {
  const lineage = lineageOf('compare/spring.case1');
  expect(ownerOfWorkspace(workspaceOfCase(lineage, 11))).toBe(lineage);
});
