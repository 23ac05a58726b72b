/** The files that judge the work: tests, what steers them, and the parts of others that say how they are run. */
import { mayHoldTests, withInlineTestsOf } from './inline/inline-tests.js';
import { baseName } from './path-parts.js';
import { isObject } from './plain-object.js';

/**
 * Tests may be added, and lines may be added to tests; what a test says already stays. `deny` would be safer still, but it
 * refuses new files too, and a good change brings its test. What an added line can do to the tests around it is seen by the
 * guard `weakenedTests`, and by the tests of the base, which are run again on what is to land.
 */
export const TEST_FILES: readonly string[] = [
  '**/{test,tests,Test,Tests,__tests__,testdata,__snapshots__}/**',
  '**/{unit,integration,functional,acceptance,e2e,smoke,regression,system,api}{-,_}{test,tests}/**',
  '**/{androidTest,commonTest,jvmTest,jsTest,nativeTest,integrationTest,functionalTest,testFixtures}/**',
  '**/*.{Test,Tests,UnitTests,IntegrationTests,Specs}/**',
  '**/{UnitTests,IntegrationTests,__specs__}/**',
  // Python
  '**/{test,tests}_*.py',
  '**/*_{test,tests}.py',
  '**/tests.py',
  // JavaScript, TypeScript: what node --test, jest, vitest, mocha, jasmine and cypress take for tests
  '**/*.{test,spec,cy,e2e,e2e-spec}.*',
  '**/*{-,_}{test,spec}.{js,mjs,cjs,ts,mts,cts}',
  '**/test-*.{js,mjs,cjs,ts,mts,cts}',
  '**/{test,tests}.{js,mjs,cjs,ts,mts,cts}',
  'spec/**/*.{js,mjs,cjs,ts,mts,cts,jsx,tsx,coffee}',
  '**/spec/**/*{S,s}pec.{js,mjs,cjs,ts,mts,cts}',
  '**/cypress/{e2e,integration,component}/**',
  '**/*.snap',
  // Go
  '**/*_test.go',
  // Java, Kotlin, Scala, C#, PHP, Swift
  '**/*{Test,Tests,TestCase,IT,Spec,Cest,Cept}.{java,kt,kts,scala,groovy,cs,php,swift}',
  '**/*.phpt',
  // C, C++, Objective-C
  '**/*{_test,_tests,_unittest,Test,Tests}.{c,cc,cpp,cxx,m,mm}',
  '**/test_*.{c,cc,cpp,cxx}',
  // Ruby, Elixir, Dart, Rust, Lua, Clojure, Haskell, Erlang
  '**/spec/**/*.rb',
  '**/*_{spec,test}.{rb,exs,dart,rs,lua,clj,cljc,cljs}',
  '**/{tests.rs,*Spec.hs,*_SUITE.erl,*_tests.erl}',
  // Perl, shell, PowerShell, Solidity, Gherkin, Robot Framework
  '**/*.{t,bats,feature,robot,Tests.ps1,t.sol}',
  '**/{test_*,*_test}.sh',
];

/**
 * Files that only steer a test runner: one line in them leaves out every test, and they hold nothing that a task needs.
 * Files with other uses (package.json, pyproject.toml, Cargo.toml, pom.xml, Makefile) are not among them, since adding a
 * dependency or an entry point is ordinary work: of those the gate puts back what concerns tests, and runs the checks once more.
 */
export const RUNNER_FILES: readonly string[] = [
  '**/conftest.py',
  '**/{pytest.ini,.pytest.ini,pytest.toml,.pytest.toml,tox.ini,noxfile.py,nose.cfg,unittest.cfg,.coveragerc}',
  '**/{sitecustomize,usercustomize}.py',
  // Python runs what lies at the top before what is installed.
  '{unittest,pytest,_pytest}{.py,/**}',
  '**/node_modules/**',
  '**/{jest,vitest,karma,playwright,cypress,ava,wdio,web-test-runner}.{config,*.config}.*',
  '**/{karma,wdio,protractor,nightwatch}.conf.*',
  '**/{jest,vitest,mocha}{.,-,_}{setup,preset}.{js,mjs,cjs,ts,mts,cts,tsx,jsx}',
  '**/{setup,setup-,setup_,setup.}{Test,Tests,Jest,Vitest,test,tests,jest,vitest,mocha}.{js,mjs,cjs,ts,mts,cts,tsx,jsx}',
  '**/{test,tests}{-,_}setup.{js,mjs,cjs,ts,mts,cts,py}',
  '**/jest-*.json',
  '**/{vitest.workspace.*,cypress.json,testem.*,.testcaferc*}',
  '**/{.mocharc*,.taprc,.nycrc*,.c8rc*,.proverc,CTestCustom.cmake,CTestCustom.ctest}',
  '**/{phpunit.xml,phpunit.xml.dist,.rspec,spec_helper.rb,rails_helper.rb}',
  // Rust, .NET
  '**/.config/nextest.toml',
  '**/{*.runsettings,xunit.runner.json}',
];

