/** A file that a command has written: whatever stands in its place is not followed, waited for or read without end. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Empty if it is no plain file. */
export async function readBounded(path: string, bytesMax: number): Promise<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => null);
  if (file === null) return Buffer.alloc(0);
  try {
    const about = await file.stat();
    if (!about.isFile()) return Buffer.alloc(0);
    const buffer = Buffer.alloc(Math.min(about.size, bytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
