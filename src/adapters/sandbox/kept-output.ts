/** A bounded memory of a stream of any length: how it began and how it ended. */

export interface KeptOutput {
  add(chunk: Buffer): void;
  /** True if the middle is missing. */
  isCut(): boolean;
  /** At most `bytesMax`; where the middle is missing a line says so, between whole lines where these are not very long. */
  bytes(): Buffer;
}

/** `\n[... n bytes left out ...]\n` for any n. */
const MARKER_BYTES_MAX = 64;
/** So far a cut moves to come between two lines. */
const LINE_SEARCH_BYTES = 4_096;
const LINE_FEED = 0x0a;

export function createKeptOutput(bytesMax: number): KeptOutput {
  const room = Math.max(0, bytesMax - MARKER_BYTES_MAX);
  const headMax = Math.floor(room / 2);
  const head: Buffer[] = [];
  const tail = createRing(room - headMax);
  let headBytes = 0;
  return {
    add(chunk) {
      const forHead = chunk.subarray(0, headMax - headBytes);
      if (forHead.length > 0) head.push(forHead);
      headBytes += forHead.length;
      tail.add(chunk.subarray(forHead.length));
    },
    isCut: () => tail.lost() > 0,
    bytes() {
      const before = Buffer.concat(head);
      if (tail.lost() === 0) return Buffer.concat([before, tail.bytes()]);
      const start = wholeLinesBefore(before);
      const end = wholeLinesAfter(tail.bytes());
      const left = tail.lost() + (before.length - start.length) + (tail.bytes().length - end.length);
      return Buffer.concat([start, Buffer.from(`\n[... ${left} bytes left out ...]\n`), end]);
    },
  };
}

interface Ring {
  add(bytes: Buffer): void;
  /** Bytes that were pushed out. */
  lost(): number;
  bytes(): Buffer;
}

function createRing(size: number): Ring {
  // Most commands print little: the room is taken when it is needed.
  let memory: Buffer | null = null;
  let total = 0;
  return {
    add(bytes) {
      const last = bytes.subarray(Math.max(0, bytes.length - size));
      total += bytes.length - last.length;
      if (last.length === 0) return;
      memory ??= Buffer.alloc(size);
      const at = total % size;
      const fits = last.copy(memory, at);
      if (fits < last.length) last.copy(memory, 0, fits);
      total += last.length;
    },
    lost: () => Math.max(0, total - size),
    bytes() {
      if (memory === null) return Buffer.alloc(0);
      if (total <= size) return memory.subarray(0, total);
      return Buffer.concat([memory.subarray(total % size), memory.subarray(0, total % size)]);
    },
  };
}

function wholeLinesBefore(bytes: Buffer): Buffer {
  const at = bytes.lastIndexOf(LINE_FEED);
  return at >= 0 && bytes.length - at <= LINE_SEARCH_BYTES ? bytes.subarray(0, at) : bytes;
}

function wholeLinesAfter(bytes: Buffer): Buffer {
  const at = bytes.indexOf(LINE_FEED);
  return at >= 0 && at < LINE_SEARCH_BYTES ? bytes.subarray(at + 1) : bytes;
}
