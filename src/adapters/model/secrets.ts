/** Secret values that the request process has been given, and their removal from what it writes and shows. */
import { createRedactor } from '../redact.js';
import { secretForms } from '../redact/secret-forms.js';

export interface Secrets {
  learn(values: readonly string[]): void;
  redact(text: string): string;
  /** How the values may look in a text, the longest first. */
  forms(): readonly string[];
}

/** Shorter values are placeholders of local servers (`none`, `ollama`); taking those out would spoil ordinary text. */
const LENGTH_MIN = 8;
/** Keys change seldom; the oldest go first. */
const VALUES_MAX = 200;

export function createSecrets(): Secrets {
  const known = new Set<string>();
  const { redact } = createRedactor({ secrets: () => [...known] });
  let forms: readonly string[] = [];
  return {
    learn(values) {
      const fresh = values.map((one) => one.trim()).filter((one) => one.length >= LENGTH_MIN && !known.has(one));
      if (fresh.length === 0) return;
      for (const value of fresh) known.add(value);
      for (const oldest of known) {
        if (known.size <= VALUES_MAX) break;
        known.delete(oldest);
      }
      forms = secretForms([...known]);
    },
    redact,
    forms: () => forms,
  };
}
