/** docker-compose.yml as the real `docker compose` resolves it, and what it mounts against what weaver means. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';

const root = path.resolve(__dirname, '../..');
const FILE = path.join(root, 'docker-compose.yml');

interface Service {
  readonly image: string;
  readonly build?: unknown;
  readonly restart?: string;
  readonly ports?: readonly { readonly host_ip?: string; readonly published: string; readonly target: number }[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly read_only?: boolean }[];
}

let compose: readonly string[];
let services: Readonly<Record<string, Service>>;

beforeAll(() => {
  compose = findCompose();
  services = resolved({}).services;
}, 300_000);

describe('docker compose config', () => {
  it('accepts the file, with no settings at all and without a word', () => {
    expect(config(FILE, {}, ['--quiet'])).toEqual({ code: 0, says: '' });
  });

  it('would say so if a key were misspelt', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'weaver-compose-'));
    const file = path.join(folder, 'docker-compose.yml');
    writeFileSync(file, readFileSync(FILE, 'utf8').replace('image: postgres:', 'imag: postgres:'));
    const { code, says } = config(file, {}, ['--quiet']);
    expect(code).not.toBe(0);
    expect(says).toMatch(/imag/);
    rmSync(folder, { recursive: true });
  });
});

describe('the services', () => {
  it('are the database, its set-up, the server, its set-up, the Web UI and the worker', () => {
    expect(Object.keys(services).toSorted()).toEqual(['namespace', 'postgresql', 'schema', 'temporal', 'ui', 'worker']);
  });

  it('are open to this machine only', () => {
    const ports = Object.values(services).flatMap(({ ports: own = [] }) => own);
    expect(ports.map(({ target }) => target).toSorted()).toEqual([7233, 8080]);
    expect(new Set(ports.map(({ host_ip: ip }) => ip))).toEqual(new Set(['127.0.0.1']));
  });

  it('name the exact version of every image but the one that is built here', () => {
    const fetched = Object.values(services).filter(({ build }) => build === undefined);
    for (const { image } of fetched) expect(image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?(-alpine)?$/);
    expect(services['worker']?.build).toBeDefined();
  });

  it('have a server and tools of one version', () => {
    const [server, ...tools] = ['temporal', 'schema', 'namespace'].map((name) => services[name]?.image.split(':')[1]);
    expect(tools).toEqual([server, server]);
  });

  it('start in an order that can be waited for', () => {
    for (const { depends_on: needs = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needs)) {
        const ends = services[name]?.healthcheck === undefined;
        expect([name, condition]).toEqual([name, ends ? 'service_completed_successfully' : 'service_healthy']);
      }
    }
    expect(Object.keys(services['worker']?.depends_on ?? {})).toEqual(['namespace']);
  });

  it('come back after a failure; those that end do not come back for ever', () => {
    const restarts = Object.entries(services).map(([name, { restart }]) => [name, restart]);
    expect(Object.fromEntries(restarts)).toEqual({
      postgresql: 'unless-stopped',
      schema: 'on-failure:5',
      temporal: 'unless-stopped',
      namespace: 'on-failure:5',
      ui: 'unless-stopped',
      worker: 'unless-stopped',
    });
  });

  it('keep the database and the home of weaver in volumes, and mount only what is in the checkout', () => {
    const volumes = Object.values(services).flatMap(({ volumes: own = [] }) => own);
    const named = volumes.filter(({ type }) => type === 'volume').map(({ source }) => source);
    expect(named.toSorted()).toEqual(['postgres', 'weaver']);
    const bound = volumes.filter(({ type }) => type === 'bind');
    expect(bound.every(({ source, read_only: readOnly }) => existsSync(source) && readOnly === true)).toBe(true);
  });
});

describe('settings', () => {
  it('reach the worker from the environment, and are absent where they are absent', () => {
    expect(workerWith({ OPENAI_API_KEY: 'a-key', WEAVER_MODEL: 'm' })).toMatchObject({
      OPENAI_API_KEY: 'a-key',
      WEAVER_MODEL: 'm',
      OPENAI_BASE_URL: null,
    });
    expect(Object.values(workerWith({}) ?? {}).filter((value) => value === '')).toEqual([]);
  });

  it('change the password of the database everywhere', () => {
    const { services: changed } = resolved({ POSTGRES_PASSWORD: 'another' });
    expect(changed['postgresql']?.environment?.['POSTGRES_PASSWORD']).toBe('another');
    expect(changed['schema']?.environment?.['SQL_PASSWORD']).toBe('another');
    expect(changed['temporal']?.environment?.['POSTGRES_PWD']).toBe('another');
  });

  it('give the server the settings that the embedded one has', () => {
    const file = path.join(root, 'deploy/temporal/dynamic-config.yaml');
    const rates = Object.entries(parse(readFileSync(file, 'utf8')) as Record<string, readonly { value: unknown }[]>);
    const embedded = readFileSync(path.join(root, 'src/adapters/server/dynamic-config.ts'), 'utf8').match(
      /(?:history|matching)\.\w+=\w+/g,
    );
    expect(rates.map(([key, [first]]) => `${key}=${String(first?.value)}`).toSorted()).toEqual(embedded?.toSorted());
    const mounted = services['temporal']?.environment?.['DYNAMIC_CONFIG_FILE_PATH'];
    expect(mounted).toBe('/weaver/dynamic-config.yaml');
  });
});

describe('the image', () => {
  const lines = readFileSync(path.join(root, 'Dockerfile'), 'utf8').split('\n');

  it('copies only what is there and is sent to the builder', () => {
    const sent = readFileSync(path.join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const file of copied)
      expect([file, existsSync(path.join(root, file)), sent.includes(file)]).toEqual([file, true, true]);
  });

  it('stands on an exact Node that weaver supports, and does not run as root', () => {
    const [, version = ''] = /^ARG NODE_IMAGE=node:(\d+\.\d+\.\d+)-\w+-slim$/m.exec(lines.join('\n')) ?? [];
    expect(Number(version.split('.')[0])).toBeGreaterThanOrEqual(20);
    const last = lines.findLastIndex((line) => line.startsWith('USER '));
    expect(lines[last]).toBe('USER node');
    expect(lines.slice(last).some((line) => line.startsWith('ENTRYPOINT '))).toBe(true);
  });
});

/** The machine's, or one that is fetched once by version and hash; says what to install if neither can be had. */
function findCompose(): readonly string[] {
  const script = path.join(root, 'scripts/compose-binary.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as readonly string[];
}

function config(file: string, env: Readonly<Record<string, string>>, args: readonly string[]) {
  const [program = '', ...before] = compose;
  const { status, stderr } = spawnSync(program, [...before, ...fileArgs(file), ...args], settings(env));
  return { code: status, says: stderr };
}

function resolved(env: Readonly<Record<string, string>>): { readonly services: Readonly<Record<string, Service>> } {
  const [program = '', ...before] = compose;
  const text = execFileSync(program, [...before, ...fileArgs(FILE), '--format', 'json'], settings(env));
  return JSON.parse(text) as { services: Record<string, Service> };
}

const workerWith = (env: Readonly<Record<string, string>>) => resolved(env).services['worker']?.environment;

/** A developer's own `.env` beside the file must not decide what a test sees. */
const fileArgs = (file: string): readonly string[] => ['--env-file', '/dev/null', '-f', file, 'config'];

const settings = (env: Readonly<Record<string, string>>) =>
  ({ encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env } }) as const;
