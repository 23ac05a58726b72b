import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import {
  currentConfig,
  loadConfig,
  providerOf,
  withScriptedEndpoint,
  type Config,
  type Loaded,
} from '../../src/config';
import { DEFAULT_PROTECT } from '../../src/config/default-protect';
import { PortFault } from '../../src/ports';

type Env = Readonly<Record<string, string | undefined>>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The variables with a home that has no profiles of its own, and the file if one is given. */
function load(env: Env = {}, file?: string): Loaded {
  if (file !== undefined) writeFileSync(join(folder, 'weaver.config.yaml'), file);
  return loadConfig({ env: { HOME: folder, ...env }, cwd: folder });
}

function config(env?: Env, file?: string): Config {
  const loaded = load(env, file);
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('\n'));
  return loaded.config;
}

const faults = (env?: Env, file?: string): readonly string[] => {
  const loaded = load(env, file);
  return loaded.kind === 'ok' ? [] : loaded.faults.map((fault) => fault.replaceAll(`${folder}/`, ''));
};

function toml(text: string): Env {
  writeFileSync(join(folder, 'temporal.toml'), text);
  return { TEMPORAL_CONFIG_FILE: join(folder, 'temporal.toml') };
}

const warnings = (env?: Env, file?: string): readonly string[] => {
  const loaded = load(env, file);
  return loaded.kind === 'ok' ? loaded.warnings : [];
};

const USUAL = {
  level: 'tools',
  concurrency: 4,
  callTimeoutSeconds: 120,
  idleTimeoutSeconds: 30,
  maxOutputTokens: 16_384,
};

const OPENAI = {
  ...USUAL,
  name: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  keyVariable: 'OPENAI_API_KEY',
  model: 'gpt-5-mini',
};

describe('without a file and without variables', () => {
  it('there is a default for everything, and weaver must answer itself', () => {
    const { keyOf, gitTokenOf, secrets, forgeOf, ...rest } = config();
    expect(rest).toEqual({
      home: join(folder, '.local/state/weaver'),
      file: null,
      taskQueue: 'weaver',
      otherHomes: 'refuse',
      agents: [],
      uiUrl: null,
      temporal: { configured: false, namespace: 'default', connection: {} },
      providers: [],
      defaultModels: [],
      scripted: true,
      limits: {},
      protect: DEFAULT_PROTECT,
      mapTokens: 1_024,
      author: 'weaver <weaver@localhost>',
      commit: {},
      sandbox: 'auto',
      concurrency: { workflows: 40, activities: 64, checks: expect.any(Number) },
      disk: { freeBytesMin: null, groundsMax: 50 },
      logLevel: 'info',
      telemetry: { listen: null },
      events: { webhook: null, file: null, keepDays: 30 },
      recordings: null,
      secretPaths: [],
      environment: { HOME: folder },
      requester: `${userInfo().username}@${hostname()}`,
    });
    expect([keyOf('OPENAI_API_KEY'), gitTokenOf('example.com'), secrets()]).toEqual([undefined, undefined, []]);
    expect([forgeOf('example.com'), forgeOf('github.com')?.kind]).toEqual([undefined, 'github']);
  });

  it('its own endpoint becomes the default model', () => {
    const scripted = withScriptedEndpoint(config(), 'http://127.0.0.1:8080/v1/');
    expect([scripted.defaultModels, providerOf(scripted, { provider: 'scripted' })]).toEqual([
      [{ provider: 'scripted' }],
      {
        name: 'scripted',
        baseUrl: 'http://127.0.0.1:8080/v1',
        keyVariable: 'WEAVER_SCRIPTED_KEY',
        model: 'scripted-1',
        level: 'tools',
        price: { promptUsdMicros: 0, cachedUsdMicros: 0, completionUsdMicros: 0, date: '2026-11-21' },
        concurrency: 16,
        callTimeoutSeconds: 30,
        idleTimeoutSeconds: 10,
        maxOutputTokens: 16_384,
      },
    ]);
  });
});

