/** What a worker and its parsing thread tell each other: one request at a time, one answer to each. */
import type { FileTags } from '../../domain/map/file-tags.js';
import type { SourceText } from '../../ports.js';

export interface ParserRequest {
  readonly wanted: 'tags' | 'faults';
  readonly files: readonly SourceText[];
}

/** In the order of the files. */
export type ParserAnswer =
  | { readonly kind: 'tags'; readonly tags: readonly FileTags[] }
  | { readonly kind: 'faults'; readonly faults: readonly (string | null)[] }
  | { readonly kind: 'failed'; readonly says: string };
