/** Named agents of the file: their fields, what is wrong with them, and what one of them lacks on this host. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { AgentSpec } from '../domain/agents.js';
import { defined } from '../domain/plain-object.js';
import { KINDS, kindOfAddress } from '../domain/provider-kinds.js';
import { asksModel, type ModelChoice } from '../domain/task.js';
import type { ProviderSettings } from '../ports.js';
import { CHOSEN_HANDLERS, line, modelList, playbook, script } from '../schemas/task-shape.js';
import { prose } from '../schemas/text-shape.js';

const BOUNDS = {
  /** A part of every prompt: what is longer belongs into AGENTS.md of the repository. */
  promptCharacters: 20_000,
  /** Who needs more stand-ins has a configuration to mend. */
  fallback: 5,
  nameCharacters: 40,
} as const;

const agentName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/, 'has a name that is not 1 to 40 letters, digits, ".", "_" or "-"');

const agentShape = {
  handler: z.enum(CHOSEN_HANDLERS.filter((name) => name !== 'join')),
  models: modelList.default([]),
  prompt: prose(BOUNDS.promptCharacters).optional(),
  /** Path of a file with the prompt; from the folder of the configuration if it is relative. */
  promptFile: line(1_000).optional(),
  enabled: z.boolean().default(true),
  fallback: z.array(line(BOUNDS.nameCharacters)).max(BOUNDS.fallback).default([]),
  script: script.optional(),
  playbook: playbook.optional(),
};

export const agentMap = z.record(agentName, z.strictObject(agentShape)).default({});

export type FileAgents = z.infer<typeof agentMap>;

export const agentFields = Object.keys(agentShape);

/** The agents of a file that was read, with the texts of their prompts. */
export function resolveAgents(
  written: FileAgents,
  file: string,
): { readonly agents: readonly AgentSpec[]; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const names = Object.keys(written);
  const agents = Object.entries(written).map(([name, agent]): AgentSpec => {
    const say = (field: string, says: string): number => faults.push(`${file}: agents.${name}.${field} ${says}`);
    const { handler, models, enabled, fallback } = agent;
    for (const other of fallback) {
      if (other === name) say('fallback', 'names the agent itself');
      else if (!names.includes(other)) say('fallback', `names ${other}, which is none of the agents`);
    }
    if (new Set(fallback).size < fallback.length) say('fallback', 'names an agent twice');
    if (agent.script !== undefined && handler !== 'script') say('script', 'is for handler: script');
    if (agent.playbook !== undefined && handler !== 'playbook') say('playbook', 'is for handler: playbook');
    if (models.length > 0 && !asksModel(handler)) say('models', `is not for handler: ${handler}, which asks no model`);
    const prompt = promptOf(agent, file, (says) => say('promptFile', says));
    return {
      name,
      handler,
      models,
      prompt,
      enabled,
      fallback,
      ...defined({ script: agent.script, playbook: agent.playbook }),
    };
  });
  return { agents, faults };
}

function promptOf({ prompt, promptFile }: FileAgents[string], file: string, say: (says: string) => void): string {
  if (promptFile === undefined) return prompt?.trim() ?? '';
  if (prompt !== undefined) say('stands beside prompt: name one of them');
  try {
    const text = readFileSync(resolve(dirname(file), promptFile), 'utf8').trim();
    if (text.length <= BOUNDS.promptCharacters) return text;
    say(`names a file of more than ${BOUNDS.promptCharacters} characters`);
  } catch {
    say('names a file that cannot be read');
  }
  return '';
}

interface Configured {
  readonly providers: readonly ProviderSettings[];
  readonly defaultModels: readonly ModelChoice[];
  readonly keyOf: (variable: string) => string | undefined;
}

/**
 * What an agent lacks on this host, in words; null if nothing. Only what is not there counts: whether an endpoint answers, and
 * whether it takes the key, shows when it is asked.
 */
export function whatAgentLacks(
  { providers, defaultModels, keyOf }: Configured,
  { handler, models }: AgentSpec,
): string | null {
  if (!asksModel(handler)) return null;
  for (const { provider } of models.length > 0 ? models : defaultModels) {
    const found = providers.find(({ name }) => name === provider);
    if (found === undefined) return `the provider ${provider} is not configured`;
    if (needsKey(found) && (keyOf(found.keyVariable) ?? '') === '')
      return `the key of ${provider} (${found.keyVariable}) is not set`;
  }
  return null;
}

/** A provider that names a variable of its own has a key; else its kind tells. */
function needsKey({ kind, baseUrl, keyVariable, headersEnv = {} }: ProviderSettings): boolean {
  const facts = KINDS[kind ?? kindOfAddress(baseUrl)];
  const isSigned = Object.keys(headersEnv).some((name) => /^(?:authorization|x-api-key|api-key)$/i.test(name));
  return !isSigned && (!facts.keyless || keyVariable !== facts.keyVariable);
}
