/** What the remote has: one small question. */
import { existsSync } from 'node:fs';
import { GitFailure, remoteFault } from './faults.js';
import type { Redact } from './faults.js';
import type { Mirror, Mirrors } from './mirror.js';
import type { Snapshots } from './snapshots.js';

export interface RemoteOptions {
  readonly mirrors: Mirrors;
  readonly snapshots: Snapshots;
  readonly questions: Questions;
  readonly redact: Redact;
}

export interface Refs {
  readonly ids: ReadonlyMap<string, string>;
  /** Branch that HEAD names; null if it names none. */
  readonly headBranch: string | null;
}

/** Questions under way, by the remote's address. */
export type Questions = Map<string, Asking>;

interface Asking {
  running: number;
  /** What is asked meanwhile goes into the last of them. */
  readonly waiting: Question[];
}

interface Question {
  readonly patterns: Set<string>;
  readonly stop: AbortController;
  readonly answer: Promise<Refs>;
  readonly resolve: (refs: Refs) => void;
  readonly reject: (cause: unknown) => void;
  /** How many still want to know. */
  askers: number;
}

/** Of one remote at a time: a second one, so that nobody waits for the end of a question that he came too late for. */
const QUESTIONS_MAX = 2;
/** Names in one question: a command line has an end, and beyond it the rest is asked with the next. */
const PATTERNS_MAX = 500;

/**
 * Asks for the refs of these names, or for all if none is given. Others' names may be among the answers, and a pattern matches
 * the end of a longer name too, so take exact names out of the map. The answer is never older than the question; tasks that
 * ask at the same moment share one.
 */
export async function readRefs(
  options: RemoteOptions,
  mirror: Mirror,
  patterns: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Refs> {
  if (patterns.length === 0) return ask(options, mirror, [], signal);
  signal?.throwIfAborted();
  const question = join(options, mirror, patterns);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      question.askers -= 1;
      if (question.askers === 0) question.stop.abort(signal?.reason);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => signal?.removeEventListener('abort', onAbort);
    question.answer.finally(settle).then(resolve, reject);
  });
}

function join(options: RemoteOptions, mirror: Mirror, patterns: readonly string[]): Question {
  const asking = options.questions.get(mirror.url) ?? { running: 0, waiting: [] };
  options.questions.set(mirror.url, asking);
  const last = asking.waiting.at(-1);
  const mayJoin = last !== undefined && !last.stop.signal.aborted && last.patterns.size < PATTERNS_MAX;
  const question = mayJoin ? last : newQuestion();
  if (!mayJoin) asking.waiting.push(question);
  for (const pattern of patterns) question.patterns.add(pattern);
  question.askers += 1;
  beginNext(options, mirror, asking);
  return question;
}

function newQuestion(): Question {
  let settle: Pick<Question, 'resolve' | 'reject'> | undefined;
  const answer = new Promise<Refs>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new TypeError('a promise runs its executor at once');
  return { patterns: new Set(), stop: new AbortController(), answer, ...settle, askers: 0 };
}

function beginNext(options: RemoteOptions, mirror: Mirror, asking: Asking): void {
  if (asking.running >= QUESTIONS_MAX) return;
  const question = asking.waiting.shift();
  if (question === undefined) {
    if (asking.running === 0) options.questions.delete(mirror.url);
    return;
  }
  asking.running += 1;
  void ask(options, mirror, [...question.patterns], question.stop.signal)
    .then(question.resolve, question.reject)
    .finally(() => {
      asking.running -= 1;
      beginNext(options, mirror, asking);
    });
}

async function ask(
  { mirrors, redact }: RemoteOptions,
  mirror: Mirror,
  patterns: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Refs> {
  const args = ['ls-remote', '--quiet', '--symref', '--', mirror.url, ...patterns];
  const result = await mirrors.ask(mirror, args, signal);
  if (result.exitCode !== 0)
    throw remoteFault(new GitFailure('ls-remote', result), redact, existsSync(mirror.directory));
  const ids = new Map<string, string>();
  let headBranch: string | null = null;
  for (const line of result.stdout.toString('utf8').split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (value.startsWith('ref: refs/heads/') && name === 'HEAD') headBranch = value.slice('ref: refs/heads/'.length);
    else if (/^[0-9a-f]{40,64}$/.test(value)) ids.set(name, value);
  }
  return { ids, headBranch };
}

/** Commit at the tip of a branch; null if the remote has no such branch. */
export async function readTip(
  options: RemoteOptions,
  mirror: Mirror,
  branch: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const name = `refs/heads/${branch}`;
  return (await readRefs(options, mirror, [name], signal)).ids.get(name) ?? null;
}
