/** Where recorded answers are, and what is done with them. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { RecordingSettings } from '../ports.js';
import { line } from '../schemas/task-shape.js';

const MODES = ['record', 'replay', 'fall-through'] as const;

export const recordingsShape = {
  /** Path; from the folder of the command if it is relative. */
  folder: line(1_000),
  mode: z.enum(MODES).default('replay'),
};

export const recordings = z.strictObject(recordingsShape);

/**
 * The variable takes the place of the file: `FOLDER` alone replays, `record:FOLDER` and `fall-through:FOLDER` do what they say.
 */
export function resolveRecordings(
  written: z.infer<typeof recordings> | undefined,
  variable: string | undefined,
  cwd: string,
): RecordingSettings | null {
  const given = variable === undefined ? written : ofVariable(variable);
  return given === undefined ? null : { folder: resolve(cwd, given.folder), mode: given.mode };
}

function ofVariable(text: string): RecordingSettings {
  const mode = MODES.find((name) => text.startsWith(`${name}:`));
  return mode === undefined ? { folder: text, mode: 'replay' } : { folder: text.slice(mode.length + 1), mode };
}
