/** What the client throws: always a code, a sentence and the next step; never a stack trace for the user. */
import { exitCodeOf, failure, showFailure, type FailureCode, type ShownFailure } from '../domain/failures.js';

/** Faults of asking, beside those of the catalogue: they never end a task. */
export type AskingCode =
  | 'usage'
  | 'unknownTask'
  | 'unknownSchedule'
  | 'scheduleTaken'
  | 'notThere'
  | 'refused'
  | 'ended'
  | 'stillRuns'
  | 'noWorker'
  | 'badConfiguration'
  | 'temporalCredentials'
  | 'temporalNamespace'
  | 'internal';

export interface ShownFault extends Omit<ShownFailure, 'code'> {
  readonly code: FailureCode | AskingCode;
}

export class WeaverFault extends Error {
  readonly code: ShownFault['code'];
  readonly next: string;
  /** What the command line ends with. */
  readonly exitCode: number;

  constructor({ code, message, next }: ShownFault, exitCode: number, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'WeaverFault';
    this.code = code;
    this.next = next;
    this.exitCode = exitCode;
  }

  get shown(): ShownFault {
    return { code: this.code, message: this.message, next: this.next };
  }
}

/** A fault of the catalogue; its family decides the exit code. */
export function catalogueFault(code: FailureCode, detail = '', cause?: unknown): WeaverFault {
  const failed = failure(code, detail);
  return new WeaverFault(showFailure(failed), exitCodeOf(failed), cause === undefined ? undefined : { cause });
}

/** The command or the identifier makes no sense. */
export const usageFault = (message: string, next: string): WeaverFault =>
  new WeaverFault({ code: 'usage', message, next }, 2);

export const unknownTask = (id: string): WeaverFault =>
  new WeaverFault(
    { code: 'unknownTask', message: `No task ${id} is known here.`, next: 'Look for it with weaver list.' },
    2,
  );

/** Where nobody can say which of both it is: the job's list of tasks is its worker's. */
export const notBegun = (taskId: string): WeaverFault =>
  new WeaverFault(
    {
      code: 'notThere',
      message: `${taskId} has not begun, or is none of the job's tasks.`,
      next: `See what it waits for with weaver tree ${taskId.replace(/\/t\/.*$/, '')}.`,
    },
    2,
  );

export const unknownSchedule = (name: string): WeaverFault =>
  new WeaverFault(
    {
      code: 'unknownSchedule',
      message: `No schedule ${name} is known here.`,
      next: 'Look for it with weaver schedule list.',
    },
    2,
  );
