/** Values from the command line, put into the content of a task file before it is looked at. */
import { isCollection, isScalar, parseDocument } from 'yaml';
import { JOB_TASKS_MAX } from '../domain/job.js';
import type { Path, TaskFault } from './faults.js';
import { showPath } from './faults.js';
import { goesTooDeep } from './yaml-text.js';

/** One value, and the flag it came from, as faults name it. */
export interface SetValue {
  readonly path: Path;
  /** Undefined takes the field out. */
  readonly value: unknown;
  /** As typed, for fields that are text though the value looks like a number. */
  readonly text: string;
  readonly flag: string;
}

/** No field lies deeper than this, nor is a list longer: that of a job's tasks is the longest. */
const DEPTH_MAX = 6;
const INDEX_MAX = JOB_TASKS_MAX;

/** Names that JavaScript gives a meaning of their own. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/** `checks[0].run=npm test`: the value is read as YAML on one line; `null` takes the field out. */
export function parseSet(text: string, index: number): SetValue | TaskFault {
  const equals = text.indexOf('=');
  const target = equals < 0 ? text : text.slice(0, equals);
  const path = parsePath(target.trim());
  if (equals < 0 || path === null)
    return {
      path: `--set (number ${index + 1})`,
      line: null,
      says: 'must be written as path=value, such as limits.attempts=3',
    };
  const flag = `--set ${showPath(path)}`;
  const given = text.slice(equals + 1);
  const read = parseValue(given);
  return read.kind === 'value'
    ? { path, value: read.value, text: given.trim(), flag }
    : { path: showPath(path), line: null, says: `has a value that is not valid YAML (${flag})` };
}

function parsePath(text: string): Path | null {
  if (!/^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[\d{1,4}\])*$/.test(text)) return null;
  const path = [...text.matchAll(/([A-Za-z_][\w-]*)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
  const refused = path.some((key) => RESERVED.has(String(key)) || (typeof key === 'number' && key >= INDEX_MAX));
  return refused || path.length > DEPTH_MAX ? null : path;
}

type Read = { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'broken' };

/** Quotes and brackets are YAML; of anything else only numbers, true, false and null are taken for more than the text they are. */
function parseValue(given: string): Read {
  const text = given.trim();
  if (text === '') return { kind: 'value', value: '' };
  if (goesTooDeep(text)) return { kind: 'broken' };
  const document = parseDocument(text, { prettyErrors: false });
  const { contents, errors, warnings } = document;
  if (/^["'[{]/.test(text)) {
    if (errors.length > 0 || warnings.length > 0 || (isCollection(contents) && contents.flow !== true))
      return /^["']/.test(text) ? { kind: 'value', value: text } : { kind: 'broken' };
    try {
      return { kind: 'value', value: document.toJS({ maxAliasCount: 0 }) };
    } catch {
      return { kind: 'broken' };
    }
  }
  const value: unknown = errors.length === 0 && isScalar(contents) ? contents.value : text;
  if (typeof value === 'string' || text.includes('#')) return { kind: 'value', value: text };
  return { kind: 'value', value: value ?? undefined };
}

/** The content with the values in it; the content itself stays as it is. */
export function applySets(
  content: unknown,
  sets: readonly SetValue[],
): { readonly content: unknown; readonly faults: readonly TaskFault[] } {
  const faults: TaskFault[] = [];
  let changed = content;
  for (const set of sets) {
    const next = place(changed, set.path, set.value);
    if (next.kind === 'placed') changed = next.value;
    else faults.push({ path: showPath(set.path), line: null, says: `cannot be set: ${next.says} (${set.flag})` });
  }
  return { content: changed, faults };
}

type Placed =
  { readonly kind: 'placed'; readonly value: unknown } | { readonly kind: 'refused'; readonly says: string };

function place(into: unknown, path: Path, value: unknown): Placed {
  const [key, ...rest] = path;
  if (key === undefined) return { kind: 'placed', value };
  if (typeof key === 'number') {
    const list: readonly unknown[] = Array.isArray(into) ? into : [];
    if (into !== undefined && into !== null && !Array.isArray(into))
      return { kind: 'refused', says: 'there is no list' };
    if (key > list.length) return { kind: 'refused', says: `the list has ${list.length} entries` };
    const inner = place(list[key], rest, value);
    if (inner.kind === 'refused') return inner;
    const after = list.slice(key + 1);
    return {
      kind: 'placed',
      value: [...list.slice(0, key), ...(inner.value === undefined ? [] : [inner.value]), ...after],
    };
  }
  if (into !== undefined && into !== null && (typeof into !== 'object' || Array.isArray(into)))
    return { kind: 'refused', says: 'what it is in is not a map of fields' };
  const fields = new Map<string, unknown>(Object.entries(into ?? {}));
  const inner = place(fields.get(String(key)), rest, value);
  if (inner.kind === 'refused') return inner;
  if (inner.value === undefined) fields.delete(String(key));
  else fields.set(String(key), inner.value);
  return { kind: 'placed', value: Object.fromEntries(fields) };
}
