/** Named agents: a way to carry tasks out that the configuration describes once, and who stands in where one cannot work. */
import type { FailureCode } from './failures.js';
import type { Playbook, PlaybookFile } from './playbook.js';
import type { Handler, ModelChoice, ScriptSpec, TaskSpec } from './task.js';

export interface AgentSpec {
  readonly name: string;
  readonly handler: Handler;
  /** Empty = those of the task, or the configured default. */
  readonly models: readonly ModelChoice[];
  /** Further instructions for whoever works; empty = none. */
  readonly prompt: string;
  readonly enabled: boolean;
  /** Names of agents that stand in, in this order; theirs are not looked at. */
  readonly fallback: readonly string[];
  readonly script?: ScriptSpec;
  readonly playbook?: Playbook | PlaybookFile;
}

/** An agent that was passed over, and why. */
export interface PassedOver {
  readonly agent: string;
  readonly reason: string;
}

export interface ChosenAgent {
  readonly kind: 'chosen';
  readonly agent: AgentSpec;
  /** Those before it that could not work. */
  readonly passedOver: readonly PassedOver[];
  /** Whether there is anybody left after it. */
  readonly hasNext: boolean;
}

export type AgentChoice = ChosenAgent | { readonly kind: 'refused'; readonly code: FailureCode; readonly says: string };

/**
 * The agent that a task names, or the first of its fallbacks that has what it needs. Only what is missing is a reason: an
 * endpoint that is down, a refused key or red checks are not, for they would hide what is to be mended.
 * @param lacks what an agent lacks on this host (a key, a provider), in words; null if nothing
 * @param before agents that were found wanting when they were to work
 */
export function chooseAgent(
  name: string,
  known: readonly AgentSpec[],
  lacks: (agent: AgentSpec) => string | null,
  before: readonly PassedOver[] = [],
): AgentChoice {
  const refused = refusalOfAgent(name, known);
  if (refused !== null) return refused;
  const named = known.find((agent) => agent.name === name);
  const chain = [name, ...(named?.fallback ?? [])];
  const passedOver: PassedOver[] = [];
  for (const [index, candidate] of chain.entries()) {
    const agent = known.find((each) => each.name === candidate);
    const reason = before.find((each) => each.agent === candidate)?.reason ?? whyNot(agent, lacks);
    if (agent !== undefined && reason === null)
      return { kind: 'chosen', agent, passedOver, hasNext: index < chain.length - 1 };
    passedOver.push({ agent: candidate, reason: reason ?? 'it is not configured' });
  }
  return { kind: 'refused', code: 'agentUnusable', says: inWords(passedOver) };
}

function whyNot(agent: AgentSpec | undefined, lacks: (agent: AgentSpec) => string | null): string | null {
  if (agent === undefined) return 'it is not configured';
  return agent.enabled ? lacks(agent) : 'it is disabled';
}

/** Who names one that is unknown or disabled has made a slip: nobody stands in for that. Null if it may be named. */
export function refusalOfAgent(
  name: string,
  known: readonly AgentSpec[],
): Extract<AgentChoice, { kind: 'refused' }> | null {
  const agent = known.find((each) => each.name === name);
  if (agent === undefined) {
    const names = known.filter(({ enabled }) => enabled).map((each) => each.name);
    const there = names.length === 0 ? 'there are none' : `there are: ${names.join(', ')}`;
    return { kind: 'refused', code: 'unknownAgent', says: `${JSON.stringify(name)}; ${there}.` };
  }
  return agent.enabled ? null : { kind: 'refused', code: 'disabledAgent', says: `${JSON.stringify(name)}.` };
}

/** A line for each that somebody stands in for. */
export const standInsOf = (
  opened: { readonly name: string; readonly passedOver: readonly PassedOver[] } | undefined,
): readonly string[] =>
  (opened?.passedOver ?? []).map(
    ({ agent, reason }) => `agent ${opened?.name ?? ''} stands in for ${agent}: ${reason}`,
  );

/** `fast: OPENAI_API_KEY is not set; local: …` */
const inWords = (passedOver: readonly PassedOver[]): string =>
  passedOver.map(({ agent, reason }) => `${agent}: ${reason}`).join('; ');

/** The task as the agent carries it out. What the task names itself goes first; an alternative handler stays. */
export function withAgent(spec: TaskSpec, agent: AgentSpec, handler?: Handler): TaskSpec {
  const { chooseHandler: _left, ...rest } = spec;
  const script = spec.script ?? agent.script;
  const playbook = spec.playbook ?? agent.playbook;
  return {
    ...rest,
    handler: handler ?? agent.handler,
    models: spec.models.length > 0 ? spec.models : agent.models,
    ...(script === undefined ? {} : { script }),
    ...(playbook === undefined ? {} : { playbook }),
  };
}
