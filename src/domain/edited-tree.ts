/** A snapshot with edits on top of it, in memory. The base is never changed. */
import { decode, encode, type DecodedText } from './charset.js';
import type { Paths } from './edit-paths.js';
import { foldName, pathIndex } from './path-index.js';
import { baseName } from './path-parts.js';

/** A file of a snapshot: its git mode and its bytes (for a symbolic link, its target). */
export interface SourceFile {
  readonly mode: string;
  readonly bytes: Uint8Array;
}

/** The snapshot that edits start from: every path of the tree, and those contents that have been read so far. */
export interface BaseTree {
  readonly entries: ReadonlyMap<string, { readonly mode: string; readonly sizeBytes: number | null }>;
  readonly files: ReadonlyMap<string, SourceFile>;
}

/** `file: null` removes the path. */
export interface TreeEdit {
  readonly path: string;
  readonly file: SourceFile | null;
}

type TextAt =
  | { readonly kind: 'text'; readonly text: DecodedText }
  | { readonly kind: 'refused'; readonly says: string }
  /** Content of this base path is needed and has not been read. */
  | { readonly kind: 'unread'; readonly path: string };

/** Content is either that of a path of the base, not looked at yet, or text made by an edit. */
type Node = { readonly mode: string } & ({ readonly base: string } | { readonly text: DecodedText });

export interface EditedTree extends Paths {
  textAt(path: string): TextAt;
  /** Too large to be read into memory for an edit. */
  isLarge(path: string): boolean;
  putText(path: string, mode: string, text: DecodedText): void;
  move(from: string, to: string): void;
  remove(path: string): void;
  /** An existing path or folder that a case-insensitive or normalising file system takes for a part of this path. */
  twinOf(path: string): string | undefined;
  /** Existing paths that may be meant, at most five. */
  similarTo(path: string): readonly string[];
  /** What differs from the base, removals first, by path; or the base contents that are needed to tell. */
  changes():
    | { readonly kind: 'changes'; readonly changes: readonly TreeEdit[] }
    | { readonly kind: 'unread'; readonly paths: readonly string[] };
}

/** Larger files are data: nobody edits them by search and replace, and an answer may name 200 of them. */
const FILE_BYTES_MAX = 10_000_000;
const LARGE = `it is larger than ${FILE_BYTES_MAX} bytes`;

/** Puts an empty list of edits on a snapshot. */
export function editedTree(base: BaseTree): EditedTree {
  const overlay = new Map<string, Node | null>();
  const index = pathIndex(base.entries);
  /** By how many files each folder differs from that of the base, and the names that edits have made. */
  const growth = new Map<string, number>();
  const named = new Set<string>();
  const nodeAt = (path: string): Node | undefined => {
    const node = overlay.get(path);
    if (node !== undefined) return node ?? undefined;
    const entry = base.entries.get(path);
    return entry === undefined ? undefined : { mode: entry.mode, base: path };
  };
  const put = (path: string, node: Node | null): void => {
    const existed = nodeAt(path) !== undefined;
    overlay.set(path, node);
    if (existed !== (node !== null)) count(growth, path, node === null ? -1 : 1);
    if (node !== null && !base.entries.has(path)) for (const prefix of prefixes(path)) named.add(prefix);
  };
  const isLarge = (path: string): boolean => {
    const node = nodeAt(path);
    return node !== undefined && 'base' in node && (base.entries.get(node.base)?.sizeBytes ?? 0) > FILE_BYTES_MAX;
  };
  const isFolder = (path: string): boolean => path === '' || index.filesBelow(path) + (growth.get(path) ?? 0) > 0;
  const exists = (path: string): boolean => nodeAt(path) !== undefined || isFolder(path);
  const spelledLike = (path: string): readonly string[] => [
    ...index.spelledLike(path),
    ...[...named].filter((other) => foldName(other) === foldName(path)),
  ];
  const paths = function* (): Iterable<string> {
    for (const path of base.entries.keys()) if (overlay.get(path) !== null) yield path;
    for (const [path, node] of overlay) if (node !== null && !base.entries.has(path)) yield path;
  };
  return {
    modeOf: (path) => nodeAt(path)?.mode,
    isFolder,
    linkTarget: (path) => {
      const node = nodeAt(path);
      // Edits make no links, so a link is one of the base, wherever it has been moved to.
      const from = node !== undefined && 'base' in node ? node.base : path;
      if (isLarge(path)) return new Uint8Array();
      return base.files.get(from)?.bytes ?? { unread: from };
    },
    textAt: (path) => {
      const node = nodeAt(path);
      if (node === undefined) return { kind: 'refused', says: 'it does not exist' };
      if ('text' in node) return { kind: 'text', text: node.text };
      if (isLarge(path)) return { kind: 'refused', says: LARGE };
      const file = base.files.get(node.base);
      return file === undefined ? { kind: 'unread', path: node.base } : decode(file.bytes);
    },
    isLarge,
    putText: (path, mode, text) => put(path, { mode, text }),
    move: (from, to) => {
      const node = nodeAt(from);
      put(from, null);
      if (node !== undefined) put(to, node);
    },
    remove: (path) => put(path, null),
    twinOf: (path) =>
      prefixes(path)
        .filter((prefix) => !exists(prefix))
        .flatMap((prefix) => spelledLike(prefix).filter((other) => other !== prefix && exists(other)))
        .at(0),
    similarTo: (path) => similar(path, paths()),
    changes: () => difference(base, overlay),
  };
}

