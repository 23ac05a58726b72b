/** Trees of a real git, many in one commit. */
import { execFileSync } from 'node:child_process';
import { sourceFile, type WrittenFiles } from '../domain/apply-edits/snapshot.js';
import { importCommit, initBare } from '../fast-import.js';

/** Git knows it without having it. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

/** A bare repository with one commit, and in it a tree for each name. */
export function importTrees(repository: string, trees: ReadonlyMap<string, WrittenFiles>): (name: string) => string {
  initBare(repository);
  const files = [...trees].flatMap(([name, written]) =>
    Object.entries(written).map(([path, file]) => [`${name}/${path}`, sourceFile(file)] as const),
  );
  const author = 'Ada <ada@example.org>';
  importCommit(repository, { branch: 'main', author, message: '', files: new Map(files) });
  const listing = execFileSync('git', ['ls-tree', 'main'], { cwd: repository, encoding: 'utf8' });
  const ids = new Map(
    [...listing.matchAll(/^040000 tree ([0-9a-f]{40})\t(.*)$/gm)].map(([, id = '', name = '']) => [name, id]),
  );
  return (name) => ids.get(name) ?? EMPTY_TREE;
}
