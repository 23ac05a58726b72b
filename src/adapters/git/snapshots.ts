/** Trees of a mirror as values: listed, read, changed. What was seen once is remembered, since an id never changes its meaning. */
import type { CommitRequest, FileContent, Git, TreeChange } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { isAncestor, treesOf, writeCommit } from './commits.js';
import { diffTrees } from './diff-trees.js';
import { GitFailure } from './faults.js';
import { changeListing, keyOf, parseListing } from './listing.js';
import type { ListedFile, Listing } from './listing.js';
import type { Mirror, Mirrors } from './mirror.js';
import { OUTPUT_BYTES_MAX } from './mirror.js';
import { assertObjectId } from './names.js';
import { writeObjects } from './object-store.js';
import { SharedWork } from './shared-work.js';
import { createSnapshotMemory, placed } from './snapshot-memory.js';
import type { SnapshotMemory } from './snapshot-memory.js';

export interface Snapshots {
  listing(mirror: Mirror, tree: string): Promise<Listing>;
  read(mirror: Mirror, tree: string, paths: readonly string[]): Promise<ReadonlyMap<string, FileContent>>;
  write(mirror: Mirror, tree: string, changes: readonly TreeChange[]): Promise<string>;
  diff(mirror: Mirror, from: string, to: string, bytesMax: number): ReturnType<Git['diff']>;
  commit(mirror: Mirror, request: CommitRequest): Promise<string>;
  /** Trees of commits; a commit that the mirror lacks is absent. */
  treesOf(mirror: Mirror, commits: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The same from memory alone. */
  knownTreeOf(mirror: Mirror, commit: string): string | undefined;
  /** Whether `ancestor` is in the history of `commit`, or is it. Rejects with GitFailure if the mirror lacks one of them. */
  isAncestor(mirror: Mirror, ancestor: string, commit: string): Promise<boolean>;
  /** After trouble: what was remembered is looked up again. */
  forget(): void;
}

export function createSnapshots(mirrors: Mirrors): Snapshots {
  const memory = createSnapshotMemory();
  const shared = new SharedWork();
  const known: Known = { mirrors, memory, shared };
  return {
    listing: (mirror, tree) => listing(known, mirror, tree),
    read: (mirror, tree, paths) => read(known, mirror, tree, paths),
    write: (mirror, tree, changes) => write(known, mirror, tree, changes),
    diff: (mirror, from, to, bytesMax) => diffTrees(mirrors, memory, mirror, from, to, bytesMax),
    commit: (mirror, request) => writeCommit(mirrors, memory, mirror, request),
    treesOf: (mirror, commits) =>
      shared.do(`trees ${placed(mirror, commits.join(' '))}`, () => treesOf(mirrors, memory, mirror, commits)),
    knownTreeOf: (mirror, commit) => memory.commits.get(placed(mirror, commit))?.tree,
    isAncestor: (mirror, ancestor, commit) => isAncestor(mirrors, memory, mirror, ancestor, commit),
    forget: () => Object.values(memory).forEach((part) => part.clear()),
  };
}

interface Known {
  readonly mirrors: Mirrors;
  readonly memory: SnapshotMemory;
  readonly shared: SharedWork;
}

async function listing({ mirrors, memory, shared }: Known, mirror: Mirror, tree: string): Promise<Listing> {
  assertObjectId(tree);
  const key = placed(mirror, tree);
  const known = memory.listings.get(key);
  if (known !== undefined) return known;
  return shared.do(`listing ${key}`, async () => {
    const { stdout } = await mirrors.local(mirror, ['ls-tree', '-r', '-t', '-z', '-l', '--full-tree', tree]);
    const found = parseListing(tree, stdout);
    memory.listings.set(key, found, found.files.size + 1);
    memory.trees.set(key, true);
    return found;
  });
}

async function read(
  known: Known,
  mirror: Mirror,
  tree: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, FileContent>> {
  const { files } = await listing(known, mirror, tree);
  const wanted: (readonly [string, ListedFile])[] = [];
  for (const path of new Set(paths)) {
    const file = files.get(keyOf(path));
    if (file !== undefined && file.sizeBytes !== null) wanted.push([path, file]);
  }
  const blobs = await readBlobs(
    known,
    mirror,
    wanted.map(([, file]) => file),
  );
  const contents = new Map<string, FileContent>();
  for (const [path, { mode, oid }] of wanted) {
    const bytes = blobs.get(oid);
    if (bytes !== undefined) contents.set(path, { mode, bytes });
  }
  return contents;
}

async function readBlobs(
  known: Known,
  mirror: Mirror,
  files: readonly ListedFile[],
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const missing = new Map<string, ListedFile>();
  for (const file of files) {
    const bytes = known.memory.blobs.get(placed(mirror, file.oid));
    if (bytes === undefined) missing.set(file.oid, file);
    else found.set(file.oid, bytes);
  }
  if (missing.size === 0) return found;
  const bytes = [...missing.values()].reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  if (bytes > OUTPUT_BYTES_MAX / 2)
    throw new PortFault('infrastructure', `${bytes} bytes of files are too much to read at once.`, false);
  const ids = [...missing.keys()];
  const fetched = await known.shared.do(`blobs ${placed(mirror, ids.join(' '))}`, () => fetchBlobs(known, mirror, ids));
  for (const [id, content] of fetched) found.set(id, content);
  return found;
}

async function fetchBlobs(
  { mirrors, memory }: Known,
  mirror: Mirror,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const result = await mirrors.local(mirror, ['cat-file', '--batch'], { input: `${ids.join('\n')}\n` });
  const found = new Map<string, Buffer>();
  for (const { id, content } of parseObjects(result.stdout)) {
    // Git answers "missing" with exit code 0.
    if (content === null) throw new GitFailure('cat-file', { ...result, stderr: `object ${id} is missing` });
    memory.blobs.set(placed(mirror, id), content, content.length + 1);
    found.set(id, content);
  }
  return found;
}

/** Reads the output of `git cat-file --batch`: a head line, the bytes, a newline. */
function* parseObjects(output: Buffer): Generator<{ readonly id: string; readonly content: Buffer | null }> {
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(10, at);
    const [id = '', type, size] = output.toString('latin1', at, end).split(' ');
    at = end + 1;
    if (type === 'missing' || size === undefined) {
      yield { id, content: null };
      continue;
    }
    // A copy: a view would keep the whole output in memory.
    yield { id, content: Buffer.from(output.subarray(at, at + Number(size))) };
    at += Number(size) + 1;
  }
}

async function write(known: Known, mirror: Mirror, tree: string, changes: readonly TreeChange[]): Promise<string> {
  const { mirrors, memory } = known;
  const before = await listing(known, mirror, tree);
  const { listing: after, objects } = changeListing(before, changes);
  if (after.tree === tree) return tree;
  await mirrors.ensure(mirror);
  await writeObjects(mirror.directory, objects);
  for (const { id, type, bytes } of objects)
    if (type === 'blob') memory.blobs.set(placed(mirror, id), bytes, bytes.length + 1);
  memory.listings.set(placed(mirror, after.tree), after, after.files.size + 1);
  memory.trees.set(placed(mirror, after.tree), true);
  return after.tree;
}
