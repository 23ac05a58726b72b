/**
 * What a check's runner has said of its tests: in files, or in its output. A file counts only if this very run has written it,
 * and only if it lies in the work tree itself: links are the check's own work.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath, rm, type FileHandle } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import picomatch from 'picomatch';
import type { CheckSpec } from '../domain/task.js';
import type { TestTable } from '../domain/test-results.js';
import type { ReadReport, TestReports } from '../ports.js';
import type { Place } from './work-place.js';

/** A suite of ten thousand tests writes a tenth of it. */
const FILE_BYTES_MAX = 20_000_000;
const ALL_BYTES_MAX = 60_000_000;
/** One file a class is usual with Java. */
const FILES_MAX = 2_000;
/** Entries looked at below the fixed part of a glob. */
const ENTRIES_MAX = 20_000;
const DEPTH_MAX = 12;

/** Where runners write without being told; only these folders are looked at, since a work tree may be large. */
const USUAL_FILES = /^(?:junit[\w.-]*|TEST-.*|test-?results?|test-?report|report|results)\.xml$/;
const USUAL_FOLDERS = ['test-results', 'test-reports', 'reports', 'target/surefire-reports', 'build/test-results'];
/** Modules of a build of several. */
const MODULES_MAX = 200;

/** What reports there were before the check ran, by path: size and time. */
export type ReportsBefore = ReadonlyMap<string, string>;

/**
 * The command, with pytest told to write a report too and `go test` to name what passes: they do so whatever they are called
 * by. Other commands of go do not know the flag, and leave it out; a `go env -w` of the set-up would be hidden by it.
 */
export const withReport = (run: string, name: string): string =>
  [
    `export PYTEST_ADDOPTS="\${PYTEST_ADDOPTS:-} --junitxml='$HOME/${name}'"`,
    `export GOFLAGS="\${GOFLAGS-$(test ! -f "$HOME/.config/go/env" || sed -n 's/^GOFLAGS=//p' "$HOME/.config/go/env")} -test.v"`,
    run,
  ].join('\n');

/** In the home of the commands, for one run: nobody can have put a report there before it. */
export const reportName = (): string => `weaver-pytest-${randomBytes(12).toString('hex')}.xml`;

/** What is printed, as if every run had the same name: two equal failures say the same. */
export const withoutReportName = (text: string, name: string): string => text.replaceAll(name, 'weaver-pytest.xml');

export const reportsBefore = async (check: CheckSpec, { directory }: Place): Promise<ReportsBefore> =>
  await stamps(await reportPaths(check, directory));

export interface ReadTests {
  readonly tests: TestTable | null;
  /** Why there are none, where some are to be expected. */
  readonly note?: string;
}

/** @param output what it has printed; null if the middle of it is missing */
export async function readTests(
  reader: TestReports,
  check: CheckSpec,
  { directory, home }: Place,
  { before, name }: { readonly before: ReportsBefore; readonly name: string },
  output: string | null,
): Promise<ReadTests> {
  const root = await realpath(directory);
  const fromFiles = async (paths: readonly string[]): Promise<ReadReport> => {
    const read = await readAll(paths, root, home);
    return read.kind === 'tooLarge' ? { kind: 'corrupt', says: read.says } : reader.readFiles(read.files, root);
  };
  const written = await writtenSince(check, directory, before);
  if (check.report !== undefined) {
    if (written.length === 0)
      return { tests: null, note: `it wrote no report at ${check.report}: the exit code alone counts.` };
    return outcome(await fromFiles(written));
  }
  const pytest = join(home, name);
  if ((await stamps([pytest])).size > 0) {
    const read = outcome(await fromFiles([pytest]));
    await rm(pytest, { force: true });
    return read;
  }
  const printed = output === null ? null : reader.readOutput(output, root);
  if (printed !== null && printed.kind !== 'none') return outcome(printed);
  if (written.length > 0) return outcome(await fromFiles(written));
  return output === null
    ? { tests: null, note: 'it printed more than is kept: its tests are not told apart.' }
    : { tests: null };
}

function outcome(report: ReadReport): ReadTests {
  if (report.kind === 'read') return { tests: report.table };
  if (report.kind === 'none') return { tests: null };
  return { tests: null, note: `its report cannot be read (${report.says}): the exit code alone counts.` };
}

const writtenSince = async (check: CheckSpec, directory: string, before: ReportsBefore): Promise<readonly string[]> =>
  [...(await stamps(await reportPaths(check, directory)))]
    .filter(([path, stamp]) => before.get(path) !== stamp)
    .map(([path]) => path);

