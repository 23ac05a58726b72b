/** Whether a command has failed because its own program is not there. */

/** What a shell ends with that does not find a program, or may not start it. */
const NOT_STARTED: ReadonlySet<number | null> = new Set([126, 127]);

/**
 * The program, as the shell has named it. Null if something that the command runs is missing in its turn: then the command was
 * there and has failed, and a shell's exit code that a program has passed on says nothing of the host.
 */
export function missingProgram(run: string, exitCode: number | null, printed: string): string | null {
  if (!NOT_STARTED.has(exitCode)) return null;
  const words = new Set(run.split(WORD_ENDS));
  for (const line of printed.split('\n').toReversed()) {
    const [, before, after] = COMPLAINT.exec(line.trim()) ?? [];
    const name = before ?? after;
    if (name !== undefined && words.has(name)) return name;
  }
  return null;
}

const WORD_ENDS = /[\s'"`;|&()<>]+/;

/** dash: `sh: 1: x: not found`, bash: `sh: line 1: x: command not found`, busybox: `sh: x: not found`, zsh: `command not found: x`. */
const COMPLAINT =
  /^\S*sh(?:\[\d+\])?: (?:line )?(?:\d+: )?(?:(?:exec|eval): )?(?:([^\s:]+): (?:command not found|not found|No such file or directory|Permission denied)|command not found: ([^\s:]+))$/;
