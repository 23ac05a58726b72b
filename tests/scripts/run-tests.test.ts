/** scripts/test.mjs, scripts/check.mjs and .ci/run on small suites, with the real jest and tools. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Checkout, lastLine, ROOT } from './checkout';

let checkout: Checkout;

beforeAll(() => {
  checkout = Checkout.withSources();
  // A server that says who it is: these suites need none, and must not fetch one.
  checkout.program('temporal', 'echo "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"');
});
afterAll(() => checkout.remove());

beforeEach(() => {
  checkout.write('tests/good.test.ts', `it('adds', () => expect(1 + 1).toBe(2));\nit('adds more', () => {});\n`);
  checkout.write('tests/bad.test.ts', GOOD);
  checkout.write('tests/architecture.test.ts', GOOD);
  checkout.write('src/domain/greeting.ts', `export const greeting = 'hello';\n`);
});

const GOOD = `it('holds', () => {});\n`;

describe('npm test', () => {
  it('ends in the count, and in exit code 0 when all is well', async () => {
    const { code, stdout } = await checkout.node('test.mjs');
    expect(lastLine(stdout)).toBe('4 passed, 0 failed');
    expect(code).toBe(0);
  });

  it('counts what failed, a file that cannot be loaded too, and names what was skipped before the last line', async () => {
    const where = readFileSync(path.join(ROOT, 'tests/where.ts'), 'utf8');
    const browser = `describeWhere(false, 'a browser: install one')('a page', () => ['a', 'b'].forEach((name) => it(name, () => {})));`;
    const bad = `it('fails', () => expect(1).toBe(2));\nit.skip('is skipped', () => {});\n${browser}\n`;
    checkout.write('tests/where.ts', where);
    checkout.write('tests/bad.test.ts', `import { describeWhere } from './where';\n${bad}`);
    checkout.write('tests/architecture.test.ts', `throw new Error('at once');\n`);
    const { code, stdout } = await checkout.node('test.mjs');
    expect(stdout.trimEnd().split('\n').slice(-3)).toEqual([
      'skipped: tests/bad.test.ts, 2 for want of a browser: install one',
      '3 skipped',
      '2 passed, 2 failed',
    ]);
    expect(code).toBe(1);
  });

  it('runs a file that failed again alone, and names it when it passes then', async () => {
    const mark = `${checkout.bin}/was-here`;
    const once = `const fs = require('node:fs');
it('fails once', () => {
  const before = fs.existsSync(${JSON.stringify(mark)});
  fs.writeFileSync(${JSON.stringify(mark)}, '');
  expect(before).toBe(true);
});
it('holds', () => {});
`;
    checkout.write('tests/bad.test.ts', once);
    const { code, stdout } = await checkout.node('test.mjs');
    expect(stdout.trimEnd().split('\n').slice(-2)).toEqual([
      'unsteady: tests/bad.test.ts failed, and passed when it was run again alone',
      '5 passed, 0 failed',
    ]);
    expect(code).toBe(0);
  });

  it('hands its arguments to jest, and tells the tests where the server is', async () => {
    const says = `it('has it', () => expect(process.env['WEAVER_TEMPORAL_BINARY']).toBe(${JSON.stringify(`${checkout.bin}/temporal`)}));\n`;
    checkout.write('tests/good.test.ts', says);
    expect(lastLine((await checkout.node('test.mjs', ['tests/good'])).stdout)).toBe('1 passed, 0 failed');
  });

  it('does not call nothing a success', async () => {
    const { code, stdout } = await checkout.node('test.mjs', ['--testPathPatterns=no-such', '--passWithNoTests']);
    expect(lastLine(stdout)).toBe('0 passed, 0 failed');
    expect(code).toBe(1);
  });

  it('counts a set-up that fails as one failure, and says why', async () => {
    checkout.write('src/domain/greeting.ts', `export const greeting: number = 'hello';\n`);
    const { code, stdout, stderr } = await checkout.node('test.mjs');
    expect(stdout).toBe('0 passed, 1 failed\n');
    expect(stderr).toMatch(/do not compile[^]*greeting\.ts\(1,14\)/);
    expect(code).toBe(1);
  });
});

describe('npm run check', () => {
  it('runs every step whatever fails, and shows what a failing one says', async () => {
    checkout.write('src/domain/greeting.ts', `export const greeting: string = 'hello' as any;debugger\n`);
    const { code, stdout } = await checkout.node('check.mjs');
    const steps = [...stdout.matchAll(/^(ok|FAILED) +([a-z ]+?) +[\d.]+ s/gm)].map(([, verdict, step]) => [
      step,
      verdict,
    ]);
    expect(steps.slice(0, 5)).toEqual([
      ['format', 'FAILED'],
      ['lint', 'FAILED'],
      ['types', 'ok'],
      ['types of tests', expect.anything()],
      ['bundle', 'ok'],
    ]);
    expect(steps.map(([step]) => step).slice(5)).toEqual(['unused code', 'architecture']);
    expect(stdout).toMatch(/src\/domain\/greeting\.ts/);
    expect(stdout).toMatch(/no-debugger/);
    expect(stdout).toMatch(/^ok +bundle +[\d.]+ s {2}0\.\d\d MB of code in \d+ modules$/m);
    expect(lastLine(stdout)).toMatch(/^\d passed, \d failed$/);
    expect(code).toBe(1);
  });
});

describe('.ci/run', () => {
  it('runs tests and checks both, and ends in one count of all', async () => {
    checkout.write('tests/bad.test.ts', `it('fails', () => expect(1).toBe(2));\n`);
    const { code, stdout, stderr } = await checkout.run('sh', ['.ci/run'], npmEnvironment());
    const [, good = '', bad = ''] = /npm test: (\d+) good and (\d+) bad/.exec(stderr) ?? [];
    const [, fine = '', wrong = ''] = /npm run check: (\d+) good and (\d+) bad/.exec(stderr) ?? [];
    expect([good, bad]).toEqual(['3', '1']);
    expect(Number(fine) + Number(wrong)).toBe(7);
    expect(lastLine(stdout)).toBe(`${3 + Number(fine)} passed, ${1 + Number(wrong)} failed`);
    expect(stdout.match(/^\d+ passed, \d+ failed$/gm)).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('says so and fails where there is no Node', async () => {
    const bare = Checkout.withSources();
    const { code, stdout, stderr } = await bare.run('/bin/sh', ['.ci/run'], { PATH: '/nowhere' });
    expect(stderr).toMatch(/Node\.js is not installed; weaver needs 20\.19/);
    expect(stdout).toBe('0 passed, 1 failed\n');
    expect(code).toBe(3);
    bare.remove();
  });
});

const npmEnvironment = (): Record<string, string> => ({
  ...checkout.environment(),
  PATH: `${checkout.bin}:${process.env['PATH'] ?? ''}`,
});
