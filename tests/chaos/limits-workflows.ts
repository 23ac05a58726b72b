/** Beside the keeper as weaver has it: a caller that asks the model again and again. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { ArtifactRef } from '../../src/domain/outcome.js';
import { paidCall } from '../../src/workflows/steps.js';

/** Ends with the number of its calls when it is cancelled. */
export async function caller(lineage: string, prompt: ArtifactRef, provider: string): Promise<number> {
  for (let calls = 0; ; calls += 1) {
    const request = { lineage, name: `c${calls}`, prompt, provider, model: 'scripted-1', repairs: null };
    try {
      await paidCall({ bookCall: () => undefined }, 'ask', { ...request, expects: 'text' });
    } catch (thrown) {
      if (isCancellation(thrown) && CancellationScope.current().consideredCancelled) return calls;
      throw thrown;
    }
  }
}
