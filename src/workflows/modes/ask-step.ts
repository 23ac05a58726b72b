/** A step of a task that is asked in a way of its own (`modes` of the task): an agent's turn, a judgement, a choice. */
import type { Called, CallInput, NamedModel } from '../../activities/contract.js';
import type { AskSpec, ModeResult } from '../../domain/ask-mode.js';
import { failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import { callModel, callOneOfSeveral } from '../proxies.js';
import { paidCall } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { budgetOf, entryOf, isAlone, mendable, outcomeOf } from './ask-turn.js';
import { lookAtVerdict, runMode, type Looked } from './run-mode.js';

interface StepQuestion {
  /** `a1.t3`; the calls are named after it. */
  readonly name: string;
  /** For people, such as `turn 3`. */
  readonly what: string;
  readonly request: Omit<CallInput, 'name' | 'provider' | 'model'>;
  /** What an answer is worth, and which others say the same. */
  readonly look: (call: Called) => Promise<Looked>;
}

type StepAsked =
  | {
      readonly kind: 'asked';
      readonly call: Called;
      /** Who has given the answer: a complaint about it goes back there. */
      readonly of: NamedModel;
      readonly reason: string;
    }
  | { readonly kind: 'none'; readonly outcome: Outcome };

/** The answer to go on with. One that is no good one is given back where nobody has a better one: somebody may mend it. */
export async function askStep(run: TaskRun, spec: AskSpec, question: StepQuestion): Promise<StepAsked> {
  const { name } = question;
  const budget = budgetOf(run);
  const asked = await runMode(spec, {
    call: (choice, index) => callOf(run, spec, question, { model: '', ...choice }, index),
    look: question.look,
    mayCall: budget.mayCall,
  });
  const entry = entryOf(name, spec, asked);
  const taken = asked.winner ?? mendable(asked);
  if (taken === null) {
    const outcome = budget.refused() ?? outcomeOf(run, asked);
    // What is only waited for is asked again, and on record then.
    if (outcome.kind !== 'blocked') run.book(entry);
    return { kind: 'none', outcome };
  }
  if (tellsSomething(asked)) run.book(entry);
  const { provider, model } = spec.models[taken.index] ?? {};
  const of = { provider: provider ?? taken.provider, model: model ?? taken.call.model };
  return { kind: 'asked', call: taken.call, of, reason: entry.reason };
}

/** Hundreds of turns that the first model has answered are no news. */
const tellsSomething = ({ results, winner }: ModeResult<Called>): boolean =>
  winner === null || results.filter(({ status }) => status !== 'skipped').length > 1;

async function callOf(
  run: TaskRun,
  spec: AskSpec,
  { name, what, request }: StepQuestion,
  { provider, model }: NamedModel,
  index: number,
): Promise<Called> {
  const purpose = isAlone(spec) || request.purpose !== undefined ? {} : ({ purpose: 'candidate' } as const);
  const input: CallInput = { ...request, ...purpose, name: `${name}.m${index + 1}`, provider, model };
  const summary = `${what}: ${spec.mode}, ${index + 1} of ${spec.models.length} (${model})`.slice(0, 120);
  return await paidCall(run, summary, input, isAlone(spec) ? callModel : callOneOfSeveral);
}

/** Turns are the same if their calls do the same. One with a call that is none is worse than any other. */
export async function lookAtTools(call: Called): Promise<Looked> {
  const { verdict } = call;
  if (verdict.kind !== 'tools') return await lookAtVerdict(call);
  if (verdict.key === null) return { kind: 'bad', failure: failure('malformedAnswer', verdict.words) };
  return { kind: 'good', key: verdict.key ?? call.answer.sha256, text: verdict.words };
}

/** Who is asked, in a few words. */
export const wordsOf = ({ mode, models }: AskSpec): string => {
  const names = models.map(({ provider, model }) => model ?? provider);
  return mode === 'single' ? (names[0] ?? mode) : `${mode} of ${names.join(', ')}`.slice(0, 200);
};
