/** Everything that the command line does with tasks, for programs. */
import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type ConnectionOptions,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { contentOf, type JobSpec, type JobTaskRow } from '../domain/job.js';
import { JOB_INPUT_BYTES_MAX, START_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import { fairnessKeyOf } from '../domain/permits.js';
import { PROVIDER_LIMITS_QUERY, providerKeeperOf, type LimitsStanding } from '../domain/provider-limits.js';
import { fieldOf, fieldText, type LimitsSpec, type TaskSpec } from '../domain/task.js';
import { parseFile } from '../schemas.js';
import {
  DECISIONS_QUERY,
  DEFAULT_TASK_QUEUE,
  JOB_STATUS_QUERY,
  JOB_TASKS_QUERY,
  JOB_WORKFLOW,
  SEARCH_ATTRIBUTES,
  STATUS_QUERY,
  type Decisions,
  type JobInput,
  type JobResult,
  type JobStatus,
  type JobSummary,
  type JobTasksPage,
  type JobTasksRequest,
  type ResumePoint,
  type TaskResult,
  type TaskStatus,
} from '../workflows/messages.js';
import { takeUp, turnOf, type Again, type ReadSpec } from './again.js';
import { Comparisons } from './comparisons.js';
import { turnsAfter } from './followers.js';
import { insisting } from './insisting.js';
import { resultLeftBy, resultOfFailure } from './job-result.js';
import {
  endedBadly,
  isOver,
  tasksInMemo,
  viewOfEndedJob,
  viewOfJobStatus,
  viewOfOpenJob,
  type JobView,
} from './job-view.js';
import {
  countOpenJobs,
  countTaskStates,
  listTasks,
  openTaskIds,
  type ListFilters,
  type TaskRow,
} from './list-tasks.js';
import {
  addInstruction,
  done,
  answer,
  approve,
  pause,
  resume,
  retryNow,
  setBudget,
  type AnswerOptions,
  type DoneOptions,
  type Limits,
  type SayOptions,
} from './people.js';
import { Schedules } from './schedules.js';
import { silenceOf, workflowTaskTries, type Silence } from './silence.js';
import { jobHash, specHash } from './spec-hash.js';
import { stillRunning, stop, type StopOptions, type Stopped } from './stop.js';
import { invalidTask } from './task-faults.js';
import { idsOf, jobIdOfKey, randomKey, type TaskIds } from './task-id.js';
import { rowsNow, tasksNow, withOpenTasks } from './tasks-now.js';
import { asClosed, isTerminal, viewOfDescription, viewOfStatus, retryingStep, type TaskView } from './task-view.js';
import { asking, isAborted, isNotFound, isUnanswered, temporalFault } from './temporal-faults.js';
import { viewOfUnbegun } from './unbegun-task.js';
import type { Speaker, Told } from './updates.js';
import { listWaiting, type Waiting } from './waiting.js';
import { watchChanges, watchTask, type Look } from './watch-task.js';
import { catalogueFault, unknownTask, WeaverFault } from './weaver-fault.js';

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
  /** How long a server that is there may be too busy to answer the first question; 30 s if absent. */
  readonly patienceMs?: number;
}

export interface SubmitOptions {
  /** Submitting the same task again under the same key gives the same job; a random one if absent. */
  readonly key?: string;
  readonly requester?: string;
  /** In place of the client's own. */
  readonly taskQueue?: string;
  /** Limits for a task file that does not name its own. */
  readonly limits?: Partial<LimitsSpec>;
  /** Goes on with the work of an earlier task; `retry`, `rerun` and `reset` find out what it is. */
  readonly resume?: ResumePoint;
}

export interface AgainOptions extends Pick<SubmitOptions, 'requester' | 'taskQueue'> {
  /** Reads a specification from the artifact store: a task that was proposed by another one has its own there. */
  readonly readSpec?: ReadSpec;
}

