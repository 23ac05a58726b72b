/** The text of a file of cases becomes a comparison, or every fault there is, each with its line. */
import { z } from 'zod';
import type { CompareCase, CompareSpec, CompareThresholds, Expectation, TextCase } from '../domain/compare.js';
import { trialsOf } from '../domain/compare.js';
import { defined, isMap } from '../domain/plain-object.js';
import type { PromptMessage } from '../domain/prompt.js';
import { askFields, askShapes, quorumFaults } from './ask-shape.js';
import {
  compareTask,
  compareTaskFaults,
  compareTaskFields,
  compareTaskSpec,
  withAbsoluteUrls,
} from './compare-task.js';
import { sayIssue, shapeFaults, showPath, type FieldNames, type ShapeFault, type TaskFault } from './faults.js';
import { schemaFaults } from './json-schema.js';
import { byLine } from './placed-faults.js';
import { variableMap } from './playbook-shape.js';
import { microDollars, modelFields, oneModel } from './task-shape.js';
import { line, prose } from './text-shape.js';
import { readYaml } from './yaml-text.js';

export type ParsedCompare =
  | { readonly kind: 'ok'; readonly spec: CompareSpec }
  | { readonly kind: 'faults'; readonly faults: readonly TaskFault[] };

const BOUNDS = {
  /** The start input travels through Temporal as a whole, 256 KB at most. */
  fileCharacters: 200_000,
  cases: 200,
  /** Each has a work tree on the host as long as the comparison goes on. */
  tasks: 50,
  nameCharacters: 100,
  promptCharacters: 100_000,
  messages: 20,
  patternCharacters: 1_000,
  models: 10,
  modes: 5,
  repeats: 100,
  /** More questions at once only wait for each other's providers. */
  concurrency: 50,
  /** A day of calls; more are several comparisons. */
  questions: 10_000,
  costUsd: 1_000_000,
  /** A day. */
  latencyMs: 86_400_000,
} as const;

/** As many as an endpoint takes without a rate limit, about. */
const CONCURRENCY = 4;

const whole = (minimum: number, maximum: number) => z.number().int('must be a whole number').min(minimum).max(maximum);
const share = z.number().min(0).max(1);
const dollars = z.number().gt(0).max(BOUNDS.costUsd);

const expectShape = {
  regex: z.string().min(1).max(BOUNDS.patternCharacters).optional(),
  flags: z
    .string()
    .regex(/^(?!.*(.).*\1)[ims]*$/, 'must be of the letters i, m and s, each once')
    .optional(),
  literal: z.string().max(BOUNDS.promptCharacters).optional(),
  json: z.unknown().optional(),
  schema: z.record(z.string(), z.unknown()).optional(),
};

const messageShape = { role: z.enum(['system', 'user']), content: prose(BOUNDS.promptCharacters) };

const caseShape = {
  name: line(BOUNDS.nameCharacters),
  prompt: prose(BOUNDS.promptCharacters).optional(),
  messages: z.array(z.strictObject(messageShape)).min(1).max(BOUNDS.messages).optional(),
  variables: variableMap.default({}),
  expect: z.strictObject(expectShape).optional(),
  task: compareTask.optional(),
};

const thresholdShape = {
  success: share.default(1),
  costUsd: dollars.optional(),
  latencyMs: whole(1, BOUNDS.latencyMs).optional(),
  determinism: share.optional(),
  agreement: share.optional(),
};

const limitShape = { costUsd: dollars.optional() };
const mode = askShapes({ oneModel, microDollars }).ask.unwrap();

const shape = {
  cases: z.array(z.strictObject(caseShape)).min(1).max(BOUNDS.cases),
  providers: z.array(oneModel).min(1).max(BOUNDS.models),
  modes: z
    .array(mode)
    .min(1)
    .max(BOUNDS.modes)
    .default([{ mode: 'single' }]),
  variables: variableMap.default({}),
  repeats: whole(1, BOUNDS.repeats).default(1),
  concurrency: whole(1, BOUNDS.concurrency).default(CONCURRENCY),
  limits: z.strictObject(limitShape).default({}),
  thresholds: z.strictObject(thresholdShape).default({ success: 1 }),
};

const fileMap = z.strictObject(shape);
type FileContent = z.infer<typeof fileMap>;
type GivenCase = FileContent['cases'][number];

const fields: FieldNames = {
  '': Object.keys(shape),
  'cases[]': Object.keys(caseShape),
  'cases[].messages[]': Object.keys(messageShape),
  'cases[].expect': Object.keys(expectShape),
  ...compareTaskFields,
  'providers[]': modelFields,
  'modes[]': askFields['ask'] ?? [],
  limits: Object.keys(limitShape),
  thresholds: Object.keys(thresholdShape),
};

