/** Figures of a series of measurements. */

/** Of an even number of values the mean of the middle two. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value that the given share of the values does not exceed. */
function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

export const summary = (values) => ({
  runs: values.length,
  median: round(median(values)),
  p90: round(percentile(values, 0.9)),
  min: round(Math.min(...values)),
  max: round(Math.max(...values)),
});

export const round = (value, digits = 1) => Number(value.toFixed(digits));

/**
 * One line of the printed table. `target` is what the design promises (`atMost` or `atLeast`), `aim` what it hopes for;
 * a figure without a target is information.
 */
export function figure(name, value, unit, limits = {}) {
  const { atMost, atLeast } = limits;
  const met =
    atMost === undefined && atLeast === undefined
      ? null
      : value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity);
  return { name, value: round(value, unit === 'ratio' ? 2 : 1), unit, ...limits, met };
}

/** Milliseconds that a piece of work takes. */
export async function timed(work) {
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, result };
}
