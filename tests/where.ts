/** Tests that need something of the machine: where it is missing they are skipped, and `npm test` says at its end what for. */

/** `describe`, where the machine has it. @param need what is missing, and how to get it; no brackets */
export const describeWhere =
  (isThere: boolean, need: string) =>
  (name: string, tests: () => void): void => {
    // The reporter (scripts/count-reporter.mjs) reads it there.
    if (isThere) describe(name, tests);
    else describe.skip(`${name} [needs ${need}]`, tests);
  };
