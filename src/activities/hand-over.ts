/**
 * Handler `human`: a work tree of its own for the person, and what is taken from it.
 * Harmless twice: a work tree that is there for the same base is left as it is, with all that the person has done; taking only
 * looks at it.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { excerpt } from '../domain/check-output.js';
import { workspaceOfPerson } from '../domain/lineage.js';
import type { TaskBrief } from '../domain/task-brief.js';
import { fromTextParts } from '../domain/text-parts.js';
import { parsePlan } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import { DIFF_BYTES_MAX } from './apply-edits.js';
import { captureWork, FILES_MAX, refuse, type Splitting, type Work } from './capture-work.js';
import type { HandedOver, HandOverInput, Made, TakeInput } from './contract.js';
import { readSpec } from './stored-spec.js';

export const createHandOver =
  (ports: ActivityPorts) =>
  async (input: HandOverInput): Promise<HandedOver> => {
    const startedAt = Date.now();
    const path = await ports.alone(input.lineage, () => handOver(ports, input));
    const patch = patchFor(input.baseTree);
    const isMoved = await isThere(join(dirname(path), patch));
    await writeFile(join(dirname(path), 'TASK.md'), await wordsFor(ports, input, isMoved ? patch : null));
    return { path, host: hostname(), by: ports.settings.identity, startedAt, endedAt: Date.now() };
  };

export const createTakeWork =
  (ports: ActivityPorts) =>
  async (input: TakeInput, ...planParts: readonly string[]): Promise<Made> => {
    const startedAt = Date.now();
    const work = planParts.length === 0 ? await take(ports, input) : await takePlan(ports, planParts);
    return { ...work, by: ports.settings.identity, startedAt, endedAt: Date.now() };
  };

async function take(ports: ActivityPorts, { spec: ref, lineage, baseTree, message }: TakeInput): Promise<Work> {
  const spec = await readSpec(ports.artifacts, ref);
  return await captureWork(ports, { spec, workspace: workspaceOfPerson(lineage), baseTree, keep: [], message });
}

/** Any client may send one. What the person has done in the work tree goes with it: the children begin at the base. */
async function takePlan(ports: ActivityPorts, parts: readonly string[]): Promise<Work | Splitting> {
  const text = JSON.stringify(fromTextParts(parts));
  const parsed = parsePlan(text);
  if (parsed.kind === 'malformed') return await refuse(ports, 'invalidPlan', parsed.faults.join(' '));
  return { kind: 'plan', answer: await ports.artifacts.put('answer', text) };
}

/** On another base the person begins anew, with a patch of what they had done on the one before. */
async function handOver(ports: ActivityPorts, { lineage, spec, baseTree, baseCommit }: HandOverInput): Promise<string> {
  const mark = join(ports.taskFolder(lineage), 'handed-over.json');
  const before = await readMark(mark);
  if (before?.baseTree === baseTree && (await isFolder(before.path))) return before.path;
  const { repo } = await readSpec(ports.artifacts, spec);
  if (before !== null) await keepPatch(ports, repo.url, { lineage, before, baseTree });
  const request = {
    url: repo.url,
    workspace: workspaceOfPerson(lineage),
    commit: baseCommit,
    tree: baseTree,
    keep: [],
  };
  const path = await ports.git.checkout(request);
  await mkdir(dirname(mark), { recursive: true });
  await writeFile(mark, JSON.stringify({ baseTree, path } satisfies Mark));
  return path;
}

interface Moved {
  readonly lineage: string;
  readonly before: Mark;
  readonly baseTree: string;
}

/** Named by the new base, and the first one stays: a second run finds the work tree made equal to that already. */
async function keepPatch({ git }: ActivityPorts, url: string, { lineage, before, baseTree }: Moved): Promise<void> {
  const work = await git.capture({ url, workspace: workspaceOfPerson(lineage), keep: [], filesMax: FILES_MAX });
  if (work.kind !== 'captured' || work.tree === before.baseTree || work.tree === baseTree) return;
  const { patch } = await git.diff(url, before.baseTree, work.tree, DIFF_BYTES_MAX);
  const file = join(dirname(before.path), patchFor(baseTree));
  if (!(await isThere(file))) await writeFile(file, patch);
}

const patchFor = (baseTree: string): string => `before-${baseTree.slice(0, 12)}.patch`;

interface Mark {
  readonly baseTree: string;
  readonly path: string;
}

async function readMark(file: string): Promise<Mark | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Mark;
  } catch {
    // Not there, or torn by a crash: nobody was told of a work tree yet.
    return null;
  }
}

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => null)) !== null;
const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isDirectory() === true;

/** Of what the checks print: a person reads on in the log. */
const EVIDENCE_CHARACTERS = 8_000;

const listed = (title: string, items: readonly string[]): readonly string[] =>
  items.length === 0 ? [] : [`## ${title}\n\n${items.map((item) => `- ${item}`).join('\n')}`];

/** Beside the work tree, not in it. */
async function wordsFor(
  { artifacts }: ActivityPorts,
  { brief, evidence, taskId }: HandOverInput,
  patch: string | null,
): Promise<string> {
  const task = JSON.parse((await artifacts.get(brief)).toString('utf8')) as TaskBrief;
  const said = evidence === null ? null : (await artifacts.get(evidence)).toString('utf8');
  const found = said ?? task.lastFailure?.evidence ?? null;
  return `${[
    `# ${task.title}`,
    task.description,
    ...(task.agentPrompt === '' ? [] : [task.agentPrompt]),
    ...listed('Acceptance criteria', task.acceptanceCriteria),
    ...listed('Added while the task ran', task.instructions),
    ...listed(
      'Checks',
      task.checks.map(({ run }) => run),
    ),
    ...(patch === null ? [] : [`The base has moved. What you had done on the one before is in ${patch}.`]),
    ...(found === null ? [] : [`## What was found before\n\n\`\`\`\n${excerpt(found, EVIDENCE_CHARACTERS)}\n\`\`\``]),
    `When it is done: weaver done ${taskId} --message 'what was done'`,
    `If it is better done in parts: weaver done ${taskId} --children FILE`,
  ].join('\n\n')}\n`;
}
