/** What a worker and its starter say to each other, over Node's own channel between parent and child. */
import type { FailureCode } from '../../domain/failures.js';
import type { Command, CommandResult } from '../../ports.js';
import type { GitCall, GitResult } from '../git/run-git.js';
import type { Launch } from '../sandbox/run-command.js';

/** What is to be run, as data: a signal becomes an `abort`, the news of a start becomes `started`. */
export type Work =
  | {
      readonly kind: 'git';
      readonly call: Omit<GitCall, 'signal' | 'onStart'>;
      /** The caller writes its number down, and it must not outlive the worker. */
      readonly noted: boolean;
    }
  | { readonly kind: 'command'; readonly command: Command; readonly launch: Launch };

export type ToStarter =
  { readonly kind: 'run'; readonly id: number; readonly work: Work } | { readonly kind: 'abort'; readonly id: number };

export type FromStarter =
  | { readonly kind: 'started'; readonly id: number; readonly pid: number }
  | { readonly kind: 'ended'; readonly id: number; readonly result: GitResult | CommandResult }
  | { readonly kind: 'aborted'; readonly id: number }
  | {
      readonly kind: 'fault';
      readonly id: number;
      readonly code: FailureCode;
      readonly message: string;
      readonly retryable: boolean;
    };
