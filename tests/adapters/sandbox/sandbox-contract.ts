/** What every sandbox must do; run on each adapter. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createSandbox } from '../../../src/adapters/sandbox/create-sandbox';
import type { Command, CommandResult, Sandbox } from '../../../src/ports';

export interface Place {
  readonly root: string;
  readonly home: string;
  readonly tree: string;
  readonly commandHome: string;
  readonly userHome: string;
}

/** A weaver home with one task in it, and a person's home; both below the folder for temporary files. */
export function makePlace(): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'weaver-sandbox-')));
  const below = (path: string): string => {
    mkdirSync(join(root, path), { recursive: true });
    return join(root, path);
  };
  return {
    root,
    home: below('weaver'),
    tree: below('weaver/workspaces/task/tree'),
    commandHome: below('weaver/tasks/task/home'),
    userHome: below('person'),
  };
}

export const removePlace = ({ root }: Place): void => rmSync(root, { recursive: true, force: true, maxRetries: 5 });

export const commandOf = (place: Place, run: string, more: Partial<Command> = {}): Command => ({
  run,
  directory: place.tree,
  home: place.commandHome,
  network: false,
  timeoutMs: 20_000,
  logFile: join(place.home, 'tasks/task/check.log'),
  logBytesMax: 100_000,
  ...more,
});

export interface Ran extends CommandResult {
  readonly output: string;
}

export async function runIn(
  sandbox: Sandbox,
  command: Command,
  signal: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  const result = await sandbox.run(command, signal);
  return { ...result, output: readFileSync(command.logFile, 'utf8') };
}

/** Waits until something is so; fails with what it was when it never is. */
async function until(says: string, isSo: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`never so: ${says}`);
    await new Promise((wake) => {
      setTimeout(wake, 10);
    });
  }
}

/** Processes that have this text on their command line, whatever namespace they are in. */
function processesWith(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes(text);
      } catch {
        return false; // it ended while we looked
      }
    })
    .map(Number);
}

type Mode = 'auto' | 'none';

export function describeSandbox(name: string, mode: Mode): void {
  describe(`the contract of a sandbox, held by ${name}`, () => {
    const used = useSandbox(mode);
    describeEndings(used, name);
    describeOutput(used);
    describeSurroundings(used, mode);
    describeStopping(used, mode);
  });
}

interface Used {
  readonly place: Place;
  readonly sandbox: Sandbox;
  readonly run: (line: string, more?: Partial<Command>) => Promise<Ran>;
}

function useSandbox(mode: Mode): Used {
  let place: Place;
  let sandbox: Sandbox;
  beforeAll(async () => {
    place = makePlace();
    const environment = { PATH: process.env['PATH'] ?? '', HOME: place.userHome };
    ({ sandbox } = await createSandbox({ mode, environment, home: place.home }));
  });
  afterAll(() => removePlace(place));
  return {
    get place() {
      return place;
    },
    get sandbox() {
      return sandbox;
    },
    run: (line, more = {}) => runIn(sandbox, commandOf(place, line, more)),
  };
}

let counter = 0;
/** A time to sleep that is on no other process's command line. */
const uniqueSeconds = (): string => `${3_000 + process.pid}.${Date.now() % 1_000_000}${(counter += 1)}`;

