/** Tells whether two submissions under one key are the same task. */
import { createHash } from 'node:crypto';
import type { JobSpec } from '../domain/job.js';
import type { TaskSpec } from '../domain/task.js';
import { isMap } from '../domain/plain-object.js';

/**
 * SHA-256 of the specification in canonical form. Without the key, which names the task but is no part of it, and without the
 * patience with outages, whose default depends on whether somebody waits.
 */
export function specHash({ key: _key, limits, ...spec }: TaskSpec): string {
  const { outageSeconds: _outageSeconds, ...limited } = limits;
  return createHash('sha256')
    .update(canonical({ ...spec, limits: limited }))
    .digest('hex');
}

/** The same of a job, as it is written: the same job in other words is another one. */
export function jobHash({ key: _key, defaults, ...job }: JobSpec): string {
  const { limits, ...others } = defaults;
  const { outageSeconds: _outageSeconds, ...limited } = isMap(limits) ? limits : {};
  const shared = Object.keys(limited).length === 0 ? others : { ...others, limits: limited };
  return createHash('sha256')
    .update(canonical({ ...job, defaults: shared }))
    .digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}
