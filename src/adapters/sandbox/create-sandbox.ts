/** Which sandbox this host has, and what to say when it is less than wished for. */
import { PortFault, type Sandbox } from '../../ports.js';
import { probeBubblewrap } from './bubblewrap.js';
import { createPlainSandbox } from './plain.js';
import { runCommand, type RunCommand } from './run-command.js';

export interface SandboxOptions {
  /** `auto` takes what there is, `required` refuses to go without, `none` does not ask. */
  readonly mode: 'auto' | 'required' | 'none';
  /** What child processes may know of the worker's environment: never a key. */
  readonly environment: Readonly<Record<string, string>>;
  /** The weaver home, which commands must not see. */
  readonly home: string;
  /** Files and folders of the worker's own which commands must not see either: keys of endpoints, one that signs. */
  readonly secrets?: readonly string[];
  /** Starts the commands; by default this very process does. */
  readonly run?: RunCommand;
}

/** Faults: sandboxMissing. The warning belongs into every outcome; it is null where nothing better was wished for. */
export async function createSandbox({
  mode,
  environment,
  home,
  secrets = [],
  run = runCommand,
}: SandboxOptions): Promise<{ readonly sandbox: Sandbox; readonly warning: string | null }> {
  if (mode === 'none') return { sandbox: createPlainSandbox(environment, run), warning: null };
  const probe = await probeBubblewrap({ environment, home, secrets, start: run });
  if (probe.kind === 'works') return { sandbox: probe.sandbox, warning: null };
  if (mode === 'required')
    throw new PortFault('sandboxMissing', `bubblewrap cannot be used here: ${probe.says}.`, false);
  return {
    sandbox: createPlainSandbox(environment, run),
    warning: `no sandbox (bubblewrap: ${probe.says}): checks ran with the network and the rights of the worker`,
  };
}
