/** Whether a file can be read by its language, for languages whose parser is at hand. */
import { parse as parseScript, type Options } from 'acorn';
import { parseAllDocuments } from 'yaml';

type Reader = (text: string, isNew: boolean) => string | null;

/** One sentence, or null: nothing is wrong, or nobody here can tell. */
export function syntaxFault(path: string, text: string, isNew: boolean): string | null {
  const reader = READERS.find(([pattern]) => pattern.test(path))?.[1];
  return reader === undefined || WITH_COMMENTS.test(path) ? null : reader(text.replace(/^\uFEFF/, ''), isNew);
}

/** JSON by its name, with comments and commas in it by custom. */
const WITH_COMMENTS =
  /(?:^|\/)(?:[tj]sconfig[\w.-]*|\.?(?:eslintrc|swcrc|babelrc|devcontainer|jshintrc|hintrc)[\w.-]*|api-extractor|nx|turbo|deno)\.json$|(?:^|\/)\.vscode\//;

const json: Reader = (text) => {
  try {
    JSON.parse(text);
    return null;
  } catch (thrown) {
    return `It is no JSON: ${words(thrown)}`;
  }
};

/** A template that becomes YAML is none yet. */
const yaml: Reader = (text) => {
  if (text.includes('{{') || text.includes('{%')) return null;
  for (const document of parseAllDocuments(text, { logLevel: 'silent', prettyErrors: true })) {
    const [error] = 'errors' in document ? document.errors : [];
    if (error !== undefined) return `It is no YAML: ${words(error)}`;
  }
  return null;
};

const LENIENT = {
  ecmaVersion: 'latest',
  allowHashBang: true,
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
  allowSuperOutsideMethod: true,
} as const satisfies Options;

const esModule: Reader = (text) => parsed(text, { ...LENIENT, sourceType: 'module' });
const commonJs: Reader = (text) => parsed(text, { ...LENIENT, sourceType: 'script' });

/** May be either; a new one may be of a dialect (JSX, Flow), of which nobody can tell by the name. */
const script: Reader = (text, isNew) => {
  const fault = esModule(text, isNew);
  return fault === null || isNew || commonJs(text, isNew) === null ? null : fault;
};

const READERS: readonly (readonly [RegExp, Reader])[] = [
  [/\.json$/, json],
  [/\.ya?ml$/, yaml],
  [/\.mjs$/, esModule],
  [/\.cjs$/, commonJs],
  [/\.js$/, script],
];

function parsed(text: string, options: Options): string | null {
  try {
    parseScript(text, options);
    return null;
  } catch (thrown) {
    // Nested deeper than the parser's own stack: nothing that it can tell of.
    if (thrown instanceof RangeError || words(thrown).startsWith('Not enough stack')) return null;
    if (thrown instanceof SyntaxError) return `It is no JavaScript: ${words(thrown)}`;
    throw thrown;
  }
}

const words = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).replaceAll(/\s+/g, ' ').slice(0, 200);
