import { buildAgentPrompt } from '../../src/domain/agent-prompt';
import type { ChatMessage } from '../../src/domain/chat-message';
import { buildCriteriaPrompt } from '../../src/domain/criteria-prompt';
import { failure } from '../../src/domain/failures';
import { buildHandlerPrompt } from '../../src/domain/handler-prompt';
import { buildJudgePrompt } from '../../src/domain/judge-prompt';
import { buildPlanPrompt } from '../../src/domain/plan-prompt';
import { buildPrompt } from '../../src/domain/prompt';
import { aSpec } from '../client/specs';
import { comparableMessages, differences, nearness, type HashedRequest } from '../../src/domain/recorded-request';

const one = (content: string): string => comparableMessages([{ role: 'user', content }])[0]?.text ?? '';
/** A call of a tool and its result. */
const talkOf = (id: string, name: string, content: string): readonly ChatMessage[] => [
  { role: 'assistant', content: '', toolCalls: [{ id, name, arguments: '{}' }] },
  { role: 'tool', toolCallId: id, content },
];
const request = (model: string, ...texts: readonly string[]): HashedRequest => ({
  model,
  settings: { maxOutputTokens: 100 },
  form: 'f',
  messages: texts.map((text) => ({ role: 'user', text, sha256: text })),
});
const [A, B] = ['a'.repeat(40), 'b'.repeat(40)];

describe('two requests are the same', () => {
  it.each([
    [
      'whatever word stands around the data',
      '# Structure\n<<<0a1b2c3d4e5f structure\nsrc/a.ts\n0a1b2c3d4e5f>>>',
      '# Structure\n<<<ffffffffffff structure\nsrc/a.ts\nffffffffffff>>>',
    ],
    [
      'whatever commits and random ends of branches the tasks before them got',
      `- greet: Greet (succeeded)\n  branch weaver/greet-by-name-0k3j5h7d at ${A}`,
      `- greet: Greet (succeeded)\n  branch weaver/greet-by-name-zzzzzzzz at ${B}`,
    ],
    ['whatever commits stand behind the marks of a conflict', `<<<<<<< ${A}\nx\n=======`, `<<<<<<< ${B}\nx\n=======`],
    [
      'however long the failed checks took, and wherever they ran',
      '# Title\n\n# Attempt 1 failed\nchecksFailed: Failed: unit (exit 1).\n✖ adds (3.1 ms) in /home/a/workspaces/job~x/tree/a.ts',
      '# Title\n\n# Attempt 1 failed\nchecksFailed: Failed: unit (exit 1).\n✖ adds (12.9 ms) in /srv/b/workspaces/job~y/tree/a.ts',
    ],
  ])('%s', (_, a, b) => {
    expect(one(a)).toBe(one(b));
  });

  it('whatever ids the endpoint gave to calls, and however long a command took', () => {
    const first = talkOf('call_1', 'run', 'exit code 1\n✖ adds (3 ms)');
    expect(comparableMessages(first)).toEqual(comparableMessages(talkOf('xyz', 'run', 'exit code 1\n✖ adds (41 ms)')));
  });
});

describe('the prompts of weaver', () => {
  const spec = { title: 'T', description: 'D', acceptanceCriteria: ['C'], checks: [], protect: [] };
  const file = { path: 'a.ts', text: 'a\n', cut: false };
  const last = { attempt: 1, failure: failure('checksFailed', 'Failed: unit.'), evidence: '✖ adds (3 ms)' };
  const parts = { spec, instructions: [file], structure: ['a.ts'], files: [file], last };
  const counts = null;

  it.each([
    ['one-shot', (fence: string) => buildPrompt({ ...parts, fence })],
    ['agent', (fence: string) => buildAgentPrompt({ ...parts, fence })],
    ['plan', (fence: string) => buildPlanPrompt({ ...parts, fence, depth: 0 })],
    ['choice of a handler', (fence: string) => buildHandlerPrompt(aSpec(), fence)],
    ['judge', (fence: string) => buildJudgePrompt('choice', 'Which?', ['one', 'two'], fence)],
    [
      'criteria',
      (fence: string) => buildCriteriaPrompt({ spec, criteria: [1], diff: '+a', checks: [], counts, fence }),
    ],
  ])('are the same in another run: %s', (_, build) => {
    const [a, b] = ['0a1b2c3d4e5f', 'ffffffffffff'].map((fence) => build(fence));
    expect(a).not.toEqual(b);
    expect(comparableMessages(a ?? [])).toEqual(comparableMessages(b ?? []));
  });
});

describe('two requests are different', () => {
  it.each([
    ['when the task says another number', 'Wait 5 s.', 'Wait 10 s.'],
    ['when a commit is the matter of the task', `Revert ${A}.`, `Revert ${B}.`],
    ['when the checks failed of something else', '# Attempt 1 failed\n✖ adds', '# Attempt 1 failed\n✖ divides'],
    ['when it is another attempt', '# Attempt 1 failed\nx', '# Attempt 2 failed\nx'],
    ['when a branch has another name', 'branch weaver/greet-0k3j5h7d at', 'branch weaver/greets-0k3j5h7d at'],
  ])('%s', (_, a, b) => {
    expect(one(a)).not.toBe(one(b));
  });

  it('when a file that was read holds another number', () => {
    const [five, nine] = ['1| timeout = 5 s', '1| timeout = 9 s'].map((text) => talkOf('c', 'read_file', text));
    expect(comparableMessages(five ?? [])).not.toEqual(comparableMessages(nine ?? []));
  });
});

describe('the nearest recording', () => {
  it('is the one with the longest common beginning', () => {
    const asked = request('m', 'a', 'b', 'c');
    const order = [request('n', 'a', 'b', 'x'), request('m', 'a', 'x', 'c'), request('n', 'x'), request('m', 'a', 'b')];
    const points = order.map((recorded) => nearness(asked, recorded));
    expect(points.indexOf(Math.max(...points))).toBe(3);
  });

  it('is told by what differs: model, settings, form, and the first line', () => {
    const recorded = { ...request('old', 'a', 'one\ntwo'), settings: { maxOutputTokens: 50 }, form: 'g' };
    expect(differences(request('new', 'a', 'one\n2'), recorded)).toEqual([
      'the model is new, recorded is old',
      'the settings are {"maxOutputTokens":100}, recorded are {"maxOutputTokens":50}',
      'the schema or the tools of the answer differ',
      'message 2 of 2 (user) differs in line 2: "2", recorded is "two"',
    ]);
  });

  it('says so when one of them goes on further, or the text is not kept', () => {
    expect(differences(request('m', 'a'), request('m', 'a', 'b'))).toEqual(['it has 1 messages, the recorded one 2']);
    expect(differences(request('m', 'a', 'b'), request('m', 'a'))).toEqual(['it has 2 messages, the recorded one 1']);
    const bare = { ...request('m', 'x'), messages: [{ role: 'user' as const, sha256: 'x' }] };
    expect(differences(request('m', 'a'), bare)).toEqual(['message 1 of 1 (user) differs']);
  });
});
