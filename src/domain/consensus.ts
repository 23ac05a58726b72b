/**
 * How several answers become one: whoever does not fit abstains, equal answers are counted together, the strategy ranks
 * them, ties are broken step by step, a quorum must be reached. Pure, and the order of the answers never matters.
 */
import { isMap } from './plain-object.js';

/** `weighted` counts each voter's weight, `scoreSum` adds up the scores, `maxScore` takes the best one. */
export const STRATEGIES = ['majority', 'weighted', 'scoreSum', 'maxScore', 'judge'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** The fastest, the cheapest, the first in the alphabet. */
export const TIE_BREAKERS = ['latency', 'cost', 'order'] as const;
export type TieBreaker = (typeof TIE_BREAKERS)[number];

export interface VoteRules {
  readonly strategy: Strategy;
  /** Voters who must have said the same; `all` = every one of them. Of strategies that count votes. */
  readonly quorum: number | 'all';
  /** Answers there must be where they are not counted: of `scoreSum`, `maxScore` and `judge`. */
  readonly minCandidates: number;
  /** By provider, or by `provider/model`; 1 where nothing is named. */
  readonly weights: Readonly<Record<string, number>>;
  /** Tried in this order until one answer is left. */
  readonly tieBreakers: readonly TieBreaker[];
  /** Whether somebody can be asked who decides what the votes do not. */
  readonly hasJudge: boolean;
  /** A slower answer abstains. */
  readonly maxLatencyMs?: number;
  /** A dearer answer abstains. */
  readonly maxCostUsdMicros?: number;
  /** With `maxCostUsdMicros`: an answer whose cost is not known abstains too. False = it counts as free. */
  readonly unknownIsDear?: boolean;
  /** Voting is one round, a broken tie another, a judge a third. */
  readonly roundsMax?: number;
}

/** Two who agree are the least that is an agreement. */
export const VOTE_DEFAULTS: VoteRules = {
  strategy: 'majority',
  quorum: 2,
  minCandidates: 1,
  weights: {},
  tieBreakers: TIE_BREAKERS,
  hasJudge: false,
};

/** One answer. */
export interface Candidate {
  /** Its place in the order of asking. */
  readonly index: number;
  readonly provider: string;
  readonly model: string;
  /** Equal for answers that say the same (`contentKey`, or the tree that the edits make). */
  readonly key: string;
  /** For people. */
  readonly text: string;
  readonly latencyMs: number;
  readonly costUsdMicros: number;
  /** True if the cost is not known: then tokens are compared. */
  readonly unpriced: boolean;
  readonly tokens: number;
  readonly score?: number;
  /** Why it does not have the form that was asked for: it abstains. */
  readonly faults?: readonly string[];
}

/** What was said by how many. */
export interface Tally {
  readonly text: string;
  readonly votes: number;
  readonly weight: number;
  /** The best score of its members; null if none has one. */
  readonly score: number | null;
  /** Places of those who said it. */
  readonly members: readonly number[];
}

export interface Ballot {
  readonly strategy: Strategy;
  readonly voters: number;
  readonly abstained: readonly { readonly index: number; readonly why: string }[];
  /** Most votes first. */
  readonly tally: readonly Tally[];
  readonly rounds: number;
  /** What broke the tie, e.g. `latency (5)`; null if there was none. */
  readonly tieBreak: string | null;
}

export type Vote = Ballot &
  (
    | {
        readonly kind: 'decided';
        /** Place of the answer to take: of those that say the same the fastest. */
        readonly winner: number;
        readonly votes: number;
        readonly score: number | null;
        readonly judged: boolean;
        readonly reason: string;
      }
    /** One answer of each sort, for the judge. */
    | { readonly kind: 'needsJudge'; readonly among: readonly number[]; readonly reason: string }
    | { readonly kind: 'undecided'; readonly reason: string }
  );

export type JudgeWord =
  | { readonly kind: 'chosen'; readonly index: number; readonly score?: number }
  /** No choice could be read from what it said. */
  | { readonly kind: 'unclear'; readonly says: string };

/** @param word what the judge has said, once it was asked */
export function vote(candidates: readonly Candidate[], rules: VoteRules, word?: JudgeWord): Vote {
  const { fitting, abstained } = sift(candidates, rules);
  const buckets = bucketsOf(fitting, rules);
  const ballot: Ballot = {
    strategy: rules.strategy,
    voters: fitting.length,
    abstained,
    tally: buckets.toSorted(byVotes).map(tallyOf),
    rounds: 1,
    tieBreak: null,
  };
  const missing = missingOf(fitting, abstained, rules);
  if (missing !== null) return { ...ballot, kind: 'undecided', reason: missing };
  return rules.strategy === 'judge' ? byJudge(buckets, rules, ballot, word) : byRank(buckets, rules, ballot, word);
}

/**
 * Whether the vote cannot change any more, whatever the others still say: then nobody waits for them.
 * @param pending who has not answered yet
 */
export function isSettled(
  candidates: readonly Candidate[],
  pending: readonly Pick<Candidate, 'provider' | 'model'>[],
  rules: VoteRules,
): boolean {
  if (!countsVotes(rules.strategy) || rules.quorum === 'all') return false;
  const [first, second] = bucketsOf(sift(candidates, rules).fitting, rules).toSorted((a, b) => b.rank - a.rank);
  if (first === undefined || first.members.length < rules.quorum) return false;
  const open = pending.reduce((sum, voter) => sum + rankOfVoter(voter, rules), 0);
  return first.rank > (second?.rank ?? 0) + open + EPSILON;
}

/** Equal for two texts that say the same: JSON whatever the order of its fields, words whatever their case and spaces. */
export function contentKey(text: string): string {
  const value = parsed(text);
  if (isMap(value) || Array.isArray(value)) return `json ${canonicalJson(value)}`;
  return `text ${words(value === undefined || value === null ? text : String(value))}`;
}

/** JSON with the fields of every object in the order of their names. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isMap(value)) return JSON.stringify(value) ?? 'null';
  const fields = Object.keys(value).toSorted();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join(',')}}`;
}

/** The names that other runners have for them are understood. Null if there is no such thing. */
export const strategyNamed = (name: string): Strategy | null => STRATEGY_NAMES[plain(name)] ?? null;
export const tieBreakerNamed = (name: string): TieBreaker | null => TIE_BREAKER_NAMES[plain(name)] ?? null;

const plain = (name: string): string => name.trim().toLowerCase().replaceAll(/[-_ ]/g, '');

const STRATEGY_NAMES: Readonly<Record<string, Strategy>> = {
  majority: 'majority',
  majorityvote: 'majority',
  vote: 'majority',
  maj: 'majority',
  weighted: 'weighted',
  weightedvote: 'weighted',
  scoresum: 'scoreSum',
  weightedscore: 'scoreSum',
  maxscore: 'maxScore',
  max: 'maxScore',
  score: 'maxScore',
  top: 'maxScore',
  judge: 'judge',
  llmjudge: 'judge',
};

const TIE_BREAKER_NAMES: Readonly<Record<string, TieBreaker>> = {
  latency: 'latency',
  minlatency: 'latency',
  cost: 'cost',
  mincost: 'cost',
  order: 'order',
  stableorder: 'order',
  first: 'order',
};

/** Sums of decimal fractions are not exact. */
const EPSILON = 1e-9;

/** Whether it is for so many who say the same, and not for the best of them. */
export const countsVotes = (strategy: Strategy): boolean => strategy === 'majority' || strategy === 'weighted';

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // most answers are words
  }
};

