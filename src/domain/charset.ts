/**
 * Files as text and back, without changing a byte that no edit touches: what `decode` gives, `encode` turns into the
 * same bytes again. A file in an unknown charset is text too, as long as only its ASCII part is edited.
 */

/** `unknown`: bytes above 127 are kept as they are, one character each, and only ASCII may be searched and inserted. */
type Charset = 'utf-8' | 'utf-16le' | 'utf-16be' | 'unknown';

export interface DecodedText {
  readonly charset: Charset;
  readonly bom: boolean;
  /** Without the byte order mark. */
  readonly text: string;
}

/** Reads a file as text; says why if it must not be edited as text. */
export function decode(
  bytes: Uint8Array,
): { readonly kind: 'text'; readonly text: DecodedText } | { readonly kind: 'refused'; readonly says: string } {
  const text = decodeUtf16(bytes) ?? decodeUtf8(bytes) ?? decodeUnknown(bytes);
  if (text.text.includes('\0')) return { kind: 'refused', says: 'it is a binary file (it has NUL bytes)' };
  if (text.charset.startsWith('utf-16') && bytes.length % 2 === 1)
    return { kind: 'refused', says: 'it starts as UTF-16 but has an odd number of bytes' };
  if (isLfsPointer(text.text))
    return { kind: 'refused', says: 'it is a Git LFS pointer: its content is not in the repository' };
  return { kind: 'text', text };
}

/** The bytes of a text, in the charset that it came in. */
export function encode(decoded: DecodedText): Uint8Array {
  const { charset, bom, text } = decoded;
  const known = bytesOf.get(decoded);
  if (known !== undefined) return known;
  switch (charset) {
    case 'utf-8':
      return new TextEncoder().encode(bom ? BOM + text : text);
    case 'utf-16le':
    case 'utf-16be':
      return encodeUtf16(bom ? BOM + text : text, charset === 'utf-16le');
    case 'unknown':
      return Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff);
    default:
      throw new TypeError(`unknown charset ${String(charset satisfies never)}`);
  }
}

/** The text with a part of it replaced; offsets are into its characters. */
export function replacePart(old: DecodedText, from: number, to: number, part: string): DecodedText {
  const made = { ...old, text: old.text.slice(0, from) + part + old.text.slice(to) };
  const bytes = bytesOf.get(old);
  if (bytes !== undefined && isAscii(part)) bytesOf.set(made, replaceBytes(bytes, from, to, part));
  return made;
}

/**
 * Bytes of texts whose characters are a byte each. Copying them costs a fraction of encoding a long text that has just been put
 * together, and an edit must not take longer than writing the file does.
 */
const bytesOf = new WeakMap<DecodedText, Uint8Array>();

function replaceBytes(bytes: Uint8Array, from: number, to: number, part: string): Uint8Array {
  const made = new Uint8Array(from + part.length + bytes.length - to);
  made.set(bytes.subarray(0, from));
  made.set(new TextEncoder().encode(part), from);
  made.set(bytes.subarray(to), from + part.length);
  return made;
}

/** True if no character is above 127. */
export const isAscii = (text: string): boolean => !/[\u0080-\uffff]/.test(text);

/** True for half of a surrogate pair: no charset has bytes for it. */
export const hasLoneSurrogate = (text: string): boolean => /\p{Surrogate}/u.test(text);

/** Text as it may stand in a message: without the stand-ins for bytes of an unknown charset, and without halves of pairs. */
export const printable = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '\ufffd');

const BOM = '\ufeff';

/** Bytes above 127 of an unknown charset become lone surrogates, which the texts of a model cannot contain. */
const ESCAPED = 0xdc00;

/** Arguments of one call: enough to be quick, far below every engine's limit. */
const CHUNK = 8_192;

function decodeUtf16(bytes: Uint8Array): DecodedText | null {
  const little = bytes[0] === 0xff && bytes[1] === 0xfe;
  if (!little && !(bytes[0] === 0xfe && bytes[1] === 0xff)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const units = Uint16Array.from({ length: (bytes.length >> 1) - 1 }, (_, index) =>
    view.getUint16(2 * index + 2, little),
  );
  return { charset: little ? 'utf-16le' : 'utf-16be', bom: true, text: fromUnits(units) };
}

function decodeUtf8(bytes: Uint8Array): DecodedText | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const bom = text.startsWith(BOM);
    const decoded: DecodedText = { charset: 'utf-8', bom, text: bom ? text.slice(1) : text };
    if (text.length === bytes.length) bytesOf.set(decoded, bytes);
    return decoded;
  } catch {
    // The platform's only way to say "not valid UTF-8".
    return null;
  }
}

const decodeUnknown = (bytes: Uint8Array): DecodedText => ({
  charset: 'unknown',
  bom: false,
  text: fromUnits(Uint16Array.from(bytes, (byte) => (byte < 0x80 ? byte : ESCAPED + byte))),
});

function fromUnits(units: Uint16Array): string {
  const parts: string[] = [];
  for (let from = 0; from < units.length; from += CHUNK)
    parts.push(String.fromCharCode(...units.subarray(from, from + CHUNK)));
  return parts.join('');
}

function encodeUtf16(text: string, little: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(text.length * 2));
  for (let index = 0; index < text.length; index += 1) view.setUint16(2 * index, text.charCodeAt(index), little);
  return new Uint8Array(view.buffer);
}

/** Pointers are below 1,024 bytes and start like this (the LFS specification). */
const isLfsPointer = (text: string): boolean =>
  text.length < 1_024 && text.startsWith('version https://git-lfs.github.com/spec/');
