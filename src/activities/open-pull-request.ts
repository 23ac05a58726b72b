/**
 * Opens the pull request of what has landed, or brings it up to date.
 * Harmless twice: it is looked for by its branch before it is made, and its text follows from what has landed.
 */
import { cancellationSignal } from '@temporalio/activity';
import { cutToBytes } from '../domain/payload-limit.js';
import { closingWords, pullRequestBody, pullRequestTitle, withOwnPart } from '../domain/pull-request.js';
import type { TaskSpec } from '../domain/task.js';
import { PortFault, type ArtifactStore } from '../ports.js';
import { parseCriteria } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import { paidFor } from './close-workspace.js';
import type { PullRequestDone, PullRequestInput } from './contract.js';
import { readSpec } from './stored-spec.js';

/** They travel through the server. */
const NOTES_MAX = 5;
const NOTE_BYTES_MAX = 200;

export const createOpenPullRequest =
  ({ artifacts, forge, model, settings }: ActivityPorts) =>
  async (input: PullRequestInput): Promise<PullRequestDone> => {
    const spec = await readSpec(artifacts, input.spec);
    const wanted = spec.landing?.pullRequest;
    if (wanted === undefined) throw new PortFault('infrastructure', 'The task wants no pull request.', false);
    // A task that was taken up again has paid for little; the ledger knows what was paid before.
    const paid = await paidFor(model, input.lineage);
    const isOwn = isWrittenByPeople(input.taskId, spec);
    const own = pullRequestBody({
      ...input,
      spending: paid.callsSent > input.spending.callsSent ? paid : input.spending,
      acceptanceCriteria: spec.acceptanceCriteria,
      evidence: await evidenceOf(artifacts, input),
      closing: isOwn ? closingWords(spec.description) : [],
      webUrl: settings.webUrlOf?.(input.taskId) ?? null,
    });
    const { url, number, notes } = await forge.open({
      url: spec.repo.url,
      branch: input.landing.branch,
      baseBranch: input.baseBranch,
      commit: input.landing.commit,
      title: pullRequestTitle(wanted.title ?? spec.title, wanted.title !== undefined || isOwn),
      setsTitle: wanted.title !== undefined,
      body: (present) => withOwnPart(present, own),
      draft: wanted.draft,
      labels: wanted.labels,
      reviewers: wanted.reviewers,
      signal: cancellationSignal(),
    });
    const said = notes.slice(0, NOTES_MAX).map((note) => cutToBytes(note, NOTE_BYTES_MAX));
    return { kind: 'open', url, number, ...(said.length === 0 ? {} : { notes: said }) };
  };

/** A task of the file, or the join of what it was split into; what a plan has proposed is in a model's words. */
function isWrittenByPeople(taskId: string, { handler }: TaskSpec): boolean {
  const depth = taskId.slice(taskId.lastIndexOf('/') + 1).split('.').length - 1;
  return depth === 0 || (depth === 1 && handler === 'join');
}

/** A judge's words; another host may have them, and the pull request does without. */
async function evidenceOf(
  artifacts: ArtifactStore,
  { judged }: PullRequestInput,
): Promise<ReadonlyMap<number, string>> {
  if (judged === undefined) return new Map();
  try {
    const parsed = parseCriteria((await artifacts.get(judged)).toString('utf8'));
    return new Map(parsed.kind === 'ok' ? parsed.criteria.map(({ id, evidence }) => [id, evidence]) : []);
  } catch (thrown) {
    if (thrown instanceof PortFault && thrown.code === 'infrastructure') return new Map();
    throw thrown;
  }
}
