import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEMO_TASK } from '../../src/adapters/model/demo-script';
import type { TaskSpec } from '../../src/domain/task';
import { PortFault } from '../../src/ports';
import { parseSpec, parseStored, parseTask, showFault, taskFromFlags, type ParsedTask } from '../../src/schemas';

const EXAMPLES = resolve(__dirname, '../../examples');

const MINIMAL = `title: Mend it
description: It is broken.
repo:
  url: /srv/repo.git
`;

const MINIMAL_SPEC: TaskSpec = {
  title: 'Mend it',
  description: 'It is broken.',
  acceptanceCriteria: [],
  repo: { url: '/srv/repo.git' },
  handler: 'one-shot',
  relatedFiles: [],
  protect: [],
  limits: { attempts: 5, wallTimeSeconds: 1_800, outageSeconds: 43_200 },
  models: [],
  setup: [],
  commit: { trailers: [] },
  tags: [],
};

const EXAMPLE_SPEC: TaskSpec = {
  title: 'Round half to even in invoice totals',
  description:
    '`total()` in invoices/money.py rounds every line half up, so that the total of a long invoice can be a few cents too\nhigh. Amounts must be summed exactly and rounded once, half to even.\n',
  acceptanceCriteria: [
    'total() sums exact decimals and rounds once',
    '2.125 becomes 2.12 and 2.135 becomes 2.14',
    'the public signatures stay as they are',
  ],
  criterionChecks: [
    { criterion: 3, run: 'python3 -c "from invoices.money import total, add_tax"', timeoutSeconds: 300 },
  ],
  judge: true,
  reproduceFirst: true,
  guards: { debugStatements: 'deny' },
  repo: {
    url: 'https://git.example.com/you/your-repository.git',
    baseBranch: 'main',
    branch: 'weaver/round-half-to-even',
  },
  handler: 'one-shot',
  checks: [
    { name: 'unit tests', run: 'python3 -m unittest discover -v', timeoutSeconds: 120, report: 'out/*.xml' },
    { name: 'python3 -m compileall -q invoices', run: 'python3 -m compileall -q invoices', timeoutSeconds: 300 },
  ],
  relatedFiles: ['invoices/money.py', 'tests/test_money.py'],
  protect: [
    { glob: 'docs/**', policy: 'deny' },
    { glob: 'tests/test_money.py', policy: 'deny' },
  ],
  limits: {
    attempts: 4,
    costUsdMicros: 500_000,
    tokens: 400_000,
    wallTimeSeconds: 1_200,
    outageSeconds: 3_600,
  },
  models: [{ provider: 'openai' }, { provider: 'openai', model: 'gpt-5' }],
  setup: [
    {
      name: 'dependencies',
      run: 'python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt',
      timeoutSeconds: 300,
      network: true,
    },
  ],
  commit: {
    author: 'Invoice Robot <robot@example.com>',
    trailers: ['Ticket: INV-1207'],
    message: 'Round invoice totals once, half to even',
  },
  tags: ['invoices', 'bug'],
  key: 'inv-1207',
};

const faultsOf = (parsed: ParsedTask): readonly string[] =>
  parsed.kind === 'ok' ? [] : parsed.faults.map((fault) => showFault(fault));

const specOf = (parsed: ParsedTask): TaskSpec => {
  if (parsed.kind === 'faults') throw new Error(faultsOf(parsed).join('\n'));
  return parsed.spec;
};

