/** The agent that a task names, as this worker's configuration has it. */
import { chooseAgent, withAgent, type PassedOver } from '../domain/agents.js';
import type { TaskSpec } from '../domain/task.js';
import { PortFault } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { OpenedAgent, OpenInput } from './contract.js';

export interface WithAgent {
  readonly spec: TaskSpec;
  /** Absent if the task names none. */
  readonly agent?: OpenedAgent;
  /** Further instructions of the agent. */
  readonly prompt: string;
}

/** Throws PortFault unknownAgent, disabledAgent or agentUnusable. */
export function openAgent({ settings }: ActivityPorts, spec: TaskSpec, { passedOver, handler }: OpenInput): WithAgent {
  if (spec.agent === undefined) return { spec, prompt: '' };
  const { known, lacks } = settings.agents ?? { known: [], lacks: () => null };
  const choice = chooseAgent(spec.agent, known, lacks, passedOver);
  if (choice.kind === 'refused') throw new PortFault(choice.code, choice.says, false);
  const { agent, hasNext } = choice;
  return {
    spec: withAgent(spec, agent, handler),
    agent: { name: agent.name, passedOver: short(choice.passedOver), hasNext },
    prompt: agent.prompt,
  };
}

/** A part of a payload. */
const REASON_CHARACTERS_MAX = 300;

const short = (passedOver: readonly PassedOver[]): readonly PassedOver[] =>
  passedOver.map(({ agent, reason }) => ({ agent, reason: reason.slice(0, REASON_CHARACTERS_MAX) }));
