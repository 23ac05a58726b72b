/** What a command loads before it does anything: time that everybody waits for each time. */
import { join } from 'node:path';
import { CLI, runProcess } from '../e2e/world.js';
import { openDesk, type Desk } from './weaver.js';

let desk: Desk;
beforeAll(() => (desk = openDesk()));
afterAll(() => desk.clear());

interface Loaded {
  readonly packages: readonly string[];
}

async function loadedBy(args: readonly string[]): Promise<Loaded> {
  const hook = join(__dirname, 'loaded-modules.cjs');
  const { stderr, exitCode } = await runProcess(process.execPath, ['--require', hook, CLI, ...args], {
    env: desk.env,
    cwd: desk.folder,
  });
  const told = stderr.trimEnd().split('\n').at(-1) ?? '';
  if (!told.startsWith('{')) throw new Error(`${exitCode}: ${stderr}`);
  return JSON.parse(told) as Loaded;
}

/** What talks to a server, works, or reads files that are not there. */
const HEAVY =
  /^(?:@temporalio\/(?:client|worker|proto|core-bridge|workflow)|@grpc\/.*|protobufjs|rxjs|pino|webpack|memfs|@opentelemetry\/.*|prom-client|tar-stream|tap-parser|acorn|sax|@vscode\/.*)$/;

describe('a start', () => {
  it('of the help loads one package, the one that prints it', async () => {
    expect((await loadedBy(['--help'])).packages).toEqual(['commander', 'weaver']);
    expect((await loadedBy(['run', '--help'])).packages).toEqual(['commander', 'weaver']);
  });

  it.each([['list'], ['status', 'nothing'], ['logs', 'nothing'], ['costs'], ['clean', '--offline']])(
    'of %s without a server loads neither a client nor what a worker consists of',
    async (...args) => {
      const { packages } = await loadedBy(args);
      expect(packages).toContain('zod');
      expect(packages.filter((name) => HEAVY.test(name))).toEqual([]);
    },
  );
});
