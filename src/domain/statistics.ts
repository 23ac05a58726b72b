/** Of many numbers a few that tell of all. */

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The smallest value that so large a share of all does not pass; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
