/**
 * Which files of the base a check comes by: scripts that it names, those that recipes name (package.json, Makefile and their
 * kin), and those that such scripts name in turn. The program under test is named too, so what a file is called, where it
 * lies and what is in it decides whether it is there to judge.
 */
import { baseName, folderOf } from './path-parts.js';
import { isRecipe, pieceIn, recipesOf, type KnownFiles } from './recipes.js';

export interface Reached {
  /** They judge: whoever changes them has the change judged with these as they were, too. */
  readonly files: ReadonlySet<string>;
  /** Recipes by path: whether a script or a rule of theirs was asked for by its name. */
  readonly recipes: ReadonlyMap<string, 'named' | 'whole'>;
  /** What of them must stay for the next task: whole files, and single scripts and rules. */
  readonly kept: readonly Kept[];
  /** Files whose text is needed and not known yet. */
  readonly unread: readonly string[];
}

export interface Kept {
  readonly path: string;
  /** Null for the whole file. */
  readonly piece: { readonly name: string; readonly text: string } | null;
}

/** npm test → a script → a Makefile → a script; deeper nobody builds it. */
const DEPTH_MAX = 8;
/** A monorepo has a hundred; what is beyond is judged by its exit code alone, as everything else. */
const STEPS_MAX = 300;
/** A script of so many characters is no script. */
const TEXT_CHARACTERS_MAX = 200_000;

interface Step {
  readonly text: string;
  readonly folder: string;
  readonly depth: number;
  readonly isShell: boolean;
  /** Only what must stay leads to what must stay. */
  readonly isKept: boolean;
}

export function reachedFrom(commands: readonly string[], files: KnownFiles): Reached {
  const found = new Set<string>();
  const recipes = new Map<string, 'named' | 'whole'>();
  const kept = new Map<string, Kept>();
  const unread = new Set<string>();
  const seen = new Set<string>();
  const steps: Step[] = commands.map((text) => ({ text, folder: '', depth: 0, isShell: true, isKept: true }));
  const follow = (key: string, step: Step): void => {
    if (seen.has(key) || step.depth > DEPTH_MAX || steps.length > STEPS_MAX) return;
    seen.add(key);
    steps.push({ ...step, text: step.text.slice(0, TEXT_CHARACTERS_MAX) });
  };
  for (const step of steps) {
    const depth = step.depth + 1;
    for (const { path, name, text } of piecesOf(step, files, unread)) {
      const isKept = step.isKept && (name === null || mustStay(name, step));
      if (isKept && name !== null) kept.set(`${path}#${name}`, { path, piece: { name, text } });
      follow(`${path}#${name ?? ''}`, { text, folder: folderOf(path), depth, isShell: true, isKept });
      if (path.endsWith('.py')) found.add(path);
      // A file with the name of a rule makes make skip the rule.
      const target = isMakefile(path) && name !== null ? joined(folderOf(path), name) : null;
      if (target !== null && !files.paths.has(target)) {
        found.add(target);
        if (isKept) kept.set(target, { path: target, piece: null });
      }
      if (name !== null || !recipes.has(path)) recipes.set(path, name === null ? 'whole' : 'named');
    }
    for (const mention of mentionsIn(step, files)) {
      const { path } = mention;
      const verdict = judges(mention, step, files);
      if (verdict === 'unread') unread.add(path);
      if (verdict !== true) continue;
      found.add(path);
      const isKept = step.isKept && mention.how !== 'imported' && !mention.isLoaded && !BUILDS.test(baseName(path));
      if (isKept) kept.set(path, { path, piece: null });
      const text = files.textOf(path);
      if (text === undefined) unread.add(path);
      else follow(path, { text, folder: folderOf(path), depth, isShell: isShell(mention, text), isKept });
    }
  }
  return { files: found, recipes, kept: [...kept.values()], unread: [...unread] };
}

/** Whether what must stay has stayed; it may go on behind what it did. @param now null if the file has gone */
export function hasStayed({ path, piece }: Kept, now: string | null): boolean {
  if (piece === null || now === null) return false;
  const text = pieceIn(path, piece.name, now);
  if (text === null) return false;
  const [was, is] = [linesOf(piece.text), linesOf(text)];
  return was.every((line, at) => is[at] === line || is[at]?.startsWith(`${line} && `) === true);
}

const isMakefile = (path: string): boolean => /(?:^|\/)(?:GNUm|M|m)akefile$|\.mk$/.test(path);

const linesOf = (text: string): readonly string[] =>
  text.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').trim());

/** Named by the check itself, or one that checks by its name. */
const mustStay = (name: string, { text, depth }: Step): boolean =>
  ((depth === 0 && wordsOf(text).includes(name)) || CHECKS.test(name.replace(/^(?:pre|post)/, ''))) &&
  !BUILDS.test(name);

