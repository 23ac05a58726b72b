/**
 * A tree with all its files and folders in memory, and what a change makes of it.
 * Paths are keys: the bytes of the name as latin1, so that a name in any encoding stays what it is and sorts as git sorts.
 */
import { isAscii } from '../../domain/charset.js';
import type { FileContent, TreeChange, TreeEntry } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { assertTreePath } from './names.js';
import { nameObject } from './object-store.js';
import type { NewObject } from './object-store.js';

/** With its path beside its key, since both are wanted of tens of thousands of files in each turn of a conversation. */
export type ListedFile = TreeEntry;

export interface Listing {
  readonly tree: string;
  /** Files, links and submodules, in byte order of their keys. */
  readonly files: ReadonlyMap<string, ListedFile>;
  /** Folders with their tree ids; the top is not among them. */
  readonly folders: ReadonlyMap<string, string>;
}

export const keyOf = (path: string): string => (isAscii(path) ? path : Buffer.from(path, 'utf8').toString('latin1'));
export const pathOf = (key: string): string => (isAscii(key) ? key : Buffer.from(key, 'latin1').toString('utf8'));

/** Reads the output of `git ls-tree -r -t -z -l`. */
export function parseListing(tree: string, output: Buffer): Listing {
  const files = new Map<string, ListedFile>();
  const folders = new Map<string, string>();
  for (const line of output.toString('latin1').split('\0')) {
    const tab = line.indexOf('\t');
    if (tab < 0) continue;
    const [mode = '', type, oid = '', size = '-'] = line.slice(0, tab).split(/ +/);
    const key = line.slice(tab + 1);
    if (type === 'tree') folders.set(key, oid);
    else files.set(key, { path: pathOf(key), mode, oid, sizeBytes: size === '-' ? null : Number(size) });
  }
  return { tree, files, folders };
}

/** What `Git.list` gives. */
export const entriesOf = (listing: Listing): readonly TreeEntry[] => [...listing.files.values()];

export interface Changed {
  readonly listing: Listing;
  /** In an order that keeps every object behind what it names: blobs, then trees from the leaves up. */
  readonly objects: readonly NewObject[];
}

/** Applies changes: removals first (of a folder: all below it), then files. Rejects what no tree can hold. */
export function changeListing(before: Listing, changes: readonly TreeChange[]): Changed {
  for (const [path] of changes) assertTreePath(path);
  const files = new Map(before.files);
  const folders = new Map(before.folders);
  const touched = new Set<string>(['']);
  for (const [path, file] of changes) if (file === null) remove(files, folders, touched, keyOf(path));
  dropEmptied(files, folders, touched);
  const blobs: NewObject[] = [];
  let grown = false;
  for (const [path, file] of changes) {
    if (file === null) continue;
    const key = keyOf(path);
    grown ||= !files.has(key);
    blobs.push(add(files, folders, touched, key, path, file, before.tree));
  }
  const sorted = grown ? inOrder(files, before.files) : files;
  const trees = buildTrees(sorted, folders, touched, before.tree);
  return { listing: { tree: trees.top, files: sorted, folders }, objects: [...blobs, ...trees.objects] };
}

function remove(files: Map<string, ListedFile>, folders: Map<string, string>, touched: Set<string>, key: string): void {
  if (files.delete(key)) touchParents(touched, key);
  if (!folders.has(key)) return;
  touchParents(touched, key);
  for (const map of [files, folders]) {
    for (const other of map.keys()) if (other === key || other.startsWith(`${key}/`)) map.delete(other);
  }
}

/** A folder whose last file was removed is gone, so that a file may take its name. */
function dropEmptied(
  files: ReadonlyMap<string, ListedFile>,
  folders: Map<string, string>,
  touched: ReadonlySet<string>,
): void {
  const suspects = [...touched].filter((folder) => folders.has(folder));
  if (suspects.length === 0) return;
  const filled = new Set<string>();
  for (const key of files.keys()) touchParents(filled, key);
  for (const folder of folders.keys()) if (!touched.has(folder)) touchParents(filled, folder);
  for (const folder of suspects) if (!filled.has(folder)) folders.delete(folder);
}

