/**
 * Validates the task, fixes what the attempt starts from and writes its prompt.
 * Harmless twice: the mirror is a cache, and the same base gives the same specification and prompt, stored by content.
 */
import { cancellationSignal } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import picomatch from 'picomatch';
import { AGENT_PROMPT_VERSION, buildAgentPrompt } from '../domain/agent-prompt.js';
import type { AskSpec, StepRules } from '../domain/ask-mode.js';
import { defaultBranch } from '../domain/branch-name.js';
import { chooseByRule } from '../domain/choose-handler.js';
import { filesToShow, instructionPaths, PROMPT_FILES_BYTES_MAX, structureLines } from '../domain/choose-files.js';
import { excerpt } from '../domain/check-output.js';
import { priceOn } from '../domain/costs.js';
import type { Prerequisite } from '../domain/job.js';
import { buildHandlerPrompt } from '../domain/handler-prompt.js';
import type { TaskWords } from '../domain/map/focus.js';
import { buildPlanPrompt, PLAN_PROMPT_VERSION } from '../domain/plan-prompt.js';
import {
  buildPrompt,
  PROMPT_VERSION,
  type PromptFile,
  type PromptMessage,
  type PromptParts,
} from '../domain/prompt.js';
import { depthOf, mayBeSplit } from '../domain/proposal.js';
import { SPLIT_PROMPT_VERSION } from '../domain/split-prompt.js';
import { BRIEF_VERSION, taskBrief } from '../domain/task-brief.js';
import { asksModel, fieldOf, FREE_HANDLERS, type Handler, type ModelChoice, type TaskSpec } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import { PortFault, type ProviderSettings, type RemoteState, type TreeEntry } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { NamedModel, OpenContext, OpenInput, Opened } from './contract.js';
import { isSigned } from './is-signed.js';
import { contentWarnings } from './missing-content.js';
import { openAgent } from './open-agent.js';
import { withPlaybook } from './open-playbook.js';
import { repositoryMap } from './repository-map.js';
import { readSpec } from './stored-spec.js';

/** One file's share of the prompt. */
const FILE_BYTES_MAX = 100_000;
/** Enough to see what a prerequisite did; who needs more builds on its branch. */
const PATCHES_MAX = 4;
const PATCH_CHARACTERS_MAX = 4_000;
/** Of related files in the first message of a conversation, which every turn sends again. */
const AGENT_FILES_BYTES_MAX = 40_000;
/** What is shown of a failed check's output: enough for several stack traces. */
const EVIDENCE_CHARACTERS_MAX = 12_000;

export const createOpenWorkspace =
  (ports: ActivityPorts) =>
  async (input: OpenInput, ...contextParts: readonly string[]): Promise<Opened> => {
    const startedAt = Date.now();
    const { git, settings, artifacts } = ports;
    const context = contextOf(fromTextParts(contextParts));
    const { spec: given, agent, prompt: agentPrompt } = openAgent(ports, await specOf(ports, context, input), input);
    const wanted = await choiceFor(ports, given, input);
    const asked = wanted?.kind === 'chosen' ? { ...given, handler: wanted.handler } : given;
    const { repo } = asked;
    // Found before anything is paid for; what lands later must not have nowhere to go.
    if (asked.landing?.pullRequest !== undefined) ports.forge.ensureKnown(repo.url);
    if (isSigned(asked, settings)) await git.ensureSigns();
    const models = !asksModel(asked.handler) ? [] : asked.models.length > 0 ? asked.models : settings.defaultModels;
    const provider = asksModel(asked.handler) ? settings.provider(rung(models, input.attempt)) : null;
    const handler = provider === null ? asked.handler : handlerFor(asked.handler, provider);
    const isWithoutTools = provider !== null && wanted?.kind !== 'asked' && handler !== asked.handler;
    const handlerChoice = isWithoutTools ? withoutTools(provider) : wanted;
    const branch = repo.branch ?? defaultBranch(asked.title, input.suffix);
    const ground = await groundOf(ports, asked, context, branch);
    const { remote } = ground;
    if (remote.baseBranch === branch) throw new PortFault('protectedBranch', `${branch} is the base branch.`, false);
    const entries = await git.list(repo.url, ground.shownTree);
    const placed = withTrust({ ...asked, handler }, ground, context);
    const checked = await withChecks(ports, placed, ground.shownTree, entries);
    const spec = await withPlaybook(ports, checked, ground.shownTree, entries);
    const splits = offersSplit(spec, input);
    const [specRef, promptRef, unlikeClone] = await Promise.all([
      artifacts.put('spec', JSON.stringify(spec)),
      writePrompt(ports, spec, ground.shownTree, entries, input, { ...context, agentPrompt, splits }),
      contentWarnings(git, repo.url, ground.shownTree, entries),
    ]);
    return {
      by: settings.identity,
      startedAt,
      endedAt: Date.now(),
      spec: specRef,
      title: spec.title,
      limits: spec.limits,
      handler,
      ...(handlerChoice === undefined ? {} : { handlerChoice }),
      ...(agent === undefined ? {} : { agent }),
      ...choicesOf(spec),
      ...judgeOf(ports, spec, provider),
      ...askedOf(ports, spec, models),
      ...stepsOf(ports, spec),
      ...(splits ? { maySplit: true } : {}),
      models,
      provider: provider?.name ?? '',
      model: provider?.model ?? '',
      prompt: promptRef,
      promptVersion: splits ? `${versionOf(handler)}+${SPLIT_PROMPT_VERSION}` : versionOf(handler),
      url: repo.url,
      baseBranch: remote.baseBranch,
      branch,
      baseCommit: remote.baseCommit,
      baseTree: remote.baseTree,
      branchTip: remote.branchTip,
      ...(mayRebase(spec, ground, context) ? { rebases: true } : {}),
      ...(spec.landing?.pullRequest === undefined ? {} : { pullRequest: true }),
      ...(ground.parents.length === 0 ? {} : { parents: ground.parents }),
      checks: (spec.checks ?? []).map(({ name }) => name),
      warnings: [...[...ground.warnings, ...unlikeClone].map(bounded), ...warningsOf(spec, provider, asked.handler)],
      ...(settings.repositoryPlaces === undefined ? {} : { repositoryPlaces: settings.repositoryPlaces }),
    };
  };

