/** The fields of weaver.config.yaml: their types, their bounds and their defaults. */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { PROVIDER_KINDS } from '../domain/provider-kinds.js';
import { agentFields, agentMap } from './agents.js';
import { SHADOW_FIELDS } from '../schemas/ask-shape.js';
import type { FieldNames } from '../schemas/faults.js';
import {
  author,
  hooks,
  hooksFields,
  limitFields,
  limitsMap,
  line,
  modelFields,
  modelList,
  protectFields,
  protectList,
  shadow,
} from '../schemas/task-shape.js';
import { forgeKind } from './forges.js';
import { breakerFields, limitShape } from './limit-shape.js';
import { budget, costFields, models, prices } from './price-shape.js';
import { recordings, recordingsShape } from './recordings.js';

/** Numbers that hold where the configuration names none, each with its reason. */
const DEFAULTS = {
  /** Requests at a provider at once: what the smallest paid plans accept without a rate limit. */
  providerConcurrency: 4,
  /** A long answer at a slow model's 100 tokens a second is done by then. */
  callTimeoutSeconds: 120,
  /** Between two parts of a streamed answer a working endpoint is silent for a few seconds at most; reasoning adds to it. */
  idleTimeoutSeconds: 30,
  /** Some 60 KB of code, and every current model can write it. */
  maxOutputTokens: 16_384,
  /** Steps of workflows are short computations; more at once than this only take turns on the processor. */
  workflows: 40,
  /** Most activities wait for a model or a remote: 16 tasks with two steps each, and as many more. */
  activities: 64,
  /** A receiver of events answers in milliseconds; this is a bad day at the other end of the world. */
  eventTimeoutSeconds: 10,
  /** A month, in which somebody looks. */
  eventDays: 30,
  /** Some 30 files with what they define; an agent sends it with every turn. */
  mapTokens: 1_024,
  /** A project with its dependencies has a gigabyte or two: a disk of a hundred holds as many. */
  grounds: 50,
  /** Checks compute: as many at once as there are processors. */
  checks: Math.max(1, availableParallelism()),
} as const;

/** Beyond these a number is a slip. */
const BOUNDS = {
  concurrency: 1_000,
  /** An hour; the longest reasoning models answer within half of it. */
  callSeconds: 3_600,
  outputTokens: 1_000_000,
  /** More than this is no map any more. */
  mapTokens: 32_000,
  /** A hundred terabytes. */
  diskGb: 100_000,
  grounds: 10_000,
  /** Ten times the largest window there is. */
  contextTokens: 20_000_000,
} as const;

/** A key pasted where the name of its variable belongs is refused, and not repeated. */
const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'must be the name of an environment variable (not the secret itself)')
  .refine(
    (name) => !/^(?:sk|gh[opsur]|pk|glpat)_/.test(name),
    'must be the name of an environment variable (not the secret itself)',
  );

/** Without the slash at its end, which would double in the addresses made from it. */
export const baseUrl = z
  .string()
  .trim()
  .transform((url, context) => {
    const says = baseUrlFault(url);
    if (says !== null) context.addIssue({ code: 'custom', message: says });
    return url.replace(/\/+$/, '');
  });

function baseUrlFault(text: string): string | null {
  if (!URL.canParse(text)) return 'must be an address such as https://host/v1';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must start with https:// or http://';
  if (url.username !== '' || url.password !== '') return 'has a user name or password in it: use keyVariable';
  if (url.search !== '' || url.hash !== '') return 'must end with its path: no "?" and no "#"';
  return null;
}

const whole = (minimum: number, maximum: number) => z.number().int('must be a whole number').min(minimum).max(maximum);

/** A name of a header of HTTP. */
const headerName = z.string().regex(/^[A-Za-z0-9-]{1,60}$/, 'is no name of a header');

const providerShape = {
  baseUrl: baseUrl.optional(),
  /** Absent = known by the address, and no defaults are taken from it. */
  kind: z.enum(PROVIDER_KINDS).optional(),
  /** Absent = the usual one of the kind. */
  keyVariable: variableName.optional(),
  model: line(200).optional(),
  api: z.enum(['chat', 'responses']).optional(),
  /** Tried first; an endpoint that refuses it is asked again one level lower. `auto`: what the last probe has found. */
  level: z.enum(['tools', 'json-schema', 'json-object', 'text', 'auto']).optional(),
  contextWindow: whole(1_000, BOUNDS.contextTokens).optional(),
  /** Names of headers, and the variables with their values. */
  headersEnv: z.record(headerName, variableName).optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().gt(0).max(1).optional(),
  seed: z.number().int('must be a whole number').optional(),
  reasoningEffort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  stop: z.array(z.string().min(1).max(100)).min(1).max(4).optional(),
  /** Of `model`. */
  price: prices.optional(),
  /** Of further models that tasks may name. */
  models: models.default({}),
  budget: budget.optional(),
  concurrency: whole(1, BOUNDS.concurrency).default(DEFAULTS.providerConcurrency),
  ...limitShape,
  callTimeoutSeconds: whole(1, BOUNDS.callSeconds).default(DEFAULTS.callTimeoutSeconds),
  idleTimeoutSeconds: whole(1, BOUNDS.callSeconds).default(DEFAULTS.idleTimeoutSeconds),
  maxOutputTokens: whole(1, BOUNDS.outputTokens).default(DEFAULTS.maxOutputTokens),
};

/** One provider of the file, without its name. */
export const providerMap = z.strictObject(providerShape);

const providerName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/, 'has a name that is not 1 to 40 letters, digits, ".", "_" or "-"');

const hostName = z.string().regex(/^[A-Za-z0-9.:[\]-]{1,255}$/, 'is no name of a host');

