/** Signatures by real keys, made here, and looked at by git itself. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runGit, type GitCall } from '../../../src/adapters/git/run-git.js';
import { PortFault, type Git, type SigningSettings } from '../../../src/ports.js';
import { gitIn, makeCommit, mirrorOf, newAdapter, newFolder, newRemote, removeFolders } from './repositories.js';
import { newSshKey, verifySigned } from './signing-keys.js';

afterEach(removeFolders);

const branch = 'weaver/x';

/** An adapter that signs, and the programs that it has started beside git. */
async function ready(signing: SigningSettings, objectFormat = 'sha1') {
  const remote = newRemote(undefined, 'main', objectFormat);
  const programs: string[] = [];
  const run = (call: GitCall) => {
    if (call.program !== undefined) programs.push(call.program);
    return runGit(call);
  };
  const bench = newAdapter({ signing, run });
  const made = await makeCommit(bench.git, remote.url, branch);
  const folder = join(bench.home, 'tasks', 'one');
  const sign = (git: Git = bench.git, commit = made.commit): Promise<string> =>
    git.sign({ url: remote.url, commit, folder });
  return { ...bench, ...made, remote, url: remote.url, programs, folder, sign };
}

const faultOf = async (signing: Promise<unknown>): Promise<PortFault> => {
  const thrown: unknown = await signing.catch((fault: unknown) => fault);
  if (!(thrown instanceof PortFault)) throw new Error(`no fault: ${JSON.stringify(thrown)}`);
  return thrown;
};

describe('a commit signed with a key of ssh', () => {
  it.each(['sha1', 'sha256'])('is the same commit to git, with a signature that it verifies (%s)', async (format) => {
    const key = newSshKey();
    const { sign, remote, commit, git, url, home } = await ready(key.settings, format);
    const signed = await sign();
    expect(signed).not.toBe(commit);
    await git.push({ url, commit: signed, branch, expected: null });
    expect(remote.git('rev-parse', branch)).toBe(signed);
    expect(verifySigned(url, signed, key)).toMatch(/Good "git" signature for weaver@localhost/);
    const fields = '--format=%T %P %an <%ae> %at %cn <%ce> %ct %B';
    expect(remote.git('log', '-1', fields, signed)).toBe(gitIn(mirrorOf(home), 'log', '-1', fields, commit));
    expect(remote.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  it('is signed once, whoever asks again: a worker that remembers nothing, on a mirror made anew', async () => {
    const { sign, again, home, programs, url, git } = await ready(newSshKey().settings);
    const first = await sign();
    rmSync(mirrorOf(home), { recursive: true });
    const other = again();
    const { commit } = await makeCommit(other, url, branch);
    expect(await sign(other, commit)).toBe(first);
    expect(programs).toEqual(['ssh-keygen']);
    expect(await git.push({ url, commit: first, branch, expected: null })).toEqual({ kind: 'pushed' });
    expect(await other.push({ url, commit: await sign(other, commit), branch, expected: null })).toEqual({
      kind: 'already',
    });
  });

  it('is one commit when several workers sign it at once', async () => {
    const { sign, again } = await ready(newSshKey().settings);
    const ids = await Promise.all([again(), again(), again(), again()].map((git) => sign(git)));
    expect(new Set(ids).size).toBe(1);
  });

  it('is not taken from a file that somebody else has put there', async () => {
    const key = newSshKey();
    const { sign, folder, commit, url, git } = await ready(key.settings);
    await sign();
    const file = join(folder, `signed-${commit}`);
    chmodSync(file, 0o600);
    writeFileSync(file, readFileSync(file, 'latin1').replace('Add instead', 'Sub instead'));
    const signed = await sign();
    await git.push({ url, commit: signed, branch, expected: null });
    expect(verifySigned(url, signed, key)).toContain('Good "git" signature');
    expect(readdirSync(folder)).toEqual([`signed-${commit}`]);
  });
});

describe('a passphrase', () => {
  const PASSPHRASE = 'correct horse $(touch /tmp/no) "battery"';

  it('is taken from the variable, and stands in no file and in no argument', async () => {
    const key = newSshKey(PASSPHRASE);
    const { sign, git, url, home } = await ready({ ...key.settings, passphrase: () => PASSPHRASE });
    const signed = await sign();
    await git.push({ url, commit: signed, branch, expected: null });
    expect(verifySigned(url, signed, key)).toContain('Good "git" signature');
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).map((name) => join(home, name));
    const texts = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file, 'latin1'));
    expect(texts.filter((text) => text.includes('battery'))).toEqual([]);
  });

  it.each([
    ['is missing', undefined, null, 'commit.sign.passphraseEnv names no variable with it'],
    ['is not set', undefined, 'SIGN_PASS', 'the variable SIGN_PASS is not set'],
    ['is another one', 'not the horse', 'SIGN_PASS', 'the passphrase in SIGN_PASS is not its own'],
  ])('that %s is a fault that says so, and shows none', async (_, given, variable, says) => {
    const key = newSshKey(PASSPHRASE);
    const { sign } = await ready({ ...key.settings, passphraseVariable: variable, passphrase: () => given });
    const fault = await faultOf(sign());
    expect({ code: fault.code, retryable: fault.retryable }).toEqual({ code: 'signingFailed', retryable: false });
    expect(fault.message).toContain(says);
    expect(fault.message).not.toContain('horse');
  });
});

