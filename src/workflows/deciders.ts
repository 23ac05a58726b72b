/**
 * Deciders by name. A task names its own; several names, joined by `+`, decide in turn: the first that does not abstain.
 * What a decider of the user's own answers is bounded by the rules of the engine, and what it cannot answer the default does.
 */
import { boundDecision } from '../domain/bounded-decision.js';
import { DECIDER, decide } from '../domain/decide.js';
import type { Decision } from '../domain/decision.js';
import type { Outcome } from '../domain/outcome.js';
import { cutToBytes } from '../domain/payload-limit.js';
import type { TaskRecord } from '../domain/record.js';

/** Pure and deterministic: it runs inside the workflow, again at every replay. Null = it abstains. */
export type Decider = (record: TaskRecord, outcome: Outcome, nowMs: number) => Decision | null;

/** What a decider is asked. */
export type Asked = Readonly<Parameters<Decider>>;

/** The same as an activity. Its record has no single calls, and the latest signatures only: a payload is small. */
export type ActivityDecider = (...asked: Asked) => Promise<Decision | null>;

type Registered =
  | { readonly kind: 'own'; readonly decide: typeof decide }
  | { readonly kind: 'function'; readonly decide: Decider }
  | { readonly kind: 'activity'; readonly activity: string };

const deciders = new Map<string, Registered>([[DECIDER, { kind: 'own', decide }]]);

/** Once a name, at the top of a module of the workflow bundle. A changed decider gets a new version: open tasks keep theirs. */
export function registerDecider(name: string, decider: Decider): void {
  register(name, { kind: 'function', decide: decider });
}

/**
 * For what is not pure: a decider that asks a model or another service is an activity of the user's own worker
 * (ActivityDecider). It may run twice; if it fails or takes too long (see proxies.ts), it is passed over.
 */
export function registerActivityDecider(name: string, activity: string): void {
  register(name, { kind: 'activity', activity });
}

function register(name: string, decider: Registered): void {
  if (!/^[a-z][a-z0-9-]*@\d+$/.test(name)) throw new TypeError(`${name} is not written as name@version`);
  if (deciders.has(name)) throw new TypeError(`there is a decider ${name} already`);
  deciders.set(name, decider);
}

export const knownDeciders = (): readonly string[] => [...deciders.keys()];

/** Those of `names` that this bundle does not have. */
export const unknownDeciders = (names: string): readonly string[] =>
  names.split('+').filter((name) => !deciders.has(name));

export interface Decided {
  /** Name of the one that decided. */
  readonly decider: string;
  readonly decision: Decision;
  /** What was not taken over, and who was passed over; absent if nothing was. */
  readonly notes?: readonly string[];
}

/** How an activity answered. */
export type Advice =
  { readonly kind: 'answered'; readonly answer: unknown } | { readonly kind: 'failed'; readonly why: string };

/** An activity that has to be asked before there is a decision. */
export interface Pending {
  readonly kind: 'pending';
  readonly name: string;
  readonly activity: string;
}

/** The default one has the last word where all abstain or fail. */
export function decideAs(
  names: string,
  [record, outcome, nowMs]: Asked,
  advice: ReadonlyMap<string, Advice> = new Map(),
): ({ readonly kind: 'decided' } & Decided) | Pending {
  const notes: string[] = [];
  for (const name of names.split('+')) {
    const decider = named(name);
    if (decider.kind === 'own') return decided(name, decider.decide(record, outcome, nowMs), notes);
    // The work has landed, so there is nothing to ask anybody about.
    if (decider.kind === 'activity' && outcome.kind === 'succeeded') continue;
    const known = decider.kind === 'activity' ? advice.get(name) : called(decider.decide, [record, outcome, nowMs]);
    if (known === undefined)
      return { kind: 'pending', name, activity: 'activity' in decider ? decider.activity : name };
    if (known.kind === 'failed') notes.push(note(`${name} was passed over: ${known.why}`));
    if (known.kind === 'failed' || known.answer === null) continue;
    const bounded = boundDecision(known.answer, record, outcome, nowMs);
    if (bounded.kind === 'taken')
      return decided(name, bounded.decision, [...notes, ...bounded.notes.map((says) => note(`${name}: ${says}`))]);
    notes.push(note(`${name} was passed over: ${bounded.why}`));
  }
  return decided(DECIDER, decide(record, outcome, nowMs), notes);
}

const decided = (decider: string, decision: Decision, notes: readonly string[]) =>
  ({ kind: 'decided', decider, decision, ...(notes.length === 0 ? {} : { notes }) }) as const;

/** A line of the account. */
const NOTE_BYTES_MAX = 300;
const note = (says: string): string => cutToBytes(says.replaceAll(/\s+/g, ' '), NOTE_BYTES_MAX);

/** With copies: what it does to its arguments is its own business. */
function called(decider: Decider, asked: Asked): Advice {
  try {
    const answer: unknown = decider(...(JSON.parse(JSON.stringify(asked)) as Asked));
    if (answer instanceof Promise) {
      answer.catch(() => undefined);
      return { kind: 'failed', why: 'it answers with a promise; what has to wait is an activity' };
    }
    return { kind: 'answered', answer };
  } catch (thrown) {
    return { kind: 'failed', why: `it threw ${thrown instanceof Error ? thrown.message : String(thrown)}` };
  }
}

/** So that the record fits into a payload. */
const SIGNATURES_ASKED = 10;
const SIGNATURE_CHARACTERS = 200;

/** What an activity gets to see of the record. */
export const briefRecord = (record: TaskRecord): TaskRecord => ({
  ...record,
  calls: {},
  signatures: record.signatures.slice(-SIGNATURES_ASKED).map((text) => text.slice(0, SIGNATURE_CHARACTERS)),
});

function named(name: string): Registered {
  const decider = deciders.get(name);
  // A worker looks for it at its start, and a task before its first call; here the task waits, visibly, for a worker that has it.
  if (decider === undefined) throw new TypeError(`no decider ${name} in this worker's bundle`);
  return decider;
}
