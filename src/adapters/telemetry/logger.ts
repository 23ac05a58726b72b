/** Structured logs: one JSON object a line, secrets taken out. */
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import pino, { type Logger } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `stderr`, or the absolute path of a file, which is appended to. */
  readonly destination: string;
  readonly redact: (text: string) => string;
}

/** Two files of this size at most: weeks of an ordinary worker. */
const FILE_BYTES_MAX = 20_000_000;

export type { Logger };

/** Where lines find no room they wait, so many of them; those that follow are dropped. */
const BACKLOG_BYTES_MAX = 1_000_000;

/** Lines are written at once: what a killed worker did last must be there. */
export function createLogger({ level, destination, redact }: LoggerOptions): Logger {
  if (destination !== 'stderr') makeRoom(destination);
  const dest = destination === 'stderr' ? 2 : destination;
  const stream = pino.destination({ dest, sync: true, maxLength: BACKLOG_BYTES_MAX });
  // A full disk takes the log, not the worker: the next line tries again with what could not be written.
  stream.on('error', () => undefined);
  const write = (line: string): void => void stream.write(redact(line));
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: named },
      serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
    },
    { write },
  );
}

/** Words instead of pino's numbers: people read these lines too. */
const named = (label: string): { readonly level: string } => ({ level: label });

function makeRoom(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > FILE_BYTES_MAX) renameSync(file, `${file}.old`);
}
