import { createProgram, EXAMPLES, type GlobalFlags, type Order } from '../../src/client/cli/program.js';
import type { Command } from 'commander';

/** Parses as the command line does; gives what would be done. */
async function parse(args: readonly string[]): Promise<{ readonly order: Order; readonly flags: GlobalFlags }> {
  const orders: { order: Order; flags: GlobalFlags }[] = [];
  const program = createProgram('1.2.3', async (order, flags) => void orders.push({ order, flags }));
  quiet(program);
  await program.parseAsync([...args], { from: 'user' });
  const [only] = orders;
  if (only === undefined || orders.length !== 1) throw new Error(`${orders.length} orders`);
  return only;
}

function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
  command.commands.forEach(quiet);
}

/** Words of a shell line with plain and single-quoted words. */
const words = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

const commands = Object.keys(EXAMPLES) as readonly Order['kind'][];

describe('the help', () => {
  const program = createProgram('1.2.3', async () => {});

  it('has every command, and no command without examples', () => {
    expect(
      program.commands
        .map((command) => command.name())
        .filter((name) => name !== 'help')
        .toSorted(),
    ).toEqual([...commands].toSorted());
    for (const examples of Object.values(EXAMPLES)) expect(examples.length).toBeGreaterThan(0);
  });

  it.each(commands)('of %s shows its examples', (name) => {
    let text = '';
    const command = program.commands.find((one) => one.name() === name);
    command?.configureOutput({ writeOut: (part) => (text += part) });
    command?.outputHelp();
    for (const example of EXAMPLES[name]) expect(text).toContain(`  $ ${example}\n`);
  });

  it.each(commands.flatMap((name) => EXAMPLES[name].map((example) => [example, name] as const)))(
    'example "%s" is understood',
    async (example, name) => {
      const [command, ...args] = words(example);
      expect(command).toBe('weaver');
      expect((await parse(args)).order.kind).toBe(name);
    },
  );
});

describe('arguments', () => {
  it('of run are a file and flags, repeated ones in their order', async () => {
    expect(
      await parse(['run', 'a.yaml', '--set', 'a=1', '--set', 'b=2', '--timeout', '5', '--json', '--config', 'c.yaml']),
    ).toEqual({
      order: { kind: 'run', file: 'a.yaml', flags: { set: ['a=1', 'b=2'], timeout: 5 } },
      flags: { json: true, config: 'c.yaml' },
    });
  });

  it('take the global options on either side of the command', async () => {
    expect((await parse(['--json', 'list'])).flags).toEqual({ json: true });
    expect((await parse(['list', '--json'])).flags).toEqual({ json: true });
  });

  it('of list are filters', async () => {
    expect((await parse(['list', '--state', 'failed', '--tag', 'nightly'])).order).toEqual({
      kind: 'list',
      filters: { state: 'failed', tag: 'nightly', limit: 20 },
    });
  });

  it.each([
    [['rnu'], /unknown command 'rnu'/],
    [['run', 'x', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [['run', 'x', '--timeout', 'soon'], /whole number/],
    [['run', 'x', '--timeout', '0'], /whole number/],
    [['run', 'x', 'y'], /too many arguments/],
    [['run', 'x', '--record', 'a', '--replay', 'b'], /cannot be used with option/],
    [['cancel', 'x'], /--reason/],
    [['list', '--state', 'nice'], /Allowed choices/],
    [['up', '--port', '99999'], /port number/],
    [['status'], /missing required argument 'id'/],
  ])('%j are refused', async (args, says) => {
    await expect(parse(args)).rejects.toThrow(says);
  });
});
