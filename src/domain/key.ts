/** The name under which a job is submitted: one rule for task files and clients. */

/** Keys become parts of workflow ids, of addresses and of folder names; `:` and `+` are those of times, `~` that of reruns. */
const KEY = /^(?!\.{1,2}$)[A-Za-z0-9._:~+-]{1,100}$/;

/** The rule in words: a key must be … */
export const KEY_RULE = '1 to 100 letters, digits and . _ : ~ + -';

export const isKey = (text: string): boolean => KEY.test(text);
