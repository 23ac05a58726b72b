import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { createSandbox } from '../../../src/adapters/sandbox/create-sandbox';
import type { Sandbox } from '../../../src/ports';
import { describeWhere } from '../../where';
import { commandOf, describeSandbox, makePlace, removePlace, runIn, type Place, type Ran } from './sandbox-contract';

const environmentOf = (place: Place, path = process.env['PATH'] ?? '') => ({ PATH: path, HOME: place.userHome });

/** Machines that forbid namespaces have nothing to test here. */
const works = ((): boolean => {
  try {
    execFileSync('bwrap', ['--unshare-user', '--unshare-pid', '--unshare-net', '--ro-bind', '/', '/', 'true'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
})();
const describeIfItWorks = describeWhere(works, 'bubblewrap: install it, and let it make namespaces');

describeIfItWorks('in bubblewrap', () => describeSandbox('bubblewrap', 'auto'));

/** A sandbox of this file; `run` with a network if asked to. */
function useBubblewrap(): { readonly place: Place; readonly run: (line: string, network?: boolean) => Promise<Ran> } {
  let place: Place;
  let sandbox: Sandbox;
  beforeAll(async () => {
    place = makePlace();
    ({ sandbox } = await createSandbox({ mode: 'required', environment: environmentOf(place), home: place.home }));
  });
  afterAll(() => removePlace(place));
  return {
    get place() {
      return place;
    },
    run: (line, network = false) => runIn(sandbox, commandOf(place, line, { network })),
  };
}

describeIfItWorks('what the worker keeps secret', () => {
  it('is seen by no command, wherever it is', async () => {
    const place = makePlace();
    const [file, folder] = ['/etc/os-release', '/etc/ssl'];
    const options = { mode: 'required', environment: environmentOf(place), home: place.home } as const;
    const look = async (secrets: readonly string[]): Promise<Ran> => {
      const { sandbox } = await createSandbox({ ...options, secrets });
      return await runIn(sandbox, commandOf(place, `cat ${file} 2>&- | wc -c; ls ${folder} | wc -l`));
    };
    expect((await look([])).output).not.toMatch(/^0$/m);
    expect((await look([file, folder])).output.trim()).toBe('0\n0');
    removePlace(place);
  });

  it('is seen by no command beside the tools that are shown', async () => {
    const place = makePlace();
    const bin = join(place.userHome, 'tools', 'bin');
    mkdirSync(join(bin, 'keys'), { recursive: true });
    for (const name of ['tool', 'key', 'keys/other']) writeFileSync(join(bin, name), `${name}\n`);
    const secrets = [join(bin, 'key'), join(bin, 'keys')];
    const environment = environmentOf(place, `${bin}:${process.env['PATH'] ?? ''}`);
    const { sandbox } = await createSandbox({ mode: 'required', environment, home: place.home, secrets });
    const { output } = await runIn(sandbox, commandOf(place, `cd ${bin} && cat tool; cat key 2>&-; ls -A keys`));
    expect(output).toBe('tool\n');
    removePlace(place);
  });

  it('stays hidden where it is renewed, and what is gone keeps no command from its start', async () => {
    const { run, put, remove } = await keysBesideTools();
    put('v1/key', 'first');
    symlinkSync('v1/key', join(run.folder, 'key'));
    put('own/key', 'first');
    const look = 'cat key plain own/key 2>&-; echo "$?"';
    expect(await run(look)).toBe('1\n');
    // By another link, as of a mount; by a new file under the old name; by none for a while.
    put('v2/key', 'second');
    symlinkSync('v2/key', join(run.folder, 'key.new'));
    renameSync(join(run.folder, 'key.new'), join(run.folder, 'key'));
    rmSync(join(run.folder, 'v1'), { recursive: true });
    put('plain.new', 'second');
    renameSync(join(run.folder, 'plain.new'), join(run.folder, 'plain'));
    rmSync(join(run.folder, 'own'), { recursive: true });
    expect(await run(look)).toBe('1\n');
    rmSync(join(run.folder, 'plain'));
    expect(await run('echo starts; cat plain key 2>&-')).toBe('starts\n');
    remove();
  });

  it('is not seen by a command under way when it is renewed in a folder of its own', async () => {
    const { run, put, remove } = await keysBesideTools();
    const began = join(run.place.tree, 'began');
    const running = run(`echo >${began}; while [ -e ${began} ]; do sleep 0.01; done; cat own/key 2>&-; ls -A own`);
    while (!existsSync(began)) await new Promise((wake) => void setTimeout(wake, 5));
    put('own.new', 'second');
    renameSync(join(run.folder, 'own.new'), join(run.folder, 'own/key'));
    rmSync(began);
    expect(await running).toBe('');
    remove();
  });
});

/** A folder that commands see, with secrets in it: `key` and `plain` beside other files, `own/key` alone. */
async function keysBesideTools() {
  const place = makePlace();
  const folder = join(place.userHome, 'tools', 'bin');
  const put = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `${text}\n`);
  };
  put('tool', 'tool');
  put('plain', 'first');
  put('own/key', 'first');
  const secrets = ['key', 'plain', 'own/key'].map((name) => join(folder, name));
  const environment = environmentOf(place, `${folder}:${process.env['PATH'] ?? ''}`);
  const { sandbox } = await createSandbox({ mode: 'required', environment, home: place.home, secrets });
  const run = async (line: string): Promise<string> =>
    (await runIn(sandbox, commandOf(place, `cd ${folder} && ${line}`))).output;
  return { run: Object.assign(run, { folder, place }), put, remove: () => removePlace(place) };
}

describeIfItWorks('the network of a command in bubblewrap', () => {
  const used = useBubblewrap();
  let server: Server;
  beforeAll(async () => {
    server = createServer((socket) => socket.end('reached'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
  });
  afterAll(async () => {
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const connect = (): string => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `node -e "require('net').connect(${port}, '127.0.0.1').on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code))"`;
  };

  it('has no network, unless it was asked for', async () => {
    expect((await used.run(connect())).output).toBe('ECONNREFUSED\n');
    expect((await used.run(connect(), true)).output).toBe('reached\n');
  });

  it('has a loopback of its own', async () => {
    const line = `node -e "const s = require('net').createServer((c) => c.end('own')).listen(0, '127.0.0.1', () => require('net').connect(s.address().port, '127.0.0.1').on('data', (d) => { console.log(String(d)); s.close(); }))"`;
    expect(await used.run(line)).toMatchObject({ exitCode: 0, output: 'own\n' });
  });
});

describeIfItWorks('what bubblewrap keeps from a command', () => {
  const used = useBubblewrap();

  it('shows nothing of the weaver home but the task', async () => {
    mkdirSync(join(used.place.home, 'artifacts'), { recursive: true });
    writeFileSync(join(used.place.home, 'artifacts/other'), 'of another task');
    writeFileSync(join(used.place.home, 'tasks/task/setup.json'), '{}');
    const { output } = await used.run(
      `cat ${used.place.home}/artifacts/other ${used.place.home}/tasks/task/setup.json; ls ${used.place.home}`,
    );
    expect(output).not.toContain('of another task');
    expect(output.match(/No such file/g)).toHaveLength(2);
    expect(output.trim().split('\n').slice(-2)).toEqual(['tasks', 'workspaces']);
  });

  it('shows nothing of people and of temporary files', async () => {
    mkdirSync(join(used.place.userHome, '.ssh'), { recursive: true });
    writeFileSync(join(used.place.userHome, '.ssh/id_fake'), 'a fake private file');
    writeFileSync(join(used.place.root, 'of-another-program'), 'temporary');
    const { output, exitCode } = await used.run(
      `cat ${used.place.userHome}/.ssh/id_fake ${used.place.root}/of-another-program`,
    );
    expect(exitCode).toBe(1);
    expect(output).not.toMatch(/fake private|temporary$/m);
    expect((await used.run('ls -A /run /home')).output).toBe('/home:\n\n/run:\n');
  });

  it('does not let root read what only root may', async () => {
    expect(await used.run('cat /etc/shadow >/dev/null 2>&1')).toMatchObject({ exitCode: 1 });
    expect((await used.run('id -u')).output).not.toBe('0\n');
  });

  it('lets nothing be written but the work tree, the home and temporary files', async () => {
    const places = ['/usr', '/etc', '/', used.place.userHome, '/home', '/var/lib'];
    const { output } = await used.run(
      places.map((folder) => `touch ${folder}/weaver-was-here 2>/dev/null && echo ${folder}`).join('; '),
    );
    expect(output).toBe('');
    await used.run('echo x >/tmp/only-mine; echo x >/var/tmp/only-mine');
    expect(existsSync('/tmp/only-mine')).toBe(false);
  });

  it('sees no process of the host', async () => {
    expect((await used.run(`ls /proc | grep -c '^[0-9]'`)).output).toMatch(/^[1-9]\n$/);
    expect((await used.run(`kill -0 ${process.pid}`)).exitCode).not.toBe(0);
  });

  it('may ask git about the work tree, and cannot use a pointer to look elsewhere', async () => {
    const at = dirname(used.place.tree);
    const mirror = join(used.place.home, 'mirrors/one.git');
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        encoding: 'utf8',
        input: '',
        env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', HOME: used.place.root },
      });
    git('init', '-q', '--bare', mirror);
    const tree = git('-C', mirror, 'mktree').trim();
    const commit = git(
      '-C',
      mirror,
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@b',
      'commit-tree',
      '-m',
      'first',
      tree,
    ).trim();
    mkdirSync(join(at, 'git'), { recursive: true });
    writeFileSync(join(at, 'git/HEAD'), `${commit}\n`);
    writeFileSync(join(at, 'git/commondir'), `${mirror}\n`);
    writeFileSync(join(used.place.tree, '.git'), `gitdir: ${at}/git\n`);
    expect((await used.run('git log --format=%s')).output).toBe('first\n');
    writeFileSync(join(at, 'git/commondir'), `${used.place.userHome}\n`);
    expect((await used.run(`ls ${used.place.userHome}`)).output).toContain('No such file');
  });
});

describe('choosing a sandbox', () => {
  let place: Place;
  beforeAll(() => {
    place = makePlace();
  });
  afterAll(() => removePlace(place));

  it('falls back to a plain process with a warning, or refuses, where bubblewrap is missing', async () => {
    const options = { environment: environmentOf(place, join(place.root, 'empty')), home: place.home };
    const { sandbox, warning } = await createSandbox({ mode: 'auto', ...options });
    expect(sandbox.name).toBe('plain');
    expect(warning).toContain('it is not installed');
    await expect(createSandbox({ mode: 'required', ...options })).rejects.toMatchObject({
      code: 'sandboxMissing',
      retryable: false,
    });
    expect(await createSandbox({ mode: 'none', ...options })).toMatchObject({
      sandbox: { name: 'plain' },
      warning: null,
    });
  });

  it('falls back where bubblewrap is there and may not work', async () => {
    const folder = join(place.root, 'broken');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'bwrap'),
      '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2\nexit 1\n',
      { mode: 0o755 },
    );
    const environment = environmentOf(place, `${folder}:/usr/bin:/bin`);
    const { sandbox, warning } = await createSandbox({ mode: 'auto', environment, home: place.home });
    expect({ name: sandbox.name, warning }).toMatchObject({
      name: 'plain',
      warning: expect.stringContaining('No permissions'),
    });
  });

  it('does not pass the folders on that npm adds to PATH for its scripts', async () => {
    const environment = environmentOf(
      place,
      `/x/node_modules/.bin:relative:/usr/bin:/bin:/x/node_modules/npm/node_modules/node-gyp-bin`,
    );
    const { sandbox } = await createSandbox({ mode: 'none', environment, home: place.home });
    expect((await runIn(sandbox, commandOf(place, 'echo "$PATH"'))).output).toBe('/usr/bin:/bin\n');
  });
});
