/**
 * Tasks wait for their models at the same time: what the models take is paid once, not once for each task. The worker asks as
 * a probe has found.
 */
import { keepProbe } from '../../src/adapters/model/probes';
import { WeaverClient } from '../../src/client/index';
import { World } from './world';

const LATENCY_MS = 2_000;
const TITLES = ['Say alpha', 'Say beta', 'Say gamma'] as const;

let world: World;

beforeAll(async () => {
  world = await World.start({ script: TITLES.map(ruleFor), config: CONFIG, workers: 0 });
  await keepProbe(world.home, PROBE(world.endpoint.baseUrl));
  await world.startWorker();
}, 120_000);
afterAll(() => world.stop(), 60_000);

/** By the variables alone the level would be the highest. */
const CONFIG = `providers:
  openai: { baseUrl: '{endpoint}', model: scripted-1, level: auto }
`;
const PROBE = (baseUrl: string) => ({
  kind: 'probed' as const,
  at: '2026-11-21T10:00:00.000Z',
  baseUrl,
  model: 'scripted-1',
  api: 'chat' as const,
  listed: true,
  level: 'json-object' as const,
  dialect: { level: 'json-object' as const, tokensField: 'max_tokens' as const, streaming: 'none' as const },
  countsTokens: true,
  calls: 2,
  tokens: 60,
  costUsdMicros: 0,
  unpriced: true,
});

const ruleFor = (title: string) => ({
  when: { contains: `# ${title}` },
  answers: [
    {
      kind: 'json' as const,
      delayMs: LATENCY_MS,
      value: {
        edits: [{ op: 'write', path: 'said.txt', content: `${title}\n`, search: null, replace: null, to: null }],
        commitMessage: title,
        notes: '',
      },
    },
  ],
});

/** Through the library, so that no start of a command is measured. */
const client = async () => new WeaverClient(await world.connect(), { requester: 'test' });

const taskFor = (title: string, url: string) => ({
  title,
  description: 'Write it into said.txt.',
  repo: { url },
  checks: [{ name: 'said', run: 'test -s said.txt', timeoutSeconds: 20 }],
});

it('three tasks whose model takes 2 s wait for it together', async () => {
  const url = world.repository('side-by-side', { 'README.md': 'Nothing is said yet.\n' });
  const weaver = await client();
  const jobs = await Promise.all(TITLES.map((title) => weaver.submit(JSON.stringify(taskFor(title, url)))));
  const results = await Promise.all(jobs.map(({ jobId }) => weaver.result(jobId)));
  expect(results.map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  const asked = TITLES.map((title) => requestFor(title).at);
  // Each had been asked before the first one had its answer. How long it takes in all, `npm run bench` says (call).
  expect(Math.max(...asked) - Math.min(...asked)).toBeLessThan(LATENCY_MS);
}, 60_000);

it('the worker asks as the probe has found', () => {
  const [{ body } = { body: null }] = world.endpoint.requests();
  expect(body).toMatchObject({ stream: false, response_format: { type: 'json_object' } });
});

function requestFor(title: string) {
  const found = world.endpoint.requests().filter(({ body }) => JSON.stringify(body).includes(`# ${title}`));
  expect(found).toHaveLength(1);
  const [first] = found;
  if (first === undefined) throw new Error(`nobody has asked for ${title}`);
  return first;
}
