/** How a known secret may look in a text: as it is, and as encodings show it. */

/** Shorter values are placeholders of local servers (`none`, `ollama`); taking those out would spoil ordinary text. */
const LENGTH_MIN = 8;

/** Every form of the values, each once, the longest first, so that none is taken out of the middle of another. */
export function secretForms(values: readonly string[]): readonly string[] {
  const forms = values
    .flatMap((value) => [value, value.trim()])
    .filter(({ length }) => length >= LENGTH_MIN)
    .flatMap(formsOf);
  return [...new Set(forms)].filter(({ length }) => length >= LENGTH_MIN).toSorted((a, b) => b.length - a.length);
}

function formsOf(value: string): readonly string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const url = encodeURIComponent(Buffer.from(value, 'utf8').toString('utf8'));
  const lowerCase = url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [value, json, json.replaceAll('/', '\\/'), url, lowerCase, url.replaceAll('%20', '+'), ...base64Forms(value)];
}

/**
 * A base64 text cuts the bytes into threes, so a value inside it (`user:password` of a header) looks different by where it
 * starts. Only what depends on the value alone is taken.
 */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value, 'utf8');
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    const inner = text.slice(Math.ceil((before * 8) / 6), whole);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