describe('the usual variables', () => {
  it.each<[string, Env, object]>([
    ['a key asks OpenAI', { OPENAI_API_KEY: 'k' }, {}],
    ['a key and a model', { OPENAI_API_KEY: 'k', WEAVER_MODEL: 'm' }, { model: 'm' }],
    [
      'an address without a key is a local server',
      { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', WEAVER_MODEL: 'm' },
      { baseUrl: 'http://127.0.0.1:9/v1', model: 'm' },
    ],
    [
      'slashes at the end of an address are dropped',
      { OPENAI_BASE_URL: ' https://h/v1// ' },
      { baseUrl: 'https://h/v1' },
    ],
  ])('make a provider: %s', (_what, env, differs) => {
    const { providers, defaultModels, scripted } = config(env);
    expect({ providers, defaultModels, scripted }).toEqual({
      providers: [{ ...OPENAI, ...differs }],
      defaultModels: [{ provider: 'openai' }],
      scripted: false,
    });
  });

  it('that are set to nothing are not set', () => {
    expect(config({ OPENAI_API_KEY: '', OPENAI_BASE_URL: ' ', WEAVER_HOME: '', TEMPORAL_ADDRESS: '' })).toMatchObject({
      scripted: true,
      home: join(folder, '.local/state/weaver'),
      temporal: { configured: false },
    });
  });

  it.each<[Env, string[]]>([
    [{ OPENAI_API_KEY: 'k' }, ['No model is named (WEAVER_MODEL): gpt-5-mini is asked.']],
    [{ OPENAI_API_KEY: 'k', WEAVER_MODEL: 'm' }, []],
    [
      { WEAVER_MODEL: 'm' },
      [
        'WEAVER_MODEL is not used: there is no provider to ask (OPENAI_API_KEY, OPENAI_BASE_URL or weaver.config.yaml).',
      ],
    ],
    [
      { OPENAI_API_KEY: 'k', WEAVER_MODEL: 'm', OPENAI_BASE_URL: 'http://example.com' },
      ['Provider openai is asked over http: its key travels unencrypted.'],
    ],
    [{ OPENAI_API_KEY: 'k', WEAVER_MODEL: 'm', OPENAI_BASE_URL: 'http://localhost:1' }, []],
  ])('%j are warned about: %j', (env, expected) => {
    expect(warnings(env)).toEqual(expected);
  });

  it.each([
    ['ftp://h', 'OPENAI_BASE_URL must start with https:// or http://'],
    ['h/v1', 'OPENAI_BASE_URL must be an address such as https://host/v1'],
    ['https://u:hunter2@h', 'OPENAI_BASE_URL has a user name or password in it: use keyVariable'],
    ['https://h/v1?key=hunter2', 'OPENAI_BASE_URL must end with its path: no "?" and no "#"'],
  ])('with the wrong address %s are a fault that does not repeat it', (url, says) => {
    expect(faults({ OPENAI_BASE_URL: url })).toEqual([says]);
  });
});

describe('providers of the file', () => {
  const FILE = `
providers:
  openai:
    model: gpt-x
    price: { promptUsdPerMillion: 0.25, completionUsdPerMillion: 2, date: 2026-11-01 }
  local:
    baseUrl: http://127.0.0.1:8080/v1/
    model: m1
    keyVariable: LOCAL_KEY
    level: text
    concurrency: 1
    price: { promptUsdPerMillion: 1.1, cachedUsdPerMillion: 0, completionUsdPerMillion: 0.0000001, date: 2026-11-01 }
`;
  const PRICE = {
    promptUsdMicros: 250_000,
    cachedUsdMicros: 250_000,
    completionUsdMicros: 2_000_000,
    date: '2026-11-01',
  };
  const LOCAL = {
    ...USUAL,
    name: 'local',
    baseUrl: 'http://127.0.0.1:8080/v1',
    keyVariable: 'LOCAL_KEY',
    model: 'm1',
    level: 'text',
    concurrency: 1,
    price: { promptUsdMicros: 1_100_000, cachedUsdMicros: 0, completionUsdMicros: 1, date: '2026-11-01' },
  };

  it('have defaults, and prices in whole micro-dollars', () => {
    expect(config({}, FILE).providers).toEqual([LOCAL, { ...OPENAI, model: 'gpt-x', price: PRICE }]);
  });

  it('are overridden by the variables; the price of another model or address is not known', () => {
    const env = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'https://h/v1', WEAVER_MODEL: 'm' };
    expect(config(env, FILE).providers).toEqual([LOCAL, { ...OPENAI, baseUrl: 'https://h/v1', model: 'm' }]);
    expect(config({ WEAVER_MODEL: 'gpt-x' }, FILE).providers).toEqual([
      LOCAL,
      { ...OPENAI, model: 'gpt-x', price: PRICE },
    ]);
  });

  it.each<[string, Env, string, RegExp | null]>([
    [
      'another address',
      { OPENAI_BASE_URL: 'https://h/v1' },
      FILE,
      /the price of openai is for gpt-x at https:\/\/api\.openai\.com\/v1\. It is not used for gpt-x at https:\/\/h\/v1:/,
    ],
    ['another model', { WEAVER_MODEL: 'm' }, FILE, /is for gpt-x at .* It is not used for m at https:\/\/api/],
    [
      'prices of other models, at another address',
      { OPENAI_BASE_URL: 'https://h/v1' },
      FILE.replace(
        '    price:',
        '    models: { big: { price: { promptUsdPerMillion: 1, completionUsdPerMillion: 1, date: 2026-11-01 } } }\n    price:',
      ),
      /is for gpt-x, big at /,
    ],
    [
      'no model in the file',
      { WEAVER_MODEL: 'm' },
      FILE.replace('    model: gpt-x\n', ''),
      /for a model that it does not name/,
    ],
    ['the same model', { WEAVER_MODEL: 'gpt-x' }, FILE, null],
    ['the address that it has by itself', { OPENAI_BASE_URL: 'https://api.openai.com/v1/' }, FILE, null],
  ])('say so where a price is not used: %s', (_what, env, file, says) => {
    const found = warnings({ OPENAI_API_KEY: 'k', ...env }, file);
    expect(found.map((text) => says?.test(text) ?? text)).toEqual(says === null ? [] : [true]);
  });

  const ONE = FILE.replace(/ {2}openai:[\s\S]*?(?= {2}local:)/, '');

  it.each<[string, Env, string, object[]]>([
    ['the one there is', {}, ONE, [{ provider: 'local' }]],
    ['the first of several', {}, FILE.replace('openai:', 'other:\n    baseUrl: https://h'), [{ provider: 'other' }]],
    ['openai, if its variables are set', { OPENAI_API_KEY: 'k' }, FILE, [{ provider: 'openai' }]],
    ['openai, if its address is set', { OPENAI_BASE_URL: 'https://h' }, ONE, [{ provider: 'openai' }]],
    [
      'that of the file, whatever is set',
      { OPENAI_API_KEY: 'k' },
      `${FILE}defaultProvider: local\n`,
      [{ provider: 'local' }],
    ],
    [
      'a ladder',
      {},
      `${FILE}models: [local, { provider: openai, model: big }]\n`,
      [{ provider: 'local' }, { provider: 'openai', model: 'big' }],
    ],
    ['with the model of WEAVER_MODEL', { WEAVER_MODEL: 'm2' }, ONE, [{ provider: 'local', model: 'm2' }]],
  ])('the default is %s', (_what, env, file, expected) => {
    expect(config(env, file).defaultModels).toEqual(expected);
  });

  it('keep their keys to themselves: a key alone makes no provider at another address', () => {
    expect(
      config({ OPENAI_API_KEY: 'k' }, ONE.replace('LOCAL_KEY', 'OPENAI_API_KEY')).providers.map(({ name }) => name),
    ).toEqual(['local']);
  });

  it('are found by name; another model of theirs has no price', () => {
    const loaded = config({}, FILE);
    const { price: _price, ...unpriced } = LOCAL;
    expect(providerOf(loaded, { provider: 'local' })).toEqual(LOCAL);
    expect(providerOf(loaded, { provider: 'local', model: 'm1' })).toEqual(LOCAL);
    expect(providerOf(loaded, { provider: 'local', model: 'm2' })).toEqual({ ...unpriced, model: 'm2' });
    expect(() => providerOf(loaded, { provider: 'other' })).toThrow(
      new PortFault('unknownProvider', 'There is no provider "other"; there are: local, openai.', false),
    );
  });
});

