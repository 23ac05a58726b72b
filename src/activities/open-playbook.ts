/** The playbook of a task: its own, the file that it names, the repository's usual one, or the default. */
import { DEFAULT_PLAYBOOK, USUAL_PLAYBOOK, type Playbook } from '../domain/playbook.js';
import type { TaskSpec } from '../domain/task.js';
import { PortFault, type TreeEntry } from '../ports.js';
import { parsePlaybook, showFault } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';

/** The specification with the steps in it. Throws PortFault invalidPlaybook with every fault: a broken one is never passed over. */
export async function withPlaybook(
  ports: ActivityPorts,
  spec: TaskSpec,
  tree: string,
  entries: readonly TreeEntry[],
): Promise<TaskSpec> {
  if (spec.handler !== 'playbook') return spec;
  const { playbook } = spec;
  if (playbook !== undefined && 'steps' in playbook) return spec;
  const file = playbook?.file ?? USUAL_PLAYBOOK;
  const isThere = entries.some(({ path }) => path === file);
  if (!isThere && playbook !== undefined)
    throw new PortFault('invalidPlaybook', `${file}: there is no such file.`, false);
  return { ...spec, playbook: isThere ? await read(ports, spec, tree, file) : DEFAULT_PLAYBOOK };
}

async function read({ git }: ActivityPorts, spec: TaskSpec, tree: string, file: string): Promise<Playbook> {
  const found = (await git.read(spec.repo.url, tree, [file])).get(file);
  const text = found?.bytes.toString('utf8') ?? '';
  const checks = spec.checks?.map(({ name }) => name) ?? null;
  const parsed = parsePlaybook(text, Object.keys(spec.variables ?? {}), checks);
  if (parsed.kind === 'ok') return parsed.playbook;
  const says = parsed.faults.map((fault) => showFault(fault, file, 'the playbook')).join('\n');
  throw new PortFault('invalidPlaybook', says, false);
}
