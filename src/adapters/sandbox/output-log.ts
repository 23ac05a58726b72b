/** The file with what a command prints: both streams in the order of arrival, both ends kept when it is too much. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { close, constants, open } from 'node:fs';
import { unlink, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { createKeptOutput, type KeptOutput } from './kept-output.js';

export interface OutputLog {
  /** For the command's stdout and stderr. */
  readonly descriptor: number;
  /** To be called as soon as the command has it: while the worker holds it too, there is no end. */
  handedOver(): Promise<void>;
  /** Reads what is left once all who could write have ended, and writes the file. */
  finish(): Promise<{ readonly cut: boolean; readonly bytes: Buffer }>;
}

/** By then whoever still holds the other end hides from us, and is not waited for. */
const DRAIN_MS = 1_000;
/** A flood is read in steps with pauses, so that it leaves the worker's other tasks their share of the processor. */
const FLOOD_PAUSE_MS = 1;

const makePipe = promisify(execFile);
const openFile = promisify(open);
const closeFile = promisify(close);

/**
 * A named pipe and not one of Node's: those are sockets, which a command cannot open again as /dev/stdout or /dev/stderr.
 */
export async function openOutputLog(logFile: string, bytesMax: number): Promise<OutputLog> {
  const path = `${logFile}.${randomBytes(6).toString('hex')}.pipe`;
  await makePipe('mkfifo', ['-m', '600', path]);
  const { source, descriptor } = await openBothEnds(path);
  const kept = createKeptOutput(bytesMax);
  const drain = collect(new Socket({ fd: source, readable: true, writable: false }), kept);
  return {
    descriptor,
    handedOver: () => closeFile(descriptor),
    async finish() {
      await drain();
      const bytes = kept.bytes();
      await writeFile(logFile, bytes, { mode: 0o600 });
      return { cut: kept.isCut(), bytes };
    },
  };
}

/** The reader first, without waiting for a writer; then the writer finds its reader there. The name is not needed after that. */
async function openBothEnds(path: string): Promise<{ readonly source: number; readonly descriptor: number }> {
  try {
    const source = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { source, descriptor: await openFile(path, constants.O_WRONLY) };
  } finally {
    await unlink(path);
  }
}

function collect(socket: Socket, kept: KeptOutput): () => Promise<void> {
  let failed: Error | null = null;
  const closed = new Promise<void>((resolve) => {
    socket.once('close', resolve);
  });
  socket.on('error', (cause) => {
    failed = cause;
  });
  socket.on('data', (chunk: Buffer) => {
    kept.add(chunk);
    if (!kept.isCut()) return;
    socket.pause();
    setTimeout(() => socket.resume(), FLOOD_PAUSE_MS);
  });
  return async () => {
    const timer = setTimeout(() => socket.destroy(), DRAIN_MS);
    await closed;
    clearTimeout(timer);
    if (failed !== null) throw failed;
  };
}
