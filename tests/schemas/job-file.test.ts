import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { contentOf, JOB_TASKS_MAX, type JobSpec } from '../../src/domain/job';
import { START_INPUT_BYTES_MAX, utf8Bytes } from '../../src/domain/payload-limit';
import { PortFault } from '../../src/ports';
import { parseFile, parseJob, parseJobSpec, parseSpec, showFault, type ParsedJob } from '../../src/schemas';

const EXAMPLE = readFileSync(resolve(__dirname, '../../examples/job.yaml'), 'utf8');

const MINIMAL = `repo: { url: /srv/repo.git }
tasks:
  - id: a
    title: First
    description: d
  - id: b
    title: Second
    description: d
    dependsOn: [a]
`;

function jobOf(parsed: ParsedJob): JobSpec {
  if (parsed.kind === 'ok') return parsed.job;
  throw new Error(parsed.faults.map((fault) => showFault(fault)).join('\n'));
}

const faultsOf = (parsed: ReturnType<typeof parseFile> | ParsedJob): readonly string[] =>
  parsed.kind === 'faults' ? parsed.faults.map((fault) => showFault(fault, undefined, 'the job')) : [];

const specsOf = (job: JobSpec) => job.tasks.map((task) => parseSpec(contentOf(job, task)));

/** A file with these tasks. */
const jobWith = (tasks: readonly object[], more: object = {}): string =>
  JSON.stringify({
    repo: { url: '/srv/repo.git' },
    ...more,
    tasks: tasks.map((task, index) => ({ id: `t${index}`, title: 'T', description: 'd', ...task })),
  });

