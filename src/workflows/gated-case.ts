/**
 * A case of a comparison that is a coding task: opened once, checked once at its base, and each change that answers make of it
 * once. It has a work tree of its own, in which one check runs after the other, and which is gone afterwards.
 */
import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { Checked, NamedModel, OpenedCase } from '../activities/contract.js';
import type { CodingCase, TrialGate } from '../domain/compare.js';
import { catalogueEntry, type Failure } from '../domain/failures.js';
import { workspaceOfCase } from '../domain/lineage.js';
import { textParts } from '../domain/text-parts.js';
import { failureOf } from './faults.js';
import { closeWorkspace, openCase, runChecks } from './proxies.js';
import { checkOn, gateOutcome, type CheckGround } from './steps.js';

/** What the questions of the case are asked with, or why none can be. */
export type Prepared = Ready | { readonly kind: 'failed'; readonly failure: Failure };

interface Ready {
  readonly kind: 'ready';
  readonly opened: OpenedCase;
  readonly before: Checked;
}

interface Place {
  /** Of the comparison. */
  readonly workflowId: string;
  readonly lineage: string;
  /** Of the case, in the file. */
  readonly index: number;
  readonly model: NamedModel;
  /** Where an earlier comparison under the same key has opened it. */
  readonly baseCommit?: string;
  /** As a run before this one has opened it: whoever is asked now is asked the same. */
  readonly opened?: OpenedCase;
}

export class GatedCase {
  opened: OpenedCase | null;
  private readonly name: string;
  private readonly ids: { readonly taskId: string; readonly lineage: string };
  private readonly gates = new Map<string, Promise<TrialGate>>();
  private preparing: Promise<Prepared> | null = null;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly given: CodingCase,
    private readonly place: Place,
  ) {
    const { workflowId, lineage, index, opened = null } = place;
    this.opened = opened;
    this.name = `c${index + 1}`;
    this.ids = { taskId: `${workflowId}/${this.name}`, lineage: workspaceOfCase(lineage, index) };
  }

  /** Nobody is asked before the checks have run at the base: where they cannot, answers would be paid in vain. */
  prepared(): Promise<Prepared> {
    this.preparing ??= this.prepare();
    return this.preparing;
  }

  /** @param question the first one whose answer makes this change; its checks are named after it */
  gate(ready: Ready, tree: string, question: string): Promise<TrialGate> {
    const known = this.gates.get(tree);
    if (known !== undefined) return known;
    const judged = this.last.then(() => this.check(ready, tree, question));
    this.last = judged.catch(() => undefined); // who asked for it hears of its fault
    this.gates.set(tree, judged);
    return judged;
  }

  async close(): Promise<void> {
    await closeWorkspace({ lineage: this.ids.lineage });
  }

  private async prepare(): Promise<Prepared> {
    try {
      const opened = this.opened ?? (await this.open());
      this.opened = opened;
      const options = { activityId: `${this.name}.baseline`, summary: this.summary('checks at the base') };
      const before = await runChecks.executeWithOptions(options, [checkOn(this.ground(opened), opened.baseTree)]);
      return before.kind === 'checked'
        ? { kind: 'ready', opened, before }
        : { kind: 'failed', failure: before.failure };
    } catch (thrown) {
      const failed = failureIn(thrown);
      // It may be over by the next question.
      if (catalogueEntry(failed.code).heals === 'outage') this.preparing = null;
      return { kind: 'failed', failure: failed };
    }
  }

  private open(): Promise<OpenedCase> {
    const { model, baseCommit } = this.place;
    const request = { ...this.ids, model, ...(baseCommit === undefined ? {} : { baseCommit }) };
    const options = { activityId: `${this.name}.open`, summary: this.summary('open') };
    return openCase.executeWithOptions(options, [request, ...textParts(this.given.task)]);
  }

  private async check({ opened, before }: Ready, tree: string, question: string): Promise<TrialGate> {
    try {
      const options = { activityId: `${question}.checks`, summary: this.summary(`checks of ${question}`) };
      const input = checkOn(this.ground(opened), tree, before);
      const red = gateOutcome(before, await runChecks.executeWithOptions(options, [input]));
      if (red === null) return { tree, refused: null };
      return { tree, refused: { ...red.failure, evidence: red.evidence ?? null } };
    } catch (thrown) {
      const failed = failureIn(thrown);
      this.gates.delete(tree); // nothing was learned of it
      return { tree, refused: { ...failed, evidence: null } };
    }
  }

  private ground({ spec, baseCommit, baseTree }: OpenedCase): CheckGround {
    return { ...this.ids, spec, baseCommit, baseTree };
  }

  private summary(what: string): string {
    return `${this.given.name}: ${what}`.slice(0, 120);
  }
}

/** Of a step that could not be done; what else is thrown is ours, or a wish to stop. */
function failureIn(thrown: unknown): Failure {
  if (isCancellation(thrown) || !(thrown instanceof ActivityFailure)) throw thrown;
  return failureOf(thrown);
}
