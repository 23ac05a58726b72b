/** When an endpoint wants to be asked again: in its headers, in its words, or by when its limit is over. Pure. */

/** An endpoint that asks for more than an hour is asked again after an hour: it may be back. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** The pause the endpoint asks for: `retry-after-ms`, or `retry-after` in seconds or as a date. */
export function retryAfterOf(headers: Headers | undefined, nowMs: number): number | undefined {
  const ms = numberIn(headers?.get('retry-after-ms'));
  if (ms !== undefined) return boundPause(ms);
  const text = headers?.get('retry-after');
  const seconds = numberIn(text);
  if (seconds !== undefined) return boundPause(seconds * 1_000);
  // Begins with a weekday; of a bare number Date.parse would make a year.
  const date = /^\s*[A-Za-z]{3,9},?\s/.test(text ?? '') ? Date.parse(text ?? '') : Number.NaN;
  return Number.isNaN(date) ? undefined : boundPause(date - nowMs);
}

/**
 * The same from the headers about limits, for a rate limit that names no pause: when those are over of which nothing is
 * left, the last of them; if none says so, the first of all.
 */
export function limitEndOf(headers: Headers | undefined, nowMs: number): number | undefined {
  const limits = LIMITS.flatMap(([remaining, reset]) => {
    const pause = pauseUntil(headers?.get(reset), nowMs);
    return pause === undefined ? [] : [{ pause, isSpent: numberIn(headers?.get(remaining)) === 0 }];
  });
  const spent = limits.filter(({ isSpent }) => isSpent).map(({ pause }) => pause);
  if (spent.length > 0) return boundPause(Math.max(...spent));
  return limits.length === 0 ? undefined : boundPause(Math.min(...limits.map(({ pause }) => pause)));
}

/** Names of the headers: what is left of a limit, and when it is whole again. */
const LIMITS: readonly (readonly [remaining: string, reset: string])[] = [
  ...['requests', 'tokens'].map((what) => [`x-ratelimit-remaining-${what}`, `x-ratelimit-reset-${what}`] as const),
  ...['requests', 'tokens', 'input-tokens', 'output-tokens'].map(
    (what) => [`anthropic-ratelimit-${what}-remaining`, `anthropic-ratelimit-${what}-reset`] as const,
  ),
  ['x-ratelimit-remaining', 'x-ratelimit-reset'],
];

/** Larger numbers are moments in seconds since 1970, and still larger ones in milliseconds. */
const MOMENT_SECONDS_MIN = 1_000_000_000;
const MOMENT_MS_MIN = 1_000_000_000_000;

/** A moment of any form, or how long it is until then. */
function pauseUntil(text: string | null | undefined, nowMs: number): number | undefined {
  const number = numberIn(text);
  if (number !== undefined) {
    if (number >= MOMENT_MS_MIN) return number - nowMs;
    return number >= MOMENT_SECONDS_MIN ? number * 1_000 - nowMs : number * 1_000;
  }
  if (text === null || text === undefined) return undefined;
  if (/^\d{4}-\d\d-\d\dT/.test(text)) {
    const moment = Date.parse(text);
    return Number.isNaN(moment) ? undefined : moment - nowMs;
  }
  return durationMs(text);
}

/** Where only the sentence says it: "try again in 1m2.5s", "retry in 340ms", "try again in 60 seconds". */
export function retryAfterIn(words: string): number | undefined {
  const found = /\b(?:try again|retry(?:ing)?) (?:in|after) (.{1,40})/is.exec(words);
  const ms = found === null ? undefined : durationMs(found[1] ?? '');
  return ms === undefined ? undefined : boundPause(ms);
}

const DURATION =
  /^\s*(?:(\d{1,4})\s?h(?:ours?)?\b\s?|(\d{1,4})h)?(?:(\d{1,4})\s?m(?:in(?:utes?)?)?(?!s))?\s?(?:(\d{1,6}(?:\.\d{1,12})?)\s?(ms|milliseconds?|s|sec(?:ond)?s?)\b)?/i;

/** The time at the beginning of the text; undefined if there is none. */
export function durationMs(text: string): number | undefined {
  const [, wordedHours, hours = wordedHours, minutes, amount, unit = ''] = DURATION.exec(text) ?? [];
  if (hours === undefined && minutes === undefined && amount === undefined) return undefined;
  const rest = Number(amount ?? 0) * (/^m/i.test(unit) ? 1 : 1_000);
  return Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + rest;
}

const boundPause = (ms: number): number => Math.min(Math.max(0, Math.round(ms)), RETRY_AFTER_MS_MAX);

const numberIn = (text: string | null | undefined): number | undefined =>
  text !== null && text !== undefined && /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
