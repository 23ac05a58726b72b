/**
 * From a plan, of a model or of a program, to children whose specifications are stored; nothing is started.
 * Harmless twice: a pure function of the parent's specification and the answer, stored by content.
 */
import type { ArtifactRef, ProposedChild } from '../domain/outcome.js';
import type { PlannedChild } from '../domain/proposal.js';
import { planText } from '../domain/plan-text.js';
import type { TaskSpec } from '../domain/task.js';
import { parsePlan } from '../schemas.js';
import { PortFault } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import { childSpec, fingerprintOf, foundChecks, joinSpec, sharedLimits, shownTitle } from './child-spec.js';
import type { Proposed, ProposeInput } from './contract.js';
import { paidAnswer } from './paid-answer.js';
import { readSpec } from './stored-spec.js';

export const createPropose =
  (ports: ActivityPorts) =>
  async (input: ProposeInput): Promise<Proposed> => {
    const { artifacts, model } = ports;
    const parent = await readSpec(artifacts, input.spec);
    const { lineage, callId = '', answer } = input;
    const text =
      answer === undefined ? await paidAnswer(model, lineage, callId) : (await artifacts.get(answer)).toString('utf8');
    const parsed = parsePlan(text);
    if (parsed.kind === 'malformed') throw new PortFault('infrastructure', 'The answer with the plan is lost.', false);
    const { plan } = parsed;
    const shares = plan.children.length + (plan.join ? 1 : 0);
    const sharing = { ...parent, limits: sharedLimits(parent.limits, input.spent, shares) };
    const specs = plan.children.map((child) => specOf(ports, sharing, child, plan.join));
    const refs = await Promise.all(specs.map((spec) => store(ports, spec)));
    const children = plan.children.map((child, index) => proposed(child, index, specs[index], refs[index]));
    return {
      children,
      join: plan.join,
      joinSpec: plan.join ? await store(ports, joinSpec(sharing)) : null,
      plan: await artifacts.put('plan', planText(parent.title, plan)),
      parentFingerprint: fingerprintOf(parent),
    };
  };

/** Through the front door, as if somebody had written it as a file: what a model names is checked like what a person names. */
function specOf({ settings }: ActivityPorts, parent: TaskSpec, child: PlannedChild, isJoined: boolean): TaskSpec {
  const { title, description, acceptanceCriteria, relatedFiles } = child;
  const { url } = parent.repo;
  const own = settings.parseSpec({
    title,
    description,
    acceptanceCriteria,
    relatedFiles,
    repo: { url },
    checks: child.checks,
  });
  const checks = child.checks.length === 0 ? foundChecks(parent.checks) : { checks: withTimes(own, parent) };
  const { title: childTitle, description: words, acceptanceCriteria: criteria, relatedFiles: files } = own;
  const fields = {
    title: childTitle,
    description: words,
    acceptanceCriteria: criteria,
    relatedFiles: files,
    ...checks,
  };
  return childSpec(parent, fields, isJoined);
}

/** A command that the parent has too takes as long there, and reports in the same place. */
const withTimes = ({ checks = [] }: TaskSpec, parent: TaskSpec) =>
  checks.map((check) => {
    const known = parent.checks?.find(({ run }) => run === check.run);
    if (known === undefined) return check;
    const { timeoutSeconds, report } = known;
    return { ...check, timeoutSeconds, ...(report === undefined ? {} : { report }) };
  });

const store = ({ artifacts }: ActivityPorts, spec: TaskSpec): Promise<ArtifactRef> =>
  artifacts.put('spec', JSON.stringify(spec));

function proposed(
  child: PlannedChild,
  index: number,
  spec: TaskSpec | undefined,
  ref: ArtifactRef | undefined,
): ProposedChild {
  if (spec === undefined || ref === undefined) throw new RangeError(`no specification for child ${index + 1}`);
  return {
    id: `${index + 1}`,
    title: shownTitle(child.title),
    dependsOn: child.dependsOn.map(String),
    fingerprint: fingerprintOf(spec),
    spec: ref,
  };
}
