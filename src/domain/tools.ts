/** The tools that a model works with: what it is told of them, and what a valid call asks for. No tool knows of git. */
import { cutToCharacters } from './payload-limit.js';
import type { Plan } from './proposal.js';

/** A tool as the endpoint is told of it. */
export interface ToolDeclaration {
  readonly name: ToolName;
  readonly description: string;
  /** JSON schema; every field is required and no other is taken, as strict modes want it. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A call as the model sends it: nothing of it is trusted. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** A text of JSON, if the model keeps to the form. */
  readonly arguments: string;
  /** Of its endpoint, which wants to see it again beside the call; means nothing to anybody else. */
  readonly signature?: string;
}

export const TOOL_NAMES = [
  'list_files',
  'search',
  'read_file',
  'edit_file',
  'write_file',
  'move_or_delete',
  'run',
  'finish',
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

/** One place of a file to change. */
export interface TextEdit {
  readonly search: string;
  readonly replace: string;
  /** Every place in place of the only one. */
  readonly all: boolean;
}

/** How the model sees one acceptance criterion. A claim, never evidence. */
export interface CriterionClaim {
  /** Number of the criterion in the task, from 1. */
  readonly id: number;
  readonly met: boolean;
  readonly evidence: string;
}

/** A valid call. */
export type ToolUse =
  | { readonly tool: 'list_files'; readonly glob: string; readonly page: number }
  | { readonly tool: 'search'; readonly regex: string; readonly glob: string | null; readonly page: number }
  | { readonly tool: 'read_file'; readonly path: string; readonly from: number; readonly to: number | null }
  | { readonly tool: 'edit_file'; readonly path: string; readonly edits: readonly TextEdit[] }
  | { readonly tool: 'write_file'; readonly path: string; readonly content: string }
  /** `to: null` deletes. */
  | { readonly tool: 'move_or_delete'; readonly path: string; readonly to: string | null }
  | { readonly tool: 'run'; readonly what: string; readonly timeoutSeconds: number | null }
  | {
      readonly tool: 'finish';
      readonly summary: string;
      readonly commitMessage: string;
      readonly criteria: readonly CriterionClaim[];
      readonly question: string | null;
      /** The task is to be split in place of done. */
      readonly split?: Plan;
    };

/** Bounds of the tools, each with its reason. */
export const TOOL_LIMITS = {
  /** What one call gives back: some 4,000 tokens, three or four screens. More of it is a further page. */
  outputBytes: 16_000,
  filesAPage: 300,
  matchesAPage: 100,
  /** A line of a minified file tells nothing. */
  matchCharacters: 300,
  /** Calls of one answer; a model that sends more does not look at what it gets. */
  calls: 32,
  /** A command beside the checks of the task. */
  commandSeconds: 300,
  commandSecondsMax: 1_800,
  /** Pages further back are no way to look for something. */
  pages: 1_000,
  summaryCharacters: 4_000,
  questionCharacters: 2_000,
} as const;

/** Only looking, so several of them may go side by side. */
export const isReading = ({ tool }: ToolUse): boolean =>
  tool === 'list_files' || tool === 'search' || tool === 'read_file';

/** A call in a few words, as it stands in a list of steps. */
function describeUse(use: ToolUse): string {
  switch (use.tool) {
    case 'list_files':
      return `list ${use.glob}`;
    case 'search':
      return `search ${use.regex}`;
    case 'read_file':
      return `read ${use.path}`;
    case 'edit_file':
      return `edit ${use.path}`;
    case 'write_file':
      return `write ${use.path}`;
    case 'move_or_delete':
      return use.to === null ? `delete ${use.path}` : `move ${use.path} to ${use.to}`;
    case 'run':
      return `run ${use.what}`;
    case 'finish':
      if (use.split !== undefined) return `split into ${use.split.children.length}`;
      return use.question === null ? 'finish' : 'ask a person';
    default:
      throw new TypeError(`unknown tool ${JSON.stringify(use satisfies never)}`);
  }
}

const DESCRIBED_CHARACTERS_MAX = 100;

/** Calls in one line of at most 100 characters. */
export function describeUses(uses: readonly ToolUse[]): string {
  const line = uses.map(describeUse).join(', ').replaceAll(/\s+/g, ' ').toWellFormed();
  return cutToCharacters(line, DESCRIBED_CHARACTERS_MAX);
}

// ---------------------------------------------------------------- what the model is told

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const page = { type: 'integer', description: 'Page of the list, from 1.' };
const path = { type: 'string', description: 'Relative to the top of the repository, with forward slashes.' };

const declare = (
  name: ToolName,
  description: string,
  properties: Readonly<Record<string, unknown>>,
): ToolDeclaration => ({ name, description, parameters: strictObject(properties) });

/** For strict modes: all fields required, none added; what may be left out is null. */
const strictObject = (properties: Readonly<Record<string, unknown>>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const edit = strictObject({
  search: { type: 'string', description: 'Copied exactly from the file, enough lines to be there exactly once.' },
  replace: text,
  all: { type: 'boolean', description: 'True replaces every place; the text is then taken literally.' },
});

const criterion = strictObject({
  id: { type: 'integer', description: 'Number of the acceptance criterion, from 1.' },
  met: { type: 'boolean' },
  evidence: { type: 'string', description: 'What shows it: a command and its result, a file and line.' },
});

const finishFields = {
  summary: { type: 'string', description: 'What was changed and why, for the reader of the change.' },
  commitMessage: {
    type: 'string',
    description: 'Subject of at most 72 characters; a blank line and a body if needed.',
  },
  criteria: { type: 'array', items: criterion },
  question: {
    ...textOrNull,
    description:
      'Null. Only if neither the task nor the repository tells what must be known: one question that a person can answer in a sentence. The work stops until then.',
  },
};

/** All tools, in a fixed order: endpoints remember a prompt by its beginning. */
export const TOOLS: readonly ToolDeclaration[] = [
  declare('list_files', `Lists files of the repository that match a glob, ${TOOL_LIMITS.filesAPage} a page.`, {
    glob: { type: 'string', description: '"**" for all, "src/**/*.ts", "*.md" (in any folder).' },
    page,
  }),
  declare('search', `Finds lines that match a regular expression, ${TOOL_LIMITS.matchesAPage} a page.`, {
    regex: { type: 'string', description: 'Matched line by line, Perl syntax.' },
    glob: { ...textOrNull, description: 'Only in files that match; null for all.' },
    page,
  }),
  declare('read_file', 'Reads lines of a file; each is shown behind its number and a bar, which are not part of it.', {
    path,
    from: { type: 'integer', description: 'First line, from 1.' },
    to: { type: ['integer', 'null'], description: 'Last line; null for as many as fit.' },
  }),
  declare('edit_file', 'Replaces texts in one file, in order, all of them or none.', {
    path,
    edits: { type: 'array', items: edit },
  }),
  declare('write_file', 'Writes a whole file: a new one, or a small one anew. For the rest use edit_file.', {
    path,
    content: text,
  }),
  declare('move_or_delete', 'Moves a file, or deletes it.', {
    path,
    to: { ...textOrNull, description: 'The new path; null deletes the file.' },
  }),
  declare(
    'run',
    'Runs a check by its name, or any command, with sh at the top of the repository: without network, and what it changes in files is thrown away.',
    {
      what: { type: 'string', description: 'Name of a check, or a command.' },
      timeoutSeconds: {
        type: ['integer', 'null'],
        description: `At most ${TOOL_LIMITS.commandSecondsMax}; null for the usual time.`,
      },
    },
  ),
  declare(
    'finish',
    'Ends the work: all checks are then run on it. Only when you are done, or must ask a person.',
    finishFields,
  ),
];

/** The same, where the model may split the task: `finish` has more fields. The others stay what they are. */
export const splittingTools = (more: Readonly<Record<string, unknown>>): readonly ToolDeclaration[] =>
  TOOLS.map((tool) =>
    tool.name === 'finish' ? { ...tool, parameters: strictObject({ ...finishFields, ...more }) } : tool,
  );
