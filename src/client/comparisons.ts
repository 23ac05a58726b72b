/** Comparisons of models: started under a key, followed, and taken up again without a call paid twice. */
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure, type WorkflowIdReusePolicy } from '@temporalio/common';
import { createHash } from 'node:crypto';
import type { CompareSpec } from '../domain/compare.js';
import { canonicalJson } from '../domain/consensus.js';
import { isFailureCode } from '../domain/failures.js';
import { isKey, KEY_RULE } from '../domain/key.js';
import { START_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import {
  COMPARE_PROGRESS_QUERY,
  COMPARE_WORKFLOW,
  type CompareInput,
  type CompareProgress,
  type CompareResult,
} from '../workflows/compare-messages.js';
import { CANCEL_SIGNAL, type CancelRequest } from '../workflows/messages.js';
import { randomKey } from './task-id.js';
import { isNotFound, isUnanswered, temporalFault } from './temporal-faults.js';
import { catalogueFault, usageFault } from './weaver-fault.js';

export interface ComparisonsOptions {
  readonly taskQueue: string;
  readonly address: string;
  /** Runs one question to the server and translates its faults. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T>;
}

export interface ComparisonHandle {
  /** `compare/<key>` */
  readonly id: string;
  readonly key: string;
  /** False if it was there already. */
  readonly started: boolean;
}

/** A worker that is there answers in milliseconds. */
const QUERY_TIMEOUT_MS = 3_000;
const REASON_CHARACTERS_MAX = 500;

export class Comparisons {
  constructor(
    private readonly temporal: Client,
    private readonly options: ComparisonsOptions,
  ) {}

  /**
   * The same comparison under the same key is the same one. One that was stopped before its end goes on: what it has paid for
   * is in its ledger.
   */
  async begin(spec: CompareSpec, { key, taskQueue }: BeginOptions = {}): Promise<ComparisonHandle> {
    if (key !== undefined && !isKey(key))
      throw usageFault(`“${key.slice(0, 120)}” cannot be a key.`, `Use ${KEY_RULE}`);
    const named = key ?? randomKey(Date.now());
    const id = `compare/${named}`;
    const queue = taskQueue ?? this.options.taskQueue;
    const input: CompareInput = { schemaVersion: 1, spec };
    guardSize(input);
    if (await this.start(id, input, queue, 'REJECT_DUPLICATE')) return { id, key: named, started: true };
    // Whatever became of it: its ledger has the answers to its own questions.
    await this.mustBeSame(id, spec);
    const earlier = await this.stopped(id);
    const again = earlier === null ? input : { ...input, ...basesOf(earlier) };
    const policy = earlier === null ? 'ALLOW_DUPLICATE_FAILED_ONLY' : 'ALLOW_DUPLICATE';
    return { id, key: named, started: await this.start(id, again, queue, policy) };
  }

  /** Null if no worker answers just now. */
  async progress(id: string): Promise<CompareProgress | null> {
    try {
      return await this.temporal.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
        this.temporal.workflow.getHandle(id).query<CompareProgress>(COMPARE_PROGRESS_QUERY),
      );
    } catch (thrown) {
      if (isUnanswered(thrown)) return null;
      throw temporalFault(thrown, this.options.address) ?? thrown;
    }
  }

  /** Waits for its end, however long it takes. Aborting stops the waiting, not the comparison. */
  async result(id: string, signal: AbortSignal): Promise<CompareResult> {
    try {
      return await this.temporal.withAbortSignal(signal, () => this.temporal.workflow.getHandle(id).result());
    } catch (thrown) {
      throw failureIn(thrown, id) ?? temporalFault(thrown, this.options.address) ?? thrown;
    }
  }

  /** Asks it to stop: nothing more is asked, and what was answered is kept. */
  async cancel(id: string): Promise<void> {
    await this.options.ask(() => this.temporal.workflow.getHandle(id).cancel());
  }

  /** The same by its id, with who wants it and why. Null if there is none; `asked` is false if it had ended. */
  async stop(id: string, { reason, requester }: StopComparison): Promise<{ readonly asked: boolean } | null> {
    const handle = this.temporal.workflow.getHandle(id);
    const found = await unlessNotFound(this.options.ask(() => handle.describe()));
    if (found === null || found.status.name !== 'RUNNING') return found === null ? null : { asked: false };
    const request: CancelRequest = { reason: reason.slice(0, REASON_CHARACTERS_MAX), requester };
    // The reason first: the cancel carries none. It may end in this moment.
    const told = await unlessNotFound(this.options.ask(() => handle.signal(CANCEL_SIGNAL, request)).then(() => true));
    const asked = told !== null && (await unlessNotFound(this.options.ask(() => handle.cancel()))) !== null;
    return { asked };
  }

  /** `running`, or how it has ended: `completed`, `cancelled`, `spent`, `failed`, `terminated`. */
  async stateOf(id: string): Promise<string> {
    const handle = this.temporal.workflow.getHandle(id);
    const { status } = await this.options.ask(() => handle.describe());
    if (status.name !== 'COMPLETED') return status.name.toLowerCase();
    const { stopped } = await this.options.ask(() => handle.result() as Promise<CompareResult>);
    return stopped?.kind ?? 'completed';
  }

  /** False if one is there that the policy keeps. */
  private async start(
    id: string,
    input: CompareInput,
    taskQueue: string,
    workflowIdReusePolicy: WorkflowIdReusePolicy,
  ): Promise<boolean> {
    const started = async (): Promise<boolean> => {
      await this.temporal.workflow.start(COMPARE_WORKFLOW, {
        workflowId: id,
        taskQueue,
        args: [input],
        workflowIdReusePolicy,
        memo: { specHash: hashOf(input.spec) },
        staticSummary: `compares ${input.spec.models.length} models on ${input.spec.cases.length} cases`,
      });
      return true;
    };
    return await this.options.ask(async () => {
      try {
        return await started();
      } catch (thrown) {
        if (thrown instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw thrown;
      }
    });
  }

  private async mustBeSame(id: string, spec: CompareSpec): Promise<void> {
    const { memo } = await this.options.ask(() => this.temporal.workflow.getHandle(id).describe());
    if (memo?.['specHash'] !== hashOf(spec)) throw catalogueFault('keyTaken', `${id} compares something else.`);
  }

  /** What became of it before its end; null if it runs, has failed or was done. */
  private async stopped(id: string): Promise<CompareResult | null> {
    const { status } = await this.options.ask(() => this.temporal.workflow.getHandle(id).describe());
    if (status.name !== 'COMPLETED') return null;
    const result = await this.options.ask(
      () => this.temporal.workflow.getHandle(id).result() as Promise<CompareResult>,
    );
    return result.stopped === null ? null : result;
  }
}

/** Its coding tasks start where they did: a branch that has moved on since makes no other question of them. */
function basesOf({ opened }: CompareResult): Pick<CompareInput, 'bases'> {
  if (opened === undefined) return {};
  return { bases: Object.fromEntries(Object.entries(opened).map(([index, { baseCommit }]) => [index, baseCommit])) };
}

async function unlessNotFound<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (thrown) {
    if (!isNotFound(thrown)) throw thrown;
    return null;
  }
}

