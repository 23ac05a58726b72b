/** `weaver doctor --probe` against an endpoint, by the compiled command. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startScriptedEndpoint, type ScriptedEndpoint } from '../../src/adapters/model/scripted';
import { API_KEY } from '../e2e/world';
import { lastJson, openDesk, type Desk } from './weaver';

let desk: Desk;
let endpoint: ScriptedEndpoint;
beforeAll(async () => {
  desk = openDesk();
  const usage = { prompt: 10, completion: 5 };
  endpoint = await startScriptedEndpoint({
    apiKey: API_KEY,
    script: [
      { when: { contains: 'Say hello' }, answers: [{ kind: 'json', value: { word: 'hello' }, usage }] },
      { when: { asks: '"tools"' }, answers: [{ kind: 'text', text: 'I cannot.', usage }] },
    ],
  });
  writeFileSync(
    join(desk.folder, 'work', 'weaver.config.yaml'),
    `providers:
  local:
    baseUrl: ${endpoint.baseUrl}
    model: scripted-1
    keyVariable: LOCAL_KEY
    level: auto
    price: { promptUsdPerMillion: 100, completionUsdPerMillion: 200, date: 2026-11-01 }
`,
  );
});
afterAll(async () => {
  await endpoint.stop();
  await desk.clear();
});

const doctor = (...args: readonly string[]) => desk.weaver(['doctor', ...args], { env: { LOCAL_KEY: API_KEY } });

it('says that nobody has asked yet, without asking', async () => {
  const { exitCode, stdout } = await doctor();
  expect(stdout).toMatch(/warn\s+probe local\s+level auto, and scripted-1 was never probed/);
  expect(stdout).toContain('Run weaver doctor --probe local.');
  expect({ exitCode, asked: endpoint.count }).toEqual({ exitCode: 0, asked: 0 });
});

it('says what the endpoint can and what that has cost, and remembers it', async () => {
  const result = await desk.weaver(['doctor', '--probe', '--json'], { env: { LOCAL_KEY: API_KEY }, ownProcess: true });
  const { findings } = lastJson(result) as { readonly findings: readonly { readonly name: string }[] };
  expect(findings.find(({ name }) => name === 'probe local')).toEqual({
    name: 'probe local',
    verdict: 'ok',
    says: 'level json-schema, no tools, streams, counts tokens (2 calls, 30 tokens, $0.0040)',
    next: null,
  });
  const kept = readFileSync(join(desk.folder, 'home', 'probes.json'), 'utf8');
  expect(JSON.parse(kept)).toMatchObject({ version: 1, probes: [{ level: 'json-schema', model: 'scripted-1' }] });
  expect(kept + result.stdout + result.stderr).not.toContain(API_KEY);
});

it('asks the one that is named, and says which there are', async () => {
  const before = endpoint.count;
  const { stdout } = await doctor('--probe', 'lokal');
  expect(stdout).toMatch(/there is no provider "lokal"[\s\S]*Name one of: local\./);
  expect(endpoint.count).toBe(before);
});

it('says what was found without asking again', async () => {
  const before = endpoint.count;
  expect((await doctor()).stdout).toMatch(/ok\s+probe local\s+level json-schema, .*, as of \d{4}-\d\d-\d\d/);
  expect(endpoint.count).toBe(before);
});

it('ends with 3 when the endpoint refuses the key', async () => {
  const { exitCode, stdout } = await desk.weaver(['doctor', '--probe', 'local'], {
    env: { LOCAL_KEY: 'sk-wrong-0123456789' },
  });
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(/probe local\s+This is not the key of the endpoint\. \(1 call, 0 tokens, \$0\.0000\)/);
});
