import { createMetrics } from '../../../src/adapters/telemetry/metrics';

const linesOf = async (metrics: { text(): Promise<string> }, name: string): Promise<readonly string[]> =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith(name));

it('has no more series for whatever names come from task files', async () => {
  const metrics = createMetrics();
  for (let n = 0; n < 500; n += 1) metrics.spent('openai', `model-${n}`, NO_TOKENS, 1);
  const series = await linesOf(metrics, 'weaver_cost_usd_total{');
  expect(series.length).toBe(61);
  expect(series.at(-1)).toMatch(/model="other"\} 0\.00044/);
});

it('cuts names that are long, and keeps the form whatever is in them', async () => {
  const metrics = createMetrics();
  metrics.decided(`a"b\\c\n${'x'.repeat(500)}`);
  const [line] = await linesOf(metrics, 'weaver_decisions_total{');
  expect(line).toMatch(/^weaver_decisions_total\{decision="a\\"b\\\\c\\n[x]+"\} 1$/);
  expect(line?.length).toBeLessThan(150);
});

it('knows what runs, and what was begun again', async () => {
  const metrics = createMetrics();
  metrics.began('land', 20, 1);
  metrics.began('land', 5_000, 2);
  metrics.ended('land', 'done', 1_000);
  expect(await linesOf(metrics, 'weaver_steps_running')).toEqual(['weaver_steps_running{step="land"} 1']);
  expect(await linesOf(metrics, 'weaver_step_retries_total')).toEqual(['weaver_step_retries_total{step="land"} 1']);
  expect(await linesOf(metrics, 'weaver_step_wait_seconds_sum')).toEqual([
    'weaver_step_wait_seconds_sum{step="land"} 5.02',
  ]);
});

it('shares nothing with another of its kind in the same process', async () => {
  createMetrics().decided('retry');
  expect(await linesOf(createMetrics(), 'weaver_decisions_total{')).toEqual([]);
});

const NO_TOKENS = { prompt: 0, cached: 0, completion: 0, reasoning: 0 };
