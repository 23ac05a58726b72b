/** Reads the whole ledger of a home, a few calls at a time: it may hold a hundred thousand of them. */
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PaidRequest } from '../../domain/costs.js';
import { PortFault, type Costs } from '../../ports.js';
import type { Ledger } from './ledger.js';
import { requestsOf } from './ledger-rows.js';

/** Files in memory at a time: enough to keep a disk busy, and at 10 MB for the longest answer still bounded. */
const AT_ONCE = 8;
/** Clocks of file systems on other hosts go wrong by minutes. */
const CLOCK_SLACK_MS = 3_600_000;

type Walk = ReturnType<Costs['requests']>;
type Wanted = Parameters<Costs['requests']>[0];

/** In the order of the folders. A file that is removed meanwhile is passed over. */
export async function* walkLedger(home: string, ledger: Pick<Ledger, 'read'>, wanted: Wanted): Walk {
  let batch: Promise<readonly (PaidRequest | { readonly damaged: string })[]>[] = [];
  for await (const place of callFiles(home, wanted.wants)) {
    batch.push(requestsIn(place, ledger, wanted.sinceMs));
    if (batch.length < AT_ONCE) continue;
    for (const requests of await Promise.all(batch)) yield* requests;
    batch = [];
  }
  for (const requests of await Promise.all(batch)) yield* requests;
}

interface Place {
  readonly lineage: string;
  readonly callId: string;
  readonly file: string;
}

async function* callFiles(home: string, wants: Wanted['wants']): AsyncGenerator<Place> {
  const root = join(home, 'ledger');
  for await (const lineage of entriesOf(root)) {
    if (!wants(lineage)) continue;
    for await (const name of entriesOf(join(root, lineage))) {
      if (name.endsWith('.jsonl'))
        yield { lineage, callId: name.slice(0, -'.jsonl'.length), file: join(root, lineage, name) };
    }
  }
}

/** Names in the order in which the file system has them; none of a folder that is gone, or is none. */
async function* entriesOf(folder: string): AsyncGenerator<string> {
  const opened = await opendir(folder).catch(unlessAbsent);
  if (opened === null) return;
  for await (const { name } of opened) yield name;
}

function unlessAbsent(error: unknown): null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return null;
  throw error;
}

/** A file that was last written before the time holds no request after it. */
async function requestsIn(
  { lineage, callId, file }: Place,
  ledger: Pick<Ledger, 'read'>,
  sinceMs: number,
): Promise<readonly (PaidRequest | { readonly damaged: string })[]> {
  if (sinceMs > 0) {
    const about = await stat(file).catch(unlessAbsent);
    if (about === null || about.mtimeMs < sinceMs - CLOCK_SLACK_MS) return [];
  }
  try {
    const requests = requestsOf(lineage, callId, await ledger.read(lineage, callId));
    return requests.filter(({ startedAt }) => startedAt >= sinceMs);
  } catch (error) {
    // One file that is no ledger must not hide the others; who reads is told.
    if (error instanceof PortFault && !error.retryable) return [{ damaged: file }];
    throw error;
  }
}
