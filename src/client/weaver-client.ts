/** Everything that the command line does with tasks, for programs. */
import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  type ConnectionOptions,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { START_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import type { LimitsSpec, TaskSpec } from '../domain/task.js';
import { parseTask } from '../schemas.js';
import {
  CANCEL_SIGNAL,
  DECISIONS_QUERY,
  DEFAULT_TASK_QUEUE,
  JOB_WORKFLOW,
  SEARCH_ATTRIBUTES,
  STATUS_QUERY,
  type CancelRequest,
  type Decisions,
  type JobInput,
  type JobResult,
  type TaskStatus,
} from '../workflows/messages.js';
import { resultOfFailure } from './job-result.js';
import { countOpenJobs, listTasks, type ListFilters, type TaskRow } from './list-tasks.js';
import { specHash } from './spec-hash.js';
import { invalidTask } from './task-faults.js';
import { idsOf, jobIdOfKey, randomKey, type TaskIds } from './task-id.js';
import { viewOfDescription, viewOfStatus, retryingStep, type TaskView } from './task-view.js';
import { asking, isAborted, isNotFound, isUnanswered, temporalFault } from './temporal-faults.js';
import { watchTask, type Look } from './watch-task.js';
import { catalogueFault, unknownTask } from './weaver-fault.js';

export interface WeaverClientOptions {
  /** `weaver` if absent. */
  readonly taskQueue?: string;
  /** Who asks, as the records show it; at most 100 characters. */
  readonly requester?: string;
  /** Where the Web UI is, for links to it. */
  readonly uiUrl?: string | null;
}

export interface ConnectOptions extends WeaverClientOptions {
  /** In place of TEMPORAL_* and the profile of temporal.toml. */
  readonly connection?: ConnectionOptions;
  readonly namespace?: string;
}

export interface SubmitOptions {
  /** Submitting the same task again under the same key gives the same job; a random one if absent. */
  readonly key?: string;
  readonly requester?: string;
  /** In place of the client's own. */
  readonly taskQueue?: string;
  /** Limits for a task file that does not name its own. */
  readonly limits?: Partial<LimitsSpec>;
}

export interface JobHandle extends TaskIds {
  readonly webUrl: string | null;
  /** False if the job was there already. */
  readonly started: boolean;
}

/** A server that does not answer a connection in this time is not there. */
const CONNECT_TIMEOUT_MS = 4_000;
/** Any single question. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A worker answers a query in milliseconds, if there is one. */
const QUERY_TIMEOUT_MS = 3_000;
/** Temporal keeps a poller on its list long after it went; its long poll takes one minute. */
const POLLER_SEEN_WITHIN_MS = 75_000;
/** Limits of what the server shows of a workflow. */
const SUMMARY_CHARACTERS_MAX = 190;
const KEYWORD_CHARACTERS_MAX = 250;

export class WeaverClient {
  readonly taskQueue: string;
  private readonly requester: string;
  private readonly uiUrl: string | null;
  private owned: Connection | null = null;

  /** Works over any Temporal client. Faults are thrown as WeaverFault. */
  constructor(
    readonly temporal: Client,
    options: WeaverClientOptions = {},
  ) {
    this.taskQueue = options.taskQueue ?? DEFAULT_TASK_QUEUE;
    this.requester = (options.requester ?? 'unknown').slice(0, 100);
    this.uiUrl = options.uiUrl ?? null;
  }

  /** Connects as TEMPORAL_* and temporal.toml say, unless told otherwise. Call `close` at the end. */
  static async connect(options: ConnectOptions = {}): Promise<WeaverClient> {
    const { connectionOptions, namespace } =
      options.connection === undefined
        ? loadClientConnectConfig()
        : { connectionOptions: options.connection, namespace: undefined };
    const address = connectionOptions.address ?? 'localhost:7233';
    const connection = await connected(connectionOptions, address);
    const client = new WeaverClient(
      new Client({ connection, namespace: options.namespace ?? namespace ?? 'default' }),
      options,
    );
    client.owned = connection;
    return client;
  }

  async close(): Promise<void> {
    await this.owned?.close();
  }

  /** Starts a job of one task: a specification, or a task file as text or as the object that it holds. */
  async submit(
    task: TaskSpec | Readonly<Record<string, unknown>> | string,
    options: SubmitOptions = {},
  ): Promise<JobHandle> {
    const spec = specOf(typeof task === 'string' ? task : JSON.stringify(task), options.limits);
    const key = options.key ?? spec.key;
    const jobId = jobIdOfKey(key ?? randomKey(Date.now()));
    const requester = (options.requester ?? this.requester).slice(0, 100);
    const input: JobInput = { schemaVersion: 1, spec, requester };
    guardSize(input);
    const hash = specHash(spec);
    const taskQueue = options.taskQueue ?? this.taskQueue;
    const started = await this.asking(() => this.start(jobId, input, hash, taskQueue));
    // A random key is nobody else's.
    if (key !== undefined) await this.mustBeSame(jobId, hash);
    return { ...idsOf(jobId), webUrl: this.webUrl(jobId), started };
  }

  /** Waits for the end of the job, however long it takes. Aborting stops the waiting, not the job. */
  async result(id: string, options: { readonly signal?: AbortSignal } = {}): Promise<JobResult> {
    const ids = idsOf(id);
    const wait = async (): Promise<JobResult> => await this.temporal.workflow.getHandle(ids.jobId).result();
    try {
      return await (options.signal === undefined ? wait() : this.temporal.withAbortSignal(options.signal, wait));
    } catch (thrown) {
      const result = resultOfFailure(thrown, ids);
      if (result?.state === 'cancelled') return await this.cancelledResult(result);
      if (result !== null) return result;
      if (options.signal?.aborted === true && isAborted(thrown)) throw options.signal.reason;
      throw this.faultOf(thrown, id);
    }
  }

  /** A workflow that ends as cancelled has no result for Temporal; its task tells what it had done, if a worker is there to ask. */
  private async cancelledResult(result: JobResult): Promise<JobResult> {
    try {
      const handle = this.temporal.workflow.getHandle(result.task.taskId);
      const status = await this.withDeadline(QUERY_TIMEOUT_MS, () => handle.query<TaskStatus>(STATUS_QUERY));
      return { ...result, task: { ...result.task, ...shared(status) } };
    } catch (thrown) {
      if (isUnanswered(thrown) || isNotFound(thrown)) return result;
      throw this.faultOf(thrown, result.jobId);
    }
  }

  /** What the task is doing. Without a worker to ask, what the server knows of it. */
  async status(id: string): Promise<TaskView> {
    const look = await this.look(idsOf(id));
    if (look === null) throw unknownTask(id);
    return await look.view();
  }

  /** Every change of the task, until it has ended or the signal aborts. */
  watch(id: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<TaskView, void> {
    const ids = idsOf(id);
    return watchTask(() => this.look(ids), options.signal ?? new AbortController().signal);
  }

  /** The last 20 decisions, answered by a worker. */
  async decisions(id: string): Promise<Decisions> {
    const { taskId } = idsOf(id);
    try {
      return await this.withDeadline(QUERY_TIMEOUT_MS, () =>
        this.temporal.workflow.getHandle(taskId).query<Decisions>(DECISIONS_QUERY),
      );
    } catch (thrown) {
      throw this.faultOf(thrown, id);
    }
  }

  /** Tasks by state, repository, tag and requester, newest first. */
  async list(filters: ListFilters = {}): Promise<readonly TaskRow[]> {
    return await this.asking(() => listTasks(this.temporal, filters));
  }

  /** Open jobs beside this one. */
  async countOthersOpen(jobId: string): Promise<number> {
    return await this.asking(() => countOpenJobs(this.temporal, jobId));
  }

  /** Asks the job to stop; the reason is recorded. Resolves to false if it had ended already. */
  async cancel(id: string, request: { readonly reason: string; readonly requester?: string }): Promise<boolean> {
    const { jobId, taskId } = idsOf(id);
    const message: CancelRequest = {
      reason: request.reason.slice(0, 500),
      requester: (request.requester ?? this.requester).slice(0, 100),
    };
    // A job that was terminated leaves its task running.
    for (const workflowId of [jobId, taskId]) {
      try {
        const handle = this.temporal.workflow.getHandle(workflowId);
        // The reason first: the cancel that follows does not carry one.
        await this.withDeadline(ANSWER_TIMEOUT_MS, () => handle.signal(CANCEL_SIGNAL, message));
        await this.withDeadline(ANSWER_TIMEOUT_MS, () => handle.cancel());
        return true;
      } catch (thrown) {
        if (!isNotFound(thrown)) throw this.faultOf(thrown, id);
      }
    }
    if ((await this.look({ jobId, taskId })) === null) throw unknownTask(id);
    return false;
  }

  /** Identities of the workers that asked for work of the queue a short while ago. */
  async pollers(taskQueue = this.taskQueue): Promise<readonly string[]> {
    const { pollers } = await this.asking(() =>
      this.temporal.workflowService.describeTaskQueue({
        namespace: this.temporal.options.namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: 1, // TASK_QUEUE_TYPE_WORKFLOW
      }),
    );
    const since = Date.now() - POLLER_SEEN_WITHIN_MS;
    const seen = (pollers ?? []).filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > since);
    return seen.map(({ identity }) => identity ?? '');
  }

  /** Version of the server, and the search attributes of the namespace. */
  async inspectServer(): Promise<{ readonly serverVersion: string; readonly attributes: readonly string[] }> {
    const { connection, options } = this.temporal;
    const [{ serverVersion }, { customAttributes }] = await this.asking(() =>
      Promise.all([
        this.temporal.workflowService.getSystemInfo({}),
        connection.operatorService.listSearchAttributes({ namespace: options.namespace }),
      ]),
    );
    return { serverVersion: serverVersion ?? '', attributes: Object.keys(customAttributes ?? {}) };
  }

  webUrl(workflowId: string): string | null {
    if (this.uiUrl === null) return null;
    return `${this.uiUrl}/namespaces/${encodeURIComponent(this.temporal.options.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  }

  /** True if it was started now, false if the job was there already. */
  private async start(jobId: string, input: JobInput, hash: string, taskQueue: string): Promise<boolean> {
    const { spec, requester = 'unknown' } = input;
    try {
      await this.temporal.workflow.start(JOB_WORKFLOW, {
        workflowId: jobId,
        taskQueue,
        args: [input],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        memo: { specHash: hash, title: spec.title.slice(0, SUMMARY_CHARACTERS_MAX) },
        staticSummary: spec.title.slice(0, SUMMARY_CHARACTERS_MAX),
        typedSearchAttributes: [
          { key: SEARCH_ATTRIBUTES.requester, value: requester },
          { key: SEARCH_ATTRIBUTES.repo, value: spec.repo.url.slice(0, KEYWORD_CHARACTERS_MAX) },
          { key: SEARCH_ATTRIBUTES.tags, value: [...spec.tags] },
        ],
      });
      return true;
    } catch (thrown) {
      if (thrown instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw thrown;
    }
  }

  private async mustBeSame(jobId: string, hash: string): Promise<void> {
    const { memo } = await this.asking(() => this.temporal.workflow.getHandle(jobId).describe());
    if (memo?.['specHash'] !== hash) throw catalogueFault('keyTaken', `${jobId} is another task.`);
  }

  /** Null if the server has neither the task nor its job. */
  private async look({ taskId, jobId }: TaskIds): Promise<Look | null> {
    const handle = this.temporal.workflow.getHandle(taskId);
    const described = (await this.describe(taskId)) ?? (await this.describe(jobId));
    if (described === null) return null;
    const webUrl = this.webUrl(described.workflowId);
    // The job is there, its task is not: no worker has taken the job up yet, or it ended before its task began.
    if (described.workflowId !== taskId)
      return { marker: described.status.name, view: () => viewOfDescription(described, webUrl) };
    const retrying = retryingStep(described);
    return {
      marker: `${described.runId} ${described.historyLength} ${retrying}`,
      view: async () => {
        const status = await this.queryStatus(handle);
        if (status === null) return await viewOfDescription(described, webUrl);
        return { ...viewOfStatus(status, 'worker', webUrl), retrying };
      },
    };
  }

  private async describe(workflowId: string): Promise<WorkflowExecutionDescription | null> {
    try {
      return await this.withDeadline(ANSWER_TIMEOUT_MS, () => this.temporal.workflow.getHandle(workflowId).describe());
    } catch (thrown) {
      if (isNotFound(thrown)) return null;
      throw this.faultOf(thrown, workflowId);
    }
  }

  /** Null if no worker answers. */
  private async queryStatus(handle: WorkflowHandle): Promise<TaskStatus | null> {
    try {
      return await this.withDeadline(QUERY_TIMEOUT_MS, () => handle.query<TaskStatus>(STATUS_QUERY));
    } catch (thrown) {
      if (isUnanswered(thrown)) return null;
      throw thrown;
    }
  }

  private async withDeadline<T>(timeoutMs: number, ask: () => Promise<T>): Promise<T> {
    return await this.temporal.withDeadline(Date.now() + timeoutMs, ask);
  }

  private async asking<T>(ask: () => Promise<T>): Promise<T> {
    return await asking(this.address, () => this.withDeadline(ANSWER_TIMEOUT_MS, ask));
  }

  private faultOf(thrown: unknown, id: string): unknown {
    if (isNotFound(thrown)) return unknownTask(id);
    return temporalFault(thrown, this.address) ?? thrown;
  }

  private get address(): string {
    const { connection } = this.temporal;
    return 'options' in connection && connection instanceof Connection ? connection.options.address : 'the server';
  }
}

async function connected(options: ConnectionOptions, address: string): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, connectTimeout: CONNECT_TIMEOUT_MS });
  } catch (thrown) {
    throw (
      temporalFault(thrown, address) ??
      catalogueFault(
        'temporalUnreachable',
        `${address}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        thrown,
      )
    );
  }
}

function specOf(text: string, limits: Partial<LimitsSpec> | undefined): TaskSpec {
  const parsed = parseTask(text, limits === undefined ? {} : { limits });
  if (parsed.kind === 'ok') return parsed.spec;
  throw invalidTask(parsed.faults);
}

function guardSize(input: JobInput): void {
  const bytes = utf8Bytes(JSON.stringify(input));
  if (bytes > START_INPUT_BYTES_MAX)
    throw catalogueFault(
      'invalidTask',
      `It has ${bytes} bytes, the limit is ${START_INPUT_BYTES_MAX}; name files in relatedFiles instead of quoting them.`,
    );
}

/** What a task's status says of its result. */
const shared = ({ branch, spending, failure: failed, attempt }: TaskStatus) => ({
  branch,
  spending,
  failure: failed,
  attempts: attempt,
});