const gitShape = {
  tokenEnv: z.union(
    [variableName, z.record(hostName, variableName)],
    'must be the name of an environment variable, or a map of hosts to such names',
  ),
};

/** The key that commits are signed with. */
const signShape = {
  format: z.enum(['ssh', 'openpgp']).default('ssh'),
  /** Path of a key of ssh, from the folder of the command or from `~`; name of a key of OpenPGP. */
  key: line(1_000),
  passphraseEnv: variableName.optional(),
  gnupgHome: line(1_000).optional(),
};

const commitShape = { sign: z.strictObject(signShape).optional(), hooks: hooks.optional() };

/** Where the pull requests of a host are opened, and by whose token. */
const forgeShape = { kind: forgeKind, apiUrl: baseUrl.optional(), tokenEnv: variableName };

const concurrencyShape = {
  workflows: whole(2, BOUNDS.concurrency).default(DEFAULTS.workflows),
  activities: whole(1, BOUNDS.concurrency).default(DEFAULTS.activities),
  checks: whole(1, BOUNDS.concurrency).default(DEFAULTS.checks),
  /** Tasks at work on one repository; no limit if absent. */
  perRepository: whole(1, BOUNDS.concurrency).optional(),
};

const diskShape = {
  /** Absent = 1, or a twentieth of a disk that is smaller than 20. */
  freeGb: z.number().min(0).max(BOUNDS.diskGb).optional(),
  grounds: whole(1, BOUNDS.grounds).default(DEFAULTS.grounds),
};

const webhookShape = {
  url: z.url({ protocol: /^https?$/ }),
  /** Variable with the key of the signature. */
  secretEnv: variableName.optional(),
  /** Names of headers, and the variables with their values. */
  headersEnv: z.record(headerName, variableName).default({}),
  /** Events in one request. */
  batch: whole(1, 100).default(1),
  timeoutSeconds: whole(1, 60).default(DEFAULTS.eventTimeoutSeconds),
};

const eventsShape = {
  webhook: z.strictObject(webhookShape).optional(),
  /** Path; from the folder of the command if it is relative. */
  file: line(1_000).optional(),
  keepDays: whole(1, 3_650).default(DEFAULTS.eventDays),
};

/** `9464`, `127.0.0.1:9464`, `[::]:9464`. Without a host only this machine reaches it: nobody is asked for a password there. */
export const listenAddress = z
  .union([z.number(), z.string()])
  .transform((given) => String(given).trim())
  .refine((text) => parseListen(text) !== null, 'must be a port, or host:port')
  .transform((text) => parseListen(text) ?? { host: LOOPBACK, port: 0 });

const LOOPBACK = '127.0.0.1';
const PORT_MAX = 65_535;

function parseListen(text: string): { readonly host: string; readonly port: number } | null {
  const [, bracketed, host = bracketed ?? LOOPBACK, digits] =
    /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]{1,255})):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return digits === undefined || port > PORT_MAX ? null : { host, port };
}

/** What a prompt tells of the repository. */
const contextShape = { mapTokens: whole(0, BOUNDS.mapTokens).default(DEFAULTS.mapTokens) };

const telemetryShape = { listen: listenAddress.optional() };

export const logLevel = z.enum(['debug', 'info', 'warn', 'error', 'silent']);

const shape = {
  providers: z.record(providerName, providerMap).default({}),
  defaultProvider: line(40).optional(),
  models: modelList.default([]),
  agents: agentMap,
  limits: limitsMap.default({}),
  protect: protectList.default([]),
  /** Of tasks that have none of their own. */
  shadow,
  author: author.default('weaver <weaver@localhost>'),
  sandbox: z.enum(['auto', 'required', 'none']).default('auto'),
  taskQueue: line(200).optional(),
  /** Whether a worker begins where workers of another home poll its queue. */
  otherHomes: z.enum(['refuse', 'allow']).default('refuse'),
  uiUrl: z.url({ protocol: /^https?$/ }).optional(),
  commit: z.strictObject(commitShape).prefault({}),
  git: z.strictObject(gitShape).optional(),
  forges: z.record(hostName, z.strictObject(forgeShape)).default({}),
  concurrency: z.strictObject(concurrencyShape).prefault({}),
  disk: z.strictObject(diskShape).prefault({}),
  logLevel: logLevel.default('info'),
  events: z.strictObject(eventsShape).prefault({}),
  recordings: recordings.optional(),
  telemetry: z.strictObject(telemetryShape).prefault({}),
  context: z.strictObject(contextShape).prefault({}),
};

export const configFileSchema = z.strictObject(shape);

export type ConfigFile = z.infer<typeof configFileSchema>;
export type FileProvider = z.infer<typeof providerMap>;

export const configFields: FieldNames = {
  '': Object.keys(shape),
  'providers.*': Object.keys(providerShape),
  'providers.*.breaker': breakerFields,
  'agents.*': agentFields,
  limits: limitFields,
  commit: Object.keys(commitShape),
  'commit.sign': Object.keys(signShape),
  'commit.hooks': hooksFields,
  git: Object.keys(gitShape),
  'forges.*': Object.keys(forgeShape),
  concurrency: Object.keys(concurrencyShape),
  disk: Object.keys(diskShape),
  events: Object.keys(eventsShape),
  'events.webhook': Object.keys(webhookShape),
  recordings: Object.keys(recordingsShape),
  telemetry: Object.keys(telemetryShape),
  context: Object.keys(contextShape),
  'protect[]': protectFields,
  shadow: SHADOW_FIELDS,
  'shadow.model': modelFields,
  'models[]': modelFields,
  ...costFields,
};
