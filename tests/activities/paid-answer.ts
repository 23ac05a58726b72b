/** An answer that stands in the ledger as the request process leaves it there. */
import type { ActivityWorld } from './activity-world.js';

export const LINEAGE = 'job~one~t~0';
export const CALL = 'ab'.repeat(20);

export async function paidAnswer(world: ActivityWorld, value: unknown, callId = CALL): Promise<void> {
  await world.ledger.append(LINEAGE, callId, {
    kind: 'answered',
    send: 1,
    text: typeof value === 'string' ? value : JSON.stringify(value),
    finishReason: 'stop',
    model: 'm',
    usage: { prompt: 1, cached: 0, completion: 1, reasoning: 0 },
    usageEstimated: false,
    latencyMs: 1,
    costUsdMicros: 0,
    unpriced: false,
    endedAt: 1,
  });
}
