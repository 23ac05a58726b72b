/** Trees of a real git, many in one commit: made by `git fast-import`, so that no file system can change names, modes or bytes. */
import { execFileSync } from 'node:child_process';
import { sourceFile, type WrittenFiles } from '../domain/apply-edits/snapshot.js';

/** Git knows it without having it. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

const SUBMODULE_COMMIT = 'c0ffee'.padEnd(40, '0');

/** A bare repository with one commit, and in it a tree for each name. */
export function importTrees(repository: string, trees: ReadonlyMap<string, WrittenFiles>): (name: string) => string {
  execFileSync('git', ['init', '-q', '--bare', '-b', 'main', repository], { env: ENVIRONMENT });
  const input = Buffer.concat([
    Buffer.from('commit refs/heads/main\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata 0\n'),
    ...[...trees].flatMap(([name, files]) =>
      Object.entries(files).flatMap(([path, file]) => modify(`${name}/${path}`, sourceFile(file))),
    ),
  ]);
  execFileSync('git', ['fast-import', '--quiet'], { cwd: repository, env: ENVIRONMENT, input });
  const listing = execFileSync('git', ['ls-tree', 'main'], { cwd: repository, env: ENVIRONMENT, encoding: 'utf8' });
  const ids = new Map(
    [...listing.matchAll(/^040000 tree ([0-9a-f]{40})\t(.*)$/gm)].map(([, id = '', name = '']) => [name, id]),
  );
  return (name) => ids.get(name) ?? EMPTY_TREE;
}

const ENVIRONMENT = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' };

function modify(path: string, { mode, bytes }: ReturnType<typeof sourceFile>): readonly Buffer[] {
  const quoted = `"${path.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;
  if (mode === '160000') return [Buffer.from(`M ${mode} ${SUBMODULE_COMMIT} ${quoted}\n`)];
  return [Buffer.from(`M ${mode} inline ${quoted}\ndata ${bytes.length}\n`), Buffer.from(bytes), Buffer.from('\n')];
}
