/** The preload that kills: it must do so where it is told to, once, and nowhere else. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pointsOf, seededRandom, spreadSample } from './points';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-kill-at-'));
  mkdirSync(join(folder, 'dist/adapters/git'), { recursive: true });
  // As compiled: a factory whose port makes two files.
  writeFileSync(
    join(folder, 'dist/adapters/git/create-git.js'),
    `const { rename, writeFile } = require('node:fs/promises');
     exports.createGit = () => ({
       async commit(name) { await writeFile(name + '.draft', ''); await rename(name + '.draft', name); },
     });`,
  );
  writeFileSync(
    join(folder, 'program.js'),
    `const git = require('./dist/adapters/git/create-git.js').createGit();
     (async () => { await git.commit('first'); await git.commit('second'); await git.commit('third'); })();`,
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (point: string) => {
  const env = {
    PATH: process.env['PATH'] ?? '',
    WEAVER_KILL_AT: point,
    WEAVER_KILL_MARK: join(folder, 'mark'),
    WEAVER_KILL_COUNTS: join(folder, 'calls'),
  };
  const { signal } = spawnSync(process.execPath, ['--require', join(__dirname, 'kill-at.cjs'), 'program.js'], {
    cwd: folder,
    env,
  });
  const files = ['first', 'second.draft', 'second', 'third'].filter((name) => existsSync(join(folder, name)));
  return { signal, files };
};

it.each([
  ['git.commit:before:2', ['first']],
  ['git.commit:after:2', ['first', 'second']],
  ['fs.rename:before:2', ['first', 'second.draft']],
  ['fs.rename:after:2', ['first', 'second']],
])('dies at %s', (point, files) => {
  expect(run(point)).toEqual({ signal: 'SIGKILL', files });
  expect(JSON.parse(readFileSync(join(folder, 'mark'), 'utf8'))).toMatchObject({ point, below: [] });
});

it('dies during the call before its caller hears of the end', () => {
  const { signal, files } = run('git.commit:during+60000:2');
  expect({ signal, third: files.includes('third') }).toEqual({ signal: 'SIGKILL', third: false });
});

it('dies once, and counts every call', () => {
  expect(run('git.commit:before:1').signal).toBe('SIGKILL');
  expect(run('git.commit:before:1')).toEqual({ signal: null, files: ['first', 'second', 'third'] });
  const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n').slice(1);
  expect(calls).toEqual(Array.from({ length: 3 }, () => ['git.commit', 'fs.rename']).flat());
});

it('makes points of every call of the list', () => {
  expect(pointsOf(['git.commit', 'fs.renameSync', 'model.prewarm', 'git.commit'])).toEqual([
    'git.commit:before:1',
    'git.commit:during:1',
    'git.commit:after:1',
    'git.commit:before:2',
    'git.commit:during:2',
    'git.commit:after:2',
    'fs.renameSync:before:1',
    'fs.renameSync:after:1',
  ]);
});

it('chooses the same points for the same seed, from everywhere in the list', () => {
  const all = Array.from({ length: 100 }, (_, n) => n);
  const chosen = spreadSample(all, 5, 7);
  expect(chosen).toEqual(spreadSample(all, 5, 7));
  expect(chosen.map((n) => Math.floor(n / 20))).toEqual([0, 1, 2, 3, 4]);
  expect(seededRandom(1)()).not.toBe(seededRandom(2)());
});
