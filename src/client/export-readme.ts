/** What stands where in an export, for whoever gets it. */
import type { ExportFiles } from './export-files.js';

export interface ExportAbout {
  readonly id: string;
  readonly title: string;
  readonly state: string;
  /** Epoch milliseconds. */
  readonly madeAt: number;
  /** Folders of tasks; one without a name where there is one task only. */
  readonly folders: readonly string[];
}

export function exportReadme({ id, title, state, madeAt, folders }: ExportAbout, files: ExportFiles): string {
  const many = folders.length > 1;
  const gaps = files.gaps;
  return `# ${title}

${id}, ${state}. Exported by weaver at ${new Date(madeAt).toISOString()}. Known secrets, and what has the shape of one, are taken out.

| file | what |
| --- | --- |
| explain.txt | the story in words |
| versions.json | programs, models, prompts, sandboxes |
${many ? `| job.json, job-record.jsonl | the tasks as they stand, and what happened to the job itself |\n| tasks/PATH/ | each task, with the files below |\n` : ''}| task.json | how the task stands: state, spending, branch, failure |
| spec.json | what was asked, with its checks, limits and rules |
| record.jsonl | attempts, decisions, questions and answers, in order: one JSON object a line |
| decisions.txt | the same for people |
| ledger.jsonl | every call of a model: tokens, price, state |
| calls/ | what the models have answered, in the order of asking |
| attempts/N-SEQUENCE/ | one attempt: \`attempt.json\` has the snapshots before and after as git trees and names what made them |
| … prompt.json, prompt.txt | what the attempt was asked first |
| … conversation.json, conversation.txt | all that was said, with the calls of tools and their results; where a conversation was made shorter, from there on |
| … answer.json | answers, the first without a number |
| … change.patch | from the snapshot before to the one after |
| … checks/NAME.log | what the checks have printed |
| other/ | what else the record names |

Times are milliseconds since 1970, money is in millionths of a dollar.
${gaps.length === 0 ? '' : `\n## Not in here\n\n${gaps.map((gap) => `- ${gap}`).join('\n')}\n`}`;
}
