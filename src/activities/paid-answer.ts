/** The answer of a call that has ended, from the ledger. */
import { PortFault, type Model } from '../ports.js';

/** An answer outlives its task here, so it was given in another home: whoever has that one can go on with the step. */
export async function paidAnswer(model: Pick<Model, 'answer'>, lineage: string, callId: string): Promise<string> {
  const text = await model.answer(lineage, callId);
  if (text !== null) return text;
  throw new PortFault(
    'infrastructure',
    'The ledger of this weaver home has no answer of this call. If it was made in another home, a worker of that one has to run, or both share one home.',
    true,
  );
}
