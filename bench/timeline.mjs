/** Where the time of a run went, from the times in its history: per step the wait for a worker, the work, the turn after it. */
import { median, round } from './figures.mjs';

const msOf = ({ seconds, nanos }) => Number(seconds ?? 0) * 1_000 + Number(nanos ?? 0) / 1e6;

/**
 * Steps in the order of their schedule: `queueMs` from scheduled to started, `workMs` from started to completed, `turnMs`
 * from completed to the end of the workflow task that heard of it. `atMs` counts from the workflow's start.
 */
export function stepsOf({ events }) {
  const origin = msOf(events[0].eventTime);
  const at = (event) => msOf(event.eventTime) - origin;
  const byId = new Map(events.map((event) => [Number(event.eventId), event]));
  const turnAfter = (event) =>
    events.find((later) => later.workflowTaskCompletedEventAttributes && Number(later.eventId) > Number(event.eventId));
  const steps = [];
  for (const event of events) {
    const completed = event.activityTaskCompletedEventAttributes;
    if (!completed) continue;
    const scheduled = byId.get(Number(completed.scheduledEventId));
    const started = byId.get(Number(completed.startedEventId));
    const turn = turnAfter(event);
    steps.push({
      step: scheduled.activityTaskScheduledEventAttributes.activityId,
      type: scheduled.activityTaskScheduledEventAttributes.activityType.name,
      atMs: at(scheduled),
      queueMs: at(started) - at(scheduled),
      workMs: at(event) - at(started),
      turnMs: turn === undefined ? 0 : at(turn) - at(event),
    });
  }
  return steps.toSorted((a, b) => a.atMs - b.atMs);
}

/** Milliseconds from the first event to the last. */
export const spanOf = ({ events }) => msOf(events.at(-1).eventTime) - msOf(events[0].eventTime);

/** From the start of the workflow to the end of its first workflow task. */
export function firstTurnOf({ events }) {
  const first = events.find((event) => event.workflowTaskCompletedEventAttributes);
  return msOf(first.eventTime) - msOf(events[0].eventTime);
}

/** Steps of many runs as one: the median of each figure by place in the order. */
export function medianSteps(runs) {
  const [first = []] = runs;
  return first.map(({ type }, place) => {
    const same = runs.flatMap((steps) => (steps[place] === undefined ? [] : [steps[place]]));
    const middle = (key) => round(median(same.map((step) => step[key])));
    return {
      type,
      atMs: middle('atMs'),
      queueMs: middle('queueMs'),
      workMs: middle('workMs'),
      turnMs: middle('turnMs'),
    };
  });
}

/** Number of events by type, the most frequent first. */
export function histogramOf({ events }, eventTypes) {
  const counts = {};
  for (const { eventType } of events) {
    const name = eventTypes[eventType].replace('EVENT_TYPE_', '').toLowerCase();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

/** The profile of weaver beside that of the floor, for people. The turn after a step includes the local activities in it. */
export function profileLines({ weaver, floor }) {
  const columns = ['at', 'queue', 'work', 'turn'];
  return [
    line('median ms', columns, columns),
    line('job, first turn', ['', '', '', weaver.jobFirstTurnMs], ['', '', '', floor.jobFirstTurnMs]),
    line('task, first turn', ['', '', '', weaver.taskFirstTurnMs], ['', '', '', floor.taskFirstTurnMs]),
    ...weaver.steps.map((step, place) => line(step.type, cellsOf(step), cellsOf(floor.steps[place]))),
    line('task, all', ['', '', weaver.taskMs, ''], ['', '', floor.taskMs, '']),
    line('job, all', ['', '', weaver.jobMs, ''], ['', '', floor.jobMs, '']),
  ];
}

const cellsOf = (step) => (step === undefined ? ['', '', '', ''] : [step.atMs, step.queueMs, step.workMs, step.turnMs]);

function line(name, ...sides) {
  const cells = sides.map((side) => side.map((value) => String(value).padStart(8)).join(''));
  return `${name.padEnd(18)}${cells.join('   |')}`;
}
