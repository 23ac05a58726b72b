/** Trees of a mirror as values: listed, read, changed, compared, committed. What was seen once is remembered, since an id never changes its meaning. */
import type { CommitRequest, DiffStat, FileContent, TreeChange } from '../../ports.js';
import { PortFault } from '../../ports.js';
import { GitFailure } from './faults.js';
import { changeListing, keyOf, parseListing } from './listing.js';
import type { ListedFile, Listing } from './listing.js';
import type { Mirror, Mirrors } from './mirror.js';
import { OUTPUT_BYTES_MAX } from './mirror.js';
import { assertAuthor, assertObjectId } from './names.js';
import { nameObject, writeObjects } from './object-store.js';
import { Remembered } from './remembered.js';

export interface Snapshots {
  listing(mirror: Mirror, tree: string): Promise<Listing>;
  read(mirror: Mirror, tree: string, paths: readonly string[]): Promise<ReadonlyMap<string, FileContent>>;
  write(mirror: Mirror, tree: string, changes: readonly TreeChange[]): Promise<string>;
  diff(
    mirror: Mirror,
    from: string,
    to: string,
    bytesMax: number,
  ): Promise<{ readonly stat: DiffStat; readonly patch: Buffer; readonly cut: boolean }>;
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

/** Files in remembered listings, over all of them: about 40 MB. */
const LISTED_FILES_MAX = 200_000;

/** Bytes of remembered files: what a prompt shows is what the edits are then applied to. */
const BLOB_BYTES_MAX = 16 * 1024 * 1024;

/** Remembered ids; a task has a handful. */
const IDS_MAX = 10_000;

export function createSnapshots(mirrors: Mirrors): Snapshots {
  const memory: Memory = {
    listings: new Remembered(LISTED_FILES_MAX),
    blobs: new Remembered(BLOB_BYTES_MAX),
    commits: new Remembered(IDS_MAX),
    trees: new Remembered(IDS_MAX),
  };
  return {
    listing: (mirror, tree) => listing(mirrors, memory, mirror, tree),
    read: (mirror, tree, paths) => read(mirrors, memory, mirror, tree, paths),
    write: (mirror, tree, changes) => write(mirrors, memory, mirror, tree, changes),
    diff: (mirror, from, to, bytesMax) => diff(mirrors, mirror, from, to, bytesMax),
    commit: (mirror, request) => commit(mirrors, memory, mirror, request),
    treesOf: (mirror, commits) => treesOf(mirrors, memory, mirror, commits),
    knownTreeOf: (mirror, id) => memory.commits.get(placed(mirror, id))?.tree,
    isAncestor: (mirror, ancestor, id) => isAncestor(mirrors, memory, mirror, ancestor, id),
    forget: () => Object.values(memory).forEach((part) => part.clear()),
  };
}

interface Memory {
  readonly listings: Remembered<Listing>;
  readonly blobs: Remembered<Buffer>;
  /** Commits that the mirror has; the parent only of those made here. */
  readonly commits: Remembered<{ readonly tree: string; readonly parent?: string }>;
  /** Trees that the mirror has. */
  readonly trees: Remembered<true>;
}

/** An object that one mirror has another may lack. */
const placed = (mirror: Mirror, id: string): string => `${mirror.directory}\n${id}`;

async function listing(mirrors: Mirrors, memory: Memory, mirror: Mirror, tree: string): Promise<Listing> {
  assertObjectId(tree);
  const key = placed(mirror, tree);
  const known = memory.listings.get(key);
  if (known !== undefined) return known;
  const { stdout } = await mirrors.local(mirror, ['ls-tree', '-r', '-t', '-z', '-l', '--full-tree', tree]);
  const found = parseListing(tree, stdout);
  memory.listings.set(key, found, found.files.size + 1);
  memory.trees.set(key, true);
  return found;
}

async function read(
  mirrors: Mirrors,
  memory: Memory,
  mirror: Mirror,
  tree: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, FileContent>> {
  const { files } = await listing(mirrors, memory, mirror, tree);
  const wanted: (readonly [string, ListedFile])[] = [];
  for (const path of new Set(paths)) {
    const file = files.get(keyOf(path));
    if (file !== undefined && file.sizeBytes !== null) wanted.push([path, file]);
  }
  const blobs = await readBlobs(
    mirrors,
    memory,
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
  mirrors: Mirrors,
  memory: Memory,
  mirror: Mirror,
  files: readonly ListedFile[],
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const missing = new Map<string, ListedFile>();
  for (const file of files) {
    const known = memory.blobs.get(placed(mirror, file.oid));
    if (known === undefined) missing.set(file.oid, file);
    else found.set(file.oid, known);
  }
  if (missing.size === 0) return found;
  const bytes = [...missing.values()].reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  if (bytes > OUTPUT_BYTES_MAX / 2)
    throw new PortFault('infrastructure', `${bytes} bytes of files are too much to read at once.`, false);
  const result = await mirrors.local(mirror, ['cat-file', '--batch'], { input: `${[...missing.keys()].join('\n')}\n` });
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

async function write(
  mirrors: Mirrors,
  memory: Memory,
  mirror: Mirror,
  tree: string,
  changes: readonly TreeChange[],
): Promise<string> {
  const before = await listing(mirrors, memory, mirror, tree);
  const { listing: after, objects } = changeListing(before, changes);
  if (after.tree === tree) return tree;
  await mirrors.ensure(mirror);
  // Leaves before the trees that name them: a kill in between leaves garbage, never a tree with holes.
  const blobs = objects.filter(({ type }) => type === 'blob');
  await writeObjects(mirror.directory, blobs);
  for (const object of objects) if (object.type === 'tree') await writeObjects(mirror.directory, [object]);
  for (const { id, bytes } of blobs) memory.blobs.set(placed(mirror, id), bytes, bytes.length + 1);
  memory.listings.set(placed(mirror, after.tree), after, after.files.size + 1);
  memory.trees.set(placed(mirror, after.tree), true);
  return after.tree;
}

const DIFF_OPTIONS = [
  '-r',
  '-p',
  '--shortstat',
  '--no-renames',
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
  '--full-index',
] as const;

async function diff(mirrors: Mirrors, mirror: Mirror, from: string, to: string, bytesMax: number) {
  assertObjectId(from);
  assertObjectId(to);
  const { stdout, cut } = await mirrors.local(mirror, ['diff-tree', ...DIFF_OPTIONS, from, to], {
    bytesMax: bytesMax + STAT_BYTES_MAX,
  });
  // ` 2 files changed, 3 insertions(+), 1 deletion(-)`, an empty line, the patch; nothing at all for equal trees.
  const end = stdout.indexOf('\n\n');
  const line = stdout.toString('latin1', 0, Math.max(end, 0));
  const patch = end < 0 ? Buffer.alloc(0) : stdout.subarray(end + 2);
  const stat = {
    filesChanged: figure(line, /(\d+) files? changed/),
    insertions: figure(line, /(\d+) insertion/),
    deletions: figure(line, /(\d+) deletion/),
  };
  return { stat, patch: patch.subarray(0, bytesMax), cut: cut || patch.length > bytesMax };
}

/** Room for the line with the figures. */
const STAT_BYTES_MAX = 200;

const figure = (line: string, pattern: RegExp): number => Number(pattern.exec(line)?.[1] ?? 0);

async function commit(mirrors: Mirrors, memory: Memory, mirror: Mirror, request: CommitRequest): Promise<string> {
  const { tree, parent, message, author, dateSeconds } = request;
  assertObjectId(tree);
  assertObjectId(parent);
  assertAuthor(author);
  if (message.includes('\0') || message.trim() === '')
    throw new PortFault('invalidTask', 'The commit message is empty or has a NUL in it.', false);
  if (!Number.isSafeInteger(dateSeconds) || dateSeconds < 0)
    throw new PortFault('infrastructure', 'The date of the commit is not valid.', false);
  await assertPresent(mirrors, memory, mirror, tree, parent);
  const who = `${author} ${dateSeconds} +0000`;
  const text = `tree ${tree}\nparent ${parent}\nauthor ${who}\ncommitter ${who}\n\n${message.endsWith('\n') ? message : `${message}\n`}`;
  const object = nameObject('commit', Buffer.from(text, 'utf8'), tree);
  await mirrors.ensure(mirror);
  await writeObjects(mirror.directory, [object]);
  memory.commits.set(placed(mirror, object.id), { tree, parent });
  return object.id;
}

/** A commit on top of nothing would be pushed as far as the remote's complaint. */
async function assertPresent(
  mirrors: Mirrors,
  memory: Memory,
  mirror: Mirror,
  tree: string,
  parent: string,
): Promise<void> {
  if (memory.trees.get(placed(mirror, tree)) !== undefined && memory.commits.get(placed(mirror, parent)) !== undefined)
    return;
  const result = await mirrors.local(mirror, ['cat-file', '--batch-check'], {
    input: `${tree}^{tree}\n${parent}^{commit}\n`,
  });
  const [first = '', second = ''] = result.stdout.toString('latin1').split('\n');
  if (!first.startsWith(`${tree} tree`) || !second.startsWith(`${parent} commit`))
    throw new GitFailure('cat-file', { ...result, stderr: 'the tree or the parent of the commit is missing' });
  memory.trees.set(placed(mirror, tree), true);
}

async function treesOf(
  mirrors: Mirrors,
  memory: Memory,
  mirror: Mirror,
  commits: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const id of commits) {
    const known = memory.commits.get(placed(mirror, id));
    if (known !== undefined) found.set(id, known.tree);
  }
  const unknown = commits.filter((id) => !found.has(id));
  if (unknown.length === 0) return found;
  const { stdout } = await mirrors.local(mirror, ['cat-file', '--batch-check'], {
    input: unknown.map((id) => `${id}^{tree}\n`).join(''),
  });
  stdout
    .toString('latin1')
    .split('\n')
    .forEach((line, at) => {
      const [tree = '', type] = line.split(' ');
      const id = unknown[at];
      if (type !== 'tree' || id === undefined) return;
      found.set(id, tree);
      memory.commits.set(placed(mirror, id), { tree });
      memory.trees.set(placed(mirror, tree), true);
    });
  return found;
}

async function isAncestor(
  mirrors: Mirrors,
  memory: Memory,
  mirror: Mirror,
  ancestor: string,
  id: string,
): Promise<boolean> {
  if (ancestor === id || memory.commits.get(placed(mirror, id))?.parent === ancestor) return true;
  const result = await mirrors.local(mirror, ['merge-base', '--is-ancestor', ancestor, id], { also: [1] });
  return result.exitCode === 0;
}
