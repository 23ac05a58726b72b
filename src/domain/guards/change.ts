/** What guards look at, and what they find. */
import type { FilePatch } from '../patch.js';

/** A file of the change, with what is known of it beside its patch. */
export interface ChangedFile extends FilePatch {
  /** It judges the work: a test, or what steers tests. */
  readonly isTest: boolean;
  /** The task or the configuration names it in `protect` with the policy `allow`. */
  readonly isFree: boolean;
  /** The whole texts, where they were read; null of a side that has no file, or no text. */
  readonly texts?: { readonly before: string | null; readonly after: string | null };
  /** Bytes, where they are known; 0 of a side that has no file. */
  readonly sizes?: { readonly before: number; readonly after: number };
}

export interface Change {
  readonly files: readonly ChangedFile[];
  /** Title, description and criteria of the task: what it asks for is no accident. */
  readonly words: string;
}

export const GUARDS = [
  'placeholder',
  'massDeletion',
  'whitespaceOnly',
  'leftovers',
  'debugStatements',
  'weakenedTests',
  'syntax',
] as const;
export type GuardName = (typeof GUARDS)[number];

/** `deny`: the attempt fails; `warn`: it is written down; `allow`: nobody looks. */
export type GuardPolicy = 'deny' | 'warn' | 'allow';
export type GuardPolicies = Partial<Readonly<Record<GuardName, GuardPolicy>>>;

export interface Finding {
  readonly guard: GuardName;
  /** Empty if it is about the change as a whole. */
  readonly path: string;
  readonly line: number | null;
  /** One sentence. */
  readonly says: string;
  /** What the guard itself would do; the task's policy comes before it. */
  readonly weight: 'deny' | 'warn';
}

/** Files for people: what looks like code there is an example. */
export const isProse = (path: string): boolean =>
  /\.(?:md|mdx|markdown|rst|txt|adoc|org)$|(?:^|\/)(?:CHANGELOG|LICENSE|README)[^/]*$/i.test(path);

/** A line of the change, short enough for a sentence. */
export const quoted = (text: string): string => `“${text.trim().replaceAll(/\s+/g, ' ').slice(0, 80).toWellFormed()}”`;