interface StopComparison {
  readonly reason: string;
  readonly requester: string;
}

export interface BeginOptions {
  /** A random one if absent. */
  readonly key?: string;
  /** In place of the client's own. */
  readonly taskQueue?: string;
}

/** What is asked of whom: limits and thresholds may be others the next time. */
function hashOf({ concurrency: _concurrency, thresholds: _thresholds, limits: _limits, ...spec }: CompareSpec): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex');
}

function guardSize(input: CompareInput): void {
  const bytes = utf8Bytes(JSON.stringify(input));
  if (bytes <= START_INPUT_BYTES_MAX) return;
  throw usageFault(
    `The comparison has ${bytes} bytes, at most ${START_INPUT_BYTES_MAX} are possible.`,
    'Compare fewer cases at a time.',
  );
}

/** What has ended the comparison, in the words of the catalogue; null if it is none of its codes. */
function failureIn(thrown: unknown, id: string): Error | null {
  if (!(thrown instanceof WorkflowFailedError)) return null;
  let cause: unknown = thrown.cause;
  for (let depth = 0; depth < 4 && cause instanceof Error; depth += 1) {
    if (cause instanceof ApplicationFailure && isFailureCode(cause.type ?? ''))
      return catalogueFault(cause.type as Parameters<typeof catalogueFault>[0], cause.message, thrown);
    cause = cause.cause;
  }
  return catalogueFault(
    'infrastructure',
    `${id} has ended without a result: ${thrown.cause?.message ?? thrown.message}`,
  );
}
