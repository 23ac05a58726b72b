/** From arguments to an exit code: the one place where the command line catches. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommanderError, type Command } from 'commander';
import type { Config } from '../../config.js';
import { reportWithout } from '../run-report.js';
import { usageFault, WeaverFault } from '../weaver-fault.js';
import { wordingFor } from './called-as.js';
import type { Context } from './context.js';
import type { House } from './house.js';
import type { Terminal } from './terminal.js';
import { carryPeople } from './people-commands.js';
import { createProgram, EXAMPLES, type GlobalFlags, type Order } from './program.js';
import { systemFault } from './system-fault.js';

const MISUSED = 2;

/** Never rejects and never ends the process: the caller does, with the code it gets. */
export async function main(house: House, args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = createProgram(house.version, async (order, flags) => {
    exitCode = await execute(house, order, flags);
  });
  house.terminal.useWording(wordingFor(house.command, Object.keys(EXAMPLES)));
  prepare(program, house);
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return 0;
    exitCode = MISUSED;
    // The words have been printed by commander; a program wants them in its own shape too.
    if (args.includes('--json')) endInJson(house.terminal, args[0] === 'run', usageFault(thrown.message, ''));
  }
  return exitCode;
}

/** Commander throws instead of ending the process, and writes where everything is written. */
function prepare(command: Command, house: House): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => house.terminal.help(text),
    writeErr: (text) => house.terminal.note(text.trimEnd()),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  command.showHelpAfterError(`(${fullName(command)} --help shows how)`);
  for (const child of command.commands) prepare(child, house);
}

/** `weaver schedule create`. */
const fullName = (command: Command): string =>
  command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;

async function execute(house: House, order: Order, flags: GlobalFlags): Promise<number> {
  const { terminal } = house;
  try {
    if (order.kind === 'doctor') return await (await import('./doctor.js')).doctor(house, flags, order.flags);
    const context = { house, terminal, json: flags.json, config: await configOf(house, flags) };
    return await carry(context, order);
  } catch (thrown) {
    return failed(house, order, flags, faultOf(thrown));
  }
}

async function configOf(house: House, { config: file, record, replay }: GlobalFlags): Promise<Config> {
  const loaded = await house.loadConfig(file);
  if (loaded.kind === 'faults') {
    throw new WeaverFault(
      {
        code: 'badConfiguration',
        message: ['The configuration is not valid.', ...loaded.faults.map((fault) => `  ${fault}`)].join('\n'),
        next: 'Mend what is named; weaver doctor checks it.',
      },
      3,
    );
  }
  house.terminal.useRedactor(house.redactor(loaded.config));
  for (const warning of loaded.warnings)
    house.terminal.note(`${house.terminal.paintNote('yellow', 'warning')} ${warning}`);
  if (record !== undefined) return { ...loaded.config, recordings: { folder: resolve(record), mode: 'record' } };
  return replay === undefined ? loaded.config : { ...loaded.config, recordings: replayFrom(replay) };
}

function replayFrom(folder: string): NonNullable<Config['recordings']> {
  if (!existsSync(folder)) throw usageFault(`There is no folder ${folder}.`, 'Record into it first (--record FOLDER).');
  return { folder: resolve(folder), mode: 'replay' };
}

/** Each command is loaded when it is asked for: a status need not wait for what a run consists of. */
async function carry(context: Context, order: Exclude<Order, { kind: 'doctor' }>): Promise<number> {
  switch (order.kind) {
    case 'run':
      return await (await import('./run.js')).run(context, order.file, order.flags);
    case 'demo':
      return await (await import('./demo.js')).demo(context);
    case 'up':
      return await (await import('./serve.js')).up(context, order.ports);
    case 'worker':
      return await (await import('./serve.js')).worker(context);
    case 'status':
      return await (await import('./look.js')).status(context, order.id);
    case 'watch':
      return await (await import('./look.js')).watch(context, order.id, order.flags);
    case 'list':
      return await (await import('./look.js')).list(context, order.filters);
    case 'decisions':
      return await (await import('./look.js')).decisions(context, order.id);
    case 'diff':
      return await (await import('./artifacts.js')).diff(context, order.id);
    case 'logs':
      return await (await import('./artifacts.js')).logs(context, order.id, order.flags);
    case 'explain':
      return await (await import('./explain.js')).explain(context, order.id);
    case 'export':
      return await (await import('./export.js')).exportTask(context, order.id, order.flags);
    case 'events':
      return await (await import('./events.js')).events(context, order.flags);
    case 'graph':
      return await (await import('./graph.js')).graph(context, order.id, order.flags);
    case 'report':
      return await (await import('./report.js')).report(context, order.id, order.flags);
    case 'schedule':
      return await (await import('./schedule.js')).schedule(context, order.order);
    case 'shadow':
      return await (await import('./shadow.js')).shadow(context, order.flags);
    case 'compare':
      return await (await import('./compare.js')).compare(context, order.file, order.flags);
    case 'costs':
      return await (await import('./costs.js')).costs(context, order.flags);
    case 'clean':
      return await (await import('./clean.js')).clean(context, order.flags);
    default:
      return await carryPeople(context, order);
  }
}

/** One shape for programs: `run` and `demo` end with their report in any case, the others with the failure. */
function failed({ terminal }: House, { kind }: Order, { json }: GlobalFlags, fault: WeaverFault): number {
  const { shown, exitCode } = fault;
  terminal.note(`${terminal.paintNote('red', shown.code)} ${shown.message}`);
  if (shown.next !== '') terminal.note(`  ${shown.next}`);
  if (json) endInJson(terminal, kind === 'run' || kind === 'demo', fault);
  return exitCode;
}

function endInJson(terminal: Terminal, isRun: boolean, fault: WeaverFault): void {
  const { shown: failure, exitCode } = fault;
  terminal.json(isRun ? reportWithout(null, { state: 'notSubmitted', exitCode, fault }) : { exitCode, failure });
}

const faultOf = (thrown: unknown): WeaverFault =>
  thrown instanceof WeaverFault ? thrown : (systemFault(thrown) ?? unexpected(thrown));

/** Ours: the stack is what a report of it needs. */
function unexpected(thrown: unknown): WeaverFault {
  const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new WeaverFault(
    { code: 'internal', message, next: 'This is a defect of weaver; please report it with the lines above.' },
    9,
    { cause: thrown },
  );
}
