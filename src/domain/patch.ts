/** A patch of git, file by file. */

export interface PatchLine {
  readonly sign: '+' | '-' | ' ';
  readonly text: string;
  /** Where it stands afterwards, or would stand, counted from 1. */
  readonly line: number;
}

export interface FilePatch {
  readonly path: string;
  readonly change: 'added' | 'deleted' | 'modified';
  /** Hunk after hunk; empty for binary files and for a change of the mode alone. */
  readonly lines: readonly PatchLine[];
  readonly isBinary: boolean;
}

/** Reads what `git diff` writes without renames. A patch that is cut gives the files and lines that it still has. */
export function parsePatch(patch: string): readonly FilePatch[] {
  const files: OpenFile[] = [];
  let file: OpenFile | null = null;
  let next = 0;
  let inHunk = false;
  for (const line of patch.split('\n')) {
    if (line.startsWith('diff --git ')) {
      file = { path: pathOfHeader(line), change: 'modified', lines: [], isBinary: false };
      files.push(file);
      inHunk = false;
    } else if (file === null) continue;
    else if (line.startsWith('@@')) {
      next = Number(/^@@ -\S+ \+(\d+)/.exec(line)?.[1] ?? 1);
      inHunk = true;
    } else if (inHunk) next += takeLine(file, line, next);
    else readHeader(file, line);
  }
  return files;
}

interface OpenFile {
  path: string;
  change: FilePatch['change'];
  readonly lines: PatchLine[];
  isBinary: boolean;
}

/** How far the line moves the place in the new file. */
function takeLine(file: OpenFile, line: string, at: number): 0 | 1 {
  const sign = line[0];
  if (sign !== '+' && sign !== '-' && sign !== ' ') return 0;
  file.lines.push({ sign, text: line.slice(1), line: at });
  return sign === '-' ? 0 : 1;
}

function readHeader(file: OpenFile, line: string): void {
  if (line.startsWith('new file')) file.change = 'added';
  else if (line.startsWith('deleted file')) file.change = 'deleted';
  else if (line.startsWith('Binary files ') || line === 'GIT binary patch') file.isBinary = true;
  else if (line.startsWith('--- ') || line.startsWith('+++ ')) {
    const path = pathOfSide(line.slice(4));
    if (path !== null) file.path = path;
  }
}

/** Of a file without hunks only this line has the path; both halves are the same, whatever is in them. */
function pathOfHeader(line: string): string {
  const both = line.slice('diff --git '.length);
  if (both.startsWith('"')) return unquoted(both.slice(0, both.indexOf('" ', 1) + 1)).slice(2);
  return both.slice(2, (both.length - 1) / 2);
}

/** Git ends a path that has blanks with a tab. */
function pathOfSide(text: string): string | null {
  const path = text.replace(/\t$/, '');
  if (path === '/dev/null') return null;
  return (path.startsWith('"') ? unquoted(path) : path).slice(2);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', a: '\u0007' };

/** Git writes odd names in C's way, bytes in octal. */
function unquoted(text: string): string {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, octal, letter] of text.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|[^\\]+/gs)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else bytes.push(...encoder.encode(letter === undefined ? part : (ESCAPES[letter] ?? letter)));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

export const addedIn = ({ lines }: FilePatch): readonly PatchLine[] => lines.filter(({ sign }) => sign === '+');
export const removedIn = ({ lines }: FilePatch): readonly PatchLine[] => lines.filter(({ sign }) => sign === '-');
