/** Placeholders in texts, written as in a shell: `${name}`. Names and values, nothing else: no expressions, no conditions. */

/** What every run of a schedule knows of itself. Basic ISO 8601, in UTC but for `local…`: it can stand in branches, keys and file names. */
export const TIME_NAMES = ['scheduledTime', 'date', 'time', 'localDate', 'localTime'] as const;
export type TimeName = (typeof TIME_NAMES)[number];
export type Values = Readonly<Record<string, string>>;

/** `$${` stands for `${` itself, which the shell lines of checks need. What is no plain name (`${A:-b}`) is no placeholder. */
const PLACEHOLDER = /\$\$\{|\$\{([A-Za-z][A-Za-z0-9_]{0,39})\}/g;

/**
 * By how much the clocks of a time zone differ from UTC, and from when on: oldest first. It is written down once, because
 * workers may know a zone differently, and a workflow has to say the same on all of them.
 */
export type ZoneOffsets = readonly (readonly [fromMs: number, minutes: number])[];

/** The words of a time: `20261121T030000Z`, `2026-11-21`, `030000`; without offsets, UTC is local. */
export function timeWords(epochMs: number, offsets: ZoneOffsets = []): Readonly<Record<TimeName, string>> {
  const [date, time] = dateAndTime(epochMs);
  const [, minutes] = offsets.findLast(([fromMs]) => fromMs <= epochMs) ?? offsets[0] ?? [0, 0];
  const [localDate, localTime] = dateAndTime(epochMs + minutes * 60_000);
  return { scheduledTime: `${date.replaceAll('-', '')}T${time}Z`, date, time, localDate, localTime };
}

function dateAndTime(epochMs: number): readonly [date: string, time: string] {
  const [date = '', clock = ''] = new Date(epochMs).toISOString().split('T');
  return [date, clock.slice(0, 8).replaceAll(':', '')];
}

/** The text as it is used: values in the place of names, escapes taken back. A name without a value stays. */
export const render = (text: string, values: Values): string =>
  text.replaceAll(PLACEHOLDER, (found, name: string | undefined) =>
    name === undefined ? '${' : (valueOf(values, name) ?? found),
  );

/** Only puts these values in: the text is rendered later with the others, which must not find placeholders in the values. */
export const fill = (text: string, values: Values): string =>
  text.replaceAll(PLACEHOLDER, (found, name: string | undefined) =>
    name === undefined ? found : (valueOf(values, name)?.replaceAll('${', () => '$${') ?? found),
  );

/** Names in a text, each once. */
export const namesInText = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(PLACEHOLDER)].flatMap(([, name]) => name ?? [])),
];

/** Every text in a value made anew; names of fields and what is no text stay as they are. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((one: unknown) => mapTexts(one, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]: [string, unknown]) => [name, mapTexts(one, change)]),
  );
}

const valueOf = (values: Values, name: string): string | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;
