/** processes.cjs with its types. */
export interface Process {
  readonly pid: number;
  /** In ticks since the machine's start: with the number it names one process for good. */
  readonly startedAt: string;
  readonly command: string;
}

// Plain CommonJS, because the preload of a worker needs it where nothing compiles TypeScript.
// oxlint-disable-next-line typescript/no-require-imports
const plain = require('./processes.cjs') as {
  readonly descendantsOf: (pid: number) => readonly Process[];
  readonly isAlive: (process: Process) => boolean;
};

export const { descendantsOf, isAlive } = plain;

/** It outlives its worker by design: see docs/decisions/0002. */
export const isRequestProcess = ({ command }: Process): boolean => command.includes('request-process.js');
