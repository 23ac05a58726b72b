import { z } from 'zod';
import type { ScriptRule } from '../../src/adapters/model/scripted.js';
import type { World } from '../e2e/world.js';
import type { Answers, BuiltCase } from './build.js';
import type { RealCase } from './case.js';

/** What the endpoint answers, attempt after attempt; a task has as many attempts as there are answers. */
const recordings = {
  right: ['right'],
  'wrong-then-right': ['wrong', 'right'],
  'always-wrong': ['wrong', 'wrong'],
  'test-editing': ['testEditing'],
  'early-exit': ['earlyExit'],
} as const satisfies Readonly<Record<string, readonly (keyof Answers)[]>>;

export type Recording = keyof typeof recordings;

const resultSchema = z.looseObject({
  state: z.string(),
  exitCode: z.number(),
  branch: z.string().nullish(),
  commit: z.string().nullish(),
});

export interface CaseRun {
  readonly state: string;
  /** Of the program, as the shell sees it, or what it would be. */
  readonly exitCode: number | null;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly requests: number;
  readonly taskBranch: string;
}

/** By `weaver run` on the task file, or by the same task given to the library. */
type Way = 'command line' | 'library';

/** The runs of a case are tasks of one repository; by their titles they are told apart. */
const titleOf = (real: RealCase, recording: Recording): string => `${real.title} (${recording})`;

export const ruleFor = (real: RealCase, { answers }: BuiltCase, recording: Recording): ScriptRule => ({
  when: { contains: titleOf(real, recording) },
  answers: recordings[recording].map((name) => ({ kind: 'text', text: answers[name] })),
});

/** Runs weaver itself on a case, with a recording in place of a model. */
export async function runCase(
  world: World,
  real: RealCase,
  built: BuiltCase,
  recording: Recording,
  way: Way,
): Promise<CaseRun> {
  const title = titleOf(real, recording);
  const taskBranch = `${built.taskBranch}-${recording}`;
  const changed = { title, branch: taskBranch, attempts: recordings[recording].length };
  const result = way === 'library' ? await carryOut(world, built, changed) : await runCommand(world, built, changed);
  const { state, exitCode, branch = null, commit = null } = result;
  return { state, exitCode, branch, commit, requests: world.requestsFor(title), taskBranch };
}

/** What is another thing in each run. */
interface Changed {
  readonly title: string;
  readonly branch: string;
  readonly attempts: number;
}

const carryOut = (world: World, { task }: BuiltCase, { title, branch, attempts }: Changed) =>
  world.carryOut({ ...task, title, repo: { ...task.repo, branch }, limits: { attempts } });

async function runCommand(world: World, { taskFile }: BuiltCase, { title, branch, attempts }: Changed) {
  const given = [`title=${title}`, `repo.branch=${branch}`, `limits.attempts=${attempts}`];
  const args = ['run', taskFile, '--json', ...given.flatMap((each) => ['--set', each])];
  const { exitCode, stdout, stderr } = await world.cli(args);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{'))
    throw new Error(`the program ended without a JSON object; it printed:\n${stdout}${stderr}`);
  return { ...resultSchema.parse(JSON.parse(last)), exitCode };
}
