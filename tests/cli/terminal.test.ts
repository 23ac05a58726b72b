import { PassThrough } from 'node:stream';
import { Terminal } from '../../src/client/cli/terminal.js';

/** A terminal whose both ways out lead to one place, as on a screen. */
function screen() {
  const both = new PassThrough();
  const stream = both as unknown as NodeJS.WriteStream;
  return { terminal: new Terminal(stream, stream), text: () => String(both.read() ?? '') };
}

describe('a line that comes in pieces', () => {
  it('is not torn by a note, which waits for its end', () => {
    const { terminal, text } = screen();
    terminal.piece('one ');
    terminal.note('a note');
    terminal.piece('two\nthree');
    terminal.piece(' four\n');
    terminal.note('another');
    expect(text()).toBe('one two\nthree four\na note\nanother\n');
  });

  it('is ended by a result', () => {
    const { terminal, text } = screen();
    terminal.piece('one');
    terminal.note('a note');
    terminal.out('result');
    expect(text()).toBe('one\na note\nresult\n');
  });

  it('is ended with the command, and no note is lost', async () => {
    const { terminal, text } = screen();
    terminal.piece('one');
    terminal.note('a note');
    await terminal.flushed();
    expect(text()).toBe('one\na note\n');
  });
});
