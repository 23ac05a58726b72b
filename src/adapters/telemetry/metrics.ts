/** Metrics in the form of Prometheus. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Meter } from '../../ports.js';

export interface Metrics extends Meter {
  /** All series as text; `contentType` is the form's name. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Different values of one label; a task file may name any model, and each value is a series of its own for ever. */
const LABEL_VALUES_MAX = 60;
const LABEL_CHARACTERS_MAX = 80;
const OTHERS = 'other';

/** From what nobody notices to what somebody should look at. */
const WAIT_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800];
/** From an edit to a test suite. */
const STEP_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800];
/** From a recorded answer to the limit of the slowest provider. */
const CALL_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 1_200];

const MS = 1_000;
const MICROS = 1_000_000;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const of = { registers: [registry] };
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, ...of });
  const histogram = (name: string, help: string, buckets: number[], ...labelNames: string[]) =>
    new Histogram({ name, help, buckets, labelNames, ...of });
  const waits = histogram(
    'weaver_step_wait_seconds',
    'From when the server had a step until the worker began.',
    WAIT_BUCKETS,
    'step',
  );
  const steps = histogram('weaver_step_seconds', 'Time of a step, by how it ended.', STEP_BUCKETS, 'step', 'result');
  const running = new Gauge({ name: 'weaver_steps_running', help: 'Steps under way.', labelNames: ['step'], ...of });
  const retries = counter('weaver_step_retries_total', 'Steps that were begun again.', 'step');
  const calls = histogram(
    'weaver_call_seconds',
    'Time of a model call, its waiting for a slot included.',
    CALL_BUCKETS,
    'provider',
    'model',
    'result',
  );
  const tokens = counter(
    'weaver_tokens_total',
    'Tokens; cached ones are part of prompt, reasoning ones of completion.',
    'provider',
    'model',
    'kind',
  );
  const cost = counter('weaver_cost_usd_total', 'Money, as far as prices are configured.', 'provider', 'model');
  const attempts = counter(
    'weaver_attempts_total',
    'Attempts that ended, by outcome and failure.',
    'outcome',
    'failure',
  );
  const decisions = counter('weaver_decisions_total', 'Decisions about what follows.', 'decision');
  const ended = counter('weaver_tasks_ended_total', 'Tasks that ended, by state.', 'state');
  const few = boundLabels();
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    began(step, waitedMs, tryNumber) {
      const labels = { step: few('step', step) };
      waits.observe(labels, waitedMs / MS);
      running.inc(labels);
      if (tryNumber > 1) retries.inc(labels);
    },
    ended(step, result, tookMs) {
      running.dec({ step: few('step', step) });
      steps.observe({ step: few('step', step), result: few('result', result) }, tookMs / MS);
    },
    called({ provider, model, result, tookMs }) {
      const labels = { provider: few('provider', provider), model: few('model', model), result: few('result', result) };
      calls.observe(labels, tookMs / MS);
    },
    spent(provider, model, { prompt, cached, completion, reasoning }, costUsdMicros) {
      const labels = { provider: few('provider', provider), model: few('model', model) };
      for (const [kind, count] of Object.entries({ prompt, cached, completion, reasoning }))
        tokens.inc({ ...labels, kind }, count);
      cost.inc(labels, costUsdMicros / MICROS);
    },
    attempted: (outcome, failure) =>
      attempts.inc({ outcome: few('outcome', outcome), failure: few('failure', failure ?? 'none') }),
    decided: (decision) => decisions.inc({ decision: few('decision', decision) }),
    taskEnded: (state) => ended.inc({ state: few('state', state) }),
  };
}

/** The first values of each label keep their names, later ones share one. */
function boundLabels(): (label: string, value: string) => string {
  const known = new Map<string, Set<string>>();
  return (label, value) => {
    const values = known.get(label) ?? new Set();
    known.set(label, values);
    const short = value.slice(0, LABEL_CHARACTERS_MAX);
    if (!values.has(short) && values.size >= LABEL_VALUES_MAX) return OTHERS;
    values.add(short);
    return short;
  };
}
