/** Handler `script`: a program does the work; then the checks and the landing, as for everybody's work. */
import type { Exchange, Made, Opened } from '../../activities/contract.js';
import { failure } from '../../domain/failures.js';
import type { Outcome } from '../../domain/outcome.js';
import { textParts } from '../../domain/text-parts.js';
import { runScript } from '../proxies.js';
import { checkBaseline, setupOutcome } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { isFree, unheld } from '../wait.js';
import { bookWork, landMade, redOutcome, workFailed, workInput, type Work } from './made-work.js';
import { proposal } from './plan.js';
import { askInWords, QUESTIONS_MAX } from './talk-over.js';

export async function script(run: TaskRun, opened: Opened): Promise<Outcome> {
  // Before it, not beside it: both work in the one work tree of the task.
  const baseline = await checkBaseline(run, opened);
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  const work = run.steps.made ?? (await carriedOut(run, opened));
  if (work.kind !== 'made') return work;
  return (await redOutcome(run, opened, baseline, work)) ?? (await landMade(run, opened, work));
}

/** The work, or what stands in its place. After an answer the script begins anew, and is told all answers. */
async function carriedOut(run: TaskRun, opened: Opened): Promise<Work | Outcome> {
  const { asked = [], proposed } = run.steps;
  if (proposed !== undefined) return await proposal(run, opened, {});
  const open = asked.find(({ id }) => run.talk.answerTo(id) === null);
  if (open !== undefined) return askInWords(run, open.id, open.text, null);
  const made = await carryOut(
    run,
    opened,
    asked.map(({ id, text }) => ({ question: text, answer: run.talk.answerTo(id)?.answer ?? '' })),
  );
  switch (made.kind) {
    case 'made':
      return bookWork(run, made);
    case 'failed':
      return workFailed(made);
    case 'question':
      return ask(run, made, asked.length);
    case 'plan':
      return await proposal(run, opened, { answer: made.answer });
    default:
      throw new TypeError(`unknown work ${JSON.stringify(made satisfies never)}`);
  }
}

async function carryOut(run: TaskRun, opened: Opened, exchanges: readonly Exchange[]): Promise<Made> {
  if (!isFree(run)) await unheld(run);
  const { attempt } = run;
  run.enter('working', `attempt ${attempt}: the script is running`);
  const options = { activityId: `a${attempt}.script${exchanges.length}`, summary: `attempt ${attempt}: script` };
  return await runScript.executeWithOptions(options, [workInput(run, opened), ...textParts(exchanges)]);
}

function ask(run: TaskRun, { text, log }: Extract<Made, { kind: 'question' }>, before: number): Outcome {
  if (before >= QUESTIONS_MAX) {
    const failed = failure('scriptFailed', `It only asks: ${text}`);
    return { kind: 'failed', failure: failed, signature: 'onlyAsks', evidence: log };
  }
  const id = `a${run.attempt}.s${before + 1}`;
  run.bookStep({ asked: [...(run.steps.asked ?? []), { id, text }] });
  return askInWords(run, id, text, log);
}
