/** Places of a provider: when to come again is told by what calls take. */
import { createSlots } from '../../../src/adapters/model/slots';
import type { ProviderSettings } from '../../../src/ports';

const provider = { name: 'p', baseUrl: 'http://127.0.0.1:1', concurrency: 1 } as ProviderSettings;
const never = new AbortController().signal;

it('tells who waits for a call that is overdue to come again later, the longer it has taken', async () => {
  const slots = createSlots();
  const clock = jest.spyOn(Date, 'now');
  try {
    const now = Date.now();
    await slots.take(provider, 'a', never);
    clock.mockReturnValue(now + 80_000);
    expect(await slots.take(provider, 'b', never)).toEqual({ kind: 'away', forMs: 10_000 });
    clock.mockReturnValue(now + 3_600_000);
    expect(await slots.take(provider, 'c', never)).toEqual({ kind: 'away', forMs: 300_000 });
  } finally {
    clock.mockRestore();
  }
});