/** @param options.cwd absolute folder that the repositories of tasks are relative to; without it none may be */
export function parseCompare(text: string, { cwd }: { readonly cwd?: string } = {}): ParsedCompare {
  const read = readYaml(text, BOUNDS.fileCharacters);
  if (read.kind === 'faults') return read;
  const content = withAbsoluteUrls(read.value ?? {}, cwd);
  const parsed = fileMap.safeParse(content, { error: sayIssue });
  // What is wrong with a field does not hide what is wrong between fields, as far as they can be read.
  const found = parsed.success ? wholeFaults(parsed.data) : shapeFaults(parsed.error.issues, fields);
  const more = parsed.success ? [] : rawFaults(content);
  const faults = [
    ...read.faults,
    ...[...found, ...more, ...rawTaskFaults(content)].map(({ path, says }) => ({
      path: showPath(path),
      line: read.placeOf(path).line,
      says,
    })),
  ].toSorted(byLine);
  if (!parsed.success || faults.length > 0) return { kind: 'faults', faults };
  return { kind: 'ok', spec: specOf(parsed.data) };
}

function specOf({ cases, providers, modes, variables, thresholds, ...rest }: FileContent): CompareSpec {
  return {
    cases: cases.map((one) => caseOf(one, variables)),
    models: providers,
    modes,
    repeats: rest.repeats,
    concurrency: rest.concurrency,
    limits: rest.limits.costUsd === undefined ? {} : { costUsdMicros: microDollars(rest.limits.costUsd) },
    thresholds: thresholdsOf(thresholds),
  };
}

const thresholdsOf = ({ success, costUsd, ...others }: FileContent['thresholds']): CompareThresholds => ({
  success,
  ...defined(others),
  ...(costUsd === undefined ? {} : { costUsdMicros: microDollars(costUsd) }),
});

const caseOf = (given: GivenCase, shared: Readonly<Record<string, string>>): CompareCase =>
  given.task === undefined ? textCase(given, shared) : { name: given.name, task: compareTaskSpec(given.task) };

function textCase(given: GivenCase, shared: Readonly<Record<string, string>>): TextCase {
  const values = { ...shared, ...given.variables };
  const messages = messagesOf(given).map(({ role, content }) => ({ role, content: fill(content, values) }));
  return { name: given.name, messages, ...(given.expect === undefined ? {} : { expect: expectationOf(given.expect) }) };
}

const messagesOf = ({ prompt, messages = [] }: GivenCase): readonly PromptMessage[] =>
  prompt === undefined ? messages : [{ role: 'user', content: prompt }];

function expectationOf(given: NonNullable<GivenCase['expect']>): Expectation {
  const { regex, flags = '', literal, schema } = given;
  if (regex !== undefined) return { kind: 'regex', pattern: regex, flags: `${flags}u` };
  if (literal !== undefined) return { kind: 'literal', text: literal };
  if (schema !== undefined) return { kind: 'schema', schema };
  return { kind: 'json', value: given.json ?? null };
}

/** `{{name}}`, with blanks inside the braces or without. */
const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replaceAll(PLACEHOLDER, (found, name: string) => (Object.hasOwn(values, name) ? (values[name] ?? '') : found));

/** What no field can say alone. */
const wholeFaults = (content: FileContent): readonly ShapeFault[] => [
  ...content.cases.flatMap((one, index) => caseFaults(one, content.variables, ['cases', index])),
  ...twice(
    content.cases.map(({ name }) => name),
    (index) => ['cases', index, 'name'],
  ),
  ...twice(
    content.providers.map((choice) => JSON.stringify([choice.provider, choice.model])),
    (index) => ['providers', index],
  ),
  ...twice(
    content.modes.map((rules) => rules.mode),
    (index) => ['modes', index],
  ),
  ...content.modes.flatMap((rules, index) =>
    (rules.judge === undefined ? quorumFaults(rules, content.providers.length) : []).map(({ path, says }) => ({
      path: ['modes', index, ...path],
      says,
    })),
  ),
  ...questionFaults(content),
];

function questionFaults(content: FileContent): readonly ShapeFault[] {
  const { modes, providers, cases, repeats } = content;
  const tasks = cases.filter(({ task }) => task !== undefined).length;
  const questions = trialsOf({
    modes,
    models: providers,
    cases: cases.map(({ name }) => ({ name, messages: [] })),
    repeats,
    concurrency: 1,
    limits: {},
    thresholds: { success: 1 },
  });
  return [
    ...(questions <= BOUNDS.questions
      ? []
      : [{ path: ['cases'], says: `make ${questions} questions with all repeats, at most ${BOUNDS.questions}` }]),
    ...(tasks <= BOUNDS.tasks ? [] : [{ path: ['cases'], says: `have ${tasks} tasks, at most ${BOUNDS.tasks}` }]),
  ];
}