function describeEndings(used: Used, name: string): void {
  it('says its name', () => expect(used.sandbox.name).toBe(name));

  it('tells every way a command ends', async () => {
    expect(await used.run('exit 0')).toMatchObject({ exitCode: 0, timedOut: false, cut: false, output: '' });
    expect(await used.run('exit 3')).toMatchObject({ exitCode: 3, timedOut: false });
    expect(await used.run('exit 255')).toMatchObject({ exitCode: 255 });
    expect(await used.run('kill -9 $$')).toMatchObject({ exitCode: null, timedOut: false });
    expect(await used.run('no-such-program-anywhere')).toMatchObject({ exitCode: 127 });
  });

  it('has no input to wait for', async () => expect(await used.run('cat')).toMatchObject({ exitCode: 0, output: '' }));

  it('leaves nothing behind when a command ends and its children do not', async () => {
    const [group, session] = [uniqueSeconds(), uniqueSeconds()];
    const result = await used.run(`sleep ${group} & setsid sleep ${session} >/dev/null 2>&1 & echo done`);
    expect(result).toMatchObject({ exitCode: 0, output: 'done\n' });
    expect(result.durationMs).toBeLessThan(5_000);
    expect([...processesWith(group), ...processesWith(session)]).toEqual([]);
  });

  it('throws a fault if the command cannot be started', async () => {
    const running = used.run('true', { directory: join(used.place.root, 'nowhere') });
    await expect(running).rejects.toMatchObject({ name: 'PortFault', code: 'infrastructure', retryable: true });
  });

  it('leaves no pipe behind', async () => {
    await used.run('true');
    expect(readdirSync(join(used.place.home, 'tasks/task')).toSorted()).toEqual(['check.log', 'home']);
  });

  it('runs several at once, each with its own output', async () => {
    const lines = await Promise.all(
      [1, 2, 3, 4].map(
        async (n) => (await used.run(`echo "number ${n}"`, { logFile: join(used.place.home, `${n}.log`) })).output,
      ),
    );
    expect(lines).toEqual([1, 2, 3, 4].map((n) => `number ${n}\n`));
  });
}

function describeOutput(used: Used): void {
  it('keeps both streams in the order of arrival', async () => {
    const { output } = await used.run('for n in 1 2 3; do echo "out $n"; echo "err $n" >&2; done');
    expect(output).toBe('out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n');
  });

  it('gives streams that can be opened by name', async () => {
    const { output, exitCode } = await used.run(
      'echo one >/dev/stdout && echo two >/dev/stderr && echo three | tee /dev/stderr',
    );
    expect({ exitCode, lines: output.split('\n').toSorted() }).toEqual({
      exitCode: 0,
      lines: ['', 'one', 'three', 'three', 'two'],
    });
  });

  it('keeps both ends of a flood and says what is missing', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const result = await used.run(
      `echo the beginning; yes 0123456789012345678901234567890123456789 | head -n 3000000; echo the end`,
      {
        logBytesMax: 10_000,
      },
    );
    expect(result).toMatchObject({ exitCode: 0, cut: true });
    expect(result.output.startsWith('the beginning\n0123')).toBe(true);
    expect(result.output.endsWith('789\nthe end\n')).toBe(true);
    expect(result.output).toMatch(/\n\[\.\.\. \d+ bytes left out \.\.\.\]\n/);
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(10_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(70_000_000);
  });

  it('stops a flood without end at the time limit', async () => {
    const result = await used.run('yes', { timeoutMs: 1_000, logBytesMax: 10_000 });
    expect(result).toMatchObject({ exitCode: null, timedOut: true, cut: true });
    expect(result.output.length).toBeLessThanOrEqual(10_000);
  });
}

function describeSurroundings(used: Used, mode: Mode): void {
  it('runs in the work tree, which can be written to like the home', async () => {
    const { output } = await used.run(
      'pwd; echo "$HOME"; echo tree >written; echo home >"$HOME/written"; echo t >"$TMPDIR/w-$$" && rm "$TMPDIR/w-$$" && echo ok',
    );
    expect(output).toBe(`${used.place.tree}\n${used.place.commandHome}\nok\n`);
    expect(readFileSync(join(used.place.tree, 'written'), 'utf8')).toBe('tree\n');
    expect(readFileSync(join(used.place.commandHome, 'written'), 'utf8')).toBe('home\n');
  });

  it('gives nothing of the environment but what is needed', async () => {
    process.env['OPENAI_API_KEY'] = 'sk-fake-key-of-a-test';
    try {
      const { output } = await used.run('env');
      const names = output
        .trim()
        .split('\n')
        .map((line) => line.slice(0, line.indexOf('=')));
      expect(output).not.toContain('sk-fake-key-of-a-test');
      const allowed = [
        'CI',
        'HOME',
        'LANG',
        'PATH',
        'PWD',
        'RUSTUP_HOME',
        'TERM',
        'TMPDIR',
        'WEAVER_COMMAND_ID',
        '_',
        'SHLVL',
        'OLDPWD',
      ];
      expect(names.filter((one) => !allowed.includes(one))).toEqual([]);
      expect(output).toContain('CI=1\n');
    } finally {
      delete process.env['OPENAI_API_KEY'];
    }
  });

  it('has the tools that PATH names', async () => {
    mkdirSync(join(used.place.userHome, '.local/bin'), { recursive: true });
    mkdirSync(join(used.place.userHome, '.pyenv/versions/1/bin'), { recursive: true });
    writeFileSync(join(used.place.userHome, '.pyenv/versions/1/bin/tool'), '#!/bin/sh\necho "a tool says $1"\n', {
      mode: 0o755,
    });
    writeFileSync(join(used.place.userHome, '.pyenv/versions/1/settings'), 'of the tool');
    symlinkSync('../../.pyenv/versions/1/bin/tool', join(used.place.userHome, '.local/bin/linked-tool'));
    const environment = {
      PATH: `${join(used.place.userHome, '.local/bin')}:${process.env['PATH'] ?? ''}`,
      HOME: used.place.userHome,
    };
    const { sandbox: mine } = await createSandbox({ mode, environment, home: used.place.home });
    expect(await runIn(mine, commandOf(used.place, 'linked-tool hello'))).toMatchObject({
      exitCode: 0,
      output: 'a tool says hello\n',
    });
  });
}

