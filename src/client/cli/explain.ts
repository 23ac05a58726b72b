/** `weaver explain`: the story of a task or a job in words, without a model and without a worker. */
import type { Entry } from '../../domain/entries.js';
import { isMap } from '../../domain/plain-object.js';
import { isTerminalState } from '../../domain/task.js';
import { storyLines, storyOf, type AskedFor, type ExplainParts, type Story } from '../explain.js';
import { jobStoryLines, jobStoryOf } from '../explain-job.js';
import { attemptsOf, readEntries, readStoredTask } from '../stored-task.js';
import { idsOf } from '../task-id.js';
import { nothingThere } from './artifacts.js';
import type { Context } from './context.js';
import { endedOrAsked } from './graph.js';
import type { Stores } from './house.js';
import { findView } from './look.js';

export async function explain(context: Context, id: string): Promise<number> {
  const { terminal, json, house, config } = context;
  const stores = await house.openStores(config);
  if (!id.includes('/t/') && (await isJobOfMany(context, id))) {
    const story = jobStoryOf(await endedOrAsked(context, id));
    if (json) terminal.json(story);
    else for (const line of jobStoryLines(story)) terminal.out(line);
    return 0;
  }
  const story = await toldOrAsked(context, stores, idsOf(id).taskId);
  if (story === null) throw await nothingThere(context, id, 'record');
  if (json) terminal.json(story);
  else for (const line of storyLines(story)) terminal.out(line);
  return 0;
}

/** What was ended by force could not write that down: of a task whose record has no end the server is asked. */
async function toldOrAsked(context: Context, stores: Stores, taskId: string): Promise<Story | null> {
  const stored = await readStoredTask(stores.records, taskId);
  if (stored === null || isTerminalState(stored.status.state)) return await readStory(stores, taskId);
  return await readStory(stores, taskId, await findView(context, taskId));
}

/** Its own account tells: a job of one task writes none of its own. */
async function isJobOfMany(context: Context, id: string): Promise<boolean> {
  const { records } = await context.house.openStores(context.config);
  const { jobId, taskId } = idsOf(id);
  if ((await records.read(jobId)).length > 0) return true;
  return (await readStoredTask(records, taskId)) === null;
}

/**
 * Null if this host knows nothing of the task.
 * @param known how it stands, if somebody else knows that better than the record
 */
export async function readStory(
  stores: Stores,
  taskId: string,
  known: ExplainParts['status'] | null = null,
): Promise<Story | null> {
  const stored = await readStoredTask(stores.records, taskId);
  if (stored === null) return null;
  const entries = await readEntries(stores.records, taskId);
  return storyOf({
    taskId,
    status: known ?? stored.status,
    entries,
    asked: await askedFor(stores, entries),
    changed: await changedPaths(stores, entries),
  });
}

async function askedFor({ artifacts }: Stores, entries: readonly Entry[]): Promise<AskedFor | null> {
  const refs = attemptsOf(entries).flatMap((attempt) => attempt.artifacts);
  const ref = refs.find(({ kind }) => kind === 'spec');
  const text = ref === undefined ? null : await textOf(artifacts, ref);
  const spec: unknown = text === null ? null : JSON.parse(text); // stored by content, after it was validated
  if (!isMap(spec)) return null;
  const checks = Array.isArray(spec['checks']) ? (spec['checks'] as readonly unknown[]) : [];
  return {
    description: String(spec['description'] ?? ''),
    acceptanceCriteria: Array.isArray(spec['acceptanceCriteria']) ? spec['acceptanceCriteria'].map(String) : [],
    checks: checks.flatMap((check) => (isMap(check) ? [String(check['name'])] : [])),
  };
}

async function changedPaths({ artifacts }: Stores, entries: readonly Entry[]): Promise<ExplainParts['changed']> {
  const changed = new Map<string, readonly string[]>();
  const diffs = attemptsOf(entries).flatMap((attempt) => attempt.artifacts.filter(({ kind }) => kind === 'diff'));
  for (const ref of diffs) {
    const patch = changed.has(ref.sha256) ? null : await textOf(artifacts, ref);
    if (patch !== null) changed.set(ref.sha256, pathsIn(patch));
  }
  return changed;
}

/** Names as git writes them; odd ones stand in quotes there, and do so here. */
const pathsIn = (patch: string): readonly string[] =>
  [...patch.matchAll(/^diff --git (?:a\/.* b\/|"a\/.*" "b\/)(.*?)"?$/gm)].map(([, path = '']) => path);

/** Null where it is past its time, or was made on another host. */
async function textOf({ get }: Stores['artifacts'], ref: { readonly sha256: string }): Promise<string | null> {
  try {
    return (await get(ref)).toString('utf8');
  } catch {
    return null; // the story is told without it
  }
}
