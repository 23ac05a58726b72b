import { failure } from '../../src/domain/failures';
import { cutToBytes, PAYLOAD_BYTES_MAX, utf8Bytes } from '../../src/domain/payload-limit';
import { fromTextParts, textParts } from '../../src/domain/text-parts';

const TEXTS = ['', 'plain', 'äöü', '検査が失敗しました', '🙂🙃', 'a🙂b検c'];

it.each(TEXTS)('counts the bytes of %j as an encoder does', (text) => {
  expect(utf8Bytes(text)).toBe(Buffer.byteLength(text));
});

it('cuts to bytes, between characters', () => {
  const text = 'a検🙂'.repeat(500);
  for (const bytes of [3, 10, 11, 12, 13, 1_000]) {
    const cut = cutToBytes(text, bytes);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
    expect(cut.isWellFormed()).toBe(true);
    expect(text.startsWith(cut.slice(0, -1))).toBe(true);
  }
  expect(cutToBytes('short', 5)).toBe('short');
});

it('keeps the detail of a failure within a thousand bytes in any script', () => {
  expect(Buffer.byteLength(failure('checksFailed', '検'.repeat(5_000)).detail)).toBeLessThanOrEqual(1_000);
});

it('cuts any value into arguments that each fit, and puts it together again', () => {
  const value = { text: '検🙂"\n\u0000'.repeat(10_000), list: [1, null, { deep: true }] };
  const parts = textParts(value);
  expect(Math.max(...parts.map((part) => Buffer.byteLength(JSON.stringify(part))))).toBeLessThanOrEqual(
    PAYLOAD_BYTES_MAX,
  );
  expect(fromTextParts(parts)).toEqual(value);
});
