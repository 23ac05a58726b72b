import { withoutThinking } from '../../../src/adapters/model/thinking';

describe('reasoning in the text of an answer', () => {
  it.each([
    ['is taken off', '<think>so it is</think>{"a":1}', '{"a":1}'],
    ['is taken off with the blanks around it', ' \n <think>\nso\n</think>\n\n{"a":1}', '{"a":1}'],
    ['is taken off under its other name', '<thinking>so</thinking>ok', 'ok'],
    ['is taken off with blocks inside it', '<think>a <think>b</think> c</think>ok', 'ok'],
    ['is taken off in several blocks', '<think>a</think>\n<thinking>b</thinking>\nok', 'ok'],
    ['is all there is when it never ends', '<think>so it goes on and', ''],
    ['is all there is when a block inside it ends', '<think>a <think>b</think> and on', ''],
    ['is taken off when the template has opened it', 'so it is\n</think>\n\nok', 'ok'],
    ['is taken off with the code in it', 'Let me see:\n```js\nfoo()\n```\nso\n</think>\n\n{"a":1}', '{"a":1}'],
    ['is taken off with a draft in it', 'hm {"a":0}</think>{"a":1}', '{"a":1}'],
    ['is taken off when a draft is all of it', '{"a":0}\n</think>\n```json\n{"a":1}\n```', '```json\n{"a":1}\n```'],
    ['is taken off where it ends a line', 'so it is.</think>\n\nok', 'ok'],
    ['is taken off in brackets', '[THINK]so\n[/THINK]ok', 'ok'],
    ['is taken off under the names of other models', '<seed:think>so</seed:think><thought>so</thought>ok', 'ok'],
    [
      'is taken off with its channel',
      '<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>final<|message|>ok<|return|>',
      'ok',
    ],
    ['is all there is when its channel is the only one', '<|channel|>analysis<|message|>so', ''],
    ['is nothing when it is empty', '<think></think>ok', 'ok'],
    ['is not looked at inside it', '<think>the code says <thinking> here</think>ok', 'ok'],
  ])('%s', (_, text, expected) => {
    expect(withoutThinking(text)).toBe(expected);
  });

  it.each([
    ['in the middle of JSON', '{"content":"<think>x</think>"}'],
    ['on a line of its own in JSON', '{"content":"a\n</think>\nb"}'],
    ['in the middle of words', 'Write <think>x</think> into the file.'],
    ['in a fence of code', 'Here it is:\n```html\n</think>\n```\n'],
    ['in a block of edits', 'a.html\n<<<<<<< SEARCH\n</think>\n=======\n>>>>>>> REPLACE\n'],
    ['in code behind words', 'Here:\n~~~html\n</think>\n\n~~~\n'],
    ['in the middle of a sentence', 'Take the </think> out of it.\n```html\n<p>\n```'],
    ['at the end of markup', '<main>\n</think>\n</main>'],
    ['under a name that only begins so', '<thinker>x</thinker>'],
    ['behind what was said', 'ok\n<think>x</think>'],
  ])('stays where it belongs to the answer: %s', (_, text) => {
    expect(withoutThinking(text)).toBe(text);
  });
});
