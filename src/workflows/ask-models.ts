/**
 * Asks models a question, in any of the modes, without a task: for clients that want the answer itself. Every call is in the
 * ledger under the workflow's own id, so that asking again under the same id pays nothing again.
 */
import { ApplicationFailure, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Called, CallInput, Question } from '../activities/contract.js';
import { ASK_MODES, type AskSpec, type ModeResult } from '../domain/ask-mode.js';
import { lineageOf } from '../domain/lineage.js';
import type { PromptMessage } from '../domain/prompt.js';
import { fieldOf } from '../domain/task.js';
import { textParts } from '../domain/text-parts.js';
import { digestLook, judgeOf, scored } from './modes/judging.js';
import { runMode, type Asking } from './modes/run-mode.js';
import { callOneOfSeveral, storeQuestion } from './proxies.js';
import { paidCall } from './steps.js';

/** Start input of the workflow `askModels`; at most 256 KB. */
export interface AskInput {
  readonly schemaVersion: 1;
  /** The question: a text, or whole messages. */
  readonly prompt: string | readonly PromptMessage[];
  readonly ask: AskSpec;
  /** JSON schema that answers must have: others are no good answers, and abstain in a consensus. */
  readonly schema?: Readonly<Record<string, unknown>>;
}

export async function askModels(input: AskInput): Promise<ModeResult<Called>> {
  refuseUnfit(input);
  const { ask } = input;
  const lineage = lineageOf(workflowInfo().workflowId);
  const question = await storeQuestion(
    ...textParts({ prompt: input.prompt, schema: input.schema, models: namedIn(ask) }),
  );
  const named = (index: number) => question.models[index] ?? { provider: '', model: '' };
  const settled = { ...ask, models: ask.models.map((_, index) => named(index)) };
  const result = await runMode(settled, askingOf(settled, lineage, question, named(ask.models.length)));
  setCurrentDetails(describe(result));
  return result;
}

/** It comes from a client, perhaps of another language: what cannot be asked ends at once, and says why. */
function refuseUnfit(input: unknown): void {
  const ask = fieldOf(input, 'ask');
  const says = !ASK_MODES.some((mode) => mode === fieldOf(ask, 'mode'))
    ? `ask.mode must be one of ${ASK_MODES.join(', ')}.`
    : Array.isArray(fieldOf(ask, 'models'))
      ? null
      : 'ask.models must be a list of { provider, model }.';
  if (says !== null) throw ApplicationFailure.nonRetryable(says, 'invalidTask');
}

/** The judge comes last. */
const namedIn = ({ models, judge }: AskSpec) => [...models, ...(judge === undefined ? [] : [judge])];

/**
 * @param question the name that its calls are named after
 * @param lookAtEdits where edits are asked for; absent = any text is
 */
export function askingOf(
  { mode, judge, vote = {} }: AskSpec,
  lineage: string,
  { prompt, schema }: Question,
  judgeModel: Question['models'][number],
  question = 'q',
  lookAtEdits?: Asking['look'],
): Asking {
  const look = lookAtEdits ?? digestLook(lineage);
  const expected = lookAtEdits === undefined ? ({ expects: 'text' } as const) : {};
  const form = { ...expected, ...(schema === null ? {} : { schema }) };
  const judging = { run: NOBODY, lineage, prompt, name: question };
  const isScored = vote.strategy === 'maxScore' || vote.strategy === 'scoreSum';
  return {
    call: ({ provider, model = '' }, index) => {
      const name = `${question}.m${index + 1}`;
      const asked: CallInput = { lineage, name, prompt, provider, model, repairs: null, ...form };
      const what = `${mode}: ${provider}/${model}`;
      if (mode === 'single' || mode === 'fallback') return paidCall(NOBODY, what, asked);
      return paidCall(NOBODY, what, { ...asked, purpose: 'candidate' }, callOneOfSeveral);
    },
    look: mode === 'consensus' && isScored && judge !== undefined ? scored(judging, judgeModel, look) : look,
    ...(judge === undefined || isScored ? {} : { judge: judgeOf(judging, judgeModel) }),
  };
}

/** There is no task with an account of its own: the ledger has it all. */
const NOBODY = { bookCall: (): void => undefined };

function describe({ mode, results, winner, failure, vote }: ModeResult<Called>): string {
  const said = results.map(({ provider, model, status }) => `${provider}/${model ?? ''}: ${status}`).join(', ');
  if (winner === null) return `${mode}: no answer (${failure?.failure.code ?? ''}). ${said}`;
  return `${mode}: ${winner.provider}/${winner.model ?? ''}${vote?.kind === 'decided' ? `, ${vote.reason}` : ''}. ${said}`;
}
