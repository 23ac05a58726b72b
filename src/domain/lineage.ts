/** The name under which a task's calls and workspace are kept: a folder name, different for different tasks. */

/** File systems allow 255 bytes; the rest is for endings such as `.jsonl`. */
const CHARACTERS_MAX = 200;
const HASH_CHARACTERS = 16;

/** Workflow ids may hold anything: what a folder name cannot is written as `~<hex>~`, the slash as `~` alone. */
export function lineageOf(taskId: string): string {
  const name = taskId.replaceAll(/[^A-Za-z0-9._-]/gu, (one) =>
    one === '/' ? '~' : `~${one.codePointAt(0)?.toString(16)}~`,
  );
  // No name of a folder or an argument begins with a dash or a dot.
  if (!/^[A-Za-z0-9]/.test(name)) return lineageOf(`task${taskId}`);
  if (name.length <= CHARACTERS_MAX) return name;
  return `${name.slice(0, CHARACTERS_MAX - HASH_CHARACTERS - 1)}-${fnv1a(name)}`;
}

/** How the lineages of a job's tasks begin. */
export const tasksPrefixOf = (lineageOfJob: string): string => `${lineageOfJob}~t~`;

/** The task of a lineage; null where the name does not tell: it was cut, or it is of nothing that weaver has started. */
export function taskIdOf(lineage: string): string | null {
  const [, key, path] = /^job~(.+)~t~([A-Za-z0-9.-]+)$/.exec(lineage) ?? [];
  if (key === undefined || path === undefined || lineage.length >= CHARACTERS_MAX) return null;
  // A key has no slash in it, so each `~` of its name begins or ends a character written in hex.
  const written = key.replaceAll(/~([0-9a-f]{1,5})~/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  const taskId = `job/${written}/t/${path}`;
  return lineageOf(taskId) === lineage ? taskId : null;
}

/** FNV-1a with 64 bits (Fowler, Noll, Vo): no cryptography in workflows, and ids are not chosen to collide. */
export function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const one of text) hash = BigInt.asUintN(64, (hash ^ BigInt(one.codePointAt(0) ?? 0)) * 0x100000001b3n);
  return hash.toString(16).padStart(HASH_CHARACTERS, '0');
}

const PERSON = '.person';

/** The work tree that a person has of a task, beside the task's own. */
export const workspaceOfPerson = (lineage: string): string => `${lineage}${PERSON}`;

/** That of a case of a comparison, by its place. */
export const workspaceOfCase = (lineage: string, index: number): string => `${lineage}.case${index + 1}`;

/** Whose work tree it is. */
export const ownerOfWorkspace = (workspace: string): string =>
  workspace.endsWith(PERSON) ? workspace.slice(0, -PERSON.length) : workspace.replace(/\.case\d+$/, '');