/** The same faults where the rest of the file has others: only cases that can be read are looked at. */
function rawFaults(content: unknown): readonly ShapeFault[] {
  if (!isMap(content) || !Array.isArray(content['cases'])) return [];
  const shared = variableMap.safeParse(content['variables'] ?? {});
  return content['cases'].flatMap((raw: unknown, index) => {
    const parsed = z.strictObject(caseShape).safeParse(raw);
    return parsed.success && shared.success ? caseFaults(parsed.data, shared.data, ['cases', index]) : [];
  });
}

/** Each at its place, whatever else is wrong. */
function rawTaskFaults(content: unknown): readonly ShapeFault[] {
  if (!isMap(content) || !Array.isArray(content['cases'])) return [];
  return content['cases'].flatMap((raw: unknown, index) =>
    compareTaskFaults(isMap(raw) ? raw['task'] : undefined).map(({ path, says }) => ({
      path: ['cases', index, 'task', ...path],
      says,
    })),
  );
}

function caseFaults(
  given: GivenCase,
  shared: Readonly<Record<string, string>>,
  at: ShapeFault['path'],
): readonly ShapeFault[] {
  const { prompt, messages, expect, task } = given;
  if (task !== undefined) return taskFaults(given, at);
  if ((prompt === undefined) === (messages === undefined))
    return [{ path: at, says: 'must have one of prompt, messages and task' }];
  const values = { ...shared, ...given.variables };
  const unknown = messagesOf(given)
    .flatMap(({ content }) => [...content.matchAll(PLACEHOLDER)].map(([, name = '']) => name))
    .filter((name) => !Object.hasOwn(values, name));
  const path = [...at, prompt === undefined ? 'messages' : 'prompt'];
  const empty = messagesOf(given).every(({ content }) => content.trim() === '');
  return [
    ...(empty ? [{ path, says: 'must not be empty' }] : []),
    ...[...new Set(unknown)].map((name) => ({ path, says: `names {{${name}}}, which has no value in variables` })),
    ...(expect === undefined ? [] : expectFaults(expect, [...at, 'expect'])),
  ];
}

/** What a case asks in words has no place beside a task. */
function taskFaults(given: GivenCase, at: ShapeFault['path']): readonly ShapeFault[] {
  const beside = (['prompt', 'messages', 'expect'] as const).filter((name) => given[name] !== undefined);
  const says = {
    prompt: 'stands beside task',
    messages: 'stands beside task',
    expect: 'is not for a task: its checks tell',
  };
  const isFilled = Object.keys(given.variables).length > 0;
  return [
    ...beside.map((name) => ({ path: [...at, name], says: says[name] })),
    ...(isFilled ? [{ path: [...at, 'variables'], says: 'are for prompt and messages' }] : []),
  ];
}

function expectFaults(expect: NonNullable<GivenCase['expect']>, at: ShapeFault['path']): readonly ShapeFault[] {
  const given = (['regex', 'literal', 'json', 'schema'] as const).filter((name) => name in expect);
  if (given.length !== 1) return [{ path: at, says: 'must have one of regex, literal, json and schema' }];
  const { regex, flags = '', schema } = expect;
  if (regex === undefined && 'flags' in expect) return [{ path: [...at, 'flags'], says: 'is for regex' }];
  const says = regex !== undefined ? regexFault(regex, flags) : schema !== undefined ? schemaFault(schema) : null;
  return says === null ? [] : [{ path: [...at, given[0] ?? ''], says }];
}

function regexFault(pattern: string, flags: string): string | null {
  try {
    return new RegExp(pattern, `${flags}u`) instanceof RegExp ? null : '';
  } catch (thrown) {
    return `is no regular expression: ${String(thrown).replace(/^SyntaxError: (?:Invalid regular expression: )?/, '')}`;
  }
}

function schemaFault(schema: unknown): string | null {
  try {
    schemaFaults('null', schema);
    return null;
  } catch (thrown) {
    return `is no JSON schema that can be used: ${thrown instanceof Error ? thrown.message : ''}`.slice(0, 300);
  }
}

function twice(names: readonly string[], pathOf: (index: number) => ShapeFault['path']): readonly ShapeFault[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) < index ? [{ path: pathOf(index), says: 'is there twice' }] : [],
  );
}
