/** What a real case is: a published release with a known bug, and the release that mended it. */

export type Language = 'python' | 'javascript' | 'go' | 'rust';

/** One archive of a package registry. */
export interface Release {
  readonly version: string;
  /** SHA-256 of the archive as the registry serves it, in hex. */
  readonly sha256: string;
  /** Of Python: the files as they are installed. A source distribution is built before it is handed out, for ten seconds. */
  readonly isWheel?: true;
}

/** A source file and what is done to its text. */
export interface SourceChange {
  readonly path: string;
  readonly change: (source: string) => string;
}

/** Packages are not kept in this repository: the archives are fetched, and only what stands here is our own text. */
export interface RealCase {
  readonly name: string;
  readonly language: Language;
  /** As the registry knows it. */
  readonly package: string;
  readonly base: Release;
  readonly fixed: Release;
  readonly title: string;
  /** The bug in our own words, as the model reads it. */
  readonly description: string;
  readonly criteria: readonly string[];
  /** Source files that the next release changed to mend the bug. */
  readonly fixedFiles: readonly string[];
  /** Our test: red on the base, green with the fixed files. */
  readonly test: {
    readonly path: string;
    readonly content: string;
    /** Every test in it; the check wants each of them reported as passed. */
    readonly names: readonly string[];
  };
  /** The command that runs the tests, without network and without dependencies. */
  readonly testCommand: string;
  /** A fix that somebody could have believed in, and that does not mend the bug. */
  readonly wrong: SourceChange;
}

/** Replaces text that must be there, so that a wrong fix can never turn into no change at all. */
export function swap(source: string, pattern: RegExp, by: string): string {
  if (!pattern.test(source)) throw new Error(`nothing in the source matches ${String(pattern)}`);
  return source.replace(pattern, by);
}
