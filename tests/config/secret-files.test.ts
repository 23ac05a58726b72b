import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedactor } from '../../src/adapters/redact';
import { loadConfig, type Config } from '../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-secret-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = 'sk-of-a-file-0123456789abcdef';

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const load = (env: Readonly<Record<string, string>>, yaml?: string) => {
  if (yaml !== undefined) file('weaver.config.yaml', yaml);
  return loadConfig({ env: { HOME: folder, ...env }, cwd: folder });
};

function config(env: Readonly<Record<string, string>>, yaml?: string): Config {
  const loaded = load(env, yaml);
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('\n'));
  return loaded.config;
}

function faults(env: Readonly<Record<string, string>>): readonly string[] {
  const loaded = load(env);
  return loaded.kind === 'ok' ? [] : loaded.faults.map((fault) => fault.replaceAll(`${folder}/`, ''));
}

describe('a secret in a file', () => {
  it('is the key of the provider, without the newline at its end', () => {
    const { keyOf, scripted, providers } = config({ OPENAI_API_KEY_FILE: file('key', `${SECRET}\n`) });
    expect([keyOf('OPENAI_API_KEY'), scripted, providers.map(({ name }) => name)]).toEqual([SECRET, false, ['openai']]);
  });

  it('may have a path from the folder of the command', () => {
    file('key', SECRET);
    expect(config({ OPENAI_API_KEY_FILE: 'key' }).keyOf('OPENAI_API_KEY')).toBe(SECRET);
  });

  it('is never shown', () => {
    const { secrets } = config({ OPENAI_API_KEY_FILE: file('key', `${SECRET}\r\n`) });
    expect(secrets()).toEqual([SECRET]);
    expect(createRedactor({ secrets }).redact(`Authorization: Bearer ${SECRET}`)).not.toContain(SECRET);
  });

  it('is read for every variable that the configuration names', () => {
    const { keyOf, gitTokenOf, secrets } = config(
      {
        MY_KEY_FILE: file('a', 'key-of-mine'),
        GITHUB_TOKEN_FILE: file('b', 'token-of-mine'),
        HOOK_FILE: file('c', 'hook-of-mine'),
      },
      [
        'providers:',
        '  mine: { baseUrl: "http://127.0.0.1:1/v1", model: m, keyVariable: MY_KEY }',
        'git: { tokenEnv: { github.com: GITHUB_TOKEN } }',
        'events: { webhook: { url: "http://127.0.0.1:1/", secretEnv: HOOK } }',
      ].join('\n'),
    );
    expect([keyOf('MY_KEY'), gitTokenOf('github.com'), keyOf('HOOK')]).toEqual([
      'key-of-mine',
      'token-of-mine',
      'hook-of-mine',
    ]);
    expect(secrets().toSorted()).toEqual(['hook-of-mine', 'key-of-mine', 'token-of-mine']);
  });

  it('is the key of Temporal', () => {
    const { temporal, secrets } = config({
      TEMPORAL_ADDRESS: '127.0.0.1:7233',
      TEMPORAL_API_KEY_FILE: file('key', `${SECRET}\n`),
    });
    expect([temporal.connection['apiKey'], secrets()]).toEqual([SECRET, [SECRET]]);
  });

  it('is in a place that no command may see, as are the other files that hold secrets', () => {
    file('key', SECRET);
    mkdirSync(join(folder, 'mount', '..2026'), { recursive: true });
    symlinkSync('..2026', join(folder, 'mount', '..data'));
    writeFileSync(join(folder, 'mount', '..2026', 'token'), SECRET);
    symlinkSync('..data/token', join(folder, 'mount', 'token'));
    const { secretPaths } = config(
      {
        OPENAI_API_KEY_FILE: 'key',
        WEAVER_GIT_TOKEN_FILE: join(folder, 'mount', 'token'),
        TEMPORAL_CONFIG_FILE: file('temporal.toml', '[profile.default]\nnamespace = "default"\n'),
      },
      'commit: { sign: { key: signing-key } }\n',
    );
    expect(secretPaths).toEqual(['key', 'mount', 'temporal.toml', 'signing-key'].map((name) => join(folder, name)));
  });

  it('reaches no child process, nor does its path', () => {
    expect(config({ WEAVER_GIT_TOKEN_FILE: file('key', SECRET) }).environment).toEqual({ HOME: folder });
  });
});

describe('a file that gives no secret is a fault that names its variable', () => {
  it.each<[string, string | Buffer, string]>([
    ['empty', '', 'OPENAI_API_KEY_FILE names key, which is empty'],
    ['blank', ' \n\n', 'OPENAI_API_KEY_FILE names key, which is empty'],
    ['of several lines', 'a\nb\n', 'OPENAI_API_KEY_FILE names key, which has more than one line'],
    [
      'too large',
      Buffer.alloc(65 * 1_024, 'a'),
      'OPENAI_API_KEY_FILE names key, which is larger than 64 KB: that is no secret',
    ],
  ])('%s', (_, content, says) => {
    expect(faults({ OPENAI_API_KEY_FILE: file('key', content) })).toEqual([says]);
  });

  it('missing', () => {
    expect(faults({ OPENAI_API_KEY_FILE: join(folder, 'none') })).toEqual([
      'OPENAI_API_KEY_FILE names none, which does not exist',
    ]);
  });

  it('a folder, or a pipe, which would be waited for', () => {
    mkdirSync(join(folder, 'folder'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const name of ['folder', 'pipe'])
      expect(faults({ OPENAI_API_KEY_FILE: join(folder, name) })).toEqual([
        `OPENAI_API_KEY_FILE names ${name}, which is no file`,
      ]);
  });

  it('unreadable', () => {
    const path = file('key', SECRET);
    chmodSync(path, 0o000);
    // Nothing is unreadable for root, whom permissions do not concern.
    const says = process.getuid?.() === 0 ? [] : ['OPENAI_API_KEY_FILE names key, which cannot be read (EACCES)'];
    expect(faults({ OPENAI_API_KEY_FILE: path })).toEqual(says);
  });

  it('beside the variable itself', () => {
    expect(faults({ WEAVER_GIT_TOKEN_FILE: file('key', SECRET), WEAVER_GIT_TOKEN: 'other' })).toEqual([
      'WEAVER_GIT_TOKEN_FILE stands beside WEAVER_GIT_TOKEN: set one of them',
    ]);
  });

  it('all of them at once, and none says what is in it', () => {
    const said = faults({
      OPENAI_API_KEY_FILE: file('a', `${SECRET}\n${SECRET}`),
      TEMPORAL_API_KEY_FILE: file('b', ''),
    });
    expect(said.length).toBe(2);
    expect(said.join('\n')).not.toContain(SECRET);
  });
});
