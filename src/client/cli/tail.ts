/** `weaver watch --tokens`: what the models say to a task or a job, beside its progress. */
import { lineagesOf } from '../../domain/housekeeping.js';
import type { TailWanted } from '../../ports.js';
import { TailPrinter } from '../render-tail.js';
import { idsOf } from '../task-id.js';
import type { Context } from './context.js';

export interface Tail {
  /** Resolves when everything heard has been printed. */
  stop(): Promise<void>;
}

export function startTail({ house, config, terminal, json }: Context, id: string): Tail {
  const over = new AbortController();
  const wanted = wantedFor(id);
  const printer = new TailPrinter(
    {
      piece: (text) => terminal.piece(text),
      line: (text) => terminal.out(text),
      dim: (text) => terminal.paint('dim', text),
    },
    { prefixes: wanted.prefixes, live: terminal.readLive },
  );
  const printing = (async (): Promise<void> => {
    const follow = await house.openTail(config);
    for await (const event of follow(wanted, over.signal)) {
      if (json) terminal.json(printer.named(event));
      else printer.show(event);
    }
  })();
  printing.catch(() => {}); // awaited by whoever stops it
  return {
    async stop() {
      over.abort();
      await printing;
      printer.end();
    },
  };
}

/** A job's tasks keep their calls under names that begin alike; a retry of it goes on under its predecessor's. */
function wantedFor(id: string): TailWanted {
  const { jobId, taskId } = idsOf(id);
  if (id.includes('/t/')) return { lineages: lineagesOf(taskId), prefixes: [] };
  return { lineages: [], prefixes: lineagesOf(`${jobId}/t/`) };
}