const words = (text: string): string => text.trim().replaceAll(/\s+/g, ' ').toLowerCase();

interface Sifted {
  readonly fitting: readonly Candidate[];
  readonly abstained: Ballot['abstained'];
}

function sift(candidates: readonly Candidate[], rules: VoteRules): Sifted {
  const looked = candidates.map((candidate) => ({ candidate, why: whyNot(candidate, rules) }));
  return {
    fitting: looked.flatMap(({ candidate, why }) => (why === null ? [candidate] : [])),
    abstained: looked
      .flatMap(({ candidate: { index }, why }) => (why === null ? [] : [{ index, why }]))
      .toSorted((a, b) => a.index - b.index),
  };
}

function whyNot({ faults = [], latencyMs, costUsdMicros, unpriced }: Candidate, rules: VoteRules): string | null {
  const { maxLatencyMs = Infinity, maxCostUsdMicros = Infinity, unknownIsDear = false } = rules;
  const isUnknown = unpriced && unknownIsDear && maxCostUsdMicros < Infinity;
  if (faults.length > 0) return faults.join('; ');
  const over = [
    ...(latencyMs > maxLatencyMs ? [`latency ${latencyMs} ms, at most ${maxLatencyMs} ms`] : []),
    ...(costUsdMicros > maxCostUsdMicros
      ? [`cost ${costUsdMicros} micro-dollars, at most ${maxCostUsdMicros} micro-dollars`]
      : isUnknown
        ? [`cost not known (no price is configured), at most ${maxCostUsdMicros} micro-dollars`]
        : []),
  ];
  return over.length === 0 ? null : over.join('; ');
}

function missingOf(
  fitting: readonly Candidate[],
  abstained: Ballot['abstained'],
  { strategy, minCandidates }: VoteRules,
): string | null {
  const whys = abstained.map(({ index, why }) => `answer ${index + 1}: ${why}`).join('; ');
  if (fitting.length === 0) return `no answer fits${whys === '' ? '' : ` (${whys})`}`;
  if (countsVotes(strategy) || fitting.length >= minCandidates) return null;
  return `${fitting.length} answers, at least ${minCandidates} are needed${whys === '' ? '' : ` (${whys})`}`;
}