describe('the file', () => {
  it('LS-76 may be the commented example as it stands', () => {
    copyFileSync(resolve(__dirname, '../../weaver.config.example.yaml'), join(folder, 'weaver.config.yaml'));
    expect(load({ WEAVER_MODEL: 'gpt-5-mini' })).toMatchObject({
      kind: 'ok',
      config: {
        file: join(folder, 'weaver.config.yaml'),
        providers: [{ name: 'local', baseUrl: 'http://127.0.0.1:8080/v1' }, OPENAI],
        defaultModels: [{ provider: 'openai' }],
        scripted: false,
        limits: { attempts: 5, wallTimeSeconds: 1_800, outageSeconds: 43_200 },
        protect: [...DEFAULT_PROTECT, { glob: 'LICENSE*', policy: 'deny' }],
        concurrency: { workflows: 40, activities: 64 },
      },
      warnings: [],
    });
  });

  it('is that of the option, else of WEAVER_CONFIG, else the one in the folder', () => {
    mkdirSync(join(folder, 'sub'));
    for (const name of ['sub/a.yaml', 'sub/b.yaml', 'weaver.config.yaml']) writeFileSync(join(folder, name), '');
    const env = { HOME: folder, WEAVER_CONFIG: 'sub/b.yaml' };
    const files = [
      loadConfig({ env, cwd: folder, file: 'sub/a.yaml' }),
      loadConfig({ env, cwd: folder }),
      loadConfig({ env: { HOME: folder }, cwd: folder }),
      loadConfig({ env: { HOME: folder }, cwd: join(folder, 'sub') }),
    ].map((loaded) => (loaded.kind === 'ok' ? loaded.config.file : loaded.faults));
    expect(files).toEqual([
      join(folder, 'sub/a.yaml'),
      join(folder, 'sub/b.yaml'),
      join(folder, 'weaver.config.yaml'),
      null,
    ]);
  });

  it('must be there and readable if it is named', () => {
    mkdirSync(join(folder, 'weaver.config.yaml'));
    expect(faults({ WEAVER_CONFIG: 'gone.yaml' })).toEqual(['gone.yaml: there is no such file']);
    expect(faults()).toEqual(['weaver.config.yaml: cannot be read (EISDIR)']);
  });
});

