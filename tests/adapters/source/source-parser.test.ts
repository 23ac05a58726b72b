import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSourceParser, type RunningSourceParser } from '../../../src/adapters/source/source-parser';
import { PARSED_LANGUAGES, type ParsedLanguage } from '../../../src/domain/map/languages';
import { compileThread } from './compiled-thread';

let folder: string;
let program: string;
let parser: RunningSourceParser;
beforeAll(() => {
  ({ folder, program } = compileThread());
  parser = createSourceParser({ program });
});
afterAll(() => {
  parser.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const SAMPLES: Readonly<Record<ParsedLanguage, readonly [text: string, names: readonly string[]]>> = {
  cpp: [
    '#define LIMIT 3\nnamespace ranges {\nclass Range : Base {\n int *end(int a);\n};\nint *Range::end(int a) { return 0; }\nstruct Box other;\ntypedef int Size;\n}',
    ['LIMIT', 'ranges', 'Range', 'end', 'end', 'Size'],
  ],
  'c-sharp': [
    'namespace N;\ninterface IRange {}\nclass Range : IRange {\n public int End { get; }\n public Range() {}\n int Parse() => 1;\n}\nenum Kind { A }',
    ['IRange', 'Range', 'End', 'Range', 'Parse', 'Kind'],
  ],
  go: [
    'package a\ntype Range struct{}\nconst Limit = 3\nfunc Parse() {}\nfunc (r *Range) End() int { x := 1; return x }',
    ['Range', 'Limit', 'Parse', 'End'],
  ],
  java: [
    'class Range {\n Range() {}\n int end() { return 1; }\n}\ninterface Sized {}\nenum Kind { A }\nrecord Pair(int a) {}',
    ['Range', 'Range', 'end', 'Sized', 'Kind', 'Pair'],
  ],
  javascript: [
    "const fs = require('fs');\nconst LIMIT = 3;\nfunction parse() { const inner = 1; }\nclass Range { end() {} }\nconst give = () => 1;\nexports.take = 2;\nRange.prototype.size = function () {};\nconst o = { open: function () {} };",
    ['LIMIT', 'parse', 'Range', 'end', 'give', 'take', 'size', 'o', 'open'],
  ],
  php: [
    '<?php\nfunction parse() {}\ninterface Sized {}\nclass Range implements Sized { function end() {} }\ntrait Has {}',
    ['parse', 'Sized', 'Range', 'end', 'Has'],
  ],
  python: [
    'import os\nLIMIT = 3\ndef parse():\n    inner = 1\nclass Range:\n    async def end(self):\n        pass',
    ['LIMIT', 'parse', 'Range', 'end'],
  ],
  ruby: [
    'module Ranges\n class Range < Base\n  def end_of(a)\n  end\n  def self.parse\n  end\n end\nend',
    ['Ranges', 'Range', 'end_of', 'parse'],
  ],
  rust: [
    'const LIMIT: u8 = 3;\nstruct Range {}\nenum Kind { A }\ntrait Sized { fn size(&self); }\nimpl Range { fn end(&self) {} }\nmacro_rules! give { () => {} }',
    ['LIMIT', 'Range', 'Kind', 'Sized', 'size', 'end', 'give'],
  ],
  tsx: ['export const View = (): JSX.Element => <a/>;\ninterface Props { a: string }', ['View', 'Props']],
  typescript: [
    'export interface Range { end(): number }\nexport type Kind = 1;\nenum E { A }\nabstract class Base { abstract size(): number; run(): void {} }\nexport const parse = (): void => {};\nconst limit: number = 3;',
    ['Range', 'Kind', 'E', 'Base', 'size', 'run', 'parse', 'limit'],
  ],
};

it.each(PARSED_LANGUAGES)('finds what a file in %s defines, in its order', async (language) => {
  const [text, names] = SAMPLES[language];
  const [read] = await parser.tags([{ language, text }]);
  expect(read?.definitions.map(({ name }) => name)).toEqual(names);
});

it('keeps the line of a definition, and reads words where no parser knows the language', async () => {
  const [python, other] = await parser.tags([
    { language: 'python', text: '\n\ndef  parse_range(text,   end):\n    return text\n' },
    { language: null, text: 'parse_range the ranges' },
  ]);
  expect(python?.definitions).toEqual([{ name: 'parse_range', line: 3, text: 'def parse_range(text, end):' }]);
  expect(other).toEqual({
    definitions: [],
    names: [
      ['parse_range', 1],
      ['the', 1],
      ['ranges', 1],
    ],
    words: [
      ['rang', 2],
      ['pars', 1],
    ],
  });
});

it('reads broken source as far as it goes, and empty and binary text too', async () => {
  const texts = ['def parse(:\n  pass\n\ndef end():\n  pass', '', '\0\u0001\uFFFD'.repeat(500)];
  const read = await parser.tags(texts.map((text) => ({ language: 'python', text })));
  expect(read.map(({ definitions }) => definitions.at(-1)?.name)).toEqual(['end', undefined, undefined]);
});

it('gives the faults of a thread that is gone, and goes on with another', async () => {
  const broken = join(folder, 'broken.js');
  writeFileSync(broken, "require('node:worker_threads').parentPort.once('message', () => process.exit(3));\n");
  const mortal = createSourceParser({ program: broken });
  const fault = { code: 'infrastructure', retryable: true, message: expect.stringContaining('ended with code 3') };
  await expect(mortal.tags([])).rejects.toMatchObject(fault);
  await expect(mortal.tags([])).rejects.toMatchObject(fault);
  mortal.close();
});

it('gives up on a parser that hangs', async () => {
  const hung = join(folder, 'hung.js');
  writeFileSync(hung, "require('node:worker_threads').parentPort.on('message', () => { for (;;); });\n");
  const hanging = createSourceParser({ program: hung, timeoutMs: 100 });
  await expect(hanging.tags([])).rejects.toMatchObject({ message: expect.stringContaining('nothing after 0.1 s') });
});

it('takes requests one after the other, each with its own answer', async () => {
  const asked = ['a', 'b', 'c'].map((name) =>
    parser.tags([{ language: 'go', text: `package p\nfunc ${name}${name}() {}` }]),
  );
  const answers = await Promise.all(asked);
  expect(answers.map(([read]) => read?.definitions[0]?.name)).toEqual(['aa', 'bb', 'cc']);
});

const faultOf = async (language: ParsedLanguage, text: string): Promise<string | null | undefined> =>
  (await parser.faults([{ language, text }]))[0];

describe('the first place that a grammar refuses', () => {
  it.each(PARSED_LANGUAGES.filter((language) => language !== 'cpp'))('is none in sound %s', async (language) => {
    expect(await faultOf(language, SAMPLES[language][0])).toBeNull();
  });

  it.each([
    ['python', 'a = 1\ndef parse(:\n    pass\n', /line 2 |from line [12] on/i],
    ['go', 'package a\nfunc parse() {\n\tif x {\n}\n', /line \d/i],
    ['typescript', 'const a: = 1;\n', /line 1 /i],
    ['rust', 'fn parse( {}\n', /line 1 /i],
    ['java', 'class A {\n  int b() { return 1 }\n}\n', /Line 2 cannot be read: ";" is missing\./],
  ] as const)('is told in %s', async (language, text, says) => {
    expect(await faultOf(language, text)).toMatch(says);
  });

  it('is none where nobody knows the language', async () => {
    expect(await parser.faults([{ language: null, text: '(((' }])).toEqual([null]);
  });

  it('is found however deeply it is nested', async () => {
    expect(await faultOf('python', `${'['.repeat(2_000)}1 1${']'.repeat(2_000)}`)).toMatch(/line 1 /i);
  });
});