/** Answers that say the same. */
interface Bucket {
  readonly key: string;
  /** The fastest first. */
  readonly members: readonly Candidate[];
  readonly weight: number;
  readonly scores: readonly number[];
  /** What the strategy compares. */
  readonly rank: number;
}

function bucketsOf(candidates: readonly Candidate[], rules: VoteRules): readonly Bucket[] {
  const byKey = new Map<string, Candidate[]>();
  for (const candidate of candidates) byKey.set(candidate.key, [...(byKey.get(candidate.key) ?? []), candidate]);
  const all = [...byKey].map(([key, members]) => toBucket(key, members, rules));
  return all.toSorted((a, b) => compareText(a.key, b.key));
}

function toBucket(key: string, members: readonly Candidate[], rules: VoteRules): Bucket {
  // Summed in one order: sums of fractions depend on it.
  const sorted = members.toSorted(bySpeed);
  const weight = sorted.reduce((sum, voter) => sum + weightOf(voter, rules), 0);
  const scores = sorted.flatMap(({ score }) => score ?? []);
  const bucket = { key, members: sorted, weight, scores };
  return { ...bucket, rank: rankOf(bucket, rules.strategy) };
}

function rankOf({ members, weight, scores }: Omit<Bucket, 'rank'>, strategy: Strategy): number {
  switch (strategy) {
    case 'majority':
      return members.length;
    case 'weighted':
      return weight;
    case 'scoreSum':
      return scores.reduce((sum, score) => sum + score, 0);
    case 'maxScore':
      return bestOf(scores) ?? -Infinity;
    case 'judge':
      return 0;
    default:
      return strategy satisfies never;
  }
}

const bestOf = (scores: readonly number[]): number | null => (scores.length === 0 ? null : Math.max(...scores));

const rankOfVoter = (voter: Pick<Candidate, 'provider' | 'model'>, rules: VoteRules): number =>
  rules.strategy === 'weighted' ? weightOf(voter, rules) : 1;

const weightOf = ({ provider, model }: Pick<Candidate, 'provider' | 'model'>, { weights }: VoteRules): number =>
  weights[`${provider}/${model}`] ?? weights[provider] ?? 1;

const bySpeed = (a: Candidate, b: Candidate): number =>
  a.latencyMs - b.latencyMs ||
  a.costUsdMicros - b.costUsdMicros ||
  compareText(`${a.provider}/${a.model}`, `${b.provider}/${b.model}`) ||
  a.index - b.index;

const byVotes = (a: Bucket, b: Bucket): number => b.members.length - a.members.length || compareText(a.key, b.key);

/** By code units: the same everywhere. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const tallyOf = ({ members, weight, scores }: Bucket): Tally => ({
  text: members[0]?.text.trim() ?? '',
  votes: members.length,
  weight,
  score: bestOf(scores),
  members: members.map(({ index }) => index).toSorted((a, b) => a - b),
});

function byRank(buckets: readonly Bucket[], rules: VoteRules, ballot: Ballot, word: JudgeWord | undefined): Vote {
  const best = Math.max(...buckets.map(({ rank }) => rank));
  const leading = buckets.filter(({ rank }) => rank === best || rank >= best - EPSILON);
  const broken = breakTie(leading, rules.tieBreakers);
  const voted = broken.by === null ? ballot : { ...ballot, tieBreak: broken.by, rounds: 2 };
  if (tooLong(voted, rules)) return exhausted(voted, rules);
  const [first] = broken.left;
  if (first === undefined) return { ...voted, kind: 'undecided', reason: 'no answer fits' };
  if (broken.left.length > 1) return decideTie(broken.left, rules, voted, word);
  return withQuorum(first, buckets, rules, voted, word);
}

/** The tie-breakers that were named have not ended it. */
function decideTie(tied: readonly Bucket[], rules: VoteRules, ballot: Ballot, word: JudgeWord | undefined): Vote {
  const reason = `${tied.length} answers are level`;
  if (rules.hasJudge) {
    const judged = judge(tied, rules, ballot, word, reason);
    if (judged !== null) return judged;
  }
  const broken = breakTie(tied, ['order']);
  const [first] = broken.left;
  const voted = { ...ballot, tieBreak: broken.by, rounds: ballot.rounds + (ballot.tieBreak === null ? 1 : 0) };
  return first === undefined ? { ...voted, kind: 'undecided', reason } : withQuorum(first, tied, rules, voted, word);
}

