/** `weaver graph`: the tasks of a job as a picture. */
import { askJob, storedJob, type JobRows } from '../job-rows.js';
import { graphOf } from '../report/graph-model.js';
import { mermaidOf } from '../report/graph-mermaid.js';
import { svgFile } from '../report/graph-svg.js';
import { idsOf } from '../task-id.js';
import { WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { withClient } from './look.js';
import { writeOutput } from './output-file.js';
import { notKnownHere } from './temporal-session.js';

export interface GraphFlags {
  readonly format: 'mermaid' | 'svg';
  readonly output?: string;
}

export async function graph(context: Context, id: string, { format, output }: GraphFlags): Promise<number> {
  const view = await jobView(context, id);
  const picture = graphOf(view.rows);
  if (view.source === 'store') context.terminal.note('No worker answers: this is what this host has written down.');
  const text = format === 'svg' ? svgFile(picture, view.title) : mermaidOf(picture);
  if (output === undefined && context.json) {
    const { nodes, edges, note } = picture;
    context.terminal.json({
      jobId: view.jobId,
      state: view.state,
      source: view.source,
      nodes,
      edges,
      note,
      [format]: text,
    });
    return 0;
  }
  await writeOutput(context, output ?? null, text, { jobId: view.jobId, format });
  return 0;
}

/** Of a job that has ended the records of this host have it all; another one is asked itself. */
export async function endedOrAsked(context: Context, id: string): Promise<JobRows> {
  const stored = await storedJob(await context.house.openStores(context.config), idsOf(id).jobId);
  return stored === null || stored.state === 'running' ? await jobView(context, id) : stored;
}

/** Asks the job itself, then the records of this host. */
export async function jobView(context: Context, id: string): Promise<JobRows> {
  const { jobId } = idsOf(id);
  let fault: WeaverFault = notKnownHere(context, id);
  let view: JobRows | null = null;
  try {
    view = await withClient(context, 'join', async (client) => (client === null ? null : await askJob(client, jobId)));
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault)) throw thrown;
    fault = thrown;
  }
  view ??= await storedJob(await context.house.openStores(context.config), jobId);
  if (view === null) throw fault;
  return view;
}