describe('how commits are made', () => {
  it('is plain where the file says nothing of it', () => {
    expect(config({ WEAVER_MODEL: 'm' }).commit).toEqual({});
  });

  it('is by a key and by hooks that the file names', () => {
    const file = [
      'commit:',
      '  sign: { key: ~/.ssh/weaver, passphraseEnv: SIGN_PASS }',
      '  hooks: { path: tools/hooks }',
    ].join('\n');
    const env = { WEAVER_MODEL: 'm', SIGN_PASS: 'correct-horse-battery' };
    const { commit, secrets } = config(env, file);
    expect(commit).toMatchObject({
      signing: { format: 'ssh', key: join(folder, '.ssh/weaver'), passphraseVariable: 'SIGN_PASS', gnupgHome: null },
      hooks: { path: 'tools/hooks', timeoutSeconds: 120 },
    });
    expect(commit.signing?.passphrase()).toBe('correct-horse-battery');
    expect(secrets()).toContain('correct-horse-battery');
    const relative = config({ WEAVER_MODEL: 'm' }, 'commit: { sign: { key: keys/weaver }, hooks: run }').commit;
    expect([relative.signing?.key, relative.hooks]).toEqual([join(folder, 'keys/weaver'), { timeoutSeconds: 120 }]);
    const gpg = 'commit: { sign: { format: openpgp, key: weaver@localhost }, hooks: skip }';
    expect(config({ WEAVER_MODEL: 'm', GNUPGHOME: '/keys' }, gpg).commit).toMatchObject({
      signing: { key: 'weaver@localhost', gnupgHome: '/keys' },
    });
  });

  it('with faults names their fields, and no passphrase', () => {
    const file = 'commit: { sign: { format: x509, passphraseEnv: correct-horse }, hooks: always, signs: true }';
    const found = faults({ WEAVER_MODEL: 'm' }, file);
    expect(found).toEqual([
      expect.stringContaining('commit.sign.format must be one of ssh, openpgp'),
      expect.stringContaining('commit.sign.key is missing'),
      expect.stringContaining('commit.sign.passphraseEnv must be the name of an environment variable'),
      expect.stringContaining('commit.hooks must be run, skip, or a map of path and timeoutSeconds'),
      expect.stringContaining('commit.signs is no field: did you mean sign?'),
    ]);
    expect(found.join()).not.toContain('horse');
  });
});

