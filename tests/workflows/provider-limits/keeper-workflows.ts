/** Beside the keeper as weaver has it: a workflow that does one step of the test's. */
import { proxyActivities } from '@temporalio/workflow';
import type { CallFate, Told } from './call-fate.js';

interface Steps {
  call(fates: readonly CallFate[]): Promise<readonly Told[]>;
}

const { call } = proxyActivities<Steps>({ startToCloseTimeout: '30s', retry: { maximumAttempts: 1 } });

export const calls = (fates: readonly CallFate[]): Promise<readonly Told[]> => call(fates);
