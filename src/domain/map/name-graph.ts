/** Who uses whose names: files as a graph, and how what the task is about spreads through it. */
import { groupsOf } from '../groups.js';
import { sum } from '../statistics.js';
import type { FileTags } from './file-tags.js';

/** From each file, by number, to those that define what it names; the weights of one file add up to 1. */
export type NameGraph = readonly (readonly (readonly [to: number, weight: number])[])[];

/** A name that so many files define (`get`, `init`) tells nothing about which is meant. */
const DEFINERS_MAX = 12;
/** A name that the task speaks of says more about why a file uses another one. */
const SPOKEN_FACTOR = 8;
/** What a name starting so is meant for is its own file. */
const PRIVATE_FACTOR = 0.2;

export function nameGraph(files: readonly (FileTags | null)[], isSpoken: (name: string) => boolean): NameGraph {
  const definers = definersOf(files);
  const factors = new Map([...definers.keys()].map((name) => [name, factorOf(name, isSpoken)]));
  return files.map((tags, from) => {
    const to = new Map<number, number>();
    for (const [name, count] of tags?.names ?? []) {
      const known = definers.get(name);
      if (known === undefined || known.includes(from)) continue;
      const weight = ((factors.get(name) ?? 1) * Math.sqrt(count)) / known.length;
      for (const definer of known) to.set(definer, (to.get(definer) ?? 0) + weight);
    }
    const whole = sum([...to.values()]);
    return [...to].map(([definer, weight]) => [definer, weight / whole] as const);
  });
}

const factorOf = (name: string, isSpoken: (name: string) => boolean): number =>
  (isSpoken(name) ? SPOKEN_FACTOR : 1) * (name.startsWith('_') ? PRIVATE_FACTOR : 1);

/** Files by the names that they define. */
function definersOf(files: readonly (FileTags | null)[]): ReadonlyMap<string, readonly number[]> {
  const defined = files.flatMap((tags, file) =>
    [...new Set(tags?.definitions.map(({ name }) => name))].map((name) => ({ name, file })),
  );
  const few = [...groupsOf(defined, ({ name }) => name)].filter(([, known]) => known.length <= DEFINERS_MAX);
  return new Map(few.map(([name, known]) => [name, known.map(({ file }) => file)]));
}

/** How much of a file's interest goes on to the files that it uses; the rest goes back to where the task points. */
const DAMPING = 0.6;
/** Beyond it nothing moves any more that would change an order. */
const ROUNDS = 20;

/** PageRank that starts, and starts again, at `start`; what leads nowhere goes back there as well. */
export function spread(graph: NameGraph, start: readonly number[]): readonly number[] {
  const whole = sum(start);
  const from = start.map((share) => (whole === 0 ? 1 / start.length : share / whole));
  let ranks: readonly number[] = from;
  for (let round = 0; round < ROUNDS; round += 1) ranks = spreadOnce(graph, from, ranks);
  return ranks;
}

function spreadOnce(graph: NameGraph, from: readonly number[], ranks: readonly number[]): readonly number[] {
  const next = from.map(() => 0);
  let stuck = 0;
  for (const [file, edges] of graph.entries()) {
    const rank = ranks[file] ?? 0;
    if (edges.length === 0) stuck += rank;
    for (const [to, weight] of edges) next[to] = (next[to] ?? 0) + rank * weight;
  }
  return next.map(
    (reached, file) => DAMPING * (reached + stuck * (from[file] ?? 0)) + (1 - DAMPING) * (from[file] ?? 0),
  );
}
