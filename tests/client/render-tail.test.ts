import { TailPrinter } from '../../src/client/render-tail.js';
import type { TailEvent } from '../../src/ports.js';

/** What stands on the screen; a piece goes on with the line before it. */
function screen(live: boolean, prefixes: readonly string[] = []) {
  let text = '';
  const endLine = (): void => void (text += text === '' || text.endsWith('\n') ? '' : '\n');
  const out = {
    piece: (piece: string) => void (text += piece),
    line: (line: string) => {
      endLine();
      text += `${line}\n`;
    },
    dim: (words: string) => words,
  };
  const printer = new TailPrinter(out, { prefixes, live });
  return {
    show: (...events: readonly TailEvent[]) => events.forEach((event) => printer.show(event)),
    printer,
    text: () => text,
  };
}

const began = (call: string, lineage: string, name = 'a1.t1'): TailEvent => ({
  kind: 'began',
  call,
  lineage,
  name,
  provider: 'p',
  model: 'gpt-x',
  at: 0,
});
const text = (call: string, from: number, words: string): TailEvent => ({ kind: 'text', call, from, text: words });
const ended = (call: string, how = 'answered'): TailEvent => ({ kind: 'ended', call, how, tokens: 7, tookMs: 1_500 });

describe('one call on a terminal', () => {
  it('appears as it comes', () => {
    const { show, text: shown } = screen(true);
    show(began('c', 'l'), text('c', 0, 'Hel'));
    expect(shown()).toBe('a1.t1 gpt-x is asked\nHel');
    show(text('c', 3, 'lo\nwor'), text('c', 9, 'ld'), ended('c'));
    expect(shown()).toBe('a1.t1 gpt-x is asked\nHello\nworld\na1.t1 has answered: 7 tokens, 1.5 s\n');
  });

  it('shows calls of tools and that it thinks, each on a line', () => {
    const { show, text: shown } = screen(true);
    show(
      began('c', 'l'),
      { kind: 'thinking', call: 'c', characters: 10 },
      { kind: 'thinking', call: 'c', characters: 20 },
      text('c', 0, 'I look.'),
      { kind: 'tool', call: 'c', index: 0, words: 'read_file a.ts' },
      ended('c', 'modelTimeout'),
    );
    expect(shown().split('\n')).toEqual([
      'a1.t1 gpt-x is asked',
      'a1.t1 thinks (10 characters)',
      'I look.',
      'a1.t1 → read_file a.ts',
      'a1.t1 failed (modelTimeout): 7 tokens, 1.5 s',
      '',
    ]);
  });

  it('says that its beginning is missing to who comes late', () => {
    const { show, text: shown } = screen(true);
    show(began('c', 'l'), text('c', 500, 'the end'));
    expect(shown()).toContain('[…] the end');
  });

  it('cannot move the cursor', () => {
    const { show, text: shown } = screen(true);
    show(began('c', 'l'), text('c', 0, 'a\u001b[2Kb\r\u009bc\td'));
    expect(shown()).toContain('a[2Kbc\td');
  });
});

describe('calls of several tasks', () => {
  const prefixes = ['job~k~t~'];

  it('have the name of their task in front, line by line', () => {
    const { show, text: shown } = screen(true, prefixes);
    show(began('c', 'job~k~t~a'), began('d', 'job~k~t~b.1'));
    show(
      text('c', 0, 'one '),
      text('d', 0, 'uno\nd'),
      text('c', 4, 'two\n'),
      ended('c'),
      text('d', 5, 'os'),
      ended('d'),
    );
    expect(shown().split('\n')).toEqual([
      'a a1.t1 gpt-x is asked',
      'b.1 a1.t1 gpt-x is asked',
      'b.1 a1.t1: uno',
      'a a1.t1: one two',
      'a a1.t1 has answered: 7 tokens, 1.5 s',
      'b.1 a1.t1: dos',
      'b.1 a1.t1 has answered: 7 tokens, 1.5 s',
      '',
    ]);
  });

  it('are whole lines where no terminal is, a long one in parts', () => {
    const { show, text: shown } = screen(false, prefixes);
    show(began('c', 'job~k~t~0'), text('c', 0, 'x'.repeat(2_500)), text('c', 2_500, '!'));
    expect(
      shown()
        .split('\n')
        .map(({ length }) => length),
    ).toEqual([20, 1_007, 1_007, 0]);
    show(ended('c'));
    expect(shown()).toContain(`a1.t1: ${'x'.repeat(500)}!\n`);
  });

  it('are named by the path of their task for programs', () => {
    const { printer } = screen(false, prefixes);
    expect(printer.named(began('c', 'job~k~t~b.1'))).toMatchObject({ path: 'b.1', lineage: 'job~k~t~b.1' });
  });
});
