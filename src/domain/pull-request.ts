/** What a pull request says of a task. Texts of models stand in it as plain words: they call nobody and close nothing. */
import type { TestCounts } from './gate.js';
import { countWords } from './gate.js';
import { showFailure, type Failure } from './failures.js';
import type { Landing } from './outcome.js';
import type { CriteriaVerdict, Spending } from './record.js';
import { totalTokens } from './record.js';
import { usd } from './report.js';

/** What the task file wants of it. */
export interface PullRequestSpec {
  readonly draft: boolean;
  /** Absent = that of the task. */
  readonly title?: string;
  readonly labels: readonly string[];
  /** Users; `organisation/team` for a team. */
  readonly reviewers: readonly string[];
}

/** What came of it. A commit that has landed stays landed. */
export type PullRequestEnd =
  | {
      readonly kind: 'open';
      readonly url: string;
      readonly number: number;
      /** Labels or reviewers that the forge did not take, at most 5 of 200 characters. Absent if none. */
      readonly notes?: readonly string[];
    }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** One line for people. */
export function pullRequestWords(ended: PullRequestEnd): string {
  if (ended.kind === 'open') return [ended.url, ...(ended.notes ?? [])].join('; ');
  const { code, message, next } = showFailure(ended.failure);
  return `none (${code}): ${message} ${next}`;
}

/** What is told of the work: by the task's workflow, and by what the record has of it. */
export interface PullRequestAccount {
  readonly taskId: string;
  /** First words of what was done. */
  readonly summary: string;
  readonly landing: Landing;
  readonly baseBranch: string;
  readonly attempts: number;
  readonly spending: Spending;
  readonly checks: readonly { readonly name: string; readonly passed: boolean; readonly durationMs: number }[];
  readonly tests?: TestCounts;
  readonly criteria?: CriteriaVerdict;
  readonly acceptanceCriteria: readonly string[];
  /** A judge's words, by the number of the criterion. */
  readonly evidence: ReadonlyMap<number, string>;
  /** `Closes #12`, of the task's own description. */
  readonly closing: readonly string[];
  readonly webUrl: string | null;
}

/** GitHub takes 65,536 characters; these stay below that if each of them has to be written as five. */
const CRITERIA_SHOWN = 20;
const CRITERION_CHARACTERS = 200;
const EVIDENCE_CHARACTERS = 150;
const SUMMARY_CHARACTERS = 500;
const NAME_CHARACTERS = 60;
const TITLE_CHARACTERS_MAX = 200;
const CLOSING_MAX = 10;

const BEGIN = '<!-- weaver -->';
const END = '<!-- /weaver -->';

/** In Markdown, between two marks, so that a later landing finds its own part again. */
export function pullRequestBody(account: PullRequestAccount): string {
  const { landing, baseBranch, attempts, spending, taskId, webUrl, summary, closing } = account;
  const { branch, commit, filesChanged, insertions, deletions } = landing;
  const files = `${filesChanged} ${filesChanged === 1 ? 'file' : 'files'}`;
  const tried = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  const parts = [
    plainWords(summary, SUMMARY_CHARACTERS),
    `${files}, +${insertions} −${deletions} in ${commit.slice(0, 12)}, from ${code(branch)} to ${code(baseBranch)}.`,
    criteriaPart(account),
    checksPart(account),
    `${tried}, ${totalTokens(spending)} tokens, ${usd(spending)}.`,
    webUrl === null ? '' : `[The task in the Web UI](${webUrl})`,
    closing.slice(0, CLOSING_MAX).join('\n'),
    `Weaver-Task: ${code(taskId)}`,
  ];
  return [BEGIN, ...parts.filter((part) => part !== ''), END].join('\n\n');
}

/** What people have written around weaver's part stays; without one it goes to the end. */
export function withOwnPart(body: string, own: string): string {
  const from = body.indexOf(BEGIN);
  const to = body.indexOf(END, from);
  if (from >= 0 && to > from) return `${body.slice(0, from)}${own}${body.slice(to + END.length)}`;
  return body.trim() === '' ? own : `${body.trimEnd()}\n\n${own}`;
}

