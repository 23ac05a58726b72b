import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createCloseWorkspace } from '../../src/activities/close-workspace.js';
import { NOTHING_SPENT } from '../../src/domain/record.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';

const LINEAGE = 'job~one~t~0';

let world: ActivityWorld;
beforeEach(() => {
  world = openActivityWorld();
});
afterEach(() => world.clear());

const close = (lineage: string) => world.run(() => createCloseWorkspace(world.ports)({ lineage }));

const intent = (send: number) => ({
  kind: 'intent' as const,
  send,
  provider: 'p',
  model: 'm',
  startedAt: send,
  requestSha256: '00',
  price: { promptUsdMicros: 1_000_000, cachedUsdMicros: 0, completionUsdMicros: 1_000_000, date: '2026-11-01' },
  priceDate: '2026-11-01',
  promptTokensEstimated: 50,
});

describe('closing the workspace', () => {
  it('tells what the ledger has of the task: failed sends and those in doubt too', async () => {
    const failed = { kind: 'failed' as const, code: 'rateLimited' as const, says: '', retryable: true, endedAt: 9 };
    const [first, second] = ['aa'.repeat(20), 'bb'.repeat(20)];
    const book = async (callId: string, ...rows: readonly Parameters<typeof world.ledger.append>[2][]) => {
      for (const row of rows) await world.ledger.append(LINEAGE, callId, row);
    };
    await book(first, intent(1), { kind: 'inDoubt', send: 1, foundAt: 5 }, intent(2), {
      ...failed,
      send: 2,
      usage: { prompt: 30, cached: 10, completion: 4, reasoning: 1 },
      costUsdMicros: 24,
      unpriced: false,
    });
    await book(second, intent(1), { ...failed, send: 1, costUsdMicros: 0, unpriced: true });
    await world.ledger.append('job~other~t~0', first, intent(1));
    const expected = {
      callsSent: 3,
      callsInDoubt: 1,
      tokens: { prompt: 80, cached: 10, completion: 4, reasoning: 1 },
      costUsdMicros: 74,
      unpriced: true,
    };
    expect(await close(LINEAGE)).toEqual({ spending: expected });
    // Asked again, it says the same: the ledger outlives the workspace.
    expect(await close(LINEAGE)).toEqual({ spending: expected });
  });

  it('of a task that has asked nobody spends nothing', async () => {
    expect(await close(LINEAGE)).toEqual({ spending: NOTHING_SPENT });
  });

  it('leaves nothing of the task behind', async () => {
    const folder = join(world.ports.taskFolder(LINEAGE), 'home');
    mkdirSync(folder, { recursive: true });
    await close(LINEAGE);
    expect(existsSync(folder)).toBe(false);
  });
});