/** Histories from before there was a context have the specification alone. */
function contextOf(value: unknown): OpenContext {
  const spec = fieldOf(value, 'spec');
  if (spec === undefined || fieldOf(value, 'title') !== undefined)
    return { spec: value, prerequisites: [], instructions: [] };
  return value as OpenContext;
}

/** What a step of weaver has stored was made from a validated one. */
async function specOf(
  { settings, artifacts }: ActivityPorts,
  { spec, specRef }: OpenContext,
  input: OpenInput,
): Promise<TaskSpec> {
  const asked = specRef === undefined ? settings.parseSpec(spec) : await readSpec(artifacts, specRef);
  return input.handler === undefined ? asked : { ...asked, handler: input.handler };
}

const choicesOf = ({ people, alternatives, decider, shadowDecider }: TaskSpec) => ({
  ...(people === undefined ? {} : { people }),
  ...(alternatives === undefined ? {} : { alternatives }),
  ...(decider === undefined ? {} : { decider }),
  ...(shadowDecider === undefined ? {} : { shadowDecider }),
});

/** Criteria that no command tells; the task's own model judges them if no other is named. */
function judgeOf(
  { settings }: ActivityPorts,
  { judge, acceptanceCriteria, criterionChecks = [], modes }: TaskSpec,
  own: ProviderSettings | null,
): Pick<Opened, 'judge'> {
  const criteria = withoutCommand({ acceptanceCriteria, criterionChecks });
  if (judge === undefined || criteria.length === 0) return {};
  const [first] = modes?.judge?.models ?? [];
  const choice = judge === true ? first : judge;
  const named =
    choice === undefined ? (own ?? settings.provider(rung(settings.defaultModels, 1))) : settings.provider(choice);
  return { judge: { provider: named.name, model: named.model, criteria } };
}

/** Numbers, from 1. */
function withoutCommand({
  acceptanceCriteria,
  criterionChecks = [],
}: Pick<TaskSpec, 'acceptanceCriteria' | 'criterionChecks'>): readonly number[] {
  const told = new Set(criterionChecks.map(({ criterion }) => criterion));
  return acceptanceCriteria.map((_text, index) => index + 1).filter((number) => !told.has(number));
}

/** Only what stands on the tip of the base branch alone: what goes on with a branch, or with others' work, stays on that. */
const mayRebase = (
  { landing, baseCommit, handler }: TaskSpec,
  { remote }: Ground,
  { stackOn = [] }: OpenContext,
): boolean =>
  landing?.onMovedBase !== 'keep' &&
  baseCommit === undefined &&
  remote.branchTip === null &&
  stackOn.length === 0 &&
  !mergesOf(handler);

