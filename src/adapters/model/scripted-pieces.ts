/** Parts in which a scripted answer is streamed. */

/** Enough for a watcher to see an answer grow. */
const PIECES = 8;

/** By code points, so that no piece ends in half a character. */
export function cutInPieces(text: string): readonly string[] {
  const characters = Array.from(text);
  const length = Math.max(1, Math.ceil(characters.length / PIECES));
  const starts = Array.from({ length: Math.ceil(characters.length / length) }, (_, index) => index * length);
  return starts.map((start) => characters.slice(start, start + length).join(''));
}
