/** The fields of a task file that say how models are asked: modes, candidates, a shadow. */
import { z } from 'zod';
import {
  ASK_MODES,
  ASK_STEPS,
  modeNamed,
  type AskMode,
  type AskRules,
  type AskStep,
  type StepModes,
  type StepRules,
} from '../domain/ask-mode.js';
import { CANDIDATES_MAX } from '../domain/candidates.js';
import {
  countsVotes,
  STRATEGIES,
  strategyNamed,
  TIE_BREAKERS,
  tieBreakerNamed,
  VOTE_DEFAULTS,
} from '../domain/consensus.js';
import { defined } from '../domain/plain-object.js';
import type { ModelChoice } from '../domain/task.js';
import type { FieldNames, ShapeFault } from './faults.js';
import { fieldOf } from './placed-faults.js';
import { shorthand } from './text-shape.js';

const BOUNDS = {
  /** As many as a provider may be asked at once. */
  concurrency: 100,
  calls: 100,
  models: 10,
  weight: 1_000,
  /** A day. */
  ms: 86_400_000,
  costUsd: 1_000_000,
  rounds: 3,
} as const;

/** What other fields of a task are made of too. */
export interface AskParts {
  readonly oneModel: z.ZodType<ModelChoice>;
  readonly microDollars: (dollars: number) => number;
}

const whole = (minimum: number, maximum: number) => z.number().int('must be a whole number').min(minimum).max(maximum);
const dollars = z.number().gt(0).max(BOUNDS.costUsd);
const micros = whole(1, BOUNDS.costUsd * 1_000_000);

/** A name, or one that others use for the same. */
const named = <T extends string>(known: readonly T[], find: (name: string) => T | null) =>
  z.string().transform((name, context) => {
    const found = find(name);
    if (found === null) context.addIssue({ code: 'custom', message: `must be one of ${known.join(', ')}` });
    return found ?? z.NEVER;
  });

const stopShape = {
  costUsd: dollars.optional(),
  costUsdMicros: micros.optional(),
  elapsedMs: whole(1, BOUNDS.ms).optional(),
};

const voteShape = {
  strategy: named(STRATEGIES, strategyNamed).optional(),
  quorum: z
    .union([whole(1, BOUNDS.models), z.literal('all')], 'must be a whole number from 1 to 10, or all')
    .optional(),
  minCandidates: whole(1, BOUNDS.models).optional(),
  weights: z.record(z.string().max(300), z.number().gt(0).max(BOUNDS.weight)).optional(),
  tieBreakers: z.array(named(TIE_BREAKERS, tieBreakerNamed)).max(TIE_BREAKERS.length).optional(),
  maxLatencyMs: whole(1, BOUNDS.ms).optional(),
  maxCostUsd: dollars.optional(),
  maxCostUsdMicros: micros.optional(),
  roundsMax: whole(1, BOUNDS.rounds).optional(),
};

const plainAskShape = {
  mode: named(ASK_MODES, modeNamed),
  concurrency: whole(1, BOUNDS.concurrency).optional(),
  maxCalls: whole(1, BOUNDS.calls).optional(),
  minSuccess: whole(1, BOUNDS.models).optional(),
  failFast: z.boolean().optional(),
  passUnusable: z.boolean().optional(),
};

export const SHADOW_FIELDS = ['model', 'rate', 'gate'];

const rulesFields = [...Object.keys(plainAskShape), 'stop', 'vote', 'judge'];
const stepFields = ASK_STEPS.map((step) => `modes.${step}`);

export const askFields: FieldNames = {
  ask: rulesFields,
  'ask.stop': Object.keys(stopShape),
  'ask.vote': Object.keys(voteShape),
  modes: ASK_STEPS,
  ...Object.fromEntries(stepFields.map((step) => [step, [...rulesFields, 'models']])),
  ...Object.fromEntries(stepFields.map((step) => [`${step}.stop`, Object.keys(stopShape)])),
  ...Object.fromEntries(stepFields.map((step) => [`${step}.vote`, Object.keys(voteShape)])),
  shadow: SHADOW_FIELDS,
};

/** `ask`, `modes`, `candidates` and `shadow` of a task. */
export function askShapes({ oneModel, microDollars }: AskParts) {
  const stop = z
    .strictObject(stopShape)
    .transform(({ costUsd, costUsdMicros, elapsedMs }) =>
      defined({ costUsdMicros: costUsd === undefined ? costUsdMicros : microDollars(costUsd), elapsedMs }),
    );
  const vote = z
    .strictObject(voteShape)
    .transform(({ maxCostUsd, ...rules }) =>
      defined(maxCostUsd === undefined ? rules : { ...rules, maxCostUsdMicros: microDollars(maxCostUsd) }),
    );
  const askShape = { ...plainAskShape, stop: stop.optional(), vote: vote.optional(), judge: oneModel.optional() };
  const ask = shorthand(
    'mode',
    z
      .strictObject(askShape)
      .transform((rules): AskRules => ({ mode: rules.mode, ...defined(rules) }))
      .superRefine((rules, context) => say(rulesFaults(rules), context)),
  );
  const step = (name: AskStep) =>
    shorthand(
      'mode',
      z
        .strictObject({ ...askShape, models: z.array(oneModel).min(1).max(BOUNDS.models).optional() })
        .transform((rules): StepRules => ({ mode: rules.mode, ...defined(rules) }))
        .superRefine((rules, context) => {
          const faults = stepFaults(name, rules);
          // What the step cannot have lacks nothing either.
          say(faults.length > 0 ? faults : rulesFaults(rules), context);
        }),
    ).optional();
  const modes = z
    .strictObject({
      turn: step('turn'),
      plan: step('plan'),
      judge: step('judge'),
      choose: step('choose'),
      resolve: step('resolve'),
    })
    .transform((steps): StepModes => defined(steps));
  const shadowMap = z.strictObject({
    model: oneModel,
    rate: z.number().min(0).max(1).default(1),
    gate: z.boolean().default(false),
  });
  return {
    ask: ask.optional(),
    modes: modes.optional(),
    candidates: whole(1, CANDIDATES_MAX).optional(),
    shadow: shadowMap.optional(),
  };
}

