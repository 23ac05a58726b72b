/** `weaver events`: what was told on this host, from the log that receivers are served from. */
import { EVENT_NAMES, eventType, type EventName } from '../../domain/events.js';
import type { StoredEvent } from '../../ports.js';
import { eventLine } from '../render-event.js';
import { idsOf } from '../task-id.js';
import { usageFault } from '../weaver-fault.js';
import type { Context } from './context.js';
import { listenForInterrupts } from './interrupts.js';

export interface EventFlags {
  readonly follow?: boolean;
  /** Number of the last event that is known. */
  readonly since?: number;
  readonly job?: string;
  readonly type?: string;
}

/** Read and shown at once: a log of millions is never in memory. */
const PAGE = 500;

export async function events(context: Context, flags: EventFlags): Promise<number> {
  const isWanted = filterOf(flags);
  const log = await context.house.openEvents(context.config);
  const interrupts = listenForInterrupts(() => {});
  let after = flags.since ?? 0;
  for (;;) {
    const page = await log.read(after, PAGE);
    for (const stored of page.filter(isWanted)) show(context, stored);
    after = page.at(-1)?.number ?? after;
    if (interrupts.signal.aborted || context.terminal.unread) break;
    if (page.length > 0) continue;
    if (flags.follow !== true) break;
    await log.changed(interrupts.signal);
  }
  interrupts.stop();
  return 0;
}

/** Lines as they are stored, so that what is read here is what a receiver gets. */
function show({ terminal, json }: Context, { event, line }: StoredEvent): void {
  if (json) terminal.out(line);
  else terminal.out(eventLine(event));
}

function filterOf({ job, type }: EventFlags): (stored: StoredEvent) => boolean {
  const jobId = job === undefined ? null : idsOf(job).jobId;
  const wanted = type === undefined ? null : typeOf(type);
  return ({ event }) =>
    (wanted === null || event.type === wanted) &&
    (jobId === null || event.subject === jobId || event.subject.startsWith(`${jobId}/t/`));
}

/** `TaskSucceeded`, `task.succeeded` or the whole type. */
function typeOf(given: string): string {
  const name = EVENT_NAMES.find((one: EventName) => [one, eventType(one), shortOf(one)].includes(given));
  if (name === undefined)
    throw usageFault(
      `“${given.slice(0, 100)}” is no type of event.`,
      `Use one of ${EVENT_NAMES.map(shortOf).join(', ')}.`,
    );
  return eventType(name);
}

const shortOf = (name: EventName): string => eventType(name).replace('dev.weaver.', '');
