/** Agents that a file names, against the configuration at hand: a slip is told before anything is submitted. */
import type { AgentSpec } from '../../domain/agents.js';
import { refusalOfAgent } from '../../domain/agents.js';
import { showFailure } from '../../domain/failures.js';
import type { JobSpec } from '../../domain/job.js';
import { fieldText, type TaskSpec } from '../../domain/task.js';
import { WeaverFault } from '../weaver-fault.js';

const CONFIGURATION = 3;

/** A configuration without agents says nothing: the worker may have another one, and looks itself. */
export function refuseUnknownAgents(agents: readonly AgentSpec[], specs: readonly Pick<TaskSpec, 'agent'>[]): void {
  if (agents.length === 0) return;
  for (const { agent } of specs) {
    const refused = agent === undefined ? null : refusalOfAgent(agent, agents);
    if (refused !== null)
      throw new WeaverFault(showFailure({ code: refused.code, detail: refused.says }), CONFIGURATION);
  }
}

/** The agents that the tasks of a job name, or its defaults. */
export const namesIn = ({ tasks, defaults }: JobSpec): readonly { readonly agent?: string }[] =>
  [defaults, ...tasks.map(({ content }) => content)].flatMap((content) => {
    const agent = fieldText(content, 'agent');
    return agent === '' ? [] : [{ agent }];
  });
