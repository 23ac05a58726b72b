/** What every tool is given, and what it gives back. */
import type { Failure } from '../domain/failures.js';
import type { TaskSpec } from '../domain/task.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Finish, ToolsInput } from './contract.js';

export interface Bench {
  readonly ports: ActivityPorts;
  readonly spec: TaskSpec;
  readonly input: ToolsInput;
  /** The snapshot as the calls before this one have left it. */
  readonly tree: string;
}

/** What one call gives. A tool that cannot do what it is asked says so: that is a result, no fault. */
export interface ToolResult {
  readonly text: string;
  readonly isError: boolean;
  /** The changed snapshot; absent if nothing was changed. */
  readonly tree?: string;
  /** An accepted `finish`. */
  readonly finish?: Finish;
  /** What the attempt ends of if the same is refused again and again; absent = of going in circles. */
  readonly failure?: Failure;
}

export const result = (text: string): ToolResult => ({ text, isError: false });
export const refusal = (text: string, failure?: Failure): ToolResult => ({
  text: `error: ${text}`,
  isError: true,
  ...(failure === undefined ? {} : { failure }),
});
