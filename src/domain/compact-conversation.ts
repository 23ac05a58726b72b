/**
 * A conversation made shorter: the task and the last turns stay word for word, the turns between them become an account of
 * what was done and what came of it. No model is asked, so it costs nothing, is the same each time and invents nothing.
 */
import type { ChatMessage } from './chat-message.js';
import { excerpt } from './check-output.js';
import { cutToCharacters } from './payload-limit.js';

/** `null` where nothing is left that could go: the task and the last turn alone are longer. */
export function compactConversation(
  messages: readonly ChatMessage[],
  charactersMax: number,
): readonly ChatMessage[] | null {
  const { head, account, turns } = splitTurns(messages);
  const headCharacters = charactersOf(head);
  const room = charactersMax - headCharacters;
  const kept = keptTurns(turns, room * KEPT_SHARE);
  const old = turns.slice(0, turns.length - kept.length);
  if (old.length === 0 || room <= 0) return null;
  const left = room - charactersOf(kept.flat());
  if (left < ACCOUNT_CHARACTERS_MIN) return null;
  return [...head, { role: 'user', content: accountOf(account, old, left) }, ...kept.flat()];
}

/** The length that counts: texts and arguments of calls. */
export const charactersOf = (messages: readonly ChatMessage[]): number =>
  messages.reduce(
    (sum, { content, toolCalls = [] }) =>
      toolCalls.reduce((all, call) => all + call.name.length + call.arguments.length, sum + content.length),
    0,
  );

/** The last turns are what the model works with; the account of all others is shorter than one of them. */
const KEPT_SHARE = 0.7;
/** Less than this tells nothing. */
const ACCOUNT_CHARACTERS_MIN = 500;
/** Of one turn in the account: what was said, what was called with, what came back. */
const LINE = { said: 300, given: 160, result: 160, error: 400 } as const;

interface Split {
  /** What stands before the first answer. */
  readonly head: readonly ChatMessage[];
  /** Of turns that have gone already. */
  readonly account: readonly string[];
  /** Each begins with an answer, and has the results of its calls. */
  readonly turns: readonly (readonly ChatMessage[])[];
}

function splitTurns(messages: readonly ChatMessage[]): Split {
  const first = messages.findIndex(({ role }) => role === 'assistant');
  if (first < 0) return { head: messages, account: [], turns: [] };
  const turns: ChatMessage[][] = [];
  for (const message of messages.slice(first)) {
    if (message.role === 'assistant') turns.push([message]);
    else turns.at(-1)?.push(message);
  }
  const before = messages.slice(0, first);
  const [introduction, ...account] = before.at(-1)?.content.split('\n') ?? [];
  return introduction === INTRODUCTION
    ? { head: before.slice(0, -1), account, turns }
    : { head: before, account: [], turns };
}

/** As many of the last ones as there is room for, and always the very last. */
function keptTurns(turns: Split['turns'], room: number): Split['turns'] {
  let used = 0;
  let from = turns.length;
  while (from > 0) {
    used += charactersOf(turns[from - 1] ?? []);
    if (used > room && from < turns.length) break;
    from -= 1;
  }
  return turns.slice(from);
}

const INTRODUCTION =
  'To make room, the turns before this point are not shown any more. What was done in them, in their order, and what came of it (files may have changed since: read again what you need):';

function accountOf(before: readonly string[], turns: Split['turns'], charactersMax: number): string {
  const lines = [...before, ...turns.flatMap(describeTurn)];
  return excerpt(`${INTRODUCTION}\n${lines.join('\n')}`, charactersMax);
}

function describeTurn([answer, ...others]: readonly ChatMessage[]): readonly string[] {
  const said = oneLine(answer?.content ?? '', LINE.said);
  const calls = (answer?.toolCalls ?? []).map(({ id, name, arguments: given }) => {
    const result = others.find(({ toolCallId }) => toolCallId === id)?.content ?? '';
    return `  ${name} ${oneLine(given, LINE.given)} → ${resultLine(result)}`;
  });
  const told = others
    .filter(({ role }) => role === 'user')
    .map(({ content }) => `  told: ${oneLine(content, PERSON.test(content) ? PERSON_CHARACTERS_MAX : LINE.said)}`);
  return [said === '' ? '- turn:' : `- turn: ${said}`, ...calls, ...told];
}

/** What people have said is said whole, as far as they may write at once. */
const PERSON = /^A person (?:adds|has answered):/;
const PERSON_CHARACTERS_MAX = 4_000;

/** Errors are what must not be tried again, so more of them stays. */
function resultLine(result: string): string {
  if (PERSON.test(result)) return oneLine(result, PERSON_CHARACTERS_MAX);
  if (result.startsWith('error:')) return oneLine(result, LINE.error);
  const more = result.length > LINE.result ? ` (${result.length} characters in all)` : '';
  return `${oneLine(result, LINE.result)}${more}`;
}

function oneLine(text: string, charactersMax: number): string {
  return cutToCharacters(text.replaceAll(/\s+/g, ' ').trim(), charactersMax);
}
