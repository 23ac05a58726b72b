import picomatch from 'picomatch';
import {
  hasTestPart,
  MEASURE_FILES,
  RECIPE_FILES,
  RUNNER_FILES,
  TEST_FILES,
  withTestPartOf,
} from '../../src/domain/judge-files';

const manifest = (value: unknown): string => JSON.stringify(value);

const surefire = (inside: string): string =>
  `<plugin><groupId>o</groupId><artifactId>maven-surefire-plugin</artifactId>${inside}</plugin>`;
const pom = (properties: string, plugin = ''): string =>
  `<project><properties><x.version>1</x.version>${properties}</properties><build><plugins><plugin><artifactId>other</artifactId></plugin>${plugin}</plugins></build></project>`;
const gradle = (inside: string): string =>
  `plugins { id 'java' }\ndependencies {\n  implementation('x:x:1') { exclude group: 'y' }\n}\n${inside}`;

const members = (list: string, more = ''): string => `[workspace]\nmembers = [${list}]\n${more}`;
const tools = (chai: string): string => manifest({ devDependencies: { chai } });

describe('the part of a file that is about tests', () => {
  it('of package.json is what npm runs and how runners are set', () => {
    const before = manifest({ name: 'a', scripts: { test: 'jest' }, jest: { bail: 1 }, dependencies: { x: '1' } });
    const now = manifest({ name: 'a', scripts: { test: 'true', more: 'x' }, vitest: {}, dependencies: { x: '2' } });
    expect(JSON.parse(withTestPartOf('package.json', before, now))).toEqual({
      name: 'a',
      dependencies: { x: '2' },
      scripts: { test: 'jest' },
      jest: { bail: 1 },
    });
  });

  it('of deno.json is what it runs and takes for tests, not what it imports', () => {
    const before = manifest({ tasks: { test: 'deno test' }, imports: { x: '1' } });
    const now = manifest({ tasks: { test: 'true' }, test: { exclude: ['**'] }, imports: { x: '1', y: '2' } });
    for (const name of ['deno.json', 'packages/a/deno.jsonc'])
      expect(JSON.parse(withTestPartOf(name, before, now))).toEqual({
        tasks: { test: 'deno test' },
        imports: { x: '1', y: '2' },
      });
  });

  it('leaves the file as it is, to the byte, if that part is the same', () => {
    const now = '{"scripts": {"test":"jest"},\n "dependencies": {"x": "2"}}';
    expect(withTestPartOf('packages/a/package.json', manifest({ scripts: { test: 'jest' } }), now)).toBe(now);
  });

  it('of a manifest that npm cannot read is the whole of it', () => {
    expect(withTestPartOf('package.json', '{"scripts":{}}', '{')).toBe('{"scripts":{}}');
  });

  it('of pyproject.toml and setup.cfg are the sections of the tools that test', () => {
    const before = '[project]\nname = "a"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n';
    const now = '[project]\nname = "b"\n\n[tool.pytest.ini_options]\naddopts = "--co"\n\n[tool.black]\nx = 1\n';
    const put = withTestPartOf('pyproject.toml', before, now);
    expect(put).toContain('name = "b"');
    expect(put).toContain('addopts = "-q"');
    expect(put).toContain('[tool.black]');
    expect(put).not.toContain('--co');
    expect(withTestPartOf('setup.cfg', null, '[metadata]\nname = a\n[tool:pytest]\naddopts = --co\n')).toBe(
      '[metadata]\nname = a\n',
    );
  });

  it('of pyproject.toml is a plug-in of pytest that the project brings too', () => {
    const before = '[project]\nname = "a"\n';
    const now = `${before}\n[project.entry-points.pytest11]\nmine = "a.lies"\n`;
    expect(withTestPartOf('pyproject.toml', before, now)).toBe(before);
  });

  const cargo = '[package]\nname = "a"\n\n[dependencies]\nx = "1"\n';
  const go = 'module a\n\nrequire github.com/x/assert v1.0.0\n';
  it.each([
    ['Cargo.toml', cargo, `${cargo}\n[[test]]\nname = "all"\nharness = false\n`],
    ['Cargo.toml', cargo, cargo.replace('name = "a"', 'name = "a"\nautotests = false')],
    ['core/Cargo.toml', cargo, `${cargo}\n[lib]\ntest = false\n`],
    ['Cargo.toml', cargo, `${cargo}\n[patch.crates-io]\nassert = { path = "mine" }\n`],
    ['Cargo.toml', cargo, `${cargo}\n[dev-dependencies]\nassert = { path = "mine" }\n`],
    ['Cargo.toml', members('"a", "b"'), members('"a"')],
    ['Cargo.toml', members('"a", "b"'), members('"a", "b"', 'default-members = ["a"]\n')],
    ['go.mod', go, `${go}replace github.com/x/assert => ./assert\n`],
    ['go.mod', go, `${go}replace (\n\tgithub.com/x/assert => ./assert\n)\n`],
    ['pom.xml', pom(''), pom('<maven.test.skip>true</maven.test.skip>')],
    ['pom.xml', pom(''), pom('<skipTests>true</skipTests>')],
    ['pom.xml', '<modules><module>a</module><module>b</module></modules>', '<modules><module>a</module></modules>'],
    ['tsconfig.json', '{"include": ["src"]}', '{"include": ["src/good.ts"]}'],
    ['tsconfig.json', '{"extends": "./strict.json"}', '{"extends": "./loose.json"}'],
    ['package.json', manifest({ workspaces: ['a', 'b'] }), manifest({ workspaces: ['a'] })],
    ['package.json', manifest({ workspaces: { packages: ['a', 'b'] } }), manifest({ workspaces: { packages: ['b'] } })],
    ['package.json', tools('^5.0.0'), tools('file:./mine')],
    ['package.json', tools('5'), manifest({ devDependencies: { chai: '5' }, overrides: { chai: 'file:./mine' } })],
    ['core/pom.xml', pom('', surefire('')), pom('', surefire('<configuration><excludes/></configuration>'))],
    ['build.gradle', gradle(''), gradle('test { enabled = false }')],
    ['build.gradle.kts', gradle('tasks.test { }'), gradle('tasks.test { exclude("**") }')],
  ])('of %s takes the whole file with it', (path, before, now) => {
    expect(withTestPartOf(path, before, now)).toBe(before);
    expect(withTestPartOf(path, null, now)).toBe(now);
  });

  it.each([
    ['Cargo.toml', cargo, `${cargo}y = "2"\n`],
    ['Cargo.toml', cargo, `${cargo}\n[dev-dependencies]\nassert = "1"\n`],
    ['Cargo.toml', members('"a"'), members('"a", "b"')],
    ['package.json', manifest({ workspaces: ['a'] }), manifest({ workspaces: ['b', 'a'] })],
    ['package.json', tools('^5.0.0'), tools('^6.0.0')],
    ['go.mod', go, go.replace('v1.0.0', 'v1.1.0')],
    ['pom.xml', pom('', surefire('')), pom('<y.version>2</y.version>', surefire(''))],
    ['build.gradle', gradle('test { }'), gradle('test { }').replace("('x:x:1')", "('x:x:2')")],
  ])('of %s is none where only dependencies change', (path, before, now) => {
    expect(withTestPartOf(path, before, now)).toBe(now);
  });

  const cmake = 'add_executable(a a.c)\nadd_test(NAME a COMMAND a)\n';
  const meson = "e = executable('a', 'a.c')\ntest('a', e)\n";
  const bazel = 'cc_test(\n    name = "a",\n    srcs = ["a.cc"],\n)\n';
  const tsconfig = '{ // types\n  "compilerOptions": { "strict": true, "target": "es2022" } }';
  const mypy = '[mypy]\nstrict = True\n';
  it.each([
    ['CMakeLists.txt', cmake, cmake.replace(/add_test.*\n/, '')],
    ['CMakeLists.txt', cmake, `${cmake}set_tests_properties(a PROPERTIES DISABLED TRUE)\n`],
    ['meson.build', meson, meson.replace("test('a', e)", '')],
    ['src/BUILD.bazel', bazel, bazel.replace('srcs', 'tags = ["manual"],\n    srcs')],
    ['tsconfig.json', tsconfig, tsconfig.replace('true', 'false')],
    ['tsconfig.json', tsconfig, tsconfig.replace('{ //', '{ "exclude": ["src"], //')],
  ])('of %s is which tests there are, and how strict they are', (path, before, now) => {
    expect(withTestPartOf(path, before, now)).toBe(before);
  });

  it.each([
    ['CMakeLists.txt', cmake, `${cmake.replace('a.c)', 'a.c b.c)')}add_test(NAME b COMMAND b)\n`],
    ['meson.build', meson, `${meson}test('b', e)\n`],
    ['BUILD', bazel, bazel.replace('"a.cc"', '"a.cc", "b.cc"')],
    ['tsconfig.json', tsconfig, tsconfig.replace('es2022', 'es2023')],
    ['mypy.ini', mypy, `${mypy}\n[mypy-yaml.*]\nignore_missing_imports = True\n`],
    ['pyproject.toml', '', '[[tool.mypy.overrides]]\nmodule = "yaml.*"\nignore_missing_imports = true\n'],
    ['testing.py', 'def f(): pass\n', 'def f(): return 1\n'],
  ])('of %s is none where a source, a test or a dependency comes', (path, before, now) => {
    expect(withTestPartOf(path, before, now)).toBe(now);
  });

  it('of settings are also the sections of linters', () => {
    expect(withTestPartOf('mypy.ini', mypy, `${mypy}\n[mypy-a]\nignore_errors = True\n`)).toBe(mypy);
    const ruff = '[tool.ruff]\nselect = ["E"]\n';
    expect(withTestPartOf('pyproject.toml', ruff, ruff.replace('"E"', ''))).toBe(ruff);
    const eslint = manifest({ eslintConfig: { rules: { a: 2 } } });
    const weaker = withTestPartOf('package.json', eslint, manifest({ eslintConfig: { rules: { a: 0 } } }));
    expect(JSON.parse(weaker)).toEqual(JSON.parse(eslint));
  });

  it('is in no other file', () => {
    const paths = ['package.json', 'a/setup.cfg', 'b/pom.xml', 'Makefile', 'src/a.js'];
    expect(paths.map(hasTestPart)).toEqual([true, true, true, false, false]);
  });
});

