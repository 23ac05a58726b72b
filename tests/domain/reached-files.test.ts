import { hasStayed, mayBeReached, reachedFrom, type Reached } from '../../src/domain/reached-files';

const ROOT = 'package.json';
const manifest = (scripts: Readonly<Record<string, string>>): string => JSON.stringify({ scripts });

const reach = (command: string, files: Readonly<Record<string, string>>): Reached =>
  reachedFrom([command], { paths: new Set(Object.keys(files)), textOf: (path) => files[path] });
const filesOf = (command: string, files: Readonly<Record<string, string>>): readonly string[] =>
  [...reach(command, files).files].toSorted();
const recipesOf = (command: string, files: Readonly<Record<string, string>>): readonly string[] =>
  [...reach(command, files).recipes].map((each) => each.join(' ')).toSorted();

describe('the files that a check comes by', () => {
  it.each<[string, string, Readonly<Record<string, string>>, readonly string[]]>([
    [
      'what its name says that it checks',
      'sh ./check.sh && python scripts/test.py; ./run-tests "check.js"',
      { 'check.sh': '', 'scripts/test.py': '', 'run-tests': '', 'check.js': '', 'run.js': '' },
      ['check.js', 'check.sh', 'run-tests', 'scripts/test.py'],
    ],
    ['a script that it names', 'sh ./check.sh && ./go', { 'check.sh': '', go: 'x' }, ['check.sh']],
    ['a script without an ending, given to a shell', 'bash -e build-it', { 'build-it': '' }, ['build-it']],
    [
      'a program that ends as it has found things',
      'python3 verdict.py',
      { 'verdict.py': 'import sys\nsys.exit(1)' },
      ['verdict.py'],
    ],
    [
      'a module of unittest by its dotted name',
      'python3 -m unittest qa_all.cases',
      { 'qa_all/cases.py': 'import unittest', 'qa_all/other.py': '' },
      ['qa_all/cases.py'],
    ],
    [
      'scripts of npm, before and behind, and those that they name',
      'npm test',
      {
        [ROOT]: manifest({ pretest: 'sh scripts/a.sh', test: 'npm run all', all: 'node tools/b.js', idle: 'sh c.sh' }),
        'scripts/a.sh': '. "$(dirname "$0")/lib/more.sh"',
        'scripts/lib/more.sh': '',
        'tools/b.js': "require('./d'); require('../product.js'); spawn('python3', ['tools/e.py'])",
        'tools/d.js': '',
        'tools/e.py': '',
        'product.js': '',
        'c.sh': '',
      },
      ['scripts/a.sh', 'scripts/lib/more.sh', 'tools/b.js', 'tools/d.js', 'tools/e.py'],
    ],
    [
      'those of yarn in another folder',
      'cd web && yarn verify',
      { 'web/package.json': manifest({ verify: 'sh ./it.sh' }), 'web/it.sh': '' },
      ['web/it.sh'],
    ],
    [
      'those of all packages',
      'pnpm -r run test',
      { [ROOT]: manifest({}), 'a/package.json': manifest({ test: 'sh t.sh' }), 'a/t.sh': '' },
      ['a/t.sh'],
    ],
    [
      'rules of a Makefile, and what they need',
      'make -s check',
      {
        Makefile:
          'RUN = sh ci/run.sh\ncheck: unit main.c\n\t@$(RUN)\n\t$(MAKE) -C sub\nunit:\n\tpython3 tools/verify.py\nother:\n\tsh other.sh\n',
        'sub/Makefile': 'first:\n\tsh own.sh\n',
        'sub/own.sh': '',
        'ci/run.sh': '',
        'tools/verify.py': '',
        'other.sh': '',
        'main.c': '',
      },
      // A file with the name of a rule would be in its way.
      ['check', 'ci/run.sh', 'sub/first', 'sub/own.sh', 'tools/verify.py', 'unit'],
    ],
    [
      'what a Makefile includes',
      'make check',
      { Makefile: 'include build/vars.inc\ncheck:\n\t$(NODE) main.js\n', 'build/vars.inc': '', 'main.js': '' },
      ['build/vars.inc', 'check'],
    ],
    [
      'what a runner is told to load before the tests',
      'node --require ./setup.js --import=./hooks/more.mjs -r ./quiet --import ./src/polyfill.mjs --test',
      { 'setup.js': '', 'hooks/more.mjs': '', 'quiet.js': '', 'src/polyfill.mjs': '', 'product.js': '' },
      ['hooks/more.mjs', 'quiet.js', 'setup.js'],
    ],
    [
      'recipes of just',
      'just test',
      { justfile: "test arg='x': lint\n  sh a.sh\nlint:\n  sh b.sh\n", 'a.sh': '', 'b.sh': '' },
      ['a.sh', 'b.sh'],
    ],
    ['what tox starts', 'tox -q', { 'tox.ini': 'commands = python tools/a.py', 'tools/a.py': '' }, ['tools/a.py']],
    [
      'scripts of composer',
      'composer test',
      { 'composer.json': '{"scripts":{"test":["@lint","sh a.sh"],"lint":"sh b.sh"}}', 'a.sh': '', 'b.sh': '' },
      ['a.sh', 'b.sh'],
    ],
    [
      'what a pattern names',
      'for f in checks/*.js; do node "$f"; done',
      { 'checks/a.js': '', 'checks/b/c.js': '', 'a.js': '' },
      ['checks/a.js'],
    ],
  ])('are %s', (_what, command, files, expected) => {
    expect(filesOf(command, files)).toEqual(expected);
  });

  it.each([
    ['node src/cli.js --self | grep ok', { 'src/cli.js': 'process.exit(0)' }],
    ['test "$(node greet.js)" = hi', { 'greet.js': 'process.exit(0)' }],
    ['node greet.js', { 'greet.js': 'console.log(1)' }],
    ['python3 app.py', { 'app.py': 'import sys\nsys.exit(0)' }],
    ['cc -o prog main.c && ./prog', { 'main.c': 'assert(1)' }],
    ['sh -c "node --test"', { 'validate.js': '' }],
  ])('do not have the program that is checked among them: %s', (command, files) => {
    expect(filesOf(command, files)).toEqual([]);
  });

  it('come with their recipes, and with which of those a rule was asked for by its name', () => {
    const both = { Makefile: 'lint:\n\tnpm run lint\n\ttox\n', [ROOT]: manifest({ lint: 'x' }), 'tox.ini': 'x' };
    expect(recipesOf('make lint', both)).toEqual(['Makefile named', 'package.json named', 'tox.ini whole']);
    expect(recipesOf('make', both)).toEqual(['Makefile named', 'package.json named', 'tox.ini whole']);
    expect(recipesOf('make lint-new && npm run later', both)).toEqual([]);
  });

  it('are asked for where what they say is not known yet, and end where they go round', () => {
    const paths = new Set([ROOT, 'a.sh']);
    expect(reachedFrom(['npm test'], { paths, textOf: () => undefined }).unread).toEqual([ROOT]);
    expect(filesOf('sh a.sh', { 'a.sh': 'sh b.sh', 'b.sh': 'sh a.sh' })).toEqual(['a.sh', 'b.sh']);
  });
});

