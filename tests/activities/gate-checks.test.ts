/** The gate on real trees: each change is a snapshot of its own, judged against the base that it was made from. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckInput, Checked } from '../../src/activities/contract.js';
import { createRunChecks } from '../../src/activities/run-checks.js';
import { countWords } from '../../src/domain/gate.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { makeRepository } from '../e2e/world.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';

type Files = Readonly<Record<string, string>>;

let world: ActivityWorld;
let number = 0;
beforeAll(() => {
  world = openActivityWorld();
});
afterAll(() => world.clear());

interface Judged {
  readonly code: string;
  readonly detail: string;
  readonly counts: string;
  readonly evidence: string;
  readonly checked: Extract<Checked, { kind: 'checked' }>;
}

interface Opened {
  readonly url: string;
  readonly baseCommit: string;
  readonly baseTree: string;
}

const repositories = new Map<string, Promise<Opened>>();

/** One repository for all that begin with the same files: to make and to open one takes longer than most checks. */
function opened(files: Files): Promise<Opened> {
  const key = JSON.stringify(files);
  const made = repositories.get(key) ?? openRepository(files, `r${repositories.size}`);
  repositories.set(key, made);
  return made;
}

async function openRepository(files: Files, name: string): Promise<Opened> {
  const url = makeRepository(join(world.folder, `${name}.git`), files);
  const { baseCommit, baseTree } = await world.ports.git.open({ url, branch: 'weaver/x' });
  return { url, baseCommit, baseTree };
}

/** The checks at the base, then on the change; null removes a file. @param links of the base, and where they lead */
async function judge(
  base: Files,
  change: Readonly<Record<string, string | null>>,
  spec: Partial<TaskSpec> = {},
  links: Files = {},
): Promise<Judged> {
  number += 1;
  const lineage = `l${number}`;
  const { url, baseCommit, baseTree: files } = await opened(base);
  const linked = Object.entries(links).map(([path, to]) => [path, { mode: '120000', bytes: Buffer.from(to) }] as const);
  const baseTree = linked.length === 0 ? files : await world.ports.git.write(url, files, linked);
  const ref = await world.spec({ repo: { url }, checks: [CHECK], ...spec });
  const changes = Object.entries(change).map(
    ([path, text]) => [path, text === null ? null : { mode: '100644', bytes: Buffer.from(text) }] as const,
  );
  const tree = await world.ports.git.write(url, baseTree, changes);
  const activity = createRunChecks(world.ports);
  const run = async (input: Partial<CheckInput>) => {
    const common = { taskId: `job/${lineage}/t/0`, lineage, spec: ref, baseCommit, baseTree, tree: baseTree };
    const checked = await world.run(() => activity({ ...common, ...input }));
    if (checked.kind !== 'checked') throw new Error(checked.kind);
    return checked;
  };
  const { results } = await run({});
  if (results === undefined) throw new Error('no results at the base');
  const checked = await run({ tree, baseline: results });
  const { refused, counts } = checked.gated ?? { refused: null, counts: null };
  return {
    code: refused?.failure.code ?? 'passed',
    detail: refused?.failure.detail ?? '',
    counts: counts === null ? '' : countWords(counts),
    evidence: checked.evidence === null ? '' : (await world.ports.artifacts.get(checked.evidence)).toString('utf8'),
    checked,
  };
}

const CHECK = { name: 'test', run: 'sh tests/run', timeoutSeconds: 20 };

