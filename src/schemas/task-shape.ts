/** The fields of a task file: their types, their bounds and their defaults. */
import { z } from 'zod';
import { ASK_STEPS } from '../domain/ask-mode.js';
import { branchFaults } from '../domain/branch-name.js';
import { JOB_TASKS_MAX } from '../domain/job.js';
import { GUARDS, type GuardName, type GuardPolicies } from '../domain/guards/change.js';
import { isKey, KEY_RULE } from '../domain/key.js';
import { START_INPUT_BYTES_MAX, utf8Bytes } from '../domain/payload-limit.js';
import { defined, isMap } from '../domain/plain-object.js';
import type { Playbook, PlaybookFile } from '../domain/playbook.js';
import {
  FREE_HANDLERS,
  HANDLERS,
  TASK_DEFAULTS,
  type AttemptLimits,
  type CheckSpec,
  type CriterionCheck,
  type ChooseHandlerSpec,
  type HandlerCondition,
  type HooksSpec,
  type LandingSpec,
  type LimitsSpec,
  type TaskSpec,
} from '../domain/task.js';
import { askFields, askShapes } from './ask-shape.js';
import { sayIssue, type FieldNames } from './faults.js';
import { playbookFields, playbookMap, stepFields, variableMap } from './playbook-shape.js';
import { pullRequest, pullRequestFields } from './pull-request-shape.js';
import { remoteUrlFault } from './remote-url.js';
import { commandLine, line, passIssues, prose, seconds, shorthand } from './text-shape.js';

/** Every bound of a task, with its reason. */
export const TASK_BOUNDS = {
  /** A line of a list. */
  titleCharacters: 200,
  /** The start input travels through Temporal as a whole; this leaves room for the other fields. */
  descriptionBytes: 200_000,
  /** What the start input may hold, without its other fields: the requester and the version. */
  specBytes: START_INPUT_BYTES_MAX - 4_096,
  /** A task with more criteria is several tasks. */
  criteria: 100,
  criterionCharacters: 2_000,
  checks: 20,
  /** Shown in tables. */
  nameCharacters: 40,
  commandCharacters: 10_000,
  /** Of one hook; all three and the push fit into the time of a landing. */
  hookSeconds: 300,
  /** A day: what runs longer is no check. */
  commandSeconds: 86_400,
  relatedFiles: 200,
  protect: 200,
  /** Of a specification that weaver has made: each file of a conflict is one more. */
  storedProtect: 5_000,
  /** As many branches as a job has tasks. */
  merge: JOB_TASKS_MAX,
  /** Files of a merge that do not fit. */
  conflicts: 5_000,
  /** What file systems allow for a path, about. */
  pathCharacters: 1_000,
  attempts: 100,
  /** A history holds as many turns and more; a conversation of more is in nobody's head. */
  turns: 1_000,
  /** Dollars; beyond it somebody has mistaken the unit. */
  costUsd: 1_000_000,
  tokens: 1_000_000_000_000,
  /** A month: a task that waits longer is forgotten. */
  limitSeconds: 31 * 86_400,
  models: 10,
  /** There are few handlers; a longer ladder names one twice. */
  alternatives: 5,
  /** Read in order by a person who wonders why. */
  rules: 20,
  deciderCharacters: 200,
  trailers: 20,
  lineCharacters: 500,
  messageCharacters: 10_000,
  tags: 20,
  tagCharacters: 100,
  /** A search attribute holds 2 KB, its quotes and commas included. */
  tagsBytes: 1_900,
} as const;

export { line } from './text-shape.js';

const command = commandLine(TASK_BOUNDS.commandCharacters);

const branch = z.string().superRefine((name, context) => {
  for (const says of branchFaults(name)) context.addIssue({ code: 'custom', message: says });
});

const url = z
  .string()
  .trim()
  .min(1)
  .superRefine((address, context) => {
    const says = address === '' ? null : remoteUrlFault(address);
    if (says !== null) context.addIssue({ code: 'custom', message: says });
  });