describe('forges', () => {
  it('are known by host, with the usual address of the API and a variable of their own', () => {
    const file = [
      'forges:',
      '  Git.example.org: { kind: gitea, tokenEnv: OUR_TOKEN }',
      '  ghe.example.org: { kind: github, tokenEnv: GHE_TOKEN }',
      '  "127.0.0.1:3000": { kind: gitea, apiUrl: "http://127.0.0.1:3000/below/api/v1/", tokenEnv: OUR_TOKEN }',
    ].join('\n');
    const { forgeOf, secrets } = config({ WEAVER_MODEL: 'm', OUR_TOKEN: 'token-of-ours' }, file);
    const found = ['github.com', 'git.example.org', 'ghe.example.org', '127.0.0.1:3000', 'evil.example.org'].map(
      forgeOf,
    );
    expect(found).toEqual([
      { kind: 'github', apiUrl: 'https://api.github.com', tokenVariable: 'GITHUB_TOKEN' },
      { kind: 'gitea', apiUrl: 'https://git.example.org/api/v1', tokenVariable: 'OUR_TOKEN' },
      { kind: 'github', apiUrl: 'https://ghe.example.org/api/v3', tokenVariable: 'GHE_TOKEN' },
      { kind: 'gitea', apiUrl: 'http://127.0.0.1:3000/below/api/v1', tokenVariable: 'OUR_TOKEN' },
      undefined,
    ]);
    expect(secrets()).toContain('token-of-ours');
  });

  it('with faults name their fields', () => {
    expect(faults({}, 'forges: { a.org: { kind: gitlab, tokenEnv: ghp_hunter2, token: x } }')).toEqual([
      expect.stringContaining('forges.a.org.kind must be one of github, gitea'),
      expect.stringContaining('forges.a.org.tokenEnv must be the name of an environment variable'),
      expect.stringContaining('forges.a.org.token is no field'),
    ]);
  });
});

describe('a file with faults', () => {
  it('LC-41 gives every fault at once, with lines, beside those of the variables', () => {
    const file = [
      'provider: {}',
      'providers:',
      '  a:',
      '    baseUrl: ftp://h',
      '    model: m',
      '    apiKey: hunter2',
      '    keyVariable: sk-hunter2',
      '    level: magic',
      '    concurrency: 0',
      '    price: { prompt: 1, completionUsdPerMillion: 1, date: yesterday }',
      '  "b c": { baseUrl: https://h, model: m }',
      'limits: { costUsd: -1 }',
      'protect: [{ glob: x, policy: never }]',
      'author: me',
      'git: { tokenEnv: { github.com: hunter-2 } }',
      'logLevel: loud',
      'concurrency: { workflows: 1 }',
    ].join('\n');
    const all = faults({ WEAVER_LOG_LEVEL: 'hunter2' }, file);
    expect(all).toEqual([
      'weaver.config.yaml:1: provider is no field: did you mean providers?',
      'weaver.config.yaml:4: providers.a.baseUrl must start with https:// or http://',
      'weaver.config.yaml:6: providers.a.apiKey is no field: secrets do not belong into this file; put it into an environment variable and name that (keyVariable, git.tokenEnv)',
      'weaver.config.yaml:7: providers.a.keyVariable must be the name of an environment variable (not the secret itself)',
      'weaver.config.yaml:8: providers.a.level must be one of tools, json-schema, json-object, text, auto',
      'weaver.config.yaml:9: providers.a.concurrency must be at least 1',
      'weaver.config.yaml:10: providers.a.price.promptUsdPerMillion is missing',
      'weaver.config.yaml:10: providers.a.price.date must be a date such as 2026-01-31',
      'weaver.config.yaml:10: providers.a.price.prompt is no field; there are promptUsdPerMillion, cachedUsdPerMillion, completionUsdPerMillion, reasoningUsdPerMillion, date',
      'weaver.config.yaml:11: providers.b c has a name that is not 1 to 40 letters, digits, ".", "_" or "-"',
      'weaver.config.yaml:12: limits.costUsd must be more than 0',
      'weaver.config.yaml:13: protect[0].policy must be one of allow, add-only, deny',
      'weaver.config.yaml:14: author must be written as Name <address>',
      'weaver.config.yaml:15: git.tokenEnv.github.com must be the name of an environment variable (not the secret itself)',
      'weaver.config.yaml:16: logLevel must be one of debug, info, warn, error, silent',
      'weaver.config.yaml:17: concurrency.workflows must be at least 2',
      'WEAVER_LOG_LEVEL must be one of debug, info, warn, error, silent',
    ]);
    expect(all.join()).not.toMatch(/hunter/);
  });

  it.each([
    ['{', ['weaver.config.yaml:1: the file is not valid YAML: Flow map must end with a }']],
    ['- a', ['weaver.config.yaml:1: the file must be a map of fields']],
    [
      'providers:\n  a: { model: m }\n  b: { baseUrl: https://h }\n',
      ['weaver.config.yaml: providers.a.baseUrl is missing', 'weaver.config.yaml: providers.b.model is missing'],
    ],
    [
      'providers:\n  fast: { baseUrl: https://h, model: m }\ndefaultProvider: fats\n',
      ['weaver.config.yaml: defaultProvider is none of the providers: did you mean fast?'],
    ],
    [
      'providers:\n  fast: { baseUrl: https://h, model: m }\nmodels: [fast, openai]\n',
      [
        'weaver.config.yaml: models[1].provider is openai, which is not configured: set OPENAI_API_KEY, or add it under providers',
      ],
    ],
    ['defaultProvider: x\n', ['weaver.config.yaml: defaultProvider names a provider, and none is configured']],
    [
      'providers:\n  a: { baseUrl: https://h, model: m }\nmodels: [a]\ndefaultProvider: a\n',
      ['weaver.config.yaml: defaultProvider stands beside models: name one of them'],
    ],
  ])('%j is refused', (file, expected) => {
    expect(faults({}, file)).toEqual(expected);
  });
});

