/** What the set-up tells the person who waits, and how it gives up. */

/** One line on stderr: stdout belongs to the command that was asked for. */
export function say(line) {
  process.stderr.write(`weaver: ${line}\n`);
}

/** Set-up that cannot go on: one sentence on what is wrong, one on what to do. Exit code 3 is configuration. */
export class SetupFault extends Error {
  constructor(message, { next, exitCode = 3, cause } = {}) {
    super(next === undefined ? message : `${message}\n        ${next}`, cause === undefined ? undefined : { cause });
    this.name = 'SetupFault';
    this.exitCode = exitCode;
  }
}

/** Runs a script's main function; a fault is shown without a stack, anything else with one. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (error instanceof SetupFault) {
      say(error.message);
      process.exitCode = error.exitCode;
      return;
    }
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}

export const seconds = (startedAt) => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
