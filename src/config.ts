/** The configuration: file, variables and Temporal profiles, as one value. The only reader of the environment. */
import { homedir, hostname, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { AgentSpec } from './domain/agents.js';
import type { ShadowSpec } from './domain/shadow.js';
import type { HooksSpec, LimitsSpec, ModelChoice, ProtectSpec } from './domain/task.js';
import {
  PortFault,
  type ForgeSettings,
  type OtlpSettings,
  type ProviderSettings,
  type RecordingSettings,
  type SigningSettings,
} from './ports.js';
import { resolveAgents } from './config/agents.js';
import { childEnvironment, proxyPasswords } from './config/child-environment.js';
import { forgesOf } from './config/forges.js';
import { readConfigFile } from './config/config-file.js';
import { listenAddress, logLevel, type ConfigFile } from './config/config-shape.js';
import { commitOf, secretPathsOf } from './config/commit.js';
import { DEFAULT_PROTECT } from './config/default-protect.js';
import { OTLP_SECRET_VARIABLES, readOtlp, type ReadOtlp } from './config/otlp.js';
import { resolveProviders } from './config/providers.js';
import { resolveRecordings } from './config/recordings.js';
import { DEFAULT_GIT_TOKEN_VARIABLE, readSecretFiles, secretPlace, secretVariables } from './config/secret-files.js';
import { readTemporal, type TemporalSettings } from './config/temporal-connection.js';

export interface Config {
  /** Absolute folder of everything that weaver keeps: ledger, artifacts, mirrors, the embedded server's database. */
  readonly home: string;
  /** The weaver.config.yaml that was read; null if there is none. */
  readonly file: string | null;
  readonly taskQueue: string;
  /** Whether a worker begins where workers of another home poll its queue. */
  readonly otherHomes: 'refuse' | 'allow';
  /** Web UI of the configured Temporal, for links; the embedded server has its own. */
  readonly uiUrl: string | null;
  readonly temporal: TemporalSettings;
  /** Never empty unless `scripted`. */
  readonly providers: readonly ProviderSettings[];
  /** The ladder of tasks that name no models. */
  readonly defaultModels: readonly ModelChoice[];
  /** Ways to carry tasks out, by name; also those that are disabled. */
  readonly agents: readonly AgentSpec[];
  /** No key, no address and no provider: weaver answers the example task itself, over HTTP, and says so. */
  readonly scripted: boolean;
  readonly limits: Partial<LimitsSpec>;
  /** Built-in rules, then those of the file; the last that names a path counts. */
  readonly protect: readonly ProtectSpec[];
  /** Of tasks that name none. */
  readonly shadow?: ShadowSpec;
  /** Of a prompt, for the map of the repository; 0 = none. */
  readonly mapTokens: number;
  /** `Name <address>`. */
  readonly author: string;
  /** Of tasks that say nothing of it; absent = not signed, and no hooks. */
  readonly commit: { readonly signing?: SigningSettings; readonly hooks?: HooksSpec };
  readonly sandbox: 'auto' | 'required' | 'none';
  readonly concurrency: {
    readonly workflows: number;
    readonly activities: number;
    readonly checks: number;
    /** Absent = no limit. */
    readonly perRepository?: number;
  };
  /** Below the weaver home. */
  readonly disk: {
    /** Free before a task gets a work tree; null = by the size of the disk. */
    readonly freeBytesMin: number | null;
    /** Work trees with what set-ups have left, over all tasks. */
    readonly groundsMax: number;
  };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly telemetry: {
    /** Where a worker that stays shows metrics and its health; null = nowhere. */
    readonly listen: { readonly host: string; readonly port: number } | null;
    /** Where every worker sends spans and metrics of OpenTelemetry; absent = nowhere. */
    readonly otlp?: OtlpSettings;
    /** What OpenTelemetry's variables ask for and is not done, for whoever starts a worker; absent = nothing. */
    readonly otlpWarnings?: readonly string[];
  };
  /** Who is told what happens. */
  readonly events: {
    readonly webhook: WebhookSettings | null;
    /** Absolute path of a JSON-lines file. */
    readonly file: string | null;
    readonly keepDays: number;
  };
  /** Null = every call is asked, and none is recorded. */
  readonly recordings: RecordingSettings | null;
  /** Value of a variable that holds a key. */
  readonly keyOf: (variable: string) => string | undefined;
  /** Token for a git remote on this host. */
  readonly gitTokenOf: (host: string) => string | undefined;
  /** Forge of a host; undefined if none is known. */
  readonly forgeOf: (host: string) => ForgeSettings | undefined;
  /** Every secret value known, for the redactor. */
  readonly secrets: () => readonly string[];
  /** Files and folders that hold secrets, absolute: wherever they are, no command may see them. */
  readonly secretPaths: readonly string[];
  /** What child processes may have; never a key. */
  readonly environment: Readonly<Record<string, string>>;
  /** Who asks, as recorded in decisions. */
  readonly requester: string;
}

export interface WebhookSettings {
  readonly url: string;
  /** Variable with the key of the signature; null = none. */
  readonly secretVariable: string | null;
  /** Variable with the value of each header. */
  readonly headerVariables: Readonly<Record<string, string>>;
  readonly batch: number;
  readonly timeoutMs: number;
}

export type Loaded =
  | { readonly kind: 'ok'; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_TASK_QUEUE = 'weaver';
const TEMPORAL_KEY_VARIABLE = 'TEMPORAL_API_KEY';

/** A column of the lists. */
const REQUESTER_CHARACTERS_MAX = 100;

/** Every fault at once, each naming its line or variable; none repeats a value. */
export function loadConfig(options: {
  readonly env: Environment;
  readonly cwd: string;
  readonly file?: string;
}): Loaded {
  const plain = withoutBlanks(options.env);
  const { cwd } = options;
  const read = readConfigFile(options.file ?? plain['WEAVER_CONFIG'], cwd);
  const { content } = read;
  const files = readSecretFiles(
    [...secretVariables(content), TEMPORAL_KEY_VARIABLE, ...OTLP_SECRET_VARIABLES],
    plain,
    cwd,
  );
  const env = { ...plain, ...files.values };
  const temporal = readTemporal({ ...options.env, ...files.values });
  const offered = resolveProviders(content, env, read.path ?? 'weaver.config.yaml');
  const named = resolveAgents(content.agents, read.path ?? 'weaver.config.yaml');
  const level = logLevel.safeParse(env['WEAVER_LOG_LEVEL'] ?? content.logLevel);
  const listen = listenAddress.optional().safeParse(env['WEAVER_METRICS_ADDRESS']);
  const faults = [
    ...read.faults,
    // A file that was not understood has no providers yet; that is no second fault.
    ...(read.faults.length > 0 ? [] : offered.faults),
    ...named.faults,
    ...(level.success ? [] : [`WEAVER_LOG_LEVEL must be one of ${logLevel.options.join(', ')}`]),
    ...(listen.success ? [] : ['WEAVER_METRICS_ADDRESS must be a port, or host:port']),
    ...temporal.faults,
    ...files.faults,
  ];
  if (faults.length > 0 || !level.success || !listen.success) return { kind: 'faults', faults };
  const { providers, defaultModels, scripted, warnings } = offered;
  const otlp = readOtlp(env);
  const forges = forgesOf(content.forges);
  const commit = commitOf(content, env, cwd);
  const config: Config = {
    home: homeOf(env, cwd),
    file: read.path,
    taskQueue: env['WEAVER_TASK_QUEUE'] ?? content.taskQueue ?? DEFAULT_TASK_QUEUE,
    otherHomes: content.otherHomes,
    uiUrl: env['WEAVER_UI_URL'] ?? content.uiUrl ?? null,
    temporal: temporal.settings,
    providers,
    defaultModels,
    agents: named.agents,
    scripted,
    limits: content.limits,
    protect: [...DEFAULT_PROTECT, ...content.protect],
    ...(content.shadow === undefined ? {} : { shadow: content.shadow }),
    mapTokens: content.context.mapTokens,
    author: content.author,
    commit,
    sandbox: content.sandbox,
    concurrency: concurrencyOf(content),
    disk: diskOf(content),
    logLevel: level.data,
    telemetry: { listen: listen.data ?? content.telemetry.listen ?? null, ...exported(otlp) },
    events: eventsOf(content, cwd),
    recordings: resolveRecordings(content.recordings, env['WEAVER_RECORDINGS'], cwd),
    forgeOf: (host) => forges.get(host),
    ...secretsOf(env, content, providers, [...temporal.secrets, ...otlp.secrets]),
    secretPaths: [
      ...files.paths,
      ...[...temporal.secretPaths, ...secretPathsOf(commit.signing)].map((path) => secretPlace(resolve(cwd, path))),
    ],
    environment: childEnvironment(env),
    requester: (env['WEAVER_REQUESTER'] ?? `${userName(env)}@${hostname()}`).slice(0, REQUESTER_CHARACTERS_MAX),
  };
  return { kind: 'ok', config, warnings };
}

/** With this process's environment and folder. */
export const currentConfig = (file?: string): Loaded =>
  loadConfig({ env: process.env, cwd: process.cwd(), ...(file === undefined ? {} : { file }) });

/** The same with weaver's own endpoint as the default model. */
export function withScriptedEndpoint(config: Config, baseUrl: string): Config {
  const provider: ProviderSettings = {
    name: 'scripted',
    baseUrl: baseUrl.replace(/\/+$/, ''),
    keyVariable: 'WEAVER_SCRIPTED_KEY',
    model: 'scripted-1',
    level: 'tools',
    // Recorded answers are free, and known to be.
    price: { promptUsdMicros: 0, cachedUsdMicros: 0, completionUsdMicros: 0, date: '2026-11-21' },
    // It answers from memory at once, or not at all.
    concurrency: 16,
    callTimeoutSeconds: 30,
    idleTimeoutSeconds: 10,
    maxOutputTokens: 16_384,
  };
  return {
    ...config,
    providers: [...config.providers.filter(({ name }) => name !== provider.name), provider],
    defaultModels: [{ provider: provider.name }],
  };
}

/** Settings of the provider for the model that is asked. Throws PortFault unknownProvider. */
export function providerOf({ providers }: Config, { provider, model }: ModelChoice): ProviderSettings {
  const found = providers.find(({ name }) => name === provider);
  if (found === undefined) {
    const names = providers.map(({ name }) => name).join(', ');
    throw new PortFault(
      'unknownProvider',
      `There is no provider ${JSON.stringify(provider)}; there are: ${names}.`,
      false,
    );
  }
  const { modelPrices = {}, price, ...rest } = found;
  const asked = model ?? found.model;
  // A price is that of one model.
  const own = Object.hasOwn(modelPrices, asked) ? modelPrices[asked] : asked === found.model ? price : undefined;
  return { ...rest, model: asked, ...(own === undefined ? {} : { price: own }) };
}

/** A variable set to nothing is not set; blanks around a value are slips of copying, and break headers. */
const withoutBlanks = (env: Environment): Environment =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const trimmed = value?.trim();
      return trimmed === undefined || trimmed === '' ? [] : [[name, trimmed]];
    }),
  );

