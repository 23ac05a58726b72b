import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Config } from '../../src/config';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-kinds-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(file: string, env: Readonly<Record<string, string>> = {}) {
  writeFileSync(join(folder, 'weaver.config.yaml'), file);
  return loadConfig({ env: { HOME: folder, ...env }, cwd: folder });
}

function config(file: string, env?: Readonly<Record<string, string>>): Config {
  const loaded = load(file, env);
  if (loaded.kind === 'faults') throw new Error(loaded.faults.join('\n'));
  return loaded.config;
}

const only = (file: string) => config(file).providers[0];

describe('the kind of a provider', () => {
  it.each([
    ['openai', 'https://api.openai.com/v1', 'OPENAI_API_KEY'],
    ['ollama', 'http://127.0.0.1:11434/v1', 'OLLAMA_API_KEY'],
    ['vllm', 'http://127.0.0.1:8000/v1', 'VLLM_API_KEY'],
    ['litellm', 'http://127.0.0.1:4000/v1', 'LITELLM_API_KEY'],
    ['openrouter', 'https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY'],
    ['anthropic', 'https://api.anthropic.com/v1', 'ANTHROPIC_API_KEY'],
    ['gemini', 'https://generativelanguage.googleapis.com/v1beta/openai', 'GEMINI_API_KEY'],
  ])('%s knows its address and its key', (kind, baseUrl, keyVariable) => {
    expect(only(`providers: { p: { kind: ${kind}, model: m } }`)).toMatchObject({
      kind,
      baseUrl,
      keyVariable,
      level: 'tools',
    });
  });

  it('gives way to what is said explicitly (LC-47)', () => {
    const file = `
providers:
  p: { kind: openrouter, model: m, baseUrl: 'https://mirror.example/v1', keyVariable: MIRROR_KEY, level: text, contextWindow: 9000 }
`;
    expect(only(file)).toMatchObject({
      baseUrl: 'https://mirror.example/v1',
      keyVariable: 'MIRROR_KEY',
      level: 'text',
      contextWindow: 9_000,
    });
  });

  it('other must say where it is', () => {
    expect(load('providers: { p: { kind: other, model: m } }')).toMatchObject({
      kind: 'faults',
      faults: [expect.stringMatching(/providers\.p\.baseUrl is missing/)],
    });
  });

  it('must be one that is known, and the fault names them', () => {
    const loaded = load('providers: { p: { kind: olama, model: m } }');
    expect(loaded.kind === 'faults' ? loaded.faults.join() : '').toMatch(/kind.*olla?ma/);
  });

  it('keeps its key among the secrets, and that of its headers', () => {
    const file = 'providers: { p: { kind: gemini, model: m, headersEnv: { X-Team: TEAM_TOKEN } } }';
    const { secrets, providers } = config(file, { GEMINI_API_KEY: 'g-secret', TEAM_TOKEN: 't-secret' });
    expect(secrets()).toEqual(expect.arrayContaining(['g-secret', 't-secret']));
    expect(providers[0]).toMatchObject({ headersEnv: { 'X-Team': 'TEAM_TOKEN' } });
    expect(JSON.stringify(providers)).not.toContain('secret');
  });
});

describe('the settings of a provider', () => {
  it('are together what changes an answer, and absent where nobody sets them', () => {
    const set = 'temperature: 0, topP: 0.5, seed: 7, reasoningEffort: low, stop: [END]';
    expect(only(`providers: { p: { kind: vllm, model: m, ${set} } }`)).toMatchObject({
      sampling: { temperature: 0, topP: 0.5, seed: 7, reasoningEffort: 'low', stop: ['END'] },
    });
    expect(only('providers: { p: { kind: vllm, model: m } }')).not.toHaveProperty('sampling');
  });

  it('level auto is the highest one until a probe has spoken', () => {
    expect(only('providers: { p: { kind: vllm, model: m, level: auto } }')).toMatchObject({
      level: 'tools',
      autoLevel: true,
    });
  });

  it.each([
    ['a temperature beyond 2', 'temperature: 3', /temperature/],
    ['a blank model (LS-68)', 'model: " "', /model/],
    ['seed in the responses protocol', 'api: responses, seed: 1', /seed is unknown to the responses protocol/],
    ['an unknown protocol', 'api: completions', /api/],
    [
      'a key in place of the name of its variable',
      'headersEnv: { Authorization: "Bearer sk-1" }',
      /name of an environment variable/,
    ],
    ['an unknown field', 'temprature: 1', /temperature/],
  ])('refuse %s', (_, fields, fault) => {
    const model = fields.includes('model:') ? '' : 'model: m, ';
    const loaded = load(`providers: { p: { kind: vllm, ${model}${fields} } }`);
    expect(loaded.kind === 'faults' ? loaded.faults.join('\n') : 'none').toMatch(fault);
  });

  it.each([
    [
      'a setting that the kind ignores',
      'kind: anthropic, seed: 1, contextWindow: 9000',
      {},
      /seed has no effect at anthropic/,
    ],
    ['Ollama without a window', 'kind: ollama', {}, /OLLAMA_CONTEXT_LENGTH/],
    ['a header whose variable is not set', 'kind: vllm, headersEnv: { X-Team: TEAM }', {}, /TEAM is not set/],
  ])('warn of %s', (_, fields, env, warning) => {
    const loaded = load(`providers: { p: { model: m, ${fields} } }`, env);
    expect(loaded.kind === 'ok' ? loaded.warnings.join('\n') : '').toMatch(warning);
  });

  it('keeps a model with colons in its name whole (LS-70)', () => {
    expect(
      only('providers: { p: { kind: ollama, model: "qwen2.5-coder:7b-q4:x", contextWindow: 8192 } }'),
    ).toMatchObject({
      model: 'qwen2.5-coder:7b-q4:x',
    });
  });
});
