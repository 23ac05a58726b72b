/** What a task can be asked and told. A refused update leaves no event; an accepted one is recorded with who and why. */
import { setHandler } from '@temporalio/workflow';
import { defined } from '../domain/plain-object.js';
import {
  addInstructionUpdate,
  allowanceSignal,
  answerUpdate,
  approveUpdate,
  cancelSignal,
  decisionsQuery,
  goSignal,
  grantSignal,
  holdSignal,
  pauseUpdate,
  reportToSignal,
  resumeQuery,
  resumeUpdate,
  retryNowUpdate,
  setBudgetUpdate,
  statusQuery,
} from './definitions.js';
import type { AnswerRequest, ApproveRequest, BudgetRequest, Said, TaskStatus } from './messages.js';
import {
  limitWords,
  refusalOfAnswer,
  refusalOfBudget,
  refusalOfInstruction,
  refusalOfSaid,
  refuse,
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
  setHandler(holdSignal, ({ held, ...said }) => {
    talk.held = held ? said : null;
  });
  setHandler(reportToSignal, (jobId) => {
    run.reportsTo = jobId;
  });
  listenToPeople(run);
}

function listenToPeople(run: TaskRun): void {
  const { talk } = run;
  const told = (update: string, { by, why }: Said, detail = ''): TaskStatus => {
    run.book({ kind: 'said', update, by, why, detail });
    return run.status();
  };
  setHandler(answerUpdate, (request) => answered(run, request, request.answer), {
    validator: (request) => refuse(refusalOfAnswer(run, request)),
    description: 'Answers the open question.',
  });
  setHandler(approveUpdate, (request) => answered(run, request, request.approved === true ? 'approve' : 'reject'), {
    validator: (request) =>
      refuse(refusalOfAnswer(run, { ...request, answer: request.approved === true ? 'approve' : 'reject' })),
    description: 'Approves or rejects what the task asks for.',
  });
  setHandler(
    addInstructionUpdate,
    (request) => {
      talk.instructions.push(request.text);
      return told('addInstruction', request, request.text);
    },
    {
      validator: (request) => refuse(refusalOfInstruction(run, request)),
      description: 'One more thing to heed from the next attempt on.',
    },
  );
  setHandler(
    pauseUpdate,
    (said) => {
      talk.paused = said;
      return told('pause', said);
    },
    { validator: (said) => refuse(refusalOfSaid(run, said)), description: 'Nothing new is begun until resume.' },
  );
  setHandler(
    resumeUpdate,
    (said) => {
      talk.paused = null;
      return told('resume', said);
    },
    {
      validator: (said) =>
        refuse(refusalOfSaid(run, said) ?? (talk.paused === null ? 'The task is not paused.' : null)),
      description: 'Goes on after a pause.',
    },
  );
  setHandler(
    retryNowUpdate,
    (said) => {
      talk.isWoken = true;
      return told('retryNow', said);
    },
    {
      validator: (said) =>
        refuse(refusalOfSaid(run, said) ?? (run.isPausing ? null : 'The task does not wait for a retry.')),
      description: 'Ends the pause before the next attempt now.',
    },
  );
  setHandler(setBudgetUpdate, (request) => told('setBudget', request, changed(run, request)), {
    validator: (request) => refuse(refusalOfBudget(run, request)),
    description: 'New limits.',
  });
}

function answered(run: TaskRun, request: AnswerRequest | ApproveRequest, answer: string): TaskStatus {
  const questionId = request.questionId ?? run.talk.question?.id ?? '';
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
