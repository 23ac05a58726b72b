import type { Edit } from '../../src/domain/edits';
import { answerSchema, parseAnswer } from '../../src/schemas';

const NOTHING = { content: null, search: null, replace: null, to: null };
const write = (path: string, content: string): Edit => ({ ...NOTHING, op: 'write', path, content });

const ANSWER = { edits: [write('a.txt', 'say "hi" {\n\tback\\slash }')], commitMessage: 'Write a.txt', notes: 'é 🎉' };
const TEXT = JSON.stringify(ANSWER);
const PRETTY = JSON.stringify(ANSWER, null, 2);
const OK = { kind: 'ok', answer: ANSWER };

const faultsOf = (text: string): readonly string[] => {
  const parsed = parseAnswer(text);
  return parsed.kind === 'ok' ? [] : parsed.faults;
};

describe('the schema of an answer', () => {
  it('keeps to what strict modes ask for: every field required, none other', () => {
    expect(looseObjects(answerSchema)).toEqual([]);
    expect(JSON.parse(JSON.stringify(answerSchema))).toMatchObject({
      required: ['edits', 'commitMessage', 'notes', 'question'],
      properties: {
        edits: {
          items: {
            required: ['op', 'path', 'content', 'search', 'replace', 'to'],
            properties: { to: { type: ['string', 'null'] } },
          },
        },
      },
    });
  });
});

describe('an answer', () => {
  it.each([
    ['as it should be', TEXT],
    ['over several lines', PRETTY],
    ['after a byte order mark and blank lines', `\uFEFF\n\n ${TEXT}\n`],
    ['in a fence', `\`\`\`json\n${PRETTY}\n\`\`\``],
    ['in a fence without a language, with Windows line ends', `\`\`\`\r\n${TEXT}\r\n\`\`\`\r\n`],
    ['with words around it', `Here's what I'd do {roughly}:\n\n${TEXT}\n\nThat's "it". {x}`],
    ['after a lone brace in the words', `An { opens, and then: ${TEXT}`],
    ['after thoughts with a draft', `<think>perhaps {"edits": []}? no</think>\n${TEXT}`],
    ['said twice', `${TEXT}\n\n\`\`\`json\n${PRETTY}\n\`\`\``],
    ['as the only entry of a list', `[${TEXT}]`],
    ['with commas too many', TEXT.replace(']', ',]').replace(/\}$/, ',}')],
    ['with comments', PRETTY.replace('{\n', '{ // the answer\n').replace('"notes"', '/* at last */ "notes"')],
    ['with a line end and a tab that are not escaped', TEXT.replace('\\n', '\n').replace('\\t', '\t')],
  ])('is read %s', (_how, text) => {
    expect(parseAnswer(text)).toEqual(OK);
  });

  it.each([
    ['a question', { question: ' Which port? ' }, { question: 'Which port?' }],
    ['no question', { question: null }, {}],
    ['a blank one', { question: ' \n' }, {}],
    ['what is no question', { question: [1] }, {}],
  ])('with %s', (_what, more, expected) => {
    expect(parseAnswer(JSON.stringify({ ...ANSWER, ...more }))).toEqual({
      kind: 'ok',
      answer: { ...ANSWER, ...expected },
    });
  });

  it('has only the fields that its operations use', () => {
    const junk = { content: 'c', search: 's', replace: 'r', to: 't', extra: { deep: [1] } };
    const edits = [
      { op: 'write', path: 'a', ...junk },
      { replace: 'r', search: 's', path: 'a', op: 'replace' },
      { op: 'delete', path: 'a', ...junk },
      { op: 'move', path: 'a', ...junk, content: 7 },
    ];
    expect(parseAnswer(JSON.stringify({ edits, more: true }))).toEqual({
      kind: 'ok',
      answer: {
        edits: [
          { ...NOTHING, op: 'write', path: 'a', content: 'c' },
          { ...NOTHING, op: 'replace', path: 'a', search: 's', replace: 'r' },
          { ...NOTHING, op: 'delete', path: 'a' },
          { ...NOTHING, op: 'move', path: 'a', to: 't' },
        ],
        commitMessage: '',
        notes: '',
      },
    });
  });

  it('may change nothing, and may make files empty', () => {
    expect(parseAnswer('{"edits":[],"commitMessage":null}')).toEqual({
      kind: 'ok',
      answer: { edits: [], commitMessage: '', notes: '' },
    });
    expect(parseAnswer('{"edits":[{"op":"write","path":"a","content":""}]}')).toMatchObject({
      answer: { edits: [write('a', '')] },
    });
  });

  it('with files that look like answers is still one answer', () => {
    const inner = write('fixture.json', TEXT);
    expect(parseAnswer(JSON.stringify({ ...ANSWER, edits: [inner] }))).toEqual({
      kind: 'ok',
      answer: { ...ANSWER, edits: [inner] },
    });
  });
});