const makefile = (lines: string): string => `check: more\n${lines}other:\n\ttrue\n`;

it('are looked for if a change touches what may be one of them', () => {
  const may = ['setup.js', 'check', 'vars.inc', 'scripts/a.py', 'a.js', 'Makefile'];
  expect([...may, 'src/a.js', 'index.js', 'a.txt'].filter(mayBeReached)).toEqual(may);
});

describe('what must stay', () => {
  const scripts = { test: 'sh check.sh', 'check:types': 'tsc', build: 'sh build.sh' };
  const files = {
    [ROOT]: manifest({ ...scripts, test: 'npm run build && npm run check:types && sh check.sh' }),
    'check.sh': '',
    'build.sh': '',
  };

  it('is what checks on the way, not what builds', () => {
    const { kept } = reach('npm test', files);
    expect(kept.map(({ path, piece }) => [path, piece?.name]).toSorted()).toEqual([
      ['check.sh', undefined],
      [ROOT, 'check:types'],
      [ROOT, 'test'],
    ]);
  });

  it('is not what is loaded before the tests, and no file may take the place of a rule', () => {
    expect(reach('node -r ./setup.js --test', { 'setup.js': '' }).kept).toEqual([]);
    const { kept } = reach('make check', { Makefile: 'check:\n\ttrue\n' });
    expect(kept).toContainEqual({ path: 'check', piece: null });
  });

  it('may be gone on with behind it, and nothing else', () => {
    const kept = { path: ROOT, piece: { name: 'test', text: 'mocha' } };
    const now = ['mocha', 'mocha && sh more.sh', 'mocha || true', 'true', 'mocha --grep x'];
    expect(now.map((test) => hasStayed(kept, manifest({ test })))).toEqual([true, true, false, false, false]);
    expect([hasStayed(kept, manifest({})), hasStayed(kept, null)]).toEqual([false, false]);
    const rule = { path: 'Makefile', piece: { name: 'check', text: 'sh a.sh' } };
    const rules = ['\tsh a.sh\n\tsh b.sh\n', '\tsh a.sh || true\n', '\tsh b.sh\n\tsh a.sh\n', ''];
    expect(rules.map((lines) => hasStayed(rule, makefile(lines)))).toEqual([true, false, false, false]);
    expect(hasStayed({ path: 'check.sh', piece: null }, 'x')).toBe(false);
  });
});
