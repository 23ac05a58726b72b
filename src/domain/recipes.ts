/** What a command of a check has carried out in its place: scripts of a manifest, rules of a Makefile, and their kin. */
import { baseName } from './path-parts.js';
import { isObject } from './plain-object.js';

/** The files of the base, as far as they have been read. */
export interface KnownFiles {
  readonly paths: ReadonlySet<string>;
  /** Undefined if nobody has read it yet. */
  textOf(path: string): string | undefined;
}

/** Commands that a recipe holds. */
export interface Piece {
  readonly path: string;
  /** The script or the rule; null for all that there is. */
  readonly name: string | null;
  readonly text: string;
}

export interface Recipes {
  readonly pieces: readonly Piece[];
  /** Files whose text is needed and not known yet. */
  readonly unread: readonly string[];
}

/** @param words of the command @param folders in which it may be carried out, '' for the top */
export function recipesOf(words: ReadonlySet<string>, folders: readonly string[], files: KnownFiles): Recipes {
  const paths = KINDS.filter(({ programs }) => [...words].some((word) => programs.test(word))).flatMap((kind) =>
    pathsOf(kind, words, folders, files).map((path) => ({ kind, path })),
  );
  const pieces: Piece[] = [];
  const unread: string[] = [];
  for (const { kind, path } of paths) {
    const text = files.textOf(path);
    if (text === undefined) unread.push(path);
    else pieces.push(...kind.pieces(path, text, words));
  }
  return { pieces, unread };
}

/** What a script or a rule of that name says in another version of the file; null if there is none. */
export function pieceIn(path: string, name: string, text: string): string | null {
  const script = path.endsWith('.json') ? scriptsOf(text)[name] : rulesOf(text).rules.get(name)?.lines.join('\n');
  return script ?? null;
}

interface Kind {
  readonly programs: RegExp;
  /** Of several the first that is there. */
  readonly names: readonly string[];
  readonly pieces: (path: string, text: string, words: ReadonlySet<string>) => readonly Piece[];
}

const MANIFESTS_MAX = 100;
const ALL_PACKAGES = /^(?:-r|-ws|--recursive|--workspaces?|--filter|workspaces?|foreach|lerna|turbo|nx)$/;

function pathsOf(
  { names }: Kind,
  words: ReadonlySet<string>,
  folders: readonly string[],
  { paths }: KnownFiles,
): readonly string[] {
  const here = folders.flatMap((folder) => {
    const found = names.map((name) => (folder === '' ? name : `${folder}/${name}`)).find((path) => paths.has(path));
    return found === undefined ? [] : [found];
  });
  // make -f build/rules.mk
  const given = [...words].filter((word) => paths.has(word) && /(?:\.mk|[Mm]akefile|justfile)$/.test(word));
  const isEverywhere = names.includes('package.json') && [...words].some((word) => ALL_PACKAGES.test(word));
  const others = isEverywhere ? [...paths].filter((path) => baseName(path) === 'package.json') : [];
  return [...new Set([...here, ...(names.includes('Makefile') ? given : []), ...others])].slice(0, MANIFESTS_MAX);
}

const whole = (path: string, text: string): readonly Piece[] => [{ path, name: null, text }];

function scriptPieces(path: string, text: string, words: ReadonlySet<string>): readonly Piece[] {
  const scripts = scriptsOf(text);
  const asked = [...words].flatMap((word) => (/^t(?:st)?$/.test(word) ? ['test'] : [word.replace(/^(?:npm:|@)/, '')]));
  const named = Object.keys(scripts).filter((name) => asked.some((word) => isName(word, name)));
  const names = new Set(named.flatMap((name) => [`pre${name}`, name, `post${name}`]));
  // Composer: one script calls another so.
  for (const name of names)
    for (const [, other = ''] of (scripts[name] ?? '').matchAll(/@([\w:-]+)/g)) names.add(other);
  return [...names].flatMap((name) => (scripts[name] === undefined ? [] : [{ path, name, text: scripts[name] }]));
}

/** `run-s check:*` */
const isName = (word: string, name: string): boolean =>
  word === name || (word.endsWith('*') && name.startsWith(word.replace(/\*+$/, '')) && word.length > 2);

function scriptsOf(text: string): Readonly<Record<string, string>> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // What npm cannot read either holds no script.
    return {};
  }
  const scripts = isObject(manifest) ? (manifest['scripts'] ?? manifest['tasks']) : null;
  if (!isObject(scripts)) return {};
  const lines = Object.entries(scripts).map(([name, value]) => [name, commandOf(value)] as const);
  return Object.fromEntries(lines.filter(([, line]) => line !== ''));
}

/** Composer has lists, deno objects. */
function commandOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(commandOf).join('\n');
  return isObject(value) ? commandOf(value['command'] ?? '') : '';
}

