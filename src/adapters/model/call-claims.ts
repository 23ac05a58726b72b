/**
 * One request process at a time carries a call, also where several hosts or containers share a home, each with a process of
 * its own. A claim is a file `calls/<call>.<n>`, a second name of the claimer's presence file; the highest n counts. A dead
 * claimer is succeeded by making n+1, which only one can do.
 *
 * The presence file says whose it is and is touched while its owner is busy. Whether it changes is seen from here over some
 * time, so that clocks of hosts need not agree.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isObject } from '../../domain/plain-object.js';
import { unlessGone } from '../git/error-code.js';
import type { Place } from './place.js';
import { linked } from './single-instance.js';

export interface CallClaims {
  /** Waits while another living process has the call. Null if the signal aborts. @param callMs time limit of its request */
  take(key: string, callMs: number, signal: AbortSignal): Promise<Release | null>;
  /** Says that this process lives; to be called each second while it is busy. */
  touch(): Promise<void>;
  /** Removes what nobody has any more: claims of processes that were here before, claims and folders of long ago. */
  tidy(): Promise<void>;
}

export type Release = () => Promise<void>;

export interface ClaimParts {
  /** Folder `<home>/run`. */
  readonly run: string;
  readonly place: Place;
  /** How often another claimer is looked at. */
  readonly pollMs?: number;
  readonly silence?: Silence;
}

/** How long a claimer is silent before it counts as dead. It is touched each second. */
export interface Silence {
  /** On this kernel: what is written is seen at once. */
  readonly nearMs: number;
  /** Of the same name as this host, which has been started anew: file systems of the network show a change within a minute. */
  readonly restartedMs: number;
}

interface Claimer extends Place {
  /** Which run of the request process: each has a presence file of its own. */
  readonly file: bigint;
  readonly touchedAt: bigint;
}

interface Sight {
  readonly touchedAt: bigint;
  readonly since: number;
  readonly lookedAt: number;
}

const POLL_MS = 250;
/** Who was idle is not touched; only what was looked at all the time tells of silence. */
const LOOKED_WITHIN_MS = 3_000;
const SILENCE: Silence = { nearMs: 5_000, restartedMs: 90_000 };
/** No request takes so long; what it has left is nobody's, whatever the clocks say. */
const FORGOTTEN_MS = 7 * 24 * 60 * 60_000;
/** Claims looked at by one tidying; what is left is for the next start. */
const TIDIED_MAX = 1_000;

export async function openCallClaims({ run, place, ...rest }: ClaimParts): Promise<CallClaims> {
  const { pollMs = POLL_MS, silence = SILENCE } = rest;
  const folder = join(run, 'calls');
  const presence = join(run, place.name, 'alive');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writePresence(presence, place);
  const own = (await stat(presence, { bigint: true })).ino;
  const sights = createSights(run, silence, place);

  /** One try; null while another living process has it. */
  const tryTake = async (name: string, isDead: (claimer: Claimer) => Promise<boolean>): Promise<Release | null> => {
    const highest = await highestIn(folder, name);
    const before = highest === 0 ? null : await readClaimer(join(folder, `${name}.${highest}`));
    if (highest > 0 && (before === null || !(await isDead(before)))) return null;
    const mine = join(folder, `${name}.${highest + 1}`);
    if (!(await linked(presence, mine))) return null;
    // Who was slow may have made a number that others have been through since.
    const stillBefore =
      before === null || (await readClaimer(join(folder, `${name}.${highest}`)))?.file === before.file;
    if (!stillBefore || (await highestIn(folder, name)) !== highest + 1) {
      await rm(mine, { force: true });
      return null;
    }
    for (let lower = 1; lower <= highest; lower += 1) await rm(join(folder, `${name}.${lower}`), { force: true });
    return () => rm(mine, { force: true });
  };

  const isGone = (callMs: number) => async (claimer: Claimer) =>
    isOfBefore(claimer) || (await sights.isSilent(claimer, callMs));
  /** Its process had the hold of this place before us. */
  const isOfBefore = ({ name, file }: Claimer): boolean => name === place.name && file !== own;
  const isForgotten = (claimer: Claimer): Promise<boolean> =>
    Promise.resolve(isOfBefore(claimer) || Date.now() - Number(claimer.touchedAt / 1_000_000n) > FORGOTTEN_MS);

  return {
    async take(key, callMs, signal) {
      const name = nameOf(key);
      const isDead = isGone(callMs);
      while (!signal.aborted) {
        const release = await tryTake(name, isDead);
        if (release !== null) return release;
        await pause(pollMs, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
      }
      return null;
    },
    touch: () => utimes(presence, new Date(), new Date()),
    async tidy() {
      const names = new Set((await readdir(folder)).flatMap((file) => /^([0-9a-f]{40})\.\d+$/.exec(file)?.[1] ?? []));
      for (const name of [...names].slice(0, TIDIED_MAX)) await (await tryTake(name, isForgotten))?.();
      await removePlaces(run, place.name);
    },
  };
}

/** A place comes with each start of a machine or a container. A process that lives there all the same begins anew with the next call. */
async function removePlaces(run: string, own: string): Promise<void> {
  const names = (await readdir(run)).filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== own);
  for (const name of names.slice(0, TIDIED_MAX)) {
    const about = await stat(join(run, name, 'alive')).catch(unlessGone);
    if (about !== undefined && Date.now() - about.mtimeMs > FORGOTTEN_MS)
      await rm(join(run, name), { recursive: true, force: true });
  }
}

const nameOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 40);

/** A new file for each run of the process, whole from the beginning. */
async function writePresence(file: string, place: Place): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, JSON.stringify(place), { mode: 0o600 });
  await rename(draft, file);
}

interface Sights {
  isSilent(claimer: Claimer, callMs: number): Promise<boolean>;
}

function createSights(run: string, { nearMs, restartedMs }: Silence, here: Place): Sights {
  /** By presence file: one for each claimer that was ever waited for. */
  const seen = new Map<bigint, Sight>();
  const limitFor = ({ kernel, host }: Place, callMs: number): number => {
    if (kernel === here.kernel) return nearMs;
    return host === here.host ? restartedMs : Math.max(restartedMs, callMs);
  };
  return {
    async isSilent(claimer, callMs) {
      const { file, touchedAt, name } = claimer;
      const before = seen.get(file);
      const now = performance.now();
      const isNews = before === undefined || before.touchedAt !== touchedAt || now - before.lookedAt > LOOKED_WITHIN_MS;
      const since = isNews ? now : before.since;
      seen.set(file, { touchedAt, since, lookedAt: now });
      if (now - since < limitFor(claimer, callMs)) return false;
      // Stopped for a while, or swapped out: its socket answers all the same where this kernel has it.
      if (!(await answers(join(run, name, 'requests.sock')))) return true;
      seen.set(file, { touchedAt, since: now, lookedAt: now });
      return false;
    },
  };
}

/** Whether a process listens there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
}

async function highestIn(folder: string, name: string): Promise<number> {
  const ends = (await readdir(folder)).filter((file) => file.startsWith(`${name}.`));
  return Math.max(0, ...ends.map((file) => Number(file.slice(name.length + 1))).filter(Number.isSafeInteger));
}

/** Null if it is gone. */
async function readClaimer(file: string): Promise<Claimer | null> {
  const about = await stat(file, { bigint: true }).catch(unlessGone);
  const text = await readFile(file, 'utf8').catch(unlessGone);
  if (about === undefined || text === undefined) return null;
  return { ...parsePlace(text), file: about.ino, touchedAt: about.mtimeNs };
}

/** What cannot be read (a power cut) is of nobody who could say so, and waited for as one of another host. */
function parsePlace(text: string): Place {
  const unknown = { name: '', kernel: '', host: '' };
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return unknown;
    const { name, kernel, host } = value;
    const isPlace = typeof name === 'string' && typeof kernel === 'string' && typeof host === 'string';
    return isPlace ? { name, kernel, host } : unknown;
  } catch {
    return unknown;
  }
}
