/** `weaver waiting`: what waits, and the command that lets it go on. */
import { waitingLines } from '../render-waiting.js';
import type { Context } from './context.js';
import { withClient } from './look.js';
import { isServed, sayKept } from './temporal-session.js';

export async function waiting(context: Context): Promise<number> {
  const { terminal, json } = context;
  const served = await isServed(context);
  await withClient(context, 'startIfUsed', async (client) => {
    const all = client === null ? [] : await client.waiting();
    if (json) terminal.json(all);
    else if (all.length === 0) terminal.note('Nothing waits.');
    else for (const line of waitingLines(all, Date.now())) terminal.out(line);
    if (!served) await sayKept(context, client);
  });
  return 0;
}
