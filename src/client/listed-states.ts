/** States that tasks are listed by. They stand apart from the listing: the command line names them before it knows any server. */

/** Each as a condition of the server's query language. */
export const STATE_CONDITIONS: Readonly<Record<string, string>> = {
  open: "ExecutionStatus = 'Running'",
  running: "ExecutionStatus = 'Running' AND WeaverPhase != 'waiting'",
  blocked: "ExecutionStatus = 'Running' AND WeaverPhase = 'waiting'",
  succeeded: "WeaverOutcome = 'succeeded'",
  dead: "(WeaverOutcome = 'dead' OR ExecutionStatus IN ('Terminated', 'Failed'))",
  stuck: "(WeaverOutcome = 'stuck' OR ExecutionStatus = 'TimedOut')",
  failed: "(WeaverOutcome IN ('dead', 'stuck') OR ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut'))",
  cancelled: "ExecutionStatus = 'Canceled'",
  decomposed: "WeaverOutcome = 'decomposed'",
};

/** A task that is pending is not there yet: the server is asked for its job. */
export const LISTED_STATES: readonly string[] = [...Object.keys(STATE_CONDITIONS), 'pending'];
