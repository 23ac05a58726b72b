/** Which files are source, and which of them a parser can read; told from their names. */

export const PARSED_LANGUAGES = [
  'cpp',
  'c-sharp',
  'go',
  'java',
  'javascript',
  'php',
  'python',
  'ruby',
  'rust',
  'tsx',
  'typescript',
] as const;

export type ParsedLanguage = (typeof PARSED_LANGUAGES)[number];

const ENDINGS: Readonly<Record<ParsedLanguage, readonly string[]>> = {
  // C is read by the grammar of C++, which has all of it that a map shows.
  cpp: ['c', 'cc', 'cpp', 'cxx', 'h', 'hh', 'hpp', 'hxx', 'ipp', 'inl'],
  'c-sharp': ['cs'],
  go: ['go'],
  java: ['java'],
  javascript: ['js', 'cjs', 'mjs', 'jsx'],
  php: ['php', 'phtml'],
  python: ['py', 'pyi', 'pyx'],
  ruby: ['rb', 'rake', 'gemspec'],
  rust: ['rs'],
  tsx: ['tsx'],
  typescript: ['ts', 'cts', 'mts'],
};

/** Source whose words are read and whose definitions are not. */
const OTHERS = (
  'asm astro bash bat clj cljs cmake coffee cr css cu d dart elm erl ex exs f90 fs fsx gd glsl gradle graphql groovy hcl hrl hs ' +
  'html j2 jinja jl kt kts less liquid lisp lua m ml mli mm nim nix pas pl pm proto ps1 pug r s sass scala scm scss sh sol sql ' +
  'svelte swift tcl tf tpl twig v vb vhd vim vue wgsl zig zsh'
).split(' ');

const LANGUAGE_BY_ENDING: ReadonlyMap<string, ParsedLanguage | null> = new Map([
  ...OTHERS.map((ending) => [ending, null] as const),
  ...PARSED_LANGUAGES.flatMap((language) => ENDINGS[language].map((ending) => [ending, language] as const)),
]);

/** Undefined for what is no source; null for source that no parser here can read. */
export function languageOf(path: string): ParsedLanguage | null | undefined {
  const ending = /\.([A-Za-z0-9]+)$/.exec(path)?.[1];
  return ending === undefined || MADE.test(path) ? undefined : LANGUAGE_BY_ENDING.get(ending.toLowerCase());
}

/** Made by a program from what is source. */
const MADE = /(?:[.-]min\.|\.bundle\.|\.pb\.|_pb2?\.|\.generated\.|\.d\.[cm]?ts$)/;
