import { describeUses, isReading, TOOL_NAMES, TOOLS, type ToolUse } from '../../src/domain/tools';
import { numberedLines, pageOf } from '../../src/domain/tool-pages';

describe('the declarations of the tools', () => {
  it('name every tool once', () => {
    expect(TOOLS.map(({ name }) => name)).toEqual(TOOL_NAMES);
  });

  it('are strict in every object: all fields required, none added', () => {
    const objects = objectsIn(TOOLS.map(({ parameters }) => parameters));
    expect(objects.length).toBeGreaterThan(TOOLS.length);
    for (const { properties, required, additionalProperties } of objects) {
      expect(required).toEqual(Object.keys(properties as object));
      expect(additionalProperties).toBe(false);
    }
  });

  it('know of no git', () => {
    expect(JSON.stringify(TOOLS)).not.toMatch(/commit\b(?!Message)|push|branch/);
  });
});

function objectsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Readonly<Record<string, unknown>>;
  return [...(fields['type'] === 'object' ? [fields] : []), ...Object.values(fields).flatMap(objectsIn)];
}

it('describes calls in one line of at most 100 characters', () => {
  const uses: readonly ToolUse[] = [
    { tool: 'run', what: 'npm\n  test', timeoutSeconds: null },
    { tool: 'move_or_delete', path: 'a', to: null },
  ];
  expect(describeUses(uses)).toBe('run npm test, delete a');
  expect(describeUses(Array.from({ length: 30 }, () => uses).flat()).length).toBe(100);
  expect(uses.map(isReading)).toEqual([false, false]);
});

describe('a page of a list', () => {
  const items = Array.from({ length: 25 }, (_, n) => `file ${n + 1}`);

  it('ends with the way to the next one, but the last', () => {
    expect(pageOf(items, 1, 10, 'files').split('\n').slice(-2)).toEqual([
      'file 10',
      '(page 1 of 3; go on with page 2)',
    ]);
    expect(pageOf(items, 3, 10, 'files').split('\n')).toEqual(items.slice(20));
  });

  it('says what there is where it is not there', () => {
    expect(pageOf(items, 4, 10, 'files')).toBe('There is no page 4: 25 files are on 3 pages.');
    expect(pageOf([], 1, 10, 'matches')).toBe('no matches');
  });

  it('is never longer than a model can take in', () => {
    const long = Array.from({ length: 300 }, () => 'x'.repeat(200));
    const page = pageOf(long, 1, 300, 'files');
    expect(Buffer.byteLength(page)).toBeLessThan(16_200);
    expect(page).toContain('more of this page are left out');
  });
});

describe('numbered lines', () => {
  it.each([
    ['a\nb\n', 1, null, '1| a\n2| b'],
    ['a\r\nb\r\nc', 2, null, '2| b\n3| c'],
    ['a\nb\nc\n', 2, 2, '2| b\n(lines 2 to 2 of 3; go on with from: 3)'],
    ['', 1, null, '(the file is empty)'],
    ['a\n', 5, null, 'There is no line 5: the file has 1 lines.'],
    ['a\n\n', 1, null, '1| a\n2| '],
  ] as const)('of %j from %d to %p', (text, from, to, shown) => {
    expect(numberedLines(text, from, to)).toBe(shown);
  });

  it('end where a model has enough, with the way to go on', () => {
    const text = Array.from({ length: 10_000 }, (_, n) => `line ${n + 1}`).join('\n');
    const first = numberedLines(text, 1, null);
    expect(Buffer.byteLength(first)).toBeLessThan(16_200);
    const [, next] = /go on with from: (\d+)\)$/.exec(first) ?? [];
    expect(numberedLines(text, Number(next), null)).toMatch(new RegExp(`^${next}\\| line ${next}\n`));
  });

  it('cut a line that nobody wrote by hand, and say how to see the rest of it', () => {
    const shown = numberedLines(`a\n${'x'.repeat(1_000_000)}\n`, 1, null);
    expect(Buffer.byteLength(shown)).toBeLessThan(4_200);
    expect(shown).toMatch(/\n\(line 2 is cut; see the rest with run: sed -n 2p FILE \| cut -b 4001-8000\)$/);
  });
});
