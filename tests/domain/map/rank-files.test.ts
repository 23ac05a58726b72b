import { chooseSources } from '../../../src/domain/map/choose-sources';
import { tagsOf } from '../../../src/domain/map/file-tags';
import { focusOf, type TaskWords } from '../../../src/domain/map/focus';
import { languageOf } from '../../../src/domain/map/languages';
import { rankFiles, type SourceFile } from '../../../src/domain/map/rank-files';
import { renderMap } from '../../../src/domain/map/render-map';

const isTest = (path: string): boolean => path.startsWith('test/');

const focus = (words: Partial<TaskWords>) =>
  focusOf({ title: '', description: '', criteria: [], relatedFiles: [], ...words });

/** Definitions are the names behind `def`. */
const file = (path: string, text: string): SourceFile => {
  const definitions = text.split('\n').flatMap((line, index) => {
    const name = /^def (\w+)/.exec(line)?.[1];
    return name === undefined ? [] : [{ name, line: index + 1 }];
  });
  return { path, tags: tagsOf(text, definitions) };
};

const fillers = Array.from({ length: 30 }, (_, n) => file(`lib/part${n}.py`, `def part_${n}\nvalue other thing`));

const order = (files: readonly SourceFile[], words: Partial<TaskWords>): readonly string[] =>
  rankFiles(files, focus(words), isTest).map(({ path }) => path);

describe('the likeliest file', () => {
  it('defines the name that the task speaks of, before those that only use it', () => {
    const files = [
      ...fillers,
      file('lib/a.py', 'parse_range(1)\nparse_range(2)'),
      file('lib/z.py', 'def parse_range\nvalue'),
    ];
    expect(order(files, { title: 'parse_range() forgets the end' }).slice(0, 2)).toEqual(['lib/z.py', 'lib/a.py']);
  });

  it('is named for what the task is about', () => {
    const files = [...fillers, file('lib/cookie_jar.py', 'def put'), file('lib/zz.py', 'def give\n# a cookie')];
    expect(order(files, { title: 'Cookies are lost' }).slice(0, 2)).toEqual(['lib/cookie_jar.py', 'lib/zz.py']);
  });

  it('is the one whose path the task names, whatever its words are', () => {
    const files = [...fillers, file('lib/range.py', 'def range_of\nrange range')];
    expect(order(files, { title: 'Mend the range', description: 'See lib/part7.py.' })[0]).toBe('lib/part7.py');
    expect(order(files, { title: 'Mend the range', relatedFiles: ['lib/part8.py'] })[0]).toBe('lib/part8.py');
  });

  it('is what a test that fits uses, not the test', () => {
    const files = [
      ...fillers,
      file('test/test_shipping.py', 'def test_shipping\nshipping shipping\nbox_of(1)\nbox_of(2)'),
      file('lib/boxes.py', 'def box_of\nwood'),
    ];
    const ranked = order(files, { title: 'Shipping is refused' });
    expect(ranked[0]).toBe('lib/boxes.py');
  });

  it('is the same in every order of the files, and equals stand by path', () => {
    const words = { title: 'value of part 3' };
    expect(order(fillers.toReversed(), words)).toEqual(order(fillers, words));
    expect(order(fillers, {}).slice(0, 3)).toEqual(['lib/part0.py', 'lib/part1.py', 'lib/part10.py']);
  });

  it('is told by its path where it was not read', () => {
    const files = [...fillers, { path: 'lib/cookie.py', tags: null }];
    expect(order(files, { title: 'Cookies are lost' })[0]).toBe('lib/cookie.py');
  });
});

describe('the map', () => {
  const words = focus({ title: 'part 12 is wrong' });
  const ranked = rankFiles(fillers, words, isTest);

  it('stays within its budget, whatever that is', () => {
    for (const tokensMax of [40, 100, 333, 1_024]) {
      const text = renderMap(ranked, words, { tokensMax, unread: 3 }).join('\n');
      expect(text.length).toBeGreaterThan(0);
      expect(text.length).toBeLessThanOrEqual(4 * tokensMax);
    }
  });

  it('shows lines of the first files and names of the next, and says what it leaves out', () => {
    const lines = renderMap(ranked, words, { tokensMax: 200, unread: 0 });
    expect(lines.slice(0, 2)).toEqual(['lib/part0.py', '  1: def part_0']);
    expect(lines.at(-2)).toMatch(/^lib\/part\d+\.py: part_\d+$/);
    expect(lines.at(-1)).toMatch(/^\(\d+ of 30 source files, the likeliest first\)$/);
  });

  it('is empty where the budget holds no file', () => {
    expect(renderMap(ranked, words, { tokensMax: 5, unread: 0 })).toEqual([]);
  });
});

const listed = (path: string, sizeBytes = 10) => ({ path, mode: '100644', sizeBytes });

describe('what is read of a repository', () => {
  it('is source that somebody has written', () => {
    const paths = [
      'a.py',
      'a.txt',
      'a.min.js',
      'types.d.ts',
      'dist/b.js',
      'node_modules/c.js',
      'b.vue',
      'B.PY',
      'LICENSE',
    ];
    const { read } = chooseSources(
      paths.map((path) => listed(path)),
      focus({}),
      isTest,
    );
    expect(read.map(({ path }) => path)).toEqual(['a.py', 'b.vue', 'B.PY']);
    expect([languageOf('a.py'), languageOf('b.vue'), languageOf('a.txt')]).toEqual(['python', null, undefined]);
  });

  it('is bounded in files and bytes; what the task speaks of comes first, tests last', () => {
    const files = [
      listed('test/cookie.py'),
      listed('a/a.py', 90),
      listed('a/b.py'),
      listed('a/cookie.py'),
      listed('c.py'),
    ];
    const limits = { files: 3, bytes: 100, fileBytes: 80 };
    const { read, unread } = chooseSources(files, focus({ title: 'cookies' }), isTest, limits);
    expect(read.map(({ path }) => path)).toEqual(['a/cookie.py', 'c.py', 'a/b.py']);
    expect(unread.map(({ path }) => path)).toEqual(['a/a.py', 'test/cookie.py']);
  });

  it('is chosen from 50,000 files within a second of the processor', () => {
    const files = Array.from({ length: 50_000 }, (_, n) => listed(`src/module${n % 500}/part_${n}.py`));
    const before = process.cpuUsage();
    const { read, unread } = chooseSources(files, focus({ title: 'part 49999 of module 3' }), isTest);
    expect([read.length, unread.length]).toEqual([1_500, 48_500]);
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });
});
