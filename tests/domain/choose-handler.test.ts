import picomatch from 'picomatch';
import { chooseByRule, sizeOf } from '../../src/domain/choose-handler';
import { buildHandlerPrompt } from '../../src/domain/handler-prompt';
import type { HandlerCondition, TaskSpec } from '../../src/domain/task';
import { parseHandler, parseSpec } from '../../src/schemas';
import { aSpec } from '../client/specs';

const matches = (path: string, glob: string): boolean => picomatch(glob, { dot: true })(path);
const SPEC = aSpec({
  title: 'Refactor the parser',
  description: 'Split it into three files. (a+)+$',
  relatedFiles: ['src/parse/lexer.ts', 'src/parse/tree.ts'],
  tags: ['large'],
});
const when = (condition: HandlerCondition, spec: TaskSpec = SPEC) =>
  chooseByRule(spec, [{ when: condition, handler: 'plan' }], matches);

describe('a rule', () => {
  it.each([
    [{ title: 'refactor' }, 'the title says "refactor"'],
    [{ description: 'THREE files' }, 'the description says "THREE files"'],
    [{ description: '(a+)+$' }, 'the description says "(a+)+$"'],
    [{ tag: 'large' }, 'the tag large'],
    [{ file: 'src/**/tree.*' }, 'the file src/parse/tree.ts'],
    [{ filesAbove: 1 }, '2 related files'],
    [{ sizeAbove: 30 }, `${sizeOf(SPEC)} characters`],
    [{ title: 'parser', tag: 'large' }, 'the title says "parser", the tag large'],
  ])('holds: %j', (condition, words) => {
    expect(when(condition)).toEqual({ handler: 'plan', reason: `rule 1: ${words}` });
  });

  it.each([
    [{ title: 'refactor.*parser' }],
    [{ tag: 'larg' }],
    [{ file: 'lib/**' }],
    [{ filesAbove: 2 }],
    [{ sizeAbove: 100_000 }],
    [{ title: 'parser', tag: 'small' }],
    [{}],
  ])('does not hold: %j', (condition) => {
    expect(when(condition)).toBeNull();
  });

  it('that comes first counts, and says why in its own words if it has any', () => {
    const rules = [
      { when: { tag: 'small' }, handler: 'one-shot' },
      { when: { tag: 'large' }, handler: 'plan', reason: 'large ones are split' },
      { when: { title: 'parser' }, handler: 'one-shot' },
    ] as const;
    expect(chooseByRule(SPEC, rules, matches)).toEqual({ handler: 'plan', reason: 'rule 2: large ones are split' });
  });

  it('WT-44 leaves the handler that is named where there is none', () => {
    expect(chooseByRule(SPEC, [], matches)).toBeNull();
  });
});

describe('the prompt', () => {
  it('shows the task as data, bounded, and is the same for the same task', () => {
    const [, user] = buildHandlerPrompt({ ...SPEC, description: 'x'.repeat(100_000) }, 'abc');
    expect(user?.content).toMatch(/^<<<task abc\n# Refactor the parser\nx+\n/);
    expect(user?.content.length).toBeLessThan(5_000);
    expect(buildHandlerPrompt(SPEC, 'abc')).toEqual(buildHandlerPrompt(SPEC, 'abc'));
  });
});

describe("a model's choice", () => {
  it('is one of the handlers, with a reason', () => {
    expect(parseHandler('Sure: {"handler":"plan","reason":" two parts "}')).toEqual({
      kind: 'ok',
      choice: { handler: 'plan', reason: 'two parts' },
    });
  });

  it.each([
    '',
    'plan',
    '{"handler":"join","reason":"x"}',
    '{"handler":"plan"}',
    '{"handler":"plan","reason":7}',
    'x'.repeat(30_000),
  ])('is none: %.40s', (text) => {
    expect(parseHandler(text).kind).toBe('malformed');
  });
});

describe('the field of the task file', () => {
  const content = {
    title: 'T',
    description: 'D',
    repo: { url: '/srv/git/value.git' },
    chooseHandler: { rules: [{ when: { file: './src/**' }, handler: 'plan' }], model: 'openai' },
  };

  it('WT-07 comes back the same from JSON', () => {
    const spec = parseSpec(content);
    expect(spec.chooseHandler).toEqual({
      rules: [{ when: { file: 'src/**' }, handler: 'plan' }],
      model: { provider: 'openai' },
    });
    expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it.each([
    [{ rules: [{ when: {}, handler: 'plan' }] }, /when.*must name a condition/],
    [{ rules: [{ when: { titel: 'x' }, handler: 'plan' }] }, /titel is no field.*title/],
    [{ rules: [{ when: { title: 'x' }, handler: 'join' }] }, /must be one of one-shot, agent, plan/],
    [{ rules: [{ when: { title: 'x' } }] }, /handler is missing/],
    [{ rules: [{ when: { filesAbove: -1 }, handler: 'plan' }] }, /filesAbove/],
    [{ rules: Array.from({ length: 21 }, () => ({ when: { tag: 'x' }, handler: 'plan' })) }, /rules/],
  ])('WT-08 is refused with its place where it is wrong: %j', (chooseHandler, says) => {
    expect(() => parseSpec({ ...content, chooseHandler })).toThrow(says);
  });

  it('WT-02 names the handlers there are where an unknown one is named', () => {
    expect(() => parseSpec({ ...content, handler: 'magic' })).toThrow(
      /handler must be one of one-shot, agent, plan, join/,
    );
  });
});
