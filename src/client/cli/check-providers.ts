/** The part of `weaver doctor` about limits and troubles of the providers, which workers share. */
import type { Config } from '../../config.js';
import { breakerRuleOf, limitsOf, type LimitsStanding } from '../../domain/provider-limits.js';
import { stateOf, type Breaker } from '../../domain/circuit-breaker.js';
import type { ProviderSettings } from '../../ports.js';
import type { Finding } from './house.js';
import type { KeepersSay } from './provider-budgets.js';

/** What is left of the limits, and how the endpoints are, as the keepers have it. */
export const checkLimits = (said: KeepersSay, { providers }: Config): readonly Finding[] =>
  providers.flatMap((provider) => {
    const standing = said.get(provider.name) ?? null;
    return limitsOf(provider) === null ? troubleFindings(provider, standing) : [limitsFinding(provider, standing)];
  });

/** Without limits there is something to say only if the endpoint was in trouble of late. */
function troubleFindings(provider: ProviderSettings, standing: LimitsStanding | null): readonly Finding[] {
  if (standing === null) return [];
  const { pausedUntil, waiting, breaker } = standing;
  const says = `it has asked for a pause until ${clock(pausedUntil ?? 0)}; ${waiting} calls wait`;
  const next = 'Calls wait, and go on by themselves afterwards.';
  const isKnown = breaker.lastFailure !== null || breaker.lastSuccessAt !== null;
  return [
    ...(pausedUntil === null ? [] : [{ name: `pause ${provider.name}`, verdict: 'warn', says, next } as const]),
    ...(isKnown ? [healthOf(provider, breaker, Date.now())] : []),
  ];
}

function limitsFinding(provider: ProviderSettings, standing: LimitsStanding | null): Finding {
  const name = `limits ${provider.name}`;
  if (standing === null) return { name, verdict: 'ok', says: 'all is left: nothing was sent of late', next: null };
  const nowMs = Date.now();
  const health = healthOf(provider, standing.breaker, nowMs);
  const parts = [
    ...(['requests', 'tokens'] as const).flatMap((what) => {
      const part = standing[what];
      const within = `${standing.windowMs / 1_000} s`;
      return part === null ? [] : [`${Math.max(0, part.limit - part.used)} of ${part.limit} ${what} left in ${within}`];
    }),
    ...(standing.concurrency === null ? [] : [`${standing.concurrency.used} of ${standing.concurrency.limit} at once`]),
    ...(standing.waiting === 0 ? [] : [`${standing.waiting} calls wait`]),
    ...(standing.pausedUntil === null ? [] : [`it has asked for a pause until ${clock(standing.pausedUntil)}`]),
    health.says,
  ];
  return { ...health, name, says: parts.join('; ') };
}

function healthOf(provider: ProviderSettings, breaker: Breaker, nowMs: number): Finding {
  const name = `health ${provider.name}`;
  const { failures, lastFailure, lastSuccessAt, openUntil } = breaker;
  const answered = lastSuccessAt === null ? 'no answer yet' : `last answer at ${clock(lastSuccessAt)}`;
  const failed =
    lastFailure === null || failures === 0
      ? ''
      : `; ${failures} failures in a row, the last: ${lastFailure.code}${lastFailure.says === undefined ? '' : ` (${lastFailure.says})`}`;
  const state = stateOf(breaker, nowMs);
  if (state === 'closed') return { name, verdict: 'ok', says: `${answered}${failed}`, next: null };
  const { pauseMs } = breakerRuleOf(provider.breaker);
  return {
    name,
    verdict: 'warn',
    says:
      state === 'open'
        ? `left alone until ${clock(openUntil ?? nowMs + pauseMs)}: ${answered}${failed}`
        : `the next call tries whether it is back: ${answered}${failed}`,
    next: 'Check the endpoint; calls wait, and go on by themselves when it answers again.',
  };
}

const clock = (atMs: number): string => `${new Date(atMs).toISOString().slice(11, 19)} UTC`;
