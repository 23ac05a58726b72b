/** Artifacts as files: `<home>/artifacts/<first two digits>/<sha256>.gz`. */
import { createHash } from 'node:crypto';
import { readFile, rename, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip, gzipSync } from 'node:zlib';
import type { ArtifactKind, ArtifactRef } from '../../domain/outcome.js';
import { PortFault, type ArtifactStore } from '../../ports.js';
import { unlessGone } from '../git/error-code.js';
import type { Redactor } from '../redact.js';
import { namesIn, orDiskFault, syncFolder, writeWhole } from './durable-file.js';

export interface ArtifactStoreOptions {
  readonly home: string;
  readonly redactor: Pick<Redactor, 'redactBytes'>;
}

/** Logs and diffs are cut at 4 MB each; nothing that weaver makes comes near. A bound for a file that was tampered with. */
const CONTENT_BYTES_MAX = 64 * 1024 * 1024;
/** Small contents are compressed at once: a trip to the thread pool would take longer. */
const SYNC_BYTES_MAX = 32 * 1024;
/** Names known to be on the disk, so that storing them again costs a look; a day's work of a busy worker. */
const DURABLE_MAX = 10_000;
/** The janitor counts an artifact's time from when it was last stored; to the day is enough. */
const FRESH_MS = 24 * 60 * 60_000;
/** Only these hold text from outside that nobody needs byte for byte. */
const SCRUBBED: ReadonlySet<ArtifactKind> = new Set<ArtifactKind>(['log', 'diff']);

/** Nothing that an open task needs is tidied away; a removed home aside, this is what is left. */
const ELSEWHERE =
  'If the step that made it was done in another home, a worker of that one has to run, or both share one home.';

const compress = promisify(gzip);
const expand = promisify(gunzip);

export function createArtifactStore({ home, redactor }: ArtifactStoreOptions): ArtifactStore {
  const root = join(home, 'artifacts');
  const durable = new Set<string>();
  const tidied = new Set<string>();
  const fileOf = (sha256: string): string => join(root, sha256.slice(0, 2), `${sha256}.gz`);
  return {
    put: (kind, content) =>
      orDiskFault('An artifact could not be stored', async () => {
        const given = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
        const bytes = redactor.redactBytes(given, SCRUBBED.has(kind) ? 'patterns' : 'nothing');
        if (bytes.length > CONTENT_BYTES_MAX)
          throw new PortFault('infrastructure', `An artifact of ${bytes.length} bytes is over the limit.`, false);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const file = fileOf(sha256);
        if (!durable.has(sha256)) {
          await store(file, bytes);
          await tidyOnce(tidied, dirname(file));
        } else if (!(await exists(file))) await store(file, bytes);
        remember(durable, sha256);
        return { kind, sha256, sizeBytes: bytes.length } satisfies ArtifactRef;
      }),
    get: ({ sha256 }) =>
      orDiskFault('An artifact could not be read', async () => {
        if (!/^[0-9a-f]{64}$/.test(sha256)) throw damaged('An artifact has a name that is no SHA-256.');
        return await load(fileOf(sha256), sha256);
      }),
  };
}

async function store(file: string, bytes: Buffer): Promise<void> {
  if (await exists(file)) {
    // Its writer may have been killed before the name was on the disk.
    await syncFolder(dirname(file));
    return;
  }
  const packed = bytes.length <= SYNC_BYTES_MAX ? gzipSync(bytes) : await compress(bytes);
  await writeWhole(file, packed, { durable: true });
}

const exists = async (file: string): Promise<boolean> => {
  const about = await stat(file).catch(unlessGone);
  // Never written by us, but left by file systems after a power cut.
  if (about === undefined || about.size === 0) return false;
  const now = new Date();
  if (now.getTime() - about.mtimeMs > FRESH_MS) await utimes(file, now, now).catch(unlessGone);
  return true;
};

/** Drafts of killed workers go when a process uses their folder for the first time. */
async function tidyOnce(tidied: Set<string>, folder: string): Promise<void> {
  if (tidied.has(folder)) return;
  tidied.add(folder);
  await namesIn(folder);
}

function remember(durable: Set<string>, sha256: string): void {
  durable.add(sha256);
  for (const oldest of durable) {
    if (durable.size <= DURABLE_MAX) break;
    durable.delete(oldest);
  }
}

async function load(file: string, sha256: string): Promise<Buffer> {
  const packed = await readFile(file).catch(unlessGone);
  if (packed === undefined) throw damaged(`Artifact ${sha256} is not in the store of this weaver home. ${ELSEWHERE}`);
  const bytes = await expand(packed, { maxOutputLength: CONTENT_BYTES_MAX }).catch(() => null);
  if (bytes !== null && createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  // Out of the way, so that putting the same content mends the store; kept, so that somebody can look.
  await rename(file, `${file}.damaged`).catch(unlessGone);
  throw damaged(`Artifact ${sha256} was damaged on the disk.`);
}

const damaged = (message: string): PortFault => new PortFault('infrastructure', message, true);