/** @param isOwn false where a model has written the title: a squashed merge makes a commit message of it */
export const pullRequestTitle = (title: string, isOwn: boolean): string =>
  (isOwn ? title : broken(title)).replaceAll(/\s+/g, ' ').trim().slice(0, TITLE_CHARACTERS_MAX);

/** What the description asks to be closed, each once, in the words that forges know. */
export function closingWords(description: string): readonly string[] {
  const found = description.matchAll(
    /\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+((?:[\w.-]{1,100}\/[\w.-]{1,100})?#\d{1,9})\b/gi,
  );
  return [...new Set([...found].map(([, , issue = '']) => `Closes ${issue}`))].slice(0, CLOSING_MAX);
}

function criteriaPart({ acceptanceCriteria, criteria, evidence }: PullRequestAccount): string {
  if (acceptanceCriteria.length === 0) return '';
  const { byCheck, byJudge } = criteria ?? { byCheck: NONE, byJudge: NONE };
  const rows = acceptanceCriteria.slice(0, CRITERIA_SHOWN).map((text, index) => {
    const number = index + 1;
    const isMet = byCheck.met.includes(number) || byJudge.met.includes(number);
    const isUnmet = byCheck.unmet.includes(number) || byJudge.unmet.includes(number);
    const by = byCheck.met.includes(number) || byCheck.unmet.includes(number) ? 'by its command' : 'by a judge';
    const verdict = isUnmet ? `not met, ${by}` : isMet ? `met, ${by}` : 'not looked at';
    const words = evidence.get(number);
    const shown = words === undefined ? '' : `: ${plainWords(words, EVIDENCE_CHARACTERS)}`;
    return `- [${isMet && !isUnmet ? 'x' : ' '}] ${plainWords(text, CRITERION_CHARACTERS)} (${verdict})${shown}`;
  });
  const rest = acceptanceCriteria.length - CRITERIA_SHOWN;
  return ['Criteria:', '', ...rows, ...(rest > 0 ? [`- and ${rest} more`] : [])].join('\n');
}

const NONE: CriteriaVerdict['byCheck'] = { met: [], unmet: [] };

function checksPart({ checks, tests }: PullRequestAccount): string {
  if (checks.length === 0) return 'No check was run.';
  const rows = checks.map(
    ({ name, passed, durationMs }) =>
      `| ${plainWords(name, NAME_CHARACTERS)} | ${passed ? 'passed' : 'failed'} | ${(durationMs / 1_000).toFixed(1)} s |`,
  );
  const table = ['| check | verdict | time |', '| --- | --- | --- |', ...rows].join('\n');
  return tests === undefined ? table : `${table}\n\nTests: ${countWords(tests)}.`;
}

/** One line that is nothing but text: no markup, no link, no mention, no issue. */
export const plainWords = (text: string, charactersMax: number): string =>
  broken(cut(text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim(), charactersMax)).replaceAll(/[\\`*_[\]()|~<>&]/g, (mark) =>
    mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : mark === '&' ? '&amp;' : `\\${mark}`,
  );

function cut(text: string, charactersMax: number): string {
  const characters = [...text];
  return characters.length <= charactersMax ? text : `${characters.slice(0, charactersMax - 1).join('')}…`;
}

/** Forges look for names, issues and addresses in plain text too; a character without width makes them none. */
const broken = (text: string): string =>
  text
    .replaceAll(/[@#!](?=[\w])/g, (mark) => `${mark}${NO_WIDTH}`)
    .replaceAll(/\b(GH)-(?=\d)/gi, (_all, name: string) => `${name}${NO_WIDTH}-`)
    .replaceAll('://', `:${NO_WIDTH}//`)
    .replaceAll(/\bwww\./gi, (start) => `${start.slice(0, 3)}${NO_WIDTH}.`);

const NO_WIDTH = '\u200B';

/** Branches and ids, which git and weaver have bounded, hold no blank and may hold a backtick. */
const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;