/** Path of a file in the repository. */
const repositoryPath = line(TASK_BOUNDS.pathCharacters)
  .refine(
    (path) => !path.startsWith('/') && !/^[A-Za-z]:[\\/]/.test(path),
    'must be relative to the top of the repository',
  )
  .refine((path) => !path.split('/').includes('..'), 'must not leave the repository (..)')
  .transform((path) => path.replace(/^(?:\.\/+)+/, ''));

const glob = line(TASK_BOUNDS.pathCharacters)
  .refine(
    (pattern) => !/^!?\//.test(pattern),
    'must be relative to the top of the repository: leave out the first slash',
  )
  .refine((pattern) => !pattern.split('/').includes('..'), 'must not leave the repository (..)')
  .transform((pattern) => pattern.replace(/^(?:\.\/+)+/, ''));

/** As git writes it into a commit. */
export const author = z
  .string()
  .max(TASK_BOUNDS.lineCharacters)
  .regex(
    // oxlint-disable-next-line no-control-regex
    /^[^<>\u0000-\u001f\s](?:[^<>\u0000-\u001f]*[^<>\u0000-\u001f\s])? <[^<>\s\u0000-\u001f]+>$/,
    'must be written as Name <address>',
  );

const commandShape = {
  name: line(TASK_BOUNDS.nameCharacters).optional(),
  run: command,
  timeoutSeconds: seconds(1, TASK_BOUNDS.commandSeconds).default(TASK_DEFAULTS.checkTimeoutSeconds),
};
const checkShape = { ...commandShape, report: glob.optional() };
const setupShape = { ...commandShape, network: z.boolean().default(false) };
const protectShape = { glob, policy: z.enum(['allow', 'add-only', 'deny']) };
const modelShape = {
  provider: line(TASK_BOUNDS.nameCharacters),
  model: line(TASK_BOUNDS.tagCharacters * 2).optional(),
};
const repoShape = { url, baseBranch: branch.optional(), branch: branch.optional() };

export const protectList = z.array(z.strictObject(protectShape)).max(TASK_BOUNDS.protect);

export const oneModel = shorthand('provider', z.strictObject(modelShape)).transform(({ provider, model }) => ({
  provider,
  ...defined({ model }),
}));

export const modelList = z.array(oneModel).max(TASK_BOUNDS.models);

/** What money and tokens are limited by, of a task, an attempt or a job. */
export const spendingShape = {
  costUsd: z.number().gt(0).max(TASK_BOUNDS.costUsd).optional(),
  // A finished specification has micro-dollars.
  costUsdMicros: z
    .number()
    .int('must be a whole number')
    .min(1)
    .max(TASK_BOUNDS.costUsd * 1_000_000)
    .optional(),
  tokens: z.number().int('must be a whole number').min(1).max(TASK_BOUNDS.tokens).optional(),
};

const attemptShape = { ...spendingShape, wallTimeSeconds: seconds(1, TASK_BOUNDS.limitSeconds).optional() };

const limitsShape = {
  attempts: z.number().int('must be a whole number').min(1).max(TASK_BOUNDS.attempts).optional(),
  ...spendingShape,
  turns: z.number().int('must be a whole number').min(1).max(TASK_BOUNDS.turns).optional(),
  wallTimeSeconds: seconds(1, TASK_BOUNDS.limitSeconds).optional(),
  outageSeconds: seconds(0, TASK_BOUNDS.limitSeconds).optional(),
  attempt: z
    .strictObject(attemptShape)
    .transform((limits): AttemptLimits => inMicroDollars(limits))
    .optional(),
  whenSpent: z.enum(['wait', 'die']).optional(),
};

/** The limits that are named. */
export const limitsMap = z.strictObject(limitsShape).transform((limits): Partial<LimitsSpec> => inMicroDollars(limits));

/** `costUsd` in whole micro-dollars, rounded up so that a small limit does not become none. */
export function inMicroDollars<T extends { readonly costUsd?: number | undefined }>({ costUsd, ...limits }: T) {
  return defined(costUsd === undefined ? limits : { ...limits, costUsdMicros: microDollars(costUsd) });
}

/** The product is rounded first: 1.1 dollars are 1100000.0000000002 micro-dollars to a computer. */
export const microDollars = (dollars: number): number => Math.ceil(Number((dollars * 1_000_000).toFixed(3)));

