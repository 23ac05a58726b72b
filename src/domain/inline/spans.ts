/** A part of a file of the work that judges it. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** Finds it again in another version of the file: where it stands, and its name. */
  readonly key: string;
  /** What judges in it; of documentation the examples alone. */
  readonly says: string;
  /** Whether it is code of tests, which may be taken away and set elsewhere; examples stay with what they explain. */
  readonly isCode: boolean;
}

/** What is to stand at one place of another text. */
export interface Patch {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** @param patches in the order of their places */
export function patched(text: string, patches: readonly Patch[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const { start, end, text: put } of patches) {
    parts.push(text.slice(from, start), put);
    from = end;
  }
  return [...parts, text.slice(from)].join('');
}
