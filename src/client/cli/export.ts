/** `weaver export`: all that is known of a task or a job, to take along. */
import type { Entry } from '../../domain/entries.js';
import type { JobTaskRow } from '../../domain/job.js';
import { storyLines } from '../explain.js';
import { jobStoryLines, jobStoryOf } from '../explain-job.js';
import { exportTask as exportFilesOf, versionsOf } from '../export.js';
import { writeExport } from '../export-archive.js';
import { ExportFiles } from '../export-files.js';
import { exportReadme } from '../export-readme.js';
import type { JobRows } from '../job-rows.js';
import { bytes, counted } from '../report/html.js';
import { idsOf } from '../task-id.js';
import { unknownTask, WeaverFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { readStory } from './explain.js';
import { endedOrAsked } from './graph.js';
import { withClient } from './look.js';

/** Tasks of one export; a job of thousands is exported by the task. */
const TASKS_MAX = 1_000;

export async function exportTask(
  context: Context,
  id: string,
  { output }: { readonly output?: string },
): Promise<number> {
  const { house, config, terminal, json } = context;
  const { jobId, taskId } = idsOf(id);
  const view = await endedOrAsked(context, id);
  const rows = id.includes('/t/') ? view.rows.filter((row) => row.taskId === taskId) : view.rows;
  if (rows.length === 0) throw unknownTask(id);
  const files = new ExportFiles(house.scrubber(config));
  const madeAt = Date.now();
  await collect(context, files, view, rows, madeAt);
  const name = (id.includes('/t/') ? taskId : jobId).replace(/^job\//, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  const path = await writeExport(output ?? `export-${name}.tar.gz`, files.files, madeAt);
  const size = files.files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  if (json) terminal.json({ path, files: files.files.length, bytes: size, tasks: rows.length, missing: files.gaps });
  else terminal.note(`written: ${path} (${counted(files.files.length, 'file')}, ${bytes(size)} before packing)`);
  return 0;
}

async function collect(
  context: Context,
  files: ExportFiles,
  view: JobRows,
  rows: readonly JobTaskRow[],
  madeAt: number,
): Promise<void> {
  const stores = await context.house.openStores(context.config);
  const [only] = rows;
  const isMany = rows.length > 1 || only === undefined;
  const folders: string[] = [];
  const entries: Entry[] = [];
  for (const { taskId, path } of rows.slice(0, TASKS_MAX)) {
    const folder = isMany ? `tasks/${path}/` : '';
    entries.push(...(await exportFilesOf(stores, files, taskId, folder)));
    const story = await readStory(stores, taskId);
    if (story !== null) files.text(`${folder}explain.txt`, `${storyLines(story).join('\n')}\n`);
    folders.push(folder);
  }
  for (const { path } of rows.slice(TASKS_MAX)) files.missing(`tasks/${path}/`, 'weaver export of the task itself');
  if (isMany) {
    files.json('job.json', view);
    files.lines('job-record.jsonl', await stores.records.read(view.jobId));
    files.text('explain.txt', `${jobStoryLines(jobStoryOf(view)).join('\n')}\n`);
  }
  files.json('versions.json', versionsOf(await versions(context), entries));
  const about = isMany ? { id: view.jobId, title: view.title, state: view.state } : ofTask(only);
  files.text('README.md', exportReadme({ ...about, madeAt, folders }, files));
}

const ofTask = ({ taskId, title, state }: JobTaskRow) => ({ id: taskId, title, state });

const versions = async (context: Context) => ({
  weaver: context.house.version,
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  server: await serverVersion(context),
});

/** An export needs no server. */
async function serverVersion(context: Context): Promise<string | null> {
  try {
    return await withClient(context, 'join', async (client) =>
      client === null ? null : (await client.inspectServer()).serverVersion,
    );
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return null;
    throw thrown;
  }
}
