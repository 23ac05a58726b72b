/**
 * Program of the thread that parses: tree-sitter and its grammars as WebAssembly, each loaded when it is first needed. A
 * thread of its own, because parsing a large repository takes seconds in which a worker could answer nobody.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { Language, Parser } from '@vscode/tree-sitter-wasm';
import { tagsOf, type FileTags } from '../../domain/map/file-tags.js';
import type { ParsedLanguage } from '../../domain/map/languages.js';
import type { SourceText } from '../../ports.js';
import { definitionsIn } from './definitions.js';
import type { ParserAnswer, ParserRequest } from './parser-protocol.js';
import { firstFault } from './syntax-faults.js';
import type { SyntaxNode } from './syntax-node.js';

const WASM = dirname(require.resolve('@vscode/tree-sitter-wasm'));

const parsers = new Map<ParsedLanguage, Promise<Parser>>();
const ready = Parser.init({ locateFile: (name: string) => join(WASM, name) });

parentPort?.on('message', (request: ParserRequest) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});

async function answer({ wanted, files }: ParserRequest): Promise<ParserAnswer> {
  try {
    if (wanted === 'tags') return { kind: 'tags', tags: await inTurn(files, tagsOfFile) };
    return { kind: 'faults', faults: await inTurn(files, faultOfFile) };
  } catch (thrown) {
    return { kind: 'failed', says: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

async function inTurn<T>(files: readonly SourceText[], read: (file: SourceText) => Promise<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for (const file of files) all.push(await read(file));
  return all;
}

const tagsOfFile = async ({ language, text }: SourceText): Promise<FileTags> =>
  tagsOf(text, language === null ? [] : await withTree(language, text, (root) => definitionsIn(root, language)));

const faultOfFile = async ({ language, text }: SourceText): Promise<string | null> =>
  language === null ? null : await withTree(language, text, firstFault);

async function withTree<T>(language: ParsedLanguage, text: string, use: (root: SyntaxNode) => T): Promise<T> {
  const known = parsers.get(language) ?? load(language);
  parsers.set(language, known);
  const tree = (await known).parse(text);
  if (tree === null) throw new Error(`the grammar of ${language} gave up`);
  try {
    return use(tree.rootNode);
  } finally {
    // Memory of the grammar's, of which no garbage collector knows.
    tree.delete();
  }
}

async function load(language: ParsedLanguage): Promise<Parser> {
  await ready;
  const grammar = await Language.load(await readFile(join(WASM, `tree-sitter-${language}.wasm`)));
  const parser = new Parser();
  parser.setLanguage(grammar);
  return parser;
}
