/** `weaver doctor`: what a task would need on this machine, each with the fix. */
import { spawn } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import type { Config } from '../../config.js';
import type { ProviderSettings } from '../../ports.js';
import { leftOf } from '../../domain/costs.js';
import { freeBytesWanted } from '../../domain/housekeeping.js';
import { searchAttributeTypes } from '../../workflows/messages.js';
import { sourceWords, standingWords } from '../render-costs.js';
import type { WeaverClient } from '../weaver-client.js';
import { WeaverFault } from '../weaver-fault.js';
import type { Finding, House } from './house.js';
import { checkLimits } from './check-providers.js';
import { checkProbes, probeModels } from './probe-models.js';
import { askKeepers, NOBODY_ASKED, standingsOfProviders, type KeepersSay } from './provider-budgets.js';
import type { GlobalFlags } from './program.js';
import { connectClient, openTemporal, type TemporalSession } from './temporal-session.js';

const SOMETHING_FAILS = 3;
const NODE_OLDEST = [20, 19] as const;
/** `git init --initial-branch`-era git: what the mirror and the work trees rely on. */
const GIT_OLDEST = [2, 28] as const;
const ENDPOINT_TIMEOUT_MS = 3_000;
const DISK_FAIL_BYTES = 200_000_000;
const DISK_WARN_BYTES = 2_000_000_000;

const ok = (name: string, says: string): Finding => ({ name, verdict: 'ok', says, next: null });
const warn = (name: string, says: string, next: string): Finding => ({ name, verdict: 'warn', says, next });
const fail = (name: string, says: string, next: string): Finding => ({ name, verdict: 'fail', says, next });

export interface DoctorFlags {
  /** Asks one provider, or all of them, what they can. */
  readonly probe?: string | true;
}

export async function doctor(
  house: House,
  { config: file, json }: GlobalFlags,
  { probe }: DoctorFlags = {},
): Promise<number> {
  const loaded = await house.loadConfig(file);
  const here = [checkNode(), checkGit()];
  const findings =
    loaded.kind === 'faults'
      ? [...(await Promise.all(here)), ...loaded.faults.map((fault) => fail('config', fault, 'Mend it.'))]
      : [
          ...(await withConfig(house, loaded.config, loaded.warnings, here)),
          ...(await (probe === undefined
            ? checkProbes(house, loaded.config)
            : probeModels(house, loaded.config, probe))),
        ];
  show(house, findings, json);
  return findings.some(({ verdict }) => verdict === 'fail') ? SOMETHING_FAILS : 0;
}

async function withConfig(
  house: House,
  config: Config,
  warnings: readonly string[],
  here: readonly Promise<Finding>[],
): Promise<readonly Finding[]> {
  house.terminal.useRedactor(house.redactor(config));
  const found = await Promise.all([
    ...here,
    ...warnings.map((warning) =>
      Promise.resolve(warn('config', warning, 'Mend it in weaver.config.yaml or the environment.')),
    ),
    Promise.resolve(ok('config', config.file ?? 'no file; defaults and environment')),
    house.probeSandbox(config),
    checkDisk(config),
    house.proxies(config).then((finding) => finding ?? []),
    checkTemporal(house, config),
    checkEvents(house, config),
    ...(config.scripted
      ? [Promise.resolve(noModel())]
      : config.providers.map((provider) => checkProvider(house, config, provider))),
  ]);
  return found.flat();
}

function show({ terminal }: House, findings: readonly Finding[], json: boolean): void {
  if (json) {
    terminal.json({ ok: findings.every(({ verdict }) => verdict !== 'fail'), findings });
    return;
  }
  const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, verdict, says, next } of findings) {
    terminal.out(`${terminal.paint(colours[verdict], verdict.padEnd(4))}  ${name.padEnd(width)}  ${says}`);
    if (next !== null) terminal.out(`      ${' '.repeat(width)}  → ${next}`);
  }
}

async function checkNode(): Promise<Finding> {
  const { node } = process.versions;
  return isAtLeast(node, NODE_OLDEST)
    ? ok('node', node)
    : fail('node', `${node} is too old`, `Install Node ${NODE_OLDEST.join('.')} or newer.`);
}

async function checkGit(): Promise<Finding> {
  const version = await firstLine('git', ['--version']);
  const number = version?.match(/(\d+)\.(\d+)/)?.[0];
  if (version === null || number === undefined) return fail('git', 'git cannot be started', 'Install git.');
  return isAtLeast(number, GIT_OLDEST)
    ? ok('git', version)
    : fail('git', `${version} is too old`, `Install git ${GIT_OLDEST.join('.')} or newer.`);
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

async function firstLine(command: string, args: readonly string[]): Promise<string | null> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise<number | null>((settle) => child.once('error', () => settle(null)).once('close', settle));
  const [text, code] = await Promise.all([textOf(child.stdout), ended]);
  return code === 0 ? (text.split('\n')[0] ?? '') : null;
}

/** The home may not be there yet: its nearest folder that is. */
async function checkDisk({ home, disk }: Config): Promise<Finding> {
  let folder = home;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, blocks, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const says = `${(free / 1e9).toFixed(1)} GB free for ${home}`;
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable)
    return fail('disk', `${folder} cannot be written`, 'Mend its rights, or set WEAVER_HOME to a folder of yours.');
  if (free < DISK_FAIL_BYTES) return fail('disk', says, 'Free space there, or set WEAVER_HOME to another disk.');
  const wanted = freeBytesWanted(disk.freeBytesMin, blocks * bsize);
  if (free < wanted) {
    const least = `${(wanted / 1e9).toFixed(1)} GB (disk.freeGb)`;
    return warn(
      'disk',
      says,
      `Below ${least} no task gets a work tree: free space, or set WEAVER_HOME to another disk.`,
    );
  }
  return free < DISK_WARN_BYTES
    ? warn('disk', says, 'Repositories and artifacts need space: free some, or set WEAVER_HOME to another disk.')
    : ok('disk', says);
}