function describeStopping(used: Used, mode: Mode): void {
  it('ends everything at the time limit, also what left the group and heeds no signal', async () => {
    const stubborn = uniqueSeconds();
    const child = uniqueSeconds();
    const line = `setsid sh -c 'trap "" TERM HUP; exec sleep ${stubborn}' & sleep ${child} & echo begun; wait`;
    const result = await used.run(line, { timeoutMs: 500 });
    expect(result).toMatchObject({ exitCode: null, timedOut: true, output: 'begun\n' });
    expect([...processesWith(stubborn), ...processesWith(child)]).toEqual([]);
  });

  it('lets a command that heeds the signal have its last words', async () => {
    const result = await used.run(`trap 'echo last words; exit 0' TERM; echo begun; while :; do sleep 0.05; done`, {
      timeoutMs: 500,
    });
    expect(result).toMatchObject({ exitCode: null, timedOut: true });
    expect(result.output).toMatch(/^begun\n(.*\n)*last words\n$/);
  });

  it('rejects with the reason of the signal, and ends the command', async () => {
    const seconds = uniqueSeconds();
    const controller = new AbortController();
    const running = used.sandbox.run(
      commandOf(used.place, `sleep ${seconds} & sleep ${seconds}; wait`),
      controller.signal,
    );
    await until('it runs', () => processesWith(seconds).length >= 2);
    const reason = new Error('cancelled by a test');
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(processesWith(seconds)).toEqual([]);
  });

  it('does not start what is cancelled already', async () => {
    const controller = new AbortController();
    controller.abort(new Error('too late'));
    await expect(used.sandbox.run(commandOf(used.place, 'echo ran >should-not-be'), controller.signal)).rejects.toThrow(
      'too late',
    );
    expect(existsSync(join(used.place.tree, 'should-not-be'))).toBe(false);
  });

  it('leaves no process that writes when the worker is killed', async () => {
    const seconds = uniqueSeconds();
    const written = join(used.place.tree, 'still-writing');
    const line = `setsid sh -c 'sleep ${seconds} & while :; do echo x >>still-writing; sleep 0.02; done' & sleep ${seconds}`;
    const worker = startWorkerProcess(used.place, mode, line);
    await until('it writes', () => existsSync(written) && processesWith(seconds).length >= 2);
    process.kill(worker, 'SIGKILL');
    await until('its processes are gone', () => processesWith(seconds).length === 0);
    const size = readFileSync(written).length;
    await new Promise((wake) => {
      setTimeout(wake, 200);
    });
    expect(readFileSync(written)).toHaveLength(size);
  });
}

/** Another Node process that runs a command in a sandbox; gives its number. */
function startWorkerProcess(place: Place, mode: string, line: string): number {
  const options = { mode, environment: { PATH: process.env['PATH'] ?? '', HOME: place.userHome }, home: place.home };
  const script = join(__dirname, 'run-in-sandbox.cjs');
  const source = resolve(__dirname, '../../../src');
  const child = spawn(
    process.execPath,
    [script, source, JSON.stringify(options), JSON.stringify(commandOf(place, line))],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (child.pid === undefined) throw new Error('no worker process');
  return child.pid;
}