describe('a task file', () => {
  it('needs a title, a description and a repository; the rest has defaults', () => {
    expect(parseTask(MINIMAL)).toEqual({ kind: 'ok', spec: MINIMAL_SPEC });
  });

  it('LC-44 says the same in JSON, also with tabs, a byte order mark and escapes', () => {
    const json =
      '\uFEFF{\n\t"title": "Mend it",\n\t"description": "It is\\u0020broken.",\n\t"repo": { "url": "\\/srv/repo.git" }\n}\n';
    expect(parseTask(json)).toEqual({ kind: 'ok', spec: MINIMAL_SPEC });
  });

  it('says whether its commit is signed, and which hooks judge it', () => {
    const commitOf = (commit: string) => specOf(parseTask(`${MINIMAL}\ncommit: ${commit}\n`)).commit;
    expect(commitOf('{ sign: false, hooks: run }')).toEqual({
      trailers: [],
      sign: false,
      hooks: { timeoutSeconds: 120 },
    });
    expect(commitOf('{ hooks: { path: tools/hooks, timeoutSeconds: 5 } }').hooks).toEqual({
      path: 'tools/hooks',
      timeoutSeconds: 5,
    });
    expect(commitOf('{ hooks: skip }').hooks).toBe('skip');
    // A finished specification is one too.
    const finished = specOf(parseTask(`${MINIMAL}\ncommit: { hooks: run }\n`));
    expect(specOf(parseTask(JSON.stringify(finished)))).toEqual(finished);
    for (const wrong of ['{ hooks: maybe }', '{ hooks: { path: /etc } }', '{ hooks: { timeoutSeconds: 301 } }'])
      expect(faultsOf(parseTask(`${MINIMAL}\ncommit: ${wrong}\n`))).toHaveLength(1);
  });

  it('is read with every field of the commented example', () => {
    expect(parseTask(readFileSync(resolve(EXAMPLES, 'python-bug.yaml'), 'utf8'))).toEqual({
      kind: 'ok',
      spec: EXAMPLE_SPEC,
    });
  });

  it('of the demo takes its repository from the command line, and is the task that the scripted endpoint knows', () => {
    const text = readFileSync(resolve(EXAMPLES, 'hello.yaml'), 'utf8');
    expect(parseTask(text, { sets: ['repo.url=/srv/repo.git'] })).toEqual({
      kind: 'ok',
      spec: { ...MINIMAL_SPEC, ...DEMO_TASK },
    });
  });

  it('takes the limits of the configuration where it names none', () => {
    const limits = { attempts: 2, costUsdMicros: 7, wallTimeSeconds: 60 };
    expect(specOf(parseTask(`${MINIMAL}limits: { attempts: 3 }\n`, { limits })).limits).toEqual({
      attempts: 3,
      costUsdMicros: 7,
      wallTimeSeconds: 60,
      outageSeconds: 43_200,
    });
  });

  it.each([
    [0.5, 500_000],
    [0.1, 100_000],
    [1.1, 1_100_000],
    [0.29, 290_000],
    [0.000_000_4, 1],
    [1_000_000, 1_000_000_000_000],
  ])('turns %d dollars into %d micro-dollars', (dollars, micros) => {
    expect(specOf(parseTask(`${MINIMAL}limits: { costUsd: ${dollars} }\n`)).limits.costUsdMicros).toBe(micros);
  });

  it('calls a check without a name after its first words, each differently', () => {
    const checks = ['npm test', 'npm test', 'npm run a-script-with-a-rather-long-name', `${'x'.repeat(50)} y`];
    const text = `${MINIMAL}checks: ${JSON.stringify([...checks, { name: 'npm test (2)', run: 'true' }])}\n`;
    expect(specOf(parseTask(text)).checks?.map(({ name }) => name)).toEqual([
      'npm test',
      'npm test (3)',
      'npm run a-script-with-a-rather-long-name',
      'x'.repeat(40),
      'npm test (2)',
    ]);
  });

  it('keeps an empty list of checks apart from none', () => {
    expect(specOf(parseTask(`${MINIMAL}checks: []\n`)).checks).toEqual([]);
    expect(specOf(parseTask(MINIMAL)).checks).toBeUndefined();
  });
});

