import { pathIndex } from '../../src/domain/path-index';

const of = (...paths: readonly string[]) => pathIndex(new Map(paths.map((path) => [path, true])));

it('counts the files in a folder and below it, in whatever order they come', () => {
  const index = of('a/b/one', 'top', 'a/two', 'ab/three', 'a/b/four', 'a/b.c/five');
  const counts = ['a', 'a/b', 'a/b.c', 'ab', 'top', 'b', ''].map((folder) => index.filesBelow(folder));
  expect(counts).toEqual([4, 2, 1, 1, 0, 0, 0]);
});

it('finds files and folders that some file system takes for each other, by case and by Unicode form', () => {
  const index = of('Source/Main.ts', 'source/main.ts', 'caf\u00e9/menu', 'plain');
  expect(index.spelledLike('SOURCE')).toEqual(['Source', 'source']);
  expect(index.spelledLike('source/MAIN.ts')).toEqual(['Source/Main.ts', 'source/main.ts']);
  expect(index.spelledLike('cafe\u0301')).toEqual(['caf\u00e9']);
  expect(index.spelledLike('other')).toEqual([]);
});

it('is the same one for the same snapshot', () => {
  const entries = new Map([['a/one', true]]);
  expect(pathIndex(entries)).toBe(pathIndex(entries));
  expect(pathIndex(entries)).not.toBe(pathIndex(new Map(entries)));
});