const peopleShape = {
  approve: z
    .array(z.enum(['plan', 'push']))
    .max(2)
    .default([]),
  waitSeconds: seconds(1, TASK_BOUNDS.limitSeconds).default(TASK_DEFAULTS.waitSeconds),
  unanswered: z.enum(['approve', 'reject', 'stuck']).default('stuck'),
};

/** `name@version`; several are joined by `+`. */
const decider = z
  .string()
  .max(TASK_BOUNDS.deciderCharacters)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9._-]+(?:\+[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9._-]+)*$/,
    'must be written as name@version, several joined by +',
  );

/** 1 is taken up first; Temporal knows five. */
export const priority = z.number().int('must be a whole number').min(1).max(5);

/** Those that a file may name. */
export const CHOSEN_HANDLERS = HANDLERS.filter((name) => name !== 'resolve');

const sayHandlers = (names: readonly string[]) => ({
  error: ({ input }: { readonly input?: unknown }) =>
    input === undefined ? undefined : `must be one of ${names.join(', ')}`,
});

const hooksShape = {
  path: repositoryPath.optional(),
  timeoutSeconds: seconds(1, TASK_BOUNDS.hookSeconds).default(TASK_DEFAULTS.hookTimeoutSeconds),
};

const hooksMap = z
  .strictObject(hooksShape)
  .transform(({ path, timeoutSeconds }): HooksSpec => ({ ...defined({ path }), timeoutSeconds }));

/** `run`: those of the usual folders. Of a task as of the configuration. */
export const hooks = z.unknown().transform((value, context): 'skip' | HooksSpec => {
  if (value === 'skip') return value;
  const given = value === 'run' ? {} : value;
  if (isMap(given)) {
    const parsed = hooksMap.safeParse(given, { error: sayIssue });
    if (parsed.success) return parsed.data;
    passIssues(context, parsed.error.issues, value);
  } else context.addIssue({ code: 'custom', message: 'must be run, skip, or a map of path and timeoutSeconds' });
  return z.NEVER;
});
export const hooksFields = Object.keys(hooksShape);

const commitShape = {
  sign: z.boolean().optional(),
  hooks: hooks.optional(),
  author: author.optional(),
  trailers: z
    .array(line(TASK_BOUNDS.lineCharacters).regex(/^[A-Za-z0-9][A-Za-z0-9-]*: \S/, 'must be written as Key: value'))
    .max(TASK_BOUNDS.trailers)
    .default([]),
  message: prose(TASK_BOUNDS.messageCharacters).trim().min(1).optional(),
};

const landingShape = {
  /** What has moved meanwhile is built upon, and checked there; `keep` pushes what was checked. */
  onMovedBase: z.enum(['rebase', 'keep']).default('rebase'),
  pullRequest: pullRequest.optional(),
};

const conditionShape = {
  title: line(TASK_BOUNDS.titleCharacters).optional(),
  description: line(TASK_BOUNDS.lineCharacters).optional(),
  tag: line(TASK_BOUNDS.tagCharacters).optional(),
  file: glob.optional(),
  filesAbove: z.number().int('must be a whole number').min(0).max(TASK_BOUNDS.relatedFiles).optional(),
  sizeAbove: z.number().int('must be a whole number').min(0).max(TASK_BOUNDS.specBytes).optional(),
};

const ruleShape = {
  when: z
    .strictObject(conditionShape)
    .refine((when) => Object.keys(when).length > 0, 'must name a condition')
    .transform((when): HandlerCondition => defined(when)),
  handler: z.enum(FREE_HANDLERS, sayHandlers(FREE_HANDLERS)),
  reason: line(TASK_BOUNDS.lineCharacters).optional(),
};

const chooseShape = {
  rules: z.array(z.strictObject(ruleShape)).max(TASK_BOUNDS.rules).default([]),
  model: oneModel.optional(),
};

const toChoice = ({ rules, model }: z.infer<z.ZodObject<typeof chooseShape>>): ChooseHandlerSpec => ({
  rules: rules.map(({ when, handler, reason }) => ({ when, handler, ...defined({ reason }) })),
  ...defined({ model }),
});

const scriptShape = {
  run: command,
  timeoutSeconds: seconds(1, TASK_BOUNDS.commandSeconds).default(TASK_DEFAULTS.scriptTimeoutSeconds),
  network: z.boolean().default(false),
};

