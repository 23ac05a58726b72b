import { parseCompare, showFault } from '../../src/schemas.js';

/** As the command line shows them. */
const faultsOf = (text: string): readonly string[] => {
  const parsed = parseCompare(text);
  return parsed.kind === 'ok' ? [] : parsed.faults.map((fault) => showFault(fault, 'cases.yaml', 'the comparison'));
};

const specOf = (text: string) => {
  const parsed = parseCompare(text);
  if (parsed.kind === 'faults') throw new Error(faultsOf(text).join('\n'));
  return parsed.spec;
};

it('fills variables in, those of the case before those of all, and knows the short forms', () => {
  const spec = specOf(`
cases:
  - name: sum
    prompt: "{{a}} and {{ b }}, not {{ c.d }}"
    variables: { a: 1 }
    expect: { regex: '^3$', flags: i }
  - name: object
    messages: [{ role: system, content: "Be {{b}}." }, { role: user, content: Go. }]
    expect: { json: { x: [1] } }
variables: { a: 5, b: 2 }
providers: [openai, { provider: local, model: small }]
modes: [single, parallel-any]
limits: { costUsd: 0.5 }
thresholds: { costUsd: 0.01, latencyMs: 500 }
`);
  expect(spec).toEqual({
    cases: [
      {
        name: 'sum',
        messages: [{ role: 'user', content: '1 and 2, not {{ c.d }}' }],
        expect: { kind: 'regex', pattern: '^3$', flags: 'iu' },
      },
      {
        name: 'object',
        messages: [
          { role: 'system', content: 'Be 2.' },
          { role: 'user', content: 'Go.' },
        ],
        expect: { kind: 'json', value: { x: [1] } },
      },
    ],
    models: [{ provider: 'openai' }, { provider: 'local', model: 'small' }],
    modes: [{ mode: 'single' }, { mode: 'any' }],
    repeats: 1,
    concurrency: 4,
    limits: { costUsdMicros: 500_000 },
    thresholds: { success: 1, costUsdMicros: 10_000, latencyMs: 500 },
  });
});

it('takes null for JSON that is expected, and no expectation at all', () => {
  const spec = specOf(
    'cases: [{ name: a, prompt: p, expect: { json: null } }, { name: b, prompt: p }]\nproviders: [x]',
  );
  expect(spec.cases.map((one) => ('expect' in one ? one.expect : undefined))).toEqual([
    { kind: 'json', value: null },
    undefined,
  ]);
});

it('names every fault at once, with its line', () => {
  expect(
    faultsOf(`cases:
  - name: a
    prompt: p
    expect: { regex: '(' }
  - name: a
    prompt: "{{nobody}}"
    messages: []
  - name: c
    prompt: p
    expect: { literal: x, json: 1 }
providers: []
mode: [single]
`),
  ).toEqual([
    'cases.yaml:4: cases[0].expect.regex is no regular expression: /(/u: Unterminated group',
    'cases.yaml:7: cases[1].messages must have at least 1 entries',
    'cases.yaml:10: cases[2].expect must have one of regex, literal, json and schema',
    'cases.yaml:11: providers must have at least 1 entries',
    'cases.yaml:12: mode is no field: did you mean modes?',
  ]);
});

it('refuses what is there twice, and more questions than anybody waits for', () => {
  expect(
    faultsOf(`cases:
  - { name: a, prompt: p }
  - { name: a, prompt: p }
providers: [x, x]
modes: [any, parallel-any]
`),
  ).toEqual([
    'cases.yaml:3: cases[1].name is there twice',
    'cases.yaml:4: providers[1] is there twice',
    'cases.yaml:5: modes[1] is there twice',
  ]);
  const vote = '{ mode: consensus, vote: { quorum: 3 } }';
  expect(faultsOf(`cases: [{ name: a, prompt: p }]\nproviders: [x, y]\nmodes: [${vote}]\n`)).toEqual([
    'cases.yaml:3: modes[0].vote.quorum is more than the 2 models that are asked',
  ]);
  const cases = Array.from({ length: 101 }, (_, n) => `  - { name: c${n}, prompt: p }`).join('\n');
  expect(faultsOf(`cases:\n${cases}\nproviders: [x]\nrepeats: 100\n`)).toEqual([
    'cases.yaml:1: cases make 10100 questions with all repeats, at most 10000',
  ]);
});

describe('a case that is a coding task', () => {
  const TASK = `cases:
  - name: greet
    task:
      title: Greet by name
      description: greet() ignores its argument.
      acceptanceCriteria: [{ text: It greets, check: sh greets.sh }]
      repo: { url: ./greeter, baseBranch: next }
      checks: [npm test]
      protect: [{ glob: 'test/**', policy: deny }]
providers: [x]
`;

  it('has the fields of a task file that say what is to be done, and the defaults of any task', () => {
    const parsed = parseCompare(TASK, { cwd: '/home/me' });
    if (parsed.kind === 'faults') throw new Error('refused');
    const [one] = parsed.spec.cases;
    expect(one).toMatchObject({
      name: 'greet',
      task: {
        title: 'Greet by name',
        handler: 'one-shot',
        acceptanceCriteria: ['It greets'],
        criterionChecks: [{ criterion: 1, run: 'sh greets.sh' }],
        repo: { url: '/home/me/greeter', baseBranch: 'next' },
        checks: [{ name: 'npm test', run: 'npm test' }],
      },
    });
  });

  it('is refused with what would ask, pay or land in another way, with line and reason', () => {
    expect(
      faultsOf(`cases:
  - name: a
    task:
      title: T
      description: D
      repo: { url: /r, branch: mine }
      checks: []
      handler: agent
      relatedFiles: [../x]
  - name: b
    prompt: p
    variables: { x: 1 }
    expect: { literal: x }
    task: { title: T, description: D, repo: { url: r } }
providers: [x]
`),
    ).toEqual([
      'cases.yaml:6: cases[0].task.repo.branch is for tasks that land: nothing is pushed here',
      'cases.yaml:7: cases[0].task.checks must not be empty: they tell which answer is right',
      expect.stringContaining('cases.yaml:8: cases[0].task.handler is no field; there are title, description'),
      'cases.yaml:9: cases[0].task.relatedFiles[0] must not leave the repository (..)',
      expect.stringContaining('cases.yaml:14: cases[1].task.repo.url'),
    ]);
  });

  it('asks nothing in words beside it', () => {
    const task = 'task: { title: T, description: D, repo: { url: /r } }';
    expect(
      faultsOf(`cases:
  - name: b
    prompt: p
    variables: { x: 1 }
    expect: { literal: x }
    ${task}
providers: [x]
`),
    ).toEqual([
      'cases.yaml:3: cases[0].prompt stands beside task',
      'cases.yaml:4: cases[0].variables are for prompt and messages',
      'cases.yaml:5: cases[0].expect is not for a task: its checks tell',
    ]);
  });
});
