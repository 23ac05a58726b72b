import { createRedactor } from '../../../src/adapters/redact';
import { secretForms } from '../../../src/adapters/redact/secret-forms';
import { steadyLength } from '../../../src/adapters/redact/steady-length';
import { chanceFrom } from '../../domain/apply-edits/chance';

const SECRETS = ['zzzabcde', 'abcdefgh12', 'sk-abcabd-12345', 'kkkkkkkk', 'line one\nline "two" of it'] as const;
const forms = secretForms(SECRETS);
const { redact } = createRedactor({ secrets: () => SECRETS });

/** What is shown of a text that comes in these pieces. */
function shown(pieces: readonly string[]): string {
  let rest = '';
  let told = '';
  for (const piece of pieces) {
    rest += piece;
    const steady = steadyLength(rest, forms);
    told += redact(rest.slice(0, steady));
    rest = rest.slice(steady);
  }
  return told + redact(rest);
}

describe('of a text that grows', () => {
  it('all is shown that cannot become a secret', () => {
    expect(steadyLength('nothing here', SECRETS)).toBe(12);
    expect(steadyLength('', SECRETS)).toBe(0);
  });

  it('the end waits while it may be the beginning of a secret', () => {
    expect(steadyLength('the key is sk-abc', SECRETS)).toBe('the key is '.length);
    expect(steadyLength('the key is sk-abx', SECRETS)).toBe('the key is sk-abx'.length);
  });

  it('a secret is not cut in two by the beginning of another one', () => {
    expect(steadyLength('x zzzabcde', SECRETS)).toBe(2);
    expect(steadyLength('x zzzabcde.', SECRETS)).toBe('x zzzabcde.'.length);
  });

  it('no part of a secret is ever shown, wherever it is cut', () => {
    const chance = chanceFrom(7);
    const [, , , , lines] = SECRETS;
    const said = [
      'a ',
      'abc',
      'kkk',
      ' "',
      'zz',
      'sk-',
      ...SECRETS,
      JSON.stringify(lines),
      encodeURIComponent(lines),
    ] as const;
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: 8 }, () => chance.of(said)).join('');
      const pieces: string[] = [];
      for (let at = 0; at < text.length;) {
        const length = 1 + chance.below(6);
        pieces.push(text.slice(at, at + length));
        at += length;
      }
      const told = shown(pieces);
      expect(forms.filter((form) => told.includes(form))).toEqual([]);
    }
  });
});