/** In the order of their bytes, as what was there before is already. */
function inOrder(
  files: ReadonlyMap<string, ListedFile>,
  before: ReadonlyMap<string, ListedFile>,
): ReadonlyMap<string, ListedFile> {
  const fresh = [...files].filter(([key]) => !before.has(key)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const sorted = new Map<string, ListedFile>();
  let next = 0;
  for (const key of before.keys()) {
    const file = files.get(key);
    if (file === undefined) continue;
    for (let found = fresh[next]; found !== undefined && found[0] < key; found = fresh[next]) {
      sorted.set(...found);
      next += 1;
    }
    sorted.set(key, file);
  }
  for (const found of fresh.slice(next)) sorted.set(...found);
  return sorted;
}

const FILE_MODES: readonly string[] = ['100644', '100755', '120000'];

function add(
  files: Map<string, ListedFile>,
  folders: Map<string, string>,
  touched: Set<string>,
  key: string,
  path: string,
  { mode, bytes }: FileContent,
  like: string,
): NewObject {
  if (!FILE_MODES.includes(mode))
    throw new PortFault('editsRejected', `${JSON.stringify(path)} cannot be written with mode ${mode}.`, false);
  if (folders.has(key)) throw new PortFault('editsRejected', `${JSON.stringify(path)} is a folder.`, false);
  const parents = new Set<string>();
  touchParents(parents, key);
  for (const parent of parents) {
    if (files.has(parent))
      throw new PortFault(
        'editsRejected',
        `${JSON.stringify(pathOf(parent))} is a file, so nothing can be below it.`,
        false,
      );
    if (parent !== '' && !folders.has(parent)) folders.set(parent, '');
    touched.add(parent);
  }
  const blob = nameObject('blob', bytes, like);
  files.set(key, { path, mode, oid: blob.id, sizeBytes: bytes.length });
  return blob;
}

function touchParents(touched: Set<string>, key: string): void {
  for (let slash = key.lastIndexOf('/'); slash > 0; slash = key.lastIndexOf('/', slash - 1))
    touched.add(key.slice(0, slash));
  touched.add('');
}

interface Child {
  readonly mode: string;
  readonly name: string;
  readonly oid: string;
}

/** Names the touched trees anew, the deepest first; every other folder keeps its id. */
function buildTrees(
  files: ReadonlyMap<string, ListedFile>,
  folders: Map<string, string>,
  touched: ReadonlySet<string>,
  like: string,
) {
  const depths = [...touched]
    .filter((folder) => folder === '' || folders.has(folder))
    .map((folder) => [folder, depthOf(folder)] as const);
  const children = new Map<string, Child[]>(depths.map(([folder]) => [folder, []]));
  // Nearly all files are in folders that nobody touches: most of them are known by the length of their folder alone.
  const lengths = new Set(depths.map(([folder]) => folder.length));
  const place = (key: string, mode: string, oid: string): void => {
    const slash = key.lastIndexOf('/');
    if (!lengths.has(Math.max(slash, 0))) return;
    children.get(slash < 0 ? '' : key.slice(0, slash))?.push({ mode, name: key.slice(slash + 1), oid });
  };
  for (const [key, { mode, oid }] of files) place(key, mode, oid);
  for (const [key, oid] of folders) if (!children.has(key)) place(key, FOLDER_MODE, oid);
  const objects: NewObject[] = [];
  let top = '';
  for (const [folder] of depths.toSorted(([, a], [, b]) => b - a)) {
    const tree = nameObject('tree', encodeTree(children.get(folder) ?? []), like);
    objects.push(tree);
    if (folder === '') top = tree.id;
    else {
      folders.set(folder, tree.id);
      place(folder, FOLDER_MODE, tree.id);
    }
  }
  return { top, objects };
}

/** As it stands in a tree object: without the leading zero that git prints. */
const FOLDER_MODE = '40000';

const depthOf = (folder: string): number => (folder === '' ? 0 : folder.split('/').length);

/** Git sorts a folder as if its name ended in a slash. */
function encodeTree(children: readonly Child[]): Buffer {
  const sortName = ({ mode, name }: Child): string => (mode === FOLDER_MODE ? `${name}/` : name);
  const sorted = children.toSorted((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
  return Buffer.concat(
    sorted.flatMap(({ mode, name, oid }) => [Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(oid, 'hex')]),
  );
}
