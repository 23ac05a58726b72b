import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { startScriptedEndpoint } from '../../src/adapters/model/scripted.js';
import { buildCase, type Answers } from './build.js';
import type { RealCase } from './case.js';
import { run } from './commands.js';

/** What the endpoint answers, attempt after attempt; a task has as many attempts as there are answers. */
export const recordings = {
  right: ['right'],
  'wrong-then-right': ['wrong', 'right'],
  'always-wrong': ['wrong', 'wrong'],
  'test-editing': ['testEditing'],
  'early-exit': ['earlyExit'],
} as const satisfies Readonly<Record<string, readonly (keyof Answers)[]>>;

export type Recording = keyof typeof recordings;

/** Longer than two attempts with a cold Go build each. */
const RUN_TIMEOUT_MS = 300_000;

const resultSchema = z.looseObject({
  state: z.string(),
  branch: z.string().nullish(),
  commit: z.string().nullish(),
});

export interface CaseRun {
  readonly state: string;
  /** Of the program, as the shell sees it. */
  readonly exitCode: number | null;
  readonly branch: string | null;
  readonly commit: string | null;
  /** The whole JSON object that the program ended with. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly requests: number;
  readonly repositoryUrl: string;
  readonly taskBranch: string;
  /** Everything the program printed. */
  readonly output: string;
}

/** Runs weaver itself on a case, from the built command line, with a recording in place of a model. */
export async function runCase(
  real: RealCase,
  recording: Recording,
  folders: { readonly work: string; readonly home: string },
): Promise<CaseRun> {
  const work = join(folders.work, `${real.name}-${recording}`);
  const { repositoryUrl, taskFile, taskBranch, answers } = await buildCase(real, work);
  await mkdir(folders.home, { recursive: true });
  const endpoint = await startScriptedEndpoint({
    script: [{ answers: recordings[recording].map((name) => ({ kind: 'text', text: answers[name] })) }],
  });
  try {
    const cli = resolve(__dirname, '../../dist/cli.js');
    const env = {
      ...process.env,
      WEAVER_HOME: folders.home,
      // Runs share a server, and each has an endpoint of its own: no worker may take up another one's task.
      WEAVER_TASK_QUEUE: `${real.name}-${recording}`,
      OPENAI_BASE_URL: endpoint.baseUrl,
      OPENAI_API_KEY: 'recorded-answers-need-no-key',
    };
    const attempts = `limits.attempts=${recordings[recording].length}`;
    const ended = await run('node', [cli, 'run', taskFile, '--json', '--set', attempts], {
      cwd: work,
      env,
      timeoutMs: RUN_TIMEOUT_MS,
    });
    const result = lastObject(ended.stdout, ended.output);
    return {
      state: result.state,
      exitCode: ended.exitCode,
      branch: result.branch ?? null,
      commit: result.commit ?? null,
      result,
      requests: endpoint.requests().length,
      repositoryUrl,
      taskBranch,
      output: ended.output,
    };
  } finally {
    await endpoint.stop();
  }
}

/** The last JSON object of the output, on one line or over several. */
function lastObject(stdout: string, output: string): z.infer<typeof resultSchema> {
  const starts = [...stdout.matchAll(/^\{/gm)].map(({ index }) => index).toReversed();
  for (const start of starts) {
    const parsed = tryParse(stdout.slice(start));
    if (parsed.success) return parsed.data;
  }
  throw new Error(`the program ended without a JSON object; it printed:\n${output.slice(-2_000)}`);
}

function tryParse(text: string) {
  try {
    return resultSchema.safeParse(JSON.parse(text));
  } catch (cause) {
    if (isSyntaxError(cause)) return { success: false } as const;
    throw cause;
  }
}

const isSyntaxError = (cause: unknown): boolean =>
  typeof cause === 'object' && cause !== null && 'name' in cause && cause.name === 'SyntaxError';
