/** The identifiers that people give: the key, `job/<key>`, or `job/<key>/t/<path>`. */
import { randomBytes } from 'node:crypto';
import { isKey, KEY_RULE } from '../domain/key.js';
import { usageFault } from './weaver-fault.js';

export interface TaskIds {
  readonly jobId: string;
  readonly taskId: string;
}

/** Throws a usage fault for what cannot be an identifier. */
export function idsOf(id: string): TaskIds {
  if (id.startsWith('compare/'))
    throw usageFault(
      `“${id.slice(0, 100)}” is a comparison, no task.`,
      'weaver compare FILE --key KEY goes on with it and shows it; weaver cancel stops it.',
    );
  const match = /^(?:job\/)?([^/\s]+)(?:\/t\/([^/\s]+))?$/u.exec(id.trim());
  const [, key, path = '0'] = match ?? [];
  if (key === undefined)
    throw usageFault(
      `“${id.slice(0, 100)}” is not an identifier.`,
      'Give a key, job/<key> or job/<key>/t/0, as weaver list shows it.',
    );
  return { jobId: `job/${key}`, taskId: `job/${key}/t/${path}` };
}

export function jobIdOfKey(key: string): string {
  if (!isKey(key)) throw usageFault(`“${key.slice(0, 120)}” cannot be a key.`, `Use ${KEY_RULE}`);
  return `job/${key}`;
}

/** Short, and in the order of time: milliseconds and 20 random bits, in base 36. */
export function randomKey(nowMs: number): string {
  const chance = (randomBytes(3).readUIntBE(0, 3) % 36 ** 4).toString(36).padStart(4, '0');
  return `${nowMs.toString(36)}${chance}`;
}