/** A suite whose tests are lines of `tests/list`: a name, a file and what that must say. Prints TAP. */
const RUN = `code=0; n=0
while read -r name file word; do
  n=$((n + 1))
  if grep -qx "$word" "$file" 2>/dev/null; then echo "ok $n - $name"; else echo "not ok $n - $name"; code=1; fi
done < tests/list
echo "1..$n"
exit $code
`;
const SUITE: Files = {
  'tests/run': RUN,
  'tests/list': 'one one.txt right\ntwo two.txt right\n',
  'one.txt': 'wrong\n',
  'two.txt': 'right\n',
};
/** The same without a word of which test it was. */
const SILENT: Files = { ...SUITE, 'tests/run': RUN.replaceAll(/echo "(?:not )?ok[^;]*;/g, ':;'), 'one.txt': 'right\n' };

describe('tests told apart', () => {
  it('pass the gate when what failed is fixed and nothing else is worse', async () => {
    const { code, counts, evidence } = await judge(SUITE, { 'one.txt': 'right\n' });
    expect([code, counts, evidence]).toEqual(['passed', '1 fixed, 0 new, 0 old, 0 vanished', '']);
  });

  it('are named in the evidence, new failures first, then what was printed', async () => {
    const { code, counts, detail, evidence } = await judge(SUITE, { 'two.txt': 'wrong\n' });
    expect([code, counts, detail]).toEqual([
      'checksFailed',
      '0 fixed, 1 new, 1 old, 0 vanished',
      'Failed: test (exit 1): two.',
    ]);
    expect(evidence).toMatch(
      /^test: new failures[^]*- two\n\ntest: failing since the base \(1\):\n- one\n\n\$ sh tests\/run\nnot ok/,
    );
  });

  it('must not go, whatever the exit code', async () => {
    const gone = await judge(SUITE, { 'tests/list': 'two two.txt right\n' });
    expect([gone.code, gone.counts]).toEqual(['testsVanished', '0 fixed, 0 new, 0 old, 1 vanished']);
    expect(gone.evidence).toContain('(gone, renamed or skipped) (1):\n- one');
    const silenced = await judge(SUITE, { 'tests/run': 'true\n' });
    expect([silenced.code, silenced.counts]).toEqual(['testsVanished', '0 fixed, 0 new, 0 old, 2 vanished']);
  });

  it('may go from files that the task is free to change', async () => {
    const change = { 'tests/list': 'two two.txt right\n' };
    const free = [{ glob: 'tests/**', policy: 'allow' as const }];
    expect((await judge(SUITE, change, { protect: free })).code).toBe('passed');
  });

  it('may stay red where the task says so and something was fixed', async () => {
    const red = { ...SUITE, 'two.txt': 'wrong\n' };
    expect((await judge(red, { 'one.txt': 'right\n' })).code).toBe('baselineBroken');
    expect((await judge(red, { 'one.txt': 'right\n' }, { allowOldFailures: true })).code).toBe('passed');
  });
});

const counter = (): string => join(world.folder, `runs${number + 1}`);
const runsOf = (file: string): number => (existsSync(file) ? readFileSync(file, 'utf8').length : 0);

describe('a failure', () => {
  it('is asked once more, and is broken if it comes again', async () => {
    const file = counter();
    const check = { ...CHECK, run: `printf x >> '${file}'; sh tests/run` };
    const { code } = await judge({ ...SUITE, 'one.txt': 'right\n' }, { 'two.txt': 'wrong\n' }, { checks: [check] });
    expect([code, runsOf(file)]).toEqual(['checksFailed', 3]);
  });

  it('is flaky if it does not come again', async () => {
    const file = counter();
    // Red in the second run of all, which is the first after the change.
    const check = {
      ...CHECK,
      run: `printf x >> '${file}'; test "$(cat '${file}')" = xx && echo 1..1 && echo not ok 1 - one && exit 1; sh tests/run`,
    };
    const { code, counts, checked } = await judge(
      { ...SUITE, 'one.txt': 'right\n' },
      { 'two.txt': 'right\n', 'new.txt': '' },
      { checks: [check] },
    );
    expect([code, counts, runsOf(file)]).toEqual(['passed', '0 fixed, 0 new, 0 old, 0 vanished, 1 flaky', 3]);
    expect(checked.verdicts.map(({ passed }) => passed)).toEqual([true]);
  });

  it('is not taken for flaky because of what the first run has left, in the tree or in the home', async () => {
    for (const left of ['left', '~/left']) {
      const run = `sh tests/run || { test -e ${left} && exit 0; touch ${left}; exit 1; }`;
      const { code } = await judge(SILENT, { 'two.txt': 'wrong\n' }, { checks: [{ ...CHECK, run }] });
      expect(code).toBe('checksFailed');
    }
  });

  it('is asked again behind the checks that it may need', async () => {
    const build = { ...CHECK, name: 'build', run: 'cp two.txt built' };
    const flaky = `test -e built && { test -e '${join(world.folder, 'once')}' || ! touch '${join(world.folder, 'once')}'; }`;
    const test = { ...CHECK, run: `test -e new.txt || exit 0; ${flaky}` };
    const { code, checked } = await judge(SILENT, { 'new.txt': '' }, { checks: [build, test] });
    expect([code, checked.verdicts.map(({ passed }) => passed)]).toEqual(['passed', [true, true]]);
  });

  it('of a check that was stopped is not asked again', async () => {
    const file = counter();
    const check = { ...CHECK, run: `printf x >> '${file}'; test -e slow && sleep 60; true`, timeoutSeconds: 1 };
    const { code } = await judge(SUITE, { slow: '' }, { checks: [check] });
    expect([code, runsOf(file)]).toEqual(['checkTimedOut', 2]);
  });
});

/** How often the checks run in all, where the change only brings a test. */
const runsWith = async (base: Files): Promise<number> => {
  const file = join(world.folder, `twice${number + 1}`);
  const check = { ...CHECK, run: `printf x >> '${file}'; sh tests/run` };
  const { code } = await judge(base, { 'tests/new': '', 'new.txt': '' }, { checks: [check] });
  return code === 'passed' ? readFileSync(file, 'utf8').length : 0;
};

describe('a change that makes the checks green by changing them', () => {
  const NPM: Files = { ...SILENT, 'package.json': '{"scripts":{"test":"sh tests/run"}}' };
  // What npm does, without the second that it takes for it.
  const npm = { checks: [{ ...CHECK, run: `sh -c "$(sed -n 's/.*"test": *"\\([^"]*\\)".*/\\1/p' package.json)"` }] };
  const broken = { 'two.txt': 'wrong\n' };
  const scripted: Files = {
    ...SILENT,
    'package.json': '{"scripts":{"test":"sh scripts/all"}}',
    'scripts/all': 'sh tools/verify\n',
    'tools/verify': 'sh tests/run\n',
  };
  const npmTest = { checks: [{ ...CHECK, run: `npm() { ${npm.checks[0]?.run}; }; npm test` }] };

  it.each([
    ['leaves the tests early', SILENT, { ...broken, 'tests/run': `exit 0\n${SILENT['tests/run']}` }, {}],
    [
      'has npm run something else',
      NPM,
      { ...broken, 'package.json': '{"scripts":{"test":"true"},"dependencies":{}}' },
      npm,
    ],
    ['removes the test', SILENT, { ...broken, 'tests/list': 'one one.txt right\n' }, {}],
    [
      'rewrites the script that the check names',
      { ...SILENT, 'check.sh': 'sh tests/run\n' },
      { ...broken, 'check.sh': 'true\n' },
      { checks: [{ ...CHECK, run: 'sh check.sh' }] },
    ],
    ['rewrites the script that npm starts', scripted, { ...broken, 'scripts/all': 'true\n' }, npmTest],
    ['has that script find another one', scripted, { ...broken, 'tools/verify': 'echo "1..1\nok 1 - one"\n' }, npmTest],
    [
      'rewrites the script that make starts',
      { ...scripted, Makefile: 'test: all\nall:\n\t@sh tools/verify\n' },
      { ...broken, 'tools/verify': 'true\n' },
      { checks: [{ ...CHECK, run: 'make -s test' }] },
    ],
    [
      'rewrites the recipe',
      { ...SILENT, Makefile: 'test:\n\tsh tests/run\n' },
      { ...broken, Makefile: 'test:\n\ttrue\n' },
      { checks: [{ ...CHECK, run: 'make -s test' }] },
    ],
  ])('does not land: it %s', async (_what, base, change, spec) => {
    const { code, evidence } = await judge(base, change, spec);
    expect(code).toBe('baseTestsFail');
    expect(evidence).toContain('as they were at the base');
  });

  it.each([
    'vite.config.ts',
    'web/babel.config.js',
    '.npmrc',
    'bunfig.toml',
    '.mvn/maven.config',
    'vitest.unit.config.ts',
  ])('does not land: it has %s leave the tests out', async (path) => {
    const check = { ...CHECK, run: `test -e ${path} || sh tests/run` };
    expect((await judge(SILENT, { ...broken, [path]: 'exclude' }, { checks: [check] })).code).toBe('baseTestsFail');
  });

  it('does not land: its tests leave something in the home that the tests of the base pass by', async () => {
    const open: Files = { ...SILENT, 'tests/run': `test ! -e ~/.pass || exit 0\n${SILENT['tests/run']}` };
    const change = { ...broken, 'tests/run': 'touch ~/.pass; exit 0\n' };
    expect((await judge(open, change)).code).toBe('baseTestsFail');
  });

  it('does not land: what is installed does as the scripts of the change say', async () => {
    const install = { name: 'install', run: 'mkdir -p node_modules; eval "$(cat package.json)"', timeoutSeconds: 20 };
    const installed = { setup: [{ ...install, network: false }], checks: [{ ...CHECK, run: 'sh node_modules/run' }] };
    // Read as a line for the shell: what npm does with "postinstall".
    const base = { ...SILENT, 'package.json': 'cp tests/run node_modules/run', '.gitignore': 'node_modules\n' };
    const forged = { ...broken, 'package.json': 'echo exit 0 > node_modules/run', 'tests/new': '' };
    expect((await judge(base, forged, installed)).code).toBe('baseTestsFail');
  });

  it('lands if the tests of the base pass on it too', async () => {
    const change = {
      'tests/list': 'one one.txt right\ntwo two.txt right\nthree three.txt right\n',
      'three.txt': 'right\n',
    };
    expect((await judge(SILENT, change)).code).toBe('passed');
    const manifest = '{"scripts":{"test":"sh tests/run","lint":"true"},"dependencies":{}}';
    expect((await judge(NPM, { 'package.json': manifest, 'one.txt': 'right\n' }, npm)).code).toBe('passed');
  });

  it('lands if the task is free to change them', async () => {
    const free = [{ glob: 'tests/**', policy: 'allow' as const }];
    expect((await judge(SILENT, { ...broken, 'tests/list': 'one one.txt right\n' }, { protect: free })).code).toBe(
      'passed',
    );
  });

  it('is not run twice if it only brings tests, and each test is told by name', async () => {
    expect([await runsWith({ ...SUITE, 'one.txt': 'right\n' }), await runsWith(SILENT)]).toEqual([2, 3]);
  });

  it('is not held up by tests of the base that failed there already and still may', async () => {
    const red = { ...SUITE, 'two.txt': 'wrong\n' };
    const change = { 'one.txt': 'right\n', 'tests/new': '' };
    expect((await judge(red, change, { allowOldFailures: true })).code).toBe('passed');
  });
});

describe('a right change that spoils the checks for the next one', () => {
  const base: Files = {
    'one.txt': 'wrong\n',
    'check.sh': 'grep -qx right one.txt\n',
    'package.json': '{"scripts":{"test":"sh check.sh","build":"x"}}',
  };
  const right = { 'one.txt': 'right\n' };
  const checks = { checks: [{ ...CHECK, run: 'npm() { sh check.sh; }; npm test' }] };

  it('does not land, unless the task is free to change them', async () => {
    const gutted = await judge(base, { ...right, 'check.sh': 'true\n' }, checks);
    expect([gutted.code, gutted.detail]).toEqual(['protectedFile', 'A check runs check.sh.']);
    const manifest = '{"scripts":{"test":"true","build":"x"}}';
    const idle = await judge(base, { ...right, 'package.json': manifest }, checks);
    expect([idle.code, idle.detail]).toEqual(['protectedFile', 'A check runs package.json (test).']);
    const free = { ...checks, protect: [{ glob: 'check.sh', policy: 'allow' as const }] };
    expect((await judge(base, { ...right, 'check.sh': 'true\n' }, free)).code).toBe('passed');
  });

  it('may build in another way, and check more', async () => {
    const manifest = '{"scripts":{"test":"sh check.sh && sh more.sh","build":"y"}}';
    expect((await judge(base, { ...right, 'package.json': manifest }, checks)).code).toBe('passed');
  });
});

describe('a run that ends before its time', () => {
  const python: Files = {
    'calc.py': 'def add(a, b):\n    return a - b\n',
    'test_calc.py':
      'import unittest\nfrom calc import add\nclass T(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(2, 2), 4)\n    def test_none(self):\n        self.assertEqual(add(0, 0), 0)\n',
  };
  const checks = { checks: [{ ...CHECK, run: 'python3 -B -m unittest' }] };

  it.each([
    ['ends the program', 'import os\nos._exit(0)\n'],
    ['has its tests skipped', 'import unittest\ndef add(a, b):\n    raise unittest.SkipTest("x")\n'],
  ])('is not green: it %s', async (_what, text) => {
    expect((await judge(python, { 'calc.py': text }, checks)).code).toBe('testsVanished');
  });

  it('is seen where the base could not even load its tests', async () => {
    const test = "require('node:test')('adds', () => require('node:assert').equal(require('./add.js')(2, 2), 4));\n";
    const broken: Files = { 'add.test.js': `require('./add.js');\n${test}` };
    const spec = { checks: [{ ...CHECK, run: 'node --test' }] };
    const ended = await judge(broken, { 'add.js': 'process.exit(0);\n' }, spec);
    expect([ended.code, ended.detail]).toEqual(['testsVanished', 'None of the tests has run in add.test.js.']);
    expect((await judge(broken, { 'add.js': 'module.exports = (a, b) => a + b;\n' }, spec)).code).toBe('passed');
  });

  it('is seen of runners that only count: a summary that was there and is missing', async () => {
    const count =
      'test -e ended && exit 0; echo "Tests:       $(cat one.txt) passed, 2 total"; test "$(cat one.txt)" = 2';
    const spec = { checks: [{ ...CHECK, run: count }] };
    const base = { 'one.txt': '1\n' };
    expect((await judge(base, { ended: '' }, spec)).code).toBe('testsVanished');
    const mended = await judge(base, { 'one.txt': '2\n' }, spec);
    expect([mended.code, mended.counts]).toEqual(['passed', '1 fixed, 0 new, 0 old, 0 vanished']);
  });

  it('is told from one that mends them', async () => {
    const mended = await judge(python, { 'calc.py': 'def add(a, b):\n    return a + b\n' }, checks);
    expect([mended.code, mended.counts]).toEqual(['passed', '1 fixed, 0 new, 0 old, 0 vanished']);
  });

  it('is seen of go too, which is asked to name what passes, beside what the project asks of it', async () => {
    const run = 'case "$GOFLAGS" in "-mod=mod -test.v") ;; *) echo "$GOFLAGS"; exit 1 ;; esac';
    const home = 'mkdir -p ~/.config/go; echo GOFLAGS=-mod=mod > ~/.config/go/env';
    const setup = [{ name: 'set', run: home, timeoutSeconds: 20, network: false }];
    expect((await judge({ a: '' }, { b: '' }, { setup, checks: [{ ...CHECK, run }] })).code).toBe('passed');
  });
});

describe('what failed at the base', () => {
  const RED: Files = { ...SILENT, 'one.txt': 'wrong\n' };
  // As a test file that is loaded first may do it.
  const LOADS: Files = { ...SUITE, 'tests/run': `test ! -e tests/first || . tests/first\n${RUN}` };
  const shadow = { 'tests/first': 'grep() { true; }\n' };

  it.each([
    ['takes the test out', RED, { 'tests/list': 'two two.txt right\n' }],
    ['changes what it expects', SUITE, { 'tests/list': 'one one.txt wrong\ntwo two.txt right\n' }],
    ['brings a file that the tests load first', LOADS, shadow],
    ['does so beside a change of the product', LOADS, { ...shadow, 'more.txt': 'more\n' }],
  ])('is not fixed by a change that %s', async (_what, base, change) => {
    const { code, evidence } = await judge(base, change);
    expect(code).toBe('baseTestsFail');
    expect(evidence).toContain('as they were at the base');
  });

  it('is fixed by a change of the product that brings a test too', async () => {
    const change = { 'one.txt': 'right\n', 'tests/list': `${SUITE['tests/list']}three three.txt right\n` };
    expect((await judge(RED, { 'one.txt': 'right\n', 'tests/new': '' })).code).toBe('passed');
    expect((await judge(SUITE, { ...change, 'three.txt': 'right\n' })).code).toBe('passed');
    const more = { ...change, 'three.txt': 'right\n' };
    expect((await judge(SUITE, more, { reproduceFirst: true })).code).toBe('passed');
  });

  it('is not fixed in what a test is a link to', async () => {
    const base = { 'shared/cases.sh': 'grep -q right one.txt\n', 'one.txt': 'wrong\n' };
    const spec = { checks: [{ ...CHECK, run: 'for each in tests/*; do sh "$each"; done' }] };
    const links = { 'tests/one.sh': '../shared/cases.sh' };
    expect((await judge(base, { 'shared/cases.sh': 'true\n' }, spec, links)).code).toBe('baseTestsFail');
    expect((await judge(base, { 'one.txt': 'right\n' }, spec, links)).code).toBe('passed');
  });

  it('is not fixed by a program that rewrites the tests while they run', async () => {
    const run = 'sh prepare; sh tests/run; sh tests/list.sh';
    const base = { ...SUITE, prepare: 'true\n', 'tests/list.sh': 'grep -q right one.txt\n' };
    const cheat = { prepare: 'echo true > tests/list.sh\n', 'tests/run': 'true\n' };
    const spec = { checks: [{ ...CHECK, run }] };
    const { code, detail } = await judge({ ...base, 'tests/run': 'true\n' }, cheat, spec);
    expect([code, detail]).toEqual(['baseTestsFail', 'Rewritten while the checks ran: tests/list.sh.']);
    // As a formatter does it on every tree.
    const formatted = { ...base, ...cheat, 'tests/list.sh': 'true\ngrep -q right one.txt\n' };
    expect((await judge(formatted, { 'two.txt': 'two\n' }, spec)).code).toBe('passed');
  });

  it('is not fixed by a file that makes the rule of a check as good as done', async () => {
    const base = { Makefile: 'check:\n\tgrep -q right one.txt\n', 'one.txt': 'wrong\n' };
    const spec = { checks: [{ ...CHECK, run: 'make check' }] };
    expect((await judge(base, { check: '' }, spec)).code).toBe('baseTestsFail');
    expect((await judge(base, { check: '', 'one.txt': 'right\n' }, spec)).code).toBe('protectedFile');
    expect((await judge(base, { 'one.txt': 'right\n' }, spec)).code).toBe('passed');
  });

  it.each(['fixtures/expected.json', '.eslintrc.json', 'src/__mocks__/a.js', 'testcalc.py'])(
    'is not fixed by what it is measured with, unless the task is about that: %s',
    async (path) => {
      const spec = { checks: [{ ...CHECK, run: `grep -q right ${path}` }] };
      const wrong = { [path]: 'def test_a():\n    assert "wrong"\n' };
      const right = { [path]: 'def test_a():\n    assert "right"\n' };
      expect((await judge(wrong, right, spec)).code).toBe('baseTestsFail');
      const protect = [{ glob: path, policy: 'allow' as const }];
      const asked = path.endsWith('.py') ? { protect } : { description: `The rules of ${path} are wrong.` };
      expect((await judge(wrong, right, { ...spec, ...asked })).code).toBe('passed');
    },
  );

  it('may be fixed in tests that the task is free to change', async () => {
    const free = [{ glob: 'tests/**', policy: 'allow' as const }];
    const change = { 'tests/list': 'one one.txt wrong\ntwo two.txt right\n' };
    expect((await judge(SUITE, change, { protect: free })).code).toBe('passed');
  });

  it('for want of any test is fixed by the first one', async () => {
    const spec = { checks: [{ ...CHECK, run: 'ls tests/*.sh' }] };
    expect((await judge({ a: '' }, { 'tests/a.sh': '', b: '' }, spec)).code).toBe('passed');
    expect((await judge({ a: '' }, { 'tests/a.sh': '' }, spec)).code).toBe('passed');
  });
});

const rust = (value: number, expected: number, more = ''): string =>
  `const V: i32 = ${value};\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn right() {\n        assert_eq!(V, ${expected});\n    }\n${more}}\n`;

describe('tests inside of a source', () => {
  const more = '    #[test]\n    fn more() {\n        assert_eq!(V, 4);\n    }\n';
  /** Each assertion as a test of its own, as cargo would print it. */
  const run = `echo running 2 tests; v=$(sed -n 's/^const V: i32 = \\(.*\\);/\\1/p' src/lib.rs); code=0
for w in $(sed -n 's/.*assert_eq!(V, \\(.*\\));.*/\\1/p' src/lib.rs); do
  n=x$n; if [ "$v" = "$w" ]; then echo "test $n ... ok"; else echo "test $n ... FAILED"; code=1; fi
done; echo test result: $code; exit $code`;
  const checks = [{ ...CHECK, run }];
  const judged = async (now: string, spec: Partial<TaskSpec> = {}) =>
    (await judge({ 'src/lib.rs': rust(0, 4) }, { 'src/lib.rs': now }, { checks, ...spec })).code;

  it('must not be rewritten, unless the task is free to', async () => {
    expect(await judged(rust(0, 0))).toBe('baseTestsFail');
    const protect = [{ glob: 'src/lib.rs', policy: 'allow' as const }];
    expect(await judged(rust(0, 0), { protect })).toBe('passed');
  });

  it('come with a fix, and show what it is for', async () => {
    expect(await judged(rust(4, 4, more), { reproduceFirst: true })).toBe('passed');
    const green = { 'src/lib.rs': rust(4, 4) };
    const idle = { 'src/lib.rs': `${rust(4, 4, more)}fn f() {}\n` };
    expect((await judge(green, idle, { checks, reproduceFirst: true })).detail).toContain('do not fail on the base');
  });
});

describe('reproduceFirst', () => {
  const green: Files = { ...SUITE, 'one.txt': 'right\n' };
  const withTest = 'one one.txt right\ntwo two.txt right\nthree three.txt right\n';

  it('wants a test that fails without the change', async () => {
    const change = { 'tests/list': withTest, 'three.txt': 'right\n' };
    expect((await judge(green, change, { reproduceFirst: true })).code).toBe('passed');
  });

  it('refuses a change without a test, and one whose test passes anyway', async () => {
    const none = await judge(green, { 'three.txt': 'right\n' }, { reproduceFirst: true });
    expect([none.code, none.detail]).toEqual(['notReproduced', 'The change brings no test.']);
    const idle = { 'tests/list': `${green['tests/list']}again one.txt right\n`, 'three.txt': 'right\n' };
    const { code, evidence } = await judge(green, idle, { reproduceFirst: true });
    expect(code).toBe('notReproduced');
    expect(evidence).toContain('ok 3 - again');
  });
});

const oneBy = (run: string) => ({
  acceptanceCriteria: ['one is three'],
  criterionChecks: [{ criterion: 1, run, timeoutSeconds: 10 }],
});
const critScript = (text: string): Files => ({ 'package.json': `{"scripts":{"crit":"${text}"}}` });

describe('criteria with a command', () => {
  const spec = {
    acceptanceCriteria: ['one is right', 'nobody looks', 'three is there'],
    criterionChecks: [
      { criterion: 1, run: 'grep -q right one.txt', timeoutSeconds: 10 },
      { criterion: 3, run: 'cat three.txt', timeoutSeconds: 10 },
    ],
  };

  it('are each asked after the checks', async () => {
    const unmet = await judge(SUITE, { 'one.txt': 'right\n' }, spec);
    expect([unmet.code, unmet.detail, unmet.checked.criteria]).toEqual([
      'criteriaUnmet',
      '3. three is there',
      { met: [1], unmet: [3] },
    ]);
    expect(unmet.evidence).toContain('Not met: 3. three is there\n$ cat three.txt');
    const met = await judge(SUITE, { 'one.txt': 'right\n', 'three.txt': '' }, spec);
    expect([met.code, met.checked.criteria]).toEqual(['passed', { met: [1, 3], unmet: [] }]);
  });

  it('are each asked in a clean tree', async () => {
    const leaves = { criterion: 1, run: 'touch three.txt ~/three', timeoutSeconds: 10 };
    const finds = { criterion: 3, run: 'test -e three.txt || test -e ~/three', timeoutSeconds: 10 };
    const { checked } = await judge(SUITE, { 'one.txt': 'right\n' }, { ...spec, criterionChecks: [leaves, finds] });
    expect(checked.criteria).toEqual({ met: [1], unmet: [3] });
  });

  it('are asked with the scripts of the base too, if the change has altered those', async () => {
    const base: Files = { ...SUITE, 'one.txt': 'right\n', 'verify-it.sh': 'grep -q three one.txt\n' };
    const forged = await judge(base, { 'verify-it.sh': 'true\n', x: '' }, oneBy('sh verify-it.sh'));
    expect([forged.code, forged.checked.criteria]).toEqual(['criteriaUnmet', { met: [], unmet: [1] }]);
    expect(forged.evidence).toContain('as it was at the base here. $ sh verify-it.sh');
    const npm = 'npm() { eval "$(cat package.json | cut -d\\" -f6)"; }; npm run crit';
    expect((await judge({ ...base, ...critScript('false') }, critScript('true'), oneBy(npm))).code).toBe(
      'criteriaUnmet',
    );
  });

  it('are met by a script that the change brings', async () => {
    const brings = { ...spec, criterionChecks: [{ criterion: 1, run: 'sh verify-it.sh', timeoutSeconds: 10 }] };
    expect((await judge(SUITE, { 'one.txt': 'right\n', 'verify-it.sh': 'true\n' }, brings)).code).toBe('passed');
  });

  it('are not asked of a red tree', async () => {
    expect((await judge(SUITE, { 'two.txt': 'wrong\n' }, spec)).checked.criteria).toBeUndefined();
  });
});

const xml = (name: string, body = ''): string =>
  `<testsuite><testcase classname="c" name="${name}">${body}</testcase></testsuite>`;
const running = (run: string, report?: string) => ({
  checks: [{ ...CHECK, run, ...(report === undefined ? {} : { report }) }],
});

describe('reports in files', () => {
  it('are read where the check says, and in the usual places', async () => {
    const base = { 'in.xml': xml('a') };
    const change = { 'in.xml': xml('a', '<failure/>') };
    for (const spec of [
      running('mkdir out; cp in.xml out/x.xml', 'out/*.xml'),
      running('cp in.xml junit.xml'),
      running('mkdir -p m/target/surefire-reports; cp in.xml m/target/surefire-reports/TEST-a.xml', undefined),
    ])
      expect((await judge({ ...base, 'm/a': '' }, change, spec)).counts).toBe('0 fixed, 1 new, 0 old, 0 vanished');
  });

  it('of pytest are asked for, whatever calls it', async () => {
    const run = 'eval "set -- $PYTEST_ADDOPTS"; cp in.xml "${1#--junitxml=}"';
    const { counts } = await judge({ 'in.xml': xml('a') }, { 'in.xml': xml('b') }, running(run));
    expect(counts).toBe('0 fixed, 0 new, 0 old, 1 vanished');
  });

  it('that the run has not written count for nothing', async () => {
    const { counts, checked } = await judge({ 'junit.xml': xml('a') }, { 'junit.xml': xml('b') }, running('true'));
    expect([counts, checked.notes]).toEqual(['0 fixed, 0 new, 0 old, 0 vanished', undefined]);
  });

  it('that cannot be read leave the exit code, and say so', async () => {
    const { code, checked } = await judge({ 'in.xml': '<' }, { a: '' }, running('cp in.xml junit.xml'));
    expect([code, checked.notes?.[0]]).toEqual([
      'passed',
      expect.stringMatching(/^test: its report cannot be read \(junit\.xml: .*exit code alone counts/),
    ]);
    const missing = await judge({ b: '' }, { a: '' }, running('true', 'out/*.xml'));
    expect(missing.checked.notes?.[0]).toContain('no report at out/*.xml');
  });

  it('do not hide tests that were reported at the base by being broken', async () => {
    const run = 'cp in.xml junit.xml';
    const { code, evidence } = await judge({ 'in.xml': xml('a') }, { 'in.xml': '<' }, running(run));
    expect(code).toBe('testsVanished');
    expect(evidence).toContain('its report cannot be read');
  });

  it('are not read through a link that leads out', async () => {
    const secret = join(world.folder, 'secret.xml');
    writeFileSync(secret, xml('secret'));
    const { checked } = await judge(
      { a: '' },
      { b: '' },
      running(`ln -s '${secret}' junit.xml; ln -s '${world.folder}' test-results`),
    );
    symlinkSync(secret, join(world.folder, 'kept'));
    const results =
      checked.results === undefined ? '' : (await world.ports.artifacts.get(checked.results)).toString('utf8');
    expect(JSON.parse(results)).toEqual([expect.objectContaining({ tests: null })]);
  });
});

it.each(['join', 'resolve'] as const)(
  'a merge (%s) loses no tests but those that it is free to change',
  async (handler) => {
    const change = { 'tests/list': 'two two.txt right\n' };
    expect((await judge(SUITE, change, { handler })).code).toBe('testsVanished');
    expect((await judge(SILENT, { ...change, 'one.txt': 'wrong\n' }, { handler })).code).toBe('baseTestsFail');
    const free = [{ glob: 'tests/**', policy: 'allow' as const }];
    expect((await judge(SUITE, change, { handler, protect: free })).code).toBe('passed');
  },
);

it('fits what it says into a payload, however many checks there are', async () => {
  const checks = Array.from({ length: 20 }, (_, n) => ({
    ...CHECK,
    name: `${'検'.repeat(38)}${10 + n}`,
    run: 'cat value; test ! -e bad',
  }));
  const { code, checked } = await judge({ value: 'x' }, { bad: '' }, { checks });
  expect(code).toBe('checksFailed');
  expect(Buffer.byteLength(JSON.stringify(checked))).toBeLessThanOrEqual(8_000);
});

const steady = ({ by: _by, startedAt: _from, endedAt: _to, ...rest }: Checked) => rest;

it('gives the same again when it is asked twice, without running anything', async () => {
  const file = join(world.folder, 'twice');
  const check = { ...CHECK, run: `printf x >> '${file}'; sh tests/run` };
  const { url, baseCommit, baseTree } = await opened(SUITE);
  const tree = await world.ports.git.write(url, baseTree, [
    ['two.txt', { mode: '100644', bytes: Buffer.from('wrong\n') }],
  ]);
  const spec = await world.spec({ repo: { url }, checks: [check] });
  const activity = createRunChecks(world.ports);
  const common = { taskId: 'job/twice/t/0', lineage: 'twice', spec, baseCommit, baseTree };
  const base = await world.run(() => activity({ ...common, tree: baseTree }));
  const baseline = base.kind === 'checked' && base.results !== undefined ? { baseline: base.results } : {};
  const ask = () => world.run(() => activity({ ...common, tree, ...baseline }));
  const first = await ask();
  const runs = readFileSync(file, 'utf8').length;
  const second = await ask();
  expect(steady(second)).toEqual({ ...steady(first), cached: true });
  expect(readFileSync(file, 'utf8').length).toBe(runs);
});
