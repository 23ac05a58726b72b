/** A task is split while its worker dies: at whatever moment that is, each child is made, and made once. */
import type { Client } from '@temporalio/client';
import type { JobInput, JobResult } from '../../src/client/index';
import type { JobTasksPage } from '../../src/workflows/messages';
import { branchesOf, CHECK, until, valueFiles, World } from './world';

const CHILDREN = 8;

let world: World;
let client: Client;

const write = (path: string) => ({
  edits: [{ op: 'write', path, content: 'x\n', search: null, replace: null, to: null }],
  commitMessage: `Write ${path}`,
  notes: '',
});
const plan = {
  children: Array.from({ length: CHILDREN }, (_, n) => ({
    title: `Part ${n + 1}.`,
    description: `Write part ${n + 1}.`,
    acceptanceCriteria: [],
    relatedFiles: [],
    checks: [],
    // Every third one waits for the one before it.
    dependsOn: n % 3 === 2 ? [n] : [],
  })),
  join: false,
  notes: '',
  question: null,
};

beforeAll(async () => {
  world = await World.start({
    script: [
      { when: { contains: '# Split up' }, answers: [{ kind: 'json', value: plan }] },
      ...plan.children.map(({ title }, n) => ({
        when: { contains: `# ${title}` },
        answers: [{ kind: 'json' as const, value: write(`part-${n + 1}.txt`) }],
      })),
    ],
  });
  client = await world.connect();
}, 120_000);

afterAll(async () => {
  await world.stop();
}, 60_000);

async function start(name: string) {
  const content = {
    title: 'Split up',
    description: 'Split up, please.',
    handler: 'plan',
    repo: { url: world.repository(name, valueFiles()) },
    checks: [{ ...CHECK, run: 'true' }],
    limits: { attempts: 1 },
  };
  const input = { schemaVersion: 1, requester: 'ana', spec: content as unknown } as JobInput;
  return await client.workflow.start('job', { taskQueue: 'weaver', workflowId: `job/${name}`, args: [input] });
}

/** Types of events of the task that is split, as the server has them. */
async function eventsOf(taskId: string): Promise<readonly string[]> {
  try {
    const { events } = await client.workflow.getHandle(taskId).fetchHistory();
    return (events ?? []).flatMap(({ eventType }) => (eventType == null ? [] : [String(eventType)]));
  } catch {
    return []; // it has not been started yet
  }
}

/** As the protocol numbers them. */
const STARTED = '31';
const SIGNALLED = '26';

it.each([
  ['the job has granted it', SIGNALLED, 1],
  ['half of the children have started', STARTED, CHILDREN / 2],
] as const)(
  'D-14 loses no child and makes none twice when the worker dies as soon as %s',
  async (when, event, count) => {
    const name = `killed-${event}-${count}`;
    const job = await start(name);
    const parent = `job/${name}/t/0`;
    const [worker] = world.processes.splice(0, 1);
    await until(async () => (await eventsOf(parent)).filter((each) => each === event).length >= count, when);
    worker?.kill('SIGKILL');
    await world.startWorker();
    const result = (await job.result()) as JobResult;
    expect(result.summary?.counts).toEqual({ decomposed: 1, succeeded: CHILDREN });
    const { rows } = await job.query<JobTasksPage>('jobTasks');
    expect(rows.slice(1).map(({ path, parent: of }) => [path, of])).toEqual(
      Array.from({ length: CHILDREN }, (_, n) => [`0.${n + 1}`, '0']),
    );
    const seen: string[] = [];
    await until(async () => {
      seen.length = 0;
      const query = `WorkflowType = 'codingTask' AND WorkflowId STARTS_WITH '${parent}.'`;
      for await (const { workflowId } of client.workflow.list({ query })) seen.push(workflowId);
      return seen.length >= CHILDREN;
    }, 'the server lists them');
    expect(seen.toSorted()).toEqual(Array.from({ length: CHILDREN }, (_, n) => `${parent}.${n + 1}`).toSorted());
    expect(branchesOf(`${world.folder}/remotes/${name}.git`)).toHaveLength(CHILDREN + 1);
    // Paid for once each, and for the plan: whoever was asked when the worker died is not asked again.
    expect(result.summary?.spending).toMatchObject({ callsSent: CHILDREN + 1, callsInDoubt: 0 });
  },
  180_000,
);
