/** How much of a text that still grows can be shown without showing a part of a secret that goes on in what is to come. */

/**
 * Characters from the start that no secret reaches out of, neither one that has only begun nor a whole one across the border.
 * What is before it can be redacted and handed on; the rest waits for more.
 *
 * @param forms as `secretForms` gives them
 */
export function steadyLength(text: string, forms: readonly string[]): number {
  const begun = Math.min(text.length, ...forms.map((form) => beginning(text, form)));
  return beforeWhole(text, forms, begun);
}

/** Where the end of the text is the beginning of the form; the length of the text if nowhere. */
function beginning(text: string, form: string): number {
  for (let at = Math.max(0, text.length - form.length + 1); at < text.length; at += 1)
    if (text[at] === form[0] && form.startsWith(text.slice(at))) return at;
  return text.length;
}

/** A whole form across the border would be cut in two: the border moves before it, as often as it takes. */
function beforeWhole(text: string, forms: readonly string[], border: number): number {
  const across = forms.map((form) => {
    const at = text.indexOf(form, Math.max(0, border - form.length + 1));
    return at === -1 || at >= border ? border : at;
  });
  const before = Math.min(border, ...across);
  return before === border ? border : beforeWhole(text, forms, before);
}
