/** scripts/packages.mjs with the real npm and a registry on the loopback. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { Checkout } from './checkout';

let checkout: Checkout;
let registry: Registry;

beforeEach(async () => {
  checkout = Checkout.empty();
  registry = await Registry.start(checkout);
});
afterEach(() => {
  registry.stop();
  checkout.remove();
});

describe('packages', () => {
  it('are those of the lock file after the first call, and the second does nothing', async () => {
    registry.lock('1.0.0');
    const first = await setUp();
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toMatch(
      /^weaver: installing packages \(npm ci\).*\nweaver: packages installed in [\d.]+ s\n$/,
    );
    expect(installed()).toBe('1.0.0');
    registry.stop();
    expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('are installed anew when the lock file names others', async () => {
    registry.lock('1.0.0');
    await setUp();
    registry.lock('2.0.0');
    expect((await setUp()).code).toBe(0);
    expect(installed()).toBe('2.0.0');
  });

  it('are left alone when somebody ran npm ci by hand', async () => {
    registry.lock('1.0.0');
    await checkout.run('npm', ['ci', '--no-audit', '--no-fund'], npmEnvironment());
    registry.stop();
    expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('are installed anew when a killed npm left half of them', async () => {
    registry.lock('1.0.0');
    mkdirSync(path.join(checkout.folder, 'node_modules/tiny'), { recursive: true });
    writeFileSync(path.join(checkout.folder, 'node_modules/.package-lock.json'), '{"packages": {"node_modu');
    expect((await setUp()).code).toBe(0);
    expect(installed()).toBe('1.0.0');
  });

  it('are not installed through a link into a folder of others', async () => {
    registry.lock('1.0.0');
    const others = checkout.write('others/tiny/index.js', 'kept');
    symlinkSync(path.dirname(path.dirname(others)), path.join(checkout.folder, 'node_modules'));
    const { code, stderr } = await setUp();
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/node_modules is a link to .*others, .*\n.*Remove the link/);
    expect(readFileSync(others, 'utf8')).toBe('kept');
  });

  it('are installed once when two set-ups start at once', async () => {
    registry.lock('1.0.0');
    const both = await Promise.all([setUp(), setUp()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.filter(({ stderr }) => stderr.includes('installing packages'))).toHaveLength(1);
    expect(existsSync(path.join(checkout.folder, '.tmp/packages.lock'))).toBe(false);
  });

  it('are installed by the next set-up when one was killed while it held the lock', async () => {
    registry.lock('1.0.0');
    checkout.write('.tmp/packages.lock', '999999999 - 0123456789abcdef');
    expect((await setUp()).code).toBe(0);
    expect(installed()).toBe('1.0.0');
  });
});

describe('a machine without', () => {
  it('a way to the registry is told so, and what to do', async () => {
    registry.lock('1.0.0');
    registry.stop();
    const { code, stderr } = await setUp();
    expect(code).toBe(3);
    expect(stderr).toMatch(/the npm registry cannot be reached/);
    expect(stderr).toMatch(/Connect this machine, or point npm to a registry it can reach/);
    expect(existsSync(path.join(checkout.folder, 'node_modules/.weaver-lock-sha256'))).toBe(false);
  });

  it('npm is told so, and what to install', async () => {
    registry.lock('1.0.0');
    const { code, stderr } = await checkout.node('packages.mjs', [], { PATH: checkout.bin, HOME: checkout.home });
    expect(code).toBe(3);
    expect(stderr).toMatch(/npm is not installed\.\n +Install Node\.js 20\.19 or newer with npm/);
  });
});

const setUp = () => checkout.node('packages.mjs', [], npmEnvironment());

const installed = (): string =>
  (
    JSON.parse(readFileSync(path.join(checkout.folder, 'node_modules/tiny/package.json'), 'utf8')) as {
      version: string;
    }
  ).version;

/** The npm of the machine, wherever it is; without its user's settings, and without tries that take a minute. */
const npmEnvironment = (): Record<string, string> => ({
  ...checkout.environment(),
  PATH: process.env['PATH'] ?? '',
  npm_config_fetch_retries: '0',
  npm_config_registry: registry.url,
  npm_config_userconfig: path.join(checkout.home, '.npmrc'),
  no_proxy: '127.0.0.1',
});

/** Serves `tiny` in any version. */
class Registry {
  private constructor(
    readonly url: string,
    private readonly server: Server,
    private readonly target: Checkout,
    private readonly tarballs: Map<string, Buffer>,
  ) {}

  static async start(target: Checkout): Promise<Registry> {
    const tarballs = new Map<string, Buffer>();
    const server = createServer((request, response) => {
      const tarball = tarballs.get(request.url ?? '');
      response.writeHead(tarball === undefined ? 404 : 200).end(tarball);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return new Registry(`http://127.0.0.1:${port}/`, server, target, tarballs);
  }

  /** Writes package.json and a lock file that want this version. */
  lock(version: string): void {
    const tarball = this.pack(version);
    const name = `tiny/-/tiny-${version}.tgz`;
    this.tarballs.set(`/${name}`, tarball);
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const root = { name: 'checkout', version: '1.0.0', dependencies: { tiny: version } };
    this.target.write('package.json', JSON.stringify(root));
    const packages = { '': root, 'node_modules/tiny': { version, resolved: `${this.url}${name}`, integrity } };
    this.target.write('package-lock.json', JSON.stringify({ ...root, lockfileVersion: 3, requires: true, packages }));
  }

  private pack(version: string): Buffer {
    this.target.write('tarball/package/package.json', JSON.stringify({ name: 'tiny', version }));
    const tarball = execFileSync('tar', ['-czf', '-', '-C', path.join(this.target.folder, 'tarball'), 'package']);
    rmSync(path.join(this.target.folder, 'tarball'), { recursive: true });
    return tarball;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