describe('places and names', () => {
  it.each<[Env, string]>([
    [{ WEAVER_HOME: '/srv/weaver' }, '/srv/weaver'],
    [{ WEAVER_HOME: 'here' }, '<folder>/here'],
    [{ XDG_STATE_HOME: '/srv/state' }, '/srv/state/weaver'],
    [{}, '<folder>/.local/state/weaver'],
  ])('with %j the home is %s', (env, home) => {
    expect(config(env).home).toBe(home.replace('<folder>', folder));
  });

  it('of variables go before those of the file', () => {
    const file = 'taskQueue: q1\nuiUrl: http://ui.example.com\nlogLevel: warn\nsandbox: required\n';
    const env = { WEAVER_TASK_QUEUE: 'q2', WEAVER_LOG_LEVEL: 'silent', WEAVER_REQUESTER: `me${'e'.repeat(200)}` };
    expect(config({}, file)).toMatchObject({
      taskQueue: 'q1',
      uiUrl: 'http://ui.example.com',
      logLevel: 'warn',
      sandbox: 'required',
    });
    expect(config(env, file)).toMatchObject({ taskQueue: 'q2', logLevel: 'silent', requester: `me${'e'.repeat(98)}` });
  });
});

describe('secrets', () => {
  it('are found by variable, and all of them are known to the redactor', () => {
    const loaded = config(
      {
        OPENAI_API_KEY: 'key-1\n',
        LOCAL_KEY: 'key-2',
        WEAVER_GIT_TOKEN: 'token-1',
        TEMPORAL_API_KEY: 'key-3',
        TEMPORAL_ADDRESS: 'h:7233',
        TEMPORAL_GRPC_META_AUTHORIZATION: 'Bearer key-4',
        HTTPS_PROXY: 'http://me:p%40ss@proxy:3128',
        OTHER: 'no secret',
      },
      'providers:\n  local: { baseUrl: https://h, model: m, keyVariable: LOCAL_KEY }\n',
    );
    expect(loaded.keyOf('OPENAI_API_KEY')).toBe('key-1');
    expect(loaded.gitTokenOf('example.com')).toBe('token-1');
    expect(loaded.secrets().toSorted()).toEqual([
      'Bearer key-4',
      'key-1',
      'key-2',
      'key-3',
      'key-4',
      'p%40ss',
      'p@ss',
      'token-1',
    ]);
  });

  it('for git go to the hosts that are named, and to no other', () => {
    const env = { A_TOKEN: 'a', B_TOKEN: 'b', WEAVER_GIT_TOKEN: 'w' };
    const byHost = config(env, 'git: { tokenEnv: { GitHub.com: A_TOKEN, git.example.com: B_TOKEN } }\n');
    expect(['github.com', 'GIT.example.com', 'evil.example'].map(byHost.gitTokenOf)).toEqual(['a', 'b', undefined]);
    const one = config(env, 'git: { tokenEnv: B_TOKEN }\n');
    expect([one.gitTokenOf('anywhere'), one.secrets().toSorted()]).toEqual(['b', ['b', 'w']]);
  });

  it('are not in what child processes get', () => {
    const passed = {
      PATH: '/bin',
      HOME: folder,
      TMPDIR: '/t',
      LANG: 'C',
      LC_ALL: 'C',
      TZ: 'UTC',
      https_proxy: 'http://p',
      NO_PROXY: 'h',
      SSL_CERT_FILE: '/c',
      SSH_AUTH_SOCK: '/s',
    };
    const kept = {
      OPENAI_API_KEY: 'k',
      WEAVER_GIT_TOKEN: 't',
      AWS_SECRET_ACCESS_KEY: 's',
      NODE_OPTIONS: '--x',
      LD_PRELOAD: 'x',
      PATHS: 'p',
    };
    expect(config({ ...passed, ...kept }).environment).toEqual(passed);
  });
});

