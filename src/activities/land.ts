/**
 * Commit and push.
 * Harmless twice: the commit's id follows from its inputs, or is that of the signed object that was kept before its first push;
 * a branch that is there already is found and left alone, and a hook that has let the commit through is not asked again.
 */
import { cancellationSignal } from '@temporalio/activity';
import { commitText, withoutSignatures } from '../domain/commit-message.js';
import { criteriaTrailer } from '../domain/criteria-words.js';
import { failure } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import type { TaskSpec } from '../domain/task.js';
import { parseAnswer } from '../schemas.js';
import type { PushResult, RebaseResult } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { askHooks } from './commit-hooks.js';
import type { Landed, LandInput } from './contract.js';
import { isSigned } from './is-signed.js';
import { readSpec } from './stored-spec.js';

export const createLand =
  (ports: ActivityPorts) =>
  async (input: LandInput): Promise<Landed> => {
    const startedAt = Date.now();
    const { git, artifacts, settings } = ports;
    const spec = await readSpec(artifacts, input.spec);
    const { url } = spec.repo;
    const { branch, baseCommit, baseTree, tree, branchTip, dateSeconds } = input;
    const stamp = () => ({ by: settings.identity, startedAt, endedAt: Date.now() });
    if (branch === input.baseBranch)
      return { kind: 'refused', ...stamp(), failure: failure('protectedBranch', `${branch} is the base branch.`) };
    const author = spec.commit.author ?? settings.author;
    const signal = cancellationSignal();
    const message = await messageOf(ports, spec, input);
    const made = await git.commit(url, {
      tree,
      parent: baseCommit,
      ...(input.parents === undefined ? {} : { parents: input.parents }),
      message,
      author,
      dateSeconds,
    });
    const { baseBranch } = input;
    const rebased =
      input.rebases === true ? await git.rebase({ url, baseBranch, baseCommit, commit: made, signal }) : null;
    if (rebased?.kind === 'conflict')
      return { kind: 'refused', ...stamp(), ...(await conflict(ports, input, rebased)) };
    if (rebased?.kind === 'rebased') return { ...rebased, ...stamp() };
    // Last of all, for what is rebased becomes another commit; before the hooks, which are told what is pushed.
    const folder = ports.taskFolder(input.lineage);
    const commit = isSigned(spec, settings) ? await git.sign({ url, commit: made, folder, signal }) : made;
    const refused = await askHooks(ports, spec, { input, commit, message });
    if (refused !== null) return { kind: 'refused', ...stamp(), ...refused };
    const pushed = await git.push({ url, commit, branch, expected: branchTip, signal });
    if (pushed.kind === 'moved' || pushed.kind === 'refused')
      return { kind: 'refused', ...stamp(), failure: refusal(branch, pushed) };
    const { stat } = await git.diff(url, baseTree, tree, 0);
    return { kind: 'landed', ...stamp(), landing: { branch, commit, base: baseCommit, ...stat } };
  };

/** A hook of the remote judged the commit, with words of its own. */
const RULE = /\((?:pre-receive |update )?hook declined\)/;
/** Forges keep branches by hooks too, and say so. */
const PROTECTED = /protected branch/i;

function refusal(branch: string, pushed: Extract<PushResult, { kind: 'moved' | 'refused' }>) {
  if (pushed.kind === 'moved') return failure('branchMoved', `${branch} is at ${pushed.tip ?? 'no commit'}.`);
  const code = RULE.test(pushed.says) && !PROTECTED.test(pushed.says) ? 'remoteRule' : 'protectedBranch';
  return failure(code, `${branch}: ${pushed.says}`);
}

/** What a prompt shows of a conflict. */
const EVIDENCE_BYTES_MAX = 50_000;

async function conflict(
  { git, artifacts }: ActivityPorts,
  { spec, baseBranch, baseTree }: LandInput,
  found: Extract<RebaseResult, { kind: 'conflict' }>,
) {
  const { repo } = await readSpec(artifacts, spec);
  const { patch } = await git.diff(repo.url, baseTree, found.baseTree, EVIDENCE_BYTES_MAX);
  const account = [
    `While this was worked on, ${baseBranch} has gone on, and the change does not fit it any more:`,
    ...found.says,
    `What ${baseBranch} has got meanwhile:`,
    patch.toString('utf8'),
  ].join('\n');
  return {
    failure: failure('baseMoved', `${baseBranch}: ${found.files.slice(0, FILES_NAMED_MAX).join(', ')}`),
    evidence: await artifacts.put('log', cutToBytes(account, EVIDENCE_BYTES_MAX)),
  };
}

const FILES_NAMED_MAX = 10;

/** What was merged stands in the message too: a history that is rewritten loses its parents, not its words. */
async function messageOf(
  { model, artifacts }: ActivityPorts,
  spec: TaskSpec,
  { lineage, callId, taskId, message, subject = '', parents = [], criteria }: LandInput,
): Promise<string> {
  const written = message === undefined ? null : (await artifacts.get(message)).toString('utf8');
  const parsed = callId === null || written !== null ? null : parseAnswer((await model.answer(lineage, callId)) ?? '');
  const text = commitText(
    spec,
    written ?? (parsed?.kind === 'ok' ? withoutSignatures(parsed.answer.commitMessage) : subject),
  );
  const merged = parents.map((commit) => `Weaver-Merged: ${commit}`);
  const judged = criteria === undefined ? [] : criteriaTrailer(criteria);
  return `${text}\n\n${[...spec.commit.trailers, ...merged, ...judged, `Weaver-Task: ${taskId}`].join('\n')}\n`;
}
