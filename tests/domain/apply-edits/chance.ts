/** Numbers that look random and are the same in every run: a linear congruential generator (Numerical Recipes). */
export interface Chance {
  /** From 0 up to, not including, `end`. */
  below(end: number): number;
  of<T>(list: readonly [T, ...T[]]): T;
  text(alphabet: readonly [string, ...string[]], lengthMax: number): string;
}

export function chanceFrom(seed: number): Chance {
  // Seeds in a row would begin almost alike.
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  const below = (end: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
  const of = <T>(list: readonly [T, ...T[]]): T => list[below(list.length)] ?? list[0];
  return {
    below,
    of,
    text: (alphabet, lengthMax) => Array.from({ length: below(lengthMax + 1) }, () => of(alphabet)).join(''),
  };
}
