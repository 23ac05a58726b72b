import { DEFAULT_PROTECT } from '../../src/config/default-protect';
import { buildPrompt, inBlocks, PROMPT_VERSION, type PromptParts } from '../../src/domain/prompt';
import { buildAgentPrompt } from '../../src/domain/agent-prompt';
import type { ProtectSpec } from '../../src/domain/task';

const parts = (own: readonly ProtectSpec[], builtIn?: readonly ProtectSpec[]): PromptParts => ({
  spec: { title: 'T', description: 'D', acceptanceCriteria: [], checks: [], protect: own },
  ...(builtIn === undefined ? {} : { protect: builtIn }),
  instructions: [],
  structure: [],
  files: [],
  last: null,
  fence: 'f',
});
const [system, user] = ['system', 'user'].map(
  (role) => (of: PromptParts) => buildPrompt(of).find((message) => message.role === role)?.content ?? '',
) as [(of: PromptParts) => string, (of: PromptParts) => string];

describe('the rules for files', () => {
  it('that come with weaver are named one by one, in their order', () => {
    const text = system(parts([], DEFAULT_PROTECT));
    const places = DEFAULT_PROTECT.map(({ glob }) => text.indexOf(` ${glob}`));
    expect(places.filter((place) => place < 0)).toEqual([]);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it('say what each policy forbids, and that the last rule counts', () => {
    const text = system(
      parts(
        [],
        [
          { glob: 'a/**', policy: 'add-only' },
          { glob: '*.lock', policy: 'deny' },
        ],
      ),
    );
    expect(text).toContain('- add-only: a/**\n- deny: *.lock');
    expect(text).toMatch(/the last rule that fits a path counts/);
  });

  it('of the task stand after them, with the same words', () => {
    const text = user(
      parts(
        [
          { glob: 'conftest.py', policy: 'allow' },
          { glob: 'LICENSE', policy: 'deny' },
        ],
        DEFAULT_PROTECT,
      ),
    );
    expect(text).toContain('# Rules of this task for files\n');
    expect(text).toContain('- allow: conftest.py\n- deny: LICENSE');
  });

  it('are left out where there are none', () => {
    expect(system(parts([], []))).not.toContain('- deny');
    expect(user(parts([]))).not.toContain('Rules of this task');
  });

  it('have a bound, and what is beyond it is counted', () => {
    const many = Array.from({ length: 200 }, (_, n): ProtectSpec => ({
      glob: `${n}-${'x'.repeat(900)}`,
      policy: 'deny',
    }));
    const text = user(parts(many));
    expect(text.length).toBeLessThan(12_000);
    expect(text).toMatch(/\(and \d+ more rules\)/);
  });

  it('cannot break their line', () => {
    expect(user(parts([{ glob: 'a\n# Done', policy: 'deny' }]))).toContain('- deny: a # Done');
  });
});

it('has a version of its own since it shows a map', () => {
  expect(PROMPT_VERSION).toBe('one-shot@3');
});

describe('the offer to split the task', () => {
  const word = `${'f'.repeat(12)}`;
  const offered = { ...parts([], DEFAULT_PROTECT), fence: word, structure: ['a'], splitDepth: 1 };
  const { splitDepth: _, ...plain } = offered;

  it('stands between the rules of the answer and those for files, and changes nothing else', () => {
    const [before, after] = [system(plain), system(offered)];
    const offer = after.slice(before.indexOf('\nRules for files:') + 1, after.indexOf('\nRules for files:'));
    expect(after).toBe(before.replace('\nRules for files:', `\n${offer}\nRules for files:`));
    expect(offer).toMatch(/when in doubt, do it[^]*"children"[^]*"join"[^]*at depth 1 of its job/);
    expect(user(offered)).toBe(user(plain));
  });

  it('is not made to who answers in blocks', () => {
    expect(inBlocks(buildPrompt(offered))).toEqual(inBlocks(buildPrompt(plain)));
    expect(inBlocks(buildPrompt(plain))).not.toBeNull();
  });

  it('tells an agent how its tools take the children', () => {
    const [offer = ''] = buildAgentPrompt(offered).map(({ content }) => content);
    expect(offer).toMatch(/call finish with "children"/);
    expect(buildAgentPrompt(plain)[0]?.content).not.toContain('children');
  });
});