const BROKEN = [
  ['', ['line 1: the task is empty: it needs title, description and repo.url']],
  ['# nothing but a comment', ['line 1: the task is empty: it needs title, description and repo.url']],
  ['- a\n- b\n', ['line 1: the task must be a map of fields']],
  ['just words', ['line 1: the task must be a map of fields']],
  ['title: "a\n', ['line 2: the task is not valid YAML: Missing closing "quote']],
  ['{"title": "a",\n"repo": {"url": "x"}', ['line 2: the task is not valid YAML: Flow map must end with a }']],
  [`${MINIMAL}---\n${MINIMAL}`, ['line 5: the task has more than one document (---)']],
  [`${MINIMAL}title: again\n`, ['line 5: title is there twice']],
  [`${MINIMAL}key: !!js/function x\n`, ['line 5: the task has a tag (!…), which is not allowed here']],
  [`${MINIMAL}limits: { <<: 5 }\n`, ['line 5: the task merges (<<) what is no map']],
  [`${MINIMAL}limits: { <<: *nothing }\n`, ['line 5: the task has an alias (*…) of nothing']],
  [`${MINIMAL}limits: { '<<': { attempts: 2 } }\n`, [expect.stringMatching(/^line 5: limits\.<< is no field/)]],
  [
    `${MINIMAL}checks:\n  - &unit { name: unit, run: make, timeout: 5 }\n  - { <<: *unit, name: all }\n`,
    [
      expect.stringMatching(/^line 6: checks\[0\]\.timeout is no field/),
      expect.stringMatching(/^line 6: checks\[1\]\.timeout is no field/),
    ],
  ],
  [`${MINIMAL}tags: *nothing\n`, ['line 5: the task has an alias (*…) of nothing']],
  [`${MINIMAL}__proto__: { polluted: true }\n`, [expect.stringMatching(/^line 5: __proto__ is no field; there are/)]],
  [`${MINIMAL}tags: [${'"x", '.repeat(21)}]\n`, ['line 5: tags must have at most 20 entries']],
  [
    `${MINIMAL}tags: [${Array.from({ length: 20 }, (_, n) => `${n}${'x'.repeat(97)}`).join(', ')}]\n`,
    ['line 5: tags must have at most 1900 bytes together'],
  ],
  [`${MINIMAL}limits: { costUsd: 0 }\n`, ['line 5: limits.costUsd must be more than 0']],
  [`${MINIMAL}limits: { costUsd: "1" }\n`, ['line 5: limits.costUsd must be a number']],
  [
    `${MINIMAL}limits: { costUsd: 1, costUsdMicros: 2 }\n`,
    ['line 5: limits.costUsdMicros stands beside costUsd: name one of them'],
  ],
  [
    `${MINIMAL}  baseBranch: main\n  branch: main\n`,
    ['line 6: repo.branch is the base branch, which weaver never pushes to'],
  ],
  [`${MINIMAL}  branch: -a..b\n`, ['line 5: repo.branch starts with "-"', 'line 5: repo.branch has ".."']],
  [MINIMAL.replace('Mend it', '"two\\nlines"'), ['line 1: title must be one line, without control characters']],
  [MINIMAL.replace('Mend it', 'x'.repeat(201)), ['line 1: title must have at most 200 characters']],
  [MINIMAL.replace('It is broken.', '"  "'), ['line 2: description must not be empty']],
  [MINIMAL.replace('It is broken.', '"a\\0b"'), ['line 2: description has a control character']],
  [MINIMAL.replace('It is broken.', 'é'.repeat(100_001)), ['line 2: description must have at most 200000 bytes']],
] as const;

describe('the faults of a task file', () => {
  it('come all at once, with lines, paths and what was probably meant', () => {
    const text = [
      'titel: x',
      'description: 3',
      'repo: https://example.com/x.git',
      'checks:',
      '  - npm test',
      '  - rn: npm',
      '    timeoutSeconds: 0',
      '  - { name: a, run: b }',
      '  - { name: a, run: c }',
      'limits:',
      '  attempts: 101',
      '  costUsd: .inf',
      '  tokens: 1.5',
      '  wallTime: 3',
      'handler: magic',
      'tags: [1]',
      'protect:',
      '  - { glob: /x, policy: no }',
      'branch: x',
      'acceptance_criteria: []',
      'key: a b',
      'commit: { trailers: [x], author: me }',
      'models: [{ provder: x }]',
      'setup:',
      'relatedFiles: [../x, /y]',
    ].join('\n');
    expect(faultsOf(parseTask(text))).toEqual([
      'line 1: title is missing',
      'line 1: titel is no field: did you mean title?',
      'line 2: description must be a text: put it in quotes',
      'line 3: repo must be a map of fields: write repo: { url: … }',
      'line 6: checks[1].run is missing',
      'line 6: checks[1].rn is no field: did you mean run?',
      'line 7: checks[1].timeoutSeconds must be at least 1',
      'line 9: checks[3].name is the name of checks[2] already',
      'line 11: limits.attempts must be at most 100',
      'line 12: limits.costUsd must be a finite number',
      'line 13: limits.tokens must be a whole number',
      'line 14: limits.wallTime is no field; there are attempts, costUsd, costUsdMicros, tokens, turns, wallTimeSeconds, outageSeconds, attempt, whenSpent',
      'line 15: handler must be one of one-shot, agent, plan, join, script, human, playbook',
      'line 16: tags[0] must be a text: put it in quotes',
      'line 18: protect[0].glob must be relative to the top of the repository: leave out the first slash',
      'line 18: protect[0].policy must be one of allow, add-only, deny',
      'line 19: branch is no field here: did you mean repo.branch?',
      'line 20: acceptance_criteria is no field: did you mean acceptanceCriteria?',
      'line 21: key must be 1 to 100 letters, digits and . _ : ~ + -',
      'line 22: commit.author must be written as Name <address>',
      'line 22: commit.trailers[0] must be written as Key: value',
      'line 23: models[0].provider is missing',
      'line 23: models[0].provder is no field: did you mean provider?',
      'line 24: setup is empty: give it a list, or leave the line out',
      'line 25: relatedFiles[0] must not leave the repository (..)',
      'line 25: relatedFiles[1] must be relative to the top of the repository',
    ]);
  });

  it.each(BROKEN)('of %j', (text, faults) => {
    expect(faultsOf(parseTask(text))).toEqual(faults);
  });
});

