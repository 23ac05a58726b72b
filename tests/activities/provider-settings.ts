/** Ports with one provider, whatever its name: nobody is asked, but a task must know whom it would ask. */
import type { ActivityPorts } from '../../src/activities/activity-ports.js';
import { createProviderGates, type GateOf } from '../../src/activities/ask-provider.js';
import type { ProviderSettings } from '../../src/ports.js';
import type { ActivityWorld } from './activity-world.js';

export const PROVIDER: ProviderSettings = {
  name: 'p',
  baseUrl: 'http://127.0.0.1:9/v1',
  keyVariable: 'NO_KEY',
  model: 'm',
  level: 'json-schema',
  concurrency: 1,
  callTimeoutSeconds: 5,
  idleTimeoutSeconds: 5,
  maxOutputTokens: 100,
};

export const portsWithProvider = (
  { ports }: Pick<ActivityWorld, 'ports'>,
  provider: ProviderSettings = PROVIDER,
): ActivityPorts => ({
  ...ports,
  settings: { ...ports.settings, defaultModels: [{ provider: provider.name }], provider: () => provider },
});

/** No keeper is asked but in trouble. */
export const gatesOf = ({ costs }: Pick<ActivityPorts, 'costs'>): GateOf =>
  createProviderGates(costs, () => undefined).gateOf;