/** Whether a check may come by it at all: most changes are of the product alone, and nothing has to be read for them. */
export const mayBeReached = (path: string): boolean =>
  SHELL_FILE.test(path) ||
  CHECKS.test(path) ||
  isRecipe(path) ||
  INCLUDED.test(path) ||
  (PROGRAM.test(path) && !PRODUCT_FOLDER.test(path) && !PRODUCT_ENTRY.test(path));

function piecesOf({ text, folder, isShell: isCommand }: Step, files: KnownFiles, unread: Set<string>) {
  if (!isCommand) return [];
  const folders = foldersOf(text, folder);
  const all = text.split(COMMANDS).map((command) => recipesOf(new Set(wordsOf(command)), folders, files));
  for (const path of all.flatMap(({ unread: missing }) => missing)) unread.add(path);
  return all.flatMap(({ pieces }) => pieces);
}

// ---------------------------------------------------------------- what a text names

interface Mention {
  readonly path: string;
  readonly how: 'named' | 'imported';
  /** Given to a shell as what it is to carry out. */
  readonly isShell: boolean;
  /** How it ends is how the command ends: nothing looks at what it prints. */
  readonly isAlone: boolean;
  /** The runner is told to load it before the tests, or a Makefile includes it. */
  readonly isLoaded: boolean;
}

