/** A conversation made shorter: what stays word for word, what becomes an account, and when nothing can go. */
import type { ChatMessage } from '../../src/domain/chat-message';
import { charactersOf, compactConversation } from '../../src/domain/compact-conversation';

const HEAD: readonly ChatMessage[] = [
  { role: 'system', content: 'Rules.' },
  { role: 'user', content: 'The task.' },
];

const turn = (number: number, result = 'x'.repeat(2_000)): readonly ChatMessage[] => [
  {
    role: 'assistant',
    content: `I look at file ${number}.`,
    toolCalls: [{ id: `c${number}`, name: 'read_file', arguments: `{"path":"file-${number}.txt"}` }],
  },
  { role: 'tool', toolCallId: `c${number}`, content: result },
];

const turns = (count: number): readonly ChatMessage[] => Array.from({ length: count }, (_, n) => turn(n + 1)).flat();

function compacted(messages: readonly ChatMessage[], charactersMax: number): readonly ChatMessage[] {
  const shorter = compactConversation(messages, charactersMax);
  if (shorter === null) throw new Error('nothing could go');
  return shorter;
}

describe('a conversation that is made shorter', () => {
  const before = [...HEAD, ...turns(20)];
  const after = compacted(before, 12_000);

  it('fits into what it was given', () => {
    expect(charactersOf(before)).toBeGreaterThan(40_000);
    expect(charactersOf(after)).toBeLessThanOrEqual(12_000);
  });

  it('begins with the task and ends with the last turns, word for word', () => {
    expect(after.slice(0, 2)).toEqual(HEAD);
    expect(after.slice(-4)).toEqual(turns(20).slice(-4));
  });

  it('has a result for every call, and a call for every result', () => {
    const called = after.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id));
    const answered = after.flatMap(({ toolCallId }) => (toolCallId === undefined ? [] : [toolCallId]));
    expect(answered).toEqual(called);
  });

  it('says what was done in the turns that are gone', () => {
    const account = after[2]?.content ?? '';
    expect(account).toContain('I look at file 1.');
    expect(account).toContain('read_file {"path":"file-1.txt"} → xxx');
    expect(account).toContain('(2000 characters in all)');
  });

  it('is the same each time', () => {
    expect(compactConversation(before, 12_000)).toEqual(after);
  });

  it('keeps one account when it is made shorter again', () => {
    const again = compacted([...after, ...turns(20).slice(-20)], 12_000);
    expect(again.filter(({ role, content }) => role === 'user' && content.startsWith('To make room'))).toHaveLength(1);
    expect(again[2]?.content).toContain('I look at file 1.');
  });
});

describe('what was told and what went wrong', () => {
  it('stays in the account at greater length', () => {
    const error = `error: ${'the text to replace is not in the file '.repeat(8)}`;
    const messages: readonly ChatMessage[] = [
      ...HEAD,
      ...turn(1, error),
      { role: 'user', content: 'A person adds: use tabs.' },
      ...turns(10),
    ];
    const account = compacted(messages, 9_000)[2]?.content ?? '';
    expect(account).toContain(error.trim().slice(0, 300));
    expect(account).toContain('told: A person adds: use tabs.');
  });
});

describe('nothing can go', () => {
  it.each([
    ['before the first answer', [...HEAD]],
    ['with one turn alone', [...HEAD, ...turn(1)]],
    ['where the task alone is too long', [{ role: 'user', content: 'x'.repeat(20_000) } as const, ...turns(3)]],
    ['where the last turn alone is too long', [...HEAD, ...turns(2), ...turn(3, 'x'.repeat(50_000))]],
  ])('%s', (_, messages) => {
    expect(compactConversation(messages, 9_000)).toBeNull();
  });
});
