/** The example that weaver shows without a model: a small repository with a bug, the task to mend it, a recorded answer. */
import type { ScriptRule } from './script.js';

/** Content of the example repository by path. Node alone runs its tests. */
export const DEMO_FILES: Readonly<Record<string, string>> = {
  'README.md': `# greet

Greets people by name.

\`\`\`js
const { greet } = require('./greet.js');

greet('Ada'); // Hello, Ada!
\`\`\`

Tests: \`node --test\`
`,
  'AGENTS.md': `# For those who work here

- No dependencies: Node alone runs the code and its tests.
- \`node --test\` must pass before a change lands. Mend the code, not the tests.
`,
  'package.json': `{
  "name": "greet",
  "version": "1.0.0",
  "private": true,
  "license": "MIT",
  "main": "greet.js",
  "scripts": {
    "test": "node --test"
  }
}
`,
  'greet.js': `'use strict';

/** A greeting for a person, or for the world if there is no name. */
function greet(name) {
  return 'Hello, name!';
}

module.exports = { greet };
`,
  'greet.test.js': `'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { greet } = require('./greet.js');

test('greets by name', () => {
  assert.strictEqual(greet('Ada'), 'Hello, Ada!');
});

test('leaves out blanks around the name', () => {
  assert.strictEqual(greet('  Grace '), 'Hello, Grace!');
});

test('greets the world if there is no name', () => {
  assert.strictEqual(greet(), 'Hello, world!');
  assert.strictEqual(greet('   '), 'Hello, world!');
});
`,
};

const TITLE = 'Greet by name';

/** Content of the task file, without the repository: that is made on the spot. */
export const DEMO_TASK = {
  title: TITLE,
  description:
    'greet() in greet.js says "Hello, name!" to everybody. It should say the name it is given, and greet the world if it is given none.',
  acceptanceCriteria: [
    "greet('Ada') is 'Hello, Ada!'",
    'Blanks around the name are left out',
    "Without a name, or with a blank one, it is 'Hello, world!'",
  ],
  relatedFiles: ['greet.js', 'greet.test.js'],
  checks: [{ name: 'tests', run: 'node --test', timeoutSeconds: 60 }],
  tags: ['example'],
} as const;

/** Right at once, since a second attempt would only show how long weaver waits before it. */
const ANSWER = {
  edits: [
    {
      op: 'replace',
      path: 'greet.js',
      content: null,
      search: "function greet(name) {\n  return 'Hello, name!';\n}",
      replace: "function greet(name = '') {\n  return `Hello, ${name.trim() || 'world'}!`;\n}",
      to: null,
    },
  ],
  commitMessage:
    'Greet by name\n\nThe name stood in a plain string and was never filled in. Without one, the world is greeted.',
  notes: 'A recorded answer of the scripted endpoint; no model was asked.',
} as const;

/** What the scripted endpoint knows when weaver starts it itself. */
export const DEMO_SCRIPT: readonly ScriptRule[] = [
  { when: { contains: [TITLE, 'Hello, name!'] }, answers: [{ kind: 'json', value: ANSWER }] },
  {
    answers: [
      {
        kind: 'status',
        status: 400,
        body: {
          error: {
            message:
              'This is the scripted endpoint of weaver, not a model: it only knows the example task. Set OPENAI_API_KEY, or OPENAI_BASE_URL for another endpoint.',
            type: 'scripted_endpoint',
            param: null,
            code: null,
          },
        },
      },
    ],
  },
];
