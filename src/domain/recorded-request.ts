/**
 * What a request to a model is, apart from what differs between two runs of the same task: marks around data, ids of calls,
 * branches with a random end, commits with a date in them, times in what a check prints. Two requests that are equal here get
 * the same recorded answer.
 */
import type { ChatMessage } from './chat-message.js';
import { signatureSource } from './check-output.js';

/** Raised when the same request is written in another way: what was recorded before does not fit any more. */
export const RECORDING_VERSION = 1;

export interface ComparableMessage {
  readonly role: ChatMessage['role'];
  readonly text: string;
}

export function comparableMessages(messages: readonly ChatMessage[]): readonly ComparableMessage[] {
  const calls = namedCalls(messages);
  const marks = marksIn(messages);
  return messages.map(({ role, content, toolCalls = [], toolCallId }) => {
    const answered = toolCallId === undefined ? undefined : calls.get(toolCallId);
    const text = unmarked(
      answered !== undefined && PRINTS.has(answered.name) ? signatureSource(content) : content,
      marks,
    );
    const asked = toolCalls.map(({ id, name, arguments: given }) => `${calls.get(id)?.number ?? 0} ${name} ${given}`);
    return {
      role,
      text: [...(answered === undefined ? [] : [`to ${answered.number}`]), steady(text), ...asked].join('\n'),
    };
  });
}

/** Tools whose results hold what a command has printed. */
const PRINTS: ReadonlySet<string> = new Set(['run', 'finish']);

interface NamedCall {
  readonly name: string;
  readonly number: number;
}

/** Endpoints name calls as they like; here they have numbers. */
function namedCalls(messages: readonly ChatMessage[]): ReadonlyMap<string, NamedCall> {
  const calls = new Map<string, NamedCall>();
  for (const { id, name } of messages.flatMap(({ toolCalls = [] }) => toolCalls))
    if (!calls.has(id)) calls.set(id, { name, number: calls.size + 1 });
  return calls;
}

/** How the prompts begin a fence: `<<<MARK name`, `<<<name MARK`. */
const FENCE = /<<<(?:[a-z]+ (?:\d+ )?)?([0-9a-f]{12})(?=[ \n])/g;

/** The words around data from outside: made from the id of the task, which is another one in each run. */
const marksIn = (messages: readonly ChatMessage[]): readonly string[] => [
  ...new Set(messages.flatMap(({ content }) => [...content.matchAll(FENCE)].map(([, mark = '']) => mark))),
];

const unmarked = (text: string, marks: readonly string[]): string =>
  marks.reduce((left, mark) => left.replaceAll(mark, 'mark'), text);

const COMMIT = /(?<=\(|\bat |<<<<<<< |>>>>>>> |\|\|\|\|\|\|\| )[0-9a-f]{40}\b/g;
const OWN_BRANCH = /\b(weaver\/[a-z0-9-]{1,40})-[a-z0-9]{8}\b/g;
/** How a prompt goes on after an attempt that failed: with what its checks have printed. */
const EVIDENCE = /^# Attempt \d+ failed$/m;

function steady(text: string): string {
  const at = EVIDENCE.exec(text)?.index ?? text.length;
  const before = text.slice(0, at).replaceAll(COMMIT, '<commit>').replaceAll(OWN_BRANCH, '$1-<random>');
  return at === text.length ? before : `${before}${signatureSource(text.slice(at))}`;
}

// ---------------------------------------------------------------- the nearest one

/** A request as it is compared: each message with the hash of its text. */
export interface HashedRequest {
  readonly model: string;
  /** Settings of the answer by name, such as its longest length. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Hash of the schema and the tools. */
  readonly form: string;
  readonly messages: readonly (ComparableMessage & { readonly sha256: string })[];
}

/** The same as a recording keeps it: of a conversation only what its last turn has added is kept as text. */
export interface RecordedRequest extends Omit<HashedRequest, 'messages'> {
  readonly messages: readonly (Pick<ComparableMessage, 'role'> & { readonly sha256: string; readonly text?: string })[];
}

/** How much two requests have in common: the larger number is the nearer one. */
export function nearness(asked: HashedRequest, recorded: RecordedRequest): number {
  const same = [asked.model === recorded.model, asked.form === recorded.form, sameSettings(asked, recorded)];
  const at = leading(asked, recorded);
  // Of two with the same beginning the one that can say what differs then.
  const says = recorded.messages[at]?.text === undefined ? 0 : 1;
  return 8 * at + 2 * same.filter(Boolean).length + says;
}

const sameSettings = (a: HashedRequest, b: RecordedRequest): boolean =>
  JSON.stringify(a.settings) === JSON.stringify(b.settings);

/** Messages from the start that are the same. */
function leading(asked: HashedRequest, recorded: RecordedRequest): number {
  const differs = asked.messages.findIndex(({ sha256 }, index) => sha256 !== recorded.messages[index]?.sha256);
  return differs === -1 ? asked.messages.length : differs;
}

/** In what the recorded request differs from the one that is asked, in a sentence each. */
export function differences(asked: HashedRequest, recorded: RecordedRequest): readonly string[] {
  const at = leading(asked, recorded);
  return [
    ...(asked.model === recorded.model ? [] : [`the model is ${asked.model}, recorded is ${recorded.model}`]),
    ...(sameSettings(asked, recorded)
      ? []
      : [`the settings are ${JSON.stringify(asked.settings)}, recorded are ${JSON.stringify(recorded.settings)}`]),
    ...(asked.form === recorded.form ? [] : ['the schema or the tools of the answer differ']),
    ...messageDifference(asked, recorded, at),
  ];
}

function messageDifference(asked: HashedRequest, recorded: RecordedRequest, at: number): readonly string[] {
  const [mine, other] = [asked.messages[at], recorded.messages[at]];
  const [there, here] = [recorded.messages.length, asked.messages.length];
  if (mine === undefined) return other === undefined ? [] : [`it has ${here} messages, the recorded one ${there}`];
  if (other === undefined) return [`it has ${here} messages, the recorded one ${there}`];
  const place = `message ${at + 1} of ${here} (${mine.role})`;
  if (other.text === undefined) return [`${place} differs`];
  const [own, its] = [mine.text.split('\n'), other.text.split('\n')];
  const line = own.findIndex((text, index) => text !== its[index]);
  const first = line === -1 ? own.length : line;
  return [`${place} differs in line ${first + 1}: ${shown(own[first])}, recorded is ${shown(its[first])}`];
}

/** Enough of a line to know it again. */
const LINE_CHARACTERS_MAX = 100;

const shown = (line: string | undefined): string =>
  line === undefined ? 'nothing' : JSON.stringify(line.slice(0, LINE_CHARACTERS_MAX).toWellFormed());