const COMMANDS = /\n|;|&&|\|\|/;
const WORDS = /[\s'"`;|&()<>=,[\]{}]+/;
/** Variables and substitutions at the beginning of a path mean a folder that is known when it runs. */
const PREFIXES = /["']?\$(?:\{\w+[^}\s]*\}|\w+|\([^()]*\))["']?\//g;

const wordsOf = (text: string): readonly string[] =>
  text
    .replaceAll(PREFIXES, ' ./')
    .split(WORDS)
    .map((word) => word.replace(/^[@+]+/, ''))
    .filter((word) => word !== '');

const FOLDER = /(?:\b(?:cd|pushd)|--prefix|-C|--cwd|--dir(?:ectory)?|-w|--workspace)[ =]+["']?([\w./-]+)/g;

function foldersOf(text: string, folder: string): readonly string[] {
  const entered = [...text.matchAll(FOLDER)].map(([, name = '']) => name);
  return [...new Set(['', folder, ...entered.flatMap((name) => [joined('', name), joined(folder, name)])])].filter(
    (each) => each !== null,
  );
}

/** Null if it leads out. */
function joined(folder: string, path: string): string | null {
  const parts: string[] = [];
  for (const part of `${folder}/${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join('/');
}

function mentionsIn(step: Step, files: KnownFiles): readonly Mention[] {
  const commands = step.isShell ? step.text.split(COMMANDS) : [step.text];
  const folders = foldersOf(step.isShell ? step.text : '', step.folder);
  const found = new Map<string, Mention>();
  for (const command of commands) {
    const isAlone = step.isShell && !/[|`]|[<$]\(/.test(command.replaceAll(PREFIXES, ' ./'));
    const words = wordsOf(command);
    const isUnittest = words.includes('unittest');
    for (const [at, word] of words.entries()) {
      const how = !step.isShell && word.startsWith('.') ? 'imported' : 'named';
      const isModule = step.isShell && (isUnittest || words[at - 1] === '-m');
      const before = words.slice(0, at).findLast((each) => !each.startsWith('-'));
      const isLoaded = step.isShell && LOADS.test(words[at - 1] ?? '');
      for (const path of pathsOf(word, isModule, isLoaded ? 'imported' : how, folders, files))
        if (!found.has(path)) found.set(path, { path, how, isAlone, isLoaded, isShell: SHELLS.test(before ?? '') });
    }
  }
  if (!step.isShell)
    for (const path of importsIn(step, files))
      if (!found.has(path)) found.set(path, { path, how: 'imported', isAlone: false, isLoaded: false, isShell: false });
  return [...found.values()];
}

const LOADS =
  /^(?:-?include|sinclude|-r|--require|--import|--(?:experimental-)?loader|--setup-?[Ff]iles?\w*|--global-?[Ss]etup)$/;
const SHELLS = /^(?:(?:ba|da|z|k)?sh|source|\.)$/;
const GLOB_MAX = 200;

function pathsOf(
  word: string,
  isModule: boolean,
  how: Mention['how'],
  folders: readonly string[],
  { paths }: KnownFiles,
): readonly string[] {
  if (/[*?]/.test(word)) return word.length > GLOB_MAX ? [] : globbed(word, folders, paths);
  const module = word.replaceAll('.', '/');
  const names = [
    word,
    ...(isModule && /^[\w.]+$/.test(word) ? [`${module}.py`, `${module}/__main__.py`] : []),
    ...(how === 'imported' ? IMPORTED.map((ending) => `${word}${ending}`) : []),
  ];
  return names.flatMap((name) =>
    folders.map((folder) => joined(folder, name)).filter((path) => path !== null && paths.has(path)),
  ) as readonly string[];
}

const IMPORTED = ['.js', '.cjs', '.mjs', '.ts', '.mts', '/index.js', '/index.ts'];

function globbed(word: string, folders: readonly string[], paths: ReadonlySet<string>): readonly string[] {
  const source = (joined('', word) ?? '')
    .replaceAll(/[.+^$\\]/g, String.raw`\$&`)
    .replaceAll(/\*+|\?/g, (sign) => (sign === '?' ? '[^/]' : sign === '*' ? '[^/]*' : '.*'));
  const patterns = folders.map((folder) => new RegExp(`^${folder === '' ? '' : `${escaped(folder)}/`}${source}$`));
  return [...paths].filter((path) => patterns.some((pattern) => pattern.test(path))).slice(0, GLOB_MAX);
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const PYTHON_IMPORT = /^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w.]+))/gm;

const importsIn = ({ text, folder }: Step, { paths }: KnownFiles): readonly string[] =>
  [...text.matchAll(PYTHON_IMPORT)]
    .map(([, from, plain]) => `${(from ?? plain ?? '').replaceAll('.', '/')}.py`)
    .flatMap((name) => [joined('', name), joined(folder, name)])
    .filter((path) => path !== null && paths.has(path)) as readonly string[];

// ---------------------------------------------------------------- what is there to judge

/** Names of what checks: of files that a check names itself, and of scripts. */
const CHECKS = /\.(?:sh|bash|bats|zsh)$|(?:^|[/_.:-])(?:tests?|checks?|specs?|verify|validate|lint|ci)(?:[/_.:-]|$)/i;
/** By a Makefile. */
const INCLUDED = /\.(?:inc|mak|make)$/;
const SHELL_FILE = /\.(?:sh|bash|zsh|ksh|fish|bats|ps1|bat|cmd)$/i;
const PROGRAM = /\.(?:py|rb|pl|php|lua|tcl|awk|r|jl|go|rs|[cm]?[jt]s)$|(?:^|\/)[^./]+$/i;
/** Where products lie, and what their entry is called. */
const PRODUCT_FOLDER = /(?:^|\/)(?:src|lib|app|pkg|internal|cmd|dist|include|public)\//i;
const PRODUCT_ENTRY = /(?:^|\/)(?:index|main|app|cli|server|manage|__main__|__init__)\.\w+$/i;
/** The product's to install it, or loaded before the tests: what the command says of it decides. */
const SETUP = /(?:^|\/)setup\.\w+$/i;
const TOOLS = /(?:^|\/)(?:scripts?|tools?|hack|ci|\.ci|dev|xtask|qa)\//i;
const RUNS_ALL =
  /(?:^|[/_.-])(?:run[-_.]?(?:all|it|me|suite|everything)|all[-_]tests|suite|harness|smoke|e2e|integration|self[-_]?test)(?:[/_.-]|$)/i;
/** A program that ends as it has found things, or that starts those that do. */
const JUDGING =
  /\b(?:unittest|pytest|assert)\b|node:test|\bTest::More\b|\bminitest\b|\b(?:sys|process|os)\._?exit\b|\bsubprocess\b|\bchild_process\b|\bSystemExit\b/i;
/** What builds may have to change with the work. */
const BUILDS =
  /(?:^|[/_.:-])(?:pre|post)?(?:build|compile|bundle|install|generate|gen|codegen|bootstrap|setup|deps|prepare|fetch|format|fmt|fix|clean)(?:[/_.:-]|$)/i;

function judges(
  { path, how, isShell: isGiven, isAlone, isLoaded }: Mention,
  { depth }: Step,
  files: KnownFiles,
): boolean | 'unread' {
  if (SHELL_FILE.test(path) || (isGiven && how === 'named')) return true;
  // Only where it lies tells such a one from the product: `setup.js` is what it is called.
  if (isLoaded && !PRODUCT_FOLDER.test(path)) return true;
  const isProduct = [PRODUCT_FOLDER, PRODUCT_ENTRY, SETUP].some((names) => names.test(path));
  if (how === 'named' && CHECKS.test(path) && (depth === 0 || !isProduct)) return true;
  if (isProduct || !PROGRAM.test(path)) return false;
  if (TOOLS.test(path) || (how === 'named' && RUNS_ALL.test(path))) return true;
  if (how === 'imported' || !isAlone) return false;
  const text = files.textOf(path);
  if (text === undefined) return 'unread';
  return (baseName(path).includes('.') || text.startsWith('#!')) && JUDGING.test(text);
}

const isShell = ({ path, isShell: isGiven }: Mention, text: string): boolean =>
  isGiven || SHELL_FILE.test(path) || /^#!.*\b(?:ba|da|z|k)?sh\b/.test(text);
