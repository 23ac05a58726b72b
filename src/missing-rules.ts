/** Before a worker begins: do the open tasks of its queue name a handler or a decider that it does not have? */
import type { WorkflowService } from '@temporalio/client';
import { PortFault } from './ports.js';
import { SEARCH_ATTRIBUTES, UNKNOWN_NAME } from './workflows/messages.js';

export interface KnownRules {
  readonly handlers: readonly string[];
  readonly deciders: readonly string[];
}

/** Answered in milliseconds from an index, whatever the number of tasks. */
const TASKS_A_PAGE = 100;

/** Deciders that decide in turn (`a@1+b@2`) are names of their own to the server and have to be read; more do not wait in one place. */
const PAGES_MAX = 20;

/** Named in the message; the rest is a number. */
const TASKS_SHOWN = 5;

/**
 * Rejects (rulesMissing) if it lacks some: such a task would be refused or hang. A worker that cannot be told, because the
 * attributes are new to the namespace or its lists are out of order, starts: then no task is known to need what it lacks.
 */
export async function ensureRulesPresent(
  service: WorkflowService,
  where: { readonly namespace: string; readonly taskQueue: string },
  known: KnownRules,
): Promise<void> {
  const missing = await missingRules(service, where, known);
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(({ rule }) => rule))];
  const shown = missing.slice(0, TASKS_SHOWN).map(({ taskId }) => taskId);
  const more = missing.length > shown.length ? ` and ${missing.length - shown.length} more` : '';
  throw new PortFault('rulesMissing', `${names.join(', ')}; named by ${shown.join(', ')}${more}.`, false);
}

interface Missing {
  readonly taskId: string;
  /** `handler plan`, `decider cautious@2`. */
  readonly rule: string;
}

async function missingRules(
  service: WorkflowService,
  { namespace, taskQueue }: { readonly namespace: string; readonly taskQueue: string },
  known: KnownRules,
): Promise<readonly Missing[]> {
  const found: Missing[] = [];
  let nextPageToken: Uint8Array = new Uint8Array();
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = queryFor(taskQueue, known);
    const answer = await service
      .listWorkflowExecutions({ namespace, query, pageSize: TASKS_A_PAGE, nextPageToken })
      .catch(() => null);
    if (answer === null) return found;
    for (const { execution, searchAttributes } of answer.executions) {
      const taskId = execution?.workflowId ?? '';
      const value = ({ name }: { readonly name: string }) => textOf(searchAttributes?.indexedFields?.[name]?.data);
      const rules = lacking(known, value(SEARCH_ATTRIBUTES.handler), value(SEARCH_ATTRIBUTES.decider));
      found.push(...rules.map((rule) => ({ taskId, rule })));
    }
    nextPageToken = answer.nextPageToken;
    if (nextPageToken.length === 0) return found;
  }
  return found;
}

function queryFor(taskQueue: string, { handlers, deciders }: KnownRules): string {
  const outside = ({ name }: { readonly name: string }, names: readonly string[]): string =>
    `(${name} IS NOT NULL AND ${name} NOT IN (${[...names, UNKNOWN_NAME].map(quoted).join(', ')}))`;
  const rules = [outside(SEARCH_ATTRIBUTES.handler, handlers), outside(SEARCH_ATTRIBUTES.decider, deciders)];
  const open = `WorkflowType = 'codingTask' AND ExecutionStatus = 'Running' AND TaskQueue = ${quoted(taskQueue)}`;
  return `${open} AND (${rules.join(' OR ')})`;
}

function lacking({ handlers, deciders }: KnownRules, handler: string, decider: string): readonly string[] {
  const parts = decider.split('+').filter((name) => name !== '' && name !== UNKNOWN_NAME);
  return [
    ...(handler === '' || handler === UNKNOWN_NAME || handlers.includes(handler) ? [] : [`handler ${handler}`]),
    ...parts.filter((name) => !deciders.includes(name)).map((name) => `decider ${name}`),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '')}'`;

/** Keywords are JSON texts. */
function textOf(data: Uint8Array | null | undefined): string {
  const value: unknown = data === null || data === undefined ? '' : JSON.parse(Buffer.from(data).toString('utf8'));
  return typeof value === 'string' ? value : '';
}
