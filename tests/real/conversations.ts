/**
 * Conversations that mend a real case by calls of tools: what a model could have said, made from the two releases, since none
 * of their text is kept here. Each manner is a way in which such work goes; all of them end in what the next release did.
 */
import { createHash } from 'node:crypto';
import type { ScriptedAnswer, ScriptedToolCall } from '../../src/adapters/model/scripted.js';
import type { Edit } from '../../src/domain/edits.js';
import { numberedLines } from '../../src/domain/tool-pages.js';
import { editsBetween } from './answers.js';
import { emptied, type BuiltCase, type FixedFile } from './build.js';
import type { RealCase } from './case.js';

export interface RecordedConversation {
  readonly answers: readonly ScriptedAnswer[];
  /** What the tools say to it, in this order; of what comes of the last answer nobody is told. */
  readonly heard: readonly RegExp[];
}

/** What a conversation is made of. */
interface Material {
  readonly real: RealCase;
  readonly files: readonly FixedFile[];
  /** What the model looks for first: a word of the task, as a regular expression. */
  readonly clue: string;
}

type Recorder = (material: Material) => Promise<RecordedConversation>;

const GREEN = /exit code 0/;
const RED = /exit code 1/;
const DONE = /^done/;

const call = (name: string, given: unknown): ScriptedToolCall => ({ name, arguments: given });
const tools = (...calls: readonly ScriptedToolCall[]): ScriptedAnswer => ({ kind: 'tools', calls });

const list = call('list_files', { glob: '**', page: 1 });
const search = (regex: string) => call('search', { regex, glob: null, page: 1 });
const read = (path: string, from: number, to: number | null) => call('read_file', { path, from, to });
const write = (path: string, content: string) => call('write_file', { path, content });
const moveOrDelete = (path: string, to: string | null) => call('move_or_delete', { path, to });
const runTests = call('run', { what: 'tests', timeoutSeconds: null });

const finish = ({ real }: Material) =>
  call('finish', {
    summary: `Does what release ${real.fixed.version} does.`,
    commitMessage: `Mend: ${real.title}`,
    criteria: real.criteria.map((_criterion, index) => ({ id: index + 1, met: true, evidence: 'the check tests' })),
    question: null,
  });

/** One step at a time, as a careful person would. */
const stepByStep: Recorder = async (material) => ({
  answers: [
    tools(list),
    tools(search(material.clue)),
    ...material.files.map((file) => tools(readAround(file))),
    ...(await Promise.all(material.files.map(async (file) => tools(...(await changes(file)))))),
    tools(runTests),
    tools(finish(material)),
  ],
  heard: [nameOf(material), ...material.files.map(() => DONE), GREEN],
});

/** Everything that only looks in one answer, everything that changes in the next. */
const sideBySide: Recorder = async (material) => ({
  answers: [
    tools(list, search(material.clue), ...material.files.map(readAround)),
    tools(...(await allChanges(material.files)), runTests),
    tools(finish(material)),
  ],
  heard: [nameOf(material), ...material.files.map(() => DONE), GREEN],
});

/** The end is called in the same answer as the change. */
const atOnce: Recorder = async (material) => ({
  answers: [
    tools(search(material.clue), ...material.files.map(readAround)),
    tools(...(await allChanges(material.files)), runTests, finish(material)),
  ],
  heard: [nameOf(material)],
});

/** A fix in good faith, which the check refutes; the right one begins where that has left the file. */
const wrongFirst: Recorder = async (material) => {
  const wrong = wrongFile(material);
  return {
    answers: [
      tools(search(material.clue), readAround(wrong.mistaken)),
      tools(...(await changes(wrong.mistaken)), runTests),
      tools(...(await allChanges(wrong.files))),
      tools(runTests),
      tools(finish(material)),
    ],
    heard: [nameOf(material), DONE, RED, ...wrong.files.map(() => DONE), GREEN],
  };
};

/** Calls it done without having looked; the gate says what is red, and the conversation goes on. */
const redGate: Recorder = async (material) => {
  const wrong = wrongFile(material);
  return {
    answers: [
      tools(search(material.clue), readAround(wrong.mistaken)),
      tools(...(await changes(wrong.mistaken)), finish(material)),
      tools(...(await allChanges(wrong.files)), finish(material)),
    ],
    heard: [nameOf(material), DONE, /Not done: /],
  };
};

/** Searches from memory for lines that the file does not have, reads what it does have, and goes on. */
const fromMemory: Recorder = async (material) => {
  const [first] = material.files;
  if (first === undefined) throw new Error('no file is fixed');
  const misremembered = {
    search: `${lineOfChange(first).text}\n${MISREMEMBERED}`,
    replace: `${lineOfChange(first).text}\n`,
    all: false,
  };
  return {
    answers: [
      tools(search(material.clue)),
      tools(call('edit_file', { path: first.path, edits: [misremembered] })),
      tools(readAround(first)),
      tools(...(await allChanges(material.files))),
      tools(runTests),
      tools(finish(material)),
    ],
    heard: [nameOf(material), /Nothing was changed[^]*nearest lines/, ...material.files.map(() => DONE), GREEN],
  };
};