it('takes over what a merge key names, under the fields of its own', () => {
  const checks = `checks:
  - &unit { name: unit, run: make unit, timeoutSeconds: 60 }
  - name: integration
    <<: *unit
  - { <<: [{ run: make slow }, *unit], name: slow }
`;
  const parsed = parseTask(`${MINIMAL}${checks}`);
  expect(parsed.kind === 'ok' && parsed.spec.checks).toEqual([
    { name: 'unit', run: 'make unit', timeoutSeconds: 60 },
    { name: 'integration', run: 'make unit', timeoutSeconds: 60 },
    { name: 'slow', run: 'make slow', timeoutSeconds: 60 },
  ]);
});

describe('what a hostile task file gets', () => {
  it('is its size, if it is too large for Temporal as a whole', () => {
    const criteria = Array.from({ length: 100 }, () => 'é'.repeat(1_500));
    expect(faultsOf(parseTask(`${MINIMAL}acceptanceCriteria: ${JSON.stringify(criteria)}\n`))).toEqual([
      expect.stringMatching(/^line 1: the task has 300\d\d\d bytes; 258048 are the most$/),
    ]);
    expect(faultsOf(parseTask(' '.repeat(1_000_001)))).toEqual(['the task is longer than 1000000 characters']);
  });

  it('comes soon, also if it is made to keep the parser busy', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let n = 1; n < 9; n += 1)
      bomb.push(
        `a${n}: &a${n} [${Array(9)
          .fill(n === 1 ? '*a' : `*a${n - 1}`)
          .join(', ')}]`,
      );
    const started = Date.now();
    expect(faultsOf(parseTask(bomb.join('\n')))).toEqual([
      'line 1: the task has more than 50 aliases (*…), counted as often as they are used',
    ]);
    expect(parseTask('a: &a [*a]\n').kind).toBe('faults');
    expect(parseTask('a: &a { <<: *a }\n').kind).toBe('faults');
    const merges = Array.from(
      { length: 9 },
      (_, n) => `m${n}: &m${n} { <<: [${`*m${n - 1}, `.repeat(n && 9)}{ x: 1 }] }`,
    );
    expect(faultsOf(parseTask(merges.join('\n')))).toEqual([expect.stringContaining('more than 50 aliases')]);
    for (const deep of ['[', '- ', '? ', '[{a: '])
      expect(faultsOf(parseTask(deep.repeat(100_000)))).toEqual(['the task has more than 50 levels']);
    expect(parseTask(Array.from({ length: 1_400 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')).kind).toBe('faults');
    expect(parseTask(MINIMAL, { sets: [`tags=${'['.repeat(100_000)}`] }).kind).toBe('faults');
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it.each([
    'https://user:hunter2@example.com/x.git',
    'https://ghp_hunter2hunter2@example.com/x.git',
    'ssh://git:hunter2@example.com/x.git',
    'user:hunter2@example.com:x.git',
    'https://example.com/x.git?access_token=hunter2',
    'file://hunter2',
    'ext::sh -c hunter2',
    '"https://example.com/hunter2\\n"x: [',
  ])('never shows the address %s', (url) => {
    const faults = faultsOf(parseTask(MINIMAL.replace('/srv/repo.git', url)));
    expect(faults).not.toEqual([]);
    expect(faults.join()).not.toContain('hunter2');
  });
});

describe('an address of a repository', () => {
  it.each([
    'https://example.com/a/b.git',
    'http://127.0.0.1:8080/a.git',
    'ssh://git@example.com:2222/a/b.git',
    'git://example.com/a',
    'git@example.com:a/b.git',
    'example.com:a/b',
    'file:///srv/a.git',
    '/srv/a b.git',
    'https://git@example.com/a.git',
  ])('may be %s', (url) => {
    expect(specOf(parseTask(MINIMAL.replace('/srv/repo.git', JSON.stringify(url)))).repo).toEqual({ url });
  });

  it.each([
    '.',
    './x',
    '../x',
    'x/y',
    '~/x',
    'ftp://example.com/x',
    'ext::sh',
    '-u:x',
    'https://',
    'https://-x/y',
    'file://host/x',
  ])('may not be %s in a file that has no folder', (url) => {
    expect(parseTask(MINIMAL.replace('/srv/repo.git', JSON.stringify(url))).kind).toBe('faults');
  });

  it.each([
    ['.', '/home/me/project'],
    ['./', '/home/me/project'],
    ['../other', '/home/me/other'],
    ['a/./b', '/home/me/project/a/b'],
    ['../../../../x', '/x'],
  ])('%s is resolved against the folder of the command line', (url, absolute) => {
    const parsed = parseTask(MINIMAL.replace('/srv/repo.git', url), { cwd: '/home/me/project' });
    expect(specOf(parsed).repo).toEqual({ url: absolute });
  });
});

describe('the fields of larger jobs', () => {
  it('come through, with the defaults of people', () => {
    const text = `${MINIMAL}${[
      'handler: plan',
      'alternatives: [one-shot]',
      'people: { approve: [plan, push] }',
      'decider: careful@2+default@1',
      'shadowDecider: bold@1',
      `baseCommit: ${'0a'.repeat(20)}`,
      'priority: 1',
      'limits: { attempt: { costUsd: 0.1, tokens: 500, wallTimeSeconds: 60 } }',
    ].join('\n')}`;
    expect(parseTask(text)).toEqual({
      kind: 'ok',
      spec: {
        ...MINIMAL_SPEC,
        handler: 'plan',
        alternatives: ['one-shot'],
        people: { approve: ['plan', 'push'], waitSeconds: 604_800, unanswered: 'stuck' },
        decider: 'careful@2+default@1',
        shadowDecider: 'bold@1',
        baseCommit: '0a'.repeat(20),
        priority: 1,
        limits: { ...MINIMAL_SPEC.limits, attempt: { costUsdMicros: 100_000, tokens: 500, wallTimeSeconds: 60 } },
      },
    });
  });

  it('a specification that has them stays as it is', () => {
    const parsed = parseTask(
      `${MINIMAL}people: { unanswered: approve }\nlimits: { attempt: { tokens: 5 } }\npriority: 5\n`,
    );
    if (parsed.kind === 'faults') throw new Error('it has faults');
    expect(parseSpec(JSON.parse(JSON.stringify(parsed.spec)))).toEqual(parsed.spec);
  });

  it('have their own faults', () => {
    const text = `${MINIMAL}${[
      'handler: join',
      'alternatives: [join]',
      'people: { approve: [merge], waitSeconds: 0, unanswered: yes please, ask: 1 }',
      'decider: careful',
      'baseCommit: main',
      'priority: 6',
      'limits: { attempt: { costUsd: 1, costUsdMicros: 1, attempts: 2 } }',
    ].join('\n')}`;
    expect(faultsOf(parseTask(text))).toEqual([
      'line 5: handler is for a task of a job that depends on others: join merges their branches',
      'line 6: alternatives[0] must be one of one-shot, agent, plan',
      'line 7: people.approve[0] must be one of plan, push',
      'line 7: people.waitSeconds must be at least 1',
      'line 7: people.unanswered must be one of approve, reject, stuck',
      'line 7: people.ask is no field; there are approve, waitSeconds, unanswered',
      'line 8: decider must be written as name@version, several joined by +',
      'line 9: baseCommit must be the whole id of a commit, 40 hexadecimal digits',
      'line 10: priority must be at most 5',
      'line 11: limits.attempt.attempts is no field here: did you mean limits.attempts?',
      'line 11: limits.attempt.costUsdMicros stands beside costUsd: name one of them',
    ]);
  });

  it('join is for tasks of a job, which are read as specifications; resolve is for no file', () => {
    expect(parseSpec({ ...MINIMAL_SPEC, handler: 'join' }).handler).toBe('join');
    expect(parseSpec({ ...MINIMAL_SPEC, handler: 'resolve' }).handler).toBe('resolve');
    expect(faultsOf(parseTask(`${MINIMAL}handler: resolve`))).toEqual([
      'line 5: handler must be one of one-shot, agent, plan, join, script, human, playbook',
    ]);
  });
});

describe('the fields of the gate', () => {
  const text = `${MINIMAL}${[
    'acceptanceCriteria:',
    '  - in words',
    '  - { text: by command, check: make check, timeoutSeconds: 9 }',
    'checks: [{ name: t, run: make test, report: out/**/*.xml }]',
    'judge: openai',
    'reproduceFirst: true',
    'allowOldFailures: true',
    'guards: { massDeletion: allow, syntax: warn }',
  ].join('\n')}`;

  it('come through; a criterion gives its text and its command apart', () => {
    expect(specOf(parseTask(text))).toEqual({
      ...MINIMAL_SPEC,
      acceptanceCriteria: ['in words', 'by command'],
      criterionChecks: [{ criterion: 2, run: 'make check', timeoutSeconds: 9 }],
      checks: [{ name: 't', run: 'make test', timeoutSeconds: 300, report: 'out/**/*.xml' }],
      judge: { provider: 'openai' },
      reproduceFirst: true,
      allowOldFailures: true,
      guards: { massDeletion: 'allow', syntax: 'warn' },
    });
  });

  it('of a finished specification stay as they are', () => {
    const spec = specOf(parseTask(text));
    expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it('that are switched off are not there', () => {
    expect(specOf(parseTask(`${MINIMAL}reproduceFirst: false\nallowOldFailures: false\n`))).toEqual(MINIMAL_SPEC);
  });

  it('have their own faults', () => {
    const wrong = [
      'acceptanceCriteria: [{ check: x }, { text: a, run: b }, "", 5]',
      'judge: false',
      'guards: { placeholder: no, secrets: allow }',
      'checks: [{ run: a, report: ../out.xml }]',
    ];
    expect(faultsOf(parseTask(`${MINIMAL}${wrong.join('\n')}`))).toEqual([
      'line 5: acceptanceCriteria[0].text is missing',
      'line 5: acceptanceCriteria[1].run is no field here: did you mean checks[].run?',
      'line 5: acceptanceCriteria[2] must not be empty',
      'line 5: acceptanceCriteria[3] must be a text: put it in quotes',
      'line 6: judge must be true, or a provider with a model',
      'line 7: guards.placeholder must be one of deny, warn, allow',
      expect.stringContaining('line 7: guards.secrets is no field'),
      'line 8: checks[0].report must not leave the repository (..)',
    ]);
  });
});

describe('a specification that weaver has kept', () => {
  const kept = { ...MINIMAL_SPEC, handler: 'resolve', merge: ['weaver/left', 'weaver/right'] } as const;

  it('may have a handler and branches that no file names', () => {
    expect(parseStored(kept)).toEqual({ kind: 'ok', spec: kept });
    expect(parseStored({ ...MINIMAL_SPEC, handler: 'join' }).kind).toBe('ok');
    expect(parseSpec(kept)).toEqual(kept);
    expect(faultsOf(parseTask(`${MINIMAL}merge: [left]`))).toEqual([expect.stringContaining('merge is no field')]);
  });

  it('is validated like any other, with what is changed in it', () => {
    expect(parseStored(kept, { sets: ['limits.attempts=2'] })).toMatchObject({ spec: { limits: { attempts: 2 } } });
    expect(faultsOf(parseStored({ ...kept, merge: ['a..b'] }))).toEqual([expect.stringContaining('has ".."')]);
    expect(faultsOf(parseStored(kept, { sets: ['limits.attempts=none'] }))).toHaveLength(1);
  });

  it('may write the files of a large conflict', () => {
    const protect = Array.from({ length: 300 }, (_, n) => ({ glob: `src/${n}.ts`, policy: 'allow' as const }));
    expect(parseStored({ ...kept, protect })).toEqual({ kind: 'ok', spec: { ...kept, protect } });
  });
});

describe('--set', () => {
  it('goes before validation and leaves the rest of the file alone', () => {
    const sets = [
      'title=Fix #12: the parser',
      'limits.attempts=2',
      'limits.costUsd=0.25',
      'repo.baseBranch=1.0',
      'checks[0]=npm test',
      'checks[1]={run: npm run lint, timeoutSeconds: 5}',
      'models=[fast, {provider: strong, model: m1}]',
      'setup[0].run="make deps"',
      'setup[0].network=true',
      'key=42',
    ];
    expect(specOf(parseTask(MINIMAL, { sets }))).toEqual({
      ...MINIMAL_SPEC,
      title: 'Fix #12: the parser',
      repo: { url: '/srv/repo.git', baseBranch: '1.0' },
      checks: [
        { name: 'npm test', run: 'npm test', timeoutSeconds: 300 },
        { name: 'npm run lint', run: 'npm run lint', timeoutSeconds: 5 },
      ],
      limits: { ...MINIMAL_SPEC.limits, attempts: 2, costUsdMicros: 250_000 },
      models: [{ provider: 'fast' }, { provider: 'strong', model: 'm1' }],
      setup: [{ name: 'make deps', run: 'make deps', timeoutSeconds: 300, network: true }],
      key: '42',
    });
  });

  it('takes a field out with null', () => {
    expect(
      specOf(
        parseTask(`${MINIMAL}key: x\nlimits: { tokens: 5, attempts: 2 }\n`, {
          sets: ['key=null', 'limits.tokens=null'],
        }),
      ),
    ).toEqual({
      ...MINIMAL_SPEC,
      limits: { ...MINIMAL_SPEC.limits, attempts: 2 },
    });
  });

  it('is named in its faults instead of a line', () => {
    const sets = [
      'limits.attempts=many',
      'limits.x.y=3',
      'checks[5]=x',
      'title.x=1',
      'tags=[x',
      'setup[0].name=x',
      'bad',
      'a.__proto__.b=secret',
    ];
    expect(faultsOf(parseTask(MINIMAL, { sets }))).toEqual([
      'tags has a value that is not valid YAML (--set tags)',
      '--set (number 7) must be written as path=value, such as limits.attempts=3',
      '--set (number 8) must be written as path=value, such as limits.attempts=3',
      'checks[5] cannot be set: the list has 0 entries (--set checks[5])',
      'title.x cannot be set: what it is in is not a map of fields (--set title.x)',
      'limits.attempts must be a number (--set limits.attempts)',
      'limits.x is no field; there are attempts, costUsd, costUsdMicros, tokens, turns, wallTimeSeconds, outageSeconds, attempt, whenSpent (--set limits.x.y)',
      'setup[0].run is missing (--set setup[0].name)',
    ]);
    expect(Object.hasOwn(Object.prototype, 'b')).toBe(false);
  });

  it('leaves the line to what the file got wrong beside it', () => {
    expect(faultsOf(parseTask(`${MINIMAL}checks:\n  - timeoutSeconds: x\n`, { sets: ['checks[0].name=n'] }))).toEqual([
      'line 6: checks[0].run is missing',
      'line 6: checks[0].timeoutSeconds must be a number',
    ]);
  });
});

describe('flags without a file', () => {
  it('make a task', () => {
    const parsed = taskFromFlags(
      { repo: '.', title: 'Mend it', checks: ['npm test'], sets: ['limits.attempts=1'] },
      { cwd: '/srv/repo.git' },
    );
    expect(specOf(parsed)).toEqual({
      ...MINIMAL_SPEC,
      description: 'Mend it',
      checks: [{ name: 'npm test', run: 'npm test', timeoutSeconds: 300 }],
      limits: { ...MINIMAL_SPEC.limits, attempts: 1 },
    });
    expect(specOf(taskFromFlags({ repo: '/srv/repo.git', description: 'Mend it\nsoon' })).title).toBe('Mend it');
  });

  it('are named in their faults', () => {
    expect(faultsOf(taskFromFlags({}))).toEqual([
      'title is missing: name it with --title',
      'description is missing: name it with --description',
      'repo.url is missing: name it with --repo',
    ]);
    expect(faultsOf(taskFromFlags({ title: '', description: 'x', repo: 'x', checks: [' '] }))).toEqual([
      'title must not be empty (--title)',
      'repo.url is a relative path: write an absolute one, or https://… (--repo)',
      'checks[0].run must not be empty (--check)',
    ]);
  });
});

const landingOf = (text: string) => specOf(parseTask(`${MINIMAL}landing: ${text}\n`)).landing;

describe('a pull request', () => {
  it('is asked for in a word, or with all that is wanted of it', () => {
    const plain = { draft: false, labels: [], reviewers: [] };
    expect(landingOf('{ pullRequest: true }')).toEqual({ onMovedBase: 'rebase', pullRequest: plain });
    const wanted =
      "{ onMovedBase: keep, pullRequest: { draft: true, title: 'Mend', labels: [bot], reviewers: [ada, house/readers] } }";
    const full = { draft: true, title: 'Mend', labels: ['bot'], reviewers: ['ada', 'house/readers'] };
    expect(landingOf(wanted)).toEqual({ onMovedBase: 'keep', pullRequest: full });
    const spec = specOf(parseTask(`${MINIMAL}landing: ${wanted}\n`));
    expect(parseSpec(spec)).toEqual(spec);
    expect(landingOf('{}')).toEqual({ onMovedBase: 'rebase' });
  });

  it('with faults names each with its place', () => {
    const parsed = parseTask(
      `${MINIMAL}landing:\n  pullRequest:\n    reviewer: ada\n    draft: 1\n    reviewers: ['@ada']\n`,
    );
    expect(parsed.kind === 'faults' ? parsed.faults.map((fault) => showFault(fault)) : parsed).toEqual([
      expect.stringMatching(/7: landing\.pullRequest\.reviewer is no field: did you mean reviewers\?/),
      expect.stringMatching(/8: landing\.pullRequest\.draft must be true or false/),
      expect.stringMatching(
        /9: landing\.pullRequest\.reviewers\[0\] must be the name of a user, or organisation\/team/,
      ),
    ]);
    expect(parseTask(`${MINIMAL}landing: { pullRequest: yes please }\n`)).toMatchObject({ kind: 'faults' });
  });
});

describe('a start input', () => {
  it('is the content of a task file as an object, or a finished specification, which stays as it is', () => {
    const content: unknown = { title: 'Mend it', description: 'It is broken.', repo: { url: '/srv/repo.git' } };
    const spec = parseSpec(content, { attempts: 2 });
    expect(spec).toEqual({ ...MINIMAL_SPEC, limits: { ...MINIMAL_SPEC.limits, attempts: 2 } });
    const full = specOf(parseTask(readFileSync(resolve(EXAMPLES, 'python-bug.yaml'), 'utf8')));
    expect(JSON.stringify(parseSpec(JSON.parse(JSON.stringify(full)), { attempts: 9, tokens: 9 }))).toBe(
      JSON.stringify(full),
    );
  });

  it('with faults is refused with all of them, for good', () => {
    const sent = { title: 1, repo: { url: 'https://u:hunter2@example.com/x' }, extra: true };
    expect(thrownBy(() => parseSpec(sent))).toEqual({
      code: 'invalidTask',
      retryable: false,
      message:
        'title must be a text: put it in quotes; description is missing; ' +
        'repo.url has a password or token in it: take it out, and set the variable that git.tokenEnv names (WEAVER_GIT_TOKEN); ' +
        'extra is no field; there are title, description, acceptanceCriteria, criterionChecks, judge, reproduceFirst, allowOldFailures, maySplit, guards, repo, handler, agent, script, playbook, variables, alternatives, chooseHandler, checks, relatedFiles, protect, limits, models, ask, modes, candidates, shadow, setup, commit, landing, tags, key, people, decider, shadowDecider, baseCommit, priority',
    });
  });

  it.each([null, undefined, 'text', 3, [], { repo: { url: '.' } }])('%j is refused', (value) => {
    expect(thrownBy(() => parseSpec(value)).code).toBe('invalidTask');
  });
});

function thrownBy(act: () => unknown): Pick<PortFault, 'code' | 'retryable' | 'message'> {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof PortFault) return { code: thrown.code, retryable: thrown.retryable, message: thrown.message };
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
