/** A job as its records tell it: tasks that succeed, fail, split, ask and wait. */
import { createHash } from 'node:crypto';
import type { Entry } from '../../src/domain/entries';
import { failure } from '../../src/domain/failures';
import type { Dependency, JobTaskRow } from '../../src/domain/job';
import type { ArtifactKind, ArtifactRef, Outcome, ProposedChild } from '../../src/domain/outcome';
import type { AttemptRecord, Spending } from '../../src/domain/record';
import type { ReportData, ReportTask, ReportText } from '../../src/client/report/report-data';
import { aRow } from './specs.js';

export const BEGIN = Date.UTC(2026, 10, 21, 9, 30, 12);
const SECOND = 1_000;

const texts = new Map<string, ReportText>();
function artifact(kind: ArtifactKind, text: string): ArtifactRef {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const sizeBytes = Buffer.byteLength(text);
  texts.set(sha256, { text, sizeBytes, note: null });
  return { kind, sha256, sizeBytes };
}

const DIFF = `diff --git a/src/session.ts b/src/session.ts
index 4c1f0aa..9be2d17 100644
--- a/src/session.ts
+++ b/src/session.ts
@@ -18,9 +18,13 @@ export class Sessions {
   open(user: User): Session {
     const session = { user, at: this.clock.now() };
-    this.all.push(session);
+    this.all.set(session.user.id, session);
     return session;
   }
 
-  find(id: string) {
-    return this.all.find((one) => one.user.id === id);
+  /** Null if it has ended: a session lives for an hour. */
+  find(id: string): Session | null {
+    const found = this.all.get(id);
+    if (found === undefined) return null;
+    return this.clock.now() - found.at < HOUR_MS ? found : null;
   }
`;
const RED = `> node --test\n\n✖ ends after an hour (3.1 ms)\n  AssertionError: Expected values to be strictly equal:\n  + actual - expected\n  + { user: 'ada' }\n  - null\n\n# tests 14\n# pass 13\n# fail 1\n`;
const GREEN = `> node --test\n\n# tests 14\n# pass 14\n# fail 0\n# duration_ms 412\n`;

const spending = (tokens: number, callsSent = 1): Spending => ({
  callsSent,
  callsInDoubt: 0,
  tokens: { prompt: Math.round(tokens * 0.8), cached: 0, completion: Math.round(tokens * 0.2), reasoning: 0 },
  costUsdMicros: tokens * 2,
  unpriced: false,
});

export function attempt(
  sequence: number,
  number: number,
  [from, to]: readonly [number, number],
  outcome: Outcome,
  more: Partial<AttemptRecord> = {},
): Entry & { readonly kind: 'attempt' } {
  const passed = outcome.kind === 'succeeded';
  const log = artifact('log', passed ? GREEN : RED);
  const verdict = { name: 'tests', passed, exitCode: passed ? 0 : 1, timedOut: false, signature: 's', log };
  return {
    kind: 'attempt',
    sequence,
    attempt: number,
    startedAt: BEGIN + from * SECOND,
    endedAt: BEGIN + to * SECOND,
    workers: ['4711@build-2'],
    provider: 'openai',
    model: number > 1 ? 'gpt-5' : 'gpt-5-mini',
    promptVersion: '1',
    spending: spending(4_200 + 700 * number),
    commitBefore: 'a'.repeat(40),
    treeBefore: 'b'.repeat(40),
    treeAfter: 'c'.repeat(40),
    commitAfter: null,
    outcome,
    artifacts: outcome.kind === 'proposed' ? [] : [artifact('diff', DIFF), log],
    sandbox: 'bubblewrap',
    checks: outcome.kind === 'proposed' ? [] : [{ ...verdict, durationMs: 2_410 }],
    ...more,
  };
}

export const succeeded = (branch: string): Outcome => ({
  kind: 'succeeded',
  landing: {
    branch,
    commit: '9be2d17'.padEnd(40, '0'),
    base: 'a'.repeat(40),
    filesChanged: 1,
    insertions: 6,
    deletions: 3,
  },
});
export const failed = (detail: string): Outcome => ({
  kind: 'failed',
  failure: failure('checksFailed', detail),
  signature: detail,
});

export const decision = (
  sequence: number,
  at: number,
  outcome: Outcome,
  decided: Extract<Entry, { kind: 'decision' }>['decision'],
): Entry => ({
  kind: 'decision',
  sequence,
  attempt: 1,
  decidedAt: BEGIN + at * SECOND,
  decider: 'default@1',
  decision: decided,
  outcome,
});

export const child = (id: string, title: string, dependsOn: readonly string[] = []): ProposedChild => ({
  id,
  title,
  dependsOn,
  fingerprint: id.padStart(16, '0'),
  spec: artifact('spec', title),
});

export function row(
  path: string,
  title: string,
  more: Partial<JobTaskRow> & { readonly needs?: readonly string[] },
): JobTaskRow {
  const { needs = [], ...rest } = more;
  const dependsOn: readonly Dependency[] = needs.map((on) => ({ on, whenFailed: 'fail' }));
  return aRow('job/sessions', path, { title, state: 'pending', dependsOn, ...rest });
}

