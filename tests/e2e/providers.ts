/** Several providers for a world, each an endpoint of its own: rules match what is asked, not who is asked. */
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../src/adapters/model/scripted';

export interface Providers {
  readonly endpoints: ReadonlyMap<string, ScriptedEndpoint>;
  /** For weaver.config.yaml; the first one is the default. */
  readonly config: string;
  at(name: string): ScriptedEndpoint;
  stop(): Promise<void>;
}

/**
 * Each has the model `model-<name>`, at one dollar a million tokens of prompt and two of answer.
 * @param levels of those that can do less than others
 */
export async function startProviders(
  names: readonly string[],
  levels: Readonly<Record<string, string>> = {},
): Promise<Providers> {
  const started = await Promise.all(
    names.map(async (name) => [name, await startScriptedEndpoint({ script: [] })] as const),
  );
  const endpoints = new Map(started);
  const price = '{ promptUsdPerMillion: 1, completionUsdPerMillion: 2, date: 2026-01-01 }';
  const levelOf = (name: string): string => (levels[name] === undefined ? '' : `, level: ${levels[name]}`);
  const lines = started.map(
    ([name, { baseUrl }]) =>
      `  ${name}: { baseUrl: ${baseUrl}, model: model-${name}, callTimeoutSeconds: 20, price: ${price}${levelOf(name)} }`,
  );
  return {
    endpoints,
    config: ['providers:', ...lines, `defaultProvider: ${names[0] ?? ''}`].join('\n'),
    at(name) {
      const found = endpoints.get(name);
      if (found === undefined) throw new RangeError(`there is no provider ${name}`);
      return found;
    },
    stop: async () => void (await Promise.all(started.map(([, endpoint]) => endpoint.stop()))),
  };
}