function concurrencyOf({ concurrency }: ConfigFile): Config['concurrency'] {
  const { perRepository, ...rest } = concurrency;
  return perRepository === undefined ? rest : { ...rest, perRepository };
}

const diskOf = ({ disk: { freeGb, grounds } }: ConfigFile): Config['disk'] => ({
  freeBytesMin: freeGb === undefined ? null : freeGb * 1_000_000_000,
  groundsMax: grounds,
});

function eventsOf({ events }: ConfigFile, cwd: string): Config['events'] {
  const { webhook, file, keepDays } = events;
  const settings =
    webhook === undefined
      ? null
      : {
          url: webhook.url,
          secretVariable: webhook.secretEnv ?? null,
          headerVariables: webhook.headersEnv,
          batch: webhook.batch,
          timeoutMs: webhook.timeoutSeconds * 1_000,
        };
  return { webhook: settings, file: file === undefined ? null : resolve(cwd, file), keepDays };
}

const exported = ({ settings, warnings }: ReadOtlp): Omit<Config['telemetry'], 'listen'> => ({
  ...(settings === undefined ? {} : { otlp: settings }),
  ...(warnings.length === 0 ? {} : { otlpWarnings: warnings }),
});

function homeOf(env: Environment, cwd: string): string {
  const given = env['WEAVER_HOME'];
  if (given !== undefined) return resolve(cwd, given);
  const state = env['XDG_STATE_HOME'] ?? join(env['HOME'] ?? homedir(), '.local', 'state');
  return resolve(cwd, state, 'weaver');
}

