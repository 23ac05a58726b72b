/** Configuration → adapters → activities → worker: the only wiring. */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { IllegalStateError, type Logger as TemporalLogger } from '@temporalio/common';
import { makeTelemetryFilterString, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { createProviderGates, type GateOf } from './activities/ask-provider.js';
import { heartbeatInterceptor } from './activities/heartbeat.js';
import { createActivities } from './activities/index.js';
import { logInterceptor } from './activities/log-steps.js';
import { measureInterceptor } from './activities/measure-steps.js';
import { sizeGuardInterceptor } from './activities/size-guard.js';
import { failureInterceptor } from './activities/to-failure.js';
import { traceInterceptor } from './activities/trace-steps.js';
import type { ActivityPorts } from './activities/activity-ports.js';
import { createSinks } from './adapters/events/create-sinks.js';
import { openEventLog } from './adapters/events/event-log.js';
import { createOutbox, type Outbox } from './adapters/events/outbox.js';
import { startSender } from './adapters/events/sender.js';
import { createForge } from './adapters/forge/create-forge.js';
import { createAlone } from './adapters/git/alone.js';
import { createGit } from './adapters/git/create-git.js';
import { createGroundRoom } from './adapters/home/ground-room.js';
import { readHostId } from './adapters/home/host-id.js';
import { createCosts } from './adapters/model/costs.js';
import { createModel, type RunningModel } from './adapters/model/model.js';
import { readProbes, withProbe } from './adapters/model/probes.js';
import { createRedactor, type Redactor } from './adapters/redact.js';
import { createStarter, type Starter } from './adapters/processes/starter.js';
import { createSandbox } from './adapters/sandbox/create-sandbox.js';
import { limitSandbox } from './adapters/sandbox/limited-sandbox.js';
import { syntaxFault } from './adapters/syntax/syntax-fault.js';
import { createSourceParser, type RunningSourceParser } from './adapters/source/source-parser.js';
import { createLogger, type Logger } from './adapters/telemetry/logger.js';
import type { Metrics } from './adapters/telemetry/metrics.js';
import type { OpenTelemetry } from './adapters/telemetry/open-telemetry.js';
import { createTestReports } from './adapters/test-reports/create-test-reports.js';
import type { RunningWorker, Where } from './client/cli/house.js';
import { providerOf, type Config } from './config.js';
import { whatAgentLacks } from './config/agents.js';
import { detectChecks, pathsForDetection } from './domain/detect-checks.js';
import { limitsOf } from './domain/provider-limits.js';
import { HANDLERS } from './domain/task.js';
import { createHostWorker, runTogether, stopWorker } from './host-worker.js';
import { createKeepersWorker } from './keepers-worker.js';
import { ensureRulesPresent } from './missing-rules.js';
import { NO_OPERATIONS, startOperations } from './operations.js';
import { ensureOnlyHome, identityIn } from './other-homes.js';
import { parseSpec } from './schemas.js';
import { ensureSearchAttributes } from './search-attributes.js';
import { knownDeciders } from './workflows/deciders.js';
import { PortFault } from './ports.js';
import { stores } from './stores.js';

/** A step under way gets this long to finish; then it is cancelled, and another worker takes it up. */
const SHUTDOWN_GRACE = '30 seconds';
const SHUTDOWN_FORCE = '45 seconds';

/**
 * Tasks and jobs that are kept in memory between two steps, two thirds of a megabyte each; a task that waits for longer is read
 * from its history again, in some milliseconds. Left alone it would be thousands, and a gigabyte and a half.
 */
const CACHED_WORKFLOWS_MAX = 500;

/** What the last calls have cost is told before the worker leaves; keepers answer within milliseconds. */
const LAST_CALLS_MS = 5_000;
/** What happened last is told before the worker leaves, if somebody listens. */
const LAST_EVENTS_MS = 2_000;
/** The same of its last spans and figures: a receiver that hangs holds nobody up. */
const LAST_SPANS_MS = 2_000;

/** What a project with a worker of its own brings along. */
export interface OwnParts {
  /** Absolute path of its workflows file, in JavaScript. */
  readonly workflowsPath?: string;
  /** Activities by name, for `registerActivityDecider`. */
  readonly activities?: Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;
}

/** Polls as soon as it resolves. Faults: sandboxMissing, rulesMissing, otherHome, temporalUnreachable, infrastructure. */
export async function startWorker(
  config: Config,
  where: Where,
  options: { readonly logDestination?: string; readonly operated?: boolean } & OwnParts = {},
): Promise<RunningWorker> {
  const redactor = createRedactor({ secrets: config.secrets });
  const logger = createLogger({
    level: config.logLevel,
    destination: options.logDestination ?? 'stderr',
    redact: redactor.scrub,
  });
  const identity = `${process.pid}@${hostname()}`;
  installRuntime(logger);
  // First of all: it tells which deciders there are.
  const own = options.workflowsPath === undefined ? {} : { workflowBundle: await ownBundle(options.workflowsPath) };
  const [connection, wired] = await Promise.all([
    NativeConnection.connect(where.connection),
    wire(config, redactor, logger, identity, where),
  ]);
  await ensureSearchAttributes(connection.operatorService, where.namespace);
  const { namespace } = where;
  const known = { handlers: HANDLERS, deciders: knownDeciders() };
  const queue = { namespace, taskQueue: config.taskQueue };
  await ensureRulesPresent(connection.workflowService, queue, known);
  const homeId = await homeIdOf(config, logger);
  if (homeId !== null && config.otherHomes === 'refuse')
    await ensureOnlyHome(connection.workflowService, queue, homeId);
  const metrics = options.operated === true && config.telemetry.listen !== null ? await createMeter() : null;
  const telemetry = await startTelemetry(config, identity, logger);
  const keepers = createKeepersWorker(
    () => made,
    (says) => logger.warn({ says }, 'keepers'),
  );
  const gates = createProviderGates(wired.ports.costs, () => void keepers.serve().catch(noKeepers(logger)));
  const ours = settings(config, wired, gates.gateOf, logger, redactor, { metrics, telemetry });
  const activities = together(ours.activities, options);
  const polledBy = homeId === null ? identity : identityIn(identity, homeId);
  const made = { ...ours, ...own, activities, connection, namespace, identity: polledBy };
  const worker = await Worker.create(made);
  const hostId = options.operated === true ? homeId : null;
  const workers = [worker, ...(hostId === null ? [] : [await createHostWorker(config, made, hostId)])];
  const sender = await startSender({
    home: config.home,
    openLog: () => openEventLog(config.home),
    sinks: createSinks(config.events, config.keyOf),
    onWarning: (says) => logger.warn({ says }, 'events'),
  });
  wired.starter.prewarm();
  // The request process is there before the first call needs it; if it cannot start, the call says why.
  void wired.model.prewarm().catch((cause: unknown) => logger.warn({ says: String(cause) }, 'request process'));
  const operations =
    metrics === null
      ? NO_OPERATIONS
      : await startOperations(config, { worker, connection, metrics, sandbox: wired.ports.sandbox.name });
  // Not with the first call only: others may have asked before, whose hosts are gone. If it cannot, each message tries again.
  if (hasKeepers(config)) await keepers.serve().catch(noKeepers(logger));
  const ended = runTogether(workers).finally(async () => {
    // Only now has the last call ended, and perhaps this process alone can answer for its keeper.
    await gates.tellRest(LAST_CALLS_MS);
    await keepers.stop();
    await operations.stop();
    wired.model.close();
    wired.starter.close();
    wired.sourceParser.close();
    await wired.outbox.close();
    await Promise.all([sender.stop(LAST_EVENTS_MS), telemetry?.stop(LAST_SPANS_MS)]);
    await connection.close();
  });
  return {
    taskQueue: config.taskQueue,
    identity,
    hostId,
    warnings: [...wired.warnings, ...operations.warnings, ...(config.telemetry.otlpWarnings ?? [])],
    operationsUrl: operations.url,
    ended,
    async shutdown() {
      workers.forEach(stopWorker);
      await ended;
    },
  };
}

/** Of providers with limits or a budget every call asks a keeper; of the others only in trouble. */
const hasKeepers = ({ providers }: Config): boolean => providers.some((provider) => limitsOf(provider) !== null);

const noKeepers =
  (logger: Logger) =>
  (cause: unknown): void =>
    logger.warn({ says: String(cause) }, 'keepers');

/** The bundler is large, and only such a worker needs it. */
const ownBundle = async (workflowsPath: string): Promise<NonNullable<WorkerOptions['workflowBundle']>> =>
  await (await import('./own-workflows.js')).bundleOwnWorkflows(workflowsPath);

/** Nobody takes the place of a step of ours by a slip. */
function together(ours: object = {}, { activities = {} }: OwnParts): object {
  const taken = Object.keys(activities).filter((name) => Object.hasOwn(ours, name));
  if (taken.length > 0) throw new TypeError(`weaver has activities named ${taken.join(', ')} already`);
  return { ...activities, ...ours };
}

/** Null where it cannot be kept now: tasks are carried without a janitor sooner than not at all. */
async function homeIdOf({ home }: Config, logger: Logger): Promise<string | null> {
  try {
    return await readHostId(home);
  } catch (thrown) {
    if (!(thrown instanceof PortFault)) throw thrown;
    logger.warn({ says: thrown.message }, 'no janitor on this host until the worker is started again');
    return null;
  }
}

interface Wired {
  readonly ports: ActivityPorts;
  readonly model: RunningModel;
  readonly starter: Starter;
  readonly sourceParser: RunningSourceParser;
  readonly outbox: Outbox;
  readonly warnings: readonly string[];
}

async function wire(
  config: Config,
  redactor: Redactor,
  logger: Logger,
  identity: string,
  { namespace }: Pick<Where, 'namespace'>,
): Promise<Wired> {
  const { home, environment, uiUrl, secretPaths: secrets } = config;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const probes = await readProbes(home);
  const starter = createStarter({ environment });
  const sourceParser = createSourceParser();
  const run = starter.command;
  const { sandbox, warning } = await createSandbox({ mode: config.sandbox, environment, home, secrets, run });
  const git = createGit({ ...gitOptions(config, redactor), run: starter.git });
  const model = createModel(modelOptions(config, redactor, (says) => logger.warn({ says }, 'model')));
  const outbox = createOutbox({
    home,
    source: `weaver/${hostname()}`,
    redact: redactor.redact,
    keepDays: config.events.keepDays,
    onWarning: (says) => logger.warn({ says }, 'events'),
  });
  const ports: ActivityPorts = {
    ...stores(config, redactor),
    costs: createCosts(home),
    events: outbox,
    forge: createForge({ forgeOf: config.forgeOf, tokenOf: config.keyOf, redact: redactor.redact }),
    git,
    model,
    sandbox: limitSandbox(sandbox, config.concurrency.checks),
    sandboxWarning: warning,
    findSecrets: redactor.findSecrets,
    taskFolder: (lineage) => join(home, 'tasks', lineage),
    setupFolder: join(home, 'setups'),
    roomForGround: createGroundRoom({ home, closeWorkspace: (name) => git.close(name), ...config.disk }),
    alone: createAlone((lineage) => join(home, 'tasks', lineage)),
    testReports: createTestReports(),
    syntax: syntaxFault,
    sourceParser,
    detectChecks,
    pathsForDetection,
    settings: {
      provider: (choice) => withProbe(providerOf(config, choice), probes),
      defaultModels: config.defaultModels,
      protect: config.protect,
      mapTokens: config.mapTokens,
      ...(config.shadow === undefined ? {} : { shadow: config.shadow }),
      author: config.author,
      ...(config.commit.signing === undefined ? {} : { signs: true }),
      ...(config.commit.hooks === undefined ? {} : { hooks: config.commit.hooks }),
      identity,
      // The embedded server's page is on this host alone: others would follow the link to nowhere.
      ...(uiUrl === null ? {} : { webUrlOf: (taskId) => workflowUrl(uiUrl, namespace, taskId) }),
      parseSpec: (value) => parseSpec(value, config.limits),
      limits: config.limits,
      agents: { known: config.agents, lacks: (agent) => whatAgentLacks(config, agent) },
      ...(config.concurrency.perRepository === undefined ? {} : { repositoryPlaces: config.concurrency.perRepository }),
    },
  };
  return { ports, model, starter, sourceParser, outbox, warnings: warning === null ? [] : [warning] };
}

const gitOptions = ({ home, environment, gitTokenOf, commit }: Config, { redact }: Redactor) => ({
  home,
  environment,
  tokenOf: gitTokenOf,
  redact,
  ...(commit.signing === undefined ? {} : { signing: commit.signing }),
});

const modelOptions = (config: Config, { redact }: Redactor, onWarning: (warning: string) => void) => ({
  home: config.home,
  redact,
  apiKeyOf: config.keyOf,
  secrets: config.secrets,
  environment: config.environment,
  ...(config.recordings === null ? {} : { recordings: config.recordings }),
  onWarning,
});

const workflowUrl = (uiUrl: string, namespace: string, id: string): string =>
  `${uiUrl.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(id)}`;

/** Loaded where it is asked for: a run in front of a person shows nothing to Prometheus. */
const createMeter = async (): Promise<Metrics> => (await import('./adapters/telemetry/metrics.js')).createMetrics();

/** Loaded where a receiver is named, whoever starts the worker. What cannot be started costs the telemetry, not the work. */
async function startTelemetry({ telemetry }: Config, identity: string, logger: Logger): Promise<OpenTelemetry | null> {
  const { otlp } = telemetry;
  if (otlp === undefined) return null;
  const onWarning = (says: string): void => logger.warn({ says }, 'telemetry');
  try {
    const { startOpenTelemetry } = await import('./adapters/telemetry/open-telemetry.js');
    return await startOpenTelemetry({ settings: otlp, identity, onWarning });
  } catch (thrown) {
    onWarning(`nothing is sent: ${String(thrown)}`);
    return null;
  }
}

interface Watchers {
  readonly metrics: Metrics | null;
  readonly telemetry: OpenTelemetry | null;
}

function settings(
  config: Config,
  { ports }: Wired,
  gateOf: GateOf,
  logger: Logger,
  { scrub }: Redactor,
  { metrics, telemetry }: Watchers,
): WorkerOptions {
  const { workflows, activities } = config.concurrency;
  return {
    taskQueue: config.taskQueue,
    workflowBundle: { codePath: join(__dirname, 'workflow-bundle.js') },
    activities: createActivities(ports, gateOf),
    maxConcurrentWorkflowTaskExecutions: workflows,
    maxConcurrentActivityTaskExecutions: activities,
    maxCachedWorkflows: Math.max(CACHED_WORKFLOWS_MAX, workflows),
    // A cancel is heard with a heartbeat, so heartbeats must not be held back for long.
    maxHeartbeatThrottleInterval: '2 seconds',
    // A killed worker's tasks go to the next one after this, instead of after the default ten seconds.
    stickyQueueScheduleToStartTimeout: '2 seconds',
    shutdownGraceTime: SHUTDOWN_GRACE,
    shutdownForceTime: SHUTDOWN_FORCE,
    interceptors: {
      // The first is the outermost: the log sees what Temporal is told.
      activity: [
        logInterceptor((level, fields, message) => logger[level](fields, message)),
        ...(metrics === null ? [] : [measureInterceptor(metrics)]),
        ...(telemetry === null ? [] : [traceInterceptor(telemetry)]),
        failureInterceptor(scrub),
        heartbeat,
        sizeGuard,
      ].map((inbound) => (context) => ({ inbound: inbound(context) })),
    },
  };
}

const heartbeat = heartbeatInterceptor;
const sizeGuard = (): ReturnType<typeof sizeGuardInterceptor> => sizeGuardInterceptor();

/** The SDK's own words go into the same log. Signals are the command line's business. */
function installRuntime(logger: Logger): void {
  try {
    Runtime.install({
      logger: bridge(logger),
      telemetryOptions: {
        logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
      },
      shutdownSignals: [],
    });
  } catch (thrown) {
    // The program that embeds the worker has installed its own.
    if (!(thrown instanceof IllegalStateError)) throw thrown;
  }
}

function bridge(logger: Logger): TemporalLogger {
  const write = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: object) =>
    logger[level]({ ...meta }, message);
  const info = write('debug');
  return {
    log: (level, message, meta) => write(level.toLowerCase() as 'trace')(message, meta),
    trace: write('trace'),
    debug: write('debug'),
    // What the SDK calls news (states of the worker, starts and ends of workflows) is detail here.
    info,
    warn: write('warn'),
    error: write('error'),
  };
}