/** Anew for each attempt: the stored specification of a child has its parent's. A commit that is named may be on any branch. */
function withTrust(spec: TaskSpec, { remote }: Ground, { stackOn = [] }: OpenContext): TaskSpec {
  const { ownSetup: _, ...plain } = spec;
  const isBaseBranch = stackOn.length === 0 && spec.baseCommit === undefined && remote.baseCommit !== remote.branchTip;
  return isBaseBranch ? plain : { ...plain, ownSetup: true };
}

/** Who is asked beside the model of the attempt, by name: a provider that is not there is found before anything is paid for. */
function askedOf({ settings }: ActivityPorts, spec: TaskSpec, models: readonly ModelChoice[]) {
  const { candidates, shadow = settings.shadow, modes } = spec;
  const named = namer(settings);
  const ask = (spec.handler === 'plan' ? modes?.plan : undefined) ?? spec.ask;
  return {
    ...(ask === undefined ? {} : { ask: settled(ask, models, named) }),
    ...(candidates === undefined || candidates < 2 ? {} : { candidates: inTurn(models.map(named), candidates) }),
    ...(shadow === undefined ? {} : { shadow: { rate: shadow.rate, gate: shadow.gate, ...named(shadow.model) } }),
  };
}

/** The same for the steps that are asked in a way of their own. A plan is what its handler asks for in every turn. */
function stepsOf({ settings }: ActivityPorts, { modes, models: own }: TaskSpec): Pick<Opened, 'steps'> {
  if (modes === undefined) return {};
  const models = own.length > 0 ? own : settings.defaultModels;
  const { plan: _plan, ...others } = modes;
  const steps = Object.entries(others).map(([step, rules]) => [step, settled(rules, models, namer(settings))] as const);
  return steps.length === 0 ? {} : { steps: Object.fromEntries(steps) };
}

type Namer = (choice: ModelChoice) => NamedModel;

const namer =
  (settings: ActivityPorts['settings']): Namer =>
  (choice) => {
    const { name: provider, model } = settings.provider(choice);
    return { provider, model };
  };

const settled = (
  { models: own, judge, ...rules }: StepRules,
  models: readonly ModelChoice[],
  named: Namer,
): AskSpec => ({
  ...rules,
  ...(judge === undefined ? {} : { judge: named(judge) }),
  models: (own ?? models).map(named),
});

/** One after the other, and again from the first. */
const inTurn = (all: readonly NamedModel[], count: number): readonly NamedModel[] =>
  Array.from({ length: count }, (_, index) => all[index % all.length]).flatMap((one) => one ?? []);

/** Nothing to choose where the file does not say so, or once it is settled. */
async function choiceFor(
  { settings, artifacts }: ActivityPorts,
  spec: TaskSpec,
  input: OpenInput,
): Promise<Opened['handlerChoice']> {
  const { chooseHandler } = spec;
  const named = FREE_HANDLERS.find((name) => name === spec.handler);
  if (chooseHandler === undefined || named === undefined || input.handler !== undefined) return undefined;
  const { rules, model } = chooseHandler;
  const chosen = chooseByRule(spec, rules, (path, glob) => picomatch(glob, { dot: true })(path));
  if (chosen !== null) return { kind: 'chosen', ...chosen };
  const { choose } = spec.modes ?? {};
  const asked = choose === undefined ? model : (choose.models ?? spec.models)[0];
  if (asked === undefined && choose === undefined) return { kind: 'chosen', handler: named, reason: 'no rule holds' };
  const provider = settings.provider(asked ?? rung(settings.defaultModels, 1));
  const messages = buildHandlerPrompt(spec, fenceFor(spec.repo.url, wordOf(input)));
  const prompt = await artifacts.put('prompt', JSON.stringify(messages));
  return { kind: 'asked', provider: provider.name, model: provider.model, prompt };
}

const wordOf = ({ lineage, taskId }: OpenInput): string => lineage ?? taskId;

/** A word that no text of the task can know, the same for the same task and what goes on with it. */
const fenceFor = (...parts: readonly string[]): string =>
  parts
    .reduce((hash, part) => hash.update(part), createHash('sha256'))
    .digest('hex')
    .slice(0, 12);

/** What the attempt starts from. */
interface Ground {
  readonly remote: RemoteState;
  /** What the prompt shows, and where checks are looked for: what the task has before it, which may be more than its base. */
  readonly shownTree: string;
  readonly parents: readonly string[];
  readonly warnings: readonly string[];
}