describe('a job file', () => {
  it('becomes a job: edges in full, contents as they are written, defaults filled in', () => {
    expect(parseJob(MINIMAL)).toEqual({
      kind: 'ok',
      job: {
        title: 'First',
        tasks: [
          { id: 'a', dependsOn: [], content: { title: 'First', description: 'd' } },
          { id: 'b', dependsOn: [{ on: 'a', whenFailed: 'fail' }], content: { title: 'Second', description: 'd' } },
        ],
        defaults: { repo: { url: '/srv/repo.git' } },
        budget: { whenSpent: 'wait' },
        concurrency: 16,
        priority: 3,
        tags: [],
      },
    });
  });

  it('the example is one, and each of its tasks is a task', () => {
    const job = jobOf(parseJob(EXAMPLE));
    expect({ ...job, tasks: job.tasks.map(({ id, dependsOn, stackOn }) => ({ id, dependsOn, stackOn })) }).toEqual({
      title: 'Greetings in two languages',
      tasks: [
        { id: 'names', dependsOn: [], stackOn: undefined },
        { id: 'german', dependsOn: [{ on: 'names', whenFailed: 'fail' }], stackOn: 'names' },
        {
          id: 'readme',
          dependsOn: [
            { on: 'names', whenFailed: 'fail' },
            { on: 'german', whenFailed: 'ignore' },
          ],
          stackOn: undefined,
        },
      ],
      defaults: {
        repo: { url: 'https://git.example.com/you/your-repository.git' },
        checks: [{ name: 'tests', run: 'node --test', timeoutSeconds: 60 }],
        limits: { attempts: 3 },
      },
      budget: {
        costUsdMicros: 2_500_000,
        tokens: 1_000_000,
        attempts: 8,
        deadlineSeconds: 7_200,
        whenSpent: 'wait',
      },
      concurrency: 2,
      priority: 2,
      tags: ['example'],
    });
    const [names, , readme] = specsOf(job);
    expect(names?.checks).toEqual([{ name: 'tests', run: 'node --test', timeoutSeconds: 60 }]);
    expect(readme?.checks).toEqual([
      { name: 'grep -q greet README.md', run: 'grep -q greet README.md', timeoutSeconds: 300 },
    ]);
    expect(readme?.limits).toEqual({
      attempts: 3,
      costUsdMicros: 200_000,
      wallTimeSeconds: 1_800,
      outageSeconds: 43_200,
    });
  });

  it('is told from a task file by its tasks', () => {
    expect(parseFile(MINIMAL).kind).toBe('job');
    expect(parseFile('title: T\ndescription: d\nrepo: { url: /srv/x.git }\n').kind).toBe('task');
    expect(faultsOf(parseFile(''))).toEqual(['line 1: the job is empty: it needs title, description and repo.url']);
  });

  it('WT-55 without a budget has none for the job, and each task its five attempts', () => {
    const job = jobOf(parseJob(MINIMAL));
    expect(job.budget).toEqual({ whenSpent: 'wait' });
    expect(specsOf(job).map(({ limits }) => limits.attempts)).toEqual([5, 5]);
  });

  it('WT-56 comes back the same from JSON', () => {
    for (const text of [MINIMAL, EXAMPLE]) {
      const job = jobOf(parseJob(text));
      expect(parseJobSpec(JSON.parse(JSON.stringify(job)))).toEqual(job);
      expect(jobOf(parseJob(JSON.stringify(job)))).toEqual(job);
    }
  });

  it('WT-57 gets the default budget where a client leaves it out', () => {
    const { budget: _budget, ...job } = jobOf(parseJob(EXAMPLE));
    expect(parseJobSpec(job).budget).toEqual({ whenSpent: 'wait' });
    expect(parseJobSpec({ ...job, budget: { tokens: 5 } }).budget).toEqual({ tokens: 5, whenSpent: 'wait' });
  });

  it('takes limits of the configuration for what neither the job nor the task says', () => {
    const text = jobWith([{}, { limits: { costUsd: 0.5 } }], { limits: { tokens: 10, attempt: { costUsd: 0.1 } } });
    const limits = { attempts: 2, tokens: 99, costUsdMicros: 7, attempt: { tokens: 3 } };
    expect(specsOf(jobOf(parseJob(text, { limits }))).map((spec) => spec.limits)).toEqual([
      {
        attempts: 2,
        tokens: 10,
        costUsdMicros: 7,
        wallTimeSeconds: 1_800,
        outageSeconds: 43_200,
        attempt: { tokens: 3, costUsdMicros: 100_000 },
      },
      {
        attempts: 2,
        tokens: 10,
        costUsdMicros: 500_000,
        wallTimeSeconds: 1_800,
        outageSeconds: 43_200,
        attempt: { tokens: 3, costUsdMicros: 100_000 },
      },
    ]);
  });

  it('resolves relative addresses of job and tasks', () => {
    const text = jobWith([{}, { repo: { url: '../other.git' } }], { repo: { url: './one.git', branch: 'x' } });
    const job = jobOf(parseJob(text, { cwd: '/srv/here' }));
    expect(specsOf(job).map(({ repo }) => repo)).toEqual([
      { url: '/srv/here/one.git', branch: 'x' },
      { url: '/srv/other.git', branch: 'x' },
    ]);
  });
});

describe('--set', () => {
  it('reaches the job, what is shared, and each task', () => {
    const job = jobOf(
      parseJob(MINIMAL, {
        sets: ['tasks[0].title=Another', 'tasks[1].title=42', 'budget.costUsd=1', 'repo.baseBranch=next', 'title=007'],
      }),
    );
    expect(job.title).toBe('007');
    expect(job.budget.costUsdMicros).toBe(1_000_000);
    expect(job.tasks.map(({ content }) => content['title'])).toEqual(['Another', '42']);
    expect(job.defaults['repo']).toEqual({ url: '/srv/repo.git', baseBranch: 'next' });
  });

  it('is to blame for what it has set', () => {
    expect(faultsOf(parseJob(MINIMAL, { sets: ['tasks[0].dependsOn=[b]', 'budget.tokens=none'] }))).toEqual([
      'budget.tokens must be a number (--set budget.tokens)',
      'tasks[0].dependsOn[0] closes a cycle: a → b → a (--set tasks[0].dependsOn)',
    ]);
  });
});

