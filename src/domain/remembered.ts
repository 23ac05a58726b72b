/** What was seen lately: a map that forgets its oldest entries. */

/** The oldest is forgotten when there are more than `most`: a map keeps its entries in the order of their arrival. */
export function remember<T>(all: Map<string, T>, key: string, value: T, most: number): void {
  all.delete(key);
  all.set(key, value);
  const [oldest] = all.keys();
  if (all.size > most && oldest !== undefined) all.delete(oldest);
}
