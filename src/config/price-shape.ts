/** What a provider costs and may cost, in weaver.config.yaml. */
import { z } from 'zod';
import type { BudgetSpec, Price, Prices } from '../domain/costs.js';
import { defined } from '../domain/plain-object.js';
import { sayIssue, type FieldNames } from '../schemas/faults.js';
import { line, microDollars } from '../schemas/task-shape.js';

/** Beyond these a number is a slip. */
const BOUNDS = {
  /** Dollars a million tokens. */
  price: 10_000,
  /** A change of prices a month, for eight years. */
  prices: 100,
  models: 1_000,
  /** Dollars. */
  budget: 10_000_000,
} as const;

const dollars = z.number().min(0).max(BOUNDS.price);

const priceShape = {
  promptUsdPerMillion: dollars,
  cachedUsdPerMillion: dollars.optional(),
  completionUsdPerMillion: dollars,
  reasoningUsdPerMillion: dollars.optional(),
  /** Holds from this day (UTC) on. */
  date: z.iso.date('must be a date such as 2026-01-31'),
};

/** Prompt tokens that the endpoint had in its cache cost what others cost unless the list says less; so does reasoning. */
const price = z.strictObject(priceShape).transform((given): Price => {
  const {
    promptUsdPerMillion: prompt,
    cachedUsdPerMillion: cached = prompt,
    reasoningUsdPerMillion: reasoning,
  } = given;
  return {
    promptUsdMicros: microDollars(prompt),
    cachedUsdMicros: microDollars(cached),
    completionUsdMicros: microDollars(given.completionUsdPerMillion),
    ...(reasoning === undefined ? {} : { reasoningUsdMicros: microDollars(reasoning) }),
    date: given.date,
  };
});

const priceList = z
  .array(price)
  .min(1)
  .max(BOUNDS.prices)
  .refine(
    (entries) => new Set(entries.map(({ date }) => date)).size === entries.length,
    'has two entries from the same date on',
  );

/** One entry or a list: looked at by hand, since a union would only say that it is neither. */
export const prices = z.unknown().transform((given, context): Prices => {
  const parsed = (Array.isArray(given) ? priceList : price).safeParse(given, { error: sayIssue });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue });
  return z.NEVER;
});

const modelShape = { price: prices.optional() };

/** Models of a provider by name. */
export const models = z
  .record(line(200), z.strictObject(modelShape))
  .refine((named) => Object.keys(named).length <= BOUNDS.models, `must have at most ${BOUNDS.models} entries`);

const budgetDollars = z.number().gt(0).max(BOUNDS.budget);
const budgetShape = { dailyUsd: budgetDollars.optional(), monthlyUsd: budgetDollars.optional() };

export const budget = z
  .strictObject(budgetShape)
  .refine(
    ({ dailyUsd, monthlyUsd }) => dailyUsd !== undefined || monthlyUsd !== undefined,
    'names neither dailyUsd nor monthlyUsd',
  )
  .transform(({ dailyUsd, monthlyUsd }): BudgetSpec =>
    defined({
      dailyUsdMicros: dailyUsd === undefined ? undefined : microDollars(dailyUsd),
      monthlyUsdMicros: monthlyUsd === undefined ? undefined : microDollars(monthlyUsd),
    }),
  );

const priceFields = Object.keys(priceShape);

export const costFields: FieldNames = {
  'providers.*.price': priceFields,
  'providers.*.price[]': priceFields,
  'providers.*.models.*': Object.keys(modelShape),
  'providers.*.models.*.price': priceFields,
  'providers.*.models.*.price[]': priceFields,
  'providers.*.budget': Object.keys(budgetShape),
};
