/** One task that a model works on, at once or with troubles: what is carried out under fire in kill.test.ts. */
import { join } from 'node:path';
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import { answerValue, branchesOf, commitsOn, git, makeRepository } from '../e2e/world';
import { decisionsOf, type Story } from './under-fire';

/** The model thinks so long, so that there is a time in which a request is under way. */
const THINKING_MS = 150;

export type Kind = 'plain' | 'troubled';

export interface Account {
  readonly state: string;
  readonly decisions: readonly string[];
  /** Requests that the endpoint got. */
  readonly requests: number;
  /** Requests that weaver has booked. */
  readonly booked: number;
  readonly inDoubt: number;
  readonly commits: number;
  /** Content of the branch. */
  readonly tree: string;
  readonly otherBranches: readonly string[];
}

/** The check takes a moment, so that it can be interrupted. */
const FILES = {
  'value.txt': 'wrong\n',
  'check.sh': 'sleep 0.15; grep -qx right value.txt || { echo "value is $(cat value.txt)"; exit 1; }\n',
};

const right: ScriptedAnswer = { kind: 'json', value: answerValue('right'), delayMs: THINKING_MS };

export const STORIES: Readonly<Record<Kind, Story<Account>>> = {
  plain: storyOf([right]),
  // A repair turn, a red check, and only then the right thing.
  troubled: storyOf([
    { kind: 'text', text: 'Let me think about it first.', delayMs: THINKING_MS },
    { kind: 'json', value: answerValue('wrong again'), delayMs: THINKING_MS },
    right,
  ]),
};

function storyOf(answers: readonly ScriptedAnswer[]): Story<Account> {
  return {
    rules: (title) => [{ when: { contains: title }, answers }],
    prepare: ({ title, folder }) => {
      const url = makeRepository(join(folder, 'remote.git'), FILES);
      const text = JSON.stringify({
        title,
        description: 'Make the value right.',
        repo: { url, branch: 'chaos' },
        setup: [{ name: 'prepare', run: 'mkdir -p made && echo made > made/file', timeoutSeconds: 20, network: false }],
        checks: [{ name: 'value', run: 'sh check.sh', timeoutSeconds: 20 }],
      });
      return {
        text,
        account: async ({ client, result: { jobId, task }, requests }) => ({
          state: task.state,
          decisions: await decisionsOf(client, jobId),
          requests,
          booked: task.spending.callsSent,
          inDoubt: task.spending.callsInDoubt,
          commits: commitsOn(url, 'chaos'),
          tree: git(url, 'rev-parse', 'refs/heads/chaos^{tree}'),
          otherBranches: branchesOf(url).filter((name) => name !== 'main' && name !== 'chaos'),
        }),
      };
    },
  };
}