describe('faults', () => {
  it('come all at once, with their lines', () => {
    const text = `title: 5
concurency: 2
repo:
  url: https://u:secret@example.com/x
limits: { atempts: 2 }
budget: { costUsd: 1, costUsdMicros: 2, deadlineSecond: 3 }
tasks:
  - id: A b
    title: First
    description: d
  - id: b
    titel: Second
    description: d
    dependsOn: [x, { task: b, whenFail: skip }]
  - id: c
    title: Third
    description: d
    key: mine
    stackOn: b
    dependsOn: [d]
  - nothing
  - id: c
    title: Fourth
    description: d
    handler: join
    limits: { attempts: 0 }
`;
    expect(faultsOf(parseJob(text))).toEqual([
      'line 1: title must be a text: put it in quotes',
      'line 2: concurency is no field: did you mean concurrency?',
      'line 4: repo.url has a password or token in it: take it out, and set the variable that git.tokenEnv names (WEAVER_GIT_TOKEN)',
      'line 5: limits.atempts is no field: did you mean attempts?',
      'line 6: budget.deadlineSecond is no field: did you mean deadlineSeconds?',
      'line 6: budget.costUsdMicros stands beside costUsd: name one of them',
      'line 8: tasks[0].id must be 1 to 40 small letters, digits and -',
      'line 11: tasks[1].title is missing',
      'line 12: tasks[1].titel is no field: did you mean title?',
      'line 14: tasks[1].dependsOn[1].whenFail is no field: did you mean whenFailed?',
      'line 14: tasks[1].dependsOn[1] makes the task wait for itself: b → b',
      'line 18: tasks[2].key belongs to the job: write it at the top',
      'line 19: tasks[2].stackOn is not among dependsOn, and its branch is there only when it has ended',
      'line 21: tasks[3] must be a map of fields',
      'line 22: tasks[4].id is the id of tasks[2] already',
      'line 25: tasks[4].handler join merges the branches of other tasks: name them in dependsOn',
      'line 26: tasks[4].limits.attempts must be at least 1',
    ]);
  });

  it('of the shared part are told once, also where every task has its own', () => {
    expect(faultsOf(parseJob(jobWith([{}, {}, {}], { checks: [{ runs: 'x' }] })))).toEqual([
      'line 1: checks[0].run is missing',
      'line 1: checks[0].runs is no field: did you mean run?',
    ]);
    expect(faultsOf(parseJob(jobWith([{ checks: [] }], { checks: 'npm test' })))).toEqual([
      'line 1: checks must be a list',
    ]);
  });

  it('what every task lacks is missing once', () => {
    const tasks = [
      { id: 'a', title: 'A', description: 'd' },
      { id: 'b', title: 'B', description: 'd' },
    ];
    expect(faultsOf(parseJob(JSON.stringify({ tasks })))).toEqual([
      'line 1: repo is missing: write it once at the top, or in each task',
    ]);
    const [first, second] = tasks;
    expect(faultsOf(parseJob(JSON.stringify({ tasks: [{ ...first, repo: { url: '/srv/a.git' } }, second] })))).toEqual([
      'line 1: tasks[1].repo is missing',
    ]);
  });

  it('D-13 name the way around a cycle', () => {
    const text = jobWith([
      { id: 'a', dependsOn: ['b'] },
      { id: 'b', dependsOn: [{ task: 'c' }] },
      { id: 'c', dependsOn: ['d', 'a'] },
      { id: 'd' },
      { id: 'self', dependsOn: ['self'] },
    ]);
    expect(faultsOf(parseJob(text))).toEqual([
      'line 1: tasks[4].dependsOn[0] makes the task wait for itself: self → self',
      'line 1: tasks[0].dependsOn[0] closes a cycle: a → b → c → a',
    ]);
  });

  it('know the task that was probably meant', () => {
    const text = jobWith([{ id: 'migrate-database' }, { dependsOn: ['migrate-databse', 'zzz'] }]);
    expect(faultsOf(parseJob(text))).toEqual([
      'line 1: tasks[1].dependsOn[0] names no task of this job: migrate-databse; did you mean migrate-database?',
      'line 1: tasks[1].dependsOn[1] names no task of this job: zzz',
    ]);
  });

  it('are told with whatever else is wrong about the places', () => {
    const tasks = [
      { id: 'Not_So' },
      { id: 'b', dependsOn: [{ task: 'zzz', whenFailed: 'dance' }] },
      { id: 'b', dependsOn: ['yyy'] },
    ];
    const faults = faultsOf(parseJob(jobWith(tasks)));
    expect(faults).toHaveLength(5);
    for (const says of ['tasks[0].id', 'whenFailed', 'tasks[1] already', 'names no task of this job: zzz', 'job: yyy'])
      expect(faults).toContainEqual(expect.stringContaining(says));
  });

  it('a prerequisite that is named twice', () => {
    expect(faultsOf(parseJob(jobWith([{}, { dependsOn: ['t0', { task: 't0', whenFailed: 'skip' }] }])))).toEqual([
      'line 1: tasks[1].dependsOn[1] names t0 a second time',
    ]);
  });

  it('no task, too many, and what is no list', () => {
    expect(faultsOf(parseJob('tasks: []'))).toEqual(['line 1: tasks must have at least 1 entries']);
    expect(faultsOf(parseJob('tasks: many'))).toEqual(['line 1: tasks must be a list']);
    expect(faultsOf(parseJob('- id: a'))).toEqual(['line 1: the job must be a map of fields']);
    const many = Array.from({ length: JOB_TASKS_MAX + 1 }, () => ({}));
    expect(faultsOf(parseJob(JSON.stringify({ tasks: many })))).toEqual([
      `line 1: tasks must have at most ${JOB_TASKS_MAX} entries`,
    ]);
  });

  it('are bounded', () => {
    const faults = faultsOf(parseJob(jobWith(Array.from({ length: 300 }, () => ({ handler: 'magic' })))));
    expect(faults).toHaveLength(201);
    expect(faults.at(-1)).toBe('the job has 100 more faults');
  });

  it('of a start input are thrown', () => {
    const caught = (() => {
      try {
        return parseJobSpec({ tasks: [{ id: 'a', dependsOn: [], content: { title: 5 } }], defaults: { title: 'x' } });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(caught).toBeInstanceOf(PortFault);
    expect(caught).toMatchObject({ code: 'invalidTask', retryable: false });
    expect((caught as PortFault).message).toMatch(
      /tasks\[0\]\.title must be a text: put it in quotes.*tasks\[0\]\.repo is missing/,
    );
    expect((caught as PortFault).message).toContain('defaults.title is no field');
  });
});

describe('large jobs', () => {
  it('5,000 tasks are read in three seconds, and refused only for their size, with what helps', () => {
    const tasks = Array.from({ length: JOB_TASKS_MAX }, (_, n) => ({
      id: `t${n}`,
      title: `Mend part ${n}`,
      description: `Part ${n} is broken.`,
      dependsOn: n < 3 ? [] : [`t${n - 1}`, { task: `t${n >> 1}`, whenFailed: 'skip' }],
    }));
    const text = `repo: { url: /srv/repo.git }\nchecks: [npm test]\ntasks:\n${tasks.map((task) => `  - ${JSON.stringify(task)}\n`).join('')}`;
    // Time of the processor: whatever else runs on the machine does not count.
    const before = process.cpuUsage();
    const faults = faultsOf(parseJob(text));
    const { user, system } = process.cpuUsage(before);
    expect(faults).toEqual([
      expect.stringMatching(/^line 1: the job has \d+ bytes; \d+ are the most: write what tasks share once at the top/),
    ]);
    expect((user + system) / 1_000).toBeLessThan(3_000);
  });

  it('1,000 tasks with dependencies fit, because what they share is written once', () => {
    const tasks = Array.from({ length: 1_000 }, (_, n) => ({
      id: `t${n}`,
      title: `Mend part ${n}`,
      description: 'See the title.',
      dependsOn: n === 0 ? [] : [`t${n - 1}`],
    }));
    const job = jobOf(parseJob(JSON.stringify({ repo: { url: '/srv/repo.git' }, checks: ['npm test'], tasks })));
    expect(job.tasks).toHaveLength(1_000);
    expect(utf8Bytes(JSON.stringify({ schemaVersion: 1, job, requester: 'x'.repeat(100) }))).toBeLessThan(
      START_INPUT_BYTES_MAX,
    );
  });
});
