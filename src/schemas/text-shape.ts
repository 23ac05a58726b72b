/** Texts, commands and times as files give them. */
import { z } from 'zod';

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;
// oxlint-disable-next-line no-control-regex
const CONTROL_BUT_WHITESPACE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
const SURROGATE = /\p{Surrogate}/u;

/** Text of any number of lines. Nothing that is not text: git and Temporal refuse it later and less kindly. */
export const prose = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .refine((text) => !CONTROL_BUT_WHITESPACE.test(text), 'has a control character')
    .refine((text) => !SURROGATE.test(text), 'is not valid Unicode');

/** Text of one line, without blanks around it. */
export const line = (charactersMax: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(charactersMax)
    .refine((text) => !CONTROL.test(text), 'must be one line, without control characters')
    .refine((text) => !SURROGATE.test(text), 'is not valid Unicode');

/** What `sh -c` is given. */
export const commandLine = (charactersMax: number) =>
  prose(charactersMax).refine((text) => text.trim() !== '', 'must not be empty');

export const seconds = (minimum: number, maximum: number) =>
  z.number().int('must be a whole number').min(minimum).max(maximum);

/** A text instead of a map: its one needed field. */
export const shorthand = <T extends z.ZodType>(field: string, schema: T) =>
  z.preprocess((value) => (typeof value === 'string' ? { [field]: value } : value), schema);

/** The issues of a part that was looked at by itself, as those of the whole. */
export function passIssues(
  { issues }: { readonly issues: z.core.$ZodRawIssue[] },
  found: readonly z.core.$ZodIssue[],
  input: unknown,
): void {
  // What zod has made of a part it takes back: only the place of the input is different.
  for (const issue of found) issues.push({ ...issue, path: [...issue.path], input } as z.core.$ZodRawIssue);
}