async function checkTemporal(house: House, config: Config): Promise<readonly Finding[]> {
  try {
    const session = await openTemporal(house, config, 'join');
    if (session === null)
      return [
        ok('temporal', 'not configured and not running: weaver run and weaver up start the embedded server'),
        ...(await checkBudgets(house, config, NOBODY_ASKED)),
      ];
    try {
      const client = await connectClient(session, config);
      return await askServer(house, client, session, config).finally(() => client.close());
    } finally {
      await session.leave();
    }
  } catch (thrown) {
    if (!(thrown instanceof WeaverFault)) throw thrown;
    return [fail('temporal', thrown.message, thrown.next), ...(await checkBudgets(house, config, NOBODY_ASKED))];
  }
}

async function askServer(
  house: House,
  client: WeaverClient,
  { address, where, embedded }: TemporalSession,
  config: Config,
): Promise<readonly Finding[]> {
  const { serverVersion, attributes } = await client.inspectServer();
  const missing = Object.keys(searchAttributeTypes()).filter((name) => !attributes.includes(name));
  const pollers = await client.pollers();
  // Only a worker can answer for their keepers.
  const said = pollers.length > 0 ? await askKeepers(client, config.providers) : NOBODY_ASKED;
  return [
    ok(
      'temporal',
      `${embedded === null ? '' : 'embedded '}server ${serverVersion} at ${address}, namespace ${where.namespace}`,
    ),
    missing.length === 0
      ? ok('attributes', 'all search attributes are registered')
      : warn(
          'attributes',
          `not registered yet: ${missing.join(', ')}`,
          'A worker registers them when it starts, if it may.',
        ),
    pollers.length > 0
      ? ok('worker', `${pollers.join(', ')} polls ${config.taskQueue}`)
      : warn(
          'worker',
          `nobody polls ${config.taskQueue}`,
          embedded === null ? 'Start one with weaver worker.' : 'Start one with weaver up.',
        ),
    ...(pollers.length > 0 ? checkLimits(said, config) : []),
    ...(await checkBudgets(house, config, said)),
  ];
}

/** What the senders have noted; nothing is sent from here. */
async function checkEvents(house: House, config: Config): Promise<readonly Finding[]> {
  return (await house.eventReceivers(config)).map(({ sink, target, delivery, waiting }) => {
    const name = `events ${sink}`;
    if (delivery === null) return ok(name, `${target}: no worker has served it yet`);
    const left = [
      ...(delivery.refused > 0 ? [`it has refused ${delivery.refused}`] : []),
      ...(delivery.lost > 0 ? [`${delivery.lost} were removed before it took them`] : []),
    ];
    const says = [`${target} has all but the last ${waiting}`, ...left].join('; ');
    if (delivery.failing === null) return ok(name, waiting === 0 ? [`${target} has all`, ...left].join('; ') : says);
    const since = new Date(delivery.failing.since).toISOString().slice(0, 16).replace('T', ' ');
    return warn(
      name,
      `${target} takes no events since ${since} UTC: ${delivery.failing.says}; ${waiting} wait`,
      'Mend the receiver or events in weaver.config.yaml; tasks go on, and the events are told later.',
    );
  });
}

/** What the providers with a budget may still cost. */
async function checkBudgets(house: House, config: Config, said: KeepersSay): Promise<readonly Finding[]> {
  const budgets = await standingsOfProviders(said, await house.costs(config), config);
  return budgets.flatMap(({ provider, source, standings }) =>
    standings.map((standing) => {
      const name = `budget ${provider}`;
      const says = `${standingWords(standing)}${sourceWords(source)}`;
      return leftOf(standing) > 0
        ? ok(name, says)
        : warn(name, says, 'Calls wait until then: raise it in weaver.config.yaml, or name another provider.');
    }),
  );
}

const noModel = (): Finding =>
  warn(
    'model',
    'no provider is configured: a scripted endpoint answers, which knows only the demo task',
    'Set OPENAI_API_KEY or OPENAI_BASE_URL (and WEAVER_MODEL), or name providers in weaver.config.yaml.',
  );

async function checkProvider(house: House, config: Config, provider: ProviderSettings): Promise<Finding> {
  const { name, baseUrl, keyVariable, model } = provider;
  const topic = `model ${name}`;
  const key = config.keyOf(keyVariable);
  try {
    const response = await fetch(`${baseUrl}/models`, {
      headers: await house.listHeaders(config, provider),
      signal: AbortSignal.timeout(ENDPOINT_TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (response.status === 401 || response.status === 403) {
      return fail(
        topic,
        `${baseUrl} ${key === undefined ? 'wants a key' : 'refuses the key'} (HTTP ${response.status})`,
        `Set ${keyVariable} to a valid key.`,
      );
    }
    const unset = key === undefined ? `, ${keyVariable} is not set` : '';
    if (response.ok) return ok(topic, `${baseUrl} answers, model ${model}${unset}`);
    return warn(
      topic,
      `${baseUrl}/models answers HTTP ${response.status}${unset}`,
      'Some endpoints do not list their models; if calls fail, check the base URL.',
    );
  } catch (thrown) {
    return fail(
      topic,
      `${baseUrl} cannot be reached within ${ENDPOINT_TIMEOUT_MS / 1_000} s: ${reasonOf(thrown)}`,
      'Check the base URL and the network.',
    );
  }
}

/** fetch hides the reason behind "fetch failed". */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error && thrown.cause.message !== '' ? thrown.cause.message : thrown.message;
}