/**
 * Files whose recipes are commands, of which a check may be one, and settings that runners, compilers of tests and package
 * managers read beside other programs: which program `test` starts, which tests are left out, with which flags.
 * What also lists dependencies (pom.xml, build.gradle, Cargo.toml) is not among them: without its new ones nothing would build.
 */
export const RECIPE_FILES: readonly string[] = [
  '**/{vite,babel}.config.*',
  '**/{.babelrc*,.swcrc,tsconfig*.{test,spec}*.json,tsconfig.{test,spec}s.json}',
  '**/{.npmrc,.yarnrc,.yarnrc.yml,.pnpmfile.cjs,.pnp.*,bunfig.toml}',
  '**/.yarn/{releases,plugins}/**',
  '**/{nx,project,turbo,angular,lerna}.json',
  '**/.cargo/{config,config.toml}',
  // Which program a name stands for.
  '**/{rust-toolchain,rust-toolchain.toml,.tool-versions,mise.toml,.mise.toml,.envrc,global.json,.bazelrc}',
  // As if it were installed, with plug-ins of pytest.
  '**/*.{dist-info,egg-info}/**',
  '**/{gradle.properties,settings.gradle,settings.gradle.kts,gradlew,mvnw}',
  '**/{gradle/wrapper,.mvn}/**',
  '**/Directory.Build.{props,targets}',
  '**/{Makefile,makefile,GNUmakefile,Makefile.{local,inc,config,common,test,vars,rules},*.mk,*.mak,*.make,justfile,Justfile,.justfile,Rakefile}',
  '**/{Taskfile.yml,Taskfile.yaml}',
  '**/{Gruntfile,gulpfile,Gulpfile}.*',
];

/**
 * What linters, formatters and readers of types are told to look for, and what tests compare with. A good change may touch them
 * (a fixture gets a case, a rule an exception), so nobody is kept from it; but what was there before has to pass without.
 */
export const MEASURE_FILES: readonly string[] = [
  '**/{.eslintrc*,.eslintignore,eslint.config.*,.oxlintrc.json,biome.json,biome.jsonc,tslint.json,.jshintrc,.jshintignore}',
  '**/{.stylelintrc*,stylelint.config.*,.prettierrc*,.prettierignore,prettier.config.*,.editorconfig,.markdownlint*}',
  '**/{ruff.toml,.ruff.toml,.flake8,.pylintrc,pylintrc,pyrightconfig.json,.rubocop.yml,.rubocop_todo.yml}',
  '**/{.golangci.*,clippy.toml,.clippy.toml,rustfmt.toml,.rustfmt.toml,.clang-tidy,.clang-format,.swiftlint.yml}',
  '**/{phpstan.neon*,psalm.xml*,phpcs.xml*,detekt.yml,checkstyle.xml,analysis_options.yaml,.credo.exs,.yamllint*}',
  '{fixture,fixtures}/**',
  '**/{fixture,fixtures}/**/*.{json,jsonl,yaml,yml,toml,xml,csv,tsv,txt,html,svg,sql,out,expected}',
  '**/{__fixtures__,__mocks__,golden,goldens}/**',
  '**/*.{golden,expected,approved.*}',
  '**/{expected,expectations}/**',
  '**/{expected,golden,*[-_.]{expected,golden},{expected,golden}[-_.]*}.{json,jsonl,yaml,yml,toml,xml,csv,tsv,txt,html,out}',
  // What tests are written with, where a project keeps its own copy.
  '**/vendor/{github.com/stretchr/testify,github.com/onsi,github.com/google/go-cmp,gotest.tools,phpunit,mockery}/**',
  '**/{assert,cassert,unity,greatest,munit,minunit,acutest,utest,cmocka,catch,catch_amalgamated,doctest}.{h,hpp}',
  '**/{gtest,gmock,googletest,catch2,Catch2}/**',
  // What tests are made of: `testutil`, `test-helpers`, `testing_tools`, `test_support`.
  '**/{test,tests,testing}{,-,_}{util,utils,helper,helpers,support,tools,lib,common,kit}{,.*,/**}',
  '{testing,test-support}/**',
  '**/internal/{assert,require}/**',
  '**/spec/{fixtures,support,factories}/**',
];

