/**
 * A task has a place among those of its job that run side by side. While it waits for somebody it gives the place to others, and
 * before it goes on it takes one again; nobody who has a place waits for one who has none, so that all come to their end.
 */
import { condition, patched } from '@temporalio/workflow';
import type { WaitingOn } from '../domain/outcome.js';
import { restSignal } from './definitions.js';
import { isTold } from './tell-job.js';
import type { TaskRun } from './task-run.js';

/** Tasks that wait already, and their jobs, know of no places that are given back. */
const PLACES_PATCH = 'places-given-back';

/** A job that was ended by force gives no place any more: whoever waits asks again. Waiting for days costs few events so. */
const ASK_AGAIN_MS = 60 * 60_000;

/** Harmless twice. A task alone, and one whose job has gone, has nothing to give. */
export async function givePlaceBack(run: TaskRun, on: WaitingOn): Promise<void> {
  const { talk, input } = run;
  const { place } = input;
  if (place === undefined || talk.isResting || !patched(PLACES_PATCH)) return;
  talk.rests += 1;
  const request = { path: place.path, number: talk.rests, on };
  if (!(await isTold(place.jobId, (job) => job.signal(restSignal, request)))) talk.hearPlace(talk.rests);
}

/** Until there is a place; at once if it was not given back. */
export async function takePlace(run: TaskRun): Promise<void> {
  const { talk, input } = run;
  const { place } = input;
  if (place === undefined || !talk.isResting) return;
  const { rests: number } = talk;
  run.bookPlaceWait();
  while (talk.isResting) {
    const isThere = await isTold(place.jobId, (job) => job.signal(restSignal, { path: place.path, number, on: null }));
    if (!isThere) talk.hearPlace(number);
    else await condition(() => !talk.isResting, ASK_AGAIN_MS, { summary: 'waits for a place' });
  }
}

/** After a wait whose place the job itself had given to others, and which has ended without the job's word. */
export async function takePlaceAfterAll(run: TaskRun): Promise<void> {
  if (run.input.place === undefined || !patched(PLACES_PATCH)) return;
  run.talk.rests += 1;
  await takePlace(run);
}
