#!/usr/bin/env node
/** The `weaver` command: gives the command line the house around it. Heavy parts are loaded when they are needed. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { calledAs } from './client/cli/called-as.js';
import type { Background, EmbeddedServer, EventReceiver, Finding, House, Opening } from './client/cli/house.js';
import { main } from './client/cli/main.js';
import { Terminal } from './client/cli/terminal.js';
import { catalogueFault, WeaverFault } from './client/weaver-fault.js';
import type { Config } from './config.js';
import { PortFault, type EndpointProbe, type ProviderSettings } from './ports.js';
import { useProxies } from './adapters/network/dispatcher.js';
import { createRedactor } from './adapters/redact.js';

/** Starting a process takes a few of these. */
const LAUNCH_POLL_MS = 2;

const serverFolder = ({ home }: Config): string => join(home, 'temporal');
const databaseFile = (config: Config): string => join(serverFolder(config), 'temporal.db');

const terminal = new Terminal();

const house: House = {
  version: versionOfPackage(),
  terminal,
  command: calledAs(process.argv[1] ?? ''),
  loadConfig: async (file) => {
    const loaded = (await import('./config.js')).currentConfig(file);
    if (loaded.kind !== 'faults') useProxies(loaded.config.environment);
    return loaded;
  },
  startServer: (config, opening) => translated(() => startServer(config, opening)),
  findServer: async (config) => {
    const { findRunningServer } = await import('./adapters/server/temporal-server.js');
    return await findRunningServer(serverFolder(config));
  },
  serverUsers: async (config) => {
    const { liveUsers, readLiveRecord } = await import('./adapters/server/server-record.js');
    const record = await readLiveRecord(serverFolder(config));
    return (record === null ? [] : liveUsers(record)).map(({ pid }) => pid).filter((pid) => pid !== process.pid);
  },
  keepServed,
  hasDatabase: (config) => existsSync(databaseFile(config)),
  preloadWorker: async (config, opening) => {
    if (!config.temporal.configured) await untilLaunched(serverFolder(config), opening);
    await import('./worker.js');
  },
  startWorker: async (config, where, options) => {
    const { startWorker } = await import('./worker.js');
    return await translated(() => startWorker(config, where, options));
  },
  sweep: async (config, request) => {
    const { createHousekeeper } = await import('./housekeeper.js');
    return await translated(() => createHousekeeper(config).sweep(request));
  },
  openTail: async ({ home }) => (await import('./adapters/model/follow-tail.js')).createFollowTail(home),
  openStores: async (config) => (await import('./stores.js')).openStores(config),
  openEvents: async ({ home }) => (await import('./adapters/events/event-log.js')).openEventLog(home),
  eventReceivers,
  costs: async ({ home }) => (await import('./adapters/model/costs.js')).createCosts(home),
  startScripted: async (config) => {
    const [{ startScriptedEndpoint }, { DEMO_SCRIPT }, { withScriptedEndpoint }] = await Promise.all([
      import('./adapters/model/scripted.js'),
      import('./adapters/model/demo-script.js'),
      import('./config.js'),
    ]);
    const endpoint = await startScriptedEndpoint({ script: DEMO_SCRIPT });
    return { config: withScriptedEndpoint(config, endpoint.baseUrl), stop: () => endpoint.stop() };
  },
  demo: async () => {
    const { DEMO_FILES, DEMO_TASK } = await import('./adapters/model/demo-script.js');
    return { files: DEMO_FILES, task: DEMO_TASK };
  },
  listHeaders,
  probed: async ({ home }, provider) => {
    const { probeOf, readProbes } = await import('./adapters/model/probes.js');
    return probeOf(provider, await readProbes(home));
  },
  probeModel: (config, provider) => translated(() => probeModel(config, provider)),
  proxies,
  probeSandbox,
  registerSearchAttributes: async ({ connection }, namespace) => {
    const { ensureSearchAttributes } = await import('./search-attributes.js');
    await translated(() => ensureSearchAttributes(connection.operatorService, namespace));
  },
  scrubber: ({ secrets }) => createRedactor({ secrets }).scrub,
  redactor: ({ secrets }) => createRedactor({ secrets }).redact,
};

void main(house, process.argv.slice(2)).then(async (exitCode) => {
  await terminal.flushed();
  // Open connections of the libraries must not keep a finished command alive.
  process.exit(exitCode);
});

/** A server that runs is joined; the program for a new one is looked for only then. */
async function startServer(config: Config, opening: Opening): Promise<EmbeddedServer> {
  const [{ findRunningServer, startTemporalServer }, { DYNAMIC_CONFIG }, { searchAttributeTypes }] = await Promise.all([
    import('./adapters/server/temporal-server.js'),
    import('./adapters/server/dynamic-config.js'),
    import('./workflows/messages.js'),
  ]);
  const folder = serverFolder(config);
  // Mirrors of private repositories are below it: it is made for its owner alone, before anybody else makes it.
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const running = await findRunningServer(folder);
  return await startTemporalServer({
    binary: running === null ? await findBinary() : 'temporal',
    databaseFile: databaseFile(config),
    logFile: join(folder, 'server.log'),
    searchAttributes: searchAttributeTypes(),
    namespace: config.temporal.namespace,
    dynamicConfig: DYNAMIC_CONFIG,
    environment: config.environment,
    ...opening,
  });
}

