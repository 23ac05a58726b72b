/**
 * Handler `playbook`: the steps of a playbook, one after the other, in the task's work tree; what they have changed there is the
 * new snapshot.
 * Harmless twice: all steps are taken again on a work tree made equal to the base, and only one process of a host works in it.
 */
import { createHash } from 'node:crypto';
import { excerpt, signatureSource } from '../domain/check-output.js';
import { holds } from '../domain/condition.js';
import { failure, type FailureCode } from '../domain/failures.js';
import { missingProgram } from '../domain/missing-program.js';
import { playbookFaults, variablesOf, type Playbook, type PlaybookStep, type Variables } from '../domain/playbook.js';
import { withVariables } from '../domain/shell-variables.js';
import type { CheckSpec, TaskSpec } from '../domain/task.js';
import type { CommandResult } from '../ports.js';
import { parseScriptAnswer } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import { runAnswering } from './answered-command.js';
import { captureWork, notSetUp, refuse, type Splitting, type Work } from './capture-work.js';
import type { Made, WorkInput } from './contract.js';
import { readSpec } from './stored-spec.js';
import { kept, prepareSetUp, runLogged, type Place } from './work-place.js';

/** Of one step's output in the account of all. */
const STEP_CHARACTERS = 8_000;

export const createRunPlaybook =
  (ports: ActivityPorts) =>
  async (input: WorkInput): Promise<Made> => {
    const startedAt = Date.now();
    const work = await ports.alone(input.lineage, () => runPlaybook(ports, input));
    return { ...work, by: ports.settings.identity, startedAt, endedAt: Date.now() };
  };

async function runPlaybook(ports: ActivityPorts, input: WorkInput): Promise<Work | Splitting> {
  const spec = await readSpec(ports.artifacts, input.spec);
  const { playbook } = spec;
  if (playbook === undefined || !('steps' in playbook))
    return await refuse(ports, 'invalidPlaybook', 'The specification has no steps.');
  // The checks that were detected are known only now.
  const names = (spec.checks ?? []).map(({ name }) => name);
  const faults = playbookFaults(playbook, Object.keys(spec.variables ?? {}), names);
  if (faults.length > 0)
    return await refuse(
      ports,
      'invalidPlaybook',
      faults.map(({ path, says }) => `${path.join('.')} ${says}`).join('; '),
    );
  const { lineage, baseCommit, baseTree } = input;
  const snapshot = { lineage, baseCommit, baseTree, tree: baseTree };
  const prepared = await prepareSetUp(ports, snapshot, spec);
  if (prepared.kind === 'setupFailed') return notSetUp(prepared);
  const { place } = prepared;
  const steps = await takeSteps(ports, { spec, playbook, place, variables: variablesFor(spec, playbook, input) });
  const log = await ports.artifacts.put('log', steps.map(({ words }) => words).join('\n'));
  const failed = steps.filter(({ state }) => state === 'failed');
  if (failed.length > 0) return failedWork(failed, log);
  // What the steps have changed in the work tree goes with it: the children begin at the base.
  const plan = steps.find(({ proposes }) => proposes !== undefined)?.proposes;
  if (plan !== undefined) return { kind: 'plan', answer: await ports.artifacts.put('answer', plan), log };
  const captured = { spec, workspace: input.lineage, baseTree: input.baseTree, keep: await kept(place), message: '' };
  const work = await captureWork(ports, captured);
  return work.kind === 'made' ? { ...work, log } : work;
}

function variablesFor(spec: TaskSpec, playbook: Playbook, input: WorkInput): Variables {
  const { taskId, branch, baseBranch, baseCommit, attempt } = input;
  const own = { title: spec.title, taskId, branch, baseBranch, baseCommit, attempt: String(attempt) };
  return variablesOf(playbook, spec.variables ?? {}, own);
}

interface Taking {
  readonly spec: TaskSpec;
  readonly playbook: Playbook;
  readonly place: Place;
  readonly variables: Variables;
}

interface Taken {
  readonly name: string;
  readonly state: 'passed' | 'skipped' | 'failed';
  /** The program of the step that the host lacks. */
  readonly missing: string | null;
  /** For people, and as evidence. */
  readonly words: string;
  readonly signature: string;
  /** The plan that the step has printed. */
  readonly proposes?: string;
}

async function takeSteps(ports: ActivityPorts, taking: Taking): Promise<readonly Taken[]> {
  const taken: Taken[] = [];
  for (const step of taking.playbook.steps) {
    const one = await takeStep(ports, taking, step);
    taken.push(one);
    if ((one.state === 'failed' && step.failFast) || one.proposes !== undefined) break;
  }
  return taken;
}

