/**
 * What of an answer is compared with other answers: a key that is equal where they say the same, its beginning, and whether
 * it has the form that was asked for.
 * Harmless twice: a pure function of the answer.
 */
import { createHash } from 'node:crypto';
import { contentKey } from '../domain/consensus.js';
import { schemaFaults } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import type { Digest, DigestInput } from './contract.js';

const TEXT_CHARACTERS = 200;

export const createDigestAnswer =
  ({ artifacts, model }: ActivityPorts) =>
  async ({ lineage, callId, answer }: DigestInput): Promise<Digest> =>
    // The ledger has the answer as it came; the store cuts secrets out of it.
    digestOf((await model.answer(lineage, callId)) ?? (await artifacts.get(answer)).toString('utf8'));

/** @param schema JSON schema that the text must have; any text will do if undefined */
export const digestOf = (text: string, schema?: unknown): Digest => ({
  key: createHash('sha256').update(contentKey(text)).digest('hex'),
  text: text.trim().slice(0, TEXT_CHARACTERS).toWellFormed(),
  faults: schema === undefined ? [] : schemaFaults(text, schema),
});
