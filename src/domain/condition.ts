/**
 * Conditions of a playbook's steps: `true`, `false`, one comparison (`==`, `!=`, `<=`, `>=`, `<`, `>`), or a variable that is
 * true or false. What is no condition is a fault, never a yes.
 */
import type { Variables } from './playbook.js';

/** In this order, so that `<=` is not taken for `<`. */
const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const;
type Operator = (typeof OPERATORS)[number];

type Operand =
  { readonly kind: 'value'; readonly value: string } | { readonly kind: 'variable'; readonly name: string };

type Condition =
  | { readonly kind: 'operand'; readonly operand: Operand }
  | { readonly kind: 'comparison'; readonly left: Operand; readonly operator: Operator; readonly right: Operand };

type Parsed =
  { readonly kind: 'ok'; readonly condition: Condition } | { readonly kind: 'fault'; readonly says: string };

/** What is wrong with a condition, before any value is known; null if nothing is. */
export function conditionFault(text: string, known: ReadonlySet<string>): string | null {
  const parsed = parse(text, known);
  return parsed.kind === 'fault' ? parsed.says : null;
}

export type Held = { readonly kind: 'ok'; readonly holds: boolean } | { readonly kind: 'fault'; readonly says: string };

/** Whether a condition holds. A variable that stands alone must say yes or no. */
export function holds(text: string, variables: Variables): Held {
  const parsed = parse(text, new Set(Object.keys(variables)));
  if (parsed.kind === 'fault') return parsed;
  const { condition } = parsed;
  if (condition.kind === 'comparison') {
    const [left, right] = [valueOf(condition.left, variables), valueOf(condition.right, variables)];
    return { kind: 'ok', holds: compare(left, condition.operator, right) };
  }
  const value = valueOf(condition.operand, variables);
  const truth = truthOf(value);
  return truth === null
    ? { kind: 'fault', says: `is neither true nor false: it is ${JSON.stringify(value.slice(0, 50))}` }
    : { kind: 'ok', holds: truth };
}

function parse(text: string, known: ReadonlySet<string>): Parsed {
  const parts = splitted(text);
  if (parts === null) return fault('has more than one comparison; write a step for each, or one variable');
  const operands = parts.sides.map((side, index) => operandOf(side.trim(), known, index === 1));
  const wrong = operands.find((operand) => typeof operand === 'string');
  if (typeof wrong === 'string') return fault(wrong);
  const [left, right] = operands.filter((operand) => typeof operand !== 'string');
  if (left === undefined) return fault('is empty');
  if (parts.operator === null || right === undefined)
    return { kind: 'ok', condition: { kind: 'operand', operand: left } };
  return { kind: 'ok', condition: { kind: 'comparison', left, operator: parts.operator, right } };
}

const fault = (says: string): Parsed => ({ kind: 'fault', says });

/** At the one operator that stands outside of quotes; null if there are several. */
function splitted(text: string): { readonly sides: readonly string[]; readonly operator: Operator | null } | null {
  const found: { readonly at: number; readonly operator: Operator }[] = [];
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const one = text[at] ?? '';
    if (quote !== '') {
      if (one === quote) quote = '';
      continue;
    }
    if (one === '"' || one === "'") quote = one;
    const operator = OPERATORS.find((each) => text.startsWith(each, at));
    if (operator === undefined) continue;
    found.push({ at, operator });
    at += operator.length - 1;
  }
  const [first, second] = found;
  if (second !== undefined) return null;
  if (first === undefined) return { sides: [text], operator: null };
  return { sides: [text.slice(0, first.at), text.slice(first.at + first.operator.length)], operator: first.operator };
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
const NAME = /^(?:\$\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))$/;

/** A word without quotes on the right may stand for itself; elsewhere it would be a slip that decides. */
function operandOf(text: string, known: ReadonlySet<string>, isRight: boolean): Operand | string {
  if (text === '') return 'lacks a side: write it as name == value';
  const [, double, single] = /^(?:"([^"]*)"|'([^']*)')$/.exec(text) ?? [];
  const quoted = double ?? single;
  if (quoted !== undefined) return { kind: 'value', value: quoted };
  if (NUMBER.test(text) || text === 'true' || text === 'false') return { kind: 'value', value: text };
  const [, braced, plain] = NAME.exec(text) ?? [];
  const name = braced ?? plain;
  if (name !== undefined && known.has(name)) return { kind: 'variable', name };
  if (isRight && /^[\w.-]+$/.test(text)) return { kind: 'value', value: text };
  if (name !== undefined) return `uses ${name}, which is no variable; there are ${[...known].join(', ')}`;
  return 'is no condition: write true, false, a variable, or one comparison such as name == value (texts in quotes)';
}

const valueOf = (operand: Operand, variables: Variables): string =>
  operand.kind === 'value' ? operand.value : (variables[operand.name] ?? '');

/** As numbers where both are, else as texts. */
function compare(left: string, operator: Operator, right: string): boolean {
  const isNumeric = NUMBER.test(left) && NUMBER.test(right);
  const order = isNumeric ? Number(left) - Number(right) : left < right ? -1 : left > right ? 1 : 0;
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<=':
      return order <= 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '>':
      return order > 0;
    default:
      throw new TypeError(`unknown operator ${JSON.stringify(operator satisfies never)}`);
  }
}

/** Null if it says neither. */
function truthOf(value: string): boolean | null {
  const word = value.trim().toLowerCase();
  if (NUMBER.test(word)) return Number(word) !== 0;
  if (word === 'true' || word === 'yes') return true;
  return word === 'false' || word === 'no' || word === '' ? false : null;
}