/** Whether only a part of the file is about tests. */
export const hasTestPart = (path: string): boolean => partOf(path) !== null;

/** The file as it is now with the part that is about tests as it was; the same text if that part is the same. */
export function withTestPartOf(path: string, before: string | null, now: string): string {
  const put = partOf(path);
  return put === null ? now : put(before ?? '', now);
}

type PutPart = (before: string, now: string) => string;

function partOf(path: string): PutPart | null {
  if (mayHoldTests(path)) return (before, now) => (before === '' ? now : withInlineTestsOf(path, before, now));
  const name = baseName(path);
  if (name === 'package.json') return putPackage;
  if (name === 'deno.json' || name === 'deno.jsonc') return putManifest(DENO_KEYS);
  if (name === 'composer.json') return putManifest(COMPOSER_KEYS);
  if (name === 'pyproject.toml') return putSections(TOML_TESTS);
  if (name === 'setup.cfg') return putSections(CFG_TESTS);
  if (name === 'mypy.ini' || name === '.mypy.ini') return putSections(/^\s*\[\s*mypy/);
  const listing = LISTINGS.find(({ names }) => names.test(name));
  if (listing !== undefined) return putUnlessKept(listing);
  const steering = STEERING.find(({ names }) => names.test(name));
  return steering === undefined ? null : putWhole(steering);
}

/** What composer runs. */
const COMPOSER_KEYS = ['scripts'] as const;

/** What npm runs, and the settings of runners and linters that live in the manifest. */
const MANIFEST_KEYS =
  'scripts jest vitest mocha ava tap nyc c8 eslintConfig eslintIgnore stylelint xo standard prettier'.split(' ');

/** What deno runs, and which files it takes for tests; the imports are dependencies. */
const DENO_KEYS = ['tasks', 'test', 'exclude'] as const;

/** Which packages are asked for their tests; new ones come with ordinary work. */
const workspacesIn = (value: unknown): readonly unknown[] => {
  const listed: unknown = !Array.isArray(value) && isObject(value) ? value['packages'] : value;
  return Array.isArray(listed) ? listed : [];
};

/** What tests are written with, where a folder, an address or another package stands in place of it. */
const replacedTools = (manifest: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([
    Object.entries(isObject(manifest['devDependencies']) ? manifest['devDependencies'] : {}).filter(
      ([, source]) => typeof source === 'string' && /^(?:file|link|portal|npm|git[\w+]*|https?):/.test(source),
    ),
    ...['overrides', 'resolutions'].map((key) => manifest[key] ?? null),
    isObject(manifest['pnpm']) ? (manifest['pnpm']['overrides'] ?? null) : null,
  ]);

const putPackage: PutPart = (before, now) => {
  const put = putManifest(MANIFEST_KEYS)(before, now);
  const [old, fresh] = [parsed(before), parsed(put)];
  if (!isObject(old) || !isObject(fresh)) return put;
  const left = new Set(workspacesIn(fresh['workspaces']).map((each) => JSON.stringify(each)));
  const isKept = workspacesIn(old['workspaces']).every((each) => left.has(JSON.stringify(each)));
  return isKept && replacedTools(old) === replacedTools(fresh) ? put : before;
};

const putManifest =
  (keys: readonly string[]): PutPart =>
  (before, now) => {
    const [old, fresh] = [parsed(before), parsed(now)];
    // What cannot be read (npm takes no comments, and of deno's nothing is known) is as it was, then.
    if (!isObject(fresh)) return before === '' ? now : before;
    const parts = isObject(old) ? old : {};
    if (keys.every((key) => JSON.stringify(parts[key]) === JSON.stringify(fresh[key]))) return now;
    const kept = Object.entries(fresh).filter(([key]) => !keys.includes(key));
    const put = keys.flatMap((key) => (parts[key] === undefined ? [] : [[key, parts[key]]]));
    return `${JSON.stringify(Object.fromEntries([...kept, ...put]), null, 2)}\n`;
  };

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The caller says what stands in place of it.
    return null;
  }
}