async function groundOf(
  { git }: ActivityPorts,
  spec: TaskSpec,
  { stackOn = [], prerequisites }: OpenContext,
  branch: string,
): Promise<Ground> {
  const { url, baseBranch } = spec.repo;
  const signal = cancellationSignal();
  const below = stackOn.length === 1 ? stackOn[0] : undefined;
  const start = below === undefined ? { baseBranch, baseCommit: spec.baseCommit } : { baseBranch: below };
  const remote = await git.open({ url, ...start, branch, signal });
  const plain: Ground = { remote, shownTree: remote.baseTree, parents: [], warnings: [] };
  if (mergesOf(spec.handler)) {
    const branches = prerequisites.flatMap(({ branch: made }) => made ?? []);
    const all = [...new Set([...branches, ...(spec.merge ?? [])])];
    return { ...plain, shownTree: (await git.merge({ url, base: remote.baseCommit, branches: all, signal })).tree };
  }
  if (stackOn.length < 2) return plain;
  const merged = await git.merge({ url, base: remote.baseCommit, branches: stackOn, signal });
  if (merged.kind === 'merged') {
    const { tree, tips } = merged;
    return { ...plain, remote: { ...remote, baseTree: tree }, shownTree: tree, parents: tips };
  }
  const unfit = merged.between.unfit.map((tip) => tip.branch).join(', ');
  const warning = `the branches of the prerequisites conflict (${unfit}): the task starts without them`;
  return { ...plain, warnings: [warning] };
}

/** A warning is a line of the status. */
const WARNING_CHARACTERS_MAX = 300;

const bounded = (warning: string): string => warning.slice(0, WARNING_CHARACTERS_MAX);

const mergesOf = (handler: Handler): boolean => handler === 'join' || handler === 'resolve';

/** Attempt n asks the n-th model of the ladder, the last one from then on. */
function rung(models: readonly ModelChoice[], attempt: number): ModelChoice {
  const choice = models[Math.min(attempt, models.length) - 1];
  if (choice === undefined) throw new PortFault('unknownProvider', 'No provider is configured.', false);
  return choice;
}

async function withChecks(
  { git, detectChecks, pathsForDetection }: ActivityPorts,
  spec: TaskSpec,
  tree: string,
  entries: readonly TreeEntry[],
): Promise<TaskSpec> {
  if (spec.checks !== undefined) return spec;
  const paths = new Set(entries.map(({ path }) => path));
  const contents = await git.read(
    spec.repo.url,
    tree,
    pathsForDetection.filter((path) => paths.has(path)),
  );
  return { ...spec, checks: detectChecks(paths, (path) => contents.get(path)?.bytes.toString('utf8')) };
}

interface PromptContext extends OpenContext {
  readonly agentPrompt: string;
  /** Whether it offers to split the task. */
  readonly splits: boolean;
}

async function writePrompt(
  ports: ActivityPorts,
  spec: TaskSpec,
  tree: string,
  entries: readonly TreeEntry[],
  input: OpenInput,
  { prerequisites, instructions: added, agentPrompt, splits }: PromptContext,
) {
  const { git, artifacts, settings } = ports;
  if (!asksModel(spec.handler)) {
    const brief = taskBrief({ spec, prerequisites, added, last: await lastOf(ports, input), agentPrompt });
    return await artifacts.put('prompt', JSON.stringify(brief));
  }
  const words = [spec.title, spec.description, ...spec.acceptanceCriteria].join('\n');
  const shown = filesToShow(entries, spec.relatedFiles, words);
  const map = await repositoryMap(ports, { url: spec.repo.url, tree, entries, words: wordsOf(spec, added) });
  const instructions = instructionPaths(entries, [...shown, ...map.likeliest]);
  const contents = await git.read(spec.repo.url, tree, [...new Set([...shown, ...instructions])]);
  const show = (path: string): PromptFile => promptFile(path, contents.get(path)?.bytes);
  const parts: PromptParts = {
    spec,
    protect: settings.protect,
    ...(agentPrompt === '' ? {} : { agentPrompt }),
    prerequisites,
    work: await workOf(ports, prerequisites),
    added,
    instructions: instructions.map(show),
    structure: structureLines(entries),
    map: map.lines,
    // Who has tools reads what is wanted; what a person has named is wanted.
    files: withinBudget(
      shown
        .filter(
          (path) => !instructions.includes(path) && (spec.handler !== 'agent' || spec.relatedFiles.includes(path)),
        )
        .map(show),
      spec.handler === 'agent' ? AGENT_FILES_BYTES_MAX : PROMPT_FILES_BYTES_MAX,
    ),
    last: await lastOf(ports, input),
    fence: fenceFor(tree, wordOf(input)),
    ...(splits ? { splitDepth: depthOf(input.taskId) } : {}),
  };
  const messages = messagesFor(spec.handler, parts, input);
  return await artifacts.put('prompt', JSON.stringify(messages));
}

