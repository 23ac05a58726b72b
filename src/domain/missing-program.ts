/** Whether a command has failed because a program is not there. */

/** What a shell ends with that does not find a program, or may not start it. */
const NOT_STARTED: ReadonlySet<number | null> = new Set([126, 127]);

/** Whether it is worth reading what was printed. */
export const mayLackProgram = (exitCode: number | null): boolean => NOT_STARTED.has(exitCode);

/**
 * The program, as the shell has named it. Null if something that the command runs is missing in its turn: then the command was
 * there and has failed, and a shell's exit code that a program has passed on says nothing of the host.
 */
export function missingProgram(run: string, exitCode: number | null, printed: string): string | null {
  const words = new Set(run.split(WORD_ENDS));
  return namedMissing(exitCode, printed).find((name) => words.has(name)) ?? null;
}

/** A program that the command runs, itself or by another one, and that is none of the files it works on. */
export const missingOnHost = (exitCode: number | null, printed: string): string | null =>
  namedMissing(exitCode, printed).find((name) => !name.includes('/') || name.startsWith('/')) ?? null;

/** What shells have complained of, the last first. */
function namedMissing(exitCode: number | null, printed: string): readonly string[] {
  if (!mayLackProgram(exitCode)) return [];
  return printed
    .split('\n')
    .toReversed()
    .flatMap((line) => {
      const [, before, after] = COMPLAINT.exec(line.trim()) ?? [];
      return before ?? after ?? [];
    });
}

const WORD_ENDS = /[\s'"`;|&()<>]+/;

/** dash: `sh: 1: x: not found`, bash: `sh: line 1: x: command not found`, busybox: `sh: x: not found`, zsh: `command not found: x`. */
const COMPLAINT =
  /^\S*sh(?:\[\d+\])?: (?:line )?(?:\d+: )?(?:(?:exec|eval): )?(?:([^\s:]+): (?:command not found|not found|No such file or directory|Permission denied)|command not found: ([^\s:]+))$/;
