/**
 * The tool that runs something: a check of the task or any command, on the snapshot as it is. What it changes in files is gone
 * with the next checkout, and what it changes in the home and in what the set-up has left is gone before anybody judges.
 * Harmless twice: one at a time works in the work tree of a task, and what came of the same command on the same snapshot is
 * remembered.
 */
import { excerpt } from '../domain/check-output.js';
import { listed } from '../domain/edit-paths.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { TOOL_LIMITS, type ToolUse } from '../domain/tools.js';
import type { CheckSpec } from '../domain/task.js';
import { PortFault } from '../ports.js';
import { hashOf } from './json-hash.js';
import { refusal, type Bench, type ToolResult } from './tool-bench.js';
import { outputPath } from './tool-reading.js';
import { kept, prepareSetUp, runLogged, type Place, type SetupFailed } from './work-place.js';

interface Ran {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly durationMs: number;
  readonly log: ArtifactRef;
  /** Files that it has changed, which is gone. */
  readonly discarded: readonly string[];
}

export async function runCommand(
  bench: Bench,
  { what, timeoutSeconds }: Extract<ToolUse, { tool: 'run' }>,
): Promise<ToolResult> {
  const { spec, ports } = bench;
  const check = (spec.checks ?? []).find(({ name }) => name === what.trim());
  const usual = check?.timeoutSeconds ?? TOOL_LIMITS.commandSeconds;
  const command = { name: 'tool', run: check?.run ?? what, timeoutSeconds: timeoutSeconds ?? usual };
  const name = memoryName(bench, command);
  const known = await recall(bench, name);
  if (known !== null) return describe(known.ran, known.output);
  const ran = await ports.alone(bench.input.lineage, () => carryOut(bench, command));
  if ('kind' in ran) return refusal(`The set-up of the task failed: ${ran.failure.detail}`);
  await ports.records.remember(name, ran);
  return describe(ran, await outputOf(bench, ran.log));
}

async function carryOut({ ports, spec, input, tree }: Bench, command: CheckSpec): Promise<Ran | SetupFailed> {
  const { lineage, baseCommit, baseTree } = input;
  const prepared = await prepareSetUp(ports, { lineage, baseCommit, baseTree, tree }, spec, 'as left');
  if (prepared.kind === 'setupFailed') return prepared;
  const { place } = prepared;
  const { result, log } = await runLogged(ports, command, false, place);
  const { exitCode, timedOut, durationMs } = result;
  return { exitCode, timedOut, durationMs, log, discarded: await discardedIn({ ports, spec, input, tree }, place) };
}

/** Git looks at each file: of more than this that takes longer than most commands do. */
const FILES_LOOKED_AT_MAX = 20_000;
/** Of paths: a model needs to see that something is gone, and what kind of thing. */
const DISCARDED_MAX = 10;
/** What runners and compilers leave lying; nobody takes it for work. */
const LEFT_BY_TOOLS =
  /(?:^|\/)(?:__pycache__|\.\w+_cache|node_modules|target|dist|build|coverage|\.coverage)(?:\/|$)|\.pyc$/;

async function discardedIn({ ports, spec, input, tree }: Bench, place: Place): Promise<readonly string[]> {
  const { url } = spec.repo;
  if ((await ports.git.list(url, tree)).length > FILES_LOOKED_AT_MAX) return [];
  const changed = await ports.git.changed({ url, workspace: input.lineage, keep: await kept(place) });
  return changed.filter((path) => !LEFT_BY_TOOLS.test(path)).slice(0, DISCARDED_MAX + 1);
}

/** A model that has used `sed -i` would go on as if it had worked. */
function discardedWords(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const more = paths.length > DISCARDED_MAX ? ' and more' : '';
  const names = paths.slice(0, DISCARDED_MAX).map(listed).join(', ');
  return `\n(What a command does to files is not kept. This one has changed ${names}${more}; make such changes with edit_file, write_file or move_or_delete.)`;
}

/** The number is that of the shape remembered. */
const memoryName = ({ spec, input, tree, ports }: Bench, { run, timeoutSeconds }: CheckSpec): string => {
  const parts = [2, spec.repo.url, input.lineage, tree, run, timeoutSeconds, ports.sandbox.name];
  return `ran/${hashOf(parts, 40)}`;
};

async function recall(bench: Bench, name: string): Promise<{ readonly ran: Ran; readonly output: string } | null> {
  // Written below a name of this very shape only.
  const ran = ((await bench.ports.records.recall(name)) ?? null) as Ran | null;
  if (ran === null) return null;
  try {
    return { ran, output: await outputOf(bench, ran.log) };
  } catch (thrown) {
    // A log that is past its time: the command is run again.
    if (thrown instanceof PortFault && thrown.code === 'infrastructure') return null;
    throw thrown;
  }
}

/** As it was stored, which is without secrets. */
const outputOf = async ({ ports }: Bench, log: ArtifactRef): Promise<string> =>
  (await ports.artifacts.get(log)).toString('utf8');

function describe({ exitCode, timedOut, log, discarded }: Ran, output: string): ToolResult {
  const end = timedOut ? 'stopped at its time limit' : `exit code ${exitCode ?? 'none, killed'}`;
  const shown = excerpt(output, TOOL_LIMITS.outputBytes);
  const isCut = shown.length < output.length && Buffer.byteLength(output) > TOOL_LIMITS.outputBytes;
  const more = isCut ? `\n(read the rest with read_file, path "${outputPath(log.sha256)}")` : '';
  const body = shown.trim() === '' ? '(no output)' : shown.trimEnd();
  return { text: `${end}\n${body}${more}${discardedWords(discarded)}`, isError: exitCode !== 0 };
}
