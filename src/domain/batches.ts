/** Parts of a list that are small enough to be dealt with at once. */

/** In their order; what is larger than a batch by itself is one alone. */
export function batchesOf<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  sizeMax: number,
): readonly (readonly Item[])[] {
  const batches: Item[][] = [];
  let size = sizeMax;
  for (const item of items) {
    if (size + sizeOf(item) > sizeMax) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(item);
    size += sizeOf(item);
  }
  return batches;
}
