/**
 * Workers killed with SIGKILL while a comparison runs: every call is made, counted at the endpoint, and none is made twice.
 * 200 calls by `npm run soak`, a tenth in `npm test`.
 */
import type { ChildProcess } from 'node:child_process';
import type { ScriptRule } from '../../src/adapters/model/scripted';
import { readComparison } from '../../src/client/read-comparison';
import { WeaverClient } from '../../src/client/weaver-client';
import type { CompareSpec } from '../../src/domain/compare';
import { createArtifactStore } from '../../src/adapters/artifacts/artifact-store';
import { createRedactor } from '../../src/adapters/redact';
import { until, World } from '../e2e/world';
import { keepFigures } from './keep-figures';

const SOAK = process.env['WEAVER_SOAK'] === '1';
const CALLS = SOAK ? 200 : 20;
/** Calls between two deaths. */
const CALLS_A_DEATH = SOAK ? 25 : 8;
const CASES = 5;
/** The model thinks so long, so that a worker mostly dies with requests under way. */
const THINKING_MS = 300;
const TIMEOUT_MS = SOAK ? 60 * 60_000 : 240_000;

let world: World;

beforeAll(async () => {
  const script: readonly ScriptRule[] = [{ answers: [{ kind: 'text', text: 'yes', delayMs: THINKING_MS }] }];
  world = await World.start({ script });
}, 120_000);

afterAll(async () => await world.stop(), 60_000);

const spec: CompareSpec = {
  cases: Array.from({ length: CASES }, (_, n) => ({
    name: `case ${n}`,
    messages: [{ role: 'user', content: `Say yes, for the ${n}th time.` }],
    expect: { kind: 'literal', text: 'yes' },
  })),
  models: [{ provider: 'openai' }],
  modes: [{ mode: 'single' }],
  repeats: CALLS / CASES,
  concurrency: 4,
  limits: {},
  thresholds: { success: 1 },
};

it(
  'makes every call once, however many workers die',
  async () => {
    const client = await world.connect();
    const { comparisons } = new WeaverClient(client);
    const { id } = await comparisons.begin(spec, { key: 'under-fire' });
    let ended = false;
    const ending = comparisons.result(id, AbortSignal.timeout(TIMEOUT_MS)).finally(() => (ended = true));
    let worker: ChildProcess | undefined = world.processes[0];
    let deaths = 0;
    for (let at = CALLS_A_DEATH / 2; at < CALLS; at += CALLS_A_DEATH) {
      await until(() => ended || world.endpoint.count >= at, `${at} calls`, TIMEOUT_MS);
      if (ended || worker === undefined) break;
      worker.kill('SIGKILL');
      deaths += 1;
      worker = await world.startWorker();
    }
    const result = await ending;
    const { callsSent, callsInDoubt } = result.spending;
    keepFigures('comparison under fire', { calls: CALLS, requests: world.endpoint.count, deaths, callsInDoubt });
    expect(deaths).toBeGreaterThan(1);
    expect([result.done, callsSent, callsInDoubt]).toEqual([CALLS, CALLS, 0]);
    expect(world.endpoint.count).toBe(CALLS);
    const artifacts = createArtifactStore({ home: world.home, redactor: createRedactor({ secrets: () => [] }) });
    const { rows, summary } = await readComparison(artifacts, result.lastPage);
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: CALLS }, (_, n) => n));
    expect(new Set(rows.flatMap(({ calls }) => calls.map(({ callId }) => callId))).size).toBe(CALLS);
    expect(summary.overview).toMatchObject({ questions: CALLS, passed: CALLS, calls: CALLS });
  },
  TIMEOUT_MS + 60_000,
);
