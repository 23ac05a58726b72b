/** Exit codes of a command that has left while what it waited for goes on: `timeout`'s, and a shell's after Ctrl-C. */
export const TIMED_OUT = 124;
export const INTERRUPTED = 130;