const MALFORMED = [
  ['', ['The answer is empty.']],
  [' \n', ['The answer is empty.']],
  ['I cannot do that.', ['The answer has no JSON object with the field edits.']],
  ['{}', ['The answer has no JSON object with the field edits.']],
  ['null', ['The answer has no JSON object with the field edits.']],
  ['{"answer":{"edits":[]}}', ['The answer has no JSON object with the field edits.']],
  [
    '{"edits":[]}{"edits":[{"op":"delete","path":"a"}]}',
    ['The answer has several objects with the field edits; send one.'],
  ],
  ['{"edits":null}', ['edits: must be a list.']],
  [
    '{"edits":{},"commitMessage":1,"notes":[]}',
    ['edits: must be a list.', 'commitMessage: must be a text.', 'notes: must be a text.'],
  ],
  [
    '{"edits":[1,{},{"op":"patch","path":"a"},{"op":"write","path":"a"},{"op":"replace","path":"a","search":null,"replace":3},{"op":"move","path":null}]}',
    [
      'edits[0]: must be an object with op and path.',
      'edits[1].op: must be one of write, replace, delete, move.',
      'edits[1].path: must be a text.',
      'edits[2].op: must be one of write, replace, delete, move.',
      'edits[3].content: must be a text for op "write".',
      'edits[4].search: must be a text for op "replace".',
      'edits[4].replace: must be a text for op "replace".',
      'edits[5].path: must be a text.',
      'edits[5].to: must be a text for op "move".',
    ],
  ],
  [
    '{"edits":[{"op":"write","path":"a","content":"\\ud83d"}]}',
    ['edits[0].content: has half of a surrogate pair, which is no text.'],
  ],
  ['{"__proto__":{"edits":[]}}', ['The answer has no JSON object with the field edits.']],
  [
    '{"edits":[{"__proto__":{"op":"delete","path":"a"}}]}',
    ['edits[0].op: must be one of write, replace, delete, move.', 'edits[0].path: must be a text.'],
  ],
] as const;

