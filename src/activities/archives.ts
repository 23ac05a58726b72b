/** Archives of what a set-up has left in the work tree and in the home of the commands. */
import { copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ActivityPorts } from './activity-ports.js';
import { runLogged, type Place } from './logged-command.js';

type Ports = Pick<ActivityPorts, 'sandbox' | 'artifacts'>;

/** Of the work tree, and of the home. */
export const PARTS = ['tree.tar', 'home.tar'] as const;

/** The dependencies of a large project; what is more is fetched again. */
export const ARCHIVES_BYTES_MAX = 2_000_000_000;
/** Of archiving and unpacking. */
const TIMEOUT_SECONDS = 600;
/** Below the home of the commands, where they see it. */
const EXCHANGE = '.weaver-setup';

/** What goes into the archives, by paths below the work tree and below the home. */
interface Packed {
  readonly inTree: readonly (string | Buffer)[];
  readonly inHome: readonly (string | Buffer)[];
}

/** A folder for archives that commands see too, for as long as the work on it takes. */
export async function withExchange<T>({ home }: Place, work: (folder: string) => Promise<T>): Promise<T> {
  const exchange = join(home, EXCHANGE);
  await rm(exchange, { recursive: true, force: true });
  await mkdir(exchange);
  try {
    return await work(exchange);
  } finally {
    await rm(exchange, { recursive: true, force: true });
  }
}

/** False if it does not work: a tar that is not GNU's refuses the options. */
export async function pack(ports: Ports, place: Place, exchange: string, { inTree, inHome }: Packed): Promise<boolean> {
  const list = (name: string, paths: readonly (string | Buffer)[]): Promise<void> =>
    writeFile(join(exchange, name), Buffer.concat(paths.map((path) => Buffer.concat([Buffer.from(path), END]))));
  await list('tree-names', inTree);
  await list('home-names', inHome);
  return await succeeds(ports, place, PACK);
}

const END = Buffer.from('\0');

/** Whether nothing in the packed archives names a folder of this task: then they are of use to others. */
export const isMovable = (ports: Ports, place: Place): Promise<boolean> => succeeds(ports, place, NAMES_NO_FOLDER);

/** Lays out what is not there; what is there stays as it is. False if something of it cannot be laid out. */
export async function unpack(ports: Ports, place: Place, archives: readonly string[]): Promise<boolean> {
  return await withExchange(place, async (exchange) => {
    for (const archive of archives) await linkOrCopy(archive, join(exchange, basename(archive)));
    return await succeeds(ports, place, UNPACK);
  });
}

export const linkOrCopy = async (from: string, to: string): Promise<void> =>
  await link(from, to).catch(async () => await copyFile(from, to));

/**
 * Compiled files of Python name their sources by their whole path and are made again when they are missing, as logs and the
 * cache of Go's compiler are. The last is left out of a whole home only: what the checks of the base have filled is asked for
 * by its name.
 */
const PACK = `set -e
x="$HOME/${EXCHANGE}"
tar -cf "$x/tree.tar" --exclude=__pycache__ --null --verbatim-files-from -T "$x/tree-names"
tar -cf "$x/home.tar" --exclude=__pycache__ --exclude=./${EXCHANGE} --exclude=./.npm/_logs --exclude=./.cache/go-build -C "$HOME" --null --verbatim-files-from -T "$x/home-names"`;

const NAMES_NO_FOLDER = `! grep -qF -e "$PWD/" -e "$HOME/" "$HOME/${EXCHANGE}/tree.tar" "$HOME/${EXCHANGE}/home.tar"`;

const UNPACK = `set -e
x="$HOME/${EXCHANGE}"
for archive in "$x"/*home.tar; do tar -xf "$archive" --no-same-owner --skip-old-files -C "$HOME"; done
for archive in "$x"/*tree.tar; do tar -xf "$archive" --no-same-owner --skip-old-files; done`;

/** In the sandbox: what is packed was made by commands of the repository. */
async function succeeds(ports: Ports, place: Place, run: string): Promise<boolean> {
  const { result } = await runLogged(ports, { name: 'archives', run, timeoutSeconds: TIMEOUT_SECONDS }, false, place);
  return result.exitCode === 0;
}