/** Votes of which there are fewer models than must agree; of strategies that count votes. */
export function quorumFaults(rules: unknown, models: number): readonly ShapeFault[] {
  const [mode, strategy] = [fieldOf(rules, 'mode') ?? rules, fieldOf(fieldOf(rules, 'vote'), 'strategy')];
  if (typeof mode !== 'string' || modeNamed(mode) !== 'consensus') return [];
  if (typeof strategy === 'string' && !countsVotes(strategyNamed(strategy) ?? 'majority')) return [];
  const wanted = fieldOf(fieldOf(rules, 'vote'), 'quorum');
  const quorum = wanted ?? VOTE_DEFAULTS.quorum;
  if (typeof quorum !== 'number' || quorum <= models) return [];
  const asked = models === 1 ? 'the one model that is asked' : `the ${models} models that are asked`;
  const says = wanted === undefined ? `is ${quorum} where none is named, more than ${asked}` : `is more than ${asked}`;
  return [{ path: ['vote', 'quorum'], says }];
}

function say(faults: readonly ShapeFault[], context: z.core.$RefinementCtx): void {
  for (const { path, says } of faults) context.addIssue({ code: 'custom', path: [...path], message: says });
}

/** Of a turn one answer is carried out: there is nothing to keep the others for. */
const STEP_MODES: Readonly<Record<AskStep, readonly AskMode[]>> = {
  turn: ['single', 'fallback', 'any', 'consensus'],
  plan: ASK_MODES,
  judge: ASK_MODES,
  choose: ASK_MODES,
  resolve: ASK_MODES,
};

/** Modes and strategies that make no sense for the step. */
function stepFaults(step: AskStep, { mode, vote, judge }: StepRules): readonly ShapeFault[] {
  const modes = STEP_MODES[step];
  if (!modes.includes(mode)) return [{ path: ['mode'], says: `must be one of ${modes.join(', ')} for modes.${step}` }];
  if (step === 'plan' || step === 'resolve' || mode !== 'consensus') return [];
  const strategy = vote?.strategy ?? 'majority';
  return [
    ...(strategy === 'majority' || strategy === 'weighted'
      ? []
      : [{ path: ['vote', 'strategy'], says: `must be majority or weighted for modes.${step}: ${COUNTED[step]}` }]),
    ...(judge === undefined ? [] : [{ path: ['judge'], says: `is not for modes.${step}: ${COUNTED[step]}` }]),
  ];
}

/** Why only votes are counted there. */
const COUNTED = {
  turn: 'calls of tools are compared by what they do, and not judged',
  judge: 'who judges is not judged again',
  choose: 'there are only the handlers to vote for',
} as const;

/** Fields that the mode would not read, and what a strategy cannot do without. */
function rulesFaults({ mode, vote, judge, ...rules }: AskRules): readonly ShapeFault[] {
  const only = (name: keyof typeof rules, wanted: string): readonly ShapeFault[] =>
    rules[name] !== undefined && mode !== wanted ? [{ path: [name], says: `is for mode: ${wanted}` }] : [];
  const strategy = vote?.strategy ?? 'majority';
  const wantsJudge = strategy === 'judge' || strategy === 'maxScore' || strategy === 'scoreSum';
  return [
    ...only('minSuccess', 'all'),
    ...only('failFast', 'all'),
    ...only('passUnusable', 'fallback'),
    ...(vote !== undefined && mode !== 'consensus' ? [{ path: ['vote'], says: 'is for mode: consensus' }] : []),
    ...(judge !== undefined && mode !== 'consensus' ? [{ path: ['judge'], says: 'is for mode: consensus' }] : []),
    ...(vote?.weights !== undefined && strategy !== 'weighted'
      ? [{ path: ['vote', 'weights'], says: 'is for strategy: weighted' }]
      : []),
    ...(strategy === 'weighted' && vote?.weights === undefined
      ? [{ path: ['vote', 'weights'], says: 'is missing: strategy: weighted counts nothing else' }]
      : []),
    ...(wantsJudge && judge === undefined && mode === 'consensus'
      ? [{ path: ['judge'], says: `is missing: strategy: ${strategy} needs a model that judges` }]
      : []),
  ];
}
