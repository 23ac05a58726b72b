import { fill, mapTexts, namesInText, render, timeWords } from '../../src/domain/template.js';

describe('render', () => {
  it.each([
    ['nightly-${date}', 'nightly-2026-11-21'],
    ['${date}${date}', '2026-11-212026-11-21'],
    ['echo $${date}', 'echo ${date}'],
    ['${unknown} ${HOME:-/root} $HOME ${} $$', '${unknown} ${HOME:-/root} $HOME ${} $$'],
    ['${constructor}', '${constructor}'],
  ])('%s is %s', (text, rendered) => {
    expect(render(text, { date: '2026-11-21' })).toBe(rendered);
  });
});

describe('fill', () => {
  it('leaves the other names and the escapes for later', () => {
    expect(fill('${a} ${date} $${a}', { a: 'x' })).toBe('x ${date} $${a}');
  });

  it('lets no value become a placeholder', () => {
    const filled = fill('say ${a}', { a: '${date} and $${date}' });
    expect(render(filled, { date: '2026-11-21' })).toBe('say ${date} and $${date}');
  });
});

it('names each placeholder once', () => {
  expect(namesInText('${a} ${b} ${a} $${c}')).toEqual(['a', 'b']);
});

it('writes times so that they can stand in branches and keys', () => {
  expect(timeWords(Date.UTC(2026, 10, 21, 3, 4, 5))).toEqual({
    scheduledTime: '20261121T030405Z',
    date: '2026-11-21',
    time: '030405',
    localDate: '2026-11-21',
    localTime: '030405',
  });
});

it('changes texts at any depth and nothing else', () => {
  expect(mapTexts({ a: ['x', 1, null, { b: 'y', c: true }] }, (text) => `${text}!`)).toEqual({
    a: ['x!', 1, null, { b: 'y!', c: true }],
  });
});

it('tells the time of a zone by the offsets that it is given', () => {
  const offsets = [
    [Date.UTC(2026, 2, 8, 10), -420],
    [Date.UTC(2026, 10, 1, 9), -480],
  ] as const;
  const local = (...time: readonly [number, number, number, number]) => {
    const { localDate, localTime } = timeWords(Date.UTC(...time), offsets);
    return `${localDate} ${localTime}`;
  };
  expect(local(2026, 10, 1, 3)).toBe('2026-10-31 200000');
  expect(local(2026, 10, 1, 8)).toBe('2026-11-01 010000');
  expect(local(2026, 10, 1, 9)).toBe('2026-11-01 010000');
  expect(local(2026, 10, 22, 4)).toBe('2026-11-21 200000');
});
