/** How far each receiver of events has got: `<home>/events/deliveries/<sink>-<hash of its address>.json`. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Delivery } from '../../ports.js';
import { writeWhole } from '../artifacts/durable-file.js';
import { unlessGone } from '../git/error-code.js';
import { eventsFolder } from './event-log.js';
import type { Sink } from './sender.js';

/** Null for a receiver that has never been served. */
export async function readDelivery(home: string, sink: Pick<Sink, 'kind' | 'identity'>): Promise<Delivery | null> {
  const text = await readFile(fileOf(home, sink), 'utf8').catch(unlessGone);
  if (text === undefined) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isDelivery(value) ? value : null;
  } catch {
    return null; // an empty file, after a power cut
  }
}

/** Not synced: an older state after a power cut only tells some events again. */
export const writeDelivery = async (home: string, sink: Sink, delivery: Delivery): Promise<void> =>
  await writeWhole(fileOf(home, sink), JSON.stringify(delivery), { durable: false });

/** By a hash, for the address may hold a secret. */
const fileOf = (home: string, { kind, identity }: Pick<Sink, 'kind' | 'identity'>): string =>
  join(
    eventsFolder(home),
    'deliveries',
    `${kind}-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}.json`,
  );

const isDelivery = (value: unknown): value is Delivery =>
  typeof value === 'object' &&
  value !== null &&
  'number' in value &&
  typeof value.number === 'number' &&
  'failing' in value;
