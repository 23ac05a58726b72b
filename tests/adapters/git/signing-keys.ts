/** Keys to sign with, made for a test, and git's own word about what they have signed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SigningSettings } from '../../../src/ports.js';
import { newFolder } from './repositories.js';

export interface SshKey {
  readonly settings: SigningSettings;
  /** For `gpg.ssh.allowedSignersFile`. */
  readonly allowedSigners: string;
}

/** A new key of ssh; `removeFolders` removes it. */
export function newSshKey(passphrase = '', folder = newFolder('key')): SshKey {
  const key = join(folder, 'id');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', 'weaver', '-f', key]);
  const allowedSigners = join(folder, 'allowed-signers');
  writeFileSync(allowedSigners, `weaver@localhost ${readFileSync(`${key}.pub`, 'utf8')}`);
  const passphraseVariable = passphrase === '' ? null : 'SIGN_PASS';
  return {
    settings: { format: 'ssh', key, passphraseVariable, passphrase: () => undefined, gnupgHome: null },
    allowedSigners,
  };
}

/** What `git verify-commit` says; throws if it does not verify. */
export function verifySigned(repository: string, commit: string, { allowedSigners }: SshKey): string {
  const { status, stderr } = spawnSync(
    'git',
    ['-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${allowedSigners}`, 'verify-commit', commit],
    {
      cwd: repository,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C' },
    },
  );
  if (status !== 0) throw new Error(`${commit} does not verify: ${stderr}`);
  return stderr;
}
