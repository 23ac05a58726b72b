/** What the commands get from the wiring (src/cli.ts): the client's room knows neither adapters nor the worker. */
import type { Client } from '@temporalio/client';
import type { Config, Loaded } from '../../config.js';
import type { Swept } from '../../domain/housekeeping.js';
import type {
  ArtifactStore,
  CallRow,
  Costs,
  Delivery,
  EndpointProbe,
  EventLog,
  FollowTail,
  ProviderSettings,
  Records,
  SweepRequest,
} from '../../ports.js';
import type { Terminal } from './terminal.js';

/** Which Temporal: the configured one, or the embedded one. */
export interface Where {
  readonly namespace: string;
  /** Options of a connection: address, TLS, API key, metadata. */
  readonly connection: Readonly<Record<string, unknown>>;
}

export interface RunningWorker {
  readonly taskQueue: string;
  readonly identity: string;
  /** Null if it does not take up what concerns this host. */
  readonly hostId: string | null;
  readonly warnings: readonly string[];
  /** Where it shows metrics and health; null = nowhere. */
  readonly operationsUrl: string | null;
  /** Resolves when the worker has shut down, rejects if it failed. */
  readonly ended: Promise<void>;
  /** Takes no more work, lets the steps under way finish within the grace time. */
  shutdown(): Promise<void>;
}

/** How the server of a home is joined. */
export interface Opening {
  readonly port?: number;
  readonly uiPort?: number;
  /** Whoever joins stays and works until somebody ends it. */
  readonly stays?: boolean;
}

export interface Background {
  readonly pid: number;
  /** What it says. */
  readonly logFile: string;
  /** False if it has ended before it joined the server. */
  readonly joined: boolean;
}

export interface EmbeddedServer {
  readonly address: string;
  readonly uiUrl: string;
  readonly reused: boolean;
  /** Leaves the server; the last one to leave ends it. */
  stop(): Promise<void>;
  readonly exited: Promise<number | null>;
}

export interface Stores {
  readonly artifacts: ArtifactStore;
  readonly records: Records & {
    /** The latest that is known of each task, the youngest first, at most 1,000. */
    listTasks(): Promise<readonly unknown[]>;
    /** Every entry of every task, at most 200,000. */
    walk(): AsyncIterable<unknown>;
  };
  readonly ledger: (lineage: string) => Promise<readonly CallRow[]>;
}

/** A receiver of events, as the configuration names it. */
export interface EventReceiver {
  readonly sink: Delivery['sink'];
  readonly target: string;
  /** Null before a worker has served it. */
  readonly delivery: Delivery | null;
  /** Events that it has not got yet. */
  readonly waiting: number;
}

/** Model in the place of a model: answers of its own, over real HTTP. */
export interface Scripted {
  readonly config: Config;
  stop(): Promise<void>;
}

export interface Demo {
  readonly files: Readonly<Record<string, string>>;
  /** Content of a task file without its repository. */
  readonly task: Readonly<Record<string, unknown>>;
}

/** One thing that the host has or lacks. */
export interface Finding {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly says: string;
  readonly next: string | null;
}

export interface House {
  readonly version: string;
  readonly terminal: Terminal;
  /** How this command line is called here: by its name, through `npx`, or by `npm start` in a checkout. */
  readonly command: string;
  loadConfig(file: string | undefined): Promise<Loaded>;
  /** Joins the server of this home, or starts it; on the given ports if it has to be started. */
  startServer(config: Config, opening: Opening): Promise<EmbeddedServer>;
  /** Null if none runs on this home. */
  findServer(config: Config): Promise<{ readonly address: string; readonly uiUrl: string } | null>;
  /** Processes other than this one that use the server of this home and still run. */
  serverUsers(config: Config): Promise<readonly number[]>;
  /** Where nobody stays with the server of this home, starts a `weaver up` that outlives this process. Null if somebody does. */
  keepServed(config: Config): Promise<Background | null>;
  /** True if a server has ever run on this home. */
  hasDatabase(config: Config): boolean;
  /** Loads what a worker consists of while the server starts; its process is let off first, for loading blocks this one. */
  preloadWorker(config: Config, opening: Promise<unknown>): Promise<void>;
  /** `operated`: it stays, and shows metrics and health where the configuration says so. */
  startWorker(
    config: Config,
    where: Where,
    options: { readonly logDestination: string; readonly operated?: boolean },
  ): Promise<RunningWorker>;
  /** Tidies this home. */
  sweep(config: Config, request: SweepRequest): Promise<Swept>;
  openStores(config: Config): Promise<Stores>;
  /** What models say now to tasks of this home. */
  openTail(config: Config): Promise<FollowTail>;
  /** What was told on this host. */
  openEvents(config: Config): Promise<EventLog>;
  eventReceivers(config: Config): Promise<readonly EventReceiver[]>;
  /** What calls of this home have cost. */
  costs(config: Config): Promise<Costs>;
  startScripted(config: Config): Promise<Scripted>;
  demo(): Promise<Demo>;
  /** How the list of models of a provider is asked for. */
  listHeaders(config: Config, provider: ProviderSettings): Promise<Readonly<Record<string, string>>>;
  /** What the last probe of the endpoint has found; null if there was none. */
  probed(config: Config, provider: ProviderSettings): Promise<EndpointProbe | null>;
  /** Asks an endpoint what it can, books that, and remembers what it has found. */
  probeModel(config: Config, provider: ProviderSettings): Promise<EndpointProbe>;
  /** By way of which proxies the models are asked; null where the environment names none. */
  proxies(config: Config): Promise<Finding | null>;
  /** Which sandbox the checks would get here. */
  probeSandbox(config: Config): Promise<Finding>;
  /** Registers what the namespace lacks; a server that nobody has used with weaver yet has none of them. */
  registerSearchAttributes(client: Client, namespace: string): Promise<void>;
  /** Takes secrets out of what leaves this host, and what has the shape of one. */
  scrubber(config: Config): (text: string) => string;
  /** Takes secrets out of anything that is printed. */
  redactor(config: Config): (text: string) => string;
}
