/** Sizes of history: one attempt, and a task that gives up after five. */
import { createRequire } from 'node:module';
import { BenchWorld, ruleFor, taskFor } from './bench-world.mjs';
import { figure, round } from './figures.mjs';
import { histogramOf } from './timeline.mjs';

const require = createRequire(import.meta.url);
const { temporal: protos } = require('@temporalio/proto');

export const name = 'history';

const EVENTS_MAX = 60;
const PAYLOAD_BYTES_MAX = 8 * 1_024;

export default async function (context) {
  const wrong = ruleFor('Bench five attempts.');
  const script = [ruleFor('Bench one attempt.'), { ...wrong, answers: wrong.answers.map(makeWrong) }];
  const world = await BenchWorld.start(context, script);
  try {
    await Promise.all([world.startWorker(), world.connect()]);
    const repository = world.repository('history');
    const one = await historyOf(context, world, repository, 'Bench one attempt.', 'completed');
    const five = await historyOf(context, world, repository, 'Bench five attempts.', 'failed');
    return {
      figures: [
        figure('events of a task of one attempt', one.task.events, 'events', { atMost: EVENTS_MAX }),
        figure('history of a task of one attempt', one.task.kilobytes, 'KB'),
        figure('largest payload of it', one.task.largestPayloadBytes, 'bytes', { atMost: PAYLOAD_BYTES_MAX }),
        figure('events of its job', one.job.events, 'events'),
        figure('events of a task of five attempts', five.task.events, 'events'),
        figure('history of a task of five attempts', five.task.kilobytes, 'KB'),
      ],
      oneAttempt: one,
      fiveAttempts: five,
    };
  } finally {
    await world.stop();
  }
}

function makeWrong(answer) {
  const { edits, ...rest } = answer.value;
  return { ...answer, value: { ...rest, edits: edits.map((edit) => ({ ...edit, content: 'still wrong\n' })) } };
}

async function historyOf({ say }, world, repository, title, state) {
  say(`history: ${title}`);
  const branch = title
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const job = await world.client.submit(taskFor(title, repository.url, branch));
  const result = await world.client.result(job.jobId);
  if (result.state !== state) throw new Error(`${title} ended ${result.state}: ${JSON.stringify(result)}`);
  const [jobHistory, taskHistory] = await Promise.all(
    [job.jobId, job.taskId].map((id) => world.temporal.workflow.getHandle(id).fetchHistory()),
  );
  return { job: sizesOf(jobHistory), task: sizesOf(taskHistory), attempts: result.task.attempts };
}

function sizesOf(history) {
  const bytes = protos.api.history.v1.History.encode(history).finish().length;
  return {
    events: history.events.length,
    kilobytes: round(bytes / 1_024),
    largestPayloadBytes: Math.max(0, ...payloadBytes(history)),
    histogram: histogramOf(history, protos.api.enums.v1.EventType),
  };
}

/** Sizes of everything that looks like a payload: data with its metadata. */
function payloadBytes(value) {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const own = value.data instanceof Uint8Array && value.metadata ? [value.data.length] : [];
  return [...own, ...Object.values(value).flatMap(payloadBytes)];
}
