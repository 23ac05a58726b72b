/**
 * Recorded answers: `<folder>/<fingerprint>.json`, one file for each request that was asked. A request is known again by what
 * it asks (src/domain/recorded-request.ts), not by who asks it, so that a task is replayed in another home, on another day.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  comparableMessages,
  differences,
  nearness,
  RECORDING_VERSION,
  type HashedRequest,
  type RecordedRequest,
} from '../../domain/recorded-request.js';
import { isMap } from '../../domain/plain-object.js';
import type { CallRequest, ProviderSettings } from '../../ports.js';
import { namesIn, writeWhole } from '../artifacts/durable-file.js';
import { unlessGone } from '../git/error-code.js';
import type { AnsweredRow } from './ledger-rows.js';

/** An answer as it was given, without what is of that one call. */
export type RecordedAnswer = Pick<
  AnsweredRow,
  'text' | 'toolCalls' | 'finishReason' | 'model' | 'usage' | 'usageEstimated'
>;

export interface Recordings {
  /** Null if nothing is recorded for the request. */
  find(request: CallRequest): Promise<{ readonly answer: RecordedAnswer; readonly recordedAt: string } | null>;
  /** Rejects if the folder cannot be written. */
  keep(request: CallRequest, answer: RecordedAnswer): Promise<void>;
  /** Why there is none: which recording comes nearest, and what differs. */
  explainMissing(request: CallRequest): Promise<string>;
}

/** What is kept of a conversation is kept once, so a recording is as large as a prompt; a bound for a file that is none. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Looked at for the nearest one: several long tasks. */
const FILES_COMPARED_MAX = 2_000;
/** Answers to one request, each from another place of a task: candidates and votes ask the same. */
const ANSWERS_MAX = 50;
/** Of several differences the first ones are the cause of the others. */
const DIFFERENCES_MAX = 3;

interface Recording {
  readonly version: number;
  readonly request: RecordedRequest;
  readonly answers: readonly NamedAnswer[];
}

interface NamedAnswer extends RecordedAnswer {
  /** Place of the call in its task. */
  readonly name: string;
  readonly recordedAt: string;
}

/** @param redact takes known secrets out, so that they are in no recording and in no fingerprint */
export function createRecordings(folder: string, redact: (text: string) => string): Recordings {
  const fileOf = (request: HashedRequest): string => join(folder, `${fingerprintOf(request)}.json`);
  let writing: Promise<void> = Promise.resolve();
  const write = async (request: CallRequest, answer: RecordedAnswer): Promise<void> => {
    const hashed = hashedRequest(request, redact);
    const before = (await readRecording(fileOf(hashed)))?.answers ?? [];
    const named = { name: request.name ?? '', recordedAt: new Date().toISOString(), ...answer };
    const others = before.filter(({ name }) => name !== named.name).slice(0, ANSWERS_MAX - 1);
    const recording = { version: RECORDING_VERSION, request: shortened(hashed), answers: [...others, named] };
    await writeWhole(fileOf(hashed), `${JSON.stringify(recording, null, 2)}\n`, { durable: false });
  };
  return {
    async find(request) {
      const recording = await readRecording(fileOf(hashedRequest(request, redact)));
      const answers = recording?.answers ?? [];
      const found = answers.find(({ name }) => name === request.name) ?? answers[0];
      if (found === undefined) return null;
      const { name: _, recordedAt, ...answer } = found;
      return { answer, recordedAt };
    },
    keep(request, answer) {
      // One after the other: two answers to one request are in one file.
      const written = writing.then(() => write(request, answer));
      writing = written.catch(() => undefined); // told to its own caller
      return written;
    },
    explainMissing: async (request) => explainMissing(folder, hashedRequest(request, redact)),
  };
}

function hashedRequest(request: CallRequest, redact: (text: string) => string): HashedRequest {
  const { provider, messages, schema = null, tools = null } = request;
  const clean = comparableMessages(messages).map(({ role, text }) => ({ role, text: redact(text) }));
  return {
    model: provider.model,
    settings: settingsOf(provider),
    form: sha256([schema, tools]),
    messages: clean.map((message) => ({ ...message, sha256: sha256(message) })),
  };
}

/** What changes an answer, and nothing of where and how patiently it is asked for. */
const settingsOf = ({ maxOutputTokens, sampling = {} }: ProviderSettings): HashedRequest['settings'] => ({
  maxOutputTokens,
  ...sampling,
});

const fingerprintOf = ({ model, settings, form, messages }: HashedRequest): string =>
  sha256([RECORDING_VERSION, model, settings, form, messages.map((message) => message.sha256)]).slice(0, 40);

const sha256 = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** What stands before the last answer of a conversation is in the recording of the turn before. */
function shortened({ messages, ...rest }: HashedRequest): RecordedRequest {
  const from = messages.findLastIndex(({ role }) => role === 'assistant');
  return {
    ...rest,
    messages: messages.map(({ role, sha256: hash, text }, index) => ({
      role,
      sha256: hash,
      ...(index < from ? {} : { text }),
    })),
  };
}

async function explainMissing(folder: string, asked: HashedRequest): Promise<string> {
  const names = (await namesIn(folder)).filter((name) => /^[0-9a-f]{40}\.json$/.test(name)).toSorted();
  let nearest: { readonly name: string; readonly request: RecordedRequest; readonly points: number } | null = null;
  for (const name of names.slice(0, FILES_COMPARED_MAX)) {
    const recording = await readRecording(join(folder, name));
    if (recording === null) continue;
    const points = nearness(asked, recording.request);
    if (nearest === null || points > nearest.points) nearest = { name, request: recording.request, points };
  }
  if (nearest === null) return `There is no recording in ${folder}.`;
  const told = differences(asked, nearest.request).slice(0, DIFFERENCES_MAX).join('; ');
  return `The nearest recording is ${nearest.name}: ${told === '' ? 'it was written by another version' : told}.`;
}

/** Null if it is not there, or is no recording of this version. */
async function readRecording(file: string): Promise<Recording | null> {
  const text = await readFile(file, 'utf8').catch(unlessGone);
  if (text === undefined || text.length > FILE_BYTES_MAX) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isRecording(value) ? value : null;
  } catch {
    return null; // half of a merge conflict, say: as good as not recorded, and said to be the nearest by nobody
  }
}

const isRecording = (value: unknown): value is Recording =>
  isMap(value) &&
  value['version'] === RECORDING_VERSION &&
  isMap(value['request']) &&
  Array.isArray(value['request']['messages']) &&
  Array.isArray(value['answers']) &&
  value['answers'].every(isAnswer);

const isAnswer = (value: unknown): boolean =>
  isMap(value) &&
  typeof value['text'] === 'string' &&
  typeof value['finishReason'] === 'string' &&
  isMap(value['usage']);
