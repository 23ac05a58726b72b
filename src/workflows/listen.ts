/** What a task can be asked and told. A refused update leaves no event; an accepted one is recorded with who and why. */
import { setHandler } from '@temporalio/workflow';
import { DONE, SPLIT } from '../domain/outcome.js';
import { defined } from '../domain/plain-object.js';
import {
  addInstructionUpdate,
  allowanceSignal,
  answerUpdate,
  approveUpdate,
  cancelSignal,
  deadlineSignal,
  decisionsQuery,
  doneUpdate,
  goSignal,
  grantSignal,
  holdSignal,
  pauseUpdate,
  placeSignal,
  reportToSignal,
  resumeQuery,
  resumeUpdate,
  retryNowUpdate,
  setBudgetUpdate,
  statusQuery,
} from './definitions.js';
import { onUpdate } from './heard.js';
import type { AnswerRequest, ApproveRequest, BudgetRequest, InstructionRequest, Said, TaskStatus } from './messages.js';
import {
  limitWords,
  refusalOfAnswer,
  refusalOfBudget,
  refusalOfDone,
  refusalOfInstruction,
  refusalOfPlan,
  refusalOfSaid,
} from './refusals.js';
import type { TaskRun } from './task-run.js';

export function listen(run: TaskRun): void {
  const { talk } = run;
  setHandler(statusQuery, () => run.status());
  setHandler(decisionsQuery, () => run.decisions);
  setHandler(resumeQuery, (request) => run.resumePoint(request));
  // Names the reason; the cancel itself follows from the job (docs/decisions/0008).
  setHandler(cancelSignal, (request) => {
    run.cancel ??= request;
  });
  setHandler(grantSignal, (grant) => {
    talk.grant = grant;
  });
  setHandler(goSignal, (go) => talk.hearGo(go));
  setHandler(allowanceSignal, (answer) => talk.hearAllowance(answer));
  setHandler(holdSignal, (hold) => talk.hearHold(hold));
  setHandler(placeSignal, ({ number }) => talk.hearPlace(number));
  setHandler(reportToSignal, (jobId) => {
    run.reportsTo = jobId;
  });
  setHandler(deadlineSignal, (at, order) => {
    if (!talk.isLate('deadline', order)) run.changeDeadline(at);
  });
  listenToPeople(run);
}

function listenToPeople(run: TaskRun): void {
  const { talk, heard } = run;
  const told = (update: string, { by, why }: Said, detail = ''): TaskStatus => {
    run.book({ kind: 'said', update, by, why, detail });
    return run.status();
  };
  onUpdate(heard, answerUpdate, (request) => answered(run, request, request.answer), {
    refusal: (request) => refusalOfAnswer(run, request),
    description: 'Answers the open question.',
  });
  onUpdate(heard, approveUpdate, (request) => answered(run, request, wordOf(request)), {
    refusal: (request) => refusalOfAnswer(run, { ...request, answer: wordOf(request) }),
    description: 'Approves or rejects what the task asks for.',
  });
  onUpdate(heard, doneUpdate, (said, ...plan) => done(run, said, plan), {
    refusal: (said, ...plan) => refusalOfDone(run, said) ?? refusalOfPlan(plan),
    description: 'The work that the task asks a person for is done, or the task is to be split.',
  });
  const instructed = (request: InstructionRequest): TaskStatus => {
    talk.instructions.push(request.text);
    return told('addInstruction', request, request.text);
  };
  onUpdate(heard, addInstructionUpdate, instructed, {
    refusal: (request) => refusalOfInstruction(run, request),
    description: 'One more thing to heed from the next attempt on.',
  });
  const held = (update: string, paused: Said | null, said: Said): TaskStatus => {
    talk.paused = paused;
    return told(update, said);
  };
  onUpdate(heard, pauseUpdate, (said) => held('pause', said, said), {
    refusal: (said) => refusalOfSaid(run, said),
    description: 'Nothing new is begun until resume.',
  });
  onUpdate(heard, resumeUpdate, (said) => held('resume', null, said), {
    refusal: (said) => refusalOfSaid(run, said) ?? (talk.paused === null ? 'The task is not paused.' : null),
    description: 'Goes on after a pause.',
  });
  const woken = (said: Said): TaskStatus => {
    talk.isWoken = true;
    return told('retryNow', said);
  };
  onUpdate(heard, retryNowUpdate, woken, {
    refusal: (said) => refusalOfSaid(run, said) ?? (run.isPausing ? null : 'The task does not wait for a retry.'),
    description: 'Ends the pause before the next attempt now.',
  });
  onUpdate(heard, setBudgetUpdate, (request) => told('setBudget', request, changed(run, request)), {
    refusal: (request) => refusalOfBudget(run, request),
    description: 'New limits.',
  });
}

function done(run: TaskRun, said: Said, plan: readonly string[]): TaskStatus {
  const { talk } = run;
  if (talk.question !== null) talk.hearPlan(talk.question.id, plan);
  return answered(run, said, plan.length === 0 ? DONE : SPLIT);
}

const wordOf = ({ approved }: ApproveRequest): string => (approved === true ? 'approve' : 'reject');

function answered(run: TaskRun, request: AnswerRequest | ApproveRequest | Said, answer: string): TaskStatus {
  const named = 'questionId' in request ? request.questionId : undefined;
  const questionId = named ?? run.talk.question?.id ?? '';
  const { by, why } = request;
  const entry = { questionId, answer, by, why, at: Date.now() };
  run.talk.answer(entry);
  // What a person says of a rejected work is the best evidence for the next attempt.
  if (answer === 'reject' && why !== '') run.talk.instructions.push(why);
  run.book({ kind: 'answered', ...entry });
  return run.status();
}

/** The new limits in words. */
function changed(run: TaskRun, { costUsdMicros, tokens, attempts, wallTimeSeconds }: BudgetRequest): string {
  const limits = defined({ costUsdMicros, tokens, attempts, wallTimeSeconds });
  run.changeLimits(limits);
  return limitWords(limits);
}
