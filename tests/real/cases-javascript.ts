import { swap, type RealCase } from './case.js';

const TEST_PATH = 'known-bug.test.js';
const TEST_COMMAND = `node --test --test-reporter=tap ${TEST_PATH}`;

const minimist: RealCase = {
  name: 'minimist-constructor-pollution',
  language: 'javascript',
  package: 'minimist',
  base: { version: '1.2.5', sha256: 'a1800ce4d39356e96497bd09a41fad0033a13dd8eeb469008333547505ce4350' },
  fixed: { version: '1.2.6', sha256: '49c9124665fc1900e589be610b8dc69d5e61a179e9ed8547c6d61d30a225e726' },
  title: 'A dotted option name can reach the prototype of all functions',
  description:
    'Option names with dots become nested objects. A name that walks along "constructor" from a value that exists already ' +
    'arrives at built-in functions and writes to their prototype, so that a command line changes every function of the process.',
  criteria: [
    'No option name changes a built-in prototype.',
    'An option that is merely called constructor is still an ordinary option if nothing built-in is behind it.',
  ],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['functions stay clean', 'objects stay clean', 'dotted names still nest'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const parse = require('./index.js');

test('functions stay clean', () => {
  parse(['--_.concat.constructor.prototype.leaked', 'yes']);
  const leaked = function () {}.leaked;
  delete Function.prototype.leaked;
  assert.strictEqual(leaked, undefined);
});

test('objects stay clean', () => {
  parse(['--box.constructor.prototype.spilled', 'yes', '--box.__proto__.dripped', 'yes']);
  const { spilled, dripped } = {};
  delete Object.prototype.spilled;
  delete Object.prototype.dripped;
  assert.deepStrictEqual([spilled, dripped], [undefined, undefined]);
});

test('dotted names still nest', () => {
  assert.deepStrictEqual(parse(['--box.lid.colour', 'red', '--box.size', '3']), {
    _: [],
    box: { lid: { colour: 'red' }, size: 3 },
  });
});
`,
  },
  testCommand: TEST_COMMAND,
  // Looks at the first name of the path only.
  wrong: {
    path: 'index.js',
    change: (source) =>
      swap(
        source,
        /^( +)function setKey \(obj, keys, value\) \{$/m,
        "$&\n$1    if (keys[0] === 'constructor' || keys[0] === '__proto__') return;",
      ),
  },
};

const decodeUriComponent: RealCase = {
  name: 'decode-uri-component-throws',
  language: 'javascript',
  package: 'decode-uri-component',
  base: { version: '0.2.0', sha256: '0a3e427c86cd249b0b402907132bf8ba85efb2a34ed1d2b3aa4694fd21730ad6' },
  fixed: { version: '0.2.1', sha256: '0ffec42329beb9f9af7fbb599701b97f5ae870452df66332ff58bb5d2a19b5a9' },
  title: 'Some malformed input makes the decoder throw',
  description:
    'The decoder promises to give back what it cannot decode. When a run of escapes is malformed as a whole but a part of it ' +
    'can be decoded, the recursion hands a string to code that expects a list of strings, and a TypeError comes out. ' +
    'In other inputs a plain escaped letter between undecodable bytes stays escaped.',
  criteria: ['No string makes the decoder throw.', 'Escapes that can be decoded are, also between ones that cannot.'],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['malformed input does not throw', 'letters between bad bytes come out', 'sound input decodes as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const decode = require('./index.js');

test('malformed input does not throw', () => {
  for (const input of ['%ea%ba%5a%ba', '%ea%ba%5a%ba%ea%ba', '%', '%%', '%zz', '%80', '%c3%c3%41']) {
    assert.strictEqual(typeof decode(input), 'string', input);
  }
});

test('letters between bad bytes come out', () => {
  assert.strictEqual(decode('%80%42%80'), '%80B%80');
});

test('sound input decodes as before', () => {
  assert.strictEqual(decode('a%20b+c'), 'a b c');
  assert.strictEqual(decode('caf%C3%A9'), 'caf\\u00e9');
});
`,
  },
  testCommand: TEST_COMMAND,
  // Guards the place where the error is seen, not the one it comes from.
  wrong: {
    path: 'index.js',
    change: (source) => swap(source, /(input\.match\(singleMatcher\));/g, '$1 || [];'),
  },
};

const extend: RealCase = {
  name: 'extend-prototype-pollution',
  language: 'javascript',
  package: 'extend',
  base: { version: '3.0.1', sha256: '945da184c09e2fb0d920a73bac25a747b41eb8da99fa456c80e907f3cdfa2eba' },
  fixed: { version: '3.0.2', sha256: '1d91d0b0faa50cba223fa937c7b5a4a662968b1d78b3e59dca5c917dd5cf72b2' },
  title: 'Deep merging of parsed JSON can change the prototype of all objects',
  description:
    'JSON.parse makes an ordinary own property of a key called __proto__. A deep merge reads and writes that key through the ' +
    'accessor of the target instead, and so copies the properties below it into Object.prototype.',
  criteria: [
    'Merging never changes Object.prototype.',
    'An own property called __proto__ arrives in the target as an own property.',
  ],
  fixedFiles: ['index.js'],
  test: {
    path: TEST_PATH,
    names: ['deep merge stays in the target', 'own property is copied as one', 'ordinary merge as before'],
    content: `'use strict';
const test = require('node:test');
const assert = require('node:assert');
const extend = require('./index.js');

test('deep merge stays in the target', () => {
  extend(true, {}, JSON.parse('{"__proto__": {"leaked": true}}'));
  const { leaked } = {};
  delete Object.prototype.leaked;
  assert.strictEqual(leaked, undefined);
});

test('own property is copied as one', () => {
  const merged = extend({}, JSON.parse('{"__proto__": {"inner": 1}, "other": 2}'));
  assert.deepStrictEqual(Object.keys(merged).sort(), ['__proto__', 'other']);
  assert.strictEqual(Object.getPrototypeOf(merged), Object.prototype);
});

test('ordinary merge as before', () => {
  const target = { kept: 1, deep: { left: 1 } };
  assert.deepStrictEqual(extend(true, target, { deep: { right: 2 } }), { kept: 1, deep: { left: 1, right: 2 } });
});
`,
  },
  testCommand: TEST_COMMAND,
  // Skips another name that has a bad reputation.
  wrong: {
    path: 'index.js',
    change: (source) =>
      swap(source, /^(\t+)for \(name in options\) \{$/m, "$&\n$1\tif (name === 'prototype') { continue; }"),
  },
};

/** From the JavaScript package registry, as packed tarballs. */
export const javascriptCases: readonly RealCase[] = [minimist, decodeUriComponent, extend];
