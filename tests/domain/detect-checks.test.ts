import { detectChecks, pathsForDetection } from '../../src/domain/detect-checks';

/** Commands found in a repository with these files; an empty text stands for any content. */
function commandsFor(files: Readonly<Record<string, string>>): readonly string[] {
  const readable = new Set(pathsForDetection);
  const found = detectChecks(new Set(Object.keys(files)), (path) => (readable.has(path) ? files[path] : undefined));
  return found.map(({ run }) => run);
}

const manifest = (value: unknown): string => JSON.stringify(value);

describe('detected checks', () => {
  it.each([
    ['a test script', { 'package.json': manifest({ scripts: { test: 'node --test' } }) }, 'npm test'],
    ['jest without a script', { 'package.json': '{}', 'jest.config.js': '' }, 'npx --no-install jest'],
    ['vitest without a script', { 'package.json': '{}', 'vitest.config.ts': '' }, 'npx --no-install vitest run'],
    [
      'mocha without a script',
      { 'package.json': manifest({ devDependencies: { mocha: '11' } }) },
      'npx --no-install mocha',
    ],
    ['pytest.ini', { 'requirements.txt': '', 'pytest.ini': '' }, 'pytest'],
    ['a tests folder', { 'pyproject.toml': '', 'tests/test_a.py': '' }, 'pytest'],
    ['settings of pytest', { 'pyproject.toml': '[tool.pytest.ini_options]\n', 'test/test_a.py': '' }, 'pytest'],
    ['tests at the top', { 'setup.py': '', 'test_a.py': '' }, 'pytest'],
    [
      'a test package',
      { 'setup.py': '', 'test/__init__.py': '', 'test/test_a.py': '' },
      'python3 -m unittest discover -v',
    ],
    ['a test folder', { 'setup.py': '', 'test/test_a.py': '' }, 'python3 -m unittest discover -v -s test'],
    ['rspec', { Gemfile: '', 'spec/a_spec.rb': '' }, 'bundle exec rspec'],
    ['rake', { Gemfile: '' }, 'bundle exec rake test'],
    ['Go', { 'go.mod': '' }, 'go test ./...'],
    ['Rust', { 'Cargo.toml': '' }, 'cargo test'],
    ['Maven', { 'pom.xml': '' }, 'mvn test'],
    ['Gradle with its wrapper', { 'build.gradle': '', gradlew: '' }, './gradlew test'],
    ['Gradle without it', { 'build.gradle.kts': '' }, 'gradle test'],
  ])('know %s', (_, files, command) => expect(commandsFor(files as Record<string, string>)).toEqual([command]));

  it('are none where nothing is known', () => {
    expect(commandsFor({})).toEqual([]);
    expect(commandsFor({ 'README.md': '', 'src/package.json': manifest({ scripts: { test: 'x' } }) })).toEqual([]);
  });

  it('are of the first kind that knows a command', () => {
    const both = { 'package.json': manifest({ scripts: { test: 'x' } }), 'go.mod': '' };
    expect(commandsFor(both)).toEqual(['npm test']);
    expect(commandsFor({ ...both, 'package.json': manifest({ scripts: { lint: 'x' } }) })).toEqual(['go test ./...']);
  });

  it('do not take what npm init writes for a test', () => {
    const test = 'echo "Error: no test specified" && exit 1';
    expect(commandsFor({ 'package.json': manifest({ scripts: { test } }) })).toEqual([]);
  });

  it.each(['', '{', '[]', 'null', '{"scripts":null}', '{"scripts":{"test":7}}', '{"scripts":{"test":" "}}'])(
    'survive the manifest %s',
    (text) => expect(commandsFor({ 'package.json': text, 'Cargo.toml': '' })).toEqual(['cargo test']),
  );

  it('have a short name and a time limit', () => {
    expect(detectChecks(new Set(['go.mod']), () => undefined)).toEqual([
      { name: 'go test', run: 'go test ./...', timeoutSeconds: 300 },
    ]);
  });
});
