/** An export on the disk: a new folder, or an archive that appears whole. */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { ExportFile } from './export-files.js';
import { WeaverFault } from './weaver-fault.js';

const ARCHIVE = /\.(?:tar\.gz|tgz)$/;

/** @param output a path that ends in .tar.gz or .tgz becomes an archive with one folder in it, any other a folder */
export async function writeExport(output: string, files: readonly ExportFile[], madeAt: number): Promise<string> {
  const path = resolve(output);
  try {
    if (ARCHIVE.test(path)) await writeArchive(path, files, madeAt);
    else await writeFolder(path, files);
    return path;
  } catch (cause) {
    if (cause instanceof WeaverFault) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw unwritable(`${path} cannot be written: ${code}.`, cause);
  }
}

async function writeFolder(folder: string, files: readonly ExportFile[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  // What lies there may be of another export, and nobody could tell them apart afterwards.
  if ((await readdir(folder)).length > 0) throw unwritable(`${folder} is not empty.`);
  for (const { path, content } of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

async function writeArchive(archive: string, files: readonly ExportFile[], madeAt: number): Promise<void> {
  const draft = `${archive}.${process.pid}.draft`;
  const folder = archive.split(/[/\\]/).at(-1)?.replace(ARCHIVE, '') ?? 'export';
  const entries = pack();
  const written = pipeline(entries, createGzip(), createWriteStream(draft));
  try {
    for (const { path, content } of files)
      entries.entry({ name: `${folder}/${path}`, mode: 0o644, mtime: new Date(madeAt) }, content);
    entries.finalize();
    await written;
    await rename(draft, archive);
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
}

const unwritable = (message: string, cause?: unknown): WeaverFault =>
  new WeaverFault(
    { code: 'usage', message, next: 'Name another place with --output.' },
    2,
    cause === undefined ? undefined : { cause },
  );
