import { callsApart } from '../../../src/adapters/model/calls-apart';
import type { ChatMessage } from '../../../src/ports';

const calls = (...ids: readonly string[]): ChatMessage => ({
  role: 'assistant',
  content: '',
  toolCalls: ids.map((id) => ({ id, name: 'run', arguments: '{}' })),
});
const result = (toolCallId: string): ChatMessage => ({ role: 'tool', content: 'ok', toolCallId });
const idsIn = (messages: readonly ChatMessage[]): readonly (readonly string[])[] =>
  messages.map(({ toolCalls = [], toolCallId }) => [...toolCalls.map(({ id }) => id), toolCallId ?? []].flat());

it('gives each call of a conversation an id of its own, and its result the same', () => {
  const turns = [
    { role: 'user', content: 'Go.' } as const,
    calls('call_1', 'call_2'),
    result('call_2'),
    result('call_1'),
    calls('call_1'),
    result('call_1'),
    calls('call_1', 'other'),
    result('call_1'),
    result('other'),
  ];
  expect(idsIn(callsApart(turns)).map((ids) => ids.join(' '))).toEqual([
    '',
    'call_1 call_2',
    'call_2',
    'call_1',
    'call_1_3',
    'call_1_3',
    'call_1_4 other',
    'call_1_4',
    'other',
  ]);
});

it('leaves what was sent before as it was when the conversation goes on', () => {
  const turns = [calls('a'), result('a'), calls('a'), result('a'), calls('a'), result('a')];
  expect(callsApart(turns).slice(0, 4)).toEqual(callsApart(turns.slice(0, 4)));
});