describe('files that judge by their names', () => {
  const LISTS = { test: TEST_FILES, runner: RUNNER_FILES, recipe: RECIPE_FILES, measure: MEASURE_FILES };
  const listOf = (path: string): string =>
    Object.entries(LISTS).find(([, globs]) => picomatch([...globs], { dot: true })(path))?.[0] ?? 'none';

  it.each([
    ['test', 'integration-tests/a.py Calc.Tests/UnitTest1.cs app/src/androidTest/A.kt lib/calc_spec.js calc.Tests.ps1'],
    ['runner', 'src/setupTests.ts jest-setup.js tests-setup.mjs .proverc'],
    ['recipe', 'local.make Makefile.local rust-toolchain.toml x-1.0.dist-info/entry_points.txt'],
    [
      'measure',
      'expected.txt cases/sum.expected.txt expected/a.json src/testutils.ts testing/same.py internal/testutil/eq.go',
    ],
    ['measure', 'vendor/github.com/stretchr/testify/assert/assert.go include/assert.h'],
    [
      'none',
      'src/tested.ts src/expected.ts contest/a.py vendor/github.com/x/y/y.go src/testing/bed.ts Makefile.am assert.c',
    ],
  ])('are of the kind %s: %s', (kind, paths) => {
    expect(paths.split(' ').map((path) => [path, listOf(path)])).toEqual(paths.split(' ').map((path) => [path, kind]));
  });
});
