import picomatch from 'picomatch';
import { DEFAULT_PROTECT } from '../../src/config/default-protect';

/** As the edits are judged: the last rule that names a path counts. */
const policyOf = (path: string): string =>
  DEFAULT_PROTECT.findLast(({ glob }) => picomatch(glob, { dot: true })(path))?.policy ?? 'allow';

describe('without rules of its own a task', () => {
  it.each([
    'test_a.py',
    'pkg/test_a.py',
    'pkg/a_test.py',
    'app/tests.py',
    'tests/unit/data.json',
    'test/a.js',
    'src/a.test.ts',
    'src/a.spec.jsx',
    'src/__tests__/a.js',
    'src/__snapshots__/a.js.snap',
    'a-test.mjs',
    'test.js',
    'test-a.js',
    'pkg/a_test.go',
    'pkg/testdata/x.golden',
    'src/test/java/ATest.java',
    'src/AIT.java',
    'A.Tests/ATests.cs',
    'spec/models/user_spec.rb',
    'test/a_test.exs',
    'crates/a/tests/b.rs',
  ])('may only add to the test %s', (path) => {
    expect(policyOf(path)).toBe('add-only');
  });

  it.each([
    'conftest.py',
    'tests/conftest.py',
    'pytest.ini',
    'tox.ini',
    'jest.config.ts',
    'packages/a/vitest.config.mts',
    '.mocharc.json',
    'spec/spec_helper.rb',
    'unittest.py',
    'pytest/__init__.py',
    'sitecustomize.py',
    'node_modules/a/index.js',
    '.github/workflows/ci.yml',
    '.github/actions/a/action.yml',
    '.gitlab-ci.yml',
    '.circleci/config.yml',
    'Jenkinsfile',
    '.husky/pre-commit',
    'package-lock.json',
    'packages/a/yarn.lock',
    'go.sum',
    'Cargo.lock',
    'uv.lock',
  ])('may not touch %s', (path) => {
    expect(policyOf(path)).toBe('deny');
  });

  it.each([
    'src/a.ts',
    'greet.js',
    'pkg/latest.py',
    'src/contest.js',
    'src/testing/index.ts',
    'src/attest.go',
    'docs/spec/openapi.yaml',
    'spec.md',
    'package.json',
    'pyproject.toml',
    'go.mod',
    'README.md',
    '.github/CODEOWNERS',
    'src/Inspector.java',
    'src/Latest.java',
  ])('may change %s', (path) => {
    expect(policyOf(path)).toBe('allow');
  });
});
