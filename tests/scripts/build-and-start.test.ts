/** scripts/build.mjs, scripts/bundle-check.mjs and scripts/start.mjs with the real compiler, bundler and npm. */
import { readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Checkout, ended, lastLine, ROOT } from './checkout';

let checkout: Checkout;

beforeAll(async () => {
  checkout = Checkout.withSources();
  const { code, stderr } = await checkout.node('build.mjs');
  if (code !== 0) throw new Error(stderr);
}, 120_000);
afterAll(() => checkout.remove());

describe('a build', () => {
  it('is not made again while the sources are the same', async () => {
    const before = statSync(bundleFile()).mtimeMs;
    expect(await checkout.node('build.mjs')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(statSync(bundleFile()).mtimeMs).toBe(before);
  });

  it('fails with what the compiler says, and the next one starts afresh', async () => {
    checkout.write('src/domain/greeting.ts', `export const greeting = 'good morning';\n`);
    checkout.write('src/domain/short-lived.ts', `export const gone = true;\n`);
    checkout.write('src/broken.ts', `export const wrong: number = 'text';\n`);
    const failed = await checkout.node('build.mjs');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/do not compile.*\n.*src\/broken\.ts\(1,14\): error TS2322/);
    expect(checkout.files('dist')).not.toContain('.weaver-build-sha256');
    rmSync(path.join(checkout.folder, 'src/broken.ts'));
    expect((await checkout.node('build.mjs')).code).toBe(0);
  });

  it('has what changed, and nothing of sources that are gone', async () => {
    expect(checkout.files('dist/domain')).toContain('short-lived.js');
    rmSync(path.join(checkout.folder, 'src/domain/short-lived.ts'));
    expect((await checkout.node('build.mjs')).code).toBe(0);
    expect(checkout.files('dist/domain').filter((name) => name.startsWith('short-lived'))).toEqual([]);
    expect(readFileSync(bundleFile(), 'utf8')).toContain('good morning');
  });

  it('is the same to the byte in another folder', async () => {
    const other = Checkout.withSources();
    other.write('src/domain/greeting.ts', readFileSync(path.join(checkout.folder, 'src/domain/greeting.ts'), 'utf8'));
    expect((await other.node('build.mjs')).code).toBe(0);
    const here = readFileSync(bundleFile());
    expect(readFileSync(path.join(other.folder, 'dist/workflow-bundle.js')).equals(here)).toBe(true);
    other.remove();
  });
});

describe('the bundle check', () => {
  it('finds nothing in a bundle of workflows and rules', async () => {
    const { faults, bytes } = await bundleReport();
    expect(faults).toEqual([]);
    expect(bytes).toBeGreaterThan(100_000);
  });

  it('names a library, a room that has no place there, and too much code', async () => {
    const other = Checkout.withSources();
    other.write('src/schemas.ts', `export const heavy = ${JSON.stringify('x'.repeat(700_000))};\n`);
    other.write(
      'src/workflows/index.ts',
      `import { z } from 'zod';\nimport { heavy } from '../schemas.js';\nexport const greet = async () => z.string().parse(heavy);\n`,
    );
    expect((await other.node('build.mjs')).code).toBe(0);
    expect((await bundleReport(other)).faults).toEqual([
      'zod is in the workflow bundle and must not be',
      'src/schemas.ts is in the workflow bundle and must not be',
      expect.stringMatching(/^the code is [\d.]+ MB, more than 0\.70 MB$/),
    ]);
    other.remove();
  });

  it('leaves a module of Node to the bundler, which refuses it', async () => {
    const other = Checkout.withSources();
    other.write('src/workflows/index.ts', `export { readFile } from 'node:fs/promises';\n`);
    const { code, stderr } = await other.node('build.mjs');
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be bundled[^]*node:fs\/promises/);
    other.remove();
  });
});

describe('npm start', () => {
  it('is the weaver command: arguments, exit code, and its output last', async () => {
    const ran = await npm(['start', '--', 'fail', '--json', 'a b']);
    expect(ran.code).toBe(7);
    expect(JSON.parse(lastLine(ran.stdout))).toEqual({ first: 'fail', rest: ['--json', 'a b'] });
    expect(ran.stderr).not.toMatch(/weaver:/);
  });

  it('is the demo without arguments', async () => {
    expect(JSON.parse(lastLine((await npm(['start'])).stdout))).toEqual({ first: 'demo', rest: [] });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('hands %s to the command, which ends in its own way', async (signal) => {
    const child = checkout.spawn('npm', ['start', '--', 'wait'], npmEnvironment());
    const end = ended(child);
    let said = '';
    child.stdout?.on('data', (text: string) => (said += text));
    while (!said.includes('"wait"')) await pause(20);
    child.kill(signal);
    const { code, stdout } = await end;
    expect(lastLine(stdout)).toBe(`ended by ${signal}`);
    expect(code).not.toBe(0);
  });
});

describe('an old Node', () => {
  it.each(['18.20.4', '20.18.3'])('%s is refused with what to install', async (version) => {
    const script = `import(${JSON.stringify(url('node-version.mjs'))}).then((m) => m.checkNodeVersion('${version}'))`;
    const { code, stderr } = await checkout.run(process.execPath, ['-e', script]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/weaver needs 20\.19 or newer\.\n +Install a current Node\.js/);
  });

  it.each(['20.19.0', '22.1.0', process.versions.node])('%s is not', async (version) => {
    const script = `import(${JSON.stringify(url('node-version.mjs'))}).then((m) => m.checkNodeVersion('${version}'))`;
    expect(await checkout.run(process.execPath, ['-e', script])).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

const bundleFile = (): string => path.join(checkout.folder, 'dist/workflow-bundle.js');

const url = (script: string, root = ROOT): string => pathToFileURL(path.join(root, 'scripts', script)).href;

async function bundleReport(of = checkout): Promise<{ faults: readonly string[]; bytes: number }> {
  const script = `import(${JSON.stringify(url('bundle-check.mjs'))}).then((m) => console.log(JSON.stringify(m.bundleReport(process.cwd()))))`;
  const { stdout } = await of.run(process.execPath, ['-e', script]);
  return JSON.parse(stdout) as { faults: readonly string[]; bytes: number };
}

const npm = (args: readonly string[]) => checkout.run('npm', args, npmEnvironment());

const npmEnvironment = (): Record<string, string> => ({ ...checkout.environment(), PATH: process.env['PATH'] ?? '' });
