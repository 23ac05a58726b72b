/** Sizes of what goes through Temporal. */

/** History is read again at every replay, so nothing in it is large; the start input alone may hold a whole specification. */
export const PAYLOAD_BYTES_MAX = 8 * 1_024;
export const START_INPUT_BYTES_MAX = 256 * 1_024;

/** A job of 5,000 tasks. */
export const JOB_INPUT_BYTES_MAX = 768 * 1_024;

/** What a job carries along when it continues as new: with its input it stays below the 2 MB beyond which a server refuses. */
export const CARRIED_BYTES_MAX = 1_250 * 1_024;

/** UTF-8 length without an encoder: the workflow sandbox is asked often. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7ff) bytes += 2;
    else if (unit > 0x7f) bytes += 1;
    // A pair is four bytes in all, two for each half.
    if (unit >= 0xd800 && unit <= 0xdfff) bytes -= 1;
  }
  return bytes;
}

const ELLIPSIS = '…';

/** The text, or its beginning and an ellipsis where it is longer; half a character at the cut becomes U+FFFD. */
export const cutToCharacters = (text: string, charactersMax: number): string =>
  text.length > charactersMax ? `${text.slice(0, charactersMax - 1).toWellFormed()}${ELLIPSIS}` : text;

/** The text, or its beginning and an ellipsis where it has more bytes in UTF-8. No character is cut in two. */
export function cutToBytes(text: string, bytesMax: number): string {
  if (utf8Bytes(text) <= bytesMax) return text;
  const room = bytesMax - utf8Bytes(ELLIPSIS);
  let end = 0;
  let bytes = 0;
  for (const one of text) {
    bytes += utf8Bytes(one);
    if (bytes > room) break;
    end += one.length;
  }
  return `${text.slice(0, end)}${ELLIPSIS}`;
}