const MISREMEMBERED = 'a line that no release of this package ever had';

/** Writes whole files anew. */
const wholeFiles: Recorder = (material) =>
  Promise.resolve({
    answers: [
      tools(list, search(material.clue)),
      ...material.files.map(({ path }) => tools(read(path, 1, null))),
      tools(...material.files.map(({ path, after }) => write(path, after)), runTests),
      tools(finish(material)),
    ],
    heard: [nameOf(material), ...material.files.map(() => DONE), GREEN],
  });

/** Writes beside the file and moves the new one to its place, as one does with a rename. */
const byMoving: Recorder = (material) =>
  Promise.resolve({
    answers: [
      tools(search(material.clue), ...material.files.map(readAround)),
      ...material.files.map(({ path, after }) => tools(write(`${path}.new`, after))),
      tools(list),
      ...material.files.map(({ path }) => tools(moveOrDelete(path, null), moveOrDelete(`${path}.new`, path))),
      tools(runTests),
      tools(finish(material)),
    ],
    heard: [nameOf(material), DONE, /\.new \d+/, ...material.files.flatMap(() => [DONE, DONE]), GREEN],
  });

/** Reads each file from its first line to its last, as far as one page goes at a time. */
const byPages: Recorder = async (material) => ({
  answers: [
    tools(list),
    ...material.files.flatMap(({ path, before }) => pagesOf(before).map((from) => tools(read(path, from, null)))),
    tools(...(await allChanges(material.files)), runTests),
    tools(finish(material)),
  ],
  heard: [nameOf(material), /go on with from: \d+/, ...material.files.map(() => DONE), GREEN],
});

/** Tries to empty the tests, and is not let. */
const testsFirst: Recorder = async (material) => ({
  answers: [
    tools(read(material.real.test.path, 1, null), search(material.clue)),
    tools(write(material.real.test.path, emptied(material.real)), runTests),
    tools(...material.files.map(readAround)),
    tools(...(await allChanges(material.files)), runTests),
    tools(finish(material)),
  ],
  heard: [nameOf(material), /does not allow changes/, RED, ...material.files.map(() => DONE), GREEN],
});

/** Half a call, a tool that there is not, a file in another folder: each is told, and mended. */
const stumbling: Recorder = async (material) => {
  const [first] = material.files;
  if (first === undefined) throw new Error('no file is fixed');
  const name = first.path.slice(first.path.lastIndexOf('/') + 1);
  return {
    answers: [
      tools(call('edit_file', '{"path": "index", "edits": ['), list),
      tools(call('open_file', { path: first.path })),
      tools(read(`elsewhere/${name}`, 1, null)),
      tools(search(material.clue), readAround(first)),
      tools(...(await allChanges(material.files)), runTests),
      tools(finish(material)),
    ],
    heard: [
      /the arguments are no JSON/,
      /There is no tool/,
      /does not exist\. Similar paths: /,
      nameOf(material),
      ...material.files.map(() => DONE),
      GREEN,
    ],
  };
};

/** Lets a command print the file and reads the middle of that; what the command does to the file is thrown away. */
const byOutput: Recorder = async (material) => {
  const [first] = material.files;
  if (first === undefined) throw new Error('no file is fixed');
  const { number } = lineOfChange(first);
  const output = `output:${createHash('sha256').update(first.before).digest('hex')}`;
  return {
    answers: [
      tools(list, call('run', { what: `cat ${first.path}; rm ${first.path}`, timeoutSeconds: 10 })),
      tools(read(output, number, number + LINES_AROUND)),
      tools(...(await allChanges(material.files)), runTests),
      tools(finish(material)),
    ],
    heard: [
      nameOf(material),
      /^exit code 0[^]* characters left out [^]*read the rest with read_file, path "output:/,
      new RegExp(`^${number}\\| `),
      ...material.files.map(() => DONE),
      GREEN,
    ],
  };
};

/** Copies what it has read with the numbers of the lines. */
const withNumbers: Recorder = (material) =>
  sloppily(material, /without regard to line numbers/, (edit, before) => {
    const first = before.slice(0, before.indexOf(edit.search)).split('\n').length;
    const lines = edit.search.split('\n').map((line, index) => `${first + index}| ${line}`);
    return { ...edit, search: lines.join('\n') };
  });

