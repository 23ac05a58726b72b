/** What a workflow was started with, as the first event of its history keeps it. */
import type { Payload } from '@temporalio/common';
import { insisting } from './insisting.js';
import type { Speaker } from './updates.js';
import { asking } from './temporal-faults.js';

const ANSWER_TIMEOUT_MS = 5_000;

/** Undefined if it was started with nothing. */
export async function startInputOf({ temporal, address }: Speaker, workflowId: string): Promise<unknown> {
  const { history } = await asking(address, () =>
    insisting(address, () =>
      temporal.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () =>
        temporal.workflowService.getWorkflowExecutionHistory({
          namespace: temporal.options.namespace,
          execution: { workflowId },
          maximumPageSize: 1,
        }),
      ),
    ),
  );
  const [first] = history?.events ?? [];
  const [payload] = first?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return payload == null ? undefined : await decoded(temporal, payload);
}

async function decoded({ options }: Speaker['temporal'], payload: Payload): Promise<unknown> {
  const { payloadCodecs, payloadConverter } = options.loadedDataConverter;
  let payloads: Payload[] = [payload];
  // What was put on last comes off first.
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  const [plain] = payloads;
  return plain === undefined ? undefined : payloadConverter.fromPayload(plain);
}
