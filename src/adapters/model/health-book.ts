/**
 * How the providers of a home are: a circuit breaker for each, in the request process, which all its workers share. Kept in a
 * file, so that the next process goes on with it and `weaver doctor` can show it.
 */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEnd, CLOSED, letPass, refusedUntil, type Breaker } from '../../domain/circuit-breaker.js';
import type { FailureCode } from '../../domain/failures.js';
import { isObject } from '../../domain/plain-object.js';
import { breakerRuleOf } from '../../domain/provider-limits.js';
import type { ProviderSettings } from '../../ports.js';

export interface HealthBook {
  /** Null if a request may leave now; it is the probe then, if the endpoint was left alone. */
  mayLeave(
    provider: ProviderSettings,
  ): { readonly untilMs: number; readonly failures: number; readonly code: FailureCode } | null;
  /** `code` is that of the failure; null = an answer. */
  ended(provider: ProviderSettings, code: FailureCode | null): void;
}

/** Successes are many: what the file says of them is a second old. */
const WRITE_EVERY_MS = 1_000;

/** One file below the home. */
const fileOf = (home: string): string => join(home, 'run', 'providers.json');

/** Two endpoints under one name are two; a model more or less is not. */
const keyOf = ({ name, baseUrl }: ProviderSettings): string => `${name} ${baseUrl}`;

/**
 * @param home null = kept in memory only
 * @param onFault hears of a file that cannot be written: nothing depends on it
 */
export function openHealthBook(home: string | null, onFault: (error: unknown) => void = () => undefined): HealthBook {
  const breakers = new Map<string, Breaker>(home === null ? [] : Object.entries(read(home)));
  const store = home === null ? () => undefined : writer(() => Object.fromEntries(breakers), home, onFault);
  const set = (key: string, breaker: Breaker): void => {
    if (breakers.get(key) === breaker) return;
    breakers.set(key, breaker);
    store();
  };
  return {
    mayLeave(provider) {
      const [key, rule, nowMs] = [keyOf(provider), breakerRuleOf(provider.breaker), Date.now()];
      const breaker = breakers.get(key) ?? CLOSED;
      const untilMs = refusedUntil(breaker, rule, nowMs);
      if (untilMs !== null)
        return { untilMs, failures: breaker.failures, code: breaker.lastFailure?.code ?? 'modelServer' };
      set(key, letPass(breaker, nowMs));
      return null;
    },
    ended(provider, code) {
      const key = keyOf(provider);
      set(key, afterEnd(breakers.get(key) ?? CLOSED, breakerRuleOf(provider.breaker), code, Date.now()));
    },
  };
}

/** What the file says of a provider; null if nothing was sent to it from this home. */
export const readHealth = (home: string, provider: ProviderSettings): Breaker | null =>
  read(home)[keyOf(provider)] ?? null;

/** A file that is not there, or was written by another version, says nothing. */
function read(home: string): Readonly<Record<string, Breaker>> {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(home), 'utf8'));
    return isObject(value) ? Object.fromEntries(Object.entries(value).filter(isEntry)) : {};
  } catch {
    return {};
  }
}

const isEntry = (entry: [string, unknown]): entry is [string, Breaker] => {
  const [, value] = entry;
  return isObject(value) && typeof value['failures'] === 'number' && 'openUntil' in value && 'lastFailure' in value;
};

/** At most one write a second, the last one always. */
function writer(content: () => unknown, home: string, onFault: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | null = null;
  const write = async (): Promise<void> => {
    timer = null;
    const file = fileOf(home);
    await writeFile(`${file}.new`, JSON.stringify(content()), { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  return () => {
    timer ??= setTimeout(() => void write().catch(onFault), WRITE_EVERY_MS);
    timer.unref();
  };
}
