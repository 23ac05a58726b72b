/** `weaver tree`: the tasks of a job below those that they came of. */
import type { JobTaskRow } from '../../domain/job.js';
import { treeLines, type TreeHead } from '../render-tree.js';
import { idsOf } from '../task-id.js';
import type { TaskRow } from '../list-tasks.js';
import { unknownTask, WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { jobView } from './graph.js';
import { withClient } from './look.js';

export async function tree(context: Context, id: string): Promise<number> {
  const { jobId } = idsOf(id);
  const { terminal, json } = context;
  const known = await jobView(context, jobId).catch(unlessUnknown);
  const rows = known?.rows ?? (await rowsOfServer(context, jobId));
  if (rows.length === 0) throw unknownTask(id);
  const head: TreeHead = {
    jobId,
    title: known?.title ?? '',
    state: known?.state ?? 'running',
    source: known?.source ?? 'server',
  };
  if (json) terminal.json({ ...head, tasks: rows });
  else for (const line of treeLines(head, rows, terminal.columns)) terminal.out(line);
  return 0;
}

function unlessUnknown(thrown: unknown): null {
  if (thrown instanceof WeaverFault) return null;
  throw thrown;
}

/** Neither a worker nor the records of this host know it: what has begun is on the server. */
async function rowsOfServer(context: Context, jobId: string): Promise<readonly JobTaskRow[]> {
  const rows = await withClient(context, 'startIfUsed', async (client) =>
    client === null ? [] : await client.list({ job: jobId, limit: ROWS_MAX }),
  );
  return rows.map((row) => rowOf(row, jobId)).toSorted((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
}

const ROWS_MAX = 1_000;

function rowOf(
  { taskId, state, attempts, tokens, costUsd, branch, startedAt, endedAt }: TaskRow,
  jobId: string,
): JobTaskRow {
  const path = taskId.slice(`${jobId}/t/`.length);
  return {
    path,
    taskId,
    title: '',
    state,
    parent: path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : null,
    children: [],
    dependsOn: [],
    waitsFor: null,
    attempts: attempts ?? 0,
    tokens: tokens ?? 0,
    costUsdMicros: Math.round((costUsd ?? 0) * 1_000_000),
    branch: state === 'succeeded' ? branch : null,
    failure: null,
    startedAt: Date.parse(startedAt),
    endedAt: endedAt === null ? null : Date.parse(endedAt),
  };
}