function withQuorum(
  first: Bucket,
  buckets: readonly Bucket[],
  rules: VoteRules,
  ballot: Ballot,
  word: JudgeWord | undefined,
): Vote {
  const votes = first.members.length;
  const needed = rules.quorum === 'all' ? ballot.voters : rules.quorum;
  if (!countsVotes(rules.strategy)) return decided(first, ballot, `${rules.strategy} of ${ballot.voters}`);
  if (votes >= needed) return decided(first, ballot, `${rules.strategy}, ${votes} of ${ballot.voters}`);
  const reason = `the quorum of ${needed} was not reached: ${votes} of ${ballot.voters} say the same`;
  const judged = rules.hasJudge ? judge(buckets, rules, { ...ballot, tieBreak: null, rounds: 1 }, word, reason) : null;
  return judged ?? { ...ballot, kind: 'undecided', reason: unclear(word, reason) };
}

function byJudge(buckets: readonly Bucket[], rules: VoteRules, ballot: Ballot, word: JudgeWord | undefined): Vote {
  const [only] = buckets;
  if (buckets.length === 1 && only !== undefined) return decided(only, ballot, 'all say the same: nobody had to judge');
  const judged = judge(buckets, rules, ballot, word, `${buckets.length} answers are to be judged`);
  if (judged !== null) return judged;
  const broken = breakTie(buckets, [...rules.tieBreakers, 'order']);
  const [first] = broken.left;
  const voted = { ...ballot, tieBreak: broken.by, rounds: 3 };
  return first === undefined || tooLong(voted, rules)
    ? exhausted(voted, rules)
    : decided(first, voted, unclear(word, 'the tie-breakers have chosen'));
}

/** Null if the judge was asked and could not be understood. */
function judge(
  among: readonly Bucket[],
  rules: VoteRules,
  ballot: Ballot,
  word: JudgeWord | undefined,
  reason: string,
): Vote | null {
  const voted = { ...ballot, rounds: ballot.rounds + 1 };
  if (tooLong(voted, rules)) return exhausted(voted, rules);
  if (word === undefined) {
    const one = among.flatMap(({ members: [first] }) => (first === undefined ? [] : [first.index]));
    return { ...ballot, kind: 'needsJudge', among: one.toSorted((a, b) => a - b), reason };
  }
  if (word.kind === 'unclear') return null;
  const chosen = among.find(({ members }) => members.some(({ index }) => index === word.index));
  if (chosen === undefined) return null;
  const found = decided(chosen, voted, `the judge has chosen: ${reason}`);
  return { ...found, judged: true, score: word.score ?? found.score };
}

const unclear = (word: JudgeWord | undefined, reason: string): string =>
  word === undefined
    ? reason
    : `${reason}; the judge was not understood${word.kind === 'unclear' ? `: ${word.says}` : ''}`;

const decided = (bucket: Bucket, ballot: Ballot, reason: string): Extract<Vote, { kind: 'decided' }> => ({
  ...ballot,
  kind: 'decided',
  winner: bucket.members[0]?.index ?? 0,
  votes: bucket.members.length,
  score: bestOf(bucket.scores),
  judged: false,
  reason: ballot.tieBreak === null ? reason : `${reason}, tie broken by ${ballot.tieBreak}`,
});

const tooLong = ({ rounds }: Ballot, { roundsMax = Infinity }: VoteRules): boolean => rounds > roundsMax;

const exhausted = (ballot: Ballot, { roundsMax }: VoteRules): Vote => ({
  ...ballot,
  kind: 'undecided',
  reason: `not decided within ${roundsMax ?? 0} rounds`,
});

interface Broken {
  readonly left: readonly Bucket[];
  /** The criterion that narrowed them last; null if there was nothing to break. */
  readonly by: string | null;
}

/** One criterion after the other, until one answer is left: one that only narrows them is followed by the next. */
function breakTie(tied: readonly Bucket[], criteria: readonly TieBreaker[]): Broken {
  let left = tied;
  let by: string | null = null;
  for (const criterion of criteria) {
    if (left.length < 2) break;
    const { kept, value } = narrowed(left, criterion);
    if (kept.length < left.length) by = value;
    left = kept;
  }
  return { left, by };
}

function narrowed(
  buckets: readonly Bucket[],
  criterion: TieBreaker,
): { readonly kept: readonly Bucket[]; readonly value: string } {
  if (criterion === 'order') return { kept: buckets.slice(0, 1), value: 'order' };
  const inTokens = buckets.some(({ members }) => members.some(({ unpriced }) => unpriced));
  const measure = ({ latencyMs, costUsdMicros, tokens }: Candidate): number =>
    criterion === 'latency' ? latencyMs : inTokens ? tokens : costUsdMicros;
  const least = (bucket: Bucket): number => Math.min(...bucket.members.map(measure));
  const best = Math.min(...buckets.map(least));
  return { kept: buckets.filter((bucket) => least(bucket) === best), value: `${criterion} (${best})` };
}