/** Only who is asked to do the task is offered to split it. */
const offersSplit = (spec: TaskSpec, { taskId }: OpenInput): boolean =>
  (spec.handler === 'one-shot' || spec.handler === 'agent') && mayBeSplit(spec, taskId);

/** What people have added counts like the description. */
const wordsOf = (spec: TaskSpec, added: readonly string[]): TaskWords => ({
  title: spec.title,
  description: [spec.description, ...added].join('\n'),
  criteria: spec.acceptanceCriteria,
  relatedFiles: spec.relatedFiles,
});

function messagesFor(handler: Handler, parts: PromptParts, { taskId }: OpenInput): readonly PromptMessage[] {
  if (handler === 'plan') return buildPlanPrompt({ ...parts, depth: depthOf(taskId) });
  return handler === 'agent' ? buildAgentPrompt(parts) : buildPrompt(parts);
}

function versionOf(handler: Handler): string {
  if (!asksModel(handler)) return BRIEF_VERSION;
  if (handler === 'plan') return PLAN_PROMPT_VERSION;
  return handler === 'agent' ? AGENT_PROMPT_VERSION : PROMPT_VERSION;
}

/** The patches of the first prerequisites. Another host may have them: the branch is named all the same. */
async function workOf(
  { artifacts }: ActivityPorts,
  prerequisites: readonly Prerequisite[],
): Promise<NonNullable<PromptParts['work']>> {
  const withPatch = prerequisites.filter(({ diff }) => diff != null).slice(0, PATCHES_MAX);
  const read = withPatch.map(async ({ id, diff }) => {
    const bytes = diff == null ? null : await artifacts.get(diff).catch(unlessMissing);
    return bytes === null ? null : { id, patch: excerpt(bytes.toString('utf8'), PATCH_CHARACTERS_MAX) };
  });
  return (await Promise.all(read)).filter((each) => each !== null);
}

function unlessMissing(thrown: unknown): null {
  if (thrown instanceof PortFault && thrown.code === 'infrastructure') return null;
  throw thrown;
}

async function lastOf({ artifacts }: ActivityPorts, { last, attempt }: OpenInput): Promise<PromptParts['last']> {
  if (last === null) return null;
  const { failure, evidence } = last;
  const text = evidence === null ? null : (await artifacts.get(evidence)).toString('utf8');
  return { attempt: attempt - 1, failure, evidence: text === null ? null : excerpt(text, EVIDENCE_CHARACTERS_MAX) };
}

function promptFile(path: string, bytes: Buffer | undefined): PromptFile {
  if (bytes === undefined) return { path, text: '(no such file)', cut: false };
  if (bytes.includes(0)) return { path, text: null, cut: false };
  const cut = bytes.length > FILE_BYTES_MAX;
  return { path, text: bytes.subarray(0, FILE_BYTES_MAX).toString('utf8'), cut };
}

function withinBudget(files: readonly PromptFile[], charactersMax: number): readonly PromptFile[] {
  let left = charactersMax;
  return files.map((file) => {
    const text = file.text?.slice(0, Math.max(0, left)) ?? null;
    left -= file.text?.length ?? 0;
    return text === file.text ? file : { ...file, text, cut: true };
  });
}

/** An endpoint without tools is asked for one answer with all edits. */
const handlerFor = (handler: Handler, { level }: ProviderSettings): Handler =>
  handler === 'agent' && level !== 'tools' ? 'one-shot' : handler;

const withoutTools = ({ name, level }: ProviderSettings): Opened['handlerChoice'] => ({
  kind: 'chosen',
  handler: 'one-shot',
  reason: `${name} has no tools (level ${level})`,
});

function warningsOf(spec: TaskSpec, provider: ProviderSettings | null, wanted: Handler): readonly string[] {
  const unseen = spec.judge === undefined ? withoutCommand(spec) : [];
  return [
    ...(provider === null || spec.handler === wanted
      ? []
      : [`${provider.name} has the level ${provider.level}, without tools: the task is done in one answer`]),
    ...((spec.checks ?? []).length === 0 ? ['no checks were found: the gate can only see that the edits apply'] : []),
    ...(provider !== null && priceOn(provider.price, Date.now()) === null
      ? [`no price is configured for ${provider.name}: cost is counted in tokens only`]
      : []),
    ...(unseen.length === 0
      ? []
      : [`nobody looks at acceptance criteria ${unseen.join(', ')}: give each a check, or set judge: true`]),
  ];
}