describe('a malformed answer', () => {
  it.each(MALFORMED)('%s', (text, faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  it('is every answer that was cut off, wherever it was', () => {
    const texts = [
      TEXT,
      PRETTY,
      `\`\`\`json\n${PRETTY}`,
      JSON.stringify({ ...ANSWER, edits: [write('f', TEXT), write('g', PRETTY)] }),
    ];
    for (const text of texts) {
      const read = Array.from({ length: text.length - 1 }, (_, length) => text.slice(0, length)).filter(
        (cut) => parseAnswer(cut).kind === 'ok',
      );
      expect(read).toEqual([]);
    }
    expect(faultsOf(TEXT.slice(0, -1))).toEqual([
      'The JSON object of the answer does not end: it was cut off, or its brackets do not pair.',
    ]);
  });

  it.each([
    ['a quote that is not escaped', '{"edits":[{"op":"write","path":"a","content":"say "hi" now"}]}'],
    ['single quotes', "{'edits':[{'op':'delete','path':'a'}]}"],
    ['brackets that do not pair', '{"edits":[{"op":"delete","path":"a"}}'],
    ['a field without a value', '{"edits":[{"op":"delete","path":}]}'],
    ['an escape that JSON does not have', '{"edits":[{"op":"write","path":"a","content":"\\x41"}]}'],
  ])('has %s: what it means would be a guess', (_what, text) => {
    expect(parseAnswer(text).kind).toBe('malformed');
  });

  it('names at most 20 faults of at most 300 characters', () => {
    const faults = faultsOf(JSON.stringify({ edits: Array.from({ length: 100 }, () => ({})) }));
    expect([faults.length, faults.at(-1)]).toEqual([20, '… and 181 more.']);
    expect(faultsOf(JSON.stringify({ edits: Array.from({ length: 10 }, () => ({})) }))).toHaveLength(20);
    expect(Math.max(...faultsOf(`{"edits": ${'x'.repeat(1_000)}}`).map((fault) => fault.length))).toBeLessThanOrEqual(
      300,
    );
  });

  it('is told soon, however long it is', () => {
    const started = Date.now();
    expect(faultsOf('x'.repeat(8_000_001))).toEqual(['The answer is longer than 8000000 characters.']);
    expect(parseAnswer('{ '.repeat(1_000_000)).kind).toBe('malformed');
    expect(parseAnswer('{a} '.repeat(50_000)).kind).toBe('malformed');
    expect(parseAnswer(`{"edits":${'['.repeat(100_000)}`).kind).toBe('malformed');
    expect(parseAnswer(`{"edits":${'['.repeat(100_000)}${']'.repeat(100_000)}}`).kind).toBe('malformed');
    const large = JSON.stringify({ ...ANSWER, edits: [write('a', 'line\n'.repeat(1_000_000))] });
    expect(parseAnswer(`Here: ${large.replace(/\}$/, ',}')}`).kind).toBe('ok');
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});

/** Places of objects in a schema that allow fields besides the required ones. */
function looseObjects(schema: unknown, place = ''): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = schema as Readonly<Record<string, unknown>>;
  const strict =
    own['type'] !== 'object' ||
    (own['additionalProperties'] === false &&
      JSON.stringify(Object.keys(own['properties'] ?? {})) === JSON.stringify(own['required']));
  return [
    ...(strict ? [] : [place]),
    ...Object.entries(own).flatMap(([key, value]) => looseObjects(value, `${place}/${key}`)),
  ];
}

const searchBlock = (path: string, from: string, to: string): string =>
  `${path}\n<<<<<<< SEARCH\n${from}=======\n${to}>>>>>>> REPLACE\n`;

describe('an answer in blocks', () => {
  it('has its message, its words and its question beside the edits', () => {
    const text = `I shout.\n\n${searchBlock('a.txt', 'a\n', 'A\n')}\n<<<<<<< MESSAGE\nShout\n\nIt was low.\n>>>>>>> MESSAGE\n\nDone.`;
    expect(parseAnswer(text)).toEqual({
      kind: 'ok',
      answer: {
        edits: [{ ...NOTHING, op: 'replace', path: 'a.txt', search: 'a\n', replace: 'A\n' }],
        commitMessage: 'Shout\n\nIt was low.',
        notes: 'I shout.\nDone.',
      },
    });
    expect(parseAnswer('<<<<<<< QUESTION\nWhich one?\n>>>>>>> QUESTION\n')).toEqual({
      kind: 'ok',
      answer: { edits: [], commitMessage: '', notes: '', question: 'Which one?' },
    });
  });

  it('is never read in part, wherever it was cut', () => {
    const text = `${searchBlock('a.txt', 'a\n', 'A\n')}${searchBlock('b.txt', 'b\n', 'B\n')}`.trimEnd();
    const whole = text.length;
    const read = Array.from({ length: whole }, (_, length) => parseAnswer(text.slice(0, length)));
    const first = text.indexOf('b.txt') - 1;
    // Between two whole blocks, and with a beginning of the next path, which is a word beside a block.
    const readable = read.flatMap((parsed, length) => (parsed.kind === 'ok' ? [length] : []));
    expect(readable.filter((length) => length < first || length > first + 'b.txt'.length + 12)).toEqual([]);
  });

  it('is none in a bare list of edits, whose fence names no file', () => {
    expect(parseAnswer('```json\n[{"op":"write","path":"a.txt","content":"A"}]\n```')).toEqual({
      kind: 'malformed',
      faults: ['The answer has no JSON object with the field edits.'],
    });
  });

  it('is read in time that grows with its length alone', () => {
    const times = 20_000;
    const blocks = searchBlock('a.txt', 'a\n', 'A\n').repeat(times);
    const marks = '<<<<<<< SEARCH\n'.repeat(4 * times);
    const dividers = `a.txt\n<<<<<<< SEARCH\n${'=======\n'.repeat(4 * times)}>>>>>>> REPLACE`;
    const fences = 'a.js\n```\nx\n```\n'.repeat(times);
    const begun = process.cpuUsage();
    for (const text of [blocks, fences]) expect(parseAnswer(text).kind).toBe('ok');
    for (const text of [marks, dividers]) expect(parseAnswer(text).kind).toBe('malformed');
    // A tenth of a second; what grows with the square would take minutes.
    expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(5_000);
  });
});