describe('the Temporal server', () => {
  it('is that of the variables', () => {
    const env = {
      TEMPORAL_ADDRESS: 'h:7233',
      TEMPORAL_NAMESPACE: 'n',
      TEMPORAL_API_KEY: 'k',
      TEMPORAL_TLS_SERVER_NAME: 's',
    };
    expect(config(env).temporal).toEqual({
      configured: true,
      namespace: 'n',
      connection: { address: 'h:7233', apiKey: 'k', tls: { serverNameOverride: 's' } },
    });
  });

  it('is that of a profile, with the variables before it', () => {
    const env = toml(
      '[profile.default]\naddress = "a:1"\nnamespace = "n1"\n[profile.prod]\naddress = "b:1"\n[profile.prod.grpc_meta]\nteam = "x"\n',
    );
    expect(config(env).temporal).toEqual({ configured: true, namespace: 'n1', connection: { address: 'a:1' } });
    expect(config({ ...env, TEMPORAL_PROFILE: 'prod', TEMPORAL_NAMESPACE: 'n2' }).temporal).toEqual({
      configured: true,
      namespace: 'n2',
      connection: { address: 'b:1', metadata: { team: 'x' } },
    });
  });

  it('is found in the usual place of profiles', () => {
    const place = process.platform === 'darwin' ? 'Library/Application Support' : '.config';
    mkdirSync(join(folder, place, 'temporalio'), { recursive: true });
    writeFileSync(join(folder, place, 'temporalio/temporal.toml'), '[profile.default]\naddress = "a:1"\n');
    expect(config().temporal.connection).toEqual({ address: 'a:1' });
  });

  it('that cannot be read from its profile is a fault that shows nothing of it', () => {
    expect(faults(toml('[profile.default]\napi_key = "hunter2"\naddress = hunter2\n'))).toEqual([
      'temporal.toml:3: is not valid TOML',
    ]);
    expect(faults(toml('profile = "hunter2"\n'))).toEqual([]);
    expect(faults({ ...toml('[profile.a]\n'), TEMPORAL_PROFILE: 'b' })).toEqual([
      'TEMPORAL_PROFILE names the profile b, which temporal.toml does not have',
    ]);
    expect(faults({ TEMPORAL_ADDRESS: 'h:1', TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'gone.pem') })).toEqual([
      'gone.pem cannot be read (ENOENT)',
    ]);
  });
});

it('of this process is read from its environment', () => {
  const loaded = currentConfig(resolve(__dirname, '../../weaver.config.example.yaml'));
  expect(loaded.kind === 'ok' ? loaded.config.environment['PATH'] : loaded.faults).toBe(process.env['PATH']);
});
