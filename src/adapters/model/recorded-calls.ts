/** What recordings have to do with a call: its answer may be there already, or is to be written down. */
import type { CallRequest, RecordingSettings } from '../../ports.js';
import { errorCode } from '../git/error-code.js';
import type { EndRow } from './ledger-rows.js';
import { createRecordings, type RecordedAnswer, type Recordings } from './recordings.js';

/** `ask`: the endpoint is to be asked; `missing`: it must not be. */
export type Recorded =
  | { readonly kind: 'found'; readonly answer: RecordedAnswer; readonly recordedAt: string }
  | { readonly kind: 'missing'; readonly says: string }
  /** `warning`: why a recording could not be looked for. */
  | { readonly kind: 'ask'; readonly warning?: string };

export interface RecordedCalls {
  look(request: CallRequest, settings: RecordingSettings | undefined): Promise<Recorded>;
  /** Writes an answer down where that is wanted. Resolves with why it could not, or with null: the answer is paid for and good. */
  keep(request: CallRequest, settings: RecordingSettings | undefined, end: EndRow): Promise<string | null>;
}

/** A worker has one folder; several may use one request process. */
export function createRecordedCalls(redact: (text: string) => string): RecordedCalls {
  const folders = new Map<string, Recordings>();
  const recordingsIn = (folder: string): Recordings => {
    const recordings = folders.get(folder) ?? createRecordings(folder, redact);
    folders.set(folder, recordings);
    return recordings;
  };
  return {
    async look(request, settings) {
      if (settings === undefined || settings.mode === 'record') return { kind: 'ask' };
      const recordings = recordingsIn(settings.folder);
      try {
        const found = await recordings.find(request);
        if (found !== null) return { kind: 'found', ...found };
        if (settings.mode === 'fall-through') return { kind: 'ask' };
        return { kind: 'missing', says: await recordings.explainMissing(request) };
      } catch (thrown) {
        const says = `The recordings in ${settings.folder} cannot be read: ${why(thrown)}.`;
        return settings.mode === 'fall-through' ? { kind: 'ask', warning: says } : { kind: 'missing', says };
      }
    },
    async keep(request, settings, end) {
      if (settings === undefined || settings.mode === 'replay' || end.kind !== 'answered') return null;
      const { text, toolCalls, finishReason, model, usage, usageEstimated } = end;
      const calls = toolCalls === undefined ? {} : { toolCalls };
      try {
        await recordingsIn(settings.folder).keep(request, {
          text,
          ...calls,
          finishReason,
          model,
          usage,
          usageEstimated,
        });
        return null;
      } catch (thrown) {
        return `The answer could not be recorded in ${settings.folder}: ${why(thrown)}.`;
      }
    },
  };
}

const why = (thrown: unknown): string => errorCode(thrown) ?? String(thrown);
