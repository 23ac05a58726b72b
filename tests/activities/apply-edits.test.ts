import { join } from 'node:path';
import { createApplyEdits } from '../../src/activities/apply-edits.js';
import type { Edited } from '../../src/activities/contract.js';
import type { Edit } from '../../src/domain/edits.js';
import { git, makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { CALL, LINEAGE, paidAnswer } from './paid-answer.js';

let world: ActivityWorld;
beforeEach(() => {
  world = openActivityWorld();
});
afterEach(() => world.clear());

async function apply(files: Readonly<Record<string, string>>, edits: readonly Edit[]): Promise<Edited> {
  const url = makeRepository(join(world.folder, 'value.git'), files);
  await world.ports.git.open({ url, branch: 'weaver/x' });
  await paidAnswer(world, { edits, commitMessage: 'Change it', notes: '' });
  const spec = await world.spec({ repo: { url } });
  const baseTree = git(url, 'rev-parse', 'main^{tree}');
  return await world.run(() => createApplyEdits(world.ports)({ lineage: LINEAGE, callId: CALL, spec, baseTree }));
}

const replace = (path: string, search: string, by: string): Edit => ({
  op: 'replace',
  path,
  search,
  replace: by,
  content: null,
  to: null,
});

const notesOf = (edited: Edited): readonly string[] | undefined =>
  edited.kind === 'edited' ? edited.notes : [`${edited.kind}: ${edited.failure.detail}`];

describe('edits that were found by a looser reading', () => {
  it('say what was overlooked, and where', async () => {
    const edited = await apply({ 'a.txt': 'a  \nb\n' }, [replace('a.txt', 'a\nb', 'A\nb')]);
    expect(notesOf(edited)).toEqual(['edit 1, a.txt: matched at line 1 without regard to trailing spaces']);
  });

  it('say nothing where the text stands as searched', async () => {
    expect(notesOf(await apply({ 'a.txt': 'a\nb\n' }, [replace('a.txt', 'a\nb', 'A\nb')]))).toBeUndefined();
  });

  it('say it in ten notes at most, the last of which counts the rest, none over 200 characters', async () => {
    const folder = 'f'.repeat(190);
    const numbers = Array.from({ length: 14 }, (_, n) => n);
    const files = Object.fromEntries(numbers.map((n) => [`${folder}/${n}.txt`, `a${n}  \nb\n`]));
    const notes =
      notesOf(
        await apply(
          files,
          numbers.map((n) => replace(`${folder}/${n}.txt`, `a${n}\nb`, 'A\nb')),
        ),
      ) ?? [];
    expect(notes).toHaveLength(10);
    expect(notes.at(-1)).toBe('5 more edits were found by a looser reading');
    expect(Math.max(...notes.map((note) => note.length))).toBe(200);
    expect(notes[0]).toMatch(/^edit 1, f+.*without regard to trailing spaces$/);
  });
});

it('refuses a change whose patch is cut: the guards would not see all of it', async () => {
  const gone: Edit = { op: 'delete', path: 'a.txt', search: null, replace: null, content: null, to: null };
  const edited = await apply({ 'a.txt': `${'a'.repeat(99)}\n`.repeat(42_000), 'b.txt': 'b\n' }, [gone]);
  expect(edited).toMatchObject({
    kind: 'rejected',
    failure: { code: 'workRefused' },
    complaint: expect.stringContaining('larger than 4000000 bytes') as string,
  });
});
