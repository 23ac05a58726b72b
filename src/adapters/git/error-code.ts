/** The `code` of a system error such as ENOENT; undefined for anything else. */
export const errorCode = (cause: unknown): string | undefined =>
  typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;

/** For `catch`: that something is not there is an answer, anything else is thrown on. */
export function unlessGone(cause: unknown): undefined {
  if (errorCode(cause) !== 'ENOENT') throw cause;
  return undefined;
}
