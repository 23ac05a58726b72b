import { syntaxFault } from '../../../src/adapters/syntax/syntax-fault';

const isFine = (path: string, text: string, isNew = false) => syntaxFault(path, text, isNew) === null;

it.each([
  ['a.json', '{"a": 1}'],
  ['a.json', '\uFEFF{"a": 1}'],
  ['tsconfig.build.json', '{"a": 1, /* why */}'],
  ['.vscode/settings.json', '{"a": 1,}'],
  ['a.yaml', 'a: 1\n---\nb: !tag 2\n'],
  ['charts/templates/a.yaml', 'a: {{ .Values.a }}\n{{- if x }}\n  - b'],
  ['a.js', '#!/usr/bin/env node\nreturn require("a")'],
  ['a.js', 'import a from "a"; export default await a();'],
  ['a.js', 'with (a) { b }'],
  ['a.cjs', 'module.exports = 1'],
  ['a.mjs', 'export {}'],
  ['a.txt', '{'],
])('has nothing against %s: %j', (path, text) => {
  expect(isFine(path, text)).toBe(true);
});

it.each([
  ['a.json', '{"a": 1,}'],
  ['a.yml', 'a: [1\nb: 2'],
  ['a.js', 'function f( {'],
  ['a.mjs', 'const a = ;'],
  ['a.cjs', 'export {}'],
])('says what is wrong with %s: %j', (path, text) => {
  expect(syntaxFault(path, text, false)).toMatch(/^It is no (?:JSON|YAML|JavaScript): ./);
});

it('does not know of what dialect a new .js file is', () => {
  expect(isFine('a.js', 'export const a = <b/>;', true)).toBe(true);
  expect(isFine('a.js', 'export const a = <b/>;')).toBe(false);
});

it('is not brought down by what is nested deeply', () => {
  expect(isFine('a.js', '['.repeat(100_000) + ']'.repeat(100_000))).toBe(true);
});
