import { excerpt, signatureSource } from '../../src/domain/check-output';

const flood = (count: number): string => `start\n${'y\n'.repeat(count)}end\n`;
const numbered = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n + 1}\n`).join('');

describe('an excerpt', () => {
  it('leaves a short text alone', () => expect(excerpt('one\ntwo\n', 100)).toBe('one\ntwo\n'));

  it('keeps both ends, between whole lines, and says what is left out', () => {
    const text = numbered(1_000);
    const cut = excerpt(text, 500);
    const [, lines, characters] = /^\[\.\.\. (\d+) lines, (\d+) characters left out \.\.\.\]$/m.exec(cut) ?? [];
    expect(cut.length).toBeLessThanOrEqual(500);
    expect(cut.startsWith('line 1\nline 2\n')).toBe(true);
    expect(cut.endsWith('line 999\nline 1000\n')).toBe(true);
    const kept = cut.split('\n').filter((line) => line.startsWith('line '));
    expect(kept.every((line) => /^line \d+$/.test(line) && text.includes(`${line}\n`))).toBe(true);
    expect(kept.length + Number(lines)).toBe(1_000);
    expect(kept.join('\n').length + 1 + Number(characters)).toBe(text.length);
  });

  it('cuts inside a line only where that is longer than what may be shown', () => {
    const cut = excerpt('a'.repeat(10_000), 300);
    expect(cut).toMatch(/^a+\n\[\.\.\. 0 lines, \d+ characters left out \.\.\.\]\na+$/);
    expect(cut.length).toBeLessThanOrEqual(300);
  });

  it.each([...Array(24).keys()])('never breaks a character (limit 100 + %i)', (more) => {
    const cut = excerpt('\u{1F600}'.repeat(500), 100 + more);
    expect(Buffer.from(cut, 'utf8').toString('utf8')).toBe(cut);
    expect(cut.length).toBeLessThanOrEqual(100 + more);
  });

  it.each([0, 1, 2, 3, 79, 80, 81, 90])('never gives more than %i characters', (max) => {
    expect(excerpt('\u{1F600}\n'.repeat(500), max).length).toBeLessThanOrEqual(max);
  });

  it('takes out colours, links and titles, and shows a progress line as it ended', () => {
    const text =
      '\u001b[31mred\u001b[0m \u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\ \u001b]0;title\u0007end\r\n 10%\r 50%\r100%\nbell\u0007\u0000\n';
    expect(excerpt(text, 1_000)).toBe('red link end\n100%\nbell\n');
  });

  it('is quick on a long text of escapes without an end', () => {
    const startedAt = performance.now();
    excerpt('\u001b]'.repeat(1_000_000), 1_000);
    excerpt(`\u001b[${'1;'.repeat(1_000_000)}`, 1_000);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe('the source of a signature', () => {
  const same: readonly (readonly [string, string, string])[] = [
    ['times', 'at 12:01:02.123 failed', 'at 23:59:59 failed'],
    ['dates', '2026-11-21T10:00:00.123Z boom', '2025-01-02T03:04:05+01:00 boom'],
    ['log dates', '2026/11/21 10:00:00 boom', '2025/01/02 03:04:05 boom'],
    ['long dates', 'on Sat, 21 Nov 2026 10:00:00 GMT', 'on Mon, 2 Mar 2025 01:02:03 GMT'],
    ['jest durations', '✕ adds (12 ms)', '✕ adds (3 ms)'],
    ['jest summaries', 'Time:        1.52 s, estimated 2 s', 'Time:        0.9 s, estimated 1 s'],
    ['pytest summaries', '=== 1 failed in 0.12s ===', '=== 1 failed in 3.40s ==='],
    ['unittest summaries', 'Ran 3 tests in 0.001s', 'Ran 3 tests in 0.123s'],
    [
      'go durations',
      '--- FAIL: TestX (0.00s)\nFAIL\texample/x\t0.003s',
      '--- FAIL: TestX (1.20s)\nFAIL\texample/x\t1.234s',
    ],
    ['go caches', 'ok  \texample/x\t(cached)', 'ok  \texample/x\t0.003s'],
    ['cargo durations', 'test result: FAILED. finished in 0.00s', 'test result: FAILED. finished in 2.31s'],
    ['shell durations', 'real 0m0.012s', 'real 2m3.4s'],
    ['tap durations', '  duration_ms: 1.234', '  duration_ms: 77'],
    ['addresses', '<Thing object at 0x7f3a2b>', '<Thing object at 0x10ffe0012>'],
    ['process numbers', '(node:1234) Warning; pid=77; ==99== leak', '(node:4321) Warning; pid=8; ==123456== leak'],
    ['goroutines', 'goroutine 7 [running]:', 'goroutine 123 [running]:'],
    ['Rust threads', "thread 'main' (1234) panicked", "thread 'main' (99) panicked"],
    ['temporary paths', "ENOENT '/tmp/abc-1234/file.txt'", "ENOENT '/tmp/xyz-9/file.txt'"],
    [
      'ports',
      'connect ECONNREFUSED 127.0.0.1:43121, localhost:80',
      'connect ECONNREFUSED 127.0.0.1:555, localhost:8080',
    ],
    ['bound ports', 'listen EADDRINUSE :::43121 on port 43121', 'listen EADDRINUSE :::1 on port 1'],
    ['shares and speeds', 'covered 91.2% at 3.4 MB/s, 120 tests/s', 'covered 90.9 % at 12 MB/s, 7 tests/s'],
    ['benchmarks', 'BenchmarkX-8 12.5 ns/op', 'BenchmarkX-8 13 ns/op'],
    ['identifiers', 'id 6f1c2d34-aaaa-bbbb-cccc-0123456789ab', 'id 00000000-1111-2222-3333-444444444444'],
    ['seeds', 'Randomized with seed 1234', 'Randomized with seed 99'],
    [
      'the work tree of another task',
      'File "/home/a/.local/state/weaver/workspaces/job-1/tree/test.py", line 3',
      'File "/tmp/w/workspaces/job-2/tree/test.py", line 3',
    ],
    ['the order in which files were run', 'PASS a.test.js\nFAIL b.test.js', 'FAIL b.test.js\nPASS a.test.js'],
    ['colours', '\u001b[31mFAIL\u001b[39m x', 'FAIL x'],
    ['progress', '10%\r100%\ndone', '20%\r50%\r100%\ndone'],
    ['lengths of floods', 'x\n[... 12 bytes left out ...]\ny', 'x\n[... 3456 bytes left out ...]\ny'],
  ];
  it.each(same)('does not depend on %s', (_, a, b) => expect(signatureSource(a)).toBe(signatureSource(b)));

  const different: readonly (readonly [string, string, string])[] = [
    ['values', 'expected 3, got 4', 'expected 3, got 5'],
    ['counts', '2 failed, 3 passed', '1 failed, 4 passed'],
    ['names of tests', '--- FAIL: TestA (0.00s)', '--- FAIL: TestB (0.00s)'],
    ['files', 'File "a.py", line 3', 'File "b.py", line 3'],
    ['messages', 'TypeError: x is undefined', 'TypeError: y is undefined'],
    ['words that look like months', 'Decimal 10', 'Decimal 11'],
    ['versions', 'needs 1.2.3', 'needs 1.2.4'],
  ];
  it.each(different)('depends on %s', (_, a, b) => expect(signatureSource(a)).not.toBe(signatureSource(b)));

  it('is bounded, and the same for floods of different lengths', () => {
    expect(signatureSource(flood(2_000_000))).toBe(signatureSource(flood(900_000)));
  });

  it('is quick on four megabytes of paths', () => {
    const startedAt = performance.now();
    signatureSource('/a/b/workspaces'.repeat(280_000));
    signatureSource('1 '.repeat(2_000_000));
    signatureSource('9'.repeat(4_000_000));
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  });
});
