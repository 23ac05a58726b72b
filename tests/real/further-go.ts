import { swap, type RealCase } from './case.js';

/** A package of its own, so that the packages' own tests need not be compiled. */
const TEST_PATH = 'knownbug/known_bug_test.go';
const TEST_COMMAND = 'GOFLAGS=-mod=readonly GOPROXY=off GOTOOLCHAIN=local go test -vet=off -v ./knownbug';

const jsonNumbers: RealCase = {
  name: 'mapstructure-large-numbers',
  language: 'go',
  package: 'github.com/mitchellh/mapstructure',
  base: { version: 'v1.4.2', sha256: 'b161f31040680c387330916d92d2dd2a29eb94fa317e8741ec5fbc2b712b39fd' },
  fixed: { version: 'v1.4.3', sha256: '87dabbf71bb4e829595cb399e20c1b15b7bac2092aa67ca7b71d1bf0ec3b68b7' },
  title: 'A json.Number above the largest int64 cannot be decoded into a uint64',
  description:
    'Unsigned fields hold numbers up to 18446744073709551615. A json.Number is read as a signed one first, so that the upper ' +
    'half of them ends in an error.',
  criteria: ['All numbers of a uint64 are decoded.', 'A negative number is refused.'],
  fixedFiles: ['mapstructure.go'],
  test: {
    path: TEST_PATH,
    names: ['TestLargeNumbers', 'TestNegativeNumbers'],
    content: `package knownbug

import (
	"encoding/json"
	"testing"

	"github.com/mitchellh/mapstructure"
)

type box struct{ Count uint64 }

func decode(number string) (box, error) {
	var into box
	err := mapstructure.Decode(map[string]interface{}{"count": json.Number(number)}, &into)
	return into, err
}

func TestLargeNumbers(t *testing.T) {
	for number, wanted := range map[string]uint64{
		"7":                    7,
		"9007199254740993":     1<<53 + 1,
		"9223372036854775808":  1 << 63,
		"18446744073709551615": 1<<64 - 1,
	} {
		if got, err := decode(number); err != nil || got.Count != wanted {
			t.Errorf("%s became %d (%v)", number, got.Count, err)
		}
	}
}

func TestNegativeNumbers(t *testing.T) {
	if got, err := decode("-1"); err == nil {
		t.Fatalf("-1 became %d", got.Count)
	}
}
`,
  },
  testCommand: TEST_COMMAND,
  // By way of a float, which has no room for all digits.
  wrong: {
    path: 'mapstructure.go',
    change: (source) =>
      swap(
        source,
        /i, err := jn\.Int64\(\)(\n[^]{0,200}?\n\t\tif i < 0 && [^]{0,200}?SetUint\(uint64\(i\)\))/,
        'i, err := jn.Float64()$1',
      ),
  },
};