/** The path's folders from the top down, then the path itself. */
function prefixes(path: string): readonly string[] {
  const names = path.split('/');
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

function count(folders: Map<string, number>, path: string, by: number): void {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    const folder = path.slice(0, end);
    folders.set(folder, (folders.get(folder) ?? 0) + by);
  }
}

/** Enough to recognise what was meant. */
const SIMILAR_MAX = 5;

/** The same name elsewhere first, then a name that holds the other, then the same folder. */
function similar(path: string, paths: Iterable<string>): readonly string[] {
  const name = nameOf(path);
  const stem = name.replace(/\.[^.]*$/, '');
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const ranks: [string[], string[], string[]] = [[], [], []];
  for (const other of paths) {
    const otherName = nameOf(other);
    if (otherName === name) ranks[0].push(other);
    else if (ranks[1].length < SIMILAR_MAX && stem.length > 2 && otherName.includes(stem)) ranks[1].push(other);
    else if (ranks[2].length < SIMILAR_MAX && folder !== '' && other.startsWith(folder)) ranks[2].push(other);
    if (ranks[0].length >= SIMILAR_MAX) break;
  }
  return ranks.flat().slice(0, SIMILAR_MAX);
}

const nameOf = (path: string): string => foldName(baseName(path));

function difference(base: BaseTree, overlay: ReadonlyMap<string, Node | null>): ReturnType<EditedTree['changes']> {
  const changes: TreeEdit[] = [];
  const unread = new Set<string>();
  for (const [path, node] of overlay) {
    const entry = base.entries.get(path);
    if (node === null) {
      if (entry !== undefined) changes.push({ path, file: null });
      continue;
    }
    const bytes = 'text' in node ? encode(node.text) : base.files.get(node.base)?.bytes;
    if (bytes === undefined && 'base' in node) unread.add(node.base);
    if (bytes === undefined) continue;
    if (entry?.mode === node.mode && entry.sizeBytes === bytes.length) {
      const before = base.files.get(path)?.bytes;
      if (before === undefined) unread.add(path);
      else if (sameBytes(before, bytes)) continue;
    }
    changes.push({ path, file: { mode: node.mode, bytes } });
  }
  if (unread.size > 0) return { kind: 'unread', paths: [...unread] };
  return { kind: 'changes', changes: changes.toSorted(removalsFirst) };
}

/** A file may take the place of a folder that is emptied by the same answer: its files must go first. */
const removalsFirst = (a: TreeEdit, b: TreeEdit): number =>
  Number(a.file !== null) - Number(b.file !== null) || (a.path < b.path ? -1 : 1);

/** By a loop: `every` would call a function for each of millions of bytes. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return a.length === b.length && at === a.length;
}