/** Of a task, or of an agent of the configuration. */
export const script = shorthand('run', z.strictObject(scriptShape));

const playbookFile = z.strictObject({ file: repositoryPath });

/** A text names a file of the repository; a map is the playbook itself. */
export const playbook = z.preprocess(
  (value) => (typeof value === 'string' ? { file: value } : value),
  z.unknown().transform((value, context): Playbook | PlaybookFile => {
    const isFile = isMap(value) && 'file' in value;
    const words = { error: sayIssue };
    const parsed = isFile ? playbookFile.safeParse(value, words) : playbookMap.safeParse(value, words);
    if (parsed.success) return parsed.data;
    passIssues(context, parsed.error.issues, value);
    return z.NEVER;
  }),
);

/** A criterion in words alone. */
export const criterionText = prose(TASK_BOUNDS.criterionCharacters).trim().min(1);

const criterionShape = {
  text: criterionText,
  check: command.optional(),
  timeoutSeconds: seconds(1, TASK_BOUNDS.commandSeconds).default(TASK_DEFAULTS.checkTimeoutSeconds),
};

/** Words, or words with a command that tells whether they hold. */
const criterion = z.unknown().transform((value, context): string | z.infer<z.ZodObject<typeof criterionShape>> => {
  const words = { error: sayIssue };
  const parsed = isMap(value)
    ? z.strictObject(criterionShape).safeParse(value, words)
    : criterionText.safeParse(value, words);
  if (parsed.success) return parsed.data;
  passIssues(context, parsed.error.issues, value);
  return z.NEVER;
});

/** As weaver keeps it: the texts stand in `acceptanceCriteria`. */
const criterionCheckShape = {
  criterion: z.number().int('must be the number of a criterion').min(1).max(TASK_BOUNDS.criteria),
  run: command,
  timeoutSeconds: seconds(1, TASK_BOUNDS.commandSeconds),
};

const guardPolicy = z.enum(['deny', 'warn', 'allow']).optional();
const guardsShape = {
  placeholder: guardPolicy,
  massDeletion: guardPolicy,
  whitespaceOnly: guardPolicy,
  leftovers: guardPolicy,
  debugStatements: guardPolicy,
  weakenedTests: guardPolicy,
  syntax: guardPolicy,
} satisfies Record<GuardName, unknown>;

const asking = askShapes({ oneModel, microDollars: (dollars) => microDollars(dollars) });

