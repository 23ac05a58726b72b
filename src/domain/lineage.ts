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

/** FNV-1a with 64 bits (Fowler, Noll, Vo): no cryptography in workflows, and ids are not chosen to collide. */
export function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const one of text) hash = BigInt.asUintN(64, (hash ^ BigInt(one.codePointAt(0) ?? 0)) * 0x100000001b3n);
  return hash.toString(16).padStart(HASH_CHARACTERS, '0');
}
