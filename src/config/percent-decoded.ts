/** The text without its percent signs. One that stands there by itself means itself: then the text is what it is. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
