import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseChildren, readChildren, showFault } from '../../src/schemas';
import { PROPOSAL_CHARACTERS_MAX } from '../../src/domain/proposal';

const LIST = `# As in a job file.
- id: parser
  title: Add the parser
  description: In src/parse.ts, a function parse(text).
  checks: [npm test -- parse]
- id: use
  title: Use the parser
  description: Call it in src/main.ts.
  dependsOn: [parser]
`;

const saysOf = (text: string): readonly string[] => {
  const parsed = parseChildren(text);
  return parsed.kind === 'ok' ? [] : parsed.faults.map((fault) => showFault(fault, 'parts.yaml', 'the proposal'));
};

it('are the tasks of a list, which wait for each other by their ids', () => {
  expect(parseChildren(LIST)).toMatchObject({
    kind: 'ok',
    plan: {
      children: [
        { title: 'Add the parser', checks: ['npm test -- parse'], dependsOn: [] },
        { title: 'Use the parser', checks: [], dependsOn: [1] },
      ],
      join: false,
    },
  });
});

it('are read from the example of the documentation', () => {
  const page = readFileSync(resolve(__dirname, '../../docs/how-to/splitting.md'), 'utf8');
  const [, text = ''] = /^```yaml\n(# parts\.yaml\n[^]*?)^```$/m.exec(page) ?? [];
  expect(parseChildren(text)).toMatchObject({
    plan: { children: [{ checks: [] }, { checks: ['test -e README.md'] }] },
  });
});

it('may stand in a map, which says whether they are joined', () => {
  const children = [{ title: 'One', description: 'Do it.' }];
  const plan = { children: [{ title: 'One' }], join: true, notes: 'Too large.' };
  expect(parseChildren(JSON.stringify({ children, join: true, notes: 'Too large.' }))).toMatchObject({ plan });
  expect(readChildren({ children, join: true, notes: 'Too large.' })).toMatchObject({ plan });
});

it.each([
  ['a text', 'do it in parts', 'parts.yaml:1: the proposal must be a list of tasks, or a map with children'],
  ['nothing', '', 'parts.yaml:1: the proposal must be a list of tasks, or a map with children'],
  ['no child', '[]', 'parts.yaml:1: children must have at least 1 entry'],
  ['no title', '- title: One\n  description: d\n- description: d', 'parts.yaml:3: children[1].title is missing'],
  [
    'a slip',
    '- title: One\n  descripton: d',
    'parts.yaml:2: children[0].descripton is no field: did you mean description?',
  ],
  [
    'a handler',
    '- title: One\n  description: d\n  handler: plan',
    'parts.yaml:3: children[0].handler is no field; there are',
  ],
  [
    'an id of nobody',
    LIST.replace('[parser]', '[lexer]'),
    'parts.yaml:9: children[1].dependsOn[0] must be the number of a child, or its id',
  ],
  [
    'an id twice',
    LIST.replace('id: use', 'id: parser'),
    'parts.yaml:6: children[1].id is the id of children[0] already',
  ],
  [
    'a circle',
    LIST.replace('  checks:', '  dependsOn: [use]\n  checks:'),
    'the children wait for each other in a circle: 1 → 2 → 1',
  ],
  [
    'a check with a time',
    LIST.replace('[npm test -- parse]', '[{ run: npm test, timeoutSeconds: 5 }]'),
    'parts.yaml:5: children[0].checks[0] must be a command alone',
  ],
  [
    'too many words',
    `- title: One\n  description: ${'d'.repeat(PROPOSAL_CHARACTERS_MAX)}`,
    'is longer than 100000 characters',
  ],
])('with %s are refused with the line', (_what, text, says) => {
  expect(saysOf(text).join('\n')).toContain(says);
});

it('that fit as YAML but not as JSON are refused too', () => {
  const children = Array.from({ length: 20 }, (_, n) => ({ title: `T${n}`, description: '\n'.repeat(3_000) + 'x' }));
  expect(readChildren(children)).toMatchObject({ faults: [{ says: expect.stringContaining('100000 are the most') }] });
});
