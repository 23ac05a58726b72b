/**
 * Handler `script`: a program in the task's work tree, told the task as JSON; what it has changed there is the new snapshot.
 * Harmless twice: the work tree is made equal to the base first, whatever a killed run has left in it, and only one process
 * of a host works in it at a time.
 */
import { createHash } from 'node:crypto';
import { excerpt, signatureSource } from '../domain/check-output.js';
import { failure, type FailureCode } from '../domain/failures.js';
import { missingProgram } from '../domain/missing-program.js';
import type { ArtifactRef } from '../domain/outcome.js';
import type { TaskBrief } from '../domain/task-brief.js';
import type { ScriptSpec, TaskSpec } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import type { CommandResult } from '../ports.js';
import { parseScriptAnswer, type ScriptAnswer } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import { runAnswering } from './answered-command.js';
import { captureWork, notSetUp, refuse, type Splitting, type Work } from './capture-work.js';
import type { Exchange, Made, WorkInput } from './contract.js';
import { readSpec } from './stored-spec.js';
import { kept, prepareSetUp, type Place } from './work-place.js';

/** Of what it printed, as evidence and for people. */
const SHOWN_CHARACTERS = 60_000;
const QUESTION_CHARACTERS_MAX = 2_000;

/** What a script's end means. */
const EXIT = { done: 0, failed: 1, question: 2, never: 3 } as const;

export const createRunScript =
  (ports: ActivityPorts) =>
  async (input: WorkInput, ...exchangeParts: readonly string[]): Promise<Made> => {
    const startedAt = Date.now();
    const exchanges = fromTextParts(exchangeParts) as readonly Exchange[];
    const work = await ports.alone(input.lineage, () => runScript(ports, input, exchanges));
    return { ...work, by: ports.settings.identity, startedAt, endedAt: Date.now() };
  };

type ScriptWork = Work | Splitting | Pick<Extract<Made, { kind: 'question' }>, 'kind' | 'text' | 'log'>;

async function runScript(ports: ActivityPorts, input: WorkInput, exchanges: readonly Exchange[]): Promise<ScriptWork> {
  const spec = await readSpec(ports.artifacts, input.spec);
  if (spec.script === undefined) return await refuse(ports, 'invalidTask', 'The task names no script.');
  const { lineage, baseCommit, baseTree } = input;
  const snapshot = { lineage, baseCommit, baseTree, tree: baseTree };
  const prepared = await prepareSetUp(ports, snapshot, spec);
  if (prepared.kind === 'setupFailed') return notSetUp(prepared);
  const { place } = prepared;
  const brief = JSON.parse((await ports.artifacts.get(input.brief)).toString('utf8')) as TaskBrief;
  const ran = await carryOut(ports, spec.script, place, told(input, brief, place, exchanges));
  return await outcomeOf(ports, { spec, input, place, ran });
}

/** What stands on the script's standard input. */
const told = (
  { taskId, attempt, branch, baseBranch, baseCommit }: WorkInput,
  brief: TaskBrief,
  { directory }: Place,
  answers: readonly Exchange[],
): string =>
  JSON.stringify({ ...brief, taskId, attempt, branch, baseBranch, baseCommit, workspace: directory, answers });

interface Ran {
  readonly result: CommandResult;
  readonly output: string;
  /** Both outputs, for people and for the next attempt. */
  readonly log: ArtifactRef;
  readonly signature: string;
}

async function carryOut(
  ports: ActivityPorts,
  { run, timeoutSeconds, network }: ScriptSpec,
  place: Place,
  input: string,
): Promise<Ran> {
  const command = { name: 'script', run, timeoutSeconds, isLong: true };
  const { result, bytes, output } = await runAnswering(ports, command, network, place, input);
  const errors = bytes.toString('utf8');
  const end = result.timedOut ? `stopped after ${timeoutSeconds} s` : `exit code ${result.exitCode ?? 'none, killed'}`;
  const text = `$ ${run}\n${shownPart(errors)}${shownPart(output)}(${end})\n`;
  const source = `${end}\n${signatureSource(`${errors}\n${output}`)}`;
  const signature = `script ${createHash('sha256').update(source).digest('hex').slice(0, 16)}`;
  return { result, output, log: await ports.artifacts.put('log', text), signature };
}

function shownPart(text: string): string {
  if (text.trim() === '') return '';
  const shown = excerpt(text, SHOWN_CHARACTERS);
  return shown.endsWith('\n') ? shown : `${shown}\n`;
}

interface Ended {
  readonly spec: TaskSpec;
  readonly input: WorkInput;
  readonly place: Place;
  readonly ran: Ran;
}

async function outcomeOf(ports: ActivityPorts, { spec, input, place, ran }: Ended): Promise<ScriptWork> {
  const { result, output } = ran;
  const answer = parseScriptAnswer(output);
  switch (result.exitCode) {
    case EXIT.done:
      return await doneWork(ports, { spec, input, place, ran }, answer);
    case EXIT.question:
      return questionOf(answer, output, ran);
    case EXIT.never:
      return failed('scriptRefused', saidIn(answer, output), ran);
    default:
      return await failedToRun(ports, ran, spec.script?.run ?? '');
  }
}

const failed = (code: FailureCode, says: string, { log, signature }: Ran): Work => ({
  kind: 'failed',
  failure: failure(code, says),
  signature: code === 'scriptFailed' ? signature : code,
  evidence: log,
});

async function doneWork(
  ports: ActivityPorts,
  { spec, input, place, ran }: Ended,
  answer: ScriptAnswer,
): Promise<ScriptWork> {
  if (answer.kind === 'malformed') return failed('malformedAnswer', answer.says, ran);
  // What it has changed in the work tree goes with it: the children begin at the base.
  if (answer.kind === 'plan')
    return { kind: 'plan', answer: await ports.artifacts.put('answer', ran.output), log: ran.log };
  const work = await captureWork(ports, {
    spec,
    workspace: input.lineage,
    baseTree: input.baseTree,
    keep: await kept(place),
    message: answer.kind === 'answer' ? answer.commitMessage : '',
    ...(answer.kind === 'answer' ? { edits: answer.edits } : {}),
  });
  return work.kind === 'made' ? { ...work, log: ran.log } : work;
}

/** A script that asks without a question has failed: so ends a line that the shell cannot read. */
function questionOf(answer: ScriptAnswer, output: string, ran: Ran): ScriptWork {
  const text = saidIn(answer, output);
  if (text === '')
    return failed('scriptFailed', 'Exit code 2, which asks a person, without a question on the output.', ran);
  return { kind: 'question', text, log: ran.log };
}

function saidIn(answer: ScriptAnswer, output: string): string {
  const said = answer.kind === 'answer' ? answer.question || answer.summary : output;
  return excerpt(said.trim(), QUESTION_CHARACTERS_MAX).toWellFormed();
}

async function failedToRun({ artifacts }: ActivityPorts, ran: Ran, run: string): Promise<Work> {
  const { result, log } = ran;
  const text = (await artifacts.get(log)).toString('utf8');
  if (missingProgram(run, result.exitCode, text) === null)
    return failed(
      'scriptFailed',
      result.timedOut ? 'It was stopped at its time limit.' : `Exit code ${result.exitCode ?? 'none, killed'}.`,
      ran,
    );
  const lastLine = (text.trim().split('\n').at(-2) ?? '').slice(0, 300);
  return failed('programMissing', `The script ended with exit code ${result.exitCode}: ${lastLine}`, ran);
}
