/** A short name for a value, equal for equal values. */
import { createHash } from 'node:crypto';

/** Hexadecimal digits of the SHA-256 of its JSON: 40 name something for ever, 16 tell a few apart. */
export const hashOf = (value: unknown, digits: 16 | 40): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, digits);