/** `weaver up`, in the folder and with the settings of this command. */
async function keepServed(config: Config): Promise<Background | null> {
  const { leaveRunning } = await import('./adapters/server/leave-running.js');
  const logFile = join(config.home, 'logs', 'up.log');
  const left = await translated(() =>
    leaveRunning(serverFolder(config), {
      command: process.execPath,
      args: [__filename, 'up', ...(config.file === null ? [] : ['--config', config.file])],
      logFile,
    }),
  );
  return left === null ? null : { ...left, logFile };
}

/** A server that is being started has written its record; looking costs next to nothing. */
async function untilLaunched(folder: string, opening: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  opening.then(stop, stop);
  while (!over.signal.aborted && !existsSync(join(folder, 'server.json'))) await pause(LAUNCH_POLL_MS);
}

/** The search is a script without dependencies, shared with the set-up. */
async function findBinary(): Promise<string> {
  const script = pathToFileURL(join(__dirname, '..', 'scripts', 'temporal-binary.mjs')).href;
  const { findTemporal } = (await import(script)) as {
    findTemporal(options: { log(line: string): void }): Promise<{ path: string }>;
  };
  const { path } = await findTemporal({ log: (line) => terminal.note(line) });
  return path;
}

async function eventReceivers({ home, events, keyOf }: Config): Promise<readonly EventReceiver[]> {
  const [{ createSinks }, { readDelivery }, { openEventLog }] = await Promise.all([
    import('./adapters/events/create-sinks.js'),
    import('./adapters/events/deliveries.js'),
    import('./adapters/events/event-log.js'),
  ]);
  const last = await openEventLog(home).last();
  return await Promise.all(
    createSinks(events, keyOf).map(async (sink) => {
      const delivery = await readDelivery(home, sink);
      const waiting = delivery === null ? 0 : Math.max(0, last - delivery.number);
      return { sink: sink.kind, target: sink.target, delivery, waiting };
    }),
  );
}

async function probeModel(config: Config, provider: ProviderSettings): Promise<EndpointProbe> {
  const [{ probeEndpoint }, { keepProbe }, { createLedger }] = await Promise.all([
    import('./adapters/model/probe.js'),
    import('./adapters/model/probes.js'),
    import('./adapters/model/ledger.js'),
  ]);
  const { redact } = createRedactor({ secrets: config.secrets });
  const probe = await probeEndpoint(provider, {
    ledger: createLedger(config.home, redact),
    apiKey: config.keyOf(provider.keyVariable),
    headers: ownHeaders(config, provider),
    redact,
    signal: new AbortController().signal, // each question has limits of its own
  });
  if (probe.kind === 'probed') await keepProbe(config.home, probe);
  return probe;
}

async function listHeaders(config: Config, provider: ProviderSettings): Promise<Readonly<Record<string, string>>> {
  const { listHeaders: usual } = await import('./adapters/model/list-headers.js');
  return { ...usual(provider, config.keyOf(provider.keyVariable)), ...ownHeaders(config, provider) };
}

const ownHeaders = ({ keyOf }: Config, { headersEnv = {} }: ProviderSettings): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headersEnv).flatMap(([name, variable]) => {
      const value = keyOf(variable);
      return value === undefined ? [] : [[name, value]];
    }),
  );

async function proxies({ environment, providers }: Config): Promise<Finding | null> {
  const { namesProxy, proxyFor, unspokenProxies } = await import('./adapters/network/proxy-choice.js');
  if (!namesProxy(environment)) return null;
  const ways = providers.map(({ name, baseUrl }) => {
    const proxy = proxyFor(new URL(baseUrl), environment);
    return `${name} ${proxy === null ? 'is asked directly' : `by way of ${proxy.host}`}`;
  });
  const says = ways.length === 0 ? 'named by the environment' : ways.join(', ');
  const unspoken = unspokenProxies(environment);
  if (unspoken.length === 0) return { name: 'proxy', verdict: 'ok', says, next: null };
  const next = 'Name an http:// or https:// proxy there.';
  return {
    name: 'proxy',
    verdict: 'warn',
    says: `${unspoken.join(', ')}: only HTTP proxies are spoken; ${says}`,
    next,
  };
}

async function probeSandbox(config: Config): Promise<Finding> {
  const { createSandbox } = await import('./adapters/sandbox/create-sandbox.js');
  try {
    const { sandbox, warning } = await createSandbox({
      mode: config.sandbox,
      environment: config.environment,
      home: config.home,
      secrets: config.secretPaths,
    });
    if (warning === null) return { name: 'sandbox', verdict: 'ok', says: sandbox.name, next: null };
    return {
      name: 'sandbox',
      verdict: 'warn',
      says: `${sandbox.name}: ${warning}`,
      next: 'Install bubblewrap, so that checks run without network and secrets.',
    };
  } catch (thrown) {
    if (!(thrown instanceof PortFault)) throw thrown;
    const fault = catalogueFault(thrown.code, thrown.message);
    return { name: 'sandbox', verdict: 'fail', says: fault.message, next: fault.next };
  }
}

/** What adapters and the SDK throw, in the words of the command line. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw faultOf(thrown) ?? thrown;
  }
}

function faultOf(thrown: unknown): WeaverFault | null {
  if (thrown instanceof PortFault) return catalogueFault(thrown.code, thrown.message, thrown);
  if (!(thrown instanceof Error)) return null;
  if (thrown.name === 'TransportError') return catalogueFault('temporalUnreachable', thrown.message, thrown);
  // The set-up scripts are no part of the house: they bring words of their own.
  if ('next' in thrown && typeof thrown.next === 'string')
    return new WeaverFault({ code: 'temporalUnreachable', message: thrown.message, next: thrown.next }, 4, {
      cause: thrown,
    });
  return null;
}

function versionOfPackage(): string {
  const { version } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return version;
}
