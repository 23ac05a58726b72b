/** A small checkout with the real scripts, to be set up, built, started and tested in a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(__dirname, '../..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Checkout {
  /** Programs of the test go here: it is the whole PATH beside Node and the system's folders. */
  readonly bin: string;
  readonly home: string;
  readonly children: ChildProcess[] = [];

  private constructor(readonly folder: string) {
    this.bin = path.join(folder, 'bin');
    this.home = path.join(folder, 'home');
  }

  static empty(): Checkout {
    const checkout = new Checkout(mkdtempSync(path.join(tmpdir(), 'weaver-checkout-')));
    mkdirSync(checkout.bin);
    mkdirSync(checkout.home);
    cpSync(path.join(ROOT, 'scripts'), path.join(checkout.folder, 'scripts'), { recursive: true });
    symlinkSync(process.execPath, path.join(checkout.bin, 'node'));
    return checkout;
  }

  /** With weaver's packages, and sources that take no time to compile. */
  static withSources(): Checkout {
    const checkout = Checkout.empty();
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(checkout.folder, 'node_modules'));
    for (const file of COPIED) cpSync(path.join(ROOT, file), path.join(checkout.folder, file), { recursive: true });
    // A process for each of three tiny files would cost more than all their tests.
    const config = readFileSync(path.join(ROOT, 'jest.config.cjs'), 'utf8');
    checkout.write('jest.config.cjs', config.replace(/maxWorkers: \d+/, 'maxWorkers: 1'));
    checkout.write(
      'tests/jest-environment.cjs',
      `module.exports = require('jest-environment-node').TestEnvironment;\n`,
    );
    checkout.write('src/domain/greeting.ts', `export const greeting = 'hello';\n`);
    checkout.write(
      'src/workflows/index.ts',
      `import { greeting } from '../domain/greeting.js';\nexport const greet = async (): Promise<string> => greeting;\n`,
    );
    for (const name of ['size-guard', 'cancel-message'])
      checkout.write(`src/workflows/${name}.ts`, 'export const interceptors = () => ({ outbound: [] });\n');
    checkout.write('src/cli.ts', COMMAND);
    return checkout;
  }

  write(file: string, text: string): string {
    const target = path.join(this.folder, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
    return target;
  }

  /** A shell script on the PATH. */
  program(name: string, script: string): string {
    const file = this.write(path.join('bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** Nothing of the caller's environment but a PATH on which the system's own tools are. */
  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: `${this.bin}:${SYSTEM_FOLDERS}`, HOME: this.home, ...more };
  }

  spawn(command: string, args: readonly string[], env = this.environment()): ChildProcess {
    const child = spawn(command, args, { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);
    return child;
  }

  run(command: string, args: readonly string[], env = this.environment()): Promise<Ended> {
    return ended(this.spawn(command, args, env));
  }

  node(script: string, args: readonly string[] = [], env = this.environment()): Promise<Ended> {
    return this.run(process.execPath, [path.join(this.folder, 'scripts', script), ...args], env);
  }

  files(folder: string): readonly string[] {
    return readdirSync(path.join(this.folder, folder)).toSorted();
  }

  remove(): void {
    for (const child of this.children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const COPIED = [
  '.ci',
  '.gitignore',
  '.oxlintrc.json',
  '.prettierignore',
  '.prettierrc.json',
  'knip.json',
  'package-lock.json',
  'package.json',
  'tsconfig.json',
  'tests/heavy-first.cjs',
  'tests/jest-runtime.cjs',
  'tsconfig.tests.json',
];

/** Where sh, cat and git are; a Temporal or a Docker that the machine may have is not to be found. */
const SYSTEM_FOLDERS = '/usr/bin:/bin';

/** What stands for the `weaver` command: says what it was given, and how it was ended. */
const COMMAND = `#!/usr/bin/env node
const [first = '', ...rest] = process.argv.slice(2);
if (first === 'wait') {
  const alive = setInterval(() => {}, 1_000);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.stdout.write('ended by ' + signal + '\\n');
      clearInterval(alive);
      process.exitCode = 130;
    });
}
if (first === 'fail') process.exitCode = 7;
process.stdout.write(JSON.stringify({ first, rest }) + '\\n');
`;

export function ended(child: ChildProcess): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
}

export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';
