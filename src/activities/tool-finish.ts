/** The tool that ends the work: it is looked at before the checks are asked, and refused with the reason. */
import { commitSubject, commitText, withoutSignatures } from '../domain/commit-message.js';
import { failure } from '../domain/failures.js';
import { TOOL_LIMITS, type ToolUse } from '../domain/tools.js';
import { addedLines, DIFF_BYTES_MAX, secretsIn } from './apply-edits.js';
import type { Finish } from './contract.js';
import { guardWork } from './guard-work.js';
import { refusal, type Bench, type ToolResult } from './tool-bench.js';

type Finishing = Extract<ToolUse, { tool: 'finish' }>;

/** @param callId names the call that the gate's verdict will be the result of */
export async function finish(bench: Bench, callId: string, use: Finishing, othersFailed: boolean): Promise<ToolResult> {
  if (use.question !== null) return accepted({ kind: 'question', callId, question: use.question });
  if (othersFailed) return refusal('Not finished: another call of the same answer failed. Look at it first.');
  // What it has changed in files goes with it: the children begin at the base.
  if (use.split !== undefined) {
    const answer = await bench.ports.artifacts.put('answer', JSON.stringify(use.split));
    return accepted({ kind: 'plan', callId, answer });
  }
  const unmet = unmetCriteria(bench, use);
  if (unmet !== null) return unmet;
  const { ports, spec, input, tree } = bench;
  const { url } = spec.repo;
  if (tree === input.baseTree) return refusal(NOTHING_CHANGED, failure('nothingToCommit'));
  const { stat, patch, cut } = await ports.git.diff(url, input.baseTree, tree, DIFF_BYTES_MAX);
  // What cannot be looked at whole is not let out.
  if (cut) return refusal(`Not finished: the change is larger than ${DIFF_BYTES_MAX} bytes as a patch.`);
  const proposed = withoutSignatures(use.commitMessage);
  const message = commitText(spec, proposed);
  const secrets = secretsIn(ports, [...addedLines(patch.toString('utf8')), message].join('\n'));
  if (secrets !== null)
    return refusal(
      `Not finished: the change or its message has what looks like a secret (${secrets.join(', ')}). Take it out.`,
      failure('secretInDiff', secrets.join(', ')),
    );
  const guarded = await guardWork(ports, spec, { baseTree: input.baseTree, tree }, patch);
  if (guarded.kind === 'refused') return refusal(`Not finished: ${guarded.says}`, guarded.failure);
  const diff = await ports.artifacts.put('diff', patch);
  const subject = commitSubject(spec, proposed);
  const { warnings } = guarded;
  const notes = warnings.length === 0 ? {} : { notes: warnings };
  const kept = await ports.artifacts.put('answer', message);
  return accepted({ kind: 'work', callId, diff, stat, subject, message: kept, ...notes });
}

const NOTHING_CHANGED =
  'Not finished: no file has been changed. What a command does to files is not kept: use edit_file or write_file.';

const accepted = (done: Finish): ToolResult => ({ text: '', isError: false, finish: done });

/** Claims only decide whether the checks are worth asking. */
function unmetCriteria({ spec }: Bench, { criteria }: Finishing): ToolResult | null {
  const wanted = spec.acceptanceCriteria.map((_criterion, index) => index + 1);
  const missing = wanted.filter((id) => !criteria.some((claim) => claim.id === id));
  if (missing.length > 0)
    return refusal(`Not finished: say of each acceptance criterion whether it is met; missing: ${missing.join(', ')}.`);
  const unmet = criteria.filter(({ id, met }) => !met && wanted.includes(id)).map(({ id }) => id);
  if (unmet.length === 0) return null;
  return refusal(
    `Not finished: criterion ${unmet.join(', ')} is not met by your own word. Go on, or ask a question of at most ${TOOL_LIMITS.questionCharacters} characters.`,
    failure('criteriaUnmet', `Criterion ${unmet.join(', ')}, by the model's own word.`),
  );
}
