import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createArtifactStore } from '../../../src/adapters/artifacts/artifact-store';
import { createRedactor } from '../../../src/adapters/redact';
import type { ArtifactKind } from '../../../src/domain/outcome';
import type { ArtifactStore } from '../../../src/ports';
import { describeWhere } from '../../where';

const SECRET = 'not-a-real-secret-value';
const TOKEN = `ghp_${'Fake0'.repeat(8).slice(0, 36)}`;

interface Used {
  readonly home: string;
  readonly store: ArtifactStore;
  /** Another process's view of the same folder. */
  open(): ArtifactStore;
  fileOf(sha256: string): string;
}

function useStore(): Used {
  let home: string;
  let store: ArtifactStore;
  const open = (): ArtifactStore =>
    createArtifactStore({ home, redactor: createRedactor({ secrets: () => [SECRET] }) });
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'weaver-artifacts-'));
    store = open();
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  return {
    get home() {
      return home;
    },
    get store() {
      return store;
    },
    open,
    fileOf: (sha256) => join(home, 'artifacts', sha256.slice(0, 2), `${sha256}.gz`),
  };
}

describe('the artifact store', () => {
  const used = useStore();

  it('gives back what was put, by the hash of its content', async () => {
    const bytes = randomBytes(5_000);
    const ref = await used.store.put('test', bytes);
    expect(ref).toEqual({ kind: 'test', sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: 5_000 });
    expect((await used.open().get(ref)).equals(bytes)).toBe(true);
    expect(gunzipSync(readFileSync(used.fileOf(ref.sha256))).equals(bytes)).toBe(true);
  });

  it.each([0, 1, 40_000, 3_000_000])('keeps %i bytes', async (size) => {
    const ref = await used.store.put('log', Buffer.alloc(size, 'a'));
    expect(await used.store.get(ref)).toHaveLength(size);
    expect(ref.sizeBytes).toBe(size);
  });

  it('counts the bytes of text, not its characters', async () => {
    expect(await used.store.put('answer', 'grüße')).toMatchObject({ sizeBytes: 7 });
  });

  it('stores the same content once', async () => {
    const [first, second] = await Promise.all([
      used.store.put('log', 'the same'),
      used.store.put('answer', 'the same'),
    ]);
    const written = statSync(used.fileOf(first.sha256));
    const third = await used.open().put('log', 'the same');
    expect([second.sha256, third.sha256]).toEqual([first.sha256, first.sha256]);
    expect(statSync(used.fileOf(first.sha256)).ino).toBe(written.ino);
    expect(readdirSync(join(used.home, 'artifacts', first.sha256.slice(0, 2)))).toEqual([`${first.sha256}.gz`]);
  });

  it('lets only its user read', async () => {
    const { sha256 } = await used.store.put('log', 'private');
    const modes = [used.fileOf(sha256), join(used.fileOf(sha256), '..'), join(used.home, 'artifacts')].map(
      (path) => statSync(path).mode & 0o777,
    );
    expect(modes).toEqual([0o600, 0o700, 0o700]);
  });

  it.each<[ArtifactKind, string]>([
    ['log', '[redacted] and [redacted]'],
    ['diff', '[redacted] and [redacted]'],
    ['answer', `[redacted] and ${TOKEN}`],
    ['prompt', `[redacted] and ${TOKEN}`],
    ['spec', `[redacted] and ${TOKEN}`],
  ])('takes secrets out of %s before it is named', async (kind, expected) => {
    const ref = await used.store.put(kind, `${SECRET} and ${TOKEN}`);
    expect((await used.store.get(ref)).toString()).toBe(expected);
    expect(ref.sha256).toBe(createHash('sha256').update(expected).digest('hex'));
    expect(ref.sizeBytes).toBe(expected.length);
  });
});

describe('an artifact store whose files are not as it left them', () => {
  const used = useStore();

  it('stores again what was removed under it', async () => {
    const { sha256 } = await used.store.put('log', 'removed');
    rmSync(used.fileOf(sha256));
    await used.store.put('log', 'removed');
    expect(existsSync(used.fileOf(sha256))).toBe(true);
  });

  it('says so when something is not there, and takes no path for a name', async () => {
    await expect(used.store.get({ sha256: 'a'.repeat(64) })).rejects.toMatchObject({
      name: 'PortFault',
      code: 'infrastructure',
    });
    writeFileSync(join(used.home, 'other.gz'), gzipSync('other'));
    await expect(used.store.get({ sha256: '../other' })).rejects.toMatchObject({ code: 'infrastructure' });
  });

  it.each([
    ['other content', gzipSync('other content')],
    ['half a file', gzipSync(randomBytes(9_000)).subarray(0, 4_000)],
    ['no gzip', Buffer.from('no gzip at all')],
    ['a bomb', gzipSync(Buffer.alloc(80_000_000))],
  ])('never gives %s for the content asked for, and is mended by the next put', async (_, bytes) => {
    const ref = await used.store.put('log', 'the real content');
    writeFileSync(used.fileOf(ref.sha256), bytes);
    await expect(used.store.get(ref)).rejects.toMatchObject({ code: 'infrastructure', retryable: true });
    await used.store.put('log', 'the real content');
    expect((await used.store.get(ref)).toString()).toBe('the real content');
  });

  it('writes an empty file anew, as a power cut may leave it', async () => {
    const { sha256 } = await used.store.put('log', 'once');
    writeFileSync(used.fileOf(sha256), '');
    await used.open().put('log', 'once');
    expect((await used.store.get({ sha256 })).toString()).toBe('once');
  });

  it('removes drafts that a killed worker left, and only old ones', async () => {
    const sha256 = createHash('sha256').update('tidy').digest('hex');
    const folder = join(used.fileOf(sha256), '..');
    mkdirSync(folder, { recursive: true });
    const drafts = ['0', '1'].map((digit) => join(folder, `x.gz.${digit.repeat(16)}.draft`));
    for (const draft of drafts) writeFileSync(draft, 'half');
    utimesSync(drafts[0] ?? '', 1, 1);
    await used.store.put('log', 'tidy');
    expect(drafts.map((draft) => existsSync(draft))).toEqual([false, true]);
  });

  it('reports a folder that cannot be used as a fault', async () => {
    writeFileSync(join(used.home, 'artifacts'), 'a file in the way');
    await expect(used.store.put('log', 'x')).rejects.toMatchObject({
      name: 'PortFault',
      code: 'infrastructure',
      retryable: true,
    });
  });
});

/** A disk of one megabyte, without touching the host's. */
const SMALL_DISK = '--bind / / --dev /dev --proc /proc --unshare-user --size 1000000 --tmpfs /mnt'.split(' ');

const canHaveSmallDisk = ((): boolean => {
  try {
    execFileSync('bwrap', [...SMALL_DISK, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describeWhere(canHaveSmallDisk, 'bubblewrap: install it, and let it make namespaces')('a full disk', () => {
  it('is a fault that can be tried again, leaves no draft, and what was stored stays', () => {
    const source = resolve(__dirname, '../../../src');
    const program = [process.execPath, join(__dirname, 'fill-the-disk.cjs'), source, '/mnt'];
    const output = execFileSync('bwrap', [...SMALL_DISK, ...program], { encoding: 'utf8' });
    const full = { name: 'PortFault', code: 'diskFull', retryable: true };
    expect(JSON.parse(output)).toEqual({ faults: [full, full, full], drafts: [], read: 20_000, entries: [] });
  });
});
