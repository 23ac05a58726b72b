/**
 * Validates the task, fixes what the attempt starts from and writes its prompt.
 * Harmless twice: the mirror is a cache, and the same base gives the same specification and prompt, stored by content.
 */
import { cancellationSignal } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { defaultBranch } from '../domain/branch-name.js';
import { filesToShow, instructionPaths, PROMPT_FILES_BYTES_MAX, structureLines } from '../domain/choose-files.js';
import { excerpt } from '../domain/check-output.js';
import { buildPrompt, PROMPT_VERSION, type PromptFile } from '../domain/prompt.js';
import type { ModelChoice, TaskSpec } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import { PortFault, type ProviderSettings, type RemoteState, type TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { OpenInput, Opened } from './contract.js';

/** One file's share of the prompt. */
const FILE_BYTES_MAX = 100_000;
/** What is shown of a failed check's output: enough for several stack traces. */
const EVIDENCE_CHARACTERS_MAX = 12_000;

export const createOpenWorkspace =
  (ports: ActivityPorts) =>
  async (input: OpenInput, ...specParts: readonly string[]): Promise<Opened> => {
    const startedAt = Date.now();
    const { git, settings, artifacts } = ports;
    const asked = settings.parseSpec(fromTextParts(specParts));
    const { repo } = asked;
    const models = asked.models.length > 0 ? asked.models : settings.defaultModels;
    const provider = settings.provider(rung(models, input.attempt));
    const branch = repo.branch ?? defaultBranch(asked.title, input.suffix);
    const remote = await git.open({ url: repo.url, baseBranch: repo.baseBranch, branch, signal: cancellationSignal() });
    if (remote.baseBranch === branch) throw new PortFault('protectedBranch', `${branch} is the base branch.`, false);
    const entries = await git.list(repo.url, remote.baseTree);
    const spec = await withChecks(ports, asked, remote, entries);
    const [specRef, promptRef] = await Promise.all([
      artifacts.put('spec', JSON.stringify(spec)),
      writePrompt(ports, spec, remote, entries, input),
    ]);
    return {
      by: settings.identity,
      startedAt,
      endedAt: Date.now(),
      spec: specRef,
      title: spec.title,
      limits: spec.limits,
      models,
      provider: provider.name,
      model: provider.model,
      prompt: promptRef,
      promptVersion: PROMPT_VERSION,
      url: repo.url,
      baseBranch: remote.baseBranch,
      branch,
      baseCommit: remote.baseCommit,
      baseTree: remote.baseTree,
      branchTip: remote.branchTip,
      checks: (spec.checks ?? []).map(({ name }) => name),
      warnings: warningsOf(spec, provider),
    };
  };

/** Attempt n asks the n-th model of the ladder, the last one from then on. */
function rung(models: readonly ModelChoice[], attempt: number): ModelChoice {
  const choice = models[Math.min(attempt, models.length) - 1];
  if (choice === undefined) throw new PortFault('unknownProvider', 'No provider is configured.', false);
  return choice;
}

async function withChecks(
  { git, detectChecks, pathsForDetection }: ActivityPorts,
  spec: TaskSpec,
  remote: RemoteState,
  entries: readonly TreeEntry[],
): Promise<TaskSpec> {
  if (spec.checks !== undefined) return spec;
  const paths = new Set(entries.map(({ path }) => path));
  const contents = await git.read(
    spec.repo.url,
    remote.baseTree,
    pathsForDetection.filter((path) => paths.has(path)),
  );
  return { ...spec, checks: detectChecks(paths, (path) => contents.get(path)?.bytes.toString('utf8')) };
}

async function writePrompt(
  ports: ActivityPorts,
  spec: TaskSpec,
  remote: RemoteState,
  entries: readonly TreeEntry[],
  input: OpenInput,
) {
  const { git, artifacts } = ports;
  const words = [spec.title, spec.description, ...spec.acceptanceCriteria].join('\n');
  const shown = filesToShow(entries, spec.relatedFiles, words);
  const instructions = instructionPaths(entries, shown);
  const contents = await git.read(spec.repo.url, remote.baseTree, [...new Set([...shown, ...instructions])]);
  const show = (path: string): PromptFile => promptFile(path, contents.get(path)?.bytes);
  const evidence = input.last?.evidence ?? null;
  const messages = buildPrompt({
    spec,
    instructions: instructions.map(show),
    structure: structureLines(entries),
    files: withinBudget(shown.filter((path) => !instructions.includes(path)).map(show)),
    last:
      input.last === null
        ? null
        : {
            attempt: input.attempt - 1,
            failure: input.last.failure,
            evidence:
              evidence === null
                ? null
                : excerpt((await artifacts.get(evidence)).toString('utf8'), EVIDENCE_CHARACTERS_MAX),
          },
    fence: createHash('sha256').update(remote.baseTree).update(input.taskId).digest('hex').slice(0, 12),
  });
  return await artifacts.put('prompt', JSON.stringify(messages));
}

function promptFile(path: string, bytes: Buffer | undefined): PromptFile {
  if (bytes === undefined) return { path, text: '(no such file)', cut: false };
  if (bytes.includes(0)) return { path, text: null, cut: false };
  const cut = bytes.length > FILE_BYTES_MAX;
  return { path, text: bytes.subarray(0, FILE_BYTES_MAX).toString('utf8'), cut };
}

function withinBudget(files: readonly PromptFile[]): readonly PromptFile[] {
  let left = PROMPT_FILES_BYTES_MAX;
  return files.map((file) => {
    const text = file.text?.slice(0, Math.max(0, left)) ?? null;
    left -= file.text?.length ?? 0;
    return text === file.text ? file : { ...file, text, cut: true };
  });
}

function warningsOf(spec: TaskSpec, provider: ProviderSettings): readonly string[] {
  return [
    ...((spec.checks ?? []).length === 0 ? ['no checks were found: the gate can only see that the edits apply'] : []),
    ...(provider.price === undefined
      ? [`no price is configured for ${provider.name}: cost is counted in tokens only`]
      : []),
  ];
}
