import { conflictHunks, hasConflictMark } from '../../src/domain/conflict-hunks';

const [ours, theirs] = ['a'.repeat(40), 'b'.repeat(40)];
const conflict = (left: string, right: string): string =>
  `<<<<<<< ${ours}\n${left}\n=======\n${right}\n>>>>>>> ${theirs}`;

describe('the places that conflict', () => {
  it('are shown with three lines around them, under the number of the first', () => {
    const text = `1\n2\n3\n4\n${conflict('l', 'r')}\n5\n6\n7\n8\n`;
    expect(conflictHunks(text)).toBe(`line 2:\n2\n3\n4\n${conflict('l', 'r')}\n5\n6\n7`);
  });

  it('are one where they touch, and two where they do not', () => {
    const near = `${conflict('a', 'b')}\nx\n${conflict('c', 'd')}`;
    expect(conflictHunks(near)).toBe(`line 1:\n${near}`);
    const far = `${conflict('a', 'b')}\n${'x\n'.repeat(20)}${conflict('c', 'd')}\n`;
    expect(conflictHunks(far).match(/^line \d+:$/gm)).toEqual(['line 1:', 'line 23:']);
  });

  it('hold those that stand in them, where a third side did not fit either', () => {
    const nested = conflict(conflict('a', 'b'), 'c');
    expect(conflictHunks(`x\n${nested}\ny`)).toBe(`line 1:\nx\n${nested}\ny`);
  });

  it('are found in files with Windows line ends', () => {
    expect(conflictHunks(conflict('a', 'b').replaceAll('\n', '\r\n'))).toBe(`line 1:\n${conflict('a', 'b')}`);
  });

  it('are not what only looks like it', () => {
    expect(conflictHunks('Title\n=======\n\n<<<<<<< this is ascii art >>>>>>>\n')).toBe('');
  });
});

describe('a mark that is left', () => {
  it('is found alone too', () => {
    expect(hasConflictMark(`a\n>>>>>>> ${theirs}\nb`)).toBe(true);
    expect(hasConflictMark(`<<<<<<< ${ours}:old/name.txt\n`)).toBe(true);
  });

  it('is no heading and no text about marks', () => {
    expect(hasConflictMark(`=======\n# <<<<<<< ${ours}\n>>>>>>> HEAD\n`)).toBe(false);
  });
});