function userName(env: Environment): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have a number and no name.
    return env['USER'] ?? env['LOGNAME'] ?? 'unknown';
  }
}

function secretsOf(
  env: Environment,
  content: ConfigFile,
  providers: readonly ProviderSettings[],
  ofOthers: readonly string[],
): Pick<Config, 'keyOf' | 'gitTokenOf' | 'secrets'> {
  const tokens = content.git?.tokenEnv ?? DEFAULT_GIT_TOKEN_VARIABLE;
  const byHost = typeof tokens === 'string' ? null : lowerCaseNames(tokens);
  const variables = [...secretVariables(content), ...providers.map(({ keyVariable }) => keyVariable)];
  const known = variables.map((name) => env[name]).filter((value) => value !== undefined);
  const secrets = [...new Set([...known, ...ofOthers, ...proxyPasswords(env)])];
  return {
    keyOf: (variable) => env[variable],
    gitTokenOf: (host) => {
      // Named hosts get their tokens and others none: a task must not be able to send a token elsewhere.
      const variable = byHost === null ? String(tokens) : byHost.get(host.toLowerCase());
      return variable === undefined ? undefined : env[variable];
    },
    secrets: () => secrets,
  };
}

const lowerCaseNames = (tokens: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(tokens).map(([host, variable]) => [host.toLowerCase(), variable]));