describe('a key that cannot sign', () => {
  it('is named with what is wrong with it, also before there is a commit', async () => {
    const { settings } = newSshKey();
    const missing = await ready({ ...settings, key: '/nowhere/key' });
    expect(await faultOf(missing.git.ensureSigns())).toMatchObject({
      code: 'signingFailed',
      message: 'Key /nowhere/key: there is no such key on this host.',
    });
    chmodSync(settings.key, 0o644);
    const open = await ready(settings);
    expect((await faultOf(open.sign())).message).toContain('others may read the file of the key');
    const bench = newAdapter();
    expect((await faultOf(bench.git.ensureSigns())).message).toContain('names no key (commit.sign');
  });

  it('is said to be without its program where that is not there', async () => {
    const { settings } = newSshKey();
    const empty = newFolder('empty');
    const bench = newAdapter({ signing: settings, environment: { PATH: empty } });
    expect((await faultOf(bench.git.ensureSigns())).message).toContain('the program that signs is not on this host');
  });
});

describe('a commit signed with a key of OpenPGP', () => {
  it('verifies, with its passphrase on no command line', async () => {
    const gnupgHome = newFolder('gnupg');
    chmodSync(gnupgHome, 0o700);
    const env = { PATH: process.env['PATH'] ?? '', GNUPGHOME: gnupgHome, HOME: gnupgHome };
    const gpg = (...args: readonly string[]) => execFileSync('gpg', ['--batch', ...args], { env, stdio: 'pipe' });
    try {
      const words = ['--pinentry-mode', 'loopback', '--passphrase', 'secret words'];
      gpg(...words, '--quick-generate-key', 'weaver@localhost', 'ed25519', 'sign', 'never');
      const signing = { format: 'openpgp', key: 'weaver@localhost', passphraseVariable: 'P', gnupgHome } as const;
      const { sign, git, url } = await ready({ ...signing, passphrase: () => 'secret words' });
      const signed = await sign();
      await git.push({ url, commit: signed, branch, expected: null });
      execFileSync('git', ['verify-commit', signed], { cwd: url, env, stdio: 'pipe' });
      // What the agent still knows of the passphrase would sign for anybody.
      execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env });
      const wrong = await ready({ ...signing, passphrase: () => 'other words' });
      const fault = await faultOf(wrong.sign());
      expect(fault.message).toBe('Key weaver@localhost: the passphrase in P is not its own.');
      const none = await ready({ ...signing, key: 'nobody@localhost', passphrase: () => undefined });
      expect((await faultOf(none.sign())).message).toContain('there is no such key');
    } finally {
      execFileSync('gpgconf', ['--kill', 'all'], { env });
    }
  });
});
