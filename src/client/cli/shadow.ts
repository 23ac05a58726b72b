/** `weaver shadow`: what the shadow calls of this host have come to, by model; neither a server nor a worker is asked. */
import { summarise, type ShadowRecord } from '../../domain/shadow.js';
import { isMap } from '../../domain/plain-object.js';
import { shadowTable } from '../render-shadow.js';
import { idsOf } from '../task-id.js';
import type { Context } from './context.js';

export interface ShadowFlags {
  readonly job?: string;
}

export async function shadow({ house, terminal, json, config }: Context, { job }: ShadowFlags): Promise<number> {
  const { records } = await house.openStores(config);
  const prefix = job === undefined ? '' : `${idsOf(job).jobId}/`;
  const found: ShadowRecord[] = [];
  for await (const entry of records.walk()) if (isShadow(entry) && entry.taskId.startsWith(prefix)) found.push(entry);
  const models = summarise(found);
  if (json) terminal.json({ calls: found.length, models });
  else for (const line of shadowTable(models, terminal.columns)) terminal.out(line);
  return 0;
}

/** Written by `recordShadow` only. */
const isShadow = (entry: unknown): entry is ShadowRecord => isMap(entry) && entry['kind'] === 'shadow';