const noHooks: RealCase = {
  name: 'mapstructure-no-hooks',
  language: 'go',
  package: 'github.com/mitchellh/mapstructure',
  base: { version: 'v1.4.1', sha256: 'bfe856861145c25f6f26c2985760e86a4634e2a28bb9b4582ff0e8a9d2621e10' },
  fixed: { version: 'v1.4.2', sha256: 'b161f31040680c387330916d92d2dd2a29eb94fa317e8741ec5fbc2b712b39fd' },
  title: 'A composition of no hooks loses the value',
  description:
    'ComposeDecodeHookFunc makes one hook of several. Called without any, as with an empty list of options, its hook gives ' +
    'back nil in place of the value that it was given, and every field stays empty.',
  criteria: ['A composition of no hooks leaves the value as it is.', 'Hooks are applied in their order.'],
  fixedFiles: ['decode_hooks.go', 'mapstructure.go'],
  test: {
    path: TEST_PATH,
    names: ['TestNoHooks', 'TestHooksInOrder'],
    content: `package knownbug

import (
	"reflect"
	"testing"

	"github.com/mitchellh/mapstructure"
)

type named struct{ Name string }

func decode(t *testing.T, hooks ...mapstructure.DecodeHookFunc) named {
	t.Helper()
	var into named
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: mapstructure.ComposeDecodeHookFunc(hooks...),
		Result:     &into,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := decoder.Decode(map[string]interface{}{"name": "Ada"}); err != nil {
		t.Fatal(err)
	}
	return into
}

func adding(text string) mapstructure.DecodeHookFunc {
	return func(from reflect.Kind, to reflect.Kind, data interface{}) (interface{}, error) {
		if from == reflect.String && to == reflect.String {
			return data.(string) + text, nil
		}
		return data, nil
	}
}

func TestNoHooks(t *testing.T) {
	if got := decode(t); got.Name != "Ada" {
		t.Fatalf("the name became %q", got.Name)
	}
}

func TestHooksInOrder(t *testing.T) {
	if got := decode(t, adding("+"), adding("-")); got.Name != "Ada+-" {
		t.Fatalf("the name became %q", got.Name)
	}
}
`,
  },
  testCommand: TEST_COMMAND,
  // Gives no hook at all, which its caller calls all the same.
  wrong: {
    path: 'decode_hooks.go',
    change: (source) =>
      swap(
        source,
        /^func ComposeDecodeHookFunc\(fs \.\.\.DecodeHookFunc\) DecodeHookFunc \{$/m,
        '$&\n\tif len(fs) == 0 {\n\t\treturn DecodeHookFuncValue(nil)\n\t}',
      ),
  },
};

const tomlOrder: RealCase = {
  name: 'toml-order-of-keys',
  language: 'go',
  package: 'github.com/BurntSushi/toml',
  base: { version: 'v1.3.0', sha256: 'cf45c3e21a14e3b096d5caea1e596bce31fe418d197923f34791fec27c340067' },
  fixed: { version: 'v1.3.1', sha256: '7836905ece236f55490e84a245c73abf68908d244d496538289f2f1869b85ca1' },
  title: 'Keys of inline tables are listed before the table that they are in',
  description:
    'Keys() of the metadata lists all keys in the order of the document. An inline table is listed after what is in it, at ' +
    'every depth, so that a reader of the list meets children before their parent.',
  criteria: ['A table stands before its keys, at every depth.', 'Other keys keep the order of the document.'],
  fixedFiles: ['decode.go', 'encode.go', 'parse.go'],
  test: {
    path: TEST_PATH,
    names: ['TestInlineTable', 'TestInlineTableInAnother', 'TestPlainKeys'],
    content: `package knownbug

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func expectKeys(t *testing.T, document, wanted string) {
	t.Helper()
	var into map[string]interface{}
	meta, err := toml.Decode(document, &into)
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, key := range meta.Keys() {
		keys = append(keys, key.String())
	}
	if got := strings.Join(keys, " "); got != wanted {
		t.Fatalf("the keys are %q, not %q", got, wanted)
	}
}

func TestInlineTable(t *testing.T) {
	expectKeys(t, "box = {size = 1, colour = 'red'}\\nlast = 2\\n", "box box.size box.colour last")
}

func TestInlineTableInAnother(t *testing.T) {
	expectKeys(t, "box = {lid = {size = 1}, deep = true}\\n", "box box.lid box.lid.size box.deep")
}

func TestPlainKeys(t *testing.T) {
	expectKeys(t, "first = 1\\n[box]\\nsize = 2\\n", "first box box.size")
}
`,
  },
  testCommand: TEST_COMMAND,
  // The outermost table only.
  wrong: {
    path: 'parse.go',
    change: (source) =>
      swap(
        source,
        /(\t\tvItem := p\.next\(\)\n[^]{0,200}?)(\t\tp\.ordered = append\(p\.ordered, p\.context\.add\(p\.currentKey\)\)\n)/,
        '$2$1',
      ),
  },
};

const shellwords: RealCase = {
  name: 'go-shellwords-single-quotes',
  language: 'go',
  package: 'github.com/mattn/go-shellwords',
  base: { version: 'v1.0.11', sha256: '84bc3aa44c723accb79fd351f9785acbba75b7ddf2858cc716ce5c24deb45d74' },
  fixed: { version: 'v1.0.12', sha256: '6d35c3edc92e47a06988788d683c1ad389719b55ef19d5a7f239ab4708b6da11' },
  title: 'Words in single quotes are split again when variables are parsed',
  description:
    'With ParseEnv a word without quotes is split after its variables have been put in. So is a word in single quotes, which ' +
    'falls apart at its spaces; an empty one vanishes.',
  criteria: ['What stands in single quotes is one word.', 'Words without quotes are split as before.'],
  fixedFiles: ['shellwords.go'],
  test: {
    path: TEST_PATH,
    names: ['TestSingleQuotes', 'TestEmptyQuotes', 'TestOtherWords'],
    content: `package knownbug

import (
	"reflect"
	"testing"

	"github.com/mattn/go-shellwords"
)

func expectWords(t *testing.T, line string, wanted ...string) {
	t.Helper()
	parser := shellwords.NewParser()
	parser.ParseEnv = true
	parser.Getenv = func(string) string { return "one two" }
	if got, err := parser.Parse(line); err != nil || !reflect.DeepEqual(got, wanted) {
		t.Fatalf("%s became %q (%v), not %q", line, got, err, wanted)
	}
}

func TestSingleQuotes(t *testing.T) {
	expectWords(t, "say 'good  day' now", "say", "good  day", "now")
	expectWords(t, "say 'good  day'", "say", "good  day")
}

func TestEmptyQuotes(t *testing.T) {
	expectWords(t, "say '' now", "say", "", "now")
}

func TestOtherWords(t *testing.T) {
	expectWords(t, "say $WORDS", "say", "one", "two")
	expectWords(t, "say \\"$WORDS\\"", "say", "one two")
}
`,
  },
  testCommand: TEST_COMMAND,
  // Sees to the empty word.
  wrong: {
    path: 'shellwords.go',
    change: (source) =>
      swap(
        source,
        /^(\t+)if singleQuoted \{\n\t+got = argSingle$/m,
        '$1if singleQuoted && buf == "" {\n$1\tgot = argQuoted\n$1} else if singleQuoted {\n$1\tgot = argSingle',
      ),
  },
};

const cron: RealCase = {
  name: 'cron-skips-other-jobs',
  language: 'go',
  package: 'github.com/robfig/cron/v3',
  base: { version: 'v3.0.0', sha256: '5e29b4f7f4ba62293420b918fb2309823523a583c2adaf6eddb059f525f05496' },
  fixed: { version: 'v3.0.1', sha256: 'ebe6454642220832a451b8cc50eae5f9150fd8d36b90b242a5de27676be86c70' },
  title: 'A running job keeps other jobs from running',
  description:
    'SkipIfStillRunning leaves out a job while its last run goes on. All jobs that are wrapped by one such wrapper count as ' +
    'one: while any of them runs, none of the others does.',
  criteria: ['A job is skipped only while it runs itself.', 'A job never runs twice at a time.'],
  fixedFiles: ['chain.go'],
  test: {
    path: TEST_PATH,
    names: ['TestOtherJobRuns', 'TestSameJobIsSkipped'],
    content: `package knownbug

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"
)

// Starts a job that runs until it is told to end, and gives the wrapper that it was made with.
func busy(t *testing.T, during func(wrap cron.JobWrapper, job cron.Job)) {
	t.Helper()
	started, end, ended := make(chan bool, 9), make(chan bool), make(chan bool)
	wrap := cron.SkipIfStillRunning(cron.DiscardLogger)
	job := wrap(cron.FuncJob(func() {
		started <- true
		<-end
	}))
	go func() {
		job.Run()
		ended <- true
	}()
	<-started
	go func() {
		during(wrap, job)
		close(end)
	}()
	<-ended
	if len(started) > 0 {
		t.Fatal("it ran a second time")
	}
}

func TestOtherJobRuns(t *testing.T) {
	runs := 0
	busy(t, func(wrap cron.JobWrapper, _ cron.Job) {
		wrap(cron.FuncJob(func() { runs++ })).Run()
	})
	if runs != 1 {
		t.Fatalf("the other job ran %d times", runs)
	}
}

func TestSameJobIsSkipped(t *testing.T) {
	busy(t, func(_ cron.JobWrapper, job cron.Job) {
		done := make(chan bool)
		go func() {
			job.Run()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(time.Second):
		}
	})
}
`,
  },
  testCommand: TEST_COMMAND,
  // Room for two, whoever they are.
  wrong: {
    path: 'chain.go',
    change: (source) =>
      swap(
        source,
        /make\(chan struct\{\}, 1\)\n\tch <- struct\{\}\{\}/,
        'make(chan struct{}, 2)\n\tch <- struct{}{}\n\tch <- struct{}{}',
      ),
  },
};

const doublestar: RealCase = {
  name: 'doublestar-trailing-slash',
  language: 'go',
  package: 'github.com/bmatcuk/doublestar/v4',
  base: { version: 'v4.6.0', sha256: '8474df956d9702b216e08abc72cc1ff1914bc5dcbe4fe37442cafa50cabe0295' },
  fixed: { version: 'v4.6.1', sha256: '129ea00d42dd7d7771440eef4815158e9ba8501738d771b4ff1c6d7b408ff58a' },
  title: 'A pattern that ends in two stars and a slash misses the folder itself',
  description:
    'a/** matches a, for a may be a folder and everything in it is meant. Written with a slash at its end, as a/**/, the same ' +
    'pattern does not match a any more.',
  criteria: ['a/**/ matches a as a/** does.', 'It matches nothing beside it.'],
  fixedFiles: ['match.go'],
  test: {
    path: TEST_PATH,
    names: ['TestTrailingSlash', 'TestNothingBeside'],
    content: `package knownbug

import (
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

func expectMatch(t *testing.T, pattern, name string, wanted bool) {
	t.Helper()
	if got, err := doublestar.Match(pattern, name); err != nil || got != wanted {
		t.Errorf("%s against %s: %v (%v)", pattern, name, got, err)
	}
}

func TestTrailingSlash(t *testing.T) {
	expectMatch(t, "a/**/", "a", true)
	expectMatch(t, "a/b/**/", "a/b", true)
	expectMatch(t, "a/**", "a", true)
}

func TestNothingBeside(t *testing.T) {
	expectMatch(t, "a/**/", "b", false)
	expectMatch(t, "a/b/**/", "a", false)
	expectMatch(t, "a/**/c", "a", false)
}
`,
  },
  testCommand: TEST_COMMAND,
  // Everything that begins with two stars, also where more must follow.
  wrong: {
    path: 'match.go',
    change: (source) =>
      swap(
        source,
        /pattern == string\(separator\)\+"\*\*" \{/,
        '(len(pattern) > 3 && pattern[:4] == string(separator)+"**"+string(separator)) || pattern == string(separator)+"**" {',
      ),
  },
};

const decimal: RealCase = {
  name: 'decimal-empty-binary',
  language: 'go',
  package: 'github.com/shopspring/decimal',
  base: { version: 'v1.3.0', sha256: '50e6ff6e3ccc13b134bb282f4bd0490a2a9b4a8795e6c36ac4646b838d3e3277' },
  fixed: { version: 'v1.3.1', sha256: '7986d6c8489c4a55c077e3469a3c9a218f7ce4afbd25d68aa2b26a6ea5015438' },
  title: 'The zero value cannot be read back from its binary form',
  description:
    'A Decimal that was never set is zero, and MarshalBinary writes it as an exponent with nothing after it. UnmarshalBinary ' +
    'refuses just that: it wants a byte more.',
  criteria: ['What MarshalBinary writes can be read, also the zero value.', 'Less than an exponent is refused.'],
  fixedFiles: ['decimal.go'],
  test: {
    path: TEST_PATH,
    names: ['TestZeroValue', 'TestOtherValues', 'TestTooShort'],
    content: `package knownbug

import (
	"testing"

	"github.com/shopspring/decimal"
)

func expectBack(t *testing.T, value decimal.Decimal) {
	t.Helper()
	data, err := value.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back decimal.Decimal
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if !back.Equal(value) {
		t.Fatalf("%s came back as %s", value, back)
	}
}

func TestZeroValue(t *testing.T) {
	expectBack(t, decimal.Decimal{})
}

func TestOtherValues(t *testing.T) {
	for _, text := range []string{"0", "-12.75", "1e9"} {
		expectBack(t, decimal.RequireFromString(text))
	}
}

func TestTooShort(t *testing.T) {
	var value decimal.Decimal
	if err := value.UnmarshalBinary([]byte{0, 0, 0}); err == nil {
		t.Fatal("three bytes were read")
	}
}
`,
  },
  testCommand: TEST_COMMAND,
  // Of nothing at all; four bytes are still too few.
  wrong: {
    path: 'decimal.go',
    change: (source) =>
      swap(source, /^\t\/\/ Verify we have at least 5 bytes/m, '\tif len(data) == 0 {\n\t\treturn nil\n\t}\n$&'),
  },
};

const godotenv: RealCase = {
  name: 'godotenv-values-with-spaces',
  language: 'go',
  package: 'github.com/joho/godotenv',
  base: { version: 'v1.5.0', sha256: '316565e33f0009b958c86ed762feecaa9488ba41638ed62b5e727c5cdedbdc67' },
  fixed: { version: 'v1.5.1', sha256: 'f42307794eb323a7f173a75dec68fb91078c23f69882c1c6b642ffd9797c034c' },
  title: 'Values with spaces, names with dots and names that begin with export are read wrongly',
  description:
    'Since the new parser a value without quotes ends at its first space, and what follows is taken for the next line. Names ' +
    'with a dot are refused, and a name like exported loses its first letters.',
  criteria: [
    'A value without quotes reaches to the end of its line, or to a comment after a space.',
    'Names may have dots.',
    'Only the word export by itself is left out.',
  ],
  fixedFiles: ['godotenv.go', 'parser.go'],
  test: {
    path: TEST_PATH,
    names: ['TestSpaces', 'TestNames', 'TestQuotes'],
    content: `package knownbug

import (
	"reflect"
	"testing"

	"github.com/joho/godotenv"
)

func expectRead(t *testing.T, text string, wanted map[string]string) {
	t.Helper()
	if got, err := godotenv.Unmarshal(text); err != nil || !reflect.DeepEqual(got, wanted) {
		t.Fatalf("%q became %v (%v)", text, got, err)
	}
}

func TestSpaces(t *testing.T) {
	expectRead(t, "A=one two\\nB=3 # three\\nC=c#d\\n", map[string]string{"A": "one two", "B": "3", "C": "c#d"})
}

func TestNames(t *testing.T) {
	expectRead(t, "box.size=1\\nexported=2\\nexport C=3", map[string]string{"box.size": "1", "exported": "2", "C": "3"})
}

func TestQuotes(t *testing.T) {
	expectRead(t, "A=\\"one two\\"\\nB='# no'\\n", map[string]string{"A": "one two", "B": "# no"})
}
`,
  },
  testCommand: TEST_COMMAND,
  // The dots only.
  wrong: {
    path: 'parser.go',
    change: (source) => swap(source, /unicode\.IsNumber\(rchar\) \{/, "unicode.IsNumber(rchar) || rchar == '.' {"),
  },
};

/** More of them, carried by conversations with tools. */
export const furtherGoCases: readonly RealCase[] = [
  jsonNumbers,
  noHooks,
  tomlOrder,
  shellwords,
  cron,
  doublestar,
  decimal,
  godotenv,
];
