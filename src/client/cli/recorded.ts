/** `--record` and `--replay`: who works decides whether a model is asked, so the work is done here. */
import type { Config } from '../../config.js';
import { randomKey } from '../task-id.js';
import { usageFault } from '../weaver-fault.js';

interface RecordingFlags {
  readonly record?: string;
  readonly replay?: string;
  readonly worker?: boolean;
  readonly detach?: boolean;
}

const isRecorded = ({ record, replay }: RecordingFlags): boolean => record !== undefined || replay !== undefined;

export function refuseElsewhere(flags: RecordingFlags, { temporal }: Config): void {
  if (!isRecorded(flags) || (flags.detach !== true && (flags.worker === true || !temporal.configured))) return;
  throw usageFault(
    '--record and --replay are of no use here: other processes do the work.',
    `Add --worker${flags.detach === true ? ' and leave out --detach' : ''}, or start the workers with the option.`,
  );
}

/** Recordings are of this work alone: calls of another one would end it, and another worker would not record. Null = no own one. */
export const queueForRecordings = (flags: RecordingFlags, { taskQueue }: Config): string | null =>
  isRecorded(flags) ? `${taskQueue}-recorded-${randomKey(Date.now())}` : null;
