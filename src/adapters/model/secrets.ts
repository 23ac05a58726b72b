/** Secret values that the request process has been given, and their removal from what it writes. */
export interface Secrets {
  learn(values: readonly string[]): void;
  redact(text: string): string;
}

/** Shorter values are placeholders of local servers (`none`, `ollama`); taking those out would spoil ordinary text. */
const LENGTH_MIN = 8;
/** Keys change seldom; the oldest go first. */
const VALUES_MAX = 200;

export function createSecrets(): Secrets {
  const known = new Set<string>();
  return {
    learn(values) {
      for (const value of values.map((one) => one.trim()).filter(({ length }) => length >= LENGTH_MIN))
        known.add(value);
      for (const oldest of known) {
        if (known.size <= VALUES_MAX) break;
        known.delete(oldest);
      }
    },
    // A value may be the beginning of another: the longest first, or the rest of it would stay.
    redact: (text) =>
      [...known]
        .toSorted((a, b) => b.length - a.length)
        .reduce((clean, value) => clean.replaceAll(value, '[redacted]'), text),
  };
}
