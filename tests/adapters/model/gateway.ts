/** Gateways that others have made, each in a process of its own: what stands between weaver and a model in many houses. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ProviderSettings } from '../../../src/ports';
import { freePort } from '../../free-port';
import { API_KEY, until } from './model-world';

export interface Gateway {
  /** How it is asked for what the endpoint says. */
  readonly provider: Partial<ProviderSettings> & Pick<ProviderSettings, 'baseUrl'>;
  /** What comes of the endpoint's word for its model, of its pause of seven seconds, and of an answer that breaks off. */
  readonly heard: { readonly model: string; readonly retryAfterMs: number | undefined; readonly cut: object };
  /** What is wrong with a question that it refuses itself, and a word of how it says so. */
  readonly refused: { readonly provider: Partial<ProviderSettings>; readonly code: string; readonly says: string };
  /** Resolves when the process is gone. */
  stop(): Promise<void>;
}

type Start = (endpointUrl: string) => Promise<Gateway>;

/** LiteLLM takes half a gigabyte and a minute of installing, so it is asked where somebody has it (docs/decisions/0029). */
export const GATEWAYS: readonly (readonly [name: string, start: Start])[] = [
  ['Portkey', startPortkey],
  ...(process.env['WEAVER_LITELLM'] === undefined ? [] : [['LiteLLM', startLiteLlm] as const]),
];

/** Variables that settings of providers name. */
export const gatewayValue = (variable: string, endpointUrl: string): string | undefined =>
  ({ TEST_KEY: API_KEY, GATEWAY_PROVIDER: 'openai', GATEWAY_HOST: endpointUrl })[variable];

async function startPortkey(): Promise<Gateway> {
  const program = join(dirname(require.resolve('@portkey-ai/gateway/package.json')), 'build', 'start-server.js');
  const child = spawn(process.execPath, ['--require', require.resolve('./on-loopback.cjs'), program, '--headless'], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const complaints = complaintsOf(child);
  const [told] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as readonly unknown[];
  if (typeof told !== 'object' || told === null || !('port' in told))
    throw new Error(`the gateway did not start: ${complaints()}`);
  return {
    provider: {
      baseUrl: `http://127.0.0.1:${String(told.port)}/v1`,
      headersEnv: { 'x-portkey-provider': 'GATEWAY_PROVIDER', 'x-portkey-custom-host': 'GATEWAY_HOST' },
    },
    heard: {
      model: 'scripted-1b',
      retryAfterMs: 7_000,
      // The gateway ends the stream as if it were whole, but for its last word.
      cut: {
        kind: 'failed',
        code: 'modelServer',
        retryable: true,
        says: 'The stream ended before the end of the answer.',
      },
    },
    refused: { provider: { headersEnv: {} }, code: 'modelRequestInvalid', says: 'x-portkey-provider' },
    stop: () => end(child),
  };
}

async function startLiteLlm(endpointUrl: string): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-litellm-'));
  const config = {
    model_list: [
      {
        model_name: 'scripted-1',
        litellm_params: { model: 'openai/scripted-1', api_base: endpointUrl, api_key: API_KEY },
      },
    ],
    router_settings: { num_retries: 0, disable_cooldowns: true },
  };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
  const port = await freePort();
  const args = ['--config', join(folder, 'config.yaml'), '--host', '127.0.0.1', '--port', String(port)];
  const child = spawn(process.env['WEAVER_LITELLM'] ?? '', args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const complaints = complaintsOf(child);
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const answers = (): Promise<boolean> =>
    fetch(`${baseUrl}/models`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(answers, 'LiteLLM answers', 120_000).catch((cause: unknown) => {
    throw new Error(complaints(), { cause });
  });
  return {
    provider: { kind: 'litellm', baseUrl },
    // It says the last word itself, so nobody after it can tell.
    heard: { model: 'scripted-1', retryAfterMs: undefined, cut: { kind: 'answered', finishReason: 'stop' } },
    refused: { provider: { model: 'nobody' }, code: 'modelNotFound', says: 'nobody' },
    async stop() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function complaintsOf(child: ChildProcess): () => string {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  return () => said.slice(-2_000);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
