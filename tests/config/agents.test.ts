/** Agents of weaver.config.yaml: what they become, every fault at once, and what one of them lacks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Config } from '../../src/config';
import { whatAgentLacks } from '../../src/config/agents';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-agents-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string, env: Readonly<Record<string, string>> = {}) {
  writeFileSync(join(folder, 'weaver.config.yaml'), text);
  return loadConfig({ env, cwd: folder });
}

function configOf(text: string, env: Readonly<Record<string, string>> = {}): Config {
  const loaded = load(text, env);
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('\n'));
  return loaded.config;
}

it('are read with their prompts, in the text or in a file beside it', () => {
  writeFileSync(join(folder, 'careful.md'), 'Take care.\n');
  const { agents } = configOf(`
agents:
  careful: { handler: agent, promptFile: careful.md, fallback: [quick] }
  quick: { handler: one-shot, prompt: Be quick., enabled: false }
  tidy: { handler: script, script: ./tidy.sh }
`);
  expect(agents).toEqual([
    { name: 'careful', handler: 'agent', models: [], prompt: 'Take care.', enabled: true, fallback: ['quick'] },
    { name: 'quick', handler: 'one-shot', models: [], prompt: 'Be quick.', enabled: false, fallback: [] },
    {
      name: 'tidy',
      handler: 'script',
      models: [],
      prompt: '',
      enabled: true,
      fallback: [],
      script: { run: './tidy.sh', timeoutSeconds: 3_600, network: false },
    },
  ]);
});

it('have all their faults told at once', () => {
  const loaded = load(`
agents:
  a: { handler: agent, fallback: [a, nobody], promptFile: none.md }
  b: { handler: human, script: x, models: [m] }
`);
  expect(loaded.kind === 'faults' ? loaded.faults.map((fault) => fault.replace(/^.*: agents/, 'agents')) : []).toEqual([
    'agents.a.fallback names the agent itself',
    'agents.a.fallback names nobody, which is none of the agents',
    'agents.a.promptFile names a file that cannot be read',
    'agents.b.script is for handler: script',
    'agents.b.models is not for handler: human, which asks no model',
  ]);
  const shaped = load('agents:\n  a: { handlr: agent }\n');
  expect(shaped.kind === 'faults' ? shaped.faults.join('\n') : '').toMatch(
    /agents\.a\.handlr is no field: did you mean handler/,
  );
});

it('lack a provider that is not configured, and a key that is not set, and nothing else', () => {
  const text = `
providers:
  near: { baseUrl: "http://127.0.0.1:1/v1", model: m }
  keyed: { baseUrl: "http://127.0.0.1:1/v1", model: m, keyVariable: KEYED_KEY }
agents:
  near: { handler: agent, models: [near] }
  keyed: { handler: agent, models: [near, keyed] }
  gone: { handler: one-shot, models: [gone] }
  person: { handler: human }
`;
  const lacking = (env: Readonly<Record<string, string>>) => {
    const config = configOf(text, env);
    return Object.fromEntries(config.agents.map((agent) => [agent.name, whatAgentLacks(config, agent)]));
  };
  const gone = 'the provider gone is not configured';
  expect(lacking({})).toEqual({ near: null, keyed: 'the key of keyed (KEYED_KEY) is not set', gone, person: null });
  expect(lacking({ KEYED_KEY: 'k' })).toEqual({ near: null, keyed: null, gone, person: null });
});
