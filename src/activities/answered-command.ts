/** A command whose standard output is an answer to weaver, apart from what it prints for people. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckSpec } from '../domain/task.js';
import type { Command } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { runLogged, type Logged, type Place } from './logged-command.js';
import { readBounded } from './read-bounded.js';

/** As much as an answer of a model may have. */
const ANSWER_BYTES_MAX = 8_000_000;

const TASK_FILE = '.weaver-task.json';
const ANSWER_FILE = '.weaver-answer';

interface Answered extends Logged {
  readonly output: string;
}

/**
 * Input and output are files of the command's home: a sandbox shows nothing else of the worker's.
 * @param input what stands on its standard input; null = nothing does
 */
export async function runAnswering(
  ports: Pick<ActivityPorts, 'sandbox' | 'artifacts'>,
  command: CheckSpec & Pick<Command, 'isLong'>,
  network: boolean,
  place: Place,
  input: string | null,
): Promise<Answered> {
  const [task, answer] = [join(place.home, TASK_FILE), join(place.home, ANSWER_FILE)];
  const clear = async (): Promise<void> => {
    await Promise.all([task, answer].map((file) => rm(file, { recursive: true, force: true })));
  };
  await clear();
  if (input !== null) await writeFile(task, input, { mode: 0o600, flag: 'wx' });
  const from = input === null ? '' : `<"$HOME/${TASK_FILE}" `;
  const run = `exec ${from}>"$HOME/${ANSWER_FILE}"\n${command.run}`;
  const logged = await runLogged(ports, { ...command, run }, network, place);
  const output = (await readBounded(answer, ANSWER_BYTES_MAX)).toString('utf8');
  await clear();
  return { ...logged, output };
}
