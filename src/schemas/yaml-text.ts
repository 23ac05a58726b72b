/** YAML (and so JSON) as a value whose places in the text are known. */
import {
  CST,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Pair,
  type YAMLMap,
} from 'yaml';
import type { Path, TaskFault } from './faults.js';

export type YamlText = ReadText | { readonly kind: 'faults'; readonly faults: readonly TaskFault[] };

export interface ReadText {
  readonly kind: 'ok';
  readonly value: unknown;
  readonly placeOf: (path: Path) => TextPlace;
  /** Faults that leave the value readable, such as a field named twice. */
  readonly faults: readonly TaskFault[];
}

/** Where the thing is that a path names, or the innermost thing around it that is there. */
export interface TextPlace {
  readonly line: number;
  /** How many steps of the path are there. */
  readonly depth: number;
}

/** A file has few aliases or none; expanding many of them can fill the memory. */
const ALIASES_MAX = 50;

/** A task has four levels, a configuration five. */
const DEPTH_MAX = 50;

/** More syntax errors than this are one error and its echoes. */
const FAULTS_MAX = 20;

/** Reads one document. Never throws; syntax errors give their lines. */
export function readYaml(text: string, charactersMax: number): YamlText {
  if (text.length > charactersMax)
    return broken([{ path: '', line: null, says: `is longer than ${charactersMax} characters` }]);
  if (goesTooDeep(text)) return broken([{ path: '', line: null, says: `has more than ${DEPTH_MAX} levels` }]);
  const lines = new LineCounter();
  // Merge keys (<<) are none of YAML 1.2, but every CI file has them.
  const options = { lineCounter: lines, prettyErrors: false, merge: true };
  const document = parseDocument(text.replace(/^\uFEFF/, ''), options);
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const twice = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  const syntax = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY');
  if (syntax.length > 0) {
    // Tabs and a few other things are fine in JSON only.
    const json = parseJson(text);
    if (json !== undefined)
      return { kind: 'ok', value: json, placeOf: (path) => ({ line: 1, depth: path.length }), faults: [] };
    return broken(
      syntax
        .slice(0, FAULTS_MAX)
        .map(({ code, message, pos }) => ({ path: '', line: lineAt(pos[0]), says: saySyntax(code, message) })),
    );
  }
  const faults = [
    ...twice.map(({ pos }) => ({ path: wordAt(text, pos[0]), line: lineAt(pos[0]), says: 'is there twice' })),
    ...document.warnings.map(({ pos }) => ({
      path: '',
      line: lineAt(pos[0]),
      says: 'has a tag (!…), which is not allowed here',
    })),
  ].slice(0, FAULTS_MAX);
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
    return {
      kind: 'ok',
      value,
      placeOf: (path) => {
        const { offset, depth } = find(document, path);
        return { line: lineAt(offset), depth };
      },
      faults,
    };
  } catch {
    // What is left to go wrong: aliases of nothing, aliases of aliases without end, and merges of what has no fields.
    const lost = lostAliases(document).map((offset) => ({
      path: '',
      line: lineAt(offset),
      says: 'has an alias (*…) of nothing',
    }));
    const many = {
      path: '',
      line: 1,
      says: `has more than ${ALIASES_MAX} aliases (*…), counted as often as they are used`,
    };
    const flat = flatMerges(document).map((offset) => ({
      path: '',
      line: lineAt(offset),
      says: 'merges (<<) what is no map',
    }));
    const found = lost.length > 0 ? lost : flat;
    return broken([...faults, ...(found.length > 0 ? found.slice(0, FAULTS_MAX) : [many])]);
  }
}

function lostAliases(document: Document): readonly number[] {
  const offsets: number[] = [];
  visit(document, {
    Alias: (_key, node) => {
      if (node.resolve(document) === undefined) offsets.push(node.range?.[0] ?? 0);
    },
  });
  return offsets;
}

/** Places where something is merged that has no fields. */
function flatMerges(document: Document): readonly number[] {
  const offsets: number[] = [];
  visit(document, {
    Pair: (_key, pair) => {
      if (isMerge(pair) && sourcesOf(pair, document).some((source) => !isMap(source)))
        offsets.push(startOf(pair.key) ?? 0);
    },
  });
  return offsets;
}

/** The parser has made a symbol of a plain `<<`; a quoted one is a field. */
const isMerge = ({ key }: Pair): boolean => isScalar(key) && typeof key.value === 'symbol';

function sourcesOf({ value }: Pair, document: Document): readonly unknown[] {
  const source = isAlias(value) ? value.resolve(document) : value;
  if (!isSeq(source)) return [source];
  return source.items.map((one) => (isAlias(one) ? one.resolve(document) : one));
}

/**
 * The parser works by recursion, and a stack that is used up can end the process: V8 does not survive a regular expression
 * that is compiled there. Levels made by indentation need a longer line each, so the size of the text bounds them.
 */
export function goesTooDeep(text: string): boolean {
  let brackets = 0;
  let marks = 0;
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token);
    if (type === 'flow-seq-start' || type === 'flow-map-start') brackets += 1;
    else if (type === 'flow-seq-end' || type === 'flow-map-end') brackets = Math.max(0, brackets - 1);
    else if (type === 'seq-item-ind' || type === 'explicit-key-ind') marks += 1;
    else if (type === 'newline') marks = 0;
    if (brackets > DEPTH_MAX || marks > DEPTH_MAX) return true;
  }
  return false;
}

const broken = (faults: readonly TaskFault[]): YamlText => ({ kind: 'faults', faults });

/** The parser's messages name kinds of tokens; where one goes on to quote the text, that part is left out. */
const saySyntax = (code: string, message: string): string =>
  code === 'MULTIPLE_DOCS'
    ? 'has more than one document (---)'
    : `is not valid YAML: ${message
        .replace(/(?:: [^:]*)$/, '')
        .replaceAll(/\s+/g, ' ')
        .slice(0, 200)}`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

const wordAt = (text: string, offset: number): string =>
  /^["']?([\w-]{1,60})/.exec(text.slice(offset, offset + 64))?.[1] ?? '';

function find(document: Document, path: Path): { readonly offset: number; readonly depth: number } {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  let depth = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    const found: unknown = isMap(node)
      ? pairIn(node, key, document)
      : isSeq(node) && typeof key === 'number'
        ? node.items[key]
        : undefined;
    if (found === undefined) break;
    depth += 1;
    offset = startOf(isPair(found) ? found.key : found) ?? offset;
    node = isPair(found) ? found.value : found;
  }
  return { offset, depth };
}

/** The map's own, or the first one that it merges. */
function pairIn(map: YAMLMap, key: PropertyKey, document: Document): Pair | undefined {
  const own = map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key));
  if (own !== undefined) return own;
  const sources = map.items.filter(isMerge).flatMap((pair) => sourcesOf(pair, document));
  return sources
    .filter((source) => isMap(source))
    .map((source) => pairIn(source, key, document))
    .find((found) => found !== undefined);
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
