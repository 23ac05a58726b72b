/** What the events about models are made of, field by field: no more, no less, and no words of a prompt or an answer. */
import { z } from 'zod';
import { ASK_MODES } from '../../src/domain/ask-mode';
import { STRATEGIES } from '../../src/domain/consensus';

const text = z.string().min(1);
const count = z.number().int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const spent = z.strictObject({
  calls: count,
  callsInDoubt: count,
  tokensPrompt: count,
  tokensCompletion: count,
  costUsdMicros: count,
  unpriced: z.boolean(),
});

const callEnded = z.strictObject({
  version: z.literal(1),
  runId: text,
  callId: z.string().regex(/^[0-9a-f]{40}$/),
  call: text,
  attempt: count.nullable(),
  tryNumber: z.number().int().min(1),
  purpose: z.enum(['real', 'candidate', 'judge', 'shadow']),
  provider: text,
  model: text,
  status: z.enum(['answered', 'failed', 'cancelled', 'skipped']),
  failure: z.strictObject({ code: text, message: text, next: z.string() }).nullable(),
  family: text.nullable(),
  retries: count,
  retryAfterMs: count.nullable(),
  latencyMs: count.nullable(),
  durationMs: count,
  spent,
  promptSha256: sha256,
  answerSha256: sha256.nullable(),
});

const modelsAsked = z.strictObject({
  version: z.literal(1),
  turn: text,
  attempt: count.nullable(),
  mode: z.enum([...ASK_MODES, 'candidates']),
  answers: z.array(
    z.strictObject({
      index: count,
      provider: text,
      model: text.nullable(),
      status: z.enum(['ok', 'failed', 'cancelled', 'skipped']),
      family: text.nullable(),
      latencyMs: count.nullable(),
      costUsdMicros: count.nullable(),
      unpriced: z.boolean(),
      tokens: count.nullable(),
      answerSha256: sha256.nullable(),
    }),
  ),
  winner: count.nullable(),
  reason: text,
  judgeUsdMicros: count.nullable(),
  vote: z
    .strictObject({
      strategy: z.enum(STRATEGIES),
      quorum: z.union([count, z.literal('all')]),
      voters: count,
      votesFor: count,
      votesAgainst: count,
      abstained: z.array(z.strictObject({ index: count, why: text })),
      tally: z.array(
        z.strictObject({ votes: count, weight: z.number(), score: z.number().nullable(), members: z.array(count) }),
      ),
      rounds: count,
      tieBreak: text.nullable(),
      judged: z.boolean(),
      winnerScore: z.number().nullable(),
    })
    .nullable(),
});

/** `data` by the type of the event. */
export const MODEL_EVENTS = { 'dev.weaver.call.ended': callEnded, 'dev.weaver.models.asked': modelsAsked } as const;
