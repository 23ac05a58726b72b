/** Which Temporal server: `TEMPORAL_*` variables and TOML profiles, by the rules of the SDK. */
import { loadClientConnectConfig } from '@temporalio/envconfig';

export interface TemporalSettings {
  /** Whether an address was named anywhere. */
  readonly configured: boolean;
  readonly namespace: string;
  /** Options for either kind of connection. */
  readonly connection: Readonly<Record<string, unknown>>;
}

export interface ReadTemporal {
  readonly settings: TemporalSettings;
  readonly secrets: readonly string[];
  /** Files that hold such: a profile may have an API key. */
  readonly secretPaths: readonly string[];
  readonly faults: readonly string[];
}

const NONE: TemporalSettings = { configured: false, namespace: 'default', connection: {} };

/** Never throws: a broken profile is a fault that names its place and repeats nothing of it. */
export function readTemporal(env: Readonly<Record<string, string | undefined>>): ReadTemporal {
  const secretPaths = [env['TEMPORAL_TLS_CLIENT_KEY_PATH'], env['TEMPORAL_CONFIG_FILE']].filter(isText);
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: given(env) });
    const connection = withoutUndefined(connectionOptions);
    const metadata = connectionOptions.metadata ?? {};
    const authorization = Object.entries(metadata).flatMap(([name, value]) =>
      /auth|token|key|secret/i.test(name) ? [String(value), String(value).replace(/^\w+\s+/, '')] : [],
    );
    return {
      settings: {
        configured: connectionOptions.address !== undefined,
        namespace: namespace ?? NONE.namespace,
        connection,
      },
      secrets: [connectionOptions.apiKey, ...authorization, env['TEMPORAL_TLS_CLIENT_KEY_DATA']].filter(isText),
      secretPaths,
      faults: [],
    };
  } catch (thrown) {
    return { settings: NONE, secrets: [], secretPaths, faults: [sayWhy(thrown, env)] };
  }
}

const isText = (value: string | undefined): value is string => value !== undefined && value !== '';

/** An empty variable is one that is not set, but an empty `TEMPORAL_GRPC_META_*` takes a header out. */
const given = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && (value !== '' || name.startsWith('TEMPORAL_GRPC_META_')) ? [[name, value]] : [],
    ),
  );

/** Fields that are there but undefined are not the same as absent to everyone; those of `tls` neither. */
function withoutUndefined(fields: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]: [string, unknown]) => {
      if (value === undefined) return [];
      return [[name, name === 'tls' && typeof value === 'object' && value !== null ? withoutUndefined(value) : value]];
    }),
  );
}

/** The parser's own message shows the lines around the error, where the API key may be. */
function sayWhy(thrown: unknown, env: Readonly<Record<string, string | undefined>>): string {
  const named = env['TEMPORAL_CONFIG_FILE'];
  const file = named === undefined || named === '' ? 'the Temporal configuration file' : named;
  if (typeof thrown !== 'object' || thrown === null) return `${file} cannot be used`;
  if ('line' in thrown) return `${file}:${String(thrown.line)}: is not valid TOML`;
  if ('code' in thrown && 'path' in thrown) return `${String(thrown.path)} cannot be read (${String(thrown.code)})`;
  const profile = /^Profile '(.{1,100})' not found/.exec('message' in thrown ? String(thrown.message) : '')?.[1];
  if (profile !== undefined) return `TEMPORAL_PROFILE names the profile ${profile}, which ${file} does not have`;
  return `${file} cannot be used: it does not have the form of Temporal profiles`;
}
