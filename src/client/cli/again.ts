/** `weaver retry`, `rerun` and `reset`: an ended task in a new job, followed like a run. */
import type { JobHandle } from '../weaver-client.js';
import { turnOf, type Again, type ReadSpec } from '../again.js';
import { carryOut } from './carry-out.js';
import type { Context } from './context.js';
import type { PeopleOrder } from './people-commands.js';
import { showEnd } from './run.js';
import { splitWork } from './work.js';

export interface AgainFlags {
  readonly timeout?: number;
  readonly detach?: boolean;
  readonly worker?: boolean;
}

export interface RetryFlags extends AgainFlags {
  readonly from: 'attempt' | 'checks' | 'land';
}

export interface RerunFlags extends AgainFlags {
  readonly set: readonly string[];
}

export interface ResetFlags extends AgainFlags {
  readonly to: string;
}

export type AgainOrder = Extract<PeopleOrder, { kind: 'retry' | 'rerun' | 'reset' }>;

export async function again(context: Context, order: AgainOrder): Promise<number> {
  const { id, flags } = order;
  const how = howOf(order);
  const readSpec = specReader(context);
  return await carryOut(context, {
    work: splitWork((client, { taskQueue = client.taskQueue }): Promise<JobHandle> =>
      client.again(id, how, { taskQueue, readSpec }),
    ),
    key: undefined,
    timeoutMs: flags.timeout === undefined ? null : flags.timeout * 1_000,
    worker: flags.worker === true,
    detach: flags.detach === true,
    ownQueue: null,
    show: (report, result) => showEnd(context, report, result),
  });
}

function howOf(order: AgainOrder): Again {
  switch (order.kind) {
    case 'retry':
      return { kind: 'retry', from: order.flags.from };
    case 'rerun':
      return { kind: 'rerun', sets: order.flags.set };
    case 'reset':
      return { kind: 'reset', ...turnOf(order.flags.to) };
    default:
      throw new TypeError(`unknown order ${JSON.stringify(order satisfies never)}`);
  }
}

/** Specifications of proposed tasks stand in the store of the host that carried them. */
const specReader =
  ({ house, config }: Context): ReadSpec =>
  async (reference) => {
    const { artifacts } = await house.openStores(config);
    const bytes = await artifacts.get(reference);
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
  };
