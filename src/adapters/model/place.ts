/**
 * Where a request process runs, among the hosts and containers that share a weaver home. Process numbers mean something within
 * one place only, and so does the socket; calls and their ledger are shared.
 */
import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

export interface Place {
  /** Name of its folder in `<home>/run`. */
  readonly name: string;
  /** Differs from one start of a machine to the next; the same in all containers of one. */
  readonly kernel: string;
  readonly host: string;
}

/** @param name in place of the one that is found out */
export async function placeHere(name?: string): Promise<Place> {
  const host = hostname();
  const kernel = (await textOf(readFile('/proc/sys/kernel/random/boot_id', 'utf8'))) ?? `host ${host}`;
  const processes = (await textOf(readlink('/proc/self/ns/pid'))) ?? '';
  const found = createHash('sha256').update(`${kernel}\n${processes}`).digest('hex').slice(0, 16);
  return { name: name ?? found, kernel, host };
}

/** Null on systems that have no such file: they have one set of process numbers, for the whole machine. */
const textOf = (reading: Promise<string>): Promise<string | null> =>
  reading.then(
    (text) => text.trim(),
    () => null,
  );
