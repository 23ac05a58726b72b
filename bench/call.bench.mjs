/**
 * What a call to a model takes beside the endpoint's own time: by a bare fetch, by the client in this process, by the request
 * process. And three tasks at once whose model takes its time.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BenchWorld, ruleFor, taskFor } from './bench-world.mjs';
import { figure, summary, timed } from './figures.mjs';
import { stepsOf } from './timeline.mjs';

export const name = 'call';

const WARM_UPS = 20;
const RUNS = 200;
/** A prompt of some size, as a task has it. */
const PROMPT = 'What is to be done here, and where? '.repeat(300);

/** Of a model, in the round of tasks. */
const LATENCY_MS = 2_000;
const TASKS = 3;
const ROUNDS = 5;

export default async function (context) {
  const [calls, tasks] = [await measureCalls(context), await measureTasks(context)];
  return resultsOf(calls, tasks);
}

async function measureCalls({ root, say }) {
  const require = createRequire(import.meta.url);
  const load = (file) => require(path.join(root, 'dist', 'adapters', 'model', file));
  const folder = mkdtempSync(path.join(tmpdir(), 'weaver-bench-'));
  const home = path.join(folder, 'home');
  mkdirSync(home);
  const endpoint = startEndpoint(root);
  const model = load('model.js').createModel({
    home,
    redact: (text) => text,
    apiKeyOf: () => undefined,
    environment: { PATH: process.env['PATH'] ?? '' },
    idleSeconds: 1,
    onWarning: say,
  });
  try {
    const provider = providerAt(await endpoint.baseUrl);
    const ways = waysOf(provider, load, model);
    await model.prewarm();
    const measured = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
    for (let n = 0; n < WARM_UPS + RUNS; n += 1) {
      if (n % 100 === 0) say(`call: round ${n + 1} of ${WARM_UPS + RUNS}`);
      for (const way of inTurn(Object.keys(ways), n)) {
        const { ms } = await timed(() => ways[way](n));
        if (n >= WARM_UPS) measured[way].push(ms);
      }
    }
    return measured;
  } finally {
    model.close();
    endpoint.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Each goes first equally often. */
const inTurn = (names, n) => names.map((_, place) => names[(place + n) % names.length]);

function waysOf(provider, load, model) {
  const { askEndpoint } = load('openai-endpoint.js');
  const { dialectOf } = load('dialect.js');
  const messages = [{ role: 'user', content: PROMPT }];
  const signal = new AbortController().signal;
  const dialect = dialectOf(provider);
  return {
    async fetch() {
      const response = await fetch(`${provider.baseUrl}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: provider.model, messages, stream: true }),
      });
      await response.text();
    },
    async client() {
      const request = { provider, messages, dialect, apiKey: undefined, redact: (text) => text, signal };
      must(await askEndpoint({ ...request, onBytes: () => undefined }));
    },
    async courier(n) {
      const request = { callId: n.toString(16).padStart(8, '0'), lineage: 'bench', provider, messages };
      must(await model.call(request, signal, () => undefined));
    },
  };
}

function must(result) {
  if (result.kind !== 'answered') throw new Error(`the endpoint did not answer: ${JSON.stringify(result)}`);
}

const providerAt = (baseUrl) => ({
  name: 'bench',
  baseUrl,
  keyVariable: 'NO_KEY',
  model: 'scripted-1',
  level: 'json-schema',
  concurrency: 8,
  callTimeoutSeconds: 20,
  idleTimeoutSeconds: 10,
  maxOutputTokens: 1_000,
});

/** In a process of its own, so that its work is not counted. */
function startEndpoint(root) {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), 'endpoint.mjs');
  const child = spawn(process.execPath, [file, root], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify([{ answers: [{ kind: 'text', text: 'Nothing is to be done. '.repeat(40) }] }]));
  const baseUrl = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the endpoint ended with ${code}`)));
  });
  return { baseUrl, stop: () => child.kill() };
}

/** The first round is a warm-up. */
async function measureTasks(context) {
  const rounds = Array.from({ length: ROUNDS + 1 }, (_, round) => titlesOf(round));
  const world = await BenchWorld.start(
    context,
    rounds.flat().map((title) => ruleFor(title, LATENCY_MS)),
  );
  try {
    await Promise.all([world.startWorker(), world.connect()]);
    const repository = world.repository('side-by-side');
    const times = [];
    for (const [round, titles] of rounds.entries()) {
      context.say(`call: ${TASKS} tasks at once, round ${round + 1} of ${rounds.length}`);
      repository.move();
      const carry = (title) => carryOut(world, repository, title);
      const { ms, result: taskIds } = await timed(() => Promise.all(titles.map(carry)));
      if (round > 0) times.push({ ms, checksMs: Math.max(...(await Promise.all(taskIds.map(checksMsIn(world))))) });
    }
    return times;
  } finally {
    await world.stop();
  }
}

/** Of the checks of the change; those of the base run while the model thinks. */
const checksMsIn = (world) => async (taskId) => {
  const history = await world.temporal.workflow.getHandle(taskId).fetchHistory();
  return stepsOf(history).findLast(({ type }) => type === 'runChecks').workMs;
};

/** The end of one title must not be the beginning of another: the endpoint looks for it in the text. */
const titlesOf = (round) => Array.from({ length: TASKS }, (_, n) => `Bench beside ${round}-${n}.`);

async function carryOut(world, { url }, title) {
  const branch = title.replaceAll(/\W+/g, '-').toLowerCase();
  const { jobId, taskId } = await world.client.submit(taskFor(title, url, `${branch}x`));
  const { state } = await world.client.result(jobId);
  if (state !== 'completed') throw new Error(`${title} ended ${state}`);
  return taskId;
}

function resultsOf(measured, times) {
  const tasks = summary(times.map(({ ms }) => ms));
  const withoutChecks = summary(times.map(({ ms, checksMs }) => ms - checksMs));
  const [bare, client, courier] = ['fetch', 'client', 'courier'].map((way) => summary(measured[way]));
  return {
    figures: [
      figure('a call to a model by a bare fetch (median of 200)', bare.median, 'ms'),
      figure('the same by the client in one process, beyond that', client.median - bare.median, 'ms', { atMost: 5 }),
      figure(
        'the same by the request process with its ledger on the disk, beyond that',
        courier.median - bare.median,
        'ms',
        { atMost: 25 },
      ),
      figure('three tasks at once, their model takes 2 s, checks and all', tasks.median, 'ms'),
      figure('the same without the time of their checks', withoutChecks.median, 'ms', { atMost: 3_000 }),
    ],
    fetch: bare,
    client,
    courier,
    tasks,
    withoutChecks,
  };
}