/** The task is that of a job of one; of a larger job it is the first one of the file. */
export interface JobHandle extends TaskIds {
  readonly webUrl: string | null;
  /** False if the job was there already. */
  readonly started: boolean;
}

/** A server that does not answer a connection in this time is not there. */
const CONNECT_TIMEOUT_MS = 4_000;
/** Half of that for questions: what listens there may as well speak another protocol, or want TLS. */
const CONNECT_PATIENCE_MS = 30_000;
/** Any single question. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A worker answers a query in milliseconds, if there is one. */
const QUERY_TIMEOUT_MS = 3_000;
/** From what a task says of its end to the end itself: two steps. Without a worker, or with a full disk, nobody waits on. */
const CLOSE_WITHIN_MS = 10_000;
/** A server that was started a moment ago, on a busy machine, takes seconds for its first workflow; an error would end the job. */
const START_TIMEOUT_MS = 20_000;
/** Temporal keeps a poller on its list long after it went; its long poll takes one minute. */
const POLLER_SEEN_WITHIN_MS = 75_000;
/** Rows of one answer to JOB_TASKS_QUERY, at most. */
const TASKS_AT_ONCE = 500;
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
    const connection = await connected(connectionOptions, address, options.patienceMs);
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

  /** Starts a job: a task or several, as a specification, or as a file's text or the object that it holds. */
  async submit(
    work: TaskSpec | JobSpec | Readonly<Record<string, unknown>> | string,
    options: SubmitOptions = {},
  ): Promise<JobHandle> {
    return await this.begin(
      submissionOf(typeof work === 'string' ? work : JSON.stringify(work), options.limits),
      options,
    );
  }

  private async begin(submission: Submission, options: SubmitOptions): Promise<JobHandle> {
    const key = options.key ?? submission.key;
    const jobId = jobIdOfKey(key ?? randomKey(Date.now()));
    const requester = (options.requester ?? this.requester).slice(0, 100);
    const { resume: point } = options;
    const input: JobInput = {
      schemaVersion: 1,
      ...submission.content,
      requester,
      ...(point === undefined ? {} : { resume: point }),
    };
    guardSize(input);
    const taskQueue = options.taskQueue ?? this.taskQueue;
    const start = (): Promise<boolean> => this.start(jobId, input, submission, taskQueue);
    const started = await this.insisting(START_TIMEOUT_MS, start);
    // A random key is nobody else's.
    if (key !== undefined) await this.mustBeSame(jobId, submission.hash, point?.of);
    return { jobId, taskId: `${jobId}/t/${submission.firstTask}`, webUrl: this.webUrl(jobId), started };
  }

  /** Jobs that are started again and again. */
  get schedules(): Schedules {
    return new Schedules(this.temporal, {
      taskQueue: this.taskQueue,
      requester: this.requester,
      webUrl: (workflowId) => this.webUrl(workflowId),
      ask: (question) => this.asking(question),
    });
  }

  /** Comparisons of models. All that is asked of them may be asked twice. */
  get comparisons(): Comparisons {
    return new Comparisons(this.temporal, {
      taskQueue: this.taskQueue,
      address: this.address,
      ask: (question) => this.reading(question),
    });
  }

  /** Ids of every task that has not ended, on all queues. */
  async openTaskIds(): Promise<readonly string[]> {
    return await this.reading(() => openTaskIds(this.temporal));
  }

  /** Waits for the end of the job, however long it takes. Aborting stops the waiting, not the job. */
  async result(id: string, options: { readonly signal?: AbortSignal } = {}): Promise<JobResult> {
    const ids = idsOf(id);
    const wait = async (): Promise<JobResult> => await this.temporal.workflow.getHandle(ids.jobId).result();
    try {
      return await (options.signal === undefined ? wait() : this.temporal.withAbortSignal(options.signal, wait));
    } catch (thrown) {
      const left = resultLeftBy(thrown);
      if (left !== null) return left;
      const result = resultOfFailure(thrown, ids);
      if (result?.state === 'cancelled') return await this.cancelledResult(result);
      if (result !== null) return result;
      if (options.signal?.aborted === true && isAborted(thrown)) throw options.signal.reason;
      throw this.faultOf(thrown, id);
    }
  }

  /** Of a job that left no account, as one cancelled by an older worker: its task tells what it had done, if a worker is there to ask. */
  private async cancelledResult(result: JobResult): Promise<JobResult> {
    const summary = await this.summaryOf(result);
    if (summary !== null) return { ...result, summary };
    try {
      const handle = this.temporal.workflow.getHandle(result.task.taskId);
      const status = await this.withDeadline(QUERY_TIMEOUT_MS, () => handle.query<TaskStatus>(STATUS_QUERY));
      const told = { ...result, task: { ...result.task, ...shared(status) } };
      const task = status.state === 'cancelled' ? null : await this.landedAfterAll(result.task.taskId);
      return task === null ? told : { ...result, task };
    } catch (thrown) {
      if (isUnanswered(thrown) || isNotFound(thrown)) return result;
      throw this.faultOf(thrown, result.jobId);
    }
  }

  /** What had landed when the cancel came stays landed, and the task says so itself; null if it has not. */
  private async landedAfterAll(taskId: string): Promise<TaskResult | null> {
    const ended = async (): Promise<TaskResult> => await this.temporal.workflow.getHandle(taskId).result();
    try {
      const task = await this.withDeadline(QUERY_TIMEOUT_MS, ended);
      return task.state === 'succeeded' ? task : null;
    } catch (thrown) {
      if (thrown instanceof WorkflowFailedError || isUnanswered(thrown)) return null;
      throw this.faultOf(thrown, taskId);
    }
  }

  /** Of a job of many; null of a job of one, or if no worker answers. */
  private async summaryOf({ jobId, task }: JobResult): Promise<JobSummary | null> {
    const status = await this.query<JobStatus>(jobId, JOB_STATUS_QUERY);
    const rows = status === null ? null : await this.jobTasks(jobId);
    if (status === null || rows === null || rows.every(({ taskId }) => taskId === task.taskId)) return null;
    return { total: status.total, counts: status.counts, spending: status.spending, failed: endedBadly(rows) };
  }

  /** What the task is doing. Without a worker to ask, what the server knows of it. */
  async status(id: string): Promise<TaskView> {
    const look = await this.look(idsOf(id));
    if (look === null) throw unknownTask(id);
    return await look.view();
  }

  /** Every change of the task, until it has ended or the signal aborts. When its end is told, its records are written. */
  async *watch(id: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<TaskView, void> {
    const ids = idsOf(id);
    const signal = options.signal ?? new AbortController().signal;
    for await (const view of watchTask(() => this.look(ids), signal)) {
      if (isTerminal(view)) await this.closed(view.taskId, signal);
      yield view;
    }
  }

  /** A task says how it ends before it writes its last records and closes. Whether it can is no matter of who watches. */
  private async closed(taskId: string, signal: AbortSignal): Promise<void> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(CLOSE_WITHIN_MS)]);
    const { workflow } = this.temporal;
    await this.temporal.withAbortSignal(within, () => workflow.getHandle(taskId).result()).catch(() => undefined);
  }

  /**
   * Whether the identifier names a job that is more than one task: one from a job file, or one whose task was decomposed.
   * Of such a job `jobStatus` tells more than `status`.
   */
  async isJobOfMany(id: string): Promise<boolean> {
    if (/\/t\//.test(id)) return false;
    const { jobId, taskId } = idsOf(id);
    const described = await this.describe(jobId);
    if (described === null) return false;
    if (tasksInMemo(described) !== null) return true;
    const task = await this.describe(taskId);
    if (task !== null) return task.typedSearchAttributes.get(SEARCH_ATTRIBUTES.outcome) === 'decomposed';
    // Only the worker knows what another client has started.
    if (described.memo?.['specHash'] !== undefined) return false;
    const page = await this.query<JobTasksPage>(jobId, JOB_TASKS_QUERY, { from: 0, limit: 2 });
    return page !== null && page.rows.some(({ taskId: each }) => each !== taskId);
  }

  /** What a job of many tasks is doing. Without a worker to ask, what the server knows of it. */
  async jobStatus(id: string): Promise<JobView> {
    const look = await this.lookAtJob(idsOf(id).jobId);
    if (look === null) throw unknownTask(id);
    return await look.view();
  }

  /** Every change of a job of many tasks, until it has ended or the signal aborts. */
  watchJob(id: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<JobView, void> {
    const { jobId } = idsOf(id);
    return watchChanges(() => this.lookAtJob(jobId), isOver, options.signal ?? new AbortController().signal);
  }

  /** Every task of a job, in the order of the file, those that came of others behind them. Null if no worker answers. */
  async jobTasks(id: string): Promise<readonly JobTaskRow[] | null> {
    const { jobId } = idsOf(id);
    const rows: JobTaskRow[] = [];
    for (;;) {
      const asked: JobTasksRequest = { from: rows.length, limit: TASKS_AT_ONCE };
      const page = await this.query<JobTasksPage>(jobId, JOB_TASKS_QUERY, asked);
      if (page === null) return null;
      rows.push(...page.rows);
      if (page.rows.length === 0 || rows.length >= page.total) return await this.withTasksNow(jobId, rows);
    }
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
    return await this.reading(() => listTasks(this.temporal, filters, (taskQueue) => this.pollers(taskQueue)));
  }

  /** Open jobs beside this one. */
  async countOthersOpen(jobId: string): Promise<number> {
    return await this.reading(() => countOpenJobs(this.temporal, jobId));
  }

  /** Asks the job to stop; the reason is recorded. Resolves to false if it had ended already. */
  async cancel(id: string, request: { readonly reason: string; readonly requester?: string }): Promise<boolean> {
    return (await this.stop(id, request)).asked;
  }

  /** The same, of a job, or of a task with all that came of it; tells what is stopped by it and what is not. */
  async stop(id: string, options: StopOptions & { readonly requester?: string }): Promise<Stopped> {
    return await stop(this.speakerAs(options.requester), id, options);
  }

  /** Paths of those tasks that were asked to stop and have not ended yet. */
  async stillRunning(stopped: Pick<Stopped, 'jobId' | 'path'>): Promise<readonly string[]> {
    return await stillRunning(this.speaker, stopped);
  }

  /** Everything that waits for a person, a budget, a resource or another task, with the command that helps. */
  async waiting(): Promise<readonly Waiting[]> {
    return await asking(this.address, () => listWaiting(this.temporal, (taskQueue) => this.pollers(taskQueue)));
  }

  /** Answers the question that the task asks. A refusal is thrown, with its reason. */
  async answer(id: string, text: string, options: AnswerOptions = {}): Promise<Told<TaskStatus>> {
    return await answer(this.speaker, id, text, options);
  }

  /** Approves or rejects what the task asks for. */
  async approve(id: string, approved: boolean, options: AnswerOptions = {}): Promise<Told<TaskStatus>> {
    return await approve(this.speaker, id, approved, options);
  }

  /** The work that the task asks a person for is done, or is to be done in parts: `children`. */
  async done(id: string, options: DoneOptions = {}): Promise<Told<TaskStatus>> {
    return await done(this.speaker, id, options);
  }

  /** One more thing for the model to heed, from the next attempt on. */
  async addInstruction(id: string, text: string, options: SayOptions = {}): Promise<Told<TaskStatus>> {
    return await addInstruction(this.speaker, id, text, options);
  }

  /** Nothing new is begun until `resume`. Of a job: by none of its tasks. */
  async pause(id: string, options: SayOptions = {}): Promise<Told<TaskStatus | JobStatus>> {
    return await pause(this.speaker, id, await this.isJobOfMany(id), options);
  }

  async resume(id: string, options: SayOptions = {}): Promise<Told<TaskStatus | JobStatus>> {
    return await resume(this.speaker, id, await this.isJobOfMany(id), options);
  }

  /** Ends the pause before the next attempt now. */
  async retryNow(id: string, options: SayOptions = {}): Promise<Told<TaskStatus>> {
    return await retryNow(this.speaker, id, options);
  }

  /** New limits of a task, or of a job. */
  async setBudget(id: string, limits: Limits, options: SayOptions = {}): Promise<Told<TaskStatus | JobStatus>> {
    return await setBudget(this.speaker, id, await this.isJobOfMany(id), limits, options);
  }

  /** Goes on with an ended task in a new job: with a fresh attempt, or from the checks or the landing of its last one. */
  async retry(
    id: string,
    options: AgainOptions & { readonly from?: 'attempt' | 'checks' | 'land' } = {},
  ): Promise<JobHandle> {
    return await this.again(id, { kind: 'retry', from: options.from ?? 'attempt' }, options);
  }

  /** A new job with the old one's base and a changed task; `sets` are `path=value`, as for a task file. */
  async rerun(id: string, options: AgainOptions & { readonly sets: readonly string[] }): Promise<JobHandle> {
    return await this.again(id, { kind: 'rerun', sets: options.sets }, options);
  }

  /** Goes on in a new job with what was there after a turn, such as `a2.t1`. */
  async reset(id: string, options: AgainOptions & { readonly to: string }): Promise<JobHandle> {
    return await this.again(id, { kind: 'reset', ...turnOf(options.to) }, options);
  }

  /** The new job has the old one's key and the next free number. */
  async again(id: string, again: Again, options: AgainOptions = {}): Promise<JobHandle> {
    const { readSpec = null, ...rest } = options;
    for await (const { key, followers } of turnsAfter(this.speaker, id)) {
      // Looked at anew for every number: who has taken the one before may spend from the same budget.
      const { spec, resume: point } = await takeUp(this.speaker, id, again, { followers, readSpec });
      const job = await this.begin(ofTask(spec), { ...rest, key, resume: point }).catch(unlessTaken);
      if (job?.started === true) return job;
    }
    throw catalogueFault('keyTaken', `${id}~…`);
  }

  /** Identities of the workers that asked for work of the queue a short while ago. */
  async pollers(taskQueue = this.taskQueue): Promise<readonly string[]> {
    const { pollers } = await this.reading(() =>
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
    const [{ serverVersion }, { customAttributes }] = await this.reading(() =>
      Promise.all([
        this.temporal.workflowService.getSystemInfo({}),
        connection.operatorService.listSearchAttributes({ namespace: options.namespace }),
      ]),
    );
    return { serverVersion: serverVersion ?? '', attributes: Object.keys(customAttributes ?? {}) };
  }

  /** What is left of the limits of a provider that workers share; null if nothing was sent of late, or if no worker answers. */
  async providerLimits(provider: string): Promise<LimitsStanding | null> {
    try {
      const keeper = this.temporal.workflow.getHandle(providerKeeperOf(provider));
      return await this.withDeadline(QUERY_TIMEOUT_MS, () =>
        keeper.query<LimitsStanding | null, [nowMs: number]>(PROVIDER_LIMITS_QUERY, Date.now()),
      );
    } catch (thrown) {
      if (isNotFound(thrown) || isUnanswered(thrown)) return null;
      throw temporalFault(thrown, this.address) ?? thrown;
    }
  }

  webUrl(workflowId: string): string | null {
    if (this.uiUrl === null) return null;
    return `${this.uiUrl}/namespaces/${encodeURIComponent(this.temporal.options.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  }

  /** True if it was started now, false if the job was there already. */
  private async start(jobId: string, input: JobInput, shown: Submission, taskQueue: string): Promise<boolean> {
    const { requester = 'unknown' } = input;
    const title = shown.title.slice(0, SUMMARY_CHARACTERS_MAX);
    try {
      await this.temporal.workflow.start(JOB_WORKFLOW, {
        workflowId: jobId,
        taskQueue,
        args: [input],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        memo: {
          specHash: shown.hash,
          title,
          ...(shown.tasks === null ? {} : { tasks: shown.tasks }),
          ...(input.resume === undefined ? {} : { of: input.resume.of, budgetOf: input.resume.budgetOf ?? null }),
        },
        staticSummary: title,
        ...(shown.priority === null ? {} : { priority: priorityOf(shown.priority, shown.repoUrl) }),
        typedSearchAttributes: [
          { key: SEARCH_ATTRIBUTES.requester, value: requester },
          { key: SEARCH_ATTRIBUTES.repo, value: shown.repoUrl.slice(0, KEYWORD_CHARACTERS_MAX) },
          { key: SEARCH_ATTRIBUTES.tags, value: [...shown.tags] },
        ],
      });
      return true;
    } catch (thrown) {
      if (thrown instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw thrown;
    }
  }

  /** @param of the task that it goes on with; two of one job may have the same specification */
  private async mustBeSame(jobId: string, hash: string, of: string | undefined): Promise<void> {
    const { memo } = await this.reading(() => this.temporal.workflow.getHandle(jobId).describe());
    if (memo?.['specHash'] !== hash || memo?.['of'] !== of)
      throw catalogueFault('keyTaken', `${jobId} is another task.`);
  }

  /** Null if the server has neither the task nor its job. */
  private async look({ taskId, jobId }: TaskIds): Promise<Look | null> {
    const handle = this.temporal.workflow.getHandle(taskId);
    const described = await this.describe(taskId);
    if (described === null) return await this.lookAtUnbegun({ taskId, jobId });
    const webUrl = this.webUrl(taskId);
    const retrying = retryingStep(described);
    return {
      marker: `${described.runId} ${described.historyLength} ${workflowTaskTries(described)} ${retrying}`,
      view: async () => {
        // A worker that fails at the workflow cannot answer for it either: the question would only take its time.
        const failing = workflowTaskTries(described) > 1 ? await this.silenceOf(described) : null;
        if (failing?.unanswered === 'workerFails') return await viewOfDescription(described, webUrl, failing);
        const status = await this.queryStatus(handle);
        if (status !== null) return asClosed({ ...viewOfStatus(status, 'worker', webUrl), retrying }, described);
        return await viewOfDescription(described, webUrl, await this.silenceOf(described));
      },
    };
  }

  /** Null if the server does not have the job either. */
  private async lookAtUnbegun(ids: TaskIds): Promise<Look | null> {
    const { jobId } = ids;
    const job = await this.describe(jobId);
    if (job === null) return null;
    const ask = {
      silence: () => this.silenceOf(job),
      rows: () => this.jobTasks(jobId),
      result: () => this.withDeadline(ANSWER_TIMEOUT_MS, () => this.result(jobId)),
    };
    return {
      marker: `${job.runId} ${job.historyLength} ${job.status.name} ${workflowTaskTries(job)}`,
      view: () => viewOfUnbegun(job, ids, ask, this.webUrl(jobId)),
    };
  }

  private async silenceOf(described: WorkflowExecutionDescription): Promise<Silence | null> {
    return await this.reading(() => silenceOf(this.temporal, described, (taskQueue) => this.pollers(taskQueue)));
  }

  /** Null if the server does not have the job. */
  private async lookAtJob(jobId: string): Promise<Look<JobView> | null> {
    const described = await this.describe(jobId);
    if (described === null) return null;
    const tries = workflowTaskTries(described);
    return {
      marker: `${described.runId} ${described.historyLength} ${described.status.name} ${tries}`,
      view: () => this.viewOfJob(described),
    };
  }

  private async viewOfJob(described: WorkflowExecutionDescription): Promise<JobView> {
    const { workflowId: jobId } = described;
    const webUrl = this.webUrl(jobId);
    const counts = () => this.reading(() => countTaskStates(this.temporal, jobId));
    if (described.closeTime !== undefined) {
      const result = await this.withDeadline(ANSWER_TIMEOUT_MS, () => this.result(jobId));
      return await viewOfEndedJob(described, result, result.summary === undefined ? await counts() : {}, webUrl);
    }
    // A worker that fails at the workflow cannot answer for it either.
    const failing = workflowTaskTries(described) > 1 ? await this.silenceOf(described) : null;
    const status = failing === null ? await this.query<JobStatus>(jobId, JOB_STATUS_QUERY) : null;
    if (status !== null) return viewOfJobStatus(await this.withOpenTasks(status), webUrl);
    const silence = failing ?? (await this.silenceOf(described));
    return await viewOfOpenJob(described, await counts(), silence?.unanswered ?? null, webUrl);
  }

  private async withOpenTasks({ live = [], ...status }: JobStatus): Promise<Parameters<typeof viewOfJobStatus>[0]> {
    if (live.length === 0) return status;
    return withOpenTasks(status, live, await this.reading(() => tasksNow(this.temporal, status.jobId, 'open')));
  }

  /** A job that was ended by force answers as it was then: of tasks that have ended since only the server knows. */
  private async withTasksNow(jobId: string, rows: readonly JobTaskRow[]): Promise<readonly JobTaskRow[]> {
    if (rows.every(({ endedAt }) => endedAt !== null)) return rows;
    const hasEnded = (await this.describe(jobId))?.closeTime !== undefined;
    if (!hasEnded && rows.every(({ endedAt, state }) => endedAt !== null || state === 'pending')) return rows;
    const now = await this.reading(() => tasksNow(this.temporal, jobId, hasEnded ? 'all' : 'open'));
    return rowsNow(rows, now, hasEnded);
  }

  /** Null if no worker answers. */
  private async query<Answer>(workflowId: string, name: string, ...asked: readonly unknown[]): Promise<Answer | null> {
    try {
      return await this.withDeadline(QUERY_TIMEOUT_MS, () =>
        this.temporal.workflow.getHandle(workflowId).query<Answer, unknown[]>(name, ...asked),
      );
    } catch (thrown) {
      if (isUnanswered(thrown) && !isNotFound(thrown)) return null;
      throw this.faultOf(thrown, workflowId);
    }
  }

  private async describe(workflowId: string): Promise<WorkflowExecutionDescription | null> {
    try {
      return await this.reading(() => this.temporal.workflow.getHandle(workflowId).describe());
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

  /** What changes nothing is asked again while the server is only slow. */
  private async reading<T>(ask: () => Promise<T>): Promise<T> {
    return await this.insisting(ANSWER_TIMEOUT_MS, ask);
  }

  private async insisting<T>(timeoutMs: number, ask: () => Promise<T>): Promise<T> {
    return await asking(this.address, () => insisting(this.address, () => this.withDeadline(timeoutMs, ask)));
  }

  private faultOf(thrown: unknown, id: string): unknown {
    if (isNotFound(thrown)) return unknownTask(id);
    return temporalFault(thrown, this.address) ?? thrown;
  }

  private get speaker(): Speaker {
    return this.speakerAs(undefined);
  }

  private speakerAs(requester: string | undefined): Speaker {
    return {
      temporal: this.temporal,
      requester: (requester ?? this.requester).slice(0, 100),
      address: this.address,
      pollers: (taskQueue) => this.pollers(taskQueue),
    };
  }

  private get address(): string {
    const { connection } = this.temporal;
    return 'options' in connection && connection instanceof Connection ? connection.options.address : 'the server';
  }
}

/** The library sends everything to a proxy that the environment names, and no proxy finds the way back to this host. */
const direct = (address: string, { channelArgs }: ConnectionOptions): Pick<ConnectionOptions, 'channelArgs'> =>
  /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(address)
    ? { channelArgs: { ...channelArgs, 'grpc.enable_http_proxy': 0 } }
    : {};

async function connected(
  options: ConnectionOptions,
  address: string,
  patienceMs = CONNECT_PATIENCE_MS,
): Promise<Connection> {
  const connection = Connection.lazy({ ...options, ...direct(address, options), connectTimeout: CONNECT_TIMEOUT_MS });
  // It asks once; after that the same is asked on the connection that it has made.
  const [connecting, asks] = [connection.ensureConnected(), () => connection.workflowService.getSystemInfo({})];
  let isFirst = true;
  const ask = async (): Promise<unknown> => {
    if (!isFirst) return await connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, asks);
    isFirst = false;
    return await connecting;
  };
  try {
    await insisting(address, ask, patienceMs);
    return connection;
  } catch (thrown) {
    void connection.close().catch(() => undefined); // it was of no use
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

/** What is started, and what the server shows of it. */
interface Submission {
  readonly content: Pick<JobInput, 'spec' | 'job'>;
  readonly key: string | undefined;
  readonly hash: string;
  readonly title: string;
  readonly repoUrl: string;
  readonly tags: readonly string[];
  /** Null = nobody has said that it matters. */
  readonly priority: number | null;
  /** Number of tasks in the file; null for a task alone. */
  readonly tasks: number | null;
  readonly firstTask: string;
}

function submissionOf(text: string, limits: Partial<LimitsSpec> | undefined): Submission {
  const parsed = parseFile(text, limits === undefined ? {} : { limits });
  switch (parsed.kind) {
    case 'task':
      return ofTask(parsed.spec);
    case 'job':
      return ofJob(parsed.job);
    case 'faults':
      throw invalidTask(parsed.faults, undefined, parsed.whole);
    default:
      throw new TypeError(`unknown file ${JSON.stringify(parsed satisfies never)}`);
  }
}

const ofTask = (spec: TaskSpec): Submission => ({
  content: { spec },
  key: spec.key,
  hash: specHash(spec),
  title: spec.title,
  repoUrl: spec.repo.url,
  tags: spec.tags,
  priority: spec.priority ?? null,
  tasks: null,
  firstTask: '0',
});

function ofJob(job: JobSpec): Submission {
  const [first] = job.tasks;
  return {
    content: { job },
    key: job.key,
    hash: jobHash(job),
    title: job.title,
    repoUrl: first === undefined ? '' : fieldText(fieldOf(contentOf(job, first), 'repo'), 'url'),
    tags: job.tags,
    priority: job.priority,
    tasks: job.tasks.length,
    firstTask: first?.id ?? '0',
  };
}

/** Jobs of one repository take turns with those of others where a worker has more to do than it can. */
const priorityOf = (priorityKey: number, repoUrl: string) => ({
  priorityKey,
  ...(repoUrl === '' ? {} : { fairnessKey: fairnessKeyOf(repoUrl) }),
});

function guardSize(input: JobInput): void {
  const bytes = utf8Bytes(JSON.stringify(input));
  const bytesMax = input.job === undefined ? START_INPUT_BYTES_MAX : JOB_INPUT_BYTES_MAX;
  if (bytes > bytesMax)
    throw catalogueFault(
      'invalidTask',
      `It has ${bytes} bytes, the limit is ${bytesMax}; name files in relatedFiles instead of quoting them.`,
    );
}

/** Another command has taken the number meanwhile, for another task. */
function unlessTaken(thrown: unknown): null {
  if (thrown instanceof WeaverFault && thrown.code === 'keyTaken') return null;
  throw thrown;
}

/** What a task's status says of its result. */
const shared = ({ branch, spending, failure: failed, attempt }: TaskStatus) => ({
  branch,
  spending,
  failure: failed,
  attempts: attempt,
});
