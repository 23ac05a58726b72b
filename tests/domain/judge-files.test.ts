import { hasTestPart, namedByCheck, withTestPartOf } from '../../src/domain/judge-files';

const manifest = (value: unknown): string => JSON.stringify(value);

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

  it('is in no other file', () => {
    expect(['package.json', 'a/setup.cfg', 'Makefile', 'src/a.js'].map(hasTestPart)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

const has = (path: string): boolean =>
  ['check.sh', 'scripts/test.py', 'src/cli.js', 'run-tests', 'check.js'].includes(path);

describe('files that a check names', () => {
  it('are those that check, not the program that is checked', () => {
    expect(namedByCheck('sh ./check.sh && python scripts/test.py; ./run-tests "check.js"', has)).toEqual([
      'check.sh',
      'scripts/test.py',
      'run-tests',
      'check.js',
    ]);
    expect(namedByCheck('node src/cli.js --self | grep ok', has)).toEqual([]);
  });
});
