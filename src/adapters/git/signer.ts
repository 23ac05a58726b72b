/**
 * Signatures of commits, by the programs that git itself uses: ssh-keygen for keys of ssh, gpg for keys of OpenPGP. A passphrase
 * comes from the environment and goes to the program alone: never on a command line, never into a file.
 */
import { chmod, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { PortFault, type SigningSettings } from '../../ports.js';
import { writeWhole } from '../artifacts/durable-file.js';
import { unlessGone } from './error-code.js';
import { shown, type Redact } from './faults.js';
import type { GitCall, GitResult, RunGit } from './run-git.js';

export interface Signer {
  /** The signature of these bytes, armoured, with its last line end. Fault: signingFailed. */
  sign(bytes: Buffer, signal?: AbortSignal): Promise<string>;
}

interface SignerOptions {
  readonly settings: SigningSettings;
  readonly home: string;
  /** The worker's environment; only what finds keys and agents is taken from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly run: RunGit;
  readonly redact: Redact;
}

/** A key that a person has to touch is touched within this, or nobody is there. */
const SIGNING_MS_MAX = 60_000;
/** A signature of the longest keys has a few kilobytes. */
const SIGNATURE_BYTES_MAX = 64 * 1024;

export const createSigner = (options: SignerOptions): Signer => ({
  async sign(bytes, signal) {
    const call = options.settings.format === 'ssh' ? await sshCall(options, bytes) : gpgCall(options, bytes);
    const result = await options.run({
      ...call,
      directory: '/',
      timeoutMs: SIGNING_MS_MAX,
      bytesMax: SIGNATURE_BYTES_MAX,
      signal,
    });
    const signature = result.stdout.toString('latin1');
    if (result.exitCode !== 0 || !/^-----BEGIN (?:SSH|PGP) SIGNATURE-----\n/.test(signature))
      throw faultOf(options, result);
    return signature.endsWith('\n') ? signature : `${signature}\n`;
  },
});

type Call = Pick<GitCall, 'program' | 'args' | 'environment' | 'input'>;

const PASSPHRASE_VARIABLE = 'WEAVER_SIGNING_PASSPHRASE';

/** ssh-keygen asks a program for the passphrase; ours says what stands in its environment. */
async function sshCall({ settings, home, environment }: SignerOptions, bytes: Buffer): Promise<Call> {
  const passphrase = settings.passphrase();
  const base = programEnvironment(environment);
  const call = { program: 'ssh-keygen', args: ['-Y', 'sign', '-n', 'git', '-f', settings.key], input: bytes } as const;
  if (passphrase === undefined) return { ...call, environment: { ...base, SSH_ASKPASS_REQUIRE: 'never' } };
  const program = await sayingProgram(home);
  const asking = { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: 'force', [PASSPHRASE_VARIABLE]: passphrase };
  return { ...call, environment: { ...base, ...asking } };
}

/** Written once: a file that is being exchanged cannot be started. */
async function sayingProgram(home: string): Promise<string> {
  const program = join(home, 'say-passphrase.sh');
  const about = await lstat(program).catch(unlessGone);
  if (about !== undefined && (about.mode & 0o100) !== 0) return program;
  await writeWhole(program, `#!/bin/sh\nprintf '%s\\n' "$${PASSPHRASE_VARIABLE}"\n`, { durable: false });
  await chmod(program, 0o700);
  return program;
}

/** gpg takes the first line of its input for the passphrase, and signs what comes after it. */
function gpgCall({ settings, environment }: SignerOptions, bytes: Buffer): Call {
  const passphrase = settings.passphrase();
  const asking = passphrase === undefined ? [] : ['--pinentry-mode', 'loopback', '--passphrase-fd', '0'];
  const base = programEnvironment(environment);
  return {
    program: 'gpg',
    args: ['--batch', '--no-tty', '--quiet', ...asking, '--detach-sign', '--armor', '--local-user', settings.key],
    environment: { ...base, ...(settings.gnupgHome === null ? {} : { GNUPGHOME: settings.gnupgHome }) },
    input: passphrase === undefined ? bytes : Buffer.concat([Buffer.from(`${passphrase}\n`), bytes]),
  };
}

function programEnvironment(inherited: SignerOptions['environment']): Readonly<Record<string, string>> {
  const { HOME, SSH_AUTH_SOCK } = inherited;
  return {
    PATH: inherited['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    ...(HOME === undefined ? {} : { HOME }),
    ...(SSH_AUTH_SOCK === undefined ? {} : { SSH_AUTH_SOCK }),
  };
}

/** What a person can mend, in words; the programs' own words where none of them is known. */
const CAUSES: readonly (readonly [words: RegExp, says: string])[] = [
  [/ENOENT/, 'the program that signs is not on this host (ssh-keygen of OpenSSH, gpg of GnuPG)'],
  [/unprotected private key|bad permissions/i, 'others may read the file of the key: chmod 600'],
  [/incorrect passphrase|bad passphrase|no passphrase given|inappropriate ioctl|no pinentry/i, 'PASSPHRASE'],
  [/no such file|couldn't load|no secret key|unusable secret key/i, 'there is no such key on this host'],
  [
    /no private key|agent refused|agent contains no identities|communication with agent/i,
    'the agent does not sign with it',
  ],
];

function faultOf({ settings, redact }: SignerOptions, { stderr, exitCode, timedOut }: GitResult): PortFault {
  const cause = CAUSES.find(([words]) => words.test(stderr))?.[1];
  const why = timedOut
    ? `nothing came within ${SIGNING_MS_MAX / 1_000} seconds`
    : cause === 'PASSPHRASE'
      ? passphraseWords(settings)
      : (cause ?? `${shown(stderr, redact)} (exit ${exitCode ?? 'none'})`);
  // An agent that is started again, or a person who has not touched the key yet: it may sign the next time.
  const mayHeal = timedOut || /communication with agent|agent refused/i.test(stderr);
  const says = `Key ${shown(settings.key, redact)}: ${why}.`;
  return mayHeal ? new PortFault('infrastructure', says, true) : new PortFault('signingFailed', says, false);
}

function passphraseWords({ passphraseVariable, passphrase }: SigningSettings): string {
  if (passphraseVariable === null)
    return 'it has a passphrase, and commit.sign.passphraseEnv names no variable with it';
  return passphrase() === undefined
    ? `it has a passphrase, and the variable ${passphraseVariable} is not set`
    : `the passphrase in ${passphraseVariable} is not its own`;
}
