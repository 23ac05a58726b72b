/** What a task is about, as far as its words tell. */
import { countsOf, namesIn, stemsOf } from './source-words.js';

export interface TaskWords {
  readonly title: string;
  readonly description: string;
  readonly criteria: readonly string[];
  readonly relatedFiles: readonly string[];
}

export interface Focus {
  /** By stem: how much the task speaks of it. */
  readonly stems: ReadonlyMap<string, number>;
  /** Names that can only be those of code: with an underscore, a capital inside, a call's parenthesis, between backticks. */
  readonly names: ReadonlySet<string>;
  readonly relatedFiles: ReadonlySet<string>;
  /** All of it, for paths that it names. */
  readonly text: string;
}

/** A title is the shortest account; a criterion says what must come of it. */
const WEIGHTS = { title: 2, description: 1, criteria: 1 } as const;

/** Of each part; beyond it a text repeats itself, or is a log. */
const CHARACTERS_MAX = 20_000;

export function focusOf({ title, description, criteria, relatedFiles }: TaskWords): Focus {
  const parts = { title, description, criteria: criteria.join('\n') };
  const stems = new Map<string, number>();
  const names = new Set<string>();
  for (const [part, weight] of Object.entries(WEIGHTS) as (readonly [keyof typeof WEIGHTS, number])[]) {
    const text = parts[part].slice(0, CHARACTERS_MAX);
    for (const name of codeNamesIn(text)) names.add(name);
    for (const [word, count] of countsOf(namesIn(text).flatMap(stemsOf)))
      stems.set(word, (stems.get(word) ?? 0) + weight * (1 + Math.log(count)));
  }
  return { stems, names, relatedFiles: new Set(relatedFiles), text: Object.values(parts).join('\n') };
}

/** Whether the task names the file itself. */
export const isNamed = (path: string, { relatedFiles, text }: Focus): boolean =>
  relatedFiles.has(path) || text.includes(path);

function codeNamesIn(text: string): readonly string[] {
  const shaped = namesIn(text).filter((name) => /[a-z][A-Z]|[A-Za-z]_[A-Za-z]|^[_$]\w|[A-Z]{2,}[a-z]{2}/.test(name));
  const called = [...text.matchAll(/([A-Za-z_$][\w$]*)\(/g)].map(([, name = '']) => name);
  const quoted = [...text.matchAll(/`([^`\n]{1,80})`/g)].flatMap(([, code = '']) => namesIn(code));
  return [...shaped, ...called, ...quoted].filter((name) => name.length > 2);
}