/** Begins its texts at the left margin. */
const unindented: Recorder = (material) =>
  sloppily(material, /without regard to indentation/, (edit) => {
    const lines = `${edit.search}\n${edit.replace}`.split('\n').filter((line) => line.trim() !== '');
    const width = Math.min(...lines.map((line) => line.length - line.trimStart().length));
    const cut = (text: string): string => text.replaceAll(new RegExp(`^[ \\t]{${width}}`, 'gm'), '');
    return { ...edit, search: cut(edit.search), replace: cut(edit.replace) };
  });

/** Indents by spaces what is indented by tabs. */
const spacesForTabs: Recorder = (material) =>
  sloppily(material, /without regard to indentation/, (edit) => ({
    ...edit,
    search: spaced(edit.search),
    replace: spaced(edit.replace),
  }));

const spaced = (text: string): string => text.replaceAll(/^\t+/gm, (tabs) => '    '.repeat(tabs.length));

async function sloppily(
  material: Material,
  noted: RegExp,
  spoil: (edit: TextEdit, before: string) => TextEdit,
): Promise<RecordedConversation> {
  const spoilt = await Promise.all(
    material.files.map(async ({ path, before, after }) => {
      const edits = (await editsBetween(path, before, after)).map(textEdit);
      return call('edit_file', { path, edits: edits.map((edit) => spoil(edit, before)) });
    }),
  );
  return {
    answers: [
      tools(search(material.clue), ...material.files.map(readAround)),
      tools(...spoilt, runTests),
      tools(finish(material)),
    ],
    heard: [nameOf(material), ...spoilt.map(() => noted), GREEN],
  };
}

const recorders = {
  'step by step': stepByStep,
  'side by side': sideBySide,
  'at once': atOnce,
  'wrong first': wrongFirst,
  'red gate': redGate,
  'from memory': fromMemory,
  'whole files': wholeFiles,
  'by moving': byMoving,
  'by pages': byPages,
  'tests first': testsFirst,
  'by output': byOutput,
  'with numbers': withNumbers,
  unindented,
  'spaces for tabs': spacesForTabs,
  stumbling,
} as const satisfies Readonly<Record<string, Recorder>>;

export type Manner = keyof typeof recorders;

export const recordConversation = (
  real: RealCase,
  { files }: Pick<BuiltCase, 'files'>,
  { manner, clue }: { readonly manner: Manner; readonly clue: string },
): Promise<RecordedConversation> => recorders[manner]({ real, files, clue });

/** What the search finds names a file that is to be changed. */
const nameOf = ({ files }: Material): RegExp =>
  new RegExp(files.map(({ path }) => `^${path.replaceAll('.', '\\.')}(?=[: ])`).join('|'), 'm');

const LINES_AROUND = 30;

function readAround(file: FixedFile): ScriptedToolCall {
  const { number } = lineOfChange(file);
  return read(file.path, Math.max(1, number - LINES_AROUND), number + LINES_AROUND);
}

/** The first line that is another one afterwards. */
function lineOfChange({ before, after }: FixedFile): { readonly number: number; readonly text: string } {
  const now = after.split('\n');
  const lines = before.split('\n');
  const index = lines.findIndex((line, at) => line !== now[at]);
  return { number: index + 1, text: lines[index] ?? '' };
}

/** Both texts of the file that the wrong fix is in, with what leads from the wrong one to the right one. */
function wrongFile({ real: { wrong }, files }: Material) {
  const file = files.find(({ path }) => path === wrong.path);
  if (file === undefined) throw new Error(`${wrong.path} is none of the fixed files`);
  const mistaken = wrong.change(file.before);
  return {
    mistaken: { ...file, after: mistaken },
    files: files.map((each) => (each === file ? { ...each, before: mistaken } : each)),
  };
}

const allChanges = async (files: readonly FixedFile[]): Promise<readonly ScriptedToolCall[]> =>
  (await Promise.all(files.map(changes))).flat();

/** Calls that turn one text of a file into the other. */
async function changes({ path, before, after }: FixedFile): Promise<readonly ScriptedToolCall[]> {
  const edits = await editsBetween(path, before, after);
  const [first] = edits;
  if (first?.op === 'write') return [write(path, after)];
  return [call('edit_file', { path, edits: edits.map(textEdit) })];
}

interface TextEdit {
  readonly search: string;
  readonly replace: string;
  readonly all: boolean;
}

function textEdit({ op, path, search: sought, replace }: Edit): TextEdit {
  if (sought === null || replace === null) throw new Error(`${path} is changed by ${op}, not by replacing texts`);
  return { search: sought, replace, all: false };
}

/** First lines of the pages that the tool makes of a text. */
function pagesOf(text: string): readonly number[] {
  const pages = [1];
  for (;;) {
    const next = /go on with from: (\d+)\)$/.exec(numberedLines(text, pages.at(-1) ?? 1, null))?.[1];
    if (next === undefined) return pages;
    pages.push(Number(next));
  }
}