/** With the plug-ins of pytest that a project brings: they run inside the runner. */
const TOML_TESTS =
  /^\s*\[\[?\s*(?:tool\.(?:pytest|coverage|tox|nox|hatch\.envs|poe|pdm\.scripts|rye\.scripts|pixi\.tasks|taskipy|ruff|mypy|pylint|flake8|pyright|basedpyright)\b|(?:project\.entry-points|tool\.poetry\.plugins)\.["']?pytest11\b)/;
const CFG_TESTS =
  /^\s*\[\s*(?:tool:pytest|pytest|coverage:|aliases|test|options\.entry_points|flake8|mypy|pylint|pycodestyle)/;
/** Says of a library without types that it has none, which comes with every new one. */
const ONLY_UNTYPED =
  /^\s*\[[^\n]*mypy[^\n]*\][ \t]*(?:\n[ \t]*(?:#[^\n]*|module[ \t]*=[^\n]*|ignore_missing_imports[ \t]*=[^\n]*)?)+$/;

const judges = (section: string, isTest: RegExp): boolean => isTest.test(section) && !ONLY_UNTYPED.test(section);

/** Without the blank lines between them. */
const said = (parts: readonly string[]): string => parts.map((section) => section.trim()).join('\n');

const putSections =
  (isTest: RegExp): PutPart =>
  (before, now) => {
    const parts = (text: string) => sections(text).filter((section) => judges(section, isTest));
    const [old, fresh] = [parts(before), parts(now)];
    if (said(old) === said(fresh)) return now;
    const others = sections(now).filter((section) => !judges(section, isTest));
    return `${[...others, ...old].map((section) => section.replace(/\n*$/, '\n')).join('\n')}`;
  };

/** From one header to the next; what stands before the first is a section too. */
const sections = (text: string): readonly string[] => text.split(/\n(?=\s*\[)/).filter((section) => section !== '');

/**
 * Files in which dependencies stand beside what decides over tests, in a form that cannot be taken apart safely: if the second
 * has changed, the whole file is as it was. A change that needs both at once is refused then, until the task says `allow`.
 */
const putWhole =
  ({ part, asked }: Steering): PutPart =>
  (before, now) => {
    if (before === '') return now;
    if (!isReadable(before) || !isReadable(now) || part(before) !== part(now)) return before;
    const left = new Set(asked?.(now));
    return (asked?.(before) ?? []).every((each) => left.has(each)) ? now : before;
  };

/** A build file that people write has a tenth of it; a longer one would keep its readers busy, and counts as changed. */
const BUILD_FILE_CHARACTERS_MAX = 100_000;
const isReadable = (text: string): boolean => text.length <= BUILD_FILE_CHARACTERS_MAX;

interface Steering {
  readonly names: RegExp;
  readonly part: (text: string) => string;
  /** The modules of a build whose tests are run: new ones come with ordinary work, and none may be left out. */
  readonly asked?: (text: string) => readonly string[];
}

const matches =
  (pattern: RegExp) =>
  (text: string): string =>
    (text.match(pattern) ?? []).join('\n');

/** Which targets are tested and how: `harness = false`, `test = false`, `autotests = false`; a crate in place of another. */
const CARGO_TARGETS = /^\s*\[\[?\s*(?:test|bench|lib|bin|example|profile|patch|replace)\b/;
/** What tests are written with, where it is not the registry's; and which packages of several are left out. */
const CARGO_TOOLS = /^\s*\[[^\]\n]*dev-dependencies\b/;
const CARGO_SOURCE = /^.*\b(?:path|git|package)\s*=.*$/gm;
const CARGO_LEFT_OUT = /^\s*(?:exclude|default-members)\s*=\s*(?:\[[^\]]*\])?/gm;
const CARGO_MEMBERS = /^\s*members\s*=\s*\[([^\]]*)\]/m;
const CARGO_AUTO = /^\s*auto(?:tests|benches|bins|examples)\s*=.*$/gm;

/** A module in place of another: of the library that tests compare with, for one. */
const GO_DIRECTIVES = /^(?:replace|exclude|tool|ignore)\s*(?:\([^)]*\)|[^\n]*)/gm;

/** The plug-ins that run tests, and properties that they read. */
const POM_TESTS =
  /<plugin>(?:(?!<\/plugin>)[^])*?<artifactId>\s*[\w.-]*(?:surefire|failsafe|gmavenplus|scalatest|ant-?run)[\w.-]*\s*<\/artifactId>(?:(?!<\/plugin>)[^])*<\/plugin>|<(maven\.test\.[\w.]+|(?:surefire|failsafe)\.[\w.]+|[\w.]*skip[\w.]*(?:Tests?|ITs|tests?)[\w.]*|testFailureIgnore|testSourceDirectory|excludedGroups|groups|argLine)>[^<]*<\/\1>/g;

/** How strictly types are read, and in which files. */
const TSCONFIG_CHECKS =
  /"(?:strict\w*|no(?:Implicit|Unchecked|Unused|Fallthrough|PropertyAccess|Check)\w*|exactOptional\w*|allowUn\w*|skipLibCheck|checkJs)"\s*:\s*\w+|"(?:exclude|include|files|references)"\s*:\s*\[[^\]]*\]|"extends"\s*:\s*(?:"[^"]*"|\[[^\]]*\])/g;

/** Of a build that is a program: all but the blocks in which nothing is carried out. */
const DECLARING = /(?:^|\n)[ \t]*(?:dependencies|repositories|plugins)\s*\{/;

function gradleProgram(text: string): string {
  const start = DECLARING.exec(text);
  if (start === null) return text.replaceAll(/\s+/g, ' ').trim();
  const open = start.index + start[0].length;
  let depth = 1;
  let end = open;
  for (; end < text.length && depth > 0; end += 1) {
    if (text[end] === '{') depth += 1;
    else if (text[end] === '}') depth -= 1;
  }
  return gradleProgram(`${text.slice(0, start.index)}\n${text.slice(end)}`);
}

const STEERING: readonly Steering[] = [
  {
    names: /^Cargo\.toml$/,
    part: (text) =>
      [
        ...sections(text).filter((section) => CARGO_TARGETS.test(section)),
        ...sections(text)
          .filter((section) => CARGO_TOOLS.test(section))
          .map(matches(CARGO_SOURCE))
          .filter((source) => source !== ''),
        matches(CARGO_AUTO)(text),
        matches(CARGO_LEFT_OUT)(text),
      ].join('\n'),
    asked: (text) => (CARGO_MEMBERS.exec(text)?.[1] ?? '').match(/"[^"]*"/g) ?? [],
  },
  { names: /^go\.(?:mod|work)$/, part: matches(GO_DIRECTIVES) },
  { names: /^pom\.xml$/, part: matches(POM_TESTS), asked: (text) => text.match(/<module>[^<]*<\/module>/g) ?? [] },
  { names: /^build\.gradle(?:\.kts)?$/, part: gradleProgram },
  { names: /^[tj]sconfig[\w.-]*\.json$/, part: matches(TSCONFIG_CHECKS) },
];

/** Builds that name each of their tests and sources: new ones come with ordinary work, and none may go or be switched off. */
interface Listing {
  readonly names: RegExp;
  readonly tests: RegExp;
  readonly how: RegExp;
}

const LISTINGS: readonly Listing[] = [
  {
    names: /^CMakeLists\.txt$/,
    tests: /\b(?:add_test|gtest_\w+|catch_discover_tests|enable_testing|add_subdirectory)\s*\([^)]*\)/gi,
    how: /\bset_(?:tests_properties\s*\(|property\s*\(\s*TEST\b)[^)]*\)/gi,
  },
  { names: /^meson\.build$/, tests: /\b(?:test|subdir)\s*\([^)]*\)/g, how: /\bshould_fail\b[^,)]*/g },
  { names: /^BUILD(?:\.bazel)?$/, tests: /\b\w+_test\s*\(\s*name\s*=\s*"[^"]*"/g, how: /"manual"/g },
];

const putUnlessKept =
  ({ tests, how }: Listing): PutPart =>
  (before, now) => {
    if (before === '' || !isReadable(before) || !isReadable(now)) return before === '' ? now : before;
    const left: string[] = [...(now.match(tests) ?? [])];
    const isKept = (before.match(tests) ?? []).every((test) => {
      const at = left.indexOf(test);
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    });
    return isKept && matches(how)(before) === matches(how)(now) ? now : before;
  };