const shape = {
  title: line(TASK_BOUNDS.titleCharacters),
  description: prose(TASK_BOUNDS.descriptionBytes)
    .refine(
      (text) => utf8Bytes(text) <= TASK_BOUNDS.descriptionBytes,
      `must have at most ${TASK_BOUNDS.descriptionBytes} bytes`,
    )
    .refine((text) => text.trim() !== '', 'must not be empty'),
  acceptanceCriteria: z.array(criterion).max(TASK_BOUNDS.criteria).default([]),
  criterionChecks: z.array(z.strictObject(criterionCheckShape)).max(TASK_BOUNDS.criteria).optional(),
  judge: z.union([z.literal(true), oneModel], 'must be true, or a provider with a model').optional(),
  reproduceFirst: z.boolean().optional(),
  allowOldFailures: z.boolean().optional(),
  maySplit: z.boolean().optional(),
  guards: z
    .strictObject(guardsShape)
    .transform((policies): GuardPolicies => defined(policies))
    .optional(),
  repo: z.strictObject(repoShape, {
    error: ({ code, input }) =>
      code === 'invalid_type' && typeof input === 'string'
        ? 'must be a map of fields: write repo: { url: … }'
        : undefined,
  }),
  handler: z.enum(HANDLERS, sayHandlers(CHOSEN_HANDLERS)).default('one-shot'),
  agent: line(TASK_BOUNDS.nameCharacters).optional(),
  script: script.optional(),
  playbook: playbook.optional(),
  variables: variableMap.optional(),
  alternatives: z.array(z.enum(FREE_HANDLERS)).max(TASK_BOUNDS.alternatives).optional(),
  chooseHandler: z.strictObject(chooseShape).transform(toChoice).optional(),
  checks: z
    .array(
      shorthand(
        'run',
        z.strictObject(checkShape).transform(({ report, ...check }) => ({ ...check, ...defined({ report }) })),
      ),
    )
    .max(TASK_BOUNDS.checks)
    .optional(),
  relatedFiles: z.array(repositoryPath).max(TASK_BOUNDS.relatedFiles).default([]),
  protect: protectList.default([]),
  limits: limitsMap.default({}),
  models: modelList.default([]),
  ...asking,
  setup: z
    .array(shorthand('run', z.strictObject(setupShape)))
    .max(TASK_BOUNDS.checks)
    .default([]),
  commit: z.strictObject(commitShape).default({ trailers: [] }),
  landing: z
    .strictObject(landingShape)
    .transform((landing): LandingSpec => ({
      onMovedBase: landing.onMovedBase,
      ...defined({ pullRequest: landing.pullRequest }),
    }))
    .optional(),
  tags: z
    .array(line(TASK_BOUNDS.tagCharacters))
    .max(TASK_BOUNDS.tags)
    .refine(
      (tags) => utf8Bytes(JSON.stringify(tags)) <= TASK_BOUNDS.tagsBytes,
      `must have at most ${TASK_BOUNDS.tagsBytes} bytes together`,
    )
    .default([]),
  key: z.string().refine(isKey, `must be ${KEY_RULE}`).optional(),
  people: z.strictObject(peopleShape).optional(),
  decider: decider.optional(),
  shadowDecider: decider.optional(),
  baseCommit: z
    .string()
    .regex(/^[0-9a-f]{40}$/, 'must be the whole id of a commit, 40 hexadecimal digits')
    .optional(),
  priority: priority.optional(),
};

/** Of a task as of the configuration. */
export const { shadow } = asking;

/** Of a task as of a job. */
export const { title, tags, key } = shape;

/** The content of a task file. A finished specification is one too, and stays as it is. */
export const taskFileSchema = z.strictObject(shape);

export type TaskFile = z.infer<typeof taskFileSchema>;

/** A specification as weaver keeps it: a task that resolves a conflict names the branches, and may write their files. */
export const storedSchema = z.strictObject({
  ...shape,
  merge: z.array(branch).max(TASK_BOUNDS.merge).optional(),
  conflicts: z.array(z.string()).max(TASK_BOUNDS.conflicts).optional(),
  protect: z.array(z.strictObject(protectShape)).max(TASK_BOUNDS.storedProtect).default([]),
});

type Stored = TaskFile & {
  readonly merge?: readonly string[] | undefined;
  readonly conflicts?: readonly string[] | undefined;
};

export const limitFields = Object.keys(limitsShape);
export const protectFields = Object.keys(protectShape);
export const modelFields = Object.keys(modelShape);

export const taskFields: FieldNames = {
  '': Object.keys(shape),
  repo: Object.keys(repoShape),
  'checks[]': Object.keys(checkShape),
  'acceptanceCriteria[]': Object.keys(criterionShape),
  'criterionChecks[]': Object.keys(criterionCheckShape),
  guards: GUARDS,
  'setup[]': Object.keys(setupShape),
  limits: limitFields,
  'limits.attempt': Object.keys(attemptShape),
  commit: Object.keys(commitShape),
  'commit.hooks': hooksFields,
  landing: Object.keys(landingShape),
  'landing.pullRequest': pullRequestFields,
  people: Object.keys(peopleShape),
  chooseHandler: Object.keys(chooseShape),
  'chooseHandler.rules[]': Object.keys(ruleShape),
  'chooseHandler.rules[].when': Object.keys(conditionShape),
  'chooseHandler.model': modelFields,
  ...askFields,
  'ask.judge': modelFields,
  ...Object.fromEntries(
    ASK_STEPS.flatMap((step) => [
      [`modes.${step}.judge`, modelFields],
      [`modes.${step}.models[]`, modelFields],
    ]),
  ),
  'shadow.model': modelFields,
  'protect[]': protectFields,
  'models[]': modelFields,
  script: Object.keys(scriptShape),
  playbook: playbookFields,
  'playbook.steps[]': stepFields,
};