async function stamps(paths: readonly string[]): Promise<ReportsBefore> {
  const found = await Promise.all(
    paths.map(async (path) => {
      const stat = await lstat(path).catch(ignoreMissing);
      return stat?.isFile() === true ? ([path, `${stat.ino} ${stat.size} ${stat.mtimeMs}`] as const) : null;
    }),
  );
  return new Map(found.filter((each) => each !== null));
}

async function reportPaths({ report }: CheckSpec, directory: string): Promise<readonly string[]> {
  if (report === undefined) return await usualPaths(directory);
  const { base } = picomatch.scan(report);
  const matches = picomatch(report, { dot: true });
  const paths = await filesBelow(join(directory, base));
  return paths.filter((path) => matches(relative(directory, path).split(sep).join('/'))).slice(0, FILES_MAX);
}

async function usualPaths(directory: string): Promise<readonly string[]> {
  const top = await entriesOf(directory);
  const modules = top.filter(({ name, isFolder }) => isFolder && name !== 'node_modules' && !name.startsWith('.'));
  const folders = [
    ...USUAL_FOLDERS.map((folder) => join(directory, folder)),
    ...modules
      .slice(0, MODULES_MAX)
      .flatMap(({ path }) => ['target/surefire-reports', 'build/test-results'].map((folder) => join(path, folder))),
  ];
  const below = await Promise.all(folders.map(filesBelow));
  const atTop = top.filter(({ name, isFolder }) => !isFolder && USUAL_FILES.test(name)).map(({ path }) => path);
  return [...atTop, ...below.flat().filter((path) => path.endsWith('.xml'))].slice(0, FILES_MAX);
}

/** The file itself, or all files below the folder, links left out. */
async function filesBelow(start: string): Promise<readonly string[]> {
  const stat = await lstat(start).catch(ignoreMissing);
  if (stat?.isFile() === true) return [start];
  if (stat?.isDirectory() !== true) return [];
  const files: string[] = [];
  let folders = [start];
  let entries = 0;
  for (let depth = 0; depth < DEPTH_MAX && folders.length > 0 && entries < ENTRIES_MAX; depth += 1) {
    const found = (await Promise.all(folders.map(entriesOf))).flat();
    entries += found.length;
    files.push(...found.filter(({ isFolder }) => !isFolder).map(({ path }) => path));
    folders = found
      .filter(({ isFolder, name }) => isFolder && name !== 'node_modules' && name !== '.git')
      .map(({ path }) => path);
  }
  return files;
}

interface FolderEntry {
  readonly name: string;
  readonly path: string;
  readonly isFolder: boolean;
}

async function entriesOf(folder: string): Promise<readonly FolderEntry[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ignoreMissing);
  return (entries ?? [])
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => ({ name: entry.name, path: join(folder, entry.name), isFolder: entry.isDirectory() }));
}

/** A folder that is not there, is a file, or may not be read holds no report. */
function ignoreMissing(thrown: unknown): null {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'ELOOP') return null;
  throw thrown;
}

type ReadAll =
  | { readonly kind: 'files'; readonly files: readonly { readonly path: string; readonly text: string }[] }
  | { readonly kind: 'tooLarge'; readonly says: string };

async function readAll(paths: readonly string[], root: string, home: string): Promise<ReadAll> {
  const files: { readonly path: string; readonly text: string }[] = [];
  let left = ALL_BYTES_MAX;
  for (const path of paths) {
    const bytes = await readInside(path, [root, await realpath(home)]);
    if (bytes === null) continue;
    if (bytes === 'tooLarge' || bytes.length > left)
      return { kind: 'tooLarge', says: `${relative(root, path)} is too large` };
    left -= bytes.length;
    files.push({ path: relative(root, path), text: bytes.toString('utf8') });
  }
  return { kind: 'files', files };
}

/** Null if it is gone, or if a link on its way leads out: what the host keeps elsewhere is nobody's report. */
async function readInside(path: string, roots: readonly string[]): Promise<Buffer | 'tooLarge' | null> {
  const real = await realpath(path).catch(ignoreMissing);
  if (real === null || !roots.some((root) => real.startsWith(root + sep))) return null;
  let file: FileHandle | null = null;
  try {
    file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(ignoreMissing);
    if (file === null) return null;
    const { size } = await file.stat();
    return size > FILE_BYTES_MAX ? 'tooLarge' : await file.readFile();
  } finally {
    await file?.close();
  }
}