async function takeStep(ports: ActivityPorts, taking: Taking, step: PlaybookStep): Promise<Taken> {
  const { name, when = 'true' } = step;
  const held = holds(when, taking.variables);
  const nothing = { name, missing: null, signature: name };
  if (held.kind === 'fault')
    return { ...nothing, state: 'failed', words: `✗ ${name}: its condition (${when}) ${held.says}\n` };
  if (!held.holds) return { ...nothing, state: 'skipped', words: `- ${name}: skipped, ${when} does not hold\n` };
  for (let tries = 0; ; tries += 1) {
    const one = await tryStep(ports, taking, step, tries);
    if (one.state === 'passed' || tries >= step.retries) return one;
  }
}

async function tryStep(ports: ActivityPorts, taking: Taking, step: PlaybookStep, tries: number): Promise<Taken> {
  const { name } = step;
  const command = commandOf(taking, step);
  const { result, printed, proposed } = await runStep(ports, taking, step, command);
  const output = printed + (proposed?.output ?? '');
  const isPassed = result.exitCode === 0 && proposed?.fault === undefined;
  const again = tries === 0 ? '' : `, try ${tries + 1}`;
  const end = proposed?.fault ?? endOf(result, command);
  const text = excerpt(output, STEP_CHARACTERS).trimEnd();
  return {
    name,
    state: isPassed ? 'passed' : 'failed',
    // A check may be missing a program of the repository's own: that is its failure, and no other host's to mend.
    missing: step.check === undefined ? missingProgram(command.run, result.exitCode, output) : null,
    words: `${isPassed ? '✓' : '✗'} ${name}: ${end}${again}, ${result.durationMs} ms\n${text === '' ? '' : `${text}\n`}`,
    signature: `${name} ${end} ${signatureSource(output)}`,
    ...(isPassed && proposed?.isPlan === true ? { proposes: proposed.output } : {}),
  };
}

interface Proposed {
  readonly output: string;
  readonly isPlan: boolean;
  /** Why its output is none that a step may have. */
  readonly fault?: string;
}

interface StepRun {
  readonly result: CommandResult;
  readonly printed: string;
  /** Of a step that may propose. */
  readonly proposed: Proposed | null;
}

async function runStep(
  ports: ActivityPorts,
  { place }: Taking,
  { network, check, proposes }: PlaybookStep,
  command: CheckSpec,
): Promise<StepRun> {
  const isOnline = network && check === undefined;
  if (proposes !== true) {
    const { result, bytes } = await runLogged(ports, command, isOnline, place);
    return { result, printed: bytes.toString('utf8'), proposed: null };
  }
  const { result, bytes, output } = await runAnswering(ports, command, isOnline, place, null);
  // What a failed step has printed is no answer.
  const proposed = result.exitCode === 0 ? proposedIn(output) : { output, isPlan: false };
  return { result, printed: bytes.toString('utf8'), proposed };
}

/** A plan, or words for people. */
function proposedIn(output: string): Proposed {
  const answer = parseScriptAnswer(output);
  switch (answer.kind) {
    case 'none':
      return { output, isPlan: false };
    case 'plan':
      return { output, isPlan: true };
    case 'answer':
      return { output, isPlan: false, fault: 'it has printed an answer without children, and only proposes tasks' };
    case 'malformed':
      return { output, isPlan: false, fault: `its proposal cannot be read: ${answer.says}` };
    default:
      throw new TypeError(`unknown answer ${JSON.stringify(answer satisfies never)}`);
  }
}

/** A check is run as the gate runs it: as it stands in the task, without the network. */
function commandOf({ spec, variables }: Taking, { check, run, timeoutSeconds }: PlaybookStep): CheckSpec {
  if (check === undefined) return { name: 'step', run: withVariables(run, variables), timeoutSeconds };
  const found = (spec.checks ?? []).find(({ name }) => name === check);
  if (found === undefined) throw new TypeError(`no check ${check}`);
  return { ...found, name: 'step' };
}

const endOf = ({ exitCode, timedOut }: CommandResult, { timeoutSeconds }: CheckSpec): string =>
  timedOut ? `stopped after ${timeoutSeconds} s` : `exit code ${exitCode ?? 'none, killed'}`;

function failedWork(failed: readonly Taken[], log: Extract<Work, { kind: 'failed' }>['evidence']): Work {
  const source = failed.map(({ signature }) => signature).join('\n');
  const code: FailureCode = failed.some(({ missing }) => missing !== null) ? 'programMissing' : 'playbookFailed';
  return {
    kind: 'failed',
    failure: failure(code, failed.map(({ words }) => words.split('\n', 1)[0] ?? '').join('; ')),
    signature: `playbook ${createHash('sha256').update(source).digest('hex').slice(0, 16)}`,
    evidence: log,
  };
}