const ran = (from: number, to: number | null, attempts: number, tokens: number): Partial<JobTaskRow> => ({
  startedAt: BEGIN + from * SECOND,
  endedAt: to === null ? null : BEGIN + to * SECOND,
  attempts,
  tokens,
  costUsdMicros: tokens * 2,
});

const ok = (
  path: string,
  title: string,
  from: number,
  to: number,
  needs: readonly string[] = [],
  parent: string | null = null,
): ReportTask => ({
  row: row(path, title, { ...ran(from, to, 1, 4_900), state: 'succeeded', branch: `weaver/${path}`, needs, parent }),
  entries: [
    attempt(0, 1, [from, to], succeeded(`weaver/${path}`)),
    decision(1, to, succeeded(`weaver/${path}`), { kind: 'complete', reason: 'the checks passed' }),
  ],
  texts,
});

const parts = [
  child('1', 'Expire sessions in the store'),
  child('2', 'Say so in the login page', ['1']),
  child('3', 'Put both together', ['1', '2']),
];
const proposed: Outcome = {
  kind: 'proposed',
  children: parts,
  join: true,
  joinSpec: null,
  faults: [],
  plan: artifact('plan', '# Plan'),
};
const red = 'tests: 1 of 14 failed: ends after an hour';

const tasks: readonly ReportTask[] = [
  ok('clock', 'Take the time from a clock that tests can set', 0, 21),
  ok('types', 'Strict types for users and sessions', 1, 15),
  {
    row: row('store', 'Sessions end after an hour', {
      ...ran(22, 108, 3, 17_400),
      state: 'succeeded',
      branch: 'weaver/store',
      needs: ['clock', 'types'],
    }),
    entries: [
      attempt(0, 1, [22, 41], failed(red)),
      decision(1, 41, failed(red), {
        kind: 'retry',
        reason: 'the checks failed; the evidence goes into the prompt',
        delayMs: 2_000,
        changes: 'evidence',
      }),
      attempt(2, 2, [43, 66], failed(red)),
      decision(3, 66, failed(red), {
        kind: 'retry',
        reason: 'the same failure twice; the next model of the ladder',
        delayMs: 4_000,
        changes: 'model',
      }),
      {
        kind: 'said',
        sequence: 4,
        at: BEGIN + 69 * SECOND,
        update: 'addInstruction',
        by: 'ana@desk',
        why: 'the clock is in seconds',
        detail: 'clock.now() answers in milliseconds',
      },
      attempt(5, 3, [71, 108], succeeded('weaver/store')),
      decision(6, 108, succeeded('weaver/store'), { kind: 'complete', reason: 'the checks passed' }),
    ],
    texts,
  },
  {
    row: row('login', 'The login page says when a session has ended', {
      ...ran(22, 35, 1, 5_100),
      state: 'decomposed',
      needs: ['types'],
      children: ['login.1', 'login.2', 'login.3'],
    }),
    entries: [
      attempt(0, 1, [22, 34], proposed),
      {
        kind: 'question',
        sequence: 1,
        at: BEGIN + 34 * SECOND,
        question: {
          id: 'a1.plan',
          kind: 'approval',
          text: 'Start 3 tasks in place of this one?',
          options: [],
          default: null,
          about: null,
        },
        until: null,
      },
      {
        kind: 'answered',
        sequence: 2,
        questionId: 'a1.plan',
        answer: 'approve',
        by: 'ana@desk',
        why: 'small enough',
        at: BEGIN + 35 * SECOND,
      },
      decision(3, 35, proposed, {
        kind: 'decompose',
        reason: '3 tasks proposed and approved',
        children: parts,
        joinSpec: null,
      }),
    ],
    texts,
  },
  ok('login.1', 'Expire sessions in the store', 36, 61, [], 'login'),
  ok('login.2', 'Say so in the login page', 62, 84, ['login.1'], 'login'),
  ok('login.3', 'Put both together', 85, 97, ['login.1', 'login.2'], 'login'),
  {
    row: row('mail', 'Mail the user before the session ends', {
      ...ran(109, 139, 2, 10_500),
      state: 'dead',
      failure: 'checksFailed',
      needs: ['store'],
    }),
    entries: [
      attempt(0, 1, [109, 122], failed('tests: no such module smtp')),
      decision(1, 122, failed('tests: no such module smtp'), {
        kind: 'retry',
        reason: 'the checks failed',
        delayMs: 2_000,
        changes: 'evidence',
      }),
      attempt(2, 2, [124, 139], failed('tests: no such module smtp')),
      decision(3, 139, failed('tests: no such module smtp'), {
        kind: 'markDead',
        reason: 'attempt 2/2 failed',
        failure: failure('checksFailed', 'tests: no such module smtp'),
      }),
    ],
    texts,
  },
  {
    row: row('audit', 'Write every end into the audit log', {
      state: 'cancelled',
      failure: 'cancelled',
      needs: ['mail'],
    }),
    entries: [],
    texts,
  },
];

export const EXAMPLE: ReportData = {
  id: 'job/sessions',
  title: 'Sessions that end',
  state: 'failed',
  rows: tasks.map((task) => task.row),
  status: null,
  tasks,
  jobEntries: [],
  madeAt: BEGIN + 200 * SECOND,
  version: '0.1.0',
  leftOut: [],
};
