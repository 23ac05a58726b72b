import { swap, type RealCase } from './case.js';

const TEST_PATH = 'known-bug.test.js';
const TEST_COMMAND = `node --test --test-reporter=tap ${TEST_PATH}`;

const kindOf: RealCase = {
  name: 'kind-of-believes-names',
  language: 'javascript',
  package: 'kind-of',
  base: { version: '6.0.2', sha256: 'b844572ea82bfa9603d0dae736510edd14a151e9e8c87ab3b640177cb90a7e90' },
  fixed: { version: '6.0.3', sha256: '6c24443b5b6ca52d3dce399c1e2c27c4591c7529765513eeaa0c265b0c0e63da' },
  title: 'A plain object can pass for a promise or a map',
  description:
    'The kind of a value is taken from the name of its constructor. Nothing looks whether that constructor is one: an object ' +
    'from parsed JSON whose property "constructor" has a property "name" is called whatever that says.',
  criteria: ['A plain object is an object, whatever its properties say.', 'Built-in kinds are told as before.'],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['a plain object stays an object', 'built-in kinds as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const kindOf = require('./index.js');

test('a plain object stays an object', () => {
  const said = ['Symbol', 'Promise', 'WeakSet', 'Map', 'Int8Array', 'Float64Array'];
  const kinds = said.map((name) => kindOf(JSON.parse(JSON.stringify({ constructor: { name } }))));
  assert.deepStrictEqual(kinds, said.map(() => 'object'));
});

test('built-in kinds as before', () => {
  const values = [new Map(), new WeakSet(), Promise.resolve(), new Float64Array(1), Object.create(null), null];
  assert.deepStrictEqual(values.map(kindOf), ['map', 'weakset', 'promise', 'float64array', 'object', 'null']);
});
`,
  },
  testCommand: TEST_COMMAND,
  // Takes the report's one example away, and believes all other names.
  wrong: { path: 'index.js', change: (source) => swap(source, /^ +case 'Symbol': return 'symbol';\n/m, '') },
};

const y18n: RealCase = {
  name: 'y18n-locale-named-proto',
  language: 'javascript',
  package: 'y18n',
  base: { version: '3.2.1', sha256: '4d7412e72d642106847b3caa8597a54b24178e3baaf406748d519d8b51462741' },
  fixed: { version: '3.2.2', sha256: 'ac7a166a921edf31c773fab8c303bab810ec60f682bbeb64d34b5c52242d7a39' },
  title: 'Some names of locales write into the prototype of all objects',
  description:
    'Translations are cached by the name of their locale. A locale called __proto__ or constructor finds something that every ' +
    'object has in place of an empty cache, so that an update of its translations changes all objects of the process.',
  criteria: ['No name of a locale reaches beyond the cache.', 'Ordinary locales work as before.'],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['a locale named __proto__ keeps to itself', 'a locale named constructor begins empty', 'ordinary locales'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const y18n = require('./index.js');

const inLocale = (locale) => {
  const texts = y18n({ directory: __dirname, updateFiles: false });
  texts.setLocale(locale);
  return texts;
};

test('a locale named __proto__ keeps to itself', () => {
  inLocale('__proto__').updateLocale({ leaked: 'yes' });
  const { leaked } = {};
  delete Object.prototype.leaked;
  assert.strictEqual(leaked, undefined);
});

test('a locale named constructor begins empty', () => {
  assert.strictEqual(inLocale('constructor').__('name'), 'name');
});

test('ordinary locales', () => {
  const texts = inLocale('nowhere');
  texts.updateLocale({ Hello: 'Hei' });
  assert.strictEqual(texts.__('Hello'), 'Hei');
});
`,
  },
  testCommand: TEST_COMMAND,
  // Looks at the names of translations; it is the name of the locale.
  wrong: {
    path: 'index.js',
    change: (source) =>
      swap(
        source,
        /^( +)for \(var key in obj\) \{$/m,
        "$&\n$1  if (key === '__proto__' || key === 'constructor') continue",
      ),
  },
};

const bytes: RealCase = {
  name: 'bytes-not-a-number',
  language: 'javascript',
  package: 'bytes',
  base: { version: '3.1.1', sha256: 'c102b4cc428564c9662240370438cf0d1fb054bf36c87c40de587aa79955abdc' },
  fixed: { version: '3.1.2', sha256: '835e37ad5a40da45eaed6e32d99847627a15b2a4671741182521fe48dee3c581' },
  title: 'Text without a number parses as NaN, not as null',
  description:
    'parse() promises null for what it cannot read. Text in which there is no number at all gives NaN instead, which the ' +
    'usual test for null lets through.',
  criteria: ['Text without a number gives null.', 'What could be read is read as before.'],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['text without a number is null', 'sizes parse as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const bytes = require('./index.js');

test('text without a number is null', () => {
  for (const text of ['plenty', 'kb', '', ' ']) {
    assert.strictEqual(bytes.parse(text), null, JSON.stringify(text));
    assert.strictEqual(bytes(text), null, JSON.stringify(text));
  }
});

test('sizes parse as before', () => {
  assert.deepStrictEqual(['1.5kb', '7', '12 apples', '0'].map(bytes.parse), [1536, 7, 12, 0]);
});
`,
  },
  testCommand: TEST_COMMAND,
  // Catches text without anything in it.
  wrong: {
    path: 'index.js',
    change: (source) =>
      swap(source, /if \(typeof val !== 'string'\) \{/, "if (typeof val !== 'string' || val.trim() === '') {"),
  },
};

const negotiator: RealCase = {
  name: 'negotiator-parameters',
  language: 'javascript',
  package: 'negotiator',
  base: { version: '0.6.1', sha256: '214b1105689db8e4f6cc7b0df8b871db310fe7eb3ed32560ce21b5236ffae90e' },
  fixed: { version: '0.6.2', sha256: 'c87cd9374ae93cc961e1c008fb406d8126753b555fd2425a2404d8aad449fdfe' },
  title: 'Parameters change the order of preferences',
  description:
    'Of charsets, encodings and languages with the same weight, the one that the header names first should win. Once an entry ' +
    'has further parameters it loses its place in the header and comes later than it should.',
  criteria: ['Entries of the same weight keep the order of the header, whatever parameters they have.'],
  fixedFiles: ['lib/charset.js', 'lib/encoding.js', 'lib/language.js'],
  test: {
    path: TEST_PATH,
    names: [
      'charsets keep their order',
      'encodings keep their order',
      'languages keep their order',
      'weights decide first',
    ],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const Negotiator = require('./index.js');

const accepting = (name, value) => new Negotiator({ headers: { ['accept-' + name]: value } });

test('charsets keep their order', () => {
  const given = accepting('charset', 'utf-8;level=1;q=0.7, iso-8859-1;q=0.7');
  assert.deepStrictEqual(given.charsets(), ['utf-8', 'iso-8859-1']);
});

test('encodings keep their order', () => {
  const given = accepting('encoding', 'gzip;level=1;q=0.7, deflate;q=0.7');
  assert.deepStrictEqual(given.encodings(['deflate', 'gzip']), ['gzip', 'deflate']);
});

test('languages keep their order', () => {
  const given = accepting('language', 'fi;level=1;q=0.7, en;q=0.7');
  assert.deepStrictEqual(given.languages(), ['fi', 'en']);
});

test('weights decide first', () => {
  assert.deepStrictEqual(accepting('language', 'fi;q=0.2, en;q=0.9').languages(), ['en', 'fi']);
  assert.deepStrictEqual(accepting('charset', 'utf-8;q=0.2, latin1').charsets(), ['latin1', 'utf-8']);
});
`,
  },
  testCommand: TEST_COMMAND,
  // One file of three.
  wrong: {
    path: 'lib/charset.js',
    change: (source) =>
      swap(
        source,
        /for \(var i = 0; i < params\.length; i \+\+\) \{\n( +)var p = params\[i\]/,
        'for (var n = 0; n < params.length; n ++) {\n$1var p = params[n]',
      ),
  },
};

const commander: RealCase = {
  name: 'commander-help-first',
  language: 'javascript',
  package: 'commander',
  base: { version: '4.0.0', sha256: 'eb0ea30c230edf8d35ec86de8d2c25f5609c05e406814fe9fab96ad03c67f39e' },
  fixed: { version: '4.0.1', sha256: 'e0e63b4e1a1a067c2c191993082b7a9dff42096a753eae86aa1d10485ff195ce' },
  title: 'Help cannot be had of a program with a required option',
  description:
    'Whoever asks for help does not know the options yet. With requiredOption() the program complains of the missing option ' +
    'before it looks whether help is wanted; so do its subcommands.',
  criteria: [
    'Help is shown, in its long and short form, whatever is missing.',
    'A missing option is an error otherwise.',
  ],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['the program shows its help', 'a subcommand shows its help', 'a missing option is an error'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { Command } = require('./index.js');

function endOf(...args) {
  const program = new Command();
  program.exitOverride();
  program.requiredOption('-c, --colour <name>', 'what to paint with');
  program
    .command('mix')
    .requiredOption('-w, --with <name>', 'the other one')
    .action(() => {});
  try {
    program.parse(['node', 'paint', ...args]);
    return 'done';
  } catch (thrown) {
    return thrown.code;
  }
}

test('the program shows its help', () => {
  assert.strictEqual(endOf('--help'), 'commander.helpDisplayed');
  assert.strictEqual(endOf('-h'), 'commander.helpDisplayed');
});

test('a subcommand shows its help', () => {
  assert.strictEqual(endOf('mix', '--help'), 'commander.helpDisplayed');
  assert.strictEqual(endOf('mix', '-h'), 'commander.helpDisplayed');
});

test('a missing option is an error', () => {
  assert.strictEqual(endOf(), 'commander.missingMandatoryOptionValue');
  assert.strictEqual(endOf('--colour', 'red', 'mix'), 'commander.missingMandatoryOptionValue');
  assert.strictEqual(endOf('--colour', 'red', 'mix', '--with', 'blue'), 'done');
});
`,
  },
  testCommand: TEST_COMMAND,
  // Knows the long form only.
  wrong: {
    path: 'index.js',
    change: (source) =>
      swap(
        source,
        /^( +)this\._checkForMissingMandatoryOptions\(\);\n\n( +return \{ args: args, unknown: unknownOptions \};)$/m,
        '$1if (!unknownOptions.includes(this._helpLongFlag)) this._checkForMissingMandatoryOptions();\n\n$2',
      ),
  },
};

const shellQuote: RealCase = {
  name: 'shell-quote-drive-letters',
  language: 'javascript',
  package: 'shell-quote',
  base: { version: '1.7.2', sha256: 'acbfa9bdcca8afb26b9a674de099c0abbea59c2556e372e30d87fa56f714b04a' },
  fixed: { version: '1.7.3', sha256: '568d0eddf164f1c4eb1b3a0024d5d4b2069c0ee657ee976315b08689ad0d204b' },
  title: 'Some characters before a colon are not escaped',
  description:
    'The letter of a drive with its colon is left as it is. The range of characters taken for such a letter is too wide: a ' +
    'backtick, a caret or a bracket before a colon comes out bare, and the shell acts on it.',
  criteria: ['Special characters are escaped wherever they stand.', 'Drive letters of both cases stay as they are.'],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['a backtick before a colon is escaped', 'other special characters too', 'drive letters stay'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { quote } = require('./index.js');

const TICK = '\\u0060';
const SLASH = '\\u005c';
const escaped = (text) => [...text].map((one) => SLASH + one).join('');

test('a backtick before a colon is escaped', () => {
  assert.strictEqual(quote([TICK + ':' + TICK]), escaped(TICK + ':' + TICK));
});

test('other special characters too', () => {
  for (const one of ['^', '[', ']']) assert.strictEqual(quote([one + ':' + one]), escaped(one + ':' + one));
});

test('drive letters stay', () => {
  for (const letter of ['C', 'd']) {
    assert.strictEqual(quote([letter + ':' + SLASH + 'temp']), letter + ':' + SLASH + SLASH + 'temp');
  }
});
`,
  },
  testCommand: TEST_COMMAND,
  // Narrow enough for the backtick, and too narrow for half of the drives.
  wrong: { path: 'index.js', change: (source) => swap(source, /\(\[A-z\]:\)\?/, '([A-Z]:)?') },
};

const mustache: RealCase = {
  name: 'mustache-nested-tags',
  language: 'javascript',
  package: 'mustache',
  base: { version: '4.0.0', sha256: 'c294067b37b2e2762af4b009b2859f36925d5fac541995ddce9971006b239639' },
  fixed: { version: '4.0.1', sha256: '2c863700a3ff40447645bbdf8758a15594327ccba06b268678d05b40e2202ab1' },
  title: 'A partial in a partial loses the tags of the call',
  description:
    'render() can be given other tags than braces. They hold for the template and for the partials that it names, but a ' +
    'partial that is named by another partial is read with the usual braces and comes out as it is.',
  criteria: ['The tags of a call hold at every depth, in both builds of the library.', 'Usual tags work as before.'],
  fixedFiles: ['mustache.js', 'mustache.mjs'],
  test: {
    path: TEST_PATH,
    names: ['tags hold two partials deep', 'tags hold in the module too', 'usual tags as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const mustache = require('./mustache.js');

const deep = { outer: '([> inner])', inner: '[> core]!', core: '[name]' };

test('tags hold two partials deep', () => {
  assert.strictEqual(mustache.render('[> outer]', { name: 'Ada' }, deep, ['[', ']']), '(Ada!)');
});

test('tags hold in the module too', async () => {
  const { default: module } = await import('./mustache.mjs');
  assert.strictEqual(module.render('[> outer]', { name: 'Ada' }, deep, ['[', ']']), '(Ada!)');
});

test('usual tags as before', () => {
  assert.strictEqual(mustache.render('{{> a}}', { name: 'Ada' }, { a: '{{> b}}?', b: '{{name}}' }), 'Ada?');
});
`,
  },
  testCommand: TEST_COMMAND,
  // One build of two.
  wrong: {
    path: 'mustache.js',
    change: (source) =>
      swap(source, /(this\.parse\(indentedValue, tags\), context, partials, indentedValue)\)/, '$1, tags)'),
  },
};

const picomatch: RealCase = {
  name: 'picomatch-after-negation',
  language: 'javascript',
  package: 'picomatch',
  base: { version: '2.3.0', sha256: 'ec81cbb36546358b4369be6521148b129569dc0a51fd0154af618326f89a3596' },
  fixed: { version: '2.3.1', sha256: '1b14ee9ec867c090d7b52c77193d83e77910553b3d18b2f86dd2b7b55e82c11f' },
  title: 'An ending in braces after a negated group matches nothing',
  description:
    'A pattern such as !(*.d).{ts,tsx} means all files with these endings but declarations. What follows the negated group ' +
    'is put into the regular expression as it stands, so braces and further groups are taken for plain characters.',
  criteria: ['What follows a negated group is read as a pattern.', 'A plain ending works as before.'],
  fixedFiles: ['lib/parse.js'],
  test: {
    path: TEST_PATH,
    names: ['braces after a negated group', 'a group after a negated group', 'a plain ending as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const picomatch = require('./index.js');

const matched = (pattern, ...names) => names.filter((name) => picomatch.isMatch(name, pattern));

test('braces after a negated group', () => {
  const names = ['/file.d.ts', '/file.ts', '/file.tsx', '/file.d.tsx', '/file.js'];
  assert.deepStrictEqual(matched('/!(*.d).{ts,tsx}', ...names), ['/file.ts', '/file.tsx']);
});

test('a group after a negated group', () => {
  assert.deepStrictEqual(matched('**/!(*-dbg).@(js)', 'a/file.js', 'a/file-dbg.js'), ['a/file.js']);
});

test('a plain ending as before', () => {
  assert.deepStrictEqual(matched('/!(*.d).ts', '/file.ts', '/file.d.ts'), ['/file.ts']);
});
`,
  },
  testCommand: TEST_COMMAND,
  // Escapes the dot, which was no trouble.
  wrong: {
    path: 'lib/parse.js',
    change: (source) => swap(source, /`\)\$\{rest\}\)\$\{extglobStar\}\)`/, '`)\\\\${rest})${extglobStar})`'),
  },
};

const json5: RealCase = {
  name: 'json5-own-proto',
  language: 'javascript',
  package: 'json5',
  base: { version: '1.0.1', sha256: '8cd9f5a4d6d4c0388a5061be831e2c18364ae9dad535aaf1c332a6ab8e9b3b84' },
  fixed: { version: '1.0.2', sha256: '90b2f676282469d5beb40943003a815e30e80cf84ea3d72b812a7e13b0b7d80b' },
  title: 'A key called __proto__ becomes the prototype of what is parsed',
  description:
    'JSON.parse makes an own property of every key. parse() of this library assigns, so that the value of a key called ' +
    '__proto__ becomes the prototype: it is not among the keys, and its properties are found on the object.',
  criteria: ['Every key is an own property.', 'The same with a reviver.', 'Other documents parse as before.'],
  fixedFiles: ['lib/parse.js'],
  test: {
    path: TEST_PATH,
    names: ['the key is an own property', 'also with a reviver', 'documents parse as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { parse } = require('./lib/index.js');

const TEXT = '{"__proto__": {"admin": true}, name: "Ada"}';

function expectOwn(parsed) {
  assert.deepStrictEqual(Object.keys(parsed), ['__proto__', 'name']);
  assert.strictEqual(parsed.admin, undefined);
}

test('the key is an own property', () => {
  expectOwn(parse(TEXT));
});

test('also with a reviver', () => {
  expectOwn(parse(TEXT, (key, value) => value));
});

test('documents parse as before', () => {
  assert.deepStrictEqual(parse("{a: [1, 'two', .5], /* note */ b: {c: null}}"), { a: [1, 'two', 0.5], b: { c: null } });
});
`,
  },
  testCommand: TEST_COMMAND,
  // Loses the key.
  wrong: {
    path: 'lib/parse.js',
    change: (source) => swap(source, /\{parent\[key\]=value\}/, "{if(key!=='__proto__'){parent[key]=value}}"),
  },
};

const papaparse: RealCase = {
  name: 'papaparse-large-exponents',
  language: 'javascript',
  package: 'papaparse',
  base: { version: '5.3.0', sha256: '478549cb470edd1c8ba4fc3f4af41a3d824c88cd74c8df92e741a9d3ab892ef1' },
  fixed: { version: '5.3.1', sha256: '01b0c3e407229f7795a00f41813156d98a3511ec8b2487c62600f85635b7068f' },
  title: 'Numbers with a capital E stay text, and inherited properties become columns',
  description:
    'With dynamicTyping a cell like 1E3 stays a text, though 1e3 becomes a number. The other way round, unparse() of objects ' +
    'makes a column of every property that an object has inherited.',
  criteria: ['1E3 is the number 1000 as 1e3 is.', 'Columns are the own properties of the first object.'],
  fixedFiles: ['papaparse.js'],
  test: {
    path: TEST_PATH,
    names: ['a capital E makes a number', 'inherited properties are no columns', 'plain tables as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const Papa = require('./papaparse.js');

test('a capital E makes a number', () => {
  const { data } = Papa.parse('a,b,c\\n1E3,2.5e2,E3', { header: true, dynamicTyping: true });
  assert.deepStrictEqual(data, [{ a: 1000, b: 250, c: 'E3' }]);
});

test('inherited properties are no columns', () => {
  const row = Object.create({ inherited: 1 });
  row.own = 2;
  assert.strictEqual(Papa.unparse([row]), 'own\\r\\n2');
  assert.strictEqual(Papa.unparse({ data: [row] }), 'own\\r\\n2');
});

test('plain tables as before', () => {
  const { data } = Papa.parse('a,b\\n"x, y",2');
  assert.deepStrictEqual(data, [['a', 'b'], ['x, y', '2']]);
  assert.strictEqual(Papa.unparse([{ a: 'x, y', b: 2 }]), 'a,b\\r\\n"x, y",2');
});
`,
  },
  testCommand: TEST_COMMAND,
  // One fault of two.
  wrong: { path: 'papaparse.js', change: (source) => swap(source, /\(e\[-\+\]\?/, '([eE][-+]?') },
};

const jsYaml: RealCase = {
  name: 'js-yaml-anchor-named-as-a-method',
  language: 'javascript',
  package: 'js-yaml',
  base: { version: '3.14.0', sha256: '3c82c5db6d3a31632e442863ebb006640700d773f73ece89b3686ff42b88c8ef' },
  fixed: { version: '3.14.1', sha256: '935a5f5939a5d5f0d1c4d85e7bf8b8a42b432d8692a82bce611720b8d72dbeca' },
  title: 'An anchor called hasOwnProperty makes the loader throw',
  description:
    'Anchors are kept in a map that is asked by its own method whether it has one. An anchor of the name of that method ' +
    'hides it, and the next alias ends in a TypeError that is no fault of the document.',
  criteria: ['An anchor may have any name.', 'An alias without an anchor is still refused, whatever its name.'],
  fixedFiles: ['lib/js-yaml/loader.js'],
  test: {
    path: TEST_PATH,
    names: ['an anchor may be named as a method', 'an unknown alias is refused', 'aliases as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const yaml = require('./index.js');

test('an anchor may be named as a method', () => {
  const text = 'a: &hasOwnProperty [1]\\nb: *hasOwnProperty\\nc: &d 2\\ne: *d\\n';
  assert.deepStrictEqual(yaml.safeLoad(text), { a: [1], b: [1], c: 2, e: 2 });
});

test('an unknown alias is refused', () => {
  for (const name of ['nobody', 'toString', 'hasOwnProperty']) {
    assert.throws(() => yaml.safeLoad('a: *' + name), /unidentified alias/, name);
  }
});

test('aliases as before', () => {
  const { a, b } = yaml.safeLoad('a: &same {x: 1}\\nb: *same\\n');
  assert.strictEqual(a, b);
});
`,
  },
  testCommand: TEST_COMMAND,
  // Takes what every object has for an anchor.
  wrong: {
    path: 'lib/js-yaml/loader.js',
    change: (source) => swap(source, /!state\.anchorMap\.hasOwnProperty\(alias\)/, '!(alias in state.anchorMap)'),
  },
};

/** More of them, carried by conversations with tools. */
export const furtherJavascriptCases: readonly RealCase[] = [
  kindOf,
  y18n,
  bytes,
  negotiator,
  commander,
  shellQuote,
  mustache,
  picomatch,
  json5,
  papaparse,
  jsYaml,
];
