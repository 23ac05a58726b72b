/** Takes secrets out of whatever leaves the worker: the one place where it is done. */
import { secretForms } from './redact/secret-forms.js';
import { SECRET_PATTERNS, type SecretPattern } from './redact/secret-patterns.js';

export interface SecretFinding {
  readonly rule: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface Redactor {
  /** Without the known values, in any encoding. Safe for texts that are used again: nothing else is touched. */
  redact(text: string): string;
  /** Without the known values and without what has the shape of a credential: for what is only read, such as logs. */
  scrub(text: string): string;
  /** The same for bytes in any encoding that keeps ASCII; all other bytes stay as they are. */
  redactBytes(bytes: Buffer, also: 'patterns' | 'nothing'): Buffer;
  /** Known values and shapes of credentials, by line. */
  findSecrets(text: string): readonly SecretFinding[];
}

const STAND_IN = '[redacted]';
/** Enough to say what is wrong with a change. */
const FINDINGS_MAX = 100;

/** @param secrets asked each time: keys may be read late or change while the worker runs */
export function createRedactor({ secrets }: { readonly secrets: () => readonly string[] }): Redactor {
  const forms = rememberForms(secrets);
  const redact = (text: string): string => withoutForms(text, forms().text);
  return {
    redact,
    scrub: (text) => withoutPatterns(redact(text)),
    redactBytes(bytes, also) {
      // One character a byte, so that nothing but the secret changes, whatever the encoding.
      const text = bytes.toString('latin1');
      const known = withoutForms(text, forms().bytes);
      const clean = also === 'patterns' ? withoutPatterns(known) : known;
      return clean === text ? bytes : Buffer.from(clean, 'latin1');
    },
    findSecrets: (text) => byLine(text, [...knownIn(text, forms().text), ...SECRET_PATTERNS.flatMap(refusedIn(text))]),
  };
}

interface Forms {
  readonly values: readonly string[];
  readonly text: readonly string[];
  /** The same as UTF-8, one character a byte. */
  readonly bytes: readonly string[];
}

function rememberForms(secrets: () => readonly string[]): () => Forms {
  let known: Forms = { values: [], text: [], bytes: [] };
  return () => {
    const values = secrets();
    if (values.length === known.values.length && values.every((value, at) => value === known.values[at])) return known;
    const text = secretForms(values);
    known = { values: [...values], text, bytes: text.map((form) => Buffer.from(form, 'utf8').toString('latin1')) };
    return known;
  };
}

const withoutForms = (text: string, forms: readonly string[]): string =>
  forms.reduce((clean, form) => (clean.includes(form) ? clean.replaceAll(form, STAND_IN) : clean), text);

const withoutPatterns = (text: string): string =>
  SECRET_PATTERNS.reduce((clean, rule) => {
    if (!mayMatch(clean, rule)) return clean;
    return clean.replace(rule.pattern, (found: string, ...groups: readonly unknown[]) => {
      if (rule.harmless?.test(found) === true) return found;
      return `${typeof groups[0] === 'string' ? groups[0] : ''}${STAND_IN}`;
    });
  }, text);

const mayMatch = (text: string, { keywords }: SecretPattern): boolean =>
  keywords.some((keyword) => text.includes(keyword));

interface Found {
  readonly rule: string;
  readonly at: number;
}

function knownIn(text: string, forms: readonly string[]): readonly Found[] {
  return forms.flatMap((form) => {
    const found: Found[] = [];
    for (let at = text.indexOf(form); at >= 0 && found.length < FINDINGS_MAX; at = text.indexOf(form, at + form.length))
      found.push({ rule: 'known secret', at });
    return found;
  });
}

const refusedIn =
  (text: string) =>
  (rule: SecretPattern): readonly Found[] => {
    if (!rule.refused || !mayMatch(text, rule)) return [];
    const found: Found[] = [];
    for (const match of text.matchAll(rule.pattern)) {
      if (found.length >= FINDINGS_MAX) break;
      if (rule.harmless?.test(match[0]) !== true) found.push({ rule: rule.rule, at: match.index });
    }
    return found;
  };

/** In the order of the text; one secret on a line is one finding, however many of its forms match. */
function byLine(text: string, found: readonly Found[]): readonly SecretFinding[] {
  const seen = new Map<string, SecretFinding>();
  let line = 1;
  let at = 0;
  for (const one of found.toSorted((a, b) => a.at - b.at)) {
    for (let end = text.indexOf('\n', at); end >= 0 && end < one.at; end = text.indexOf('\n', at)) {
      line += 1;
      at = end + 1;
    }
    seen.set(`${line} ${one.rule}`, { rule: one.rule, line });
  }
  return [...seen.values()].slice(0, FINDINGS_MAX);
}
