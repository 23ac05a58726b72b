import type { ToolCall } from '../../src/domain/tools';
import { parseToolCall } from '../../src/schemas';

const call = (name: string, given: unknown): ToolCall => ({
  id: 'c1',
  name,
  arguments: typeof given === 'string' ? given : JSON.stringify(given),
});
const says = (name: string, given: unknown): string => {
  const parsed = parseToolCall(call(name, given));
  return parsed.kind === 'malformed' ? parsed.says : 'valid';
};

describe('a valid call', () => {
  it.each([
    ['list_files', { glob: '**', page: 2 }, { tool: 'list_files', glob: '**', page: 2 }],
    ['list_files', { glob: '**' }, { tool: 'list_files', glob: '**', page: 1 }],
    ['search', { regex: 'a', glob: null, page: null }, { tool: 'search', regex: 'a', glob: null, page: 1 }],
    ['read_file', { path: 'a' }, { tool: 'read_file', path: 'a', from: 1, to: null }],
    [
      'edit_file',
      { path: 'a', edits: [{ search: 'x', replace: '' }] },
      { tool: 'edit_file', path: 'a', edits: [{ search: 'x', replace: '', all: false }] },
    ],
    ['move_or_delete', { path: 'a', to: null }, { tool: 'move_or_delete', path: 'a', to: null }],
    ['run', { what: 'npm test' }, { tool: 'run', what: 'npm test', timeoutSeconds: null }],
    [
      'finish',
      { summary: 's', commitMessage: 'm', criteria: null, question: '  ' },
      { tool: 'finish', summary: 's', commitMessage: 'm', criteria: [], question: null },
    ],
  ])('of %s with %j', (name, given, use) => {
    const asked = call(name, given);
    expect(parseToolCall(asked)).toEqual({ kind: 'ok', call: asked, use });
  });
});

describe('a malformed call is told precisely what to mend', () => {
  it.each([
    ['reed_file', {}, /There is no tool "reed_file"; there are list_files, search/],
    ['read_file', '{"path": "a"', /read_file: the arguments are no JSON/],
    ['read_file', '["a"]', /read_file: the arguments must be an object/],
    ['read_file', {}, /read_file: path must be a text/],
    ['read_file', { path: 'a', from: 0 }, /from must be at least 1/],
    ['read_file', { path: 'a', lines: 3 }, /there is no "lines"/],
    ['edit_file', { path: 'a', edits: [{ search: 'x' }] }, /edits\[0\]\.replace must be a text/],
    ['edit_file', { path: 'a', edits: [] }, /edits must have at least one edit/],
    ['write_file', '{"path":"a","content":"\\ud800"}', /content has half of a surrogate pair/],
    ['run', { what: ' ' }, /what must not be empty/],
    ['run', { what: 'x', timeoutSeconds: 100_000 }, /timeoutSeconds must be at most 1800/],
    ['constructor', {}, /There is no tool/],
  ])('%s %j', (name, given, words) => {
    expect(says(name, given)).toMatch(words);
  });

  it('in at most 600 characters, whatever was sent', () => {
    expect(
      says('edit_file', { path: 'a', edits: Array.from({ length: 500 }, () => 'x'.repeat(500)) }).length,
    ).toBeLessThanOrEqual(600);
    expect(says('x'.repeat(10_000), {}).length).toBeLessThanOrEqual(600);
  });
});

describe('a finish that may split the task', () => {
  const child = { title: 'One', description: 'Do it.' };
  const finish = { summary: 'Too much.', commitMessage: '', criteria: [], question: null };
  const read = (more: object, maySplit: boolean) => parseToolCall(call('finish', { ...finish, ...more }), maySplit);

  it('has the children as every plan has them, and the summary for its notes', () => {
    expect(read({ children: [child], join: true }, true)).toMatchObject({
      kind: 'ok',
      use: {
        tool: 'finish',
        split: { children: [{ ...child, dependsOn: [], checks: [] }], join: true, notes: 'Too much.' },
      },
    });
  });

  it.each([[{}], [{ children: null, join: false }], [{ children: [], join: null }]])(
    'only finishes with %j',
    (more) => {
      expect(read(more, true)).toMatchObject({ kind: 'ok', use: { ...finish, tool: 'finish' } });
      expect(JSON.stringify(read(more, true))).not.toContain('split');
    },
  );

  it('is told which child is wrong, and that there are no children where none are offered', () => {
    expect(read({ children: [{ title: 'One' }] }, true)).toMatchObject({
      says: 'finish: children[0].description is missing.',
    });
    expect(read({ children: [child], join: true }, false)).toMatchObject({
      says: expect.stringContaining('there is no "children"'),
    });
  });
});
