/** What the parts of a syntax tree define, by language: names of node types are those of the grammars. */
import type { ParsedLanguage } from '../../domain/map/languages.js';
import type { Definition } from '../../domain/map/file-tags.js';
import type { SyntaxNode } from './syntax-node.js';

type NameOf = (node: SyntaxNode) => string | null;

const field =
  (name: string): NameOf =>
  (node) =>
    node.childForFieldName(name)?.text ?? null;

const named = field('name');
const all = (types: readonly string[]): readonly (readonly [string, NameOf])[] =>
  types.map((type) => [type, named] as const);

/** `struct a b;` speaks of a type, only with a body it makes one. */
const withBody: NameOf = (node) => (node.childForFieldName('body') === null ? null : named(node));

/** `int *Range::parse(…)`: the last name is the function's. */
const declared: NameOf = (node) =>
  /(?:^|::|\s)(~?[A-Za-z_]\w*)$/.exec(node.childForFieldName('declarator')?.text ?? '')?.[1] ?? null;

const FUNCTIONS = new Set([
  'arrow_function',
  'class',
  'function',
  'function_expression',
  'generator_function',
  'class_expression',
]);

const isFunction = (node: SyntaxNode | null): boolean => node !== null && FUNCTIONS.has(node.type);

const TOP = new Set(['program', 'module', 'export_statement']);

/** Functions by any name; of other values those that the whole file knows, but for what it only has from elsewhere. */
const variable: NameOf = (node) => {
  const value = node.childForFieldName('value');
  const isKnown =
    TOP.has(node.parent?.parent?.type ?? '') && !/^(?:await )?(?:require|import)\b/.test(value?.text ?? '');
  const name = named(node);
  return (isFunction(value) || isKnown) && name !== null && /^[\w$]+$/.test(name) ? name : null;
};

/** `exports.parse = …`, `Range.prototype.parse = function …` */
const assigned: NameOf = (node) => {
  const left = node.childForFieldName('left');
  if (left?.type !== 'member_expression') return null;
  const isExport = /^(?:module\.)?exports\.\w+$/.test(left.text);
  return isExport || isFunction(node.childForFieldName('right'))
    ? (left.childForFieldName('property')?.text ?? null)
    : null;
};

/** `{ parse: function … }` */
const entry: NameOf = (node) =>
  isFunction(node.childForFieldName('value')) ? (node.childForFieldName('key')?.text ?? null) : null;

/** A name of the module itself. */
const moduleVariable: NameOf = (node) => {
  const left = node.childForFieldName('left');
  return left?.type === 'identifier' && node.parent?.parent?.type === 'module' ? left.text : null;
};

const SCRIPT = [
  ...all(['class_declaration', 'function_declaration', 'generator_function_declaration', 'method_definition']),
  ['variable_declarator', variable],
  ['assignment_expression', assigned],
  ['pair', entry],
] as const;

const TYPED_SCRIPT = [
  ...SCRIPT,
  ...all([
    'abstract_class_declaration',
    'abstract_method_signature',
    'enum_declaration',
    'function_signature',
    'interface_declaration',
    'type_alias_declaration',
  ]),
];

const DEFINING: Readonly<Record<ParsedLanguage, readonly (readonly [type: string, NameOf])[]>> = {
  cpp: [
    ['class_specifier', withBody],
    ['enum_specifier', withBody],
    ['struct_specifier', withBody],
    ['union_specifier', withBody],
    ['function_declarator', declared],
    ['type_definition', declared],
    ...all(['alias_declaration', 'concept_definition', 'namespace_definition', 'preproc_def', 'preproc_function_def']),
  ],
  'c-sharp': all([
    'class_declaration',
    'constructor_declaration',
    'delegate_declaration',
    'enum_declaration',
    'interface_declaration',
    'method_declaration',
    'property_declaration',
    'record_declaration',
    'struct_declaration',
  ]),
  go: all(['const_spec', 'function_declaration', 'method_declaration', 'type_alias', 'type_spec']),
  java: all([
    'annotation_type_declaration',
    'class_declaration',
    'constructor_declaration',
    'enum_declaration',
    'interface_declaration',
    'method_declaration',
    'record_declaration',
  ]),
  javascript: SCRIPT,
  php: all([
    'class_declaration',
    'enum_declaration',
    'function_definition',
    'interface_declaration',
    'method_declaration',
    'trait_declaration',
  ]),
  python: [...all(['class_definition', 'function_definition']), ['assignment', moduleVariable]],
  ruby: all(['class', 'method', 'module', 'singleton_method']),
  rust: all([
    'const_item',
    'enum_item',
    'function_item',
    'function_signature_item',
    'macro_definition',
    'mod_item',
    'static_item',
    'struct_item',
    'trait_item',
    'type_item',
    'union_item',
  ]),
  tsx: TYPED_SCRIPT,
  typescript: TYPED_SCRIPT,
};

/** Made by a program; the map shows a few. */
const NAME_CHARACTERS_MAX = 80;

/** In the order of the file. */
export function definitionsIn(root: SyntaxNode, language: ParsedLanguage): readonly Omit<Definition, 'text'>[] {
  const rules = new Map(DEFINING[language]);
  const found = root.descendantsOfType([...rules.keys()]).flatMap((node) => {
    const name = node === null ? null : (rules.get(node.type)?.(node) ?? null);
    if (node === null || name === null || name === '' || name.length > NAME_CHARACTERS_MAX) return [];
    return [{ name, line: node.startPosition.row + 1 }];
  });
  return found.toSorted((a, b) => a.line - b.line);
}
