/** Paths of edits: which may be named at all, and which file of the repository they lead to. */
import { hasLoneSurrogate, printable } from './charset.js';
import { baseName } from './path-parts.js';

/** What is wrong with a path; `refusedPath` if it leads out of the repository or into its control files. */
export interface PathFault {
  readonly kind: 'fault';
  readonly code: 'refusedPath' | 'editsRejected';
  readonly says: string;
}

type ResolvedPath =
  | {
      readonly kind: 'resolved';
      readonly path: string;
      /** Links followed on the way. */ readonly links: readonly string[];
    }
  /** The content of this link of the base is needed to go on. */
  | { readonly kind: 'unread'; readonly path: string }
  | PathFault;

/** What path resolution asks of a tree. */
export interface Paths {
  modeOf(path: string): string | undefined;
  isFolder(path: string): boolean;
  /** Target of a symbolic link, or the file of the base that has to be read for it. */
  linkTarget(path: string): Uint8Array | { readonly unread: string };
}

/**
 * The path as git names it, or what is wrong with it. A leading `./` is dropped. A file that is there may have a name that
 * nobody should give to a new one.
 */
export function checkPath(
  given: string,
  isThere: (path: string) => boolean = () => false,
): { readonly kind: 'path'; readonly path: string } | PathFault {
  const path = given.replace(/^(?:\.\/)+/, '');
  const escape = escapes(path);
  if (escape !== null) return refused(escape);
  if (isThere(path)) return { kind: 'path', path };
  const malformed = malformation(path);
  return malformed === null ? { kind: 'path', path } : rejected(malformed);
}

/** File names of every common file system end here; so do paths. */
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 4_095;

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Control characters, written as a property so that none stands in the source. */
const CONTROL = /\p{Cc}/u;

function escapes(path: string): string | null {
  if (/^[a-z]:/i.test(path)) return 'it names a drive; paths are relative to the top of the repository';
  if (/^[/\\]/.test(path)) return 'it is absolute; paths are relative to the top of the repository';
  const names = path.split(/[/\\]/);
  if (names[0]?.startsWith('~') === true && (names[0] === '~' || names.length > 1))
    return 'it names a home directory; paths are relative to the top of the repository';
  if (names.includes('..')) return 'it contains `..`';
  return names.some(isControlFolder) ? 'it leads into .git' : null;
}

function malformation(path: string): string | null {
  if (path === '' || path === '.') return 'it is empty; name a file';
  if (hasLoneSurrogate(path)) return 'it contains half of a surrogate pair';
  if (CONTROL.test(path)) return 'it contains a control character';
  if (path.includes('\\')) return 'it contains a backslash; write / between folders';
  if (path.endsWith('/')) return 'it ends with a slash; name a file, not a folder';
  const names = path.split('/');
  if (names.some((name) => name === '' || name === '.')) return 'it contains an empty or `.` part';
  if (path.length > PATH_BYTES_MAX || bytesOf(path) > PATH_BYTES_MAX)
    return `it is longer than ${PATH_BYTES_MAX} bytes`;
  return names.some((name) => bytesOf(name) > NAME_BYTES_MAX)
    ? `a name in it is longer than ${NAME_BYTES_MAX} bytes`
    : null;
}

/**
 * True for every name that some file system takes for `.git`: in any letter case, with characters that HFS+ ignores, with
 * dots, spaces or a stream name that NTFS drops, or by its short name.
 */
function isControlFolder(name: string): boolean {
  const plain = name
    .replaceAll(/\p{Cf}/gu, '')
    .replace(/:.*$/s, '')
    .toLowerCase();
  let end = plain.length;
  while (plain[end - 1] === ' ' || plain[end - 1] === '.') end -= 1;
  return /^(?:\.git|git~\d+)$/.test(plain.slice(0, end));
}

/** As many as Linux follows. */
const LINKS_MAX = 40;

/** Marks in the way still to go that the target of a link has been walked to its end. */
interface LinkEnd {
  readonly link: string;
}

/**
 * Where a path leads when the links on its way are followed; the last name too if `followLast`.
 * @param path as `checkPath` gives it
 */
export function resolvePath(tree: Paths, path: string, followLast: boolean): ResolvedPath {
  const links: string[] = [];
  const ahead: (string | LinkEnd)[] = path.split('/').toReversed();
  let here: readonly string[] = [];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (typeof next !== 'string') {
      const end = here.join('/');
      if (end !== '' && tree.modeOf(end) === undefined && !tree.isFolder(end))
        return rejected(`the symbolic link ${shown(next.link)} leads to ${shown(end)}, which does not exist`);
      continue;
    }
    const step = stepTo(here, next);
    if (step === null) return refused(`the symbolic link ${shown(links.at(-1) ?? path)} leads out of the repository`);
    here = step;
    const at = here.join('/');
    const mode = tree.modeOf(at);
    const last = ahead.every((each) => typeof each !== 'string');
    const fault = obstacle(at, mode, last, links.at(-1));
    if (fault !== null) return fault;
    if (mode !== '120000' || (last && !followLast)) continue;
    links.push(at);
    if (links.length > LINKS_MAX) return rejected(`it leads through a circle of symbolic links at ${shown(at)}`);
    const target = readTarget(tree, at);
    if (target.kind !== 'target') return target;
    ahead.push({ link: at }, ...target.names.toReversed());
    here = here.slice(0, -1);
  }
  return { kind: 'resolved', path: here.join('/'), links };
}

function stepTo(here: readonly string[], name: string): readonly string[] | null {
  if (name === '' || name === '.') return here;
  if (name !== '..') return [...here, name];
  return here.length === 0 ? null : here.slice(0, -1);
}

function obstacle(at: string, mode: string | undefined, last: boolean, link: string | undefined): PathFault | null {
  if (link !== undefined && isControlFolder(baseName(at)))
    return refused(`the symbolic link ${shown(link)} leads into .git`);
  if (mode === '160000') return refused(`${shown(at)} is a submodule, another repository`);
  if (mode !== undefined && mode !== '120000' && !last) return rejected(`${shown(at)} is a file, not a folder`);
  return null;
}

function readTarget(
  tree: Paths,
  link: string,
):
  | { readonly kind: 'target'; readonly names: readonly string[] }
  | { readonly kind: 'unread'; readonly path: string }
  | PathFault {
  const bytes = tree.linkTarget(link);
  if ('unread' in bytes) return { kind: 'unread', path: bytes.unread };
  const target = new TextDecoder().decode(bytes);
  if (/^[/\\]|^[a-z]:/i.test(target)) return refused(`the symbolic link ${shown(link)} leads out of the repository`);
  if (target === '' || target.length > PATH_BYTES_MAX || CONTROL.test(target) || target.includes('\ufffd'))
    return rejected(`the target of the symbolic link ${shown(link)} cannot be read`);
  return { kind: 'target', names: target.split('/') };
}

/** A path in a message: on one line, bounded. */
export const shown = (path: string): string => {
  const line = printable(path).replaceAll(/\p{Cc}/gu, '\ufffd');
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
};

/** A path in a list from which it is to be named again: one with odd characters as a JSON string, which tells them. */
export const listed = (path: string): string =>
  /[\\\p{Cc}]/u.test(path)
    ? JSON.stringify(printable(path)).replaceAll(
        /\p{Cc}/gu,
        (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    : shown(path);

const refused = (says: string): PathFault => ({ kind: 'fault', code: 'refusedPath', says });
const rejected = (says: string): PathFault => ({ kind: 'fault', code: 'editsRejected', says });
