/**
 * A commit that is signed once. Two signatures of the same commit differ, and so do the ids of the two commits: whoever pushed
 * the one before it was killed would find a strange commit on its branch. So the signed object is on the disk before anybody
 * is told its id, and whoever comes again is given that one.
 */
import { randomBytes } from 'node:crypto';
import { link, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeWhole } from '../artifacts/durable-file.js';
import { errorCode, unlessGone } from './error-code.js';
import type { Mirror, Mirrors } from './mirror.js';
import { assertObjectId } from './names.js';
import { nameObject, writeObjects } from './object-store.js';
import type { Signer } from './signer.js';

interface SignRequest {
  readonly commit: string;
  /** Where the signed object is kept: the task's own folder, which goes with the task. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

/** See `Git.sign`. Harmless twice, and from two processes at once: the first object that is kept is the one. */
export async function signCommit(
  mirrors: Mirrors,
  mirror: Mirror,
  signer: Signer,
  { commit, folder, signal }: SignRequest,
): Promise<string> {
  assertObjectId(commit);
  const { stdout } = await mirrors.local(mirror, ['cat-file', 'commit', commit]);
  const text = stdout.toString('latin1');
  const file = join(folder, `signed-${commit}`);
  const kept =
    (await readKept(file, text)) ??
    (await keep(file, text, withSignature(text, commit, await signer.sign(stdout, signal))));
  const object = nameObject('commit', Buffer.from(kept, 'latin1'), commit);
  // A mirror is a cache: it may have been made anew since.
  await writeObjects(mirror.directory, [object]);
  return object.id;
}

/** Null if there is none. One that is not this commit with a signature in it is nobody's: commands run near that folder. */
async function readKept(file: string, text: string): Promise<string | null> {
  const kept = (await readFile(file).catch(unlessGone))?.toString('latin1');
  if (kept === undefined) return null;
  if (withoutSignature(kept) === text) return kept;
  await unlink(file).catch(unlessGone);
  return null;
}

/** Gives what is kept then: another process may have been first. */
async function keep(file: string, text: string, signed: string): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeWhole(draft, Buffer.from(signed, 'latin1'), { durable: true });
    await link(draft, file).catch((cause: unknown) => {
      if (errorCode(cause) !== 'EEXIST') throw cause;
    });
  } finally {
    await unlink(draft).catch(unlessGone);
  }
  await syncFolder(join(file, '..'));
  return (await readKept(file, text)) ?? signed;
}

/** Repositories with SHA-256 have a header of their own, so that both can stand in one commit. */
const headerOf = (commit: string): string => (commit.length === 64 ? 'gpgsig-sha256' : 'gpgsig');

/** The last of the headers, its further lines indented by a space, as git writes it. */
function withSignature(text: string, commit: string, signature: string): string {
  const end = text.indexOf('\n\n') + 1;
  const lines = signature.trimEnd().replaceAll('\n', '\n ');
  return `${text.slice(0, end)}${headerOf(commit)} ${lines}\n${text.slice(end)}`;
}

function withoutSignature(signed: string): string {
  const end = signed.indexOf('\n\n') + 1;
  return signed.slice(0, end).replace(/^gpgsig(?:-sha256)? .*\n(?: .*\n)*/m, '') + signed.slice(end);
}
