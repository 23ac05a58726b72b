/** All guards over one change, and what the task's policies make of what they find. */
import type { FailureCode } from '../failures.js';
import type { Change, Finding, GuardName, GuardPolicies } from './change.js';
import { debugStatements, leftovers } from './leftovers.js';
import { massDeletion } from './mass-deletion.js';
import { placeholders } from './placeholder.js';
import { syntaxErrors, type SyntaxCheck } from './syntax-errors.js';
import { weakenedTests } from './weakened-tests.js';
import { whitespaceOnly } from './whitespace-only.js';

export interface Guarded {
  /** They fail the attempt. */
  readonly denied: readonly Finding[];
  /** They are written down. */
  readonly warned: readonly Finding[];
}

export function guardChange(change: Change, policies: GuardPolicies, syntax: SyntaxCheck): Guarded {
  const found = [
    ...placeholders(change),
    ...massDeletion(change),
    ...whitespaceOnly(change),
    ...leftovers(change),
    ...debugStatements(change),
    ...weakenedTests(change),
    ...syntaxErrors(change, syntax),
  ];
  const weight = ({ guard, weight: own }: Finding) => policies[guard] ?? own;
  return {
    denied: found.filter((finding) => weight(finding) === 'deny'),
    warned: found.filter((finding) => weight(finding) === 'warn'),
  };
}

/** The failure that a guard's finding ends in. */
export const GUARD_FAILURES: Readonly<Record<GuardName, FailureCode>> = {
  placeholder: 'placeholderText',
  massDeletion: 'massDeletion',
  whitespaceOnly: 'whitespaceOnly',
  leftovers: 'leftovers',
  debugStatements: 'leftovers',
  weakenedTests: 'weakenedTests',
  syntax: 'syntaxError',
};

/** `path:line: what is wrong` */
export const findingWords = ({ path, line, says }: Finding): string =>
  `${path}${path === '' ? '' : line === null ? ': ' : `:${line}: `}${says}`;
