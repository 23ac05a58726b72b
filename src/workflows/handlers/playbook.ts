/** Handler `playbook`: a list of commands does the work; then the checks and the landing, as for everybody's work. */
import type { Opened } from '../../activities/contract.js';
import type { Outcome } from '../../domain/outcome.js';
import { runPlaybook } from '../proxies.js';
import { checkBaseline, setupOutcome } from '../steps.js';
import type { TaskRun } from '../task-run.js';
import { isFree, unheld } from '../wait.js';
import { bookWork, landMade, redOutcome, workFailed, workInput, type Work } from './made-work.js';
import { proposal } from './plan.js';

export async function playbook(run: TaskRun, opened: Opened): Promise<Outcome> {
  // Before it, not beside it: both work in the one work tree of the task.
  const baseline = await checkBaseline(run, opened);
  if (baseline.kind === 'setupFailed') return setupOutcome(baseline);
  const work = run.steps.made ?? (await carryOut(run, opened));
  if (work.kind !== 'made') return work;
  return (await redOutcome(run, opened, baseline, work)) ?? (await landMade(run, opened, work));
}

async function carryOut(run: TaskRun, opened: Opened): Promise<Work | Outcome> {
  if (run.steps.proposed !== undefined) return await proposal(run, opened, {});
  if (!isFree(run)) await unheld(run);
  const { attempt } = run;
  run.enter('working', `attempt ${attempt}: the playbook is running`);
  const options = { activityId: `a${attempt}.playbook`, summary: `attempt ${attempt}: playbook` };
  const made = await runPlaybook.executeWithOptions(options, [workInput(run, opened)]);
  if (made.kind === 'question') throw new TypeError('a playbook asks nothing');
  if (made.kind === 'plan') return await proposal(run, opened, { answer: made.answer });
  return made.kind === 'made' ? bookWork(run, made) : workFailed(made);
}
