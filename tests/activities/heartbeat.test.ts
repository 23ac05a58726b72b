import { Context } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { beat, heartbeatInterceptor } from '../../src/activities/heartbeat.js';
import { until } from '../client/until.js';

/** What the server is told while an activity runs that does this. */
async function beatsOf(
  work: (context: Context, beats: readonly unknown[]) => Promise<void>,
): Promise<readonly unknown[]> {
  const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 60 });
  const beats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => beats.push(details));
  await environment.run(async () => {
    const context = Context.current();
    await heartbeatInterceptor(context).execute?.({ args: [], headers: {} }, async () => await work(context, beats));
  });
  return beats;
}

it('beats by itself, so that a cancel is heard by an activity that says nothing', async () => {
  const beats = await beatsOf((_, so) => until(() => so.length >= 2, 'two beats'));
  expect(beats.slice(0, 2)).toEqual([undefined, undefined]);
});

it('goes on saying how far the activity has come', async () => {
  const beats = await beatsOf(async (context, so) => {
    beat(context, { bytes: 5, tokens: 1 });
    await until(() => so.length >= 3, 'three beats');
  });
  expect(new Set(beats.map((details) => JSON.stringify(details)))).toEqual(new Set(['{"bytes":5,"tokens":1}']));
});
