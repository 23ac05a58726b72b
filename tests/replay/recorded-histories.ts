/** Histories of workflows as files: gzipped JSON, one a workflow, without the names of the machine that recorded them. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';

export const HISTORIES = join(__dirname, 'histories');

interface RecordedHistory {
  readonly name: string;
  readonly workflowId: string;
  readonly history: unknown;
}

/** Writes the history of every closed workflow of a server, named by type and title. */
export async function recordHistories(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection });
    mkdirSync(HISTORIES, { recursive: true });
    for await (const { workflowId, type, status } of client.workflow.list()) {
      // Those of the keeper of permits come from its own test, where its life is complete.
      // What was ended by force ends in the middle.
      if (status.name === 'RUNNING' || status.name === 'TERMINATED' || type === 'permits') continue;
      await writeHistory(client, workflowId, type);
    }
  } finally {
    await connection.close();
  }
}

/**
 * Of one closed workflow. `type` stands before the title of the task (or the id, where there is none), or alone if it has a dot:
 * then there is no title. A task that is taken up again has the title of the first, and another way.
 */
export async function writeHistory(
  client: Client,
  workflowId: string,
  type: string,
  folder = HISTORIES,
): Promise<void> {
  const history = JSON.parse(historyToJSON(await client.workflow.getHandle(workflowId).fetchHistory())) as unknown;
  const [, again = ''] = /(~\d+)/.exec(workflowId) ?? [];
  const name = type.includes('.')
    ? type
    : `${type}.${slug(titleIn(history) ?? workflowId)}${again.replace('~', '-again-')}`;
  const text = JSON.stringify({ name, workflowId, history: scrub(history) });
  // A fixed time in the header: the same history is the same file.
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json.gz`), gzipSync(text, { level: 9 }));
}

export const recordedHistories = (folder = HISTORIES): readonly RecordedHistory[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json.gz'))
    .toSorted()
    .map((file) => JSON.parse(gunzipSync(readFileSync(join(folder, file))).toString('utf8')) as RecordedHistory);

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 60);

function titleIn(history: unknown): string | null {
  for (const text of payloadTexts(history)) {
    const [, title] = /"title":"([^"]+)"/.exec(text) ?? [];
    if (title !== undefined) return title;
  }
  return null;
}

interface Payload {
  readonly data: string;
  readonly metadata: unknown;
}

const isPayload = (value: object): value is Payload =>
  'data' in value && typeof value.data === 'string' && 'metadata' in value;

function payloadTexts(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isPayload(value)) return [Buffer.from(value.data, 'base64').toString('utf8')];
  return Object.values(value).flatMap(payloadTexts);
}

function scrub(value: unknown): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(scrub);
  if (isPayload(value)) {
    const data = Buffer.from(scrubText(Buffer.from(value.data, 'base64').toString('utf8'))).toString('base64');
    return { ...value, data };
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, scrub(one)]));
}

/** Only behind an @, as in `12345@host`: a short name may occur in ids, which must stay. */
const scrubText = (text: string): string =>
  text.replaceAll(`@${hostname()}`, '@host').replaceAll(new RegExp(`${tmpdir()}/weaver-[A-Za-z0-9-]+`, 'g'), '/work');