/** The specification of a valid file: names and limits that it leaves out are filled in. */
export function toSpec(file: Stored, limits: Partial<LimitsSpec>): TaskSpec {
  const { repo, checks, commit } = file;
  const attempt = { ...limits.attempt, ...file.limits.attempt };
  return {
    title: file.title,
    description: file.description,
    ...criteriaOf(file),
    ...(file.reproduceFirst === true ? { reproduceFirst: true } : {}),
    ...(file.allowOldFailures === true ? { allowOldFailures: true } : {}),
    ...(file.maySplit === true ? { maySplit: true } : {}),
    repo: { url: repo.url, ...defined({ baseBranch: repo.baseBranch, branch: repo.branch }) },
    handler: file.handler,
    ...(checks === undefined ? {} : { checks: named(checks) }),
    relatedFiles: file.relatedFiles,
    protect: file.protect,
    limits: {
      attempts: TASK_DEFAULTS.attempts,
      wallTimeSeconds: TASK_DEFAULTS.wallTimeSeconds,
      outageSeconds: TASK_DEFAULTS.outageSeconds,
      ...limits,
      ...file.limits,
      ...(Object.keys(attempt).length === 0 ? {} : { attempt }),
    },
    models: file.models,
    setup: named(file.setup),
    commit: {
      ...defined({ author: commit.author }),
      trailers: commit.trailers,
      ...defined({ message: commit.message, sign: commit.sign, hooks: commit.hooks }),
    },
    tags: file.tags,
    ...defined({
      key: file.key,
      agent: file.agent,
      script: file.script,
      playbook: file.playbook,
      variables: file.variables,
      landing: file.landing,
      people: file.people,
      alternatives: file.alternatives,
      chooseHandler: file.chooseHandler,
      ask: file.ask,
      modes: file.modes,
      candidates: file.candidates,
      shadow: file.shadow,
      decider: file.decider,
      shadowDecider: file.shadowDecider,
      baseCommit: file.baseCommit,
      merge: file.merge,
      conflicts: file.conflicts,
      judge: file.judge,
      guards: file.guards,
      priority: file.priority,
    }),
  };
}

/** The texts, and the commands of those that have one. */
function criteriaOf({
  acceptanceCriteria,
  criterionChecks = [],
}: Pick<Stored, 'acceptanceCriteria' | 'criterionChecks'>): Pick<TaskSpec, 'acceptanceCriteria' | 'criterionChecks'> {
  const checks = acceptanceCriteria.flatMap((each, index): readonly CriterionCheck[] =>
    typeof each === 'string' || each.check === undefined
      ? []
      : [{ criterion: index + 1, run: each.check, timeoutSeconds: each.timeoutSeconds }],
  );
  const all = [...checks, ...criterionChecks];
  return {
    acceptanceCriteria: acceptanceCriteria.map((each) => (typeof each === 'string' ? each : each.text)),
    ...(all.length === 0 ? {} : { criterionChecks: all }),
  };
}

/** A command without a name is called after its first words; a name that is taken already gets a number. */
function named<T extends { readonly name?: string | undefined; readonly run: string }>(
  commands: readonly T[],
): readonly (T & Pick<CheckSpec, 'name'>)[] {
  const taken = new Set(commands.flatMap(({ name }) => name ?? []));
  return commands.map((each) => {
    const name = each.name ?? freeName(firstWords(each.run), taken);
    taken.add(name);
    return Object.assign({ name }, each, { name });
  });
}

function firstWords(run: string): string {
  const words = run.replaceAll(/[\s\u007f]+/g, ' ').trim();
  if (words.length <= TASK_BOUNDS.nameCharacters) return words;
  const cut = words.slice(0, TASK_BOUNDS.nameCharacters + 1);
  const whole = cut.slice(0, Math.max(cut.lastIndexOf(' '), 0));
  return (whole === '' ? cut.slice(0, TASK_BOUNDS.nameCharacters) : whole).replace(/[\uD800-\uDBFF]$/, '');
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const mark = number === 1 ? '' : ` (${number})`;
    const name = `${wanted.slice(0, TASK_BOUNDS.nameCharacters - mark.length)}${mark}`;
    if (!taken.has(name)) return name;
  }
}
