/** Commands in namespaces of their own: no network, few files, nothing that outlives them or the worker. */
import { execFile } from 'node:child_process';
import { lstat, readFile, realpath } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join, sep } from 'node:path';
import type { Command, Sandbox } from '../../ports.js';
import { errorCode } from '../git/error-code.js';
import { commandEnvironment } from './command-environment.js';
import { LIMITS } from './limits-script.js';
import type { RunCommand } from './run-command.js';
import { visibleFolders, visibleNow, type VisibleFolders } from './visible-folders.js';

export interface BubblewrapOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** The weaver home. */
  readonly home: string;
  /** Of the worker, which commands must not see wherever they are. */
  readonly secrets: readonly string[];
  readonly start: RunCommand;
}

export type Probe =
  { readonly kind: 'works'; readonly sandbox: Sandbox } | { readonly kind: 'missing'; readonly says: string };

/** An ordinary start takes some ten milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;
const COMPLAINT_CHARACTERS_MAX = 200;

/** Tries bubblewrap once, the way commands will use it: many systems have it and forbid what it needs. */
export async function probeBubblewrap({ environment, home, secrets, start }: BubblewrapOptions): Promise<Probe> {
  const asRoot = process.getuid?.() === 0;
  const folders = await visibleFolders({ environment, home, asRoot, secrets });
  const path = { PATH: environment['PATH'] ?? '' };
  let says = '';
  // Versions before 0.7 know no size for memory folders.
  for (const size of [TEMPORARY_BYTES_MAX, null]) {
    const frame: Frame = { folders, size, asRoot };
    const result = await tryOut([...frameArguments(frame, false), '--', '/bin/sh', '-c', ':'], path);
    if (result === null)
      return { kind: 'works', sandbox: createBubblewrap(frame, { environment, home, secrets, start }) };
    says = result;
  }
  return { kind: 'missing', says };
}

/** Null if it works, else what it said. */
function tryOut(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('bwrap', args, { env, cwd: sep, timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, _, stderr) => {
      if (error === null) resolve(null);
      else if (errorCode(error) === 'ENOENT') resolve('it is not installed');
      else resolve(stderr.trim().slice(0, COMPLAINT_CHARACTERS_MAX) || 'it does not start');
    });
  });
}

/** The same for every command of a worker, but for secrets that are renewed. */
interface Frame {
  readonly folders: VisibleFolders;
  readonly size: number | null;
  readonly asRoot: boolean;
}

/** /tmp and the like are in memory: room for a build, and not for a flood. */
const TEMPORARY_BYTES_MAX = Math.min(4_000_000_000, Math.floor(totalmem() / 2));
/** Folders that programs expect to write to. */
const WRITABLE = new Set(['/tmp', '/var/tmp', '/run', '/var/run']);
/** `nobody`: root's commands run as somebody who has a name everywhere, owns nothing and may do nothing special. */
const NOBODY = '65534';

function frameArguments({ folders, size, asRoot }: Frame, network: boolean): readonly string[] {
  const { hidden, masked, shown, shownWithNetwork } = folders;
  const empty = (path: string): readonly string[] =>
    size === null ? ['--tmpfs', path] : ['--size', String(size), '--tmpfs', path];
  const outside = hidden.filter((path) => !shown.some((tool) => path.startsWith(tool + sep)));
  return [
    ['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    network ? [] : ['--unshare-net'],
    asRoot ? ['--uid', NOBODY, '--gid', NOBODY] : [],
    ['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
    outside.flatMap(empty),
    [...shown, ...(network ? shownWithNetwork : [])].flatMap((path) => ['--ro-bind-try', path, path]),
    masked.flatMap((path) => ['--ro-bind', '/dev/null', path]),
    hidden.filter((path) => !outside.includes(path)).flatMap(empty),
  ].flat();
}

function createBubblewrap(frame: Frame, { environment, home, secrets, start }: BubblewrapOptions): Sandbox {
  return {
    name: 'bubblewrap',
    async run(command, signal) {
      // What goes between this look and the start fails the command with a fault that is retried.
      const [place, folders] = await Promise.all([placeOf(command, home), visibleNow(frame.folders, secrets)]);
      const { network, run } = command;
      const variables = commandEnvironment({ inherited: environment, home: place.home, temporary: '/tmp', network });
      const args = [
        frameArguments({ ...frame, folders }, network),
        place.readable.flatMap((path) => ['--ro-bind', path, path]),
        [place.directory, place.home].flatMap((path) => ['--bind', path, path]),
        folders.hidden.filter((path) => !WRITABLE.has(path)).flatMap((path) => ['--remount-ro', path]),
        ['--chdir', place.directory, '--json-status-fd', '3', '--', '/bin/sh', '-c', LIMITS, 'sh', run],
      ].flat();
      const leash = { kind: 'namespace' } as const;
      return start(command, { program: 'bwrap', args, directory: sep, environment: variables, leash }, signal);
    },
  };
}

interface Place {
  readonly directory: string;
  readonly home: string;
  /** What git needs to tell about the work tree. */
  readonly readable: readonly string[];
}

async function placeOf(command: Command, weaverHome: string): Promise<Place> {
  const [directory, home] = await Promise.all([realOrSame(command.directory), realOrSame(command.home)]);
  return { directory, home, readable: await gitFolders(directory, weaverHome) };
}

/** What is not there is for bubblewrap to complain about. */
const realOrSame = (path: string): Promise<string> => realpath(path).catch(() => path);

/**
 * The folder beside the work tree that its `.git` points to, and the mirror that this one names. Found by where weaver puts
 * them and not by `.git`, which the command before may have pointed anywhere; only mirrors of this weaver home are shown.
 */
async function gitFolders(directory: string, weaverHome: string): Promise<readonly string[]> {
  const folder = join(dirname(directory), 'git');
  const about = await lstat(folder).catch(() => null);
  if (about?.isDirectory() !== true) return [];
  const named = (await readFile(join(folder, 'commondir'), 'utf8').catch(() => '')).trim();
  const mirror = await realpath(named).catch(() => null);
  const mirrors = join(await realOrSame(weaverHome), 'mirrors');
  return mirror !== null && dirname(mirror) === mirrors ? [folder, mirror] : [folder];
}
