/** `weaver demo`: the example task, on an example repository made on the spot. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config.js';
import { ATTENDED_OUTAGE_SECONDS, type TaskSpec } from '../../domain/task.js';
import { parseTask } from '../../schemas.js';
import type { JobResult } from '../../workflows/messages.js';
import { endLines } from '../render-task.js';
import type { RunReport } from '../run-report.js';
import { invalidTask } from '../task-faults.js';
import { carryOut } from './carry-out.js';
import type { Context } from './context.js';
import { makeDemoRepository } from './demo-repository.js';
import { taskWork } from './work.js';

/** Enough to look at the last ones. */
const DEMOS_KEPT = 5;

export async function demo(context: Context): Promise<number> {
  const { house, terminal } = context;
  const { files, task } = await house.demo();
  const name = `${Date.now().toString(36)}${randomBytes(2).toString('hex')}`;
  const remote = await makeRemote(context.config, name, files);
  terminal.note(`example repository ${remote}`);
  return await carryOut(context, {
    work: taskWork(demoSpec(task, remote, context.config)),
    key: undefined,
    timeoutMs: null,
    worker: true,
    detach: false,
    // A demo carries no other task on, and no worker elsewhere can reach this repository.
    ownQueue: `${context.config.taskQueue}-demo-${name}`,
    show: (report, result) => showDemo(context, remote, report, result),
  });
}

async function makeRemote(
  { home, environment }: Config,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const demos = join(home, 'demo');
  mkdirSync(demos, { recursive: true, mode: 0o700 });
  for (const old of readdirSync(demos).toSorted().slice(0, -DEMOS_KEPT))
    rmSync(join(demos, old), { recursive: true, force: true });
  const remote = join(demos, name, 'example.git');
  await makeDemoRepository(remote, files, environment);
  return remote;
}

function demoSpec(task: Readonly<Record<string, unknown>>, remote: string, { limits }: Config): TaskSpec {
  const parsed = parseTask(JSON.stringify({ ...task, repo: { url: remote } }), {
    limits: { outageSeconds: ATTENDED_OUTAGE_SECONDS, ...limits },
  });
  if (parsed.kind === 'ok') return parsed.spec;
  throw invalidTask(parsed.faults);
}

function showDemo(
  { terminal, json, house: { command } }: Context,
  remote: string,
  report: RunReport,
  result: JobResult | null,
): void {
  if (json) {
    terminal.json(report);
    return;
  }
  terminal.out(terminal.paint(report.exitCode === 0 ? 'green' : 'red', report.state));
  for (const line of endLines(report, result)) terminal.out(`  ${line}`);
  if (report.branch !== null) terminal.out(`\nLook at it:       git -C ${remote} log -p -1 ${report.branch}`);
  terminal.out(`Keep the Web UI:  ${command} up`);
}