interface Rule {
  readonly needs: string[];
  readonly lines: string[];
}

interface Rules {
  readonly rules: ReadonlyMap<string, Rule>;
  readonly variables: string;
}

/** With the parameters that a recipe of just may have. */
const RULE = /^@?([^\s#=:](?:[^=:#]|='[^']*'|="[^"]*")*?)\s*::?(?!=)(.*)$/;
const CONDITION = /^(?:ifn?(?:eq|def)|else|endif)\b/;

/** Of a Makefile or a justfile. */
function rulesOf(text: string): Rules {
  const rules = new Map<string, Rule>();
  const variables: string[] = [];
  let open: readonly Rule[] = [];
  for (const line of text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    if (CONDITION.test(line) || line.trim() === '') continue;
    if (/^\s/.test(line)) {
      for (const rule of open) rule.lines.push(line.trim());
      continue;
    }
    const [, targets, rest = ''] = RULE.exec(line) ?? [];
    if (targets === undefined) {
      variables.push(line);
      open = [];
      continue;
    }
    const [needs = '', ...commands] = rest.split(';');
    open = targets.split(/\s+/).map((target) => {
      const rule = rules.get(target) ?? { needs: [], lines: [] };
      rule.needs.push(...needs.split(/\s+/).filter((each) => each !== ''));
      rule.lines.push(...commands.map((each) => each.trim()));
      rules.set(target, rule);
      return rule;
    });
  }
  return { rules, variables: variables.join('\n') };
}

/** The rules that are named, or else the first, and what they need; pattern rules may serve any of them. */
function rulePieces(path: string, text: string, words: ReadonlySet<string>): readonly Piece[] {
  const { rules, variables } = rulesOf(text);
  const all = [...rules.keys()].filter((name) => !name.startsWith('.'));
  const named = all.filter((name) => words.has(name));
  const begun = named.length === 0 && isBare(words, path) ? all.slice(0, 1) : named;
  if (begun.length === 0) return [];
  const reached = new Set([...begun, ...all.filter((name) => name.includes('%'))]);
  for (const name of reached) for (const need of rules.get(name)?.needs ?? []) if (rules.has(need)) reached.add(need);
  return [
    ...[...reached].map((name) => ({ path, name, text: rules.get(name)?.lines.join('\n') ?? '' })),
    { path, name: null, text: [variables, ...[...reached].flatMap((name) => rules.get(name)?.needs ?? [])].join('\n') },
  ];
}

/** Whether no rule is asked for, as far as that can be told: one that is not there yet may be what the task is to bring. */
const isBare = (words: ReadonlySet<string>, path: string): boolean =>
  [...words].every((word) => NO_RULE.test(word) || path.split('/').includes(word));

const NO_RULE = /^(?:\$|-.*|.*\/.*|\d+|[A-Z_]+|g?make|just|cd|exec|time|env|nice)$/;

const KINDS: readonly Kind[] = [
  {
    programs: /^(?:npm|pnpm|yarn|bun|node|npx|run-[sp]|npm-run-all2?|concurrently|lerna|turbo|nx)$/,
    names: ['package.json'],
    pieces: scriptPieces,
  },
  { programs: /^composer(?:\.phar)?$/, names: ['composer.json'], pieces: scriptPieces },
  { programs: /^deno$/, names: ['deno.json', 'deno.jsonc'], pieces: scriptPieces },
  { programs: /^(?:g?make|MAKE)$/, names: ['GNUmakefile', 'makefile', 'Makefile'], pieces: rulePieces },
  { programs: /^just$/, names: ['justfile', 'Justfile', '.justfile'], pieces: rulePieces },
  { programs: /^tox$/, names: ['tox.ini', 'tox.toml'], pieces: whole },
  { programs: /^nox$/, names: ['noxfile.py'], pieces: whole },
  { programs: /^(?:tox|poe|hatch|pdm|rye|pixi|taskipy)$/, names: ['pyproject.toml'], pieces: whole },
  { programs: /^(?:inv|invoke)$/, names: ['tasks.py'], pieces: whole },
  { programs: /^rake$/, names: ['Rakefile', 'rakefile'], pieces: whole },
  { programs: /^(?:task|go-task)$/, names: ['Taskfile.yml', 'Taskfile.yaml'], pieces: whole },
  { programs: /^cargo$/, names: ['.cargo/config.toml', '.cargo/config'], pieces: whole },
  { programs: /^pre-commit$/, names: ['.pre-commit-config.yaml'], pieces: whole },
  { programs: /^ant$/, names: ['build.xml'], pieces: whole },
];

/** Whether the file is one that commands are looked up in. */
export const isRecipe = (path: string): boolean => path.endsWith('.mk') || NAMES.has(baseName(path));

const NAMES: ReadonlySet<string> = new Set(KINDS.flatMap(({ names }) => names.map(baseName)));
