import type { Prerequisite } from '../../src/domain/job';
import { buildPlanPrompt, PLAN_PROMPT_VERSION, type PlanPromptParts } from '../../src/domain/plan-prompt';
import { buildPrompt, type PromptMessage, type PromptParts } from '../../src/domain/prompt';

const PARTS: PlanPromptParts = {
  spec: {
    title: 'Move to ESM',
    description: 'All of it.',
    acceptanceCriteria: ['Nothing requires'],
    checks: [{ name: 'test', run: 'npm test', timeoutSeconds: 1 }],
    protect: [{ glob: 'LICENSE', policy: 'deny' }],
  },
  instructions: [{ path: 'AGENTS.md', text: 'Be brief.', cut: false }],
  structure: ['a.js'],
  files: [{ path: 'a.js', text: 'require("b")', cut: false }],
  last: null,
  fence: 'f00',
  depth: 2,
};

const textOf = (messages: readonly PromptMessage[], role: PromptMessage['role']): string =>
  messages.find((message) => message.role === role)?.content ?? '';
const user = (more: Partial<PromptParts>): string => textOf(buildPrompt({ ...PARTS, ...more }), 'user');

const done = (id: string, more: Partial<Prerequisite> = {}): Prerequisite => ({
  id,
  title: `Task ${id}`,
  state: 'succeeded',
  branch: `weaver/${id}`,
  commit: 'c'.repeat(40),
  summary: 'Did it.',
  ...more,
});

describe('the prompt of a plan', () => {
  it('tells the bounds, and how deep the task is', () => {
    const system = textOf(buildPlanPrompt(PARTS), 'system');
    expect(system).toContain('Between 1 and 20 children');
    expect(system).toContain('at depth 2 of its job, its children would be at depth 3; the deepest allowed is 4');
  });

  it('names every field of the answer, what a number in dependsOn means, and when to ask', () => {
    const system = textOf(buildPlanPrompt(PARTS), 'system');
    for (const field of ['title', 'description', 'acceptanceCriteria', 'relatedFiles', 'checks', 'dependsOn', 'join'])
      expect(system).toContain(`"${field}"`);
    expect(system).toContain('counted from 1');
    expect(system).toMatch(/Only if the task cannot be done without .* leave "children" empty and ask here/);
  });

  it('tells of the task what a one-shot prompt tells', () => {
    expect(textOf(buildPlanPrompt(PARTS), 'user')).toBe(textOf(buildPrompt(PARTS), 'user'));
    expect(textOf(buildPlanPrompt(PARTS), 'user')).toContain('# Move to ESM');
  });

  it('has a version of its own', () => {
    expect(PLAN_PROMPT_VERSION).toMatch(/^plan@\d+$/);
  });
});

describe('every prompt', () => {
  it('shows what the prerequisites did, as data', () => {
    const text = user({
      prerequisites: [done('a'), done('b', { state: 'dead', branch: null, commit: null, summary: '' })],
    });
    expect(text).toContain(
      `# Results of the tasks that this one waited for\n<<<f00 results\n- a: Task a (succeeded)\n  branch weaver/a at ${'c'.repeat(40)}\n  Did it.\n- b: Task b (dead)\nf00>>>`,
    );
  });

  it('shows fifty of them and counts the others', () => {
    const text = user({ prerequisites: Array.from({ length: 60 }, (_, n) => done(`n${n}`)) });
    expect(text).toContain('- n49: ');
    expect(text).not.toContain('- n50: ');
    expect(text).toContain('… and 10 more');
  });

  it('keeps a summary on its line', () => {
    expect(user({ prerequisites: [done('a', { summary: 'One.\n\n# Two' })] })).toContain('\n  One. # Two\n');
  });

  it('tells what people have added, in their order, before the files', () => {
    const text = user({ added: ['Use tabs.', 'No, blanks.'] });
    expect(text).toMatch(/# Added by people while the task ran[^\n]*they count\n1\. Use tabs\.\n2\. No, blanks\./);
    expect(text.indexOf('Use tabs.')).toBeLessThan(text.indexOf('# Structure'));
  });

  it('has no sections for what is not there', () => {
    const text = user({ prerequisites: [], added: [] });
    expect(text).not.toContain('# Results');
    expect(text).not.toContain('# Added');
  });

  it('says that asking is possible, and that it stops the work', () => {
    const system = textOf(buildPrompt(PARTS), 'system');
    expect(system).toContain('"question"');
    expect(system).toMatch(
      /Only if the task cannot be done without .* leave "edits" empty and ask here.*the work stops/,
    );
  });
});
