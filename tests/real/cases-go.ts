import { swap, type RealCase } from './case.js';

const TEST_PATH = 'known_bug_test.go';
/** The packages' own tests run too. Modules without requirements: nothing is looked up, with or without a network. */
const TEST_COMMAND = 'GOFLAGS=-mod=readonly GOPROXY=off GOTOOLCHAIN=local go test -vet=off -v .';

const goVersion: RealCase = {
  name: 'go-version-nil-equal',
  language: 'go',
  package: 'github.com/hashicorp/go-version',
  base: { version: 'v1.2.0', sha256: 'a3231adb6bf029750970de2955e82e41e4c062b94eb73683e9111aa0c0841008' },
  fixed: { version: 'v1.2.1', sha256: '298fa21c63542d6351c273bade80a36404113c86bb7a258ed00770833db3e1ef' },
  title: 'Equal panics when one of the versions is nil',
  description:
    'Version is used by pointer, and comparison libraries call Equal on whatever two pointers they hold. ' +
    'With a nil on either side it dereferences the nil pointer and panics.',
  criteria: ['Two nil versions are equal.', 'A nil version equals no other.', 'Nothing panics.'],
  fixedFiles: ['version.go'],
  test: {
    path: TEST_PATH,
    names: ['TestEqualOfNilAndNil', 'TestEqualOfNilAndVersion', 'TestEqualOfVersions'],
    content: `package version

import "testing"

func equal(t *testing.T, a, b *Version) bool {
	t.Helper()
	defer func() {
		if cause := recover(); cause != nil {
			t.Fatalf("Equal panicked: %v", cause)
		}
	}()
	return a.Equal(b)
}

func TestEqualOfNilAndNil(t *testing.T) {
	if !equal(t, nil, nil) {
		t.Fatal("two nil versions should be equal")
	}
}

func TestEqualOfNilAndVersion(t *testing.T) {
	some := Must(NewVersion("1.4.0"))
	if equal(t, nil, some) || equal(t, some, nil) {
		t.Fatal("a nil version should equal no other")
	}
}

func TestEqualOfVersions(t *testing.T) {
	if !equal(t, Must(NewVersion("1.4")), Must(NewVersion("1.4.0"))) {
		t.Fatal("1.4 should equal 1.4.0")
	}
	if equal(t, Must(NewVersion("1.4")), Must(NewVersion("1.5"))) {
		t.Fatal("1.4 should not equal 1.5")
	}
}
`,
  },
  testCommand: TEST_COMMAND,
  // Answers for two nils, and still panics with one.
  wrong: {
    path: 'version.go',
    change: (source) =>
      swap(
        source,
        /^func \(v \*Version\) Equal\(o \*Version\) bool \{$/m,
        '$&\n\tif v == nil && o == nil {\n\t\treturn true\n\t}\n',
      ),
  },
};

const goWordwrap: RealCase = {
  name: 'go-wordwrap-characters',
  language: 'go',
  package: 'github.com/mitchellh/go-wordwrap',
  base: { version: 'v1.0.0', sha256: '9ea185f97dfe616da351b63b229a5a212b14ac0e23bd3f943e39590eadb38031' },
  fixed: { version: 'v1.0.1', sha256: '5f96426c4b3b3e90a9b7471568cb1d61d6a306744f5d4765a30fa8a61e1c0b47' },
  title: 'Lines with other than ASCII characters are wrapped too early',
  description:
    'The limit is given in characters, but words are measured in bytes, so text with accents or in other scripts is broken ' +
    'before its line is full. Lines are also broken at no-break spaces.',
  criteria: ['Width is counted in characters.', 'A no-break space never ends a line.', 'Plain text wraps as before.'],
  fixedFiles: ['wordwrap.go'],
  test: {
    path: TEST_PATH,
    names: ['TestWidthIsCountedInCharacters', 'TestNoBreakSpaceHolds', 'TestPlainTextWraps'],
    content: `package wordwrap

import "testing"

func expectWrapped(t *testing.T, text string, limit uint, wanted string) {
	t.Helper()
	if got := WrapString(text, limit); got != wanted {
		t.Fatalf("%q at %d became %q, not %q", text, limit, got, wanted)
	}
}

func TestWidthIsCountedInCharacters(t *testing.T) {
	expectWrapped(t, "\\u00e9t\\u00e9 \\u00e9t\\u00e9", 7, "\\u00e9t\\u00e9 \\u00e9t\\u00e9")
	expectWrapped(t, "\\u00e9t\\u00e9 \\u00e9t\\u00e9", 6, "\\u00e9t\\u00e9\\n\\u00e9t\\u00e9")
}

func TestNoBreakSpaceHolds(t *testing.T) {
	expectWrapped(t, "go 10\\u00a0km now", 6, "go\\n10\\u00a0km\\nnow")
}

func TestPlainTextWraps(t *testing.T) {
	expectWrapped(t, "one two three", 7, "one two\\nthree")
}
`,
  },
  testCommand: TEST_COMMAND,
  // Keeps the no-break space together, and still counts bytes.
  wrong: {
    path: 'wordwrap.go',
    change: (source) => swap(source, /unicode\.IsSpace\(char\) \{/, "unicode.IsSpace(char) && char != '\\u00a0' {"),
  },
};

/** From the Go module proxy, as module archives. */
export const goCases: readonly RealCase[] = [goVersion, goWordwrap];
