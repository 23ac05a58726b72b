/** Text from outside on its way into HTML or SVG: nothing of it becomes markup, and nothing of it is invisible. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For content and for attributes in quotes. */
export const escape = (text: string): string => visible(text).replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');

/**
 * Colours of a terminal are taken out, other control characters and those that turn the direction of writing are shown by
 * their numbers: a change must not look like another one.
 */
const visible = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex
    .replace(/\u001b\[[0-9;:?]*[ -/]*[@-~]/g, '')
    .replace(/\r\n/g, '\n')
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, shownByNumber)
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');

const shownByNumber = (sign: string): string =>
  `⟨${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/** Cut at the end, with a sign that it is. */
export const shortened = (text: string, charactersMax: number): string => {
  const signs = [...text];
  return signs.length <= charactersMax
    ? text
    : `${signs
        .slice(0, charactersMax - 1)
        .join('')
        .trimEnd()}…`;
};

/** `1 task`, `3 tasks` */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** `940 bytes`, `12 KB`, `3.4 MB` */
export function bytes(count: number): string {
  if (count < 1_000) return counted(count, 'byte');
  return count < 1_000_000 ? `${Math.round(count / 1_000)} KB` : `${(count / 1_000_000).toFixed(1)} MB`;
}

/** UTC, to the second: the same words on every machine. */
export const moment = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
