/** Playbooks as people write them: what they become, and every fault with its line. */
import { DEFAULT_PLAYBOOK, playbookFaults } from '../../src/domain/playbook';
import { parsePlaybook, parseSpec, parseTask, showFault } from '../../src/schemas';

const faultsOf = (text: string, given: readonly string[] = [], checks: readonly string[] | null = null) => {
  const parsed = parsePlaybook(text, given, checks);
  return parsed.kind === 'ok' ? [] : parsed.faults.map((fault) => showFault(fault, 'playbook.yaml', 'the playbook'));
};

// AR-P-02
it('fills in what a step leaves out', () => {
  const text =
    'name: mine\nvariables: { n: 3, yes: true }\nsteps:\n  - { name: a, run: "echo ${n}" }\n  - { name: b, check: unit, when: yes == true, retries: 2, failFast: false }\n';
  const usual = { failFast: true, timeoutSeconds: 300, retries: 0, network: false };
  expect(parsePlaybook(text, [], ['unit'])).toEqual({
    kind: 'ok',
    playbook: {
      name: 'mine',
      variables: { n: '3', yes: 'true' },
      steps: [
        { ...usual, name: 'a', run: 'echo ${n}' },
        { ...usual, name: 'b', check: 'unit', when: 'yes == true', retries: 2, failFast: false },
      ],
    },
  });
});

it('says every fault at once, each with its line', () => {
  const text = `steps:
  - name: a
    run: echo \${colour}
    when: colour == blue
  - name: a
    run: 'true'
    check: unit
  - name: c
    timeout_seconds: 3
  - { name: d, check: lint }
`;
  expect(faultsOf(text, [], ['unit'])).toEqual([
    expect.stringMatching(/^playbook.yaml:1: name is missing/),
    expect.stringMatching(/^playbook.yaml:3: steps\[0\].run uses \$\{colour\}, which is no variable/),
    expect.stringMatching(/^playbook.yaml:4: steps\[0\].when uses colour, which is no variable/),
    expect.stringMatching(/^playbook.yaml:5: steps\[1\].name is the name of steps\[0\] already/),
    expect.stringMatching(/^playbook.yaml:7: steps\[1\].check stands beside run/),
    expect.stringMatching(/^playbook.yaml:8: steps\[2\] does nothing/),
    expect.stringMatching(/^playbook.yaml:9: steps\[2\].timeout_seconds is no field: did you mean timeoutSeconds/),
    expect.stringMatching(/^playbook.yaml:10: steps\[3\].check is none of the checks of the task \(unit\)/),
  ]);
});

// AR-P-04, AR-P-05
it.each([
  ['', /steps is missing/],
  ['name: x\nsteps: []\n', /steps must have at least 1 entries/],
  ['name: x\nsteps: {}\n', /steps must be a list/],
  ['name: [x\n', /is not valid YAML/],
  [
    'name: x\nvariables: { title: y }\nsteps: [{ name: a, run: b }]\n',
    /variables.title is a variable that every playbook has/,
  ],
  ['name: x\nvariables: { "a b": y }\nsteps: [{ name: a, run: b }]\n', /has a name that is not letters/],
])('refuses %j', (text, says) => {
  expect(faultsOf(text).join('\n')).toMatch(says);
});

it('knows the variables of the task and its own', () => {
  expect(faultsOf('name: x\nsteps: [{ name: a, run: "echo ${colour} ${branch}" }]\n', ['colour'])).toEqual([]);
});

// AR-P-01
it('has a default playbook that is a playbook', () => {
  expect(playbookFaults(DEFAULT_PLAYBOOK, [], [])).toEqual([]);
  expect(
    DEFAULT_PLAYBOOK.steps.map(({ when, failFast, timeoutSeconds, retries }) => [
      when,
      failFast,
      timeoutSeconds,
      retries,
    ]),
  ).toEqual([
    ['install_deps == true', false, 300, 2],
    ['lint_enabled == true', false, 300, 0],
    ['test_enabled == true', true, 600, 0],
    ['build_enabled == true', true, 600, 1],
  ]);
});

describe('in a task file', () => {
  const head = 'title: t\ndescription: d\nrepo: { url: /r.git }\n';
  const faults = (text: string) => {
    const parsed = parseTask(`${head}${text}`);
    return parsed.kind === 'ok' ? [] : parsed.faults.map((fault) => showFault(fault, 'task.yaml'));
  };

  it('may be a file of the repository or the steps themselves, and a finished specification stays as it is', () => {
    const parsed = parseTask(
      `${head}handler: playbook\nvariables: { n: 1 }\nplaybook: { name: p, steps: [{ name: a, run: "echo \${n}" }] }\n`,
    );
    const spec = parsed.kind === 'ok' ? parsed.spec : null;
    expect(spec).toMatchObject({
      variables: { n: '1' },
      playbook: { name: 'p', steps: [{ name: 'a', timeoutSeconds: 300 }] },
    });
    expect(parseSpec(spec)).toEqual(spec);
    const named = parseTask(`${head}handler: playbook\nplaybook: .weaver/release.yaml\n`);
    expect(named).toMatchObject({ spec: { playbook: { file: '.weaver/release.yaml' } } });
    expect(parseSpec(named.kind === 'ok' ? named.spec : null)).toMatchObject({
      playbook: { file: '.weaver/release.yaml' },
    });
  });

  it('is looked through with the task, line by line', () => {
    expect(
      faults('handler: playbook\nplaybook:\n  name: p\n  steps:\n    - name: a\n      run: echo ${n}\n    - name: b\n'),
    ).toEqual([
      expect.stringMatching(/^task.yaml:9: playbook.steps\[0\].run uses \$\{n\}/),
      expect.stringMatching(/^task.yaml:10: playbook.steps\[1\] does nothing/),
    ]);
  });

  it.each([
    ['script: ./fix.sh\n', /^task.yaml:4: script is for handler: script/],
    ['handler: script\n', /script is missing: name what handler: script runs/],
    [
      'handler: script\nscript: { run: x, timeoutSecond: 3 }\n',
      /script.timeoutSecond is no field: did you mean timeoutSeconds/,
    ],
    ['agent: quick\nhandler: agent\n', /handler stands beside agent/],
    ['handler: playbook\nplaybook: ../out.yaml\n', /playbook.file must not leave the repository/],
  ])('refuses %j', (text, says) => {
    expect(faults(text).join('\n')).toMatch(says);
  });

  it('reads a script in short and in full', () => {
    const script = { run: './fix.sh', timeoutSeconds: 3_600, network: false };
    expect(parseTask(`${head}handler: script\nscript: ./fix.sh\n`)).toMatchObject({
      spec: { handler: 'script', script },
    });
  });
});
